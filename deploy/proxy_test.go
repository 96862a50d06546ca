package deploy_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/deploy/throwaway"
	"wabagate/waba"
)

// authority signs certificates of the test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	c := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.key = c.Leaf, c.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// sign makes a certificate; the first one signs itself.
func (a *authority) sign(template *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) server(name string) tls.Certificate {
	return a.sign(&x509.Certificate{DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

func (a *authority) client(name string) tls.Certificate {
	return a.sign(&x509.Certificate{Subject: pkix.Name{Organization: []string{"Meta"}, CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// write keeps a certificate and its key as nginx reads them.
func write(t *testing.T, dir, name string, c tls.Certificate) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(t, err)
	for file, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, ".key": {Type: "PRIVATE KEY", Bytes: key}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+file), pem.EncodeToMemory(block), 0o600))
	}
}

// startGateway runs the gateway on the embedded default, with the app "a".
func startGateway(t *testing.T) *throwaway.Program {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "wabagate")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/wabagate").CombinedOutput()
	require.NoError(t, err, "%s", out)
	environ := []string{"WABAGATE_DATA=" + dir, "WABAGATE_HOST=127.0.0.1", "WABAGATE_TRUSTED_PROXIES=127.0.0.1", "WABAGATE_PUBLIC_URL=https://gateway.example.com"}
	bootstrap := exec.Command(path, "admin", "bootstrap", "--business", "Bakery", "--email", "owner@example.com", "--password", "correct horse", "--app", "a", "--app-secret", "secret",
		"--verify-token", "token", "--phone-number-id", "600700800900100", "--display-number", "15550100200")
	bootstrap.Env = environ
	out, err = bootstrap.CombinedOutput()
	require.NoError(t, err, "%s", out)
	p, err := throwaway.StartProgram(t.Context(), throwaway.ProgramOptions{Name: "gateway", Path: path, Args: []string{"serve"}, Ready: "/readyz",
		Environ: func(port int) []string { return append(environ, fmt.Sprintf("PORT=%d", port)) }})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Stop() })
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// The sample is nginx's, as it stands but for places and ports, in front of a real gateway.
func TestProxy(t *testing.T) {
	t.Parallel()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip(err)
	}
	gateway := startGateway(t)
	meta, stranger, dir := newAuthority(t), newAuthority(t), t.TempDir()
	write(t, dir, "gateway", meta.server("gateway.example.com"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "platform-ca.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: meta.cert.Raw}), 0o600))
	sample, err := os.ReadFile("proxy/nginx.conf")
	require.NoError(t, err)
	secure, plain := freeAddress(t), freeAddress(t)
	conf := strings.NewReplacer("/etc/nginx/tls/", dir+"/", "/run/nginx.pid", dir+"/pid", "/var/log/nginx/error.log", dir+"/error.log", "listen 443 ", "listen "+secure+" ",
		"listen 80;", "listen "+plain+";", "127.0.0.1:8080", gateway.Addr(), "worker_connections 16384", "worker_connections 256", "worker_rlimit_nofile 65536;", "").Replace(string(sample))
	path := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(path, []byte(conf), 0o600))
	directives := "daemon off;"
	if os.Geteuid() == 0 {
		directives += " user root;" // the test's directory is nobody else's
	}
	out, err := exec.Command(nginx, "-t", "-c", path, "-g", directives).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "[warn]")
	server := exec.Command(nginx, "-c", path, "-g", directives)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Signal(os.Interrupt); _ = server.Wait() })

	roots := x509.NewCertPool()
	roots.AddCert(meta.cert)
	as := func(shown ...tls.Certificate) *http.Client {
		return &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "gateway.example.com", Certificates: shown}, DisableKeepAlives: true}}
	}
	ask := func(c *http.Client, method, url string, body []byte, signed bool) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
		require.NoError(t, err)
		if signed {
			req.Header.Set(waba.SignatureHeader, waba.Sign([]byte("secret"), body))
		}
		res, err := c.Do(req)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		says, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(says)
	}
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", secure)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)

	callbacks := "https://" + secure + "/webhooks/cloud/a"
	platform := as(meta.client("client.webhooks.fbclientcerts.com"))
	for name, c := range map[string]struct {
		who    *http.Client
		size   int
		signed bool
		status int
	}{
		"the platform":                    {platform, 100, true, 200},
		"the platform, large":             {platform, 3 << 20, true, 200},
		"the platform, too large":         {platform, 4<<20 + 4096, true, 413},
		"the platform's name, unsigned":   {platform, 100, false, 401},
		"no certificate":                  {as(), 100, true, 403},
		"another name":                    {as(meta.client("client.example.com")), 100, true, 403},
		"a name that only ends like that": {as(meta.client("client.webhooks.fbclientcerts.com.example.com")), 100, true, 403},
		// nginx answers 400 to a certificate of an authority that it does not know.
		"another authority": {as(stranger.client("client.webhooks.fbclientcerts.com")), 100, true, 400},
	} {
		status, says := ask(c.who, http.MethodPost, callbacks, append([]byte(`{"object":"x","pad":"`), append(bytes.Repeat([]byte("p"), c.size), `"}`...)...), c.signed)
		require.Equal(t, c.status, status, "%s: %s", name, says)
	}
	status, says := ask(platform, http.MethodGet, callbacks+"?hub.mode=subscribe&hub.verify_token=token&hub.challenge=42", nil, false)
	require.Equal(t, 200, status)
	require.Equal(t, "42", says)

	base := "https://" + secure
	for path, want := range map[string]int{"/healthz": 200, "/login": 200, "/metrics": 404, "/debug/pprof/": 404, "/debugging": 404, "/webhooks/onprem/nobody": 401} {
		method := http.MethodGet
		if strings.HasPrefix(path, "/webhooks") {
			method = http.MethodPost
		}
		status, says := ask(as(), method, base+path, nil, false)
		require.Equal(t, want, status, "%s: %.200s", path, says)
	}
	status, _ = ask(as(), http.MethodGet, "http://"+plain+"/login", nil, false)
	require.Equal(t, 301, status)
}
