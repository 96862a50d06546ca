package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
)

// answerLimit bounds what is read of an answer, in bytes.
const answerLimit = 1 << 20

// Client makes the calls. Safe for concurrent use.
type Client struct {
	http  *http.Client
	agent string
}

// New makes a client that goes out through hc, whose timeouts, transport and proxy it keeps, and calls itself agent. Some
// calls were seen to be refused without a User-Agent; an empty one leaves the name of Go's HTTP client.
func New(hc *http.Client, agent string) *Client {
	own := *hc
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{http: &own, agent: agent}
}

// request is one call to be made.
type request struct {
	op      string // what it does, for errors
	method  string
	address string
	key     string // empty: the account's token

	contentType string
	body        io.Reader // nil: none
	length      int64     // of the body, below 0 when it is not known; bodies of bytes know theirs
}

// answer is what a call hopes for. What upstreams write as another JSON type than expected is left out when it is read.
type answer interface {
	complete() bool // tells whether what the call is made for is there
}

// get asks for the object at a path below the base.
func (c *Client) get(ctx context.Context, a Account, op string, query url.Values, into answer, path ...string) error {
	return c.exchange(ctx, a, op, http.MethodGet, query, nil, into, path...)
}

// post sends v as JSON, and so does put.
func (c *Client) post(ctx context.Context, a Account, op string, v any, into answer, path ...string) error {
	return c.send(ctx, a, op, http.MethodPost, v, into, path...)
}

func (c *Client) put(ctx context.Context, a Account, op string, v any, into answer, path ...string) error {
	return c.send(ctx, a, op, http.MethodPut, v, into, path...)
}

func (c *Client) send(ctx context.Context, a Account, op, method string, v any, into answer, path ...string) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.exchange(ctx, a, op, method, nil, body, into, path...)
}

// exchange makes a call whose body, unless nil, and answer are JSON. A nil into takes any answer that does not say no.
func (c *Client) exchange(ctx context.Context, a Account, op, method string, query url.Values, body []byte, into answer, path ...string) error {
	address, err := a.address(query, path...)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	r := request{op: op, method: method, address: address}
	if body != nil {
		r.contentType, r.body = "application/json", bytes.NewReader(body)
	}
	return c.call(ctx, a, r, into)
}

// call makes a call and reads its answer as JSON.
func (c *Client) call(ctx context.Context, a Account, r request, into answer) error {
	res, err := c.do(ctx, a, r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	if err != nil {
		return &TransportError{Op: r.op, Connected: true, Err: err}
	}
	return a.read(r.op, res.StatusCode, res.Header, body, into)
}

// read judges an answer by its status, and opens it.
func (a Account) read(op string, status int, header http.Header, body []byte, into answer) error {
	if status/100 != 2 {
		return a.errorOf(op, status, header, body)
	}
	if into == nil && !denied(body) {
		return nil
	}
	if into == nil || len(body) > answerLimit || !decode(body, into) || !into.complete() {
		return a.errorOf(op, status, header, body)
	}
	return nil
}

// decode opens JSON as far as it is of the expected types, and tells whether it is JSON.
func decode(raw json.RawMessage, into any) bool {
	var other *json.UnmarshalTypeError
	err := json.Unmarshal(raw, into)
	return err == nil || errors.As(err, &other)
}

// denied tells whether an answer with a good status says that it failed.
func denied(body []byte) bool {
	var answer struct {
		Success *bool             `json:"success"`
		Error   json.RawMessage   `json:"error"`
		Errors  []json.RawMessage `json:"errors"`
	}
	return decode(body, &answer) && (answer.Success != nil && !*answer.Success || isObject(answer.Error) || len(answer.Errors) > 0)
}

// do makes a call. Whoever gets the response closes its body.
func (c *Client) do(ctx context.Context, a Account, r request) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, &TransportError{Op: r.op, Err: err}
	}
	key := r.key
	if key == "" {
		key = a.Token
	}
	// The trace is called before Do returns. A connection that was asked for and never had proves that nothing was sent;
	// a transport that asks for none, because it is no ordinary one, proves nothing.
	var asked, connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, r.method, r.address, r.body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", r.op, ErrAccount, cause(err))
	}
	if r.length != 0 {
		req.ContentLength = r.length
	}
	if err := a.sign(req.Header, key); err != nil {
		return nil, fmt.Errorf("%s: %w", r.op, err)
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if c.agent != "" {
		req.Header.Set("User-Agent", c.agent)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, &TransportError{Op: r.op, Connected: connected.Load() || !asked.Load(), Err: cause(err)}
	}
	return res, nil
}

// cause takes off what net/http wraps around an error: the address, which may hold a token.
func cause(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
