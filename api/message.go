package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

// messageJSON is what is kept of a message.
type messageJSON struct {
	ID          string      `json:"id"` // the wamid
	Direction   string      `json:"direction"`
	Type        string      `json:"type"`   // empty while only reports of it have come
	Text        string      `json:"text"`   // after the last edit; empty once deleted
	Status      *string     `json:"status"` // null for inbound messages, and before the first report
	SentAt      *event.Time `json:"sent_at"`
	StatusAt    *event.Time `json:"status_at"`
	EditedAt    *event.Time `json:"edited_at"`
	DeletedAt   *event.Time `json:"deleted_at"`
	SentBy      string      `json:"sent_by"` // who sent an outbound message; empty: not known
	BroadcastID *int64      `json:"broadcast_id"`
	ReplyTo     string      `json:"reply_to"`
	MediaURL    string      `json:"media_url"`
}

func messageView(m models.Message) messageJSON {
	v := messageJSON{ID: m.Wamid, Direction: "outbound", Type: m.Type, Text: m.Text, SentAt: timeView(m.SentAt), StatusAt: timeView(m.StatusAt),
		EditedAt: timeView(m.EditedAt), DeletedAt: timeView(m.DeletedAt), SentBy: m.SentBy, ReplyTo: m.ReplyTo, MediaURL: m.MediaURL}
	if m.Inbound {
		v.Direction = "inbound"
	}
	if m.Status != "" {
		v.Status = &m.Status
	}
	if m.BroadcastID != 0 {
		v.BroadcastID = &m.BroadcastID
	}
	return v
}

// messageList is a page of the messages of a conversation.
type messageList struct {
	Messages []messageJSON `json:"messages"`
	Next     *event.Time   `json:"next_before,omitempty"`
}

func (s *Server) handleConversationMessages(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	before, err := moment("before", c.Query("before"))
	if err != nil {
		return err
	}
	limit, err := number("limit", c.Query("limit"), listPage, 1, maxListPage)
	if err != nil {
		return err
	}
	// The conversation says whose the messages are.
	if _, err := s.store.ConversationByID(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	ms, next, err := s.messages(c.UserContext(), who.Business, id, before, limit)
	if err != nil {
		return err
	}
	list := messageList{Messages: views(ms, messageView), Next: timeView(next)}
	return reply(c, http.StatusOK, list)
}

// messages reads a page of a conversation, newest first, and the moment before which the next page lies; zero on the
// last. Upstream counts whole seconds, so messages of one moment stay on one page: a page ends before the moment that
// it could not hold, and is longer than the limit where everything on it is of one moment. Nobody writes mostRows
// messages in one second.
func (s *Server) messages(ctx context.Context, businessID, id int64, before time.Time, limit int) ([]models.Message, time.Time, error) {
	for n := limit + 1; ; n = mostRows {
		ms, err := s.store.ConversationMessages(ctx, businessID, id, before, n)
		if err != nil || len(ms) < n {
			return ms, time.Time{}, err
		}
		whole := wholeMoments(ms)
		if whole == 0 && n == mostRows {
			whole = n
		}
		if whole > 0 {
			return ms[:whole], ms[whole-1].SentAt, nil
		}
	}
}

// wholeMoments is how many messages, newest first, there are before those of the last one's moment.
func wholeMoments(ms []models.Message) int {
	n := len(ms)
	for n > 0 && ms[n-1].SentAt.Equal(ms[len(ms)-1].SentAt) {
		n--
	}
	return n
}
