package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerConversations(r fiber.Router) {
	r.Get("/conversations", s.client(s.handleConversationList))
	r.Get("/conversations/:id<int>", s.client(s.handleConversationGet))
	r.Put("/conversations/:id<int>", s.client(s.handleConversationUpdate))
	r.Get("/conversations/:id<int>/messages", s.client(s.handleConversationMessages))
}

// The limits of what people set about a conversation, in characters.
const (
	maxLabels   = 50
	maxLabel    = 60
	maxNote     = 4000
	maxAssignee = 200
)

// conversationJSON is one contact on one number.
type conversationJSON struct {
	ID              int64       `json:"id"`
	NumberID        int64       `json:"number_id"`
	Contact         contactJSON `json:"contact"`
	Status          string      `json:"status"`
	Labels          []string    `json:"labels"`
	Note            string      `json:"note"`
	Assignee        string      `json:"assignee"`
	Sequence        int64       `json:"sequence"` // of its latest event
	CreatedAt       event.Time  `json:"created_at"`
	LastInboundAt   *event.Time `json:"last_inbound_at"`   // null: the customer has not written
	WindowExpiresAt *event.Time `json:"window_expires_at"` // of the customer service window; null: it was never open
	AI              bool        `json:"ai"`                // whether an AI may answer, where the number has one
	AIReason        string      `json:"ai_reason"`         // why it may not, in a word; empty: it may
	AIDetail        string      `json:"ai_detail"`         // and in a sentence
	AISince         *event.Time `json:"ai_since"`          // since when it is so; null: from the start
}

func conversationView(r models.ConversationRow) conversationJSON {
	return conversationJSON{ID: r.ID, NumberID: r.NumberID, Contact: contactView(r.Contact), Status: r.Status, Labels: append([]string{}, r.Labels...), Note: r.Note,
		Assignee: r.Assignee, Sequence: r.Sequence, CreatedAt: event.Time{Time: r.CreatedAt}, LastInboundAt: timeView(r.LastInboundAt),
		WindowExpiresAt: timeView(r.WindowExpiresAt()),
		AI:              r.AI.Off == "", AIReason: r.AI.Off, AIDetail: r.AI.Detail, AISince: timeView(r.AI.At)}
}

// timeView is nil for the zero time.
func timeView(t time.Time) *event.Time {
	if t.IsZero() {
		return nil
	}
	return &event.Time{Time: t}
}

// parseConversationFilter reads what a list is asked for. query reads one parameter.
func parseConversationFilter(query func(key string, defaults ...string) string) (models.ConversationFilter, error) {
	f := models.ConversationFilter{Status: strings.Clone(query("status")), Label: strings.Clone(query("label"))}
	if f.Status != "" {
		if err := checkStatus(f.Status); err != nil {
			return f, err
		}
	}
	err := checkText("label", f.Label, false, maxLabel)
	if err == nil {
		f.NumberID, err = queryID("number_id", query("number_id"))
	}
	if err == nil {
		f.ContactID, err = queryID("contact_id", query("contact_id"))
	}
	if err == nil {
		f.Before, f.Limit, err = page(query)
	}
	return f, err
}

func checkStatus(status string) error {
	if status != models.ConversationOpen && status != models.ConversationClosed {
		return invalid("status", codeInvalid, "must be %s or %s", models.ConversationOpen, models.ConversationClosed)
	}
	return nil
}

// conversationList is a page of conversations.
type conversationList struct {
	Conversations []conversationJSON `json:"conversations"`
	Next          string             `json:"next_cursor,omitempty"`
}

func (s *Server) handleConversationList(c *fiber.Ctx, who caller) error {
	f, err := parseConversationFilter(c.Query)
	if err != nil {
		return err
	}
	limit := f.Limit
	f.Limit++
	rows, err := s.store.Conversations(c.UserContext(), who.Business, f)
	if err != nil {
		return err
	}
	rows, next := cut(rows, limit, func(r models.ConversationRow) int64 { return r.ID })
	return reply(c, http.StatusOK, conversationList{views(rows, conversationView), next})
}

func (s *Server) handleConversationGet(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	row, err := s.store.ConversationByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]conversationJSON{"conversation": conversationView(row)})
}

// conversationChange is what a request says about a conversation. What is not given stays as it is.
type conversationChange struct {
	status, note, assignee maybe[string]
	labels                 maybe[[]string]
	ai                     maybe[flag]
}

func parseConversation(body []byte) (conversationChange, error) {
	o := parseObject(body, "status", "labels", "note", "assignee", "ai")
	ch := conversationChange{status: member[string](o, "status", "open or closed"), labels: member[[]string](o, "labels", "a list of texts"),
		note: member[string](o, "note", "text"), assignee: member[string](o, "assignee", "text, or null for nobody"),
		ai: member[flag](o, "ai", "true or false")}
	if o.err != nil {
		return ch, o.err
	}
	if ch.ai.null {
		return ch, invalid("ai", codeInvalid, "must be true or false")
	}
	return ch, ch.check()
}

// check refuses what cannot be, and trims the texts.
func (ch *conversationChange) check() (err error) {
	if ch.status.given {
		if err := checkStatus(ch.status.value); err != nil {
			return err
		}
	}
	if ch.labels.value, err = cleanLabels(ch.labels.value); err != nil {
		return err
	}
	ch.note.value, ch.assignee.value = strings.TrimSpace(ch.note.value), strings.TrimSpace(ch.assignee.value)
	if err := checkText("note", ch.note.value, false, maxNote); err != nil {
		return err
	}
	return checkText("assignee", ch.assignee.value, false, maxAssignee)
}

// cleanLabels trims labels and leaves each in once.
func cleanLabels(given []string) ([]string, error) {
	var labels []string
	for _, label := range given {
		label = strings.TrimSpace(label)
		switch err := checkText("labels", label, false, maxLabel); {
		case label == "":
			return nil, invalid("labels", codeInvalid, "must not hold an empty label")
		case err != nil:
			return nil, err
		case !slices.Contains(labels, label):
			labels = append(labels, label)
		}
	}
	if len(labels) > maxLabels {
		return nil, invalid("labels", codeTooLong, "must be at most %d", maxLabels)
	}
	return labels, nil
}

func (ch conversationChange) apply(s *models.ConversationSettings) {
	if ch.status.given {
		s.Status = ch.status.value
	}
	if ch.labels.given {
		s.Labels = slices.Clone(ch.labels.value)
	}
	if ch.note.given {
		s.Note = ch.note.value
	}
	if ch.assignee.given {
		s.Assignee = ch.assignee.value
	}
}

// setConversation changes what people say of a conversation, and tells webhooks of it.
func (s *Server) setConversation(ctx context.Context, businessID, id int64, ch conversationChange) (models.Conversation, error) {
	return s.recorder.SetConversation(ctx, businessID, id, func(settings *models.ConversationSettings) error {
		ch.apply(settings)
		ch.applyAI(settings, s.now())
		return nil
	})
}

// conversationUpdated is a conversation after a change.
type conversationUpdated struct {
	Message      string           `json:"message"`
	Conversation conversationJSON `json:"conversation"`
}

func (s *Server) handleConversationUpdate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	// Whether it is there comes before what is wrong with the request.
	row, err := s.store.ConversationByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	ch, err := parseConversation(c.Request().Body())
	if err != nil {
		return err
	}
	if row.Conversation, err = s.setConversation(c.UserContext(), who.Business, id, ch); err != nil {
		return err
	}
	return reply(c, http.StatusOK, conversationUpdated{"Conversation updated.", conversationView(row)})
}
