package deliver

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// AnswerKept is how much of an answer's body is read and kept, in bytes. The rest is not read: a receiver that never
// stops talking costs a connection, not memory.
const AnswerKept = 16 << 10

// connectTimeout bounds the connection itself.
const connectTimeout = 5 * time.Second

// Request is one attempt to be made.
type Request struct {
	URL     string // absolute
	Header  http.Header
	Body    []byte
	Timeout time.Duration
}

// Answer is what came back. Err is set when there was no answer; Status is then 0.
type Answer struct {
	Status     int
	RetryAfter string // the header as it came
	Body       []byte // at most AnswerKept
	Duration   time.Duration
	Err        error
}

// Client posts to customers' addresses over pooled keep-alive connections. It speaks HTTP/1.1, which every receiver does,
// on a client without goroutines of its own: net/http's two per connection cost a fifth of the CPU of a delivery. Safe
// for concurrent use.
type Client struct {
	client fasthttp.Client
}

// connections bounds the connections to one receiver; the lanes keep far below it.
const connections = 1024

// NewClient makes a client behind a guard. It goes out directly: the proxy settings of the environment are for the
// operator's own traffic.
func NewClient(g *Guard) *Client {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Control: g.Control}
	return &Client{client: fasthttp.Client{
		Dial:                      func(addr string) (net.Conn, error) { return dialer.Dial("tcp", addr) },
		NoDefaultUserAgentHeader:  true,
		DisablePathNormalizing:    true, // the address is used as its owner wrote it
		MaxConnsPerHost:           connections,
		MaxIdleConnDuration:       90 * time.Second,
		MaxIdemponentCallAttempts: 2,        // once more when a kept connection turns out to be closed
		ReadBufferSize:            16 << 10, // also bounds the answer's header
		WriteBufferSize:           8 << 10,
		StreamResponseBody:        true,
		MaxResponseBodySize:       AnswerKept,
	}}
}

// Post makes one attempt. A connection that is refused or reset is tried a second time at once: a receiver that is being
// restarted is often back within the moment. Redirects are answers like any other.
func (c *Client) Post(ctx context.Context, r Request) Answer {
	start := time.Now()
	a := c.post(ctx, r, start.Add(r.Timeout))
	if (errors.Is(a.Err, syscall.ECONNREFUSED) || errors.Is(a.Err, syscall.ECONNRESET) || errors.Is(a.Err, syscall.EPIPE)) && time.Since(start) < time.Second {
		a = c.post(ctx, r, start.Add(r.Timeout))
	}
	a.Duration = time.Since(start)
	return a
}

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
	err := c.client.DoDeadline(req, res, deadline)
	if err != nil && !errors.Is(err, fasthttp.ErrBodyTooLarge) { // too large for us, but answered
		return Answer{Err: err}
	}
	a := Answer{Status: res.StatusCode(), RetryAfter: string(res.Header.Peek("Retry-After"))}
	a.Body, a.Err = clip(res)
	if a.Err != nil {
		a.Status = 0
	}
	return a
}

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
func (c *Client) Close() { c.client.CloseIdleConnections() }
