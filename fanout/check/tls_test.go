package check_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/check"
	"wabagate/fanout/deliver"
)

func TestTLS(t *testing.T) {
	var shown atomic.Int64 // handshakes run beside each other
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil || !verifies("wabagate", q.Header, body) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, VerifyConnection: func(s tls.ConnectionState) error {
		shown.Add(int64(len(s.PeerCertificates)))
		return nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	guard := deliver.NewGuard(deliver.Allowed{Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, false)

	r := receiver(t, "wabagate", server.URL)
	r.Certificate = &server.TLS.Certificates[0] // any will do: nobody checks it
	trusting := deliver.NewClient(guard, deliver.Options{RootCAs: roots})
	t.Cleanup(trusting.Close)
	report, err := check.Run(t.Context(), trusting, r, time.Now, nil)
	require.NoError(t, err)
	require.Equal(t, check.A, report.Grade, report.Summary)
	require.Equal(t, check.Passed, finding(t, report, check.TLS).Result)
	require.Positive(t, shown.Load(), "the client certificate is shown")

	report, err = check.Run(t.Context(), newClient(t), r, time.Now, nil)
	require.NoError(t, err)
	require.Equal(t, map[check.Name]check.Result{check.Delivery: check.Fatal, check.TLS: check.Fatal}, results(report))
	require.Contains(t, finding(t, report, check.TLS).Answered, "certificate was not accepted")
	require.Equal(t, 1, report.Requests)
}
