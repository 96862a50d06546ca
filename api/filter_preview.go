package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerFilterPreview(r fiber.Router) {
	r.Post("/webhooks/filter-preview", s.client(s.handleFilterPreview))
}

const (
	// previewed is how many of the newest events a preview looks at, previewExamples how many of those that match it shows.
	previewed       = 1000
	previewExamples = 5
)

// matchesJSON is what a webhook would have got of the newest events.
type matchesJSON struct {
	LookedAt int           `json:"looked_at"` // at most 1,000
	Since    *event.Time   `json:"since"`     // the oldest of them; null: there are none
	Matched  int           `json:"matched"`
	Examples []exampleJSON `json:"examples"` // the newest of those that match
}

type exampleJSON struct {
	ID   string     `json:"id"`
	Type string     `json:"type"`
	At   event.Time `json:"at"`
}

func (s *Server) handleFilterPreview(c *fiber.Ctx, who caller) error {
	o := parseObject(c.Request().Body(), "filter", "events", "number_id", "dialect")
	ch := webhookChange{filter: member[json.RawMessage](o, "filter", "a condition such as {\"field\":\"message.type\",\"eq\":\"text\"}"),
		events: member[[]string](o, "events", "a list of event names"), number: member[int64](o, "number_id", "the id of a number"), dialect: member[string](o, "dialect", "the name of a dialect")}
	if o.err != nil {
		return o.err
	}
	v, err := s.previewFilter(c.UserContext(), who.Business, ch)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, v)
}

// previewFilter tells what a webhook of a business would have got, had it been made with a change.
func (s *Server) previewFilter(ctx context.Context, businessID int64, ch webhookChange) (matchesJSON, error) {
	v := matchesJSON{Examples: []exampleJSON{}}
	w := models.Webhook{BusinessID: businessID, Dialect: dialect.Default, Events: []string{"*"}}
	for _, step := range []func(*models.Webhook) error{ch.applyEvents, ch.applyFilter} {
		if err := step(&w); err != nil {
			return v, err
		}
	}
	if ch.number.given && !ch.number.null {
		ns, err := s.store.Numbers(ctx, businessID)
		if err != nil {
			return v, err
		}
		if !slices.ContainsFunc(ns, func(n models.Number) bool { return n.ID == ch.number.value }) {
			return v, invalid("number_id", codeInvalid, "is not one of your numbers")
		}
		w.NumberID = &ch.number.value
	}
	m, err := fanout.NewMatcher(w)
	if err != nil {
		return v, err
	}
	newest, err := s.store.NewestEvents(ctx, businessID, previewed)
	for _, e := range newest {
		v.LookedAt, v.Since = v.LookedAt+1, &event.Time{Time: e.CreatedAt}
		if !m.Match(e) {
			continue
		}
		if v.Matched++; len(v.Examples) < previewExamples {
			v.Examples = append(v.Examples, exampleJSON{event.Key(e.Key).EventID(), e.Type, event.Time{Time: e.CreatedAt}})
		}
	}
	return v, err
}
