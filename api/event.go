package api

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerEvents(r fiber.Router) {
	r.Get("/events", s.client(s.handleEventList))
	r.Get("/events/:id", s.client(s.handleEventGet))
}

const (
	eventPage    = 50
	maxEventPage = 200
	// maxWait is how long a pull may wait for something to happen, in seconds; pullEvery how often it looks, and maxWaiting how many
	// may wait at once in this process.
	maxWait    = 30
	pullEvery  = time.Second
	maxWaiting = 256
	// maxSearch is longer than any name that upstream gives, in characters.
	maxSearch = 512
)

// feedCursorVersion is the first byte of a cursor.
const feedCursorVersion = 1

// writeFeedCursor gives a place in the feed its public form, which is opaque: version, transaction, id, checksum.
func writeFeedCursor(c models.FeedCursor) string {
	b := binary.BigEndian.AppendUint64([]byte{feedCursorVersion}, c.XID)
	b = binary.BigEndian.AppendUint64(b, uint64(c.ID))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

// parseFeedCursor reads what writeFeedCursor wrote, and nothing else.
func parseFeedCursor(text string) (models.FeedCursor, bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 21 || b[0] != feedCursorVersion || binary.BigEndian.Uint32(b[17:]) != crc32.ChecksumIEEE(b[:17]) {
		return models.FeedCursor{}, false
	}
	c := models.FeedCursor{XID: binary.BigEndian.Uint64(b[1:]), ID: int64(binary.BigEndian.Uint64(b[9:]))}
	return c, c.ID >= 0
}

// envelope is an event as a webhook of the default dialect gets it, byte for byte.
func envelope(e models.Event) (json.RawMessage, error) {
	d, _ := dialect.Lookup(dialect.Default)
	return d.Render(nil, event.Event{ID: event.Key(e.Key).EventID(), Type: e.Type, BusinessID: e.BusinessID, NumberID: e.NumberID, CreatedAt: e.CreatedAt, Data: e.Data})
}

func envelopes(events []models.Event) ([]json.RawMessage, error) {
	list := make([]json.RawMessage, len(events))
	for i, e := range events {
		var err error
		if list[i], err = envelope(e); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// searchFields are the parameters that look for events; one of them turns a pull into a search.
func searchFields() []string { return []string{"q", "phone", "user_id", "wamid", "event_id"} }

func (s *Server) handleEventList(c *fiber.Ctx, who caller) error {
	field := ""
	for _, f := range searchFields() {
		switch {
		case c.Query(f) == "":
		case field != "":
			return invalid(f, codeInvalid, "cannot be given together with %s", field)
		default:
			field = f
		}
	}
	if field != "" {
		return s.searchEvents(c, who, field)
	}
	return s.pullEvents(c, who)
}

// queryTypes reads which types are asked for; nil is all.
func queryTypes(c *fiber.Ctx) ([]string, error) {
	types, err := eventTypes(c.Query("types"))
	var wrong *Error
	if errors.As(err, &wrong) {
		wrong.Field = "types"
	}
	return types, err
}

// eventPull is what a pull of events answers.
type eventPull struct {
	Events []json.RawMessage `json:"events"`
	Next   string            `json:"next_cursor"`
	More   bool              `json:"has_more"`
}

// pullEvents gives the events after a cursor, in the order in which they were committed.
func (s *Server) pullEvents(c *fiber.Ctx, who caller) error {
	if c.Query("before") != "" {
		return invalid("before", codeInvalid, "is for searches; a pull goes on with after, or give one of %s", strings.Join(searchFields(), ", "))
	}
	f, err := s.feedFilter(c)
	if err != nil {
		return err
	}
	if f.Limit, err = number("limit", c.Query("limit"), eventPage, 1, maxEventPage); err != nil {
		return err
	}
	wait, err := number("wait", c.Query("wait"), 0, 0, maxWait)
	if err != nil {
		return err
	}
	page, err := s.feed(c.UserContext(), who.Business, f, time.Duration(wait)*time.Second)
	if err != nil {
		return err
	}
	list, err := envelopes(page.Events)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, eventPull{list, writeFeedCursor(page.Next), page.More})
}

// feed reads a page; an empty one it reads again until there is something or the wait is over.
func (s *Server) feed(ctx context.Context, businessID int64, f models.FeedFilter, wait time.Duration) (models.FeedPage, error) {
	page, err := s.store.Feed(ctx, businessID, f)
	if err != nil || len(page.Events) > 0 || wait == 0 {
		return page, err
	}
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	default:
		return page, &Error{Status: http.StatusServiceUnavailable, Code: "too_many_waiting", Message: "too many pulls are waiting; ask again without wait", RetryAfter: pullEvery}
	}
	// The wait is longer than a request may take of the database otherwise.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait+requestTimeout)
	defer cancel()
	over, look := time.NewTimer(wait), time.NewTicker(pullEvery)
	defer over.Stop()
	defer look.Stop()
	for {
		select {
		case <-over.C:
			return page, nil
		case <-s.closing:
			return page, nil
		case <-look.C:
		}
		f.After = page.Next
		if page, err = s.store.Feed(ctx, businessID, f); err != nil || len(page.Events) > 0 {
			return page, err
		}
	}
}

// eventSearch is what a search for events answers.
type eventSearch struct {
	Events []json.RawMessage `json:"events"`
	Next   string            `json:"next_before,omitempty"`
}

// searchEvents looks for events by what one field says, newest first.
func (s *Server) searchEvents(c *fiber.Ctx, who caller, field string) error {
	for _, f := range []string{"after", "since", "number_id", "wait"} {
		if c.Query(f) != "" {
			return invalid(f, codeInvalid, "is for pulls; it cannot be given together with %s", field)
		}
	}
	text := strings.TrimSpace(strings.Clone(c.Query(field)))
	if err := checkText(field, text, true, maxSearch); err != nil {
		return err
	}
	f, err := parseSearch(field, text)
	if err != nil {
		return err
	}
	if f.Types, err = queryTypes(c); err != nil {
		return err
	}
	if before := c.Query("before"); before != "" {
		if f.Before, err = strconv.ParseInt(before, 10, 64); err != nil || f.Before <= 0 {
			return invalid("before", codeInvalid, "is not a next_before of this gateway")
		}
	}
	if f.Limit, err = number("limit", c.Query("limit"), eventPage, 1, maxEventPage); err != nil {
		return err
	}
	found, err := s.store.SearchEvents(c.UserContext(), who.Business, f)
	if err != nil {
		return err
	}
	if len(found) == 0 && field == "q" && f.UserID != "" { // it may as well be a wamid of another spelling
		f.UserID, f.Wamid = "", text
		if found, err = s.store.SearchEvents(c.UserContext(), who.Business, f); err != nil {
			return err
		}
	}
	list, err := envelopes(found)
	if err != nil {
		return err
	}
	next := ""
	if len(found) == f.Limit && f.Key == nil {
		next = strconv.FormatInt(found[len(found)-1].ID, 10)
	}
	return reply(c, http.StatusOK, eventSearch{list, next})
}

// parseSearch says what a field's text looks for. q is what it looks like: evt_… is an event, wamid.… a message, what
// consists of digits a number, and everything else a user id.
func parseSearch(field, text string) (models.EventSearch, error) {
	kind := field
	if kind == "q" {
		switch {
		case strings.HasPrefix(text, "evt_"):
			kind = "event_id"
		case strings.HasPrefix(text, "wamid."):
			kind = "wamid"
		case strings.Trim(text, "+-. ()/0123456789") == "":
			kind = "phone"
		default:
			kind = "user_id"
		}
	}
	switch kind {
	case "phone":
		return models.EventSearch{WaID: text}, nil
	case "user_id":
		return models.EventSearch{UserID: text}, nil
	case "wamid":
		return models.EventSearch{Wamid: text}, nil
	}
	key, ok := event.ParseID(text)
	if !ok {
		return models.EventSearch{}, invalid(field, codeInvalid, "must be evt_ and 32 hex digits")
	}
	return models.EventSearch{Key: (*[16]byte)(&key)}, nil
}

// callbackJSON is a callback without its body.
type callbackJSON struct {
	ID         int64      `json:"id"`
	ReceivedAt event.Time `json:"received_at"`
	Size       int64      `json:"size"`                // of the body, in bytes
	AppID      int64      `json:"app_id,omitempty"`    // the app that it came to
	NumberID   int64      `json:"number_id,omitempty"` // or the number
}

func callbackView(h models.CallbackHead) callbackJSON {
	return callbackJSON{ID: h.ID, ReceivedAt: event.Time{Time: h.ReceivedAt}, Size: h.Size, AppID: h.AppID, NumberID: h.NumberID}
}

// event reads the event in the path.
func (s *Server) event(c *fiber.Ctx, who caller) (models.EventDetail, error) {
	key, ok := event.ParseID(c.Params("id"))
	if !ok {
		return models.EventDetail{}, ofStatus(http.StatusNotFound)
	}
	return s.store.EventDetail(c.UserContext(), who.Business, key)
}

// eventDetailJSON is an event with where it came from and where it went.
type eventDetailJSON struct {
	Event      json.RawMessage `json:"event"`
	Callback   *callbackJSON   `json:"callback"` // null: made by the gateway itself, or no longer kept
	Deliveries []deliveryJSON  `json:"deliveries"`
}

func (s *Server) handleEventGet(c *fiber.Ctx, who caller) error {
	d, err := s.event(c, who)
	if err != nil {
		return err
	}
	v := eventDetailJSON{Deliveries: views(d.Deliveries, func(d models.DeliveryDetail) deliveryJSON { return deliveryView(withLast(d)) })}
	if v.Event, err = envelope(d.Event); err != nil {
		return err
	}
	if d.Callback != nil {
		view := callbackView(*d.Callback)
		v.Callback = &view
	}
	return reply(c, http.StatusOK, v)
}
