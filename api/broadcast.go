package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout"
	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerBroadcasts(r fiber.Router) {
	r.Get("/broadcasts", s.client(s.handleBroadcastList))
	r.Post("/broadcasts", s.client(s.handleBroadcastCreate))
	r.Get("/broadcasts/:id<int>", s.client(s.handleBroadcastGet))
	s.registerPlans(r)
	s.registerRecipients(r)
	s.registerOptOuts(r)
}

const (
	maxTemplateName = 512 // the platform's own limit
	maxRecipients   = 1_000_000_000
)

// broadcastJSON is one template sent to many, with how far it got.
type broadcastJSON struct {
	ID              int64       `json:"id"`
	Reference       string      `json:"reference"`
	Name            string      `json:"name"`
	TemplateName    string      `json:"template_name"`
	NumberID        *int64      `json:"number_id"`        // null: several, or not known
	Status          string      `json:"status"`           // running or completed; of one that the gateway sends see planStatus
	TotalRecipients *int64      `json:"total_recipients"` // null: not known
	Sent            int64       `json:"sent"`
	Delivered       int64       `json:"delivered"`
	Read            int64       `json:"read"`
	Failed          int64       `json:"failed"`
	StartedAt       event.Time  `json:"started_at"`
	CompletedAt     *event.Time `json:"completed_at"` // every recipient reached sent or failed; null: not yet
	// Failures are the reasons of those that failed, the most frequent first.
	Failures []event.Failure `json:"failures"`
	Plan     *planJSON       `json:"plan"` // null: it is sent elsewhere
}

// broadcastView is a broadcast that is sent elsewhere.
func broadcastView(b models.Broadcast) broadcastJSON {
	v := broadcastJSON{ID: b.ID, Reference: b.Reference, Name: b.Name, TemplateName: b.TemplateName, Status: "running", Sent: b.Sent, Delivered: b.Delivered,
		Read: b.Read, Failed: b.Failed, StartedAt: event.Time{Time: b.StartedAt}, CompletedAt: timeView(b.CompletedAt)}
	if v.Failures = fanout.Failures(&b); v.Failures == nil {
		v.Failures = []event.Failure{}
	}
	if v.CompletedAt != nil {
		v.Status = "completed"
	}
	if b.NumberID != 0 {
		v.NumberID = &b.NumberID
	}
	if b.Total != 0 {
		v.TotalRecipients = &b.Total
	}
	return v
}

// broadcastList is a page of broadcasts.
type broadcastList struct {
	Broadcasts []broadcastJSON `json:"broadcasts"`
	Next       string          `json:"next_cursor,omitempty"`
}

func (s *Server) handleBroadcastList(c *fiber.Ctx, who caller) error {
	before, limit, err := page(c.Query)
	if err != nil {
		return err
	}
	rows, err := s.store.ListBroadcasts(c.UserContext(), who.Business, before, limit+1)
	if err != nil {
		return err
	}
	rows, next := cut(rows, limit, func(b models.Broadcast) int64 { return b.ID })
	list, err := s.broadcastViews(c.UserContext(), who.Business, rows...)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, broadcastList{list, next})
}

func (s *Server) handleBroadcastGet(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	b, err := s.store.BroadcastByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	list, err := s.broadcastViews(c.UserContext(), who.Business, b)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]broadcastJSON{"broadcast": list[0]})
}

// parseBroadcast reads a broadcast that is sent elsewhere. Its messages are known by its reference, which they carry in
// their tracking strings.
func parseBroadcast(body []byte) (models.Broadcast, error) {
	o := parseObject(body, "reference", "name", "template_name", "total_recipients", "number_id")
	reference, name, template := member[string](o, "reference", "text"), member[string](o, "name", "text"), member[string](o, "template_name", "text")
	total, number := member[int64](o, "total_recipients", "a whole number"), member[int64](o, "number_id", "the id of a number, or null for several")
	if o.err != nil {
		return models.Broadcast{}, o.err
	}
	b := models.Broadcast{Reference: strings.TrimSpace(reference.value), Name: strings.TrimSpace(name.value), TemplateName: strings.TrimSpace(template.value),
		Total: total.value, NumberID: number.value}
	if err := checkText("reference", b.Reference, true, maxReference); err != nil {
		return b, err
	}
	if err := checkText("name", b.Name, false, maxName); err != nil {
		return b, err
	}
	if err := checkText("template_name", b.TemplateName, false, maxTemplateName); err != nil {
		return b, err
	}
	switch {
	case strings.ContainsAny(b.Reference, ";\r\n"):
		return b, invalid("reference", codeInvalid, "must not hold a semicolon or a line break: it is written into tracking strings as broadcast=…;")
	case !total.given || total.null:
		return b, invalid("total_recipients", codeRequired, "is required: it says when the broadcast is complete")
	case b.Total < 1 || b.Total > maxRecipients:
		return b, invalid("total_recipients", codeInvalid, "must be from 1 to %d", maxRecipients)
	}
	return b, nil
}

// broadcastRegistered says that a broadcast that is sent elsewhere is known.
type broadcastRegistered struct {
	ID        int64         `json:"id"`
	Message   string        `json:"message"`
	Broadcast broadcastJSON `json:"broadcast"`
}

// handleBroadcastCreate makes a broadcast that the gateway is to send or, where nothing is given to be sent, makes one known
// that is sent elsewhere, or says more about one that was noticed before it was registered.
func (s *Server) handleBroadcastCreate(c *fiber.Ctx, who caller) error {
	if plans(c.Request().Body()) {
		return s.createDraft(c, who)
	}
	b, err := s.registerElsewhere(c.UserContext(), who.Business, c.Request().Body())
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, broadcastRegistered{b.ID, "Broadcast registered.", broadcastView(b)})
}

// registerElsewhere makes a broadcast known that is sent elsewhere, as a body says it.
func (s *Server) registerElsewhere(ctx context.Context, businessID int64, body []byte) (models.Broadcast, error) {
	b, err := parseBroadcast(body)
	if err != nil {
		return b, err
	}
	b.BusinessID = businessID
	if b.NumberID != 0 {
		ns, err := s.store.Numbers(ctx, businessID)
		if err != nil {
			return b, err
		}
		if !owns(ns, b.NumberID) {
			return b, invalid("number_id", codeInvalid, "is not one of your numbers")
		}
	}
	planned, err := s.store.PlannedReference(ctx, businessID, b.Reference)
	if err != nil {
		return b, err
	}
	if planned {
		return b, invalid("reference", codeInvalid, "is that of a broadcast that the gateway sends: it is counted already")
	}
	if b, err = s.recorder.RegisterBroadcast(ctx, b); err == nil {
		noteOf(ctx).about("broadcast", b.ID, b.Name)
	}
	return b, err
}
