package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/models"
)

const (
	// liveShown is how many events the live page begins with, liveKept how many it keeps, and the most that one look brings.
	liveShown = 50
	liveKept  = 200
	// liveEvery is how often a stream looks, and livePages how far behind it may be, in pages of the feed, before it goes on from
	// the present.
	liveEvery = time.Second
	livePages = 10
	// largeEvent is how long an event may be to be shown within the list, in bytes.
	largeEvent = 32 << 10
)

func (s *Server) registerLive(app *fiber.App) {
	app.Get("/live", s.page(s.pageLive))
	app.Get("/live/stream", s.page(s.handleLiveStream))
}

// liveFilter reads what a page or a stream is narrowed to.
func liveFilter(c *fiber.Ctx) (f models.FeedFilter, err error) {
	f.Limit = liveKept
	if f.Types, err = eventTypes(strings.Clone(c.Query("event"))); err == nil {
		f.NumberID, err = queryID("number_id", c.Query("number_id"))
	}
	return f, err
}

// fits says whether an event is what the filter asks for.
func fits(f models.FeedFilter, e models.Event) bool {
	return (len(f.Types) == 0 || slices.Contains(f.Types, e.Type)) && (f.NumberID == 0 || f.NumberID == e.NumberID)
}

// newest are those of a business's newest events that fit, newest first, and the place in the feed that more comes after. Events
// that come after it may be among them.
func (s *Server) newest(ctx context.Context, businessID int64, f models.FeedFilter) ([]models.Event, models.FeedCursor, error) {
	after, err := s.store.FeedNow(ctx) // first, so that nothing falls in between
	if err != nil {
		return nil, after, err
	}
	events, err := s.store.NewestEvents(ctx, businessID, liveKept)
	return slices.DeleteFunc(events, func(e models.Event) bool { return !fits(f, e) }), after, err
}

func (s *Server) pageLive(c *fiber.Ctx, who caller) error {
	ctx, number := c.UserContext(), strings.Clone(c.Query("number_id"))
	numbers, err := s.numberChoices(ctx, who.Business, number)
	if err != nil {
		return err
	}
	view := dashboard.Live{Shell: shell(who, "Live"), Narrowed: c.Query("event") != "" || number != "",
		Number: dashboard.Field{Name: "number_id", Label: "Number", Type: "select", Options: numbers}}
	view.Types, view.TypesMore = eventChoices(strings.Clone(c.Query("event")))
	f, wrong := liveFilter(c)
	if wrong != nil {
		var e *Error
		if !errors.As(wrong, &e) {
			return wrong
		}
		view.Error = capital(e.Error(), "") + "."
		return s.render(c, e.Status, view)
	}
	events, after, err := s.newest(ctx, who.Business, f)
	if err != nil {
		return err
	}
	names := s.liveNumbers(who.Business)
	for _, e := range events[:min(len(events), liveShown)] {
		view.Events = append(view.Events, s.happening(e, names))
	}
	q := url.Values{"after": {writeFeedCursor(after)}}
	for _, name := range []string{"event", "number_id"} {
		if text := c.Query(name); text != "" {
			q.Set(name, strings.Clone(text))
		}
	}
	view.Stream = "/live/stream?" + q.Encode()
	return s.render(c, http.StatusOK, view)
}

// liveNumbers are what a business's numbers are called, by id, where it has several: of one nobody asks.
func (s *Server) liveNumbers(businessID int64) map[int64]string {
	names := map[int64]string{}
	for _, n := range s.directory.Routes().Numbers {
		if n.BusinessID == businessID {
			names[n.ID] = numberText(n)
		}
	}
	if len(names) == 1 {
		return nil
	}
	return names
}

func (s *Server) happening(e models.Event, numbers map[int64]string) dashboard.Happening {
	h := dashboard.Happening{ID: event.Key(e.Key).EventID(), Type: e.Type, About: aboutEvent(e.Data), At: dashboard.NewWhen(e.CreatedAt, s.now()), Number: numbers[e.NumberID]}
	if h.Large = len(e.Data) > largeEvent; h.Large || emptied(e) != nil {
		return h
	}
	if text, err := envelope(e); err == nil {
		h.JSON = string(text)
	}
	return h
}

// handleLiveStream sends events as they happen, as server-sent events that hold finished HTML. Their ids are places in the feed:
// who comes back with one goes on from there.
func (s *Server) handleLiveStream(c *fiber.Ctx, who caller) error {
	f, err := liveFilter(c)
	if err != nil {
		return err
	}
	var ok bool
	if f.After, ok = parseFeedCursor(strings.Clone(c.Get("Last-Event-Id", c.Query("after")))); !ok {
		return invalid("after", codeInvalid, "is not a cursor of this gateway; open /live, which has one")
	}
	l := liveTail{server: s, business: who.Business, filter: f}
	return s.stream(c, liveEvery, l.send, nil)
}

// liveTail is what one live page has yet to show.
type liveTail struct {
	server   *Server
	business int64
	filter   models.FeedFilter
}

// send writes what has happened since, oldest first, and where the reader is by then. A store that does not answer is asked again.
func (l *liveTail) send(w *bufio.Writer) (sent bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	before := l.filter.After
	events, jumped, err := l.next(ctx)
	if err != nil {
		l.filter.After = before
		return false, nil
	}
	if jumped {
		writeSent(w, "jumped", "", "")
	}
	names := l.server.liveNumbers(l.business)
	for _, e := range events {
		var html bytes.Buffer
		if err := l.server.pages.RenderHappening(&html, l.server.happening(e, names)); err != nil {
			return false, err
		}
		writeSent(w, "happened", "", html.String())
	}
	// The place comes last, by itself: a reader that has seen only a part gets the whole again, and knows what it has. It goes
	// along with the next heartbeat where nothing has happened.
	_, _ = w.WriteString("id: " + writeFeedCursor(l.filter.After) + "\n\n")
	return len(events) > 0, nil
}

// next reads what has happened since, oldest first, as far as a page keeps it. A tail that is too far behind jumps to the present.
func (l *liveTail) next(ctx context.Context) (events []models.Event, jumped bool, err error) {
	for range livePages {
		page, err := l.server.store.Feed(ctx, l.business, l.filter)
		if err != nil {
			return nil, false, err
		}
		l.filter.After = page.Next
		events = append(events, page.Events...)
		events = events[max(0, len(events)-liveKept):]
		if !page.More {
			return events, false, nil
		}
	}
	events, l.filter.After, err = l.server.newest(ctx, l.business, l.filter)
	slices.Reverse(events)
	return events, true, err
}
