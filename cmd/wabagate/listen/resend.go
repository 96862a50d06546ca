package listen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"wabagate/cmd/wabagate/remote"
)

// Resend forwards events once more, in the order given, and says how many the receiver did not take. An error means that one
// could not be sent at all.
func Resend(ctx context.Context, o Options, ids []string) (failed int, err error) {
	f, err := newForwarder(o.Receiver)
	if err != nil {
		return 0, err
	}
	p := printer{out: o.Out, json: o.JSON, payloads: o.Payloads, colour: o.Colour, now: time.Now}
	for _, id := range ids {
		e, err := fetch(ctx, o.Gateway, id, o.Receiver.Dialect)
		if err != nil {
			return failed, err
		}
		made := newLine(&e, "")
		if e.Body == nil {
			failed++
		} else {
			a, err := f.post(ctx, e.ID, []byte(*e.Body))
			if err != nil {
				return failed, err
			}
			if made = made.answered(a, 1); !made.accepted() {
				failed++
			}
		}
		if err := p.print(made); err != nil {
			return failed, err
		}
	}
	return failed, nil
}

// fetch asks for one event as a webhook of a dialect is posted it.
func fetch(ctx context.Context, c *remote.Client, id, dialect string) (Event, error) {
	var e Event
	err := c.Call(ctx, http.MethodGet, "/api/client/events/"+url.PathEscape(id)+"/payload?dialect="+url.QueryEscape(dialect), nil, &e)
	var refused *remote.RefusalError
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound && refused.Message != "" {
		err = fmt.Errorf("there is no event %s, or it is not of this key's business, or older than events are kept (an id is evt_ and 32 hex digits)", remote.Plain(id))
	}
	return e, err
}
