package deliver

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// AnswerKept is how much of an answer's body is read and kept, in bytes. The rest is not read: a receiver that never
// stops talking costs a connection, not memory.
const AnswerKept = 16 << 10

// connectTimeout bounds the connection itself: name, address, proxy and TLS.
const connectTimeout = 5 * time.Second

// Request is one attempt to be made.
type Request struct {
	URL     string // absolute
	Header  http.Header
	Body    []byte
	Timeout time.Duration
	// Certificate is shown to receivers that ask for one; nil: none. Its connections are used for nothing else.
	Certificate *tls.Certificate
}

// Answer is what came back. Err is set when there was no answer; Status is then 0.
type Answer struct {
	Status     int
	RetryAfter string // the header as it came
	Body       []byte // at most AnswerKept
	Duration   time.Duration
	Err        error
}

// Options is how a client goes out.
type Options struct {
	// Proxy is the operator's egress proxy as ParseProxy reads it; nil: directly. The proxy settings of the environment
	// are for the operator's own traffic.
	Proxy *url.URL
	// RootCAs are those that receivers' certificates are checked against; nil: the system's.
	RootCAs *x509.CertPool
}

// Client posts to customers' addresses over pooled keep-alive connections. It speaks HTTP/1.1, which every receiver does,
// on a client without goroutines of its own: net/http's two per connection cost a fifth of the CPU of a delivery. Safe
// for concurrent use.
type Client struct {
	guard   *Guard
	options Options
	plain   *fasthttp.Client

	mu         sync.Mutex
	identities map[[sha256.Size]byte]*identity
}

// identity is the client of one certificate, with connections of its own.
type identity struct {
	client *fasthttp.Client
	used   time.Time
}

// connections bounds the connections to one receiver; the lanes keep far below it.
const connections = 1024

// The clients with certificates: each is let go when nobody used it for identityFor, and there are no more than
// identities of them.
const (
	identityFor = 5 * time.Minute
	identities  = 512
)

// NewClient makes a client behind a guard.
func NewClient(g *Guard, o Options) *Client {
	c := &Client{guard: g, options: o, identities: map[[sha256.Size]byte]*identity{}}
	c.plain = c.newClient(nil)
	return c
}

func (c *Client) newClient(certificate *tls.Certificate) *fasthttp.Client {
	t := &tls.Config{RootCAs: c.options.RootCAs, MinVersion: tls.VersionTLS12}
	if certificate != nil {
		t.Certificates = []tls.Certificate{*certificate}
	}
	return &fasthttp.Client{
		Dial:                      c.dial,
		TLSConfig:                 t,
		NoDefaultUserAgentHeader:  true,
		DisablePathNormalizing:    true, // the address is used as its owner wrote it
		MaxConnsPerHost:           connections,
		MaxIdleConnDuration:       90 * time.Second,
		MaxIdemponentCallAttempts: 2,        // once more when a kept connection turns out to be closed
		ReadBufferSize:            16 << 10, // also bounds the answer's header
		WriteBufferSize:           8 << 10,
		StreamResponseBody:        true,
		MaxResponseBodySize:       AnswerKept,
	}
}

// dial connects within connectTimeout, the handshake of TLS included: it reads under the deadline set here, which the
// request replaces by its own.
func (c *Client) dial(addr string) (net.Conn, error) {
	deadline := time.Now().Add(connectTimeout)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	conn, err := connectTo(ctx, c.guard, c.options.Proxy, addr)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetReadDeadline(deadline)
}

// connectTo goes to an address that the guard lets pass, through the proxy if there is one.
func connectTo(ctx context.Context, g *Guard, proxy *url.URL, addr string) (net.Conn, error) {
	if proxy != nil {
		return dialProxy(ctx, proxy, g, addr)
	}
	return g.Dial(ctx, addr)
}

// clientOf is the client whose connections show a certificate.
func (c *Client) clientOf(certificate *tls.Certificate, now time.Time) *fasthttp.Client {
	if certificate == nil {
		return c.plain
	}
	h := sha256.New()
	for _, der := range certificate.Certificate {
		_, _ = h.Write(der)
	}
	key := [sha256.Size]byte(h.Sum(nil))
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.identities[key]; i != nil {
		i.used = now
		return i.client
	}
	c.tidy(now)
	i := &identity{client: c.newClient(certificate), used: now}
	c.identities[key] = i
	return i.client
}

