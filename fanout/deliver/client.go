package deliver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// AnswerKept is how much of an answer's body is read and kept, in bytes. The rest is not read: a receiver that never
// stops talking costs a connection, not memory.
const AnswerKept = 16 << 10

// connectTimeout bounds the connection itself.
const connectTimeout = 5 * time.Second

// Request is one attempt to be made.
type Request struct {
	URL     *url.URL
	Header  http.Header
	Body    []byte
	Timeout time.Duration
}

// Answer is what came back. Err is set when there was no answer; Status is then 0.
type Answer struct {
	Status   int
	Header   http.Header
	Body     []byte // at most AnswerKept
	Duration time.Duration
	Err      error
}

// Client posts to customers' addresses over pooled connections. Safe for concurrent use.
type Client struct {
	transport *http.Transport
}

// NewClient makes a client behind a guard. perHost is how many idle connections one receiver may keep; 0 means 64.
// It goes out directly: the proxy settings of the environment are for the operator's own traffic.
func NewClient(g *Guard, perHost int) *Client {
	if perHost <= 0 {
		perHost = 64
	}
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, Control: g.Control}
	return &Client{transport: &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		MaxIdleConns:           4096,
		MaxIdleConnsPerHost:    perHost,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // the answer is kept as it came
		ForceAttemptHTTP2:      true,
		WriteBufferSize:        8 << 10,
		ReadBufferSize:         4 << 10,
	}}
}

// Post makes one attempt. A connection that is refused is tried a second time at once: a receiver that is being
// restarted is often back within the moment. Redirects are answers like any other.
func (c *Client) Post(ctx context.Context, r Request) Answer {
	start := time.Now()
	a := c.post(ctx, r)
	if errors.Is(a.Err, syscall.ECONNREFUSED) && time.Since(start) < time.Second {
		a = c.post(ctx, r)
	}
	a.Duration = time.Since(start)
	return a
}

func (c *Client) post(ctx context.Context, r Request) Answer {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	req := (&http.Request{
		Method: http.MethodPost, URL: r.URL, Host: r.URL.Host, Header: r.Header, ContentLength: int64(len(r.Body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body:    io.NopCloser(bytes.NewReader(r.Body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil },
	}).WithContext(ctx)
	// RoundTrip and not Client.Do: there are no redirects to follow and no cookies to keep.
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return Answer{Err: err}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, AnswerKept))
	// The status decides; a body that breaks off is kept as far as it came.
	if err != nil && ctx.Err() != nil {
		return Answer{Err: context.DeadlineExceeded, Body: body}
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: body}
}

// Close ends idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }
