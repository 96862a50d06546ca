package deliver_test

import (
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
)

// proxy is a real CONNECT proxy on loopback that leads addresses of the tests' world to listeners of this one.
type proxy struct {
	server *httptest.Server
	leads  map[string]string

	mu    sync.Mutex
	asked []string
	auth  []string
}

func newProxy(t *testing.T, leads map[string]string) *proxy {
	p := &proxy{leads: leads}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(func() { p.server.CloseClientConnections(); p.server.Close() })
	return p
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	p.mu.Lock()
	p.asked, p.auth = append(p.asked, r.Host), append(p.auth, r.Header.Get("Proxy-Authorization"))
	p.mu.Unlock()
	out, err := net.Dial("tcp", p.leads[r.Host])
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	in, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
	go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
}

func (p *proxy) connects() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

func (p *proxy) url(t *testing.T, user string) *url.URL {
	t.Helper()
	u, err := deliver.ParseProxy("http://" + user + p.server.Listener.Addr().String())
	require.NoError(t, err)
	return u
}

// Through the tunnel the receiver's own name is asked for and its certificate checked; the connection is kept.
func TestProxy(t *testing.T) {
	var served []string
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		served = append(served, r.TLS.ServerName+" "+r.Host)
	}))
	t.Cleanup(receiver.Close)
	roots := x509.NewCertPool()
	roots.AddCert(receiver.Certificate())
	p := newProxy(t, map[string]string{"93.184.216.34:443": receiver.Listener.Addr().String()})
	g := deliver.NewGuard(deliver.Allowed{}, false).WithResolver(newNameserver(t, addrs("93.184.216.34")).resolver())
	c := client(t, g, deliver.Options{Proxy: p.url(t, "gate:hunter2@"), RootCAs: roots})
	for range 3 {
		a := post(t, c, "https://example.com/hook", 2*time.Second)
		require.NoError(t, a.Err)
	}
	require.Equal(t, []string{"example.com example.com", "example.com example.com", "example.com example.com"}, served)
	require.Equal(t, []string{"93.184.216.34:443"}, p.connects())
	require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("gate:hunter2")), p.auth[0])

	a := post(t, c, "https://another.name/hook", 2*time.Second) // the same address; the certificate is not for this name
	require.Equal(t, deliver.BadTLS, deliver.JudgeError(a.Err, time.Second).Outcome, "%v", a.Err)
}

func TestProxyTroubles(t *testing.T) {
	answers := func(status int) string {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = mute.Close() })
	for name, tc := range map[string]struct {
		proxy, to string
		want      deliver.Outcome
		reason    string
	}{
		"wrong password":    {answers(407), "https://93.184.216.34/", deliver.Proxy, "answered 407: set the right user and password"},
		"not allowed there": {answers(403), "https://93.184.216.34/", deliver.Proxy, "answered 403: let it CONNECT to 93.184.216.34:443"},
		"no way out":        {answers(502), "https://93.184.216.34:8443/", deliver.Proxy, "answered 502: it did not reach 93.184.216.34:8443"},
		"another trouble":   {answers(500), "http://93.184.216.34/", deliver.Proxy, "answered 500 Internal Server Error to CONNECT 93.184.216.34:80"},
		"not running":       {"http://" + closed.Addr().String(), "https://93.184.216.34/", deliver.Proxy, "cannot be reached: connection refused"},
		"never answers":     {"http://" + mute.Addr().String(), "https://93.184.216.34/", deliver.Timeout, "no answer within"},
		"judged before":     {answers(200), "https://10.0.0.1/", deliver.Forbidden, "10.0.0.1 is in 10.0.0.0/8 (private network)"},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := deliver.ParseProxy("http://gate:hunter2@" + tc.proxy[len("http://"):])
			require.NoError(t, err)
			a := post(t, client(t, deliver.NewGuard(deliver.Allowed{}, false), deliver.Options{Proxy: u}), tc.to, 500*time.Millisecond)
			require.Error(t, a.Err)
			v := deliver.JudgeError(a.Err, 500*time.Millisecond)
			require.Equal(t, tc.want, v.Outcome, "%v", a.Err)
			require.Contains(t, v.Reason, tc.reason)
			require.NotContains(t, a.Err.Error(), "hunter2")
			require.Less(t, a.Duration, 2*time.Second)
		})
	}
}

func TestParseProxy(t *testing.T) {
	for raw, want := range map[string]string{
		"https://proxy.example:3128":     "must begin with http://",
		"socks5://u:hunter2@p.example":   "must begin with http://",
		"proxy.example:3128":             "must",
		"":                               "must be an address",
		"http://u:hunter2@p.example/way": "must end after the port",
		"http://u:hunter2@%zz":           "must be an address",
	} {
		_, err := deliver.ParseProxy(raw)
		require.ErrorContains(t, err, want, raw)
		require.NotContains(t, err.Error(), "hunter2")
	}
	u, err := deliver.ParseProxy("http://u:p@proxy.example/")
	require.NoError(t, err)
	require.Equal(t, "proxy.example", u.Host)
}
