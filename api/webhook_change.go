package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/filter"
	"wabagate/models"
)

// The limits of a webhook's fields.
const (
	maxName        = 100
	maxDescription = 500
	maxSecret      = 512
	maxEvents      = 100
	maxRetries     = 20
	maxRetryWait   = 7 * 24 * time.Hour
	maxTimeout     = 30
	maxRate        = 10_000
)

// webhookChange is what a request says about a webhook, through the API or a form. What is not given stays as it is.
type webhookChange struct {
	name, description, url, dialect maybe[string]
	events                          maybe[[]string]
	number                          maybe[int64]
	secret                          maybe[string]
	rate, timeout                   maybe[int]
	schedule                        maybe[schedule]
	headers                         maybe[map[string]string]
	active                          maybe[flag]
	filter                          maybe[json.RawMessage]
	ordering                        maybe[string]
	auth                            maybe[authChange]
	certificate                     maybe[certificateChange]
}

// schedule is a list of waits in seconds, or "none".
type schedule []time.Duration

func (s *schedule) UnmarshalJSON(b []byte) error {
	if string(b) == `"none"` {
		*s = schedule{}
		return nil
	}
	var seconds []int64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	*s = make(schedule, len(seconds))
	for i, n := range seconds {
		if n < 1 || n > int64(maxRetryWait/time.Second) {
			return errors.New("out of range")
		}
		(*s)[i] = time.Duration(n) * time.Second
	}
	return nil
}

// parseWebhook reads a request of the JSON API.
func parseWebhook(body []byte) (webhookChange, error) {
	o := parseObject(body, "name", "url", "events", "secret", "is_active", "description", "number_id", "dialect", "rate_limit",
		"retry_schedule", "timeout", "headers", "ordering", "filter", "auth", "client_certificate")
	ch := webhookChange{
		name:        member[string](o, "name", "text"),
		url:         member[string](o, "url", "text"),
		events:      member[[]string](o, "events", "a list of event names"),
		secret:      member[string](o, "secret", "text, or null for unsigned deliveries"),
		active:      member[flag](o, "is_active", "true or false"),
		description: member[string](o, "description", "text"),
		number:      member[int64](o, "number_id", "the id of a number, or null for all"),
		dialect:     member[string](o, "dialect", "text"),
		rate:        member[int](o, "rate_limit", "deliveries per second, or null for no limit"),
		schedule:    member[schedule](o, "retry_schedule", `"none" or a list of waits in seconds, each from 1 to 604800`),
		timeout:     member[int](o, "timeout", "a number of seconds"),
		headers:     member[map[string]string](o, "headers", "an object of names and texts"),
		filter:      member[json.RawMessage](o, "filter", "an object, or null for every event of the chosen types"),
		ordering:    member[string](o, "ordering", `"none" or "conversation"`),
	}
	auth, certificate := member[json.RawMessage](o, "auth", "an object or null"), member[json.RawMessage](o, "client_certificate", "an object or null")
	if o.err != nil {
		return ch, o.err
	}
	var err error
	if ch.auth, err = parseAuth(auth); err != nil {
		return ch, err
	}
	ch.certificate, err = parseCertificate(certificate)
	return ch, err
}

// newWebhook makes the webhook that a request asks for. generate makes the secret of a request that names none.
func (ch webhookChange) newWebhook(businessID int64, generate func() string) (models.Webhook, error) {
	w := models.Webhook{BusinessID: businessID, Dialect: dialect.Default, Active: true, Ordering: models.OrderNone}
	for _, f := range []struct {
		name  string
		given bool
	}{{"name", ch.name.given}, {"url", ch.url.given}, {"events", ch.events.given}} {
		if !f.given {
			return w, invalid(f.name, codeRequired, "is required")
		}
	}
	if !ch.secret.given {
		ch.secret = maybe[string]{given: true, value: generate()}
	}
	return w, ch.apply(&w)
}

// apply puts the change into a webhook; the first field that is wrong stops it. What takes a look at the world (where
// the URL leads, whose the number is) is not judged here.
func (ch webhookChange) apply(w *models.Webhook) error {
	for _, step := range []func(*models.Webhook) error{ch.applyTexts, ch.applyEvents, ch.applyFilter, ch.applySecret, ch.applyManners, ch.applyIdentity} {
		if err := step(w); err != nil {
			return err
		}
	}
	if ch.number.given {
		w.NumberID = nil
		if !ch.number.null {
			w.NumberID = &ch.number.value
		}
	}
	if ch.active.given {
		if ch.active.null {
			return invalid("is_active", codeInvalid, "must be true or false")
		}
		w.Active = bool(ch.active.value)
		if w.Active {
			w.DisabledReason = ""
		}
	}
	return nil
}

func (ch webhookChange) applyTexts(w *models.Webhook) error {
	if ch.name.given {
		w.Name = strings.TrimSpace(ch.name.value)
		if err := checkText("name", w.Name, true, maxName); err != nil {
			return err
		}
	}
	if ch.url.given {
		w.URL = strings.TrimSpace(ch.url.value)
		if w.URL == "" {
			return invalid("url", codeRequired, "is required")
		}
	}
	if ch.description.given {
		w.Description = strings.TrimSpace(ch.description.value)
		return checkText("description", w.Description, false, maxDescription)
	}
	return nil
}

