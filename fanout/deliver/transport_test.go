package deliver_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
)

// Requests of net/http go where deliveries may: through the guard, and through the proxy if there is one.
func TestTransport(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("here")) }))
	t.Cleanup(upstream.Close)
	_, port, err := net.SplitHostPort(upstream.Listener.Addr().String())
	require.NoError(t, err)
	get := func(transport *http.Transport, address string) (int, error) {
		t.Cleanup(transport.CloseIdleConnections)
		res, err := (&http.Client{Transport: transport}).Get(address)
		if err != nil {
			return 0, err
		}
		require.NoError(t, res.Body.Close())
		return res.StatusCode, nil
	}

	_, err = get(deliver.NewTransport(deliver.NewGuard(deliver.Allowed{}, true), deliver.Options{}, 0), upstream.URL)
	require.ErrorIs(t, err, deliver.ErrForbidden, "loopback is not public")

	status, err := get(deliver.NewTransport(allow(t, "127.0.0.0/8"), deliver.Options{}, 4), upstream.URL)
	require.NoError(t, err)
	require.Equal(t, 200, status)

	through := newProxy(t, map[string]string{"93.184.216.34:" + port: "127.0.0.1:" + port})
	at, err := url.Parse(through.server.URL)
	require.NoError(t, err)
	status, err = get(deliver.NewTransport(deliver.NewGuard(deliver.Allowed{}, true), deliver.Options{Proxy: at}, 0), "http://93.184.216.34:"+port)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Equal(t, []string{"93.184.216.34:" + port}, through.connects())
}
