package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerForms(r fiber.Router) {
	r.Get("/forms", s.client(s.handleFormList))
}

// formJSON is what a customer answered to a Flow or an address form.
type formJSON struct {
	ID             string          `json:"id"` // of the event
	SubmittedAt    event.Time      `json:"submitted_at"`
	NumberID       int64           `json:"number_id"`
	ConversationID int64           `json:"conversation_id"`
	Contact        *event.Contact  `json:"contact"`
	MessageID      string          `json:"message_id"`
	Name           string          `json:"name"`
	FlowToken      string          `json:"flow_token"`
	Body           string          `json:"body"`
	Fields         json.RawMessage `json:"fields"`             // null: none, or what came was no object
	Response       string          `json:"response,omitempty"` // as it came, when it was no object
	Erased         bool            `json:"erased,omitempty"`
}

func formView(e models.Event) formJSON {
	v := formJSON{ID: publicEventID(e.Key[:]), SubmittedAt: event.Time{Time: e.CreatedAt}, NumberID: e.NumberID, ConversationID: e.ConversationID, Erased: e.Erased()}
	var d event.Data
	if json.Unmarshal(e.Data, &d) != nil || d.Form == nil {
		return v
	}
	if !d.OccurredAt.IsZero() {
		v.SubmittedAt = d.OccurredAt
	}
	f := d.Form
	v.Contact, v.MessageID, v.Name, v.FlowToken, v.Body, v.Fields, v.Response = d.Contact, f.MessageID, f.Name, f.FlowToken, f.Body, f.Fields, f.Response
	return v
}

// parseFormFilter reads what a list is asked for. query reads one parameter.
func parseFormFilter(query func(key string, defaults ...string) string) (f models.FormFilter, err error) {
	if f.Before, f.Limit, err = page(query); err != nil {
		return f, err
	}
	if f.From, err = moment("from", query("from")); err != nil {
		return f, err
	}
	f.To, err = moment("to", query("to"))
	return f, err
}

// forms are a page of what customers answered to a business's forms, and the cursor of the next.
func (s *Server) forms(ctx context.Context, businessID int64, f models.FormFilter) ([]models.Event, string, error) {
	limit := f.Limit
	f.Limit++
	rows, err := s.store.Forms(ctx, businessID, f)
	rows, next := cut(rows, limit, func(e models.Event) int64 { return e.ID })
	return rows, next, err
}

// formList is a page of forms that were submitted.
type formList struct {
	Forms []formJSON `json:"forms"`
	Next  string     `json:"next_cursor,omitempty"`
}

func (s *Server) handleFormList(c *fiber.Ctx, who caller) error {
	f, err := parseFormFilter(c.Query)
	if err != nil {
		return err
	}
	rows, next, err := s.forms(c.UserContext(), who.Business, f)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, formList{views(rows, formView), next})
}

// formField is one thing that a customer filled in.
type formField struct{ Name, Value string }

// fields are what the customer filled in, in the order in which it came. What is no text stands as JSON; an answer that is no
// object has one field.
func (v formJSON) fields() (list []formField) {
	d := json.NewDecoder(bytes.NewReader(v.Fields))
	if open, err := d.Token(); err == nil && open == json.Delim('{') {
		for d.More() {
			name, err := d.Token()
			var value json.RawMessage
			if err != nil || d.Decode(&value) != nil {
				break
			}
			key, _ := name.(string) // names of an object are
			list = append(list, formField{key, plainText(value)})
		}
	}
	if v.Response != "" {
		list = append(list, formField{"response", v.Response})
	}
	return list
}

// plainText is a JSON value as people read it: text without its quotes, a list of texts with commas, anything else as it is.
func plainText(raw json.RawMessage) string {
	var text string
	var texts []string
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &texts) == nil:
		return strings.Join(texts, ", ")
	}
	return string(raw)
}

// customer is what a page calls who answered.
func (v formJSON) customer() string {
	if v.Contact == nil {
		return "Somebody unknown"
	}
	c := v.Contact
	return contactName(models.Contact{Name: c.Name, WaID: c.WaID, UserID: c.UserID, Username: cmp.Or(c.Username)})
}
