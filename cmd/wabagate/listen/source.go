package listen

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"wabagate/cmd/wabagate/remote"
)

// Event is one that the gateway tells of.
type Event struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	CreatedAt time.Time `json:"created_at"`
	NumberID  int64     `json:"number_id"` // 0: of no number
	Body      *string   `json:"body"`      // as a webhook is posted it; nil: there is nothing to post, and Note says why
	Note      string    `json:"note"`
}

// heard is an event, or none, and the place in the gateway's feed after it.
type heard struct {
	event *Event
	place string
}

const (
	// silence is how long a stream may say nothing: the gateway says something every two seconds.
	silence = 15 * time.Second
	// soonest and latest are the pauses between tries to reach a gateway that is gone.
	soonest = 100 * time.Millisecond
	latest  = time.Second
)

// source reads the stream of a gateway, and opens it again where it broke off.
type source struct {
	gateway *remote.Client
	query   url.Values // what is listened to
	place   string     // after which to go on
	say     func(format string, args ...any)
	// opened says that the gateway has taken the request once: what it refuses before is not going to change.
	opened bool
	away   time.Time // since when it has not answered; zero: it does
}

// run hears until ctx ends, or until the gateway refuses for good.
func (s *source) run(ctx context.Context, out chan<- heard) error {
	for wait := soonest; ; {
		err := s.once(ctx, out)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && s.final(err) {
			return err
		}
		if err == nil {
			wait = soonest // it was there
		}
		if err != nil && s.away.IsZero() {
			s.away = time.Now()
			s.say("The gateway is gone: %v. Trying again; nothing is lost meanwhile.", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, latest)
	}
}

// final says whether another try is of no use.
func (s *source) final(err error) bool {
	var refused *remote.RefusalError
	if !errors.As(err, &refused) {
		return !s.opened || errors.Is(err, errForeign)
	}
	// A proxy before a gateway that is restarted answers for it, in words of its own; and 404 is what an older version says while
	// versions change.
	ofGateway := refused.Message != "" && refused.Status != 0 && refused.Status != http.StatusNotFound && !refused.Passing()
	return !s.opened || ofGateway
}

// once opens the stream and reads it to its end. An error means that there was none.
func (s *source) once(ctx context.Context, out chan<- heard) error {
	s.query.Set("after", s.place)
	body, err := s.gateway.Stream(ctx, "/api/client/events/stream?"+s.query.Encode())
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	s.opened = true
	if !s.away.IsZero() {
		s.say("The gateway is back, after %s.", time.Since(s.away).Round(100*time.Millisecond))
		s.away = time.Time{}
	}
	quiet := time.AfterFunc(silence, func() { _ = body.Close() })
	defer quiet.Stop()
	err = messages(body, func() { quiet.Reset(silence) }, func(m message) error {
		h := heard{place: m.id}
		if m.name == "event" {
			if err := json.Unmarshal([]byte(m.data), &h.event); err != nil {
				return errForeign
			}
		}
		select {
		case out <- h:
			s.place = m.id
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if errors.Is(err, errForeign) || errors.Is(err, bufio.ErrTooLong) {
		return errForeign
	}
	// How else the stream ended does not matter: what was whole was heard, and the rest is asked for again.
	return nil
}

// errForeign ends listening: asked again, it would be the same.
var errForeign = errors.New("the gateway sends events that this program does not understand: is it of another version?")

// message is one server-sent event.
type message struct{ name, id, data string }

// longestLine is longer than the largest event: what upstream sends is 3 MB at most.
const longestLine = 32 << 20

// messages reads server-sent events that have an id. One that is cut off by the end of the stream is none. alive is called for
// every line.
func messages(r io.Reader, alive func(), each func(message) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	var m message
	for lines.Scan() {
		alive()
		if lines.Text() == "" {
			if m.id != "" {
				if err := each(m); err != nil {
					return err
				}
			}
			m = message{}
			continue
		}
		field, value, _ := strings.Cut(lines.Text(), ":") // a comment is a field without a name
		switch value = strings.TrimPrefix(value, " "); field {
		case "event":
			m.name = value
		case "id":
			m.id = value
		case "data":
			m.data += value
		}
	}
	return lines.Err()
}
