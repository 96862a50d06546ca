package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"wabagate/fanout"
	"wabagate/fanout/deliver"
	"wabagate/fanout/dialect"
	"wabagate/fanout/signature"
	"wabagate/models"
)

// Receiver is where events are forwarded to.
type Receiver struct {
	URL     string
	Dialect string
	Secret  signature.Secret
	// Headers are sent besides those of the dialect.
	Headers map[string]string
	// SkipVerify takes whatever certificate the receiver shows.
	SkipVerify bool
	// Timeout is how long it may take to answer; 0 means 30 s, as a debugger takes its time.
	Timeout time.Duration
}

const (
	usualTimeout = 30 * time.Second
	// answerKept is how much of an answer is read, in bytes.
	answerKept = 64 << 10
)

// answer is what became of one request.
type answer struct {
	status  int // 0: none came
	outcome deliver.Outcome
	reason  string // of a failure, for people
	took    time.Duration
	schemes []string // the signatures that it carried, each of them verified before it left
}

// down says that the receiver is not there, rather than that it did not like the event.
func (a answer) down() bool {
	return a.status == 0 && a.outcome != deliver.Timeout && a.outcome != deliver.BadTLS
}

// forwarder posts events as a webhook's deliveries are posted.
type forwarder struct {
	webhook models.Webhook
	dialect dialect.Dialect
	secrets []signature.Secret
	timeout time.Duration
	client  *http.Client
}

func newForwarder(r Receiver) (*forwarder, error) {
	d, ok := dialect.Lookup(r.Dialect)
	if !ok {
		return nil, fmt.Errorf("--dialect %q is none: there are %s", r.Dialect, strings.Join(dialect.Names(), ", "))
	}
	address, err := receiverURL(r.URL)
	if err != nil {
		return nil, err
	}
	if r.Timeout <= 0 {
		r.Timeout = usualTimeout
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	transport.DisableCompression = true // deliveries do not ask for it either
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: r.SkipVerify}
	return &forwarder{webhook: models.Webhook{URL: address, Dialect: d.Name, Secret: models.Secret(r.Secret.Text()), Headers: r.Headers}, dialect: d,
		secrets: []signature.Secret{r.Secret}, timeout: r.Timeout, client: &http.Client{Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// receiverURL reads an address as people write it: localhost:3000/hook is enough.
func receiverURL(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("--forward %q is not an address: expected something like http://localhost:3000/hook", text)
	}
	return text, nil
}

// post makes one attempt, signed as of now. An error means that there is nothing right to be sent.
func (f *forwarder) post(ctx context.Context, id string, body []byte) (answer, error) {
	now := time.Now()
	header, err := fanout.Header(f.webhook, id, body, now)
	if err != nil {
		return answer{}, err
	}
	var a answer
	for _, r := range signature.Verify(header, body, f.secrets, now) {
		if !r.OK {
			return answer{}, fmt.Errorf("the signature of %s in %s does not verify (%s): this is a mistake of wabagate, please report it", id, r.Header, r.Reason)
		}
		a.schemes = append(a.schemes, r.Scheme)
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.webhook.URL, strings.NewReader(string(body)))
	if err != nil {
		return answer{}, err
	}
	req.Header = header
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	res, err := f.client.Do(req)
	a.took = time.Since(now)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		v := deliver.JudgeError(err, f.timeout)
		a.outcome, a.reason = v.Outcome, v.Reason
		return a, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, answerKept)) // so that the connection is used again
	_ = res.Body.Close()
	v := deliver.Judge(res.StatusCode, "", f.dialect.Manners.Success, f.dialect.Manners.Final, now)
	a.status, a.outcome, a.reason = res.StatusCode, v.Outcome, v.Reason
	return a, nil
}
