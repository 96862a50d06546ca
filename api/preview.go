package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
)

func (s *Server) registerPreviews(r fiber.Router) {
	r.Get("/webhooks/:id<int>/preview", s.client(s.handlePreview))
	r.Post("/webhooks/preview", s.client(s.handlePreviewDraft))
}

// previewJSON is the request that a webhook would get for an event of a type.
type previewJSON struct {
	Event   string `json:"event"`
	Dialect string `json:"dialect"`
	// Name is the event's name in the body; empty where the dialect does not say it in one word.
	Name string `json:"name"`
	// Spoken is false for what the dialect has no form for: body is null then, and note says why.
	Spoken bool `json:"spoken"`
	// Subscribed says whether the webhook's events include this one.
	Subscribed  bool                `json:"subscribed"`
	Note        string              `json:"note"` // what has to be known besides; may be empty
	Method      string              `json:"method"`
	URL         string              `json:"url"` // empty for a draft that has none yet
	ContentType string              `json:"content_type"`
	Headers     []previewHeaderJSON `json:"headers"` // by name
	Body        *string             `json:"body"`    // the exact bytes
}

// previewHeaderJSON shows the value of every header but those that the webhook's owner set: they may hold secrets.
type previewHeaderJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (s *Server) handlePreview(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	w, err := s.store.Webhook(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	p, err := s.preview(w, c.Query("event"))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, p)
}

func (s *Server) handlePreviewDraft(c *fiber.Ctx, who caller) error {
	d, err := parsePreviewDraft(c.Request().Body())
	if err != nil {
		return err
	}
	p, err := s.previewDraft(c.UserContext(), who.Business, d)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, p)
}

// previewedDraft is a webhook that is being written, and the event that it is shown for.
type previewedDraft struct {
	event  string
	of     int64 // the webhook that is changed; 0: a new one
	change webhookChange
}

// parsePreviewDraft reads the members of a webhook that its payload depends on.
func parsePreviewDraft(body []byte) (previewedDraft, error) {
	o := parseObject(body, "event", "webhook_id", "dialect", "events", "secret", "headers", "url")
	name, of := member[string](o, "event", "the name of an event"), member[int64](o, "webhook_id", "the id of a webhook, or null for a new one")
	d := previewedDraft{event: name.value, of: of.value, change: webhookChange{
		dialect: member[string](o, "dialect", "text"),
		events:  member[[]string](o, "events", "a list of event names"),
		secret:  member[string](o, "secret", "text, or null for unsigned deliveries"),
		headers: member[map[string]string](o, "headers", "an object of names and texts"),
		url:     member[string](o, "url", "text"),
	}}
	return d, o.err
}

// previewDraft shows a webhook as it would be after a change, which is kept nowhere. A new one without a secret is signed with
// one that nobody has.
func (s *Server) previewDraft(ctx context.Context, businessID int64, d previewedDraft) (previewJSON, error) {
	w := models.Webhook{BusinessID: businessID, Dialect: dialect.Default, Events: []string{"*"}}
	if d.of != 0 {
		var err error
		if w, err = s.store.Webhook(ctx, businessID, d.of); err != nil {
			return previewJSON{}, err
		}
	}
	made := d.of == 0 && !d.change.secret.given
	if made {
		d.change.secret = given(signature.NewRandomSecret().Text())
	}
	if err := d.change.apply(&w); err != nil {
		return previewJSON{}, err
	}
	p, err := s.preview(w, d.event)
	if made && p.Spoken {
		p.Note = "Signed with a secret made up for this preview; the webhook gets one of its own when it is created."
	}
	return p, err
}

// preview is what a webhook would be posted for a sample of an event type now; no name is a received message.
func (s *Server) preview(w models.Webhook, name string) (previewJSON, error) {
	d, _ := dialect.Lookup(w.Dialect)
	e, err := sampleIn(d, cmp.Or(name, event.MessageReceived), w.BusinessID, s.now())
	if err != nil {
		return previewJSON{}, err
	}
	p := previewJSON{Event: e.Type, Dialect: w.Dialect, Subscribed: event.Matches(w.Events, e.Type), Method: http.MethodPost, URL: w.URL, Headers: []previewHeaderJSON{}}
	header, body, err := fanout.Preview(w, e, s.now())
	if errors.Is(err, dialect.ErrNoShape) {
		p.Note = unspoken(d, e.Type)
		return p, nil
	}
	if err != nil {
		return previewJSON{}, err
	}
	text := string(body)
	p.Name, p.Spoken, p.ContentType, p.Body = d.EventName(e.Type), true, header.Get("Content-Type"), &text
	for _, h := range slices.Sorted(maps.Keys(header)) {
		value := header.Get(h)
		if _, own := w.Headers[h]; own || h == fiber.HeaderAuthorization {
			value = keepValue
		}
		p.Headers = append(p.Headers, previewHeaderJSON{h, value})
	}
	if len(w.Signing(s.now())) == 0 {
		p.Note = "Unsigned: the webhook has no secret."
	}
	return p, nil
}

// unspoken says why a dialect has no form for a type.
func unspoken(d dialect.Dialect, typ string) string {
	why := "it passes on what WhatsApp sent and nothing else"
	if d.Digests() {
		why = "it tells of incoming messages alone"
	}
	return fmt.Sprintf("%s has no form in the dialect %s: %s. The webhook gets nothing for it.", typ, d.Name, why)
}