// tidy lets unused identities go, and the one that was used least lately when there are too many.
func (c *Client) tidy(now time.Time) {
	var oldest [sha256.Size]byte
	for key, i := range c.identities {
		if now.Sub(i.used) > identityFor {
			c.drop(key)
		} else if o := c.identities[oldest]; o == nil || i.used.Before(o.used) {
			oldest = key
		}
	}
	if len(c.identities) >= identities {
		c.drop(oldest)
	}
}

// drop forgets an identity. A request that is under way finishes; its connection ends when it has been idle.
func (c *Client) drop(key [sha256.Size]byte) {
	c.identities[key].client.CloseIdleConnections()
	delete(c.identities, key)
}

// Post makes one attempt. A connection that is refused or reset is tried a second time at once: a receiver that is being
// restarted is often back within the moment. Redirects are answers like any other.
func (c *Client) Post(ctx context.Context, r Request) Answer {
	start := time.Now()
	a := c.bounded(ctx, r, start.Add(r.Timeout))
	if (errors.Is(a.Err, syscall.ECONNREFUSED) || errors.Is(a.Err, syscall.ECONNRESET) || errors.Is(a.Err, syscall.EPIPE)) && time.Since(start) < time.Second {
		a = c.bounded(ctx, r, start.Add(r.Timeout))
	}
	a.Duration = time.Since(start)
	return a
}

// bounded ends at the deadline although connecting may take longer than the request has.
func (c *Client) bounded(ctx context.Context, r Request, deadline time.Time) Answer {
	if r.Timeout >= connectTimeout {
		return c.post(ctx, r, deadline)
	}
	answered := make(chan Answer, 1)
	go func() { answered <- c.post(ctx, r, deadline) }()
	late := time.NewTimer(time.Until(deadline) + lateness)
	defer late.Stop()
	select {
	case a := <-answered:
		return a
	case <-late.C:
		return Answer{Err: context.DeadlineExceeded}
	}
}

// lateness is the time that a request gets to notice its deadline by itself.
const lateness = 50 * time.Millisecond

func (c *Client) post(ctx context.Context, r Request, deadline time.Time) Answer {
	if err := ctx.Err(); err != nil {
		return Answer{Err: err}
	}
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.Header.SetMethod(fasthttp.MethodPost)
	req.SetRequestURI(r.URL)
	for name, values := range r.Header {
		for _, v := range values {
			req.Header.Set(name, v)
		}
	}
	req.SetBodyRaw(r.Body)
	err := c.clientOf(r.Certificate, time.Now()).DoDeadline(req, res, deadline)
	switch {
	case errors.Is(err, fasthttp.ErrConnectionClosed) && string(req.URI().Scheme()) == "https":
		return Answer{Err: errClosed}
	case errors.Is(err, fasthttp.ErrConnectionClosed):
		return Answer{Err: io.ErrUnexpectedEOF}
	case err != nil && !errors.Is(err, fasthttp.ErrBodyTooLarge): // too large for us, but answered
		return Answer{Err: err}
	}
	a := Answer{Status: res.StatusCode(), RetryAfter: string(res.Header.Peek("Retry-After"))}
	a.Body, a.Err = clip(res)
	if a.Err != nil {
		a.Status = 0
	}
	return a
}

// errClosed is what remains of a certificate's refusal: TLS 1.3 tells the client after the handshake, and the HTTP client
// sees an end.
var errClosed = errors.New("the receiver closed the connection; one that asks for a client certificate does so when it does not accept what it was shown")

// clip reads at most AnswerKept of the body. The status decides; a body that breaks off is kept as far as it came.
func clip(res *fasthttp.Response) ([]byte, error) {
	stream := res.BodyStream()
	if stream == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(stream, AnswerKept))
	if err != nil || len(body) == AnswerKept {
		res.SetConnectionClose() // what is left unread must not be taken for the next answer
	}
	_ = res.CloseBodyStream()
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return body, context.DeadlineExceeded
	}
	return body, nil
}

// Close ends idle connections.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.identities {
		c.drop(key)
	}
	c.plain.CloseIdleConnections()
}
