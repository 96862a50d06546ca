package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/dialect"
	"wabagate/models"
)

// showDraft draws the form with what the webhook would be after it: what it would be posted, and which of the newest events
// it would get. Nothing is kept, and nothing is wrong yet: what is, is told where it shows.
func (s *Server) showDraft(c *fiber.Ctx, who caller, w models.Webhook, in webhookForm) error {
	noteOf(c.UserContext()).nothing()
	view, err := s.formView(c, who, w, in)
	if err != nil {
		return err
	}
	if in.draft == draftMatches {
		if view.Matches, err = s.formMatches(c.UserContext(), who.Business, in); err != nil {
			return err
		}
	}
	if view.Preview, err = s.formPreview(c.UserContext(), w, in); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, view)
}

// formPreview is what a webhook would be posted after the form. What is wrong in the form is told in its place.
func (s *Server) formPreview(ctx context.Context, w models.Webhook, in webhookForm) (*dashboard.Preview, error) {
	ch, err := in.shape(w.ID == 0)
	var p previewJSON
	if err == nil {
		p, err = s.previewDraft(ctx, w.BusinessID, previewedDraft{event: in.previewed(), of: w.ID, change: ch})
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return &dashboard.Preview{Event: in.previewed(), Note: "There is no preview yet. " + capital(e.Error(), "") + "."}, nil
	}
	if err != nil {
		return nil, err
	}
	view := &dashboard.Preview{Event: p.Event, Note: p.Note, Ignored: !p.Subscribed}
	for _, h := range p.Headers {
		view.Headers = append(view.Headers, dashboard.Header{Name: h.Name, Value: h.Value})
	}
	if p.Body != nil {
		view.Body = *p.Body
	}
	return view, nil
}

// shape is the part of the form that a payload depends on. Of what is not filled in yet nothing is said.
func (f webhookForm) shape(isNew bool) (webhookChange, error) {
	ch := webhookChange{dialect: given(f.Dialect)}
	if names := append(f.events, splitList(f.More)...); len(names) > 0 {
		ch.events = given(names)
	}
	if url := strings.TrimSpace(f.URL); url != "" {
		ch.url = given(url)
	}
	if isNew {
		switch {
		case f.SecretMode == secretNone:
			ch.secret = maybe[string]{given: true, null: true}
		case f.SecretMode == secretOwn && f.Secret != "":
			ch.secret = given(f.Secret)
		}
	}
	var err error
	ch.headers, err = parseHeaderLines(f.Headers)
	return ch, err
}

// formMatches says which of the newest events a webhook would get after the form.
func (s *Server) formMatches(ctx context.Context, businessID int64, in webhookForm) (*dashboard.Matches, error) {
	ch, err := in.choice()
	if err == nil {
		var v matchesJSON
		if v, err = s.previewFilter(ctx, businessID, ch); err == nil {
			return s.matchesItem(v), nil
		}
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return &dashboard.Matches{Error: sentence(e)}, nil
	}
	return nil, err
}

func (s *Server) matchesItem(v matchesJSON) *dashboard.Matches {
	if v.LookedAt == 0 {
		return &dashboard.Matches{Empty: true}
	}
	m := &dashboard.Matches{Text: fmt.Sprintf("%s of the last %s", grouped(int64(v.Matched)), plural(int64(v.LookedAt), "event", "events")),
		Share: 100 * float64(v.Matched) / float64(v.LookedAt), None: v.Matched == 0}
	for _, e := range v.Examples {
		m.Examples = append(m.Examples, dashboard.HomeEvent{ID: e.ID, Type: e.Type, At: dashboard.NewWhen(e.At.Time, s.now())})
	}
	return m
}

// choice is the part of the form that says which events come.
func (f webhookForm) choice() (webhookChange, error) {
	ch := webhookChange{dialect: given(f.Dialect), events: given(append(f.events, splitList(f.More)...)), filter: f.filter()}
	var err error
	ch.number, err = wholeNumber[int64]("number_id", f.Number)
	return ch, err
}

// pageEventType describes one type of event in one dialect, for who chooses events.
func (s *Server) pageEventType(c *fiber.Ctx, who caller) error {
	d, err := queryDialect(c)
	if err != nil {
		return err
	}
	v, err := s.eventType(d, strings.Clone(c.Params("name")), who.Business)
	if err != nil {
		return err
	}
	view := dashboard.EventType{Shell: shell(who, v.Name), Above: []dashboard.Crumb{{Label: "Webhooks", Path: "/webhooks"}}, Name: v.Name, Description: v.Description, When: v.When,
		Aliases: v.Aliases, Dialect: d.Name, Sample: string(v.Sample), Schema: string(v.Schema)}
	for _, name := range dialect.Names() {
		view.Dialects = append(view.Dialects, dashboard.Tab{Label: name, Path: "/webhooks/events/" + v.Name + "?dialect=" + name, Current: name == d.Name})
	}
	return s.render(c, http.StatusOK, view)
}
