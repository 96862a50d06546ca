package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
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
	Name        string `json:"name"`
	Description string `json:"description"`
	// When says what brings it: a field of the platform, or the gateway itself.
	When string `json:"when"`
	// Field is the upstream field that brings it; empty where none is promised.
	Field   string   `json:"field"`
	Aliases []string `json:"aliases"`
	// Dialects are those that have a form for it.
	Dialects []string `json:"dialects"`
	// Emitted is false for what can be subscribed to but is not made by this version yet.
	Emitted bool `json:"emitted"`
	// Sample is a payload in the dialect asked for, Schema the JSON Schema of such payloads; null where it has no form.
	Sample json.RawMessage `json:"sample"`
	Schema json.RawMessage `json:"schema"`
	// DataSchema is the JSON Schema of the event's data, whatever the dialect: what filters look at and what is pulled.
	DataSchema json.RawMessage `json:"data_schema"`
}

// typeList is the types as one dialect has them.
type typeList struct {
	types []eventTypeJSON
	// list is the answer that holds all of them: half a megabyte that is the same for everybody.
	list json.RawMessage
}

// typesByDialect describes the types once, when somebody asks for a dialect. The samples of lists are of that moment and of
// nobody's business.
func typesByDialect(now func() time.Time) map[string]func() (*typeList, error) {
	all := map[string]func() (*typeList, error){}
	for _, name := range dialect.Names() {
		d, _ := dialect.Lookup(name)
		all[name] = sync.OnceValues(func() (*typeList, error) { return describeTypes(d, now()) })
	}
	return all
}

func describeTypes(d dialect.Dialect, now time.Time) (*typeList, error) {
	var known typeList
	for _, t := range event.Catalogue() {
		v, err := describeType(d, t)
		if err != nil {
			return nil, err
		}
		if v.Sample, err = payloadSample(d, t.Name, 1, now); err != nil {
			return nil, err
		}
		known.types = append(known.types, v)
	}
	var err error
	known.list, err = encode(map[string][]eventTypeJSON{"event_types": known.types})
	return &known, err
}

func describeType(d dialect.Dialect, t event.Type) (eventTypeJSON, error) {
	v := eventTypeJSON{Name: t.Name, Description: t.Description, When: whenComes(t), Field: t.Field, Aliases: append([]string{}, t.Aliases...), Dialects: []string{}, Emitted: t.Emitted}
	for _, name := range dialect.Names() {
		if other, _ := dialect.Lookup(name); other.Speaks(t.Name) {
			v.Dialects = append(v.Dialects, name)
		}
	}
	var err error
	if v.DataSchema, err = event.DataSchema(t.Name); err != nil {
		return v, err
	}
	if v.Schema, err = d.Schema(t.Name); errors.Is(err, dialect.ErrNoShape) {
		err = nil
	}
	return v, err
}

// whenComes says in words what brings events of a type.
func whenComes(t event.Type) string {
	switch {
	case !t.Derived && t.Field != "":
		return fmt.Sprintf("WhatsApp tells of it, in the field %s of a callback.", t.Field)
	case t.Field != "":
		return fmt.Sprintf("The gateway concludes it, from the field %s of a callback or from what the business does here.", t.Field)
	}
	return "The gateway concludes it by itself."
}

func (s *Server) handleEventTypes(c *fiber.Ctx, _ caller) error {
	d, err := queryDialect(c)
	if err != nil {
		return err
	}
	known, err := s.types[d.Name]()
	if err != nil {
		return err
	}
	return replyText(c, http.StatusOK, known.list)
}

// handleEventType shows one type, under its name or one of its aliases.
func (s *Server) handleEventType(c *fiber.Ctx, who caller) error {
	d, err := queryDialect(c)
	if err != nil {
		return err
	}
	v, err := s.eventType(d, strings.Clone(c.Params("name")), who.Business)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]eventTypeJSON{"event_type": v})
}

// eventType is one type as a dialect has it, under its name or one of its aliases, with a sample in the name of a business.
func (s *Server) eventType(d dialect.Dialect, name string, businessID int64) (eventTypeJSON, error) {
	canonical, _ := event.Resolve(name)
	known, err := s.types[d.Name]()
	if err != nil {
		return eventTypeJSON{}, err
	}
	i := slices.IndexFunc(known.types, func(t eventTypeJSON) bool { return t.Name == canonical })
	if i < 0 {
		e := unknownEvent("", name)
		e.Status = http.StatusNotFound
		return eventTypeJSON{}, e
	}
	v := known.types[i]
	v.Sample, err = payloadSample(d, v.Name, businessID, s.now())
	return v, err
}

// queryDialect is the dialect that a request asks for; the default when it asks for none.
func queryDialect(c *fiber.Ctx) (dialect.Dialect, error) {
	d, ok := dialect.Lookup(c.Query("dialect", dialect.Default))
	if !ok {
		return d, invalid("dialect", codeInvalid, "is not one of %s", strings.Join(dialect.Names(), ", "))
	}
	return d, nil
}

// payloadSample is a body in a dialect; nil for a type that it has no form for.
func payloadSample(d dialect.Dialect, typ string, businessID int64, now time.Time) (json.RawMessage, error) {
	if !d.Speaks(typ) {
		return nil, nil
	}
	e, err := sampleIn(d, typ, businessID, now)
	if err != nil {
		return nil, err
	}
	body, err := d.Render(nil, e)
	if errors.Is(err, dialect.ErrNoShape) {
		return nil, nil
	}
	return bytes.TrimSpace(body), err
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
