package trigger

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
)

// client speaks the API of a gateway with a business's key.
type client struct {
	base string
	key  models.Secret
	http *http.Client
}

// newClient checks the address and the key before anything is sent.
func newClient(gateway string, key models.Secret) (*client, error) {
	u, err := url.Parse(gateway)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("--gateway %q is not an address: expected something like http://localhost:8080", gateway)
	}
	if key == "" {
		return nil, fmt.Errorf("no key: give a business's API key with --key or in %s (wabagate admin key makes one)", KeyVariable)
	}
	return &client{base: strings.TrimSuffix(gateway, "/"), key: key, http: &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// call makes one request and reads the answer into out. The error of anything but a success is what the gateway says.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.key.Text())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "wabagate-trigger")
	res, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return refusal(res.StatusCode, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("what answers at %s does not speak the gateway's API: check --gateway (%w)", c.base, err)
	}
	return nil
}

// unreachable says what the lack of an answer may mean.
func (c *client) unreachable(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nothing listens at %s: is the gateway running there? (--gateway)", c.base)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("no answer from %s: %w", c.base, err)
}

// refusalError is an answer that is not a success.
type refusalError struct {
	status  int
	message string // for people; empty when it did not come from a gateway
}

func (e *refusalError) Error() string {
	switch {
	case e.status == http.StatusUnauthorized:
		return "the key is not accepted: check --key or " + KeyVariable + " (wabagate admin key makes one)"
	case e.message != "":
		return e.message
	case e.status >= 300 && e.status < 400:
		return fmt.Sprintf("answered %d: the address redirects; give --gateway the final address", e.status)
	}
	return fmt.Sprintf("answered %d, and not as a gateway does: check --gateway", e.status)
}

// refusal reads the API's {"error": {…}}.
func refusal(status int, answer []byte) error {
	var body struct {
		Error struct{ Message, Field string }
	}
	e := &refusalError{status: status}
	if json.Unmarshal(answer, &body) == nil {
		e.message = body.Error.Message
		if body.Error.Field != "" && e.message != "" {
			e.message = body.Error.Field + ": " + e.message
		}
	}
	return e
}
