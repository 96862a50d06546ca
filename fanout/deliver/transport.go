package deliver

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// NewTransport makes a transport for requests other than deliveries whose addresses a business may have chosen, such as
// that of its provider: it connects where deliveries may, through the same guard and proxy. It keeps at most conns
// connections to one host when they are idle; 0 means what net/http does.
func NewTransport(g *Guard, o Options, conns int) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, connectTimeout)
			defer cancel()
			return connectTo(ctx, g, o.Proxy, addr)
		},
		TLSClientConfig:     &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: connectTimeout,
		MaxIdleConns:        0,
		MaxIdleConnsPerHost: conns,
		IdleConnTimeout:     90 * time.Second,
	}
}
