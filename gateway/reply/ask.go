package reply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
)

// spokenFor is what was found to say: a text, nothing, or that a person has to take over.
type spokenFor struct {
	text   string
	person bool
}

// failure is an answer that was not to be had, in words for the business: nothing of what was said is in it, and no key.
type failure struct {
	said  string
	again bool // another attempt may go better
	down  bool // nothing of the question has to do with it: others would fare alike
	after time.Duration
}

func (f *failure) Error() string { return f.said }

// downed is a failure of the endpoint, not of what it was asked.
func (f *failure) downed() *failure { f.down = true; return f }

func failed(again bool, format string, args ...any) *failure {
	return &failure{said: fmt.Sprintf(format, args...), again: again}
}

const (
	// answerLimit bounds what is read of an answer, in bytes.
	answerLimit = 1 << 20
	// attempts, with a pause between them, within the time that the settings give.
	attempts = 2
	pause    = 300 * time.Millisecond
	// leastTime is what a second attempt needs to be worth making.
	leastTime = 500 * time.Millisecond
)

// question is what is asked: by the conversation, or by the event that tells of the message.
type question struct {
	lines []line
	event event.Event
}

// ask finds an answer within the settings' time, with a second attempt if the first fails early enough. The error is a
// *failure, or the end of ctx.
func (r *Responder) ask(ctx context.Context, s models.Replies, q question) (spokenFor, error) {
	within, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	began := time.Now()
	for n := 1; ; n++ {
		var a spokenFor
		var err error
		if s.Kind == models.RepliesByResponder {
			a, err = r.askResponder(within, s, q.event)
		} else {
			a, err = r.askModel(within, s, q.lines)
		}
		r.m.asked.Observe(time.Since(began).Seconds())
		if err == nil {
			return a, nil
		}
		if ctx.Err() != nil {
			return spokenFor{}, ctx.Err() // this process ends: nobody failed
		}
		var f *failure
		if !errors.As(err, &f) {
			f = failed(false, "%s", err)
		}
		wait := max(f.after, pause)
		if !f.again || n == attempts || s.Timeout-time.Since(began) < wait+leastTime {
			return spokenFor{}, f
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return spokenFor{}, ctx.Err()
		}
	}
}

// exchange posts and reads an answer. What is not a good status is a failure.
func (r *Responder) exchange(req *http.Request, who string, timeout time.Duration) (status int, body []byte, err error) {
	res, err := r.http.Do(req)
	if err != nil {
		return 0, nil, unreached(err, who, timeout)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		_, _ = io.CopyN(io.Discard, res.Body, 16<<10) // so that the connection can be used again
		return res.StatusCode, nil, refusal(who, res.StatusCode, res.Header.Get("Retry-After"))
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	switch {
	case err != nil:
		return res.StatusCode, nil, unreached(err, who, timeout)
	case len(body) > answerLimit:
		return res.StatusCode, nil, failed(false, "%s answered more than 1 MiB", who)
	}
	return res.StatusCode, body, nil
}

// unreached says why there is no answer. An address may have a key in it, so it is not repeated.
func unreached(err error, who string, timeout time.Duration) *failure {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var n net.Error
	switch {
	case errors.Is(err, deliver.ErrForbidden):
		return failed(false, "the address of %s leads to a place that the gateway may not reach", who).downed()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return failed(true, "%s gave no answer within %s", who, timeout).downed()
	}
	return failed(true, "%s cannot be reached: %s", who, shortened(err.Error())).downed()
}

// shortened keeps an error readable in an event.
func shortened(text string) string { return clip(text, 200) }

// refusal is what a bad status means and what to do about it.
func refusal(who string, status int, retryAfter string) *failure {
	advice := ""
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		advice = ": check the key"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		advice = ": check the address and the name of the model"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		advice = ": it does not take the request; check the name of the model and max_tokens"
	case http.StatusTooManyRequests:
		advice = ": its limit is reached"
	}
	switch status / 100 {
	case 3:
		advice = ": redirects are not followed, give the address that it leads to"
	case 5:
		advice = ": it has a trouble of its own"
	}
	f := failed(status/100 == 5 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusConflict || status == http.StatusTooEarly,
		"%s answered %d%s", who, status, advice)
	f.down = status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge && status != http.StatusUnprocessableEntity // these speak of the question
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds > 0 {
		f.after = time.Duration(seconds) * time.Second
	}
	return f
}
