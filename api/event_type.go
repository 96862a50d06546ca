package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
)

func (s *Server) registerEventTypes(r fiber.Router) {
	r.Get("/event-types", s.client(s.handleEventTypes))
	r.Get("/dialects", s.client(s.handleDialects))
}

type eventTypeJSON struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Aliases     []string `json:"aliases"`
	// Emitted is false for what can be subscribed to but is not made by this version yet.
	Emitted bool `json:"emitted"`
	// Sample is a payload in the dialect asked for; null where it has no form.
	Sample json.RawMessage `json:"sample"`
}

func (s *Server) handleEventTypes(c *fiber.Ctx, who caller) error {
	d, ok := dialect.Lookup(c.Query("dialect", dialect.Default))
	if !ok {
		return invalid("dialect", codeInvalid, "is not one of %s", strings.Join(dialect.Names(), ", "))
	}
	types, err := eventTypesView(d, who.Business, s.now())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string][]eventTypeJSON{"event_types": types})
}

func eventTypesView(d dialect.Dialect, businessID int64, now time.Time) ([]eventTypeJSON, error) {
	var types []eventTypeJSON
	for _, t := range event.Catalogue() {
		v := eventTypeJSON{Name: t.Name, Description: t.Description, Aliases: append([]string{}, t.Aliases...), Emitted: t.Emitted}
		e, err := sample(t.Name, businessID, now)
		if err != nil {
			return nil, err
		}
		if body, err := d.Render(nil, e); err == nil {
			v.Sample = bytes.TrimSpace(body)
		}
		types = append(types, v)
	}
	return types, nil
}

type dialectJSON struct {
	Name          string  `json:"name"`
	Default       bool    `json:"default"`
	Timeout       int64   `json:"timeout"`        // seconds
	RetrySchedule []int64 `json:"retry_schedule"` // seconds
}

func (s *Server) handleDialects(c *fiber.Ctx, _ caller) error {
	var all []dialectJSON
	for _, name := range dialect.Names() {
		d, _ := dialect.Lookup(name)
		all = append(all, dialectJSON{Name: name, Default: name == dialect.Default, Timeout: int64(d.Manners.Timeout / time.Second), RetrySchedule: inSeconds(d.Manners.Schedule)})
	}
	return reply(c, http.StatusOK, map[string][]dialectJSON{"dialects": all})
}
