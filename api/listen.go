package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

// registerListening comes before registerEvents, whose event of any name would take the stream for one.
func (s *Server) registerListening(r fiber.Router) {
	r.Get("/events/stream", s.client(s.handleEventStream))
	r.Get("/events/:id/payload", s.client(s.handleEventPayload))
}

const (
	// listenEvery is how often a stream looks for what is new: an event is seen within a few tenths of a second.
	listenEvery = 100 * time.Millisecond
	// listenPages is how many pages of the feed one look sends at most, so that heartbeats come in between.
	listenPages = 4
	// maxListeners is how many streams of events this process has at once, and maxOwnListeners how many a business has of them.
	maxListeners    = 64
	maxOwnListeners = 8
)

// payloadJSON is an event as a webhook of a dialect would be posted it.
type payloadJSON struct {
	ID        string     `json:"id"`
	Type      string     `json:"type"`
	CreatedAt event.Time `json:"created_at"`
	NumberID  int64      `json:"number_id,omitempty"`
	Dialect   string     `json:"dialect"`
	// Body is the exact bytes; null where the dialect has no form for the event or there is nothing left to tell, and Note says why.
	Body *string `json:"body"`
	Note string  `json:"note,omitempty"`
}

// payload renders an event as it is delivered.
func (s *Server) payload(d dialect.Dialect, e models.Event) (payloadJSON, error) {
	p := payloadJSON{ID: event.Key(e.Key).EventID(), Type: e.Type, CreatedAt: event.Time{Time: e.CreatedAt}, NumberID: e.NumberID, Dialect: d.Name}
	var gone *Error
	if errors.As(emptied(e), &gone) {
		p.Note = gone.Message
		return p, nil
	}
	body, err := s.courier.Payload(models.Webhook{BusinessID: e.BusinessID, Dialect: d.Name}, e)
	switch {
	case errors.Is(err, dialect.ErrNoShape):
		p.Note = "it has no form in the dialect " + d.Name
	case err != nil:
		return p, err
	default:
		text := string(body)
		p.Body = &text
	}
	return p, nil
}

// handleEventPayload shows one event as a webhook of a dialect would be posted it.
func (s *Server) handleEventPayload(c *fiber.Ctx, who caller) error {
	d, err := queryDialect(c)
	if err != nil {
		return err
	}
	e, err := s.event(c, who)
	if err != nil {
		return err
	}
	p, err := s.payload(d, e.Event)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, p)
}

// feedFilter reads what a pull or a stream is asked for.
func (s *Server) feedFilter(c *fiber.Ctx) (f models.FeedFilter, err error) {
	if f.Types, err = queryTypes(c); err != nil {
		return f, err
	}
	if text := c.Query("number_id"); text != "" {
		if f.NumberID, err = strconv.ParseInt(text, 10, 64); err != nil || f.NumberID <= 0 {
			return f, invalid("number_id", codeInvalid, "must be the id of a number")
		}
	}
	if text := c.Query("since"); text != "" {
		if f.Since, err = time.Parse(time.RFC3339, text); err != nil {
			return f, invalid("since", codeInvalid, "must be a moment such as 2026-11-20T10:00:00Z")
		}
	}
	switch after := strings.Clone(c.Query("after")); after {
	case "":
	case "now":
		f.After, err = s.store.FeedNow(c.UserContext())
	default:
		var ok bool
		if f.After, ok = parseFeedCursor(after); !ok {
			err = invalid("after", codeInvalid, "is not a cursor of this gateway; give a next_cursor, now, or leave it out to begin with the oldest event")
		}
	}
	return f, err
}

// handleEventStream sends a business's events as they are committed, as server-sent events that hold a payloadJSON each. Their ids
// are places in the feed, each that after its event: who comes back with one as after misses nothing and gets nothing twice.
func (s *Server) handleEventStream(c *fiber.Ctx, who caller) error {
	d, err := queryDialect(c)
	if err != nil {
		return err
	}
	f, err := s.feedFilter(c)
	if err != nil {
		return err
	}
	f.Limit = maxEventPage
	over, err := s.listeners.begin(who.Business)
	if err != nil {
		return err
	}
	l := &listener{server: s, business: who.Business, filter: f, dialect: d}
	if who.Key != nil {
		_, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
		l.key = models.Secret(strings.TrimSpace(strings.Clone(token)))
	}
	return s.stream(c, listenEvery, l.send, over)
}

// listener is what one stream of events has yet to send.
type listener struct {
	server   *Server
	business int64
	key      models.Secret // with which it was opened; empty: by a person
	filter   models.FeedFilter
	dialect  dialect.Dialect
	told     string // the last place that was sent
	stuck    int    // looks in a row at which the next event could not be rendered
}

// stuckLooks is after how many looks an event that cannot be rendered is let go: the store, which may be at fault, has answered then.
const stuckLooks = 50

// errShut ends a stream whose key is no longer good.
var errShut = errors.New("the key was deleted")

// send writes what has been committed since, and where the reader is by then. A store that does not answer is asked again.
func (l *listener) send(w *bufio.Writer) (sent bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	if l.key != "" {
		if _, err := l.server.keys.find(ctx, l.key); errors.Is(err, models.ErrNotFound) {
			return false, errShut
		}
	}
	for range listenPages {
		page, err := l.server.store.Feed(ctx, l.business, l.filter)
		if err != nil {
			return sent, nil
		}
		for i, e := range page.Events {
			p, err := l.server.payload(l.dialect, e)
			if err != nil {
				if l.stuck++; l.stuck < stuckLooks {
					return sent, nil // what was sent has moved the place
				}
				l.server.log.Error("event not rendered for a listener", "event_id", p.ID, "dialect", l.dialect.Name, "error", err)
				p.Note = "the gateway could not render it: its log says why"
			}
			l.stuck = 0
			text, err := json.Marshal(p)
			if err != nil {
				return sent, err
			}
			l.filter.After = page.Places[i]
			fmt.Fprintf(w, "event: event\nid: %s\ndata: %s\n\n", writeFeedCursor(l.filter.After), text)
			sent = true
		}
		l.filter.After = page.Next
		if !page.More {
			break
		}
	}
	// The place moves on where nothing has happened too, and where events were left out; it goes along with the next heartbeat.
	if place := writeFeedCursor(l.filter.After); place != l.told {
		sent, l.told = sent || l.told == "", place // the first goes out at once
		fmt.Fprintf(w, "event: place\nid: %s\ndata:\n\n", place)
	}
	return sent, nil
}

// listeners are the streams that are open, by business: each looks at the database ten times a second.
type listeners struct {
	mu   sync.Mutex
	of   map[int64]int
	open int
}

// begin takes a place for a stream of a business, which over gives back.
func (l *listeners) begin(businessID int64) (over func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	busy := &Error{Status: http.StatusTooManyRequests, Code: "too_many_listeners", RetryAfter: 10 * time.Second}
	switch {
	case l.of[businessID] >= maxOwnListeners:
		busy.Message = fmt.Sprintf("%d programs of your business listen already; end one of them first", l.of[businessID])
		return nil, busy
	case l.open >= maxListeners:
		busy.Message = "too many programs listen here; try again later, or pull with GET /api/client/events"
		return nil, busy
	}
	l.of[businessID]++
	l.open++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open--
		if l.of[businessID]--; l.of[businessID] == 0 {
			delete(l.of, businessID)
		}
	}), nil
}