func checkText(field, text string, required bool, most int) error {
	switch {
	case required && text == "":
		return invalid(field, codeRequired, "is required")
	case utf8.RuneCountInString(text) > most:
		return invalid(field, codeTooLong, "must have at most %d characters", most)
	case strings.ContainsRune(text, 0) || !utf8.ValidString(text):
		return invalid(field, codeInvalid, "must be text without NUL")
	}
	return nil
}

func (ch webhookChange) applyEvents(w *models.Webhook) error {
	if ch.dialect.given {
		w.Dialect = ch.dialect.value
		if w.Dialect == "" {
			w.Dialect = dialect.Default
		}
	}
	d, ok := dialect.Lookup(w.Dialect)
	if !ok {
		return invalid("dialect", codeInvalid, "is not one of %s", strings.Join(dialect.Names(), ", "))
	}
	if ch.events.given {
		w.Events = nil
		for _, name := range ch.events.value {
			if !slices.Contains(w.Events, name) {
				w.Events = append(w.Events, name)
			}
		}
	}
	if !ch.events.given && !ch.dialect.given {
		return nil
	}
	return checkEvents(d, w.Events)
}

// applyFilter keeps a filter compact but otherwise as its owner wrote it, in the order in which he will look for things.
func (ch webhookChange) applyFilter(w *models.Webhook) error {
	if !ch.filter.given {
		return nil
	}
	if ch.filter.null {
		w.Filter = nil
		return nil
	}
	if _, err := filter.Parse(ch.filter.value); err != nil {
		return invalid("filter", "filter_invalid", "%s", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, ch.filter.value); err != nil {
		return invalid("filter", "filter_invalid", "filter is not valid JSON: %s", err)
	}
	w.Filter = compact.Bytes()
	return nil
}

func checkEvents(d dialect.Dialect, names []string) error {
	switch {
	case len(names) == 0:
		return invalid("events", "events_empty", "must name at least one event; * is all of them")
	case len(names) > maxEvents:
		return invalid("events", codeTooLong, "must name at most %d events", maxEvents)
	}
	for _, name := range names {
		canonical, ok := event.Resolve(name)
		if !ok {
			return unknownEvent("events", name)
		}
		if t, ok := event.Lookup(canonical); ok && t.Derived && !d.Speaks(canonical) {
			return invalid("events", "event_unspoken", "%s never comes in the dialect %s, which passes on what the platform sent and nothing else", name, d.Name)
		}
	}
	return nil
}

func (ch webhookChange) applySecret(w *models.Webhook) error {
	if !ch.secret.given {
		return nil
	}
	if !ch.secret.null {
		if err := checkSecret(ch.secret.value); err != nil {
			return err
		}
	}
	w.SetSecret(models.Secret(ch.secret.value))
	return nil
}

func (ch webhookChange) applyManners(w *models.Webhook) error {
	if ch.rate.given {
		if ch.rate.value < 0 || ch.rate.value > maxRate {
			return invalid("rate_limit", codeInvalid, "must be from 1 to %d per second, or 0 for no limit", maxRate)
		}
		w.RateLimit = ch.rate.value
	}
	if ch.timeout.given {
		if !ch.timeout.null && (ch.timeout.value < 1 || ch.timeout.value > maxTimeout) {
			return invalid("timeout", codeInvalid, "must be from 1 to %d seconds", maxTimeout)
		}
		w.Timeout = time.Duration(ch.timeout.value) * time.Second
	}
	if ch.schedule.given {
		if len(ch.schedule.value) > maxRetries {
			return invalid("retry_schedule", codeTooLong, "must have at most %d waits", maxRetries)
		}
		w.RetrySchedule = ch.schedule.value // nil for null: the dialect's
	}
	if ch.ordering.given {
		if ch.ordering.null {
			ch.ordering.value = models.OrderNone
		}
		if ch.ordering.value != models.OrderNone && ch.ordering.value != models.OrderConversation {
			return invalid("ordering", codeInvalid, `must be "none", events as they come, or "conversation", those of one conversation one at a time`)
		}
		w.Ordering = ch.ordering.value
	}
	if ch.headers.given {
		kept, err := checkHeaders(ch.headers.value, w.Headers)
		if err != nil {
			return err
		}
		w.Headers = kept
	}
	return nil
}

// unknownEvent names the types that the writer may have meant.
func unknownEvent(field, name string) *Error {
	hint := "see GET /api/client/event-types"
	if near := nearEvents(name); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %s? (all are in GET /api/client/event-types)", strings.Join(near, " or "))
	}
	if utf8.RuneCountInString(name) > 60 {
		name = string([]rune(name)[:60]) + "…"
	}
	return invalid(field, "event_unknown", "there is no event %q; %s", name, hint)
}
