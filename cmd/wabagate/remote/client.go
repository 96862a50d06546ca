package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"wabagate/models"
)

const (
	// requestTimeout is longer than the gateway waits for any receiver.
	requestTimeout = time.Minute
	// maxAnswer is the most that is read of an answer: the catalogue with its samples is the largest.
	maxAnswer = 16 << 20
	// answerWithin is how long a gateway may take to begin a stream.
	answerWithin = 15 * time.Second
)

// Client speaks the API of a gateway with a business's key. Make it with New.
type Client struct {
	base  string
	key   models.Secret
	agent string
	http  *http.Client
}

// New checks the address and the key before anything is sent. agent names the program to the gateway.
func New(gateway string, key models.Secret, agent string) (*Client, error) {
	u, err := url.Parse(gateway)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("--url %q is not an address: expected something like %s", gateway, DefaultURL)
	}
	switch {
	case key == "":
		return nil, fmt.Errorf("no key: give a business's API key with --key or in %s (Keys in the dashboard, or wabagate admin key, makes one)", KeyVariable)
	case strings.ContainsFunc(key.Text(), func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, fmt.Errorf("--key or %s holds something else than a key: a space, a line break or a letter that keys do not have; a key looks like wbk_ and letters", KeyVariable)
	case strings.HasPrefix(key.Text(), "wbn_"):
		return nil, fmt.Errorf("this key (wbn_…) opens one number only: give one of the business (wbk_…) with --key or in %s", KeyVariable)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = requestTimeout
	return &Client{base: strings.TrimSuffix(gateway, "/"), key: key, agent: agent, http: &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// URL is the gateway's address.
func (c *Client) URL() string { return c.base }

// Call makes one request and reads the answer into out. The error of anything but a success is what the gateway says.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(encoded)
	}
	res, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return c.foreign(err)
	}
	return nil
}

// do makes a request; an answer that is not a success is an error.
func (c *Client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key.Text())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.agent)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the gateway's answer: %w", err)
	}
	return nil, refusal(res.StatusCode, answer)
}

// Stream opens a stream of server-sent events, which ends with ctx.
func (c *Client) Stream(ctx context.Context, path string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(answerWithin, cancel)
	res, err := c.do(ctx, http.MethodGet, path, nil)
	if !late.Stop() {
		if err == nil {
			_ = res.Body.Close()
		}
		err = fmt.Errorf("no answer from %s within %s", c.base, answerWithin)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		_ = res.Body.Close()
		cancel()
		return nil, c.foreign(fmt.Errorf("its stream is %q", kind))
	}
	return &stream{res.Body, cancel}, nil
}

// stream is a body whose request ends with it.
type stream struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (s *stream) Close() error {
	s.cancel()
	return s.ReadCloser.Close()
}

func (c *Client) foreign(err error) error {
	return &RefusalError{Message: fmt.Sprintf("what answers at %s does not speak the gateway's API: check --url (%v)", c.base, err)}
}

// unreachable says what the lack of an answer may mean.
func (c *Client) unreachable(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nothing listens at %s: is the gateway running there? (--url or %s)", c.base, URLVariable)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("no answer from %s: %w", c.base, err)
}

// RefusalError is an answer that is not a success.
type RefusalError struct {
	Status  int    // 0: it was one, and not a gateway's
	Message string // for people; empty when it did not come from a gateway
	Field   string // of the request, that is wrong; empty: none
}

func (e *RefusalError) Error() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "the key is not accepted: check --key or " + KeyVariable + ", and that --url is the gateway that the key is of (Keys in the dashboard, or wabagate admin key, makes one)"
	case e.Message != "" && e.Field != "":
		return e.Field + ": " + e.Message
	case e.Message != "":
		return e.Message
	case e.Status >= 300 && e.Status < 400:
		return fmt.Sprintf("answered %d: the address redirects; give --url the final address", e.Status)
	}
	return fmt.Sprintf("answered %d, and not as a gateway does: check --url", e.Status)
}

// Passing says whether another try may fare better: the gateway is busy, or something before it has lost it for a moment.
func (e *RefusalError) Passing() bool {
	return e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// refusal reads the API's {"error": {…}}.
func refusal(status int, answer []byte) error {
	var body struct {
		Error struct{ Message, Field string }
	}
	e := &RefusalError{Status: status}
	if json.Unmarshal(answer, &body) == nil {
		e.Message, e.Field = body.Error.Message, body.Error.Field
	}
	return e
}
