package deliver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
)

// issue makes a certificate of its own authority, and its key, as PEM.
func issue(t *testing.T, name string, change func(*x509.Certificate)) (certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return block("CERTIFICATE", der), block("PRIVATE KEY", pkcs8)
}

func block(kind string, b []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
}

func TestParseCertificate(t *testing.T) {
	certificate, key := issue(t, "a", nil)
	_, otherKey := issue(t, "b", nil)
	other, _ := issue(t, "b", nil)
	c, err := deliver.ParseCertificate(certificate+other, block("EC PARAMETERS", []byte{6, 1, 1})+key)
	require.NoError(t, err)
	require.Equal(t, "a", c.Leaf.Subject.CommonName)
	require.Len(t, c.Certificate, 2, "with its chain")
	oldStyle := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("hunter2")}))
	for name, tc := range map[string]struct{ certificate, key, want string }{
		"no certificate":       {"", key, "the certificate is not PEM"},
		"DER":                  {"\x30\x82\x01", key, "the certificate is not PEM"},
		"a request":            {block("CERTIFICATE REQUEST", []byte("x")), key, "holds a CERTIFICATE REQUEST instead of a CERTIFICATE"},
		"the two swapped":      {key, certificate, "the certificate holds a PRIVATE KEY instead of a CERTIFICATE"},
		"both in one":          {certificate + key, key, "give the two apart"},
		"nonsense inside":      {block("CERTIFICATE", []byte("x")), key, "cannot be read"},
		"no key":               {certificate, "", "the key is not PEM"},
		"certificate as key":   {certificate, certificate, "the key holds a CERTIFICATE instead of a PRIVATE KEY"},
		"public key":           {certificate, block("PUBLIC KEY", []byte("x")), "the key holds a PUBLIC KEY"},
		"encrypted":            {certificate, block("ENCRYPTED PRIVATE KEY", []byte("hunter2")), "the key is encrypted"},
		"encrypted, old style": {certificate, oldStyle, "the key is encrypted"},
		"nonsense in the key":  {certificate, block("PRIVATE KEY", []byte("hunter2")), "cannot be read"},
		"another's key":        {certificate, otherKey, "the key does not belong to the certificate"},
	} {
		_, err := deliver.ParseCertificate(tc.certificate, tc.key)
		require.ErrorContains(t, err, tc.want, name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
}

func TestCertificateWarning(t *testing.T) {
	for want, change := range map[string]func(*x509.Certificate){
		"":                            nil,
		"expired on 2026-11-20":       func(c *x509.Certificate) { c.NotBefore, c.NotAfter = at.Add(-48*time.Hour), at.Add(-24*time.Hour) },
		"not valid before 2026-11-22": func(c *x509.Certificate) { c.NotBefore, c.NotAfter = at.Add(24*time.Hour), at.Add(48*time.Hour) },
		"lacks clientAuth":            func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
	} {
		c, err := deliver.ParseCertificate(issue(t, "a", change))
		require.NoError(t, err, "what has expired is read all the same")
		if want == "" {
			require.Empty(t, deliver.CertificateWarning(c, at))
		} else {
			require.Contains(t, deliver.CertificateWarning(c, at), want)
		}
	}
}

// Requests of several webhooks to one receiver: each shows its own certificate, on connections of its own.
func TestClientCertificates(t *testing.T) {
	type seen struct{ remote, name, webhook string }
	var mu sync.Mutex
	var all []seen
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		name := ""
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, seen{r.RemoteAddr, name, r.Header.Get("X-Webhook")})
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := client(t, allow(t, "127.0.0.1"), deliver.Options{RootCAs: roots})
	parse := func(certificate, key string) *tls.Certificate {
		p, err := deliver.ParseCertificate(certificate, key)
		require.NoError(t, err)
		return p
	}
	certA, keyA := issue(t, "a", nil)
	certificates := map[string]*tls.Certificate{"": nil, "a": parse(certA, keyA), "b": parse(issue(t, "b", nil))}
	var wg sync.WaitGroup
	for range 8 {
		for name, certificate := range certificates {
			wg.Go(func() {
				for range 5 {
					if name == "a" {
						certificate = parse(certA, keyA) // read anew, it is the same
					}
					a := c.Post(t.Context(), deliver.Request{URL: s.URL, Header: http.Header{"X-Webhook": {name}}, Body: []byte("{}"), Timeout: 5 * time.Second, Certificate: certificate})
					require.NoError(t, a.Err)
				}
			})
		}
	}
	wg.Wait()
	require.Len(t, all, 3*8*5)
	owner := map[string]string{}
	for _, x := range all {
		require.Equal(t, x.webhook, x.name)
		if o, ok := owner[x.remote]; ok {
			require.Equal(t, o, x.name, "a connection is shared")
		}
		owner[x.remote] = x.name
	}
	require.LessOrEqual(t, len(owner), 3*8, "connections are kept")
}

// A receiver that insists on a certificate says so in words.
func TestACertificateIsMissing(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	a := post(t, client(t, allow(t, "127.0.0.1"), deliver.Options{RootCAs: roots}), s.URL, 2*time.Second)
	require.Error(t, a.Err)
	v := deliver.JudgeError(a.Err, time.Second)
	require.Equal(t, deliver.Broken, v.Outcome, "%v", a.Err)
	require.Contains(t, v.Reason, "asks for a client certificate")
}
