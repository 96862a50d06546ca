package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
)

func (s *Server) registerEventTypes(r fiber.Router) {
	r.Get("/event-types", s.client(s.handleEventTypes))
	r.Get("/event-types/:name", s.client(s.handleEventType))
	r.Get("/dialects", s.client(s.handleDialects))
}

type eventTypeJSON struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Aliases     []string `json:"aliases"`
	// Emitted is false for what can be subscribed to but is not made by this version yet.
	Emitted bool `json:"emitted"`
	// Sample is a payload in the dialect asked for, Schema the JSON Schema of such payloads; null where it has no form.
	Sample json.RawMessage `json:"sample"`
	Schema json.RawMessage `json:"schema"`
}

func (s *Server) handleEventTypes(c *fiber.Ctx, who caller) error {
	d, err := queryDialect(c)
	if err != nil {
		return err
	}
	var types []eventTypeJSON
	for _, t := range event.Catalogue() {
		v, err := eventTypeView(d, t, who.Business, s.now())
		if err != nil {
			return err
		}
		types = append(types, v)
	}
	return reply(c, http.StatusOK, map[string][]eventTypeJSON{"event_types": types})
}

// handleEventType shows one type, under its name or one of its aliases.
func (s *Server) handleEventType(c *fiber.Ctx, who caller) error {
	d, err := queryDialect(c)
	if err != nil {
		return err
	}
	name := strings.Clone(c.Params("name"))
	canonical, _ := event.Resolve(name)
	t, ok := event.Lookup(canonical)
	if !ok {
		e := unknownEvent("", name)
		e.Status = http.StatusNotFound
		return e
	}
	v, err := eventTypeView(d, t, who.Business, s.now())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]eventTypeJSON{"event_type": v})
}

// queryDialect is the dialect that a request asks for; the default when it asks for none.
func queryDialect(c *fiber.Ctx) (dialect.Dialect, error) {
	d, ok := dialect.Lookup(c.Query("dialect", dialect.Default))
	if !ok {
		return d, invalid("dialect", codeInvalid, "is not one of %s", strings.Join(dialect.Names(), ", "))
	}
	return d, nil
}

func eventTypeView(d dialect.Dialect, t event.Type, businessID int64, now time.Time) (eventTypeJSON, error) {
	v := eventTypeJSON{Name: t.Name, Description: t.Description, Aliases: append([]string{}, t.Aliases...), Emitted: t.Emitted}
	e, err := sample(t.Name, businessID, now)
	if err != nil {
		return v, err
	}
	body, err := d.Render(nil, e)
	if errors.Is(err, dialect.ErrNoShape) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.Sample = bytes.TrimSpace(body)
	if v.Schema, err = d.Schema(t.Name); errors.Is(err, dialect.ErrNoShape) {
		err = nil
	}
	return v, err
}

type dialectJSON struct {
	Name          string  `json:"name"`
	Default       bool    `json:"default"`
	Timeout       int64   `json:"timeout"`        // seconds
	RetrySchedule []int64 `json:"retry_schedule"` // seconds
	// Challenge is true where a receiver has to be verified before it gets events.
	Challenge bool `json:"challenge"`
}

func (s *Server) handleDialects(c *fiber.Ctx, _ caller) error {
	var all []dialectJSON
	for _, name := range dialect.Names() {
		d, _ := dialect.Lookup(name)
		all = append(all, dialectJSON{Name: name, Default: name == dialect.Default, Timeout: int64(d.Manners.Timeout / time.Second), RetrySchedule: inSeconds(d.Manners.Schedule),
			Challenge: d.Manners.Challenge})
	}
	return reply(c, http.StatusOK, map[string][]dialectJSON{"dialects": all})
}
