package api

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/models"
)

// How the form asks for a secret.
const (
	secretGenerate = "generate"
	secretOwn      = "own"
	secretNone     = "none"
)

// noRetries is how a person writes an empty schedule.
const noRetries = "none"

// webhookForm is the dashboard's form for a webhook, as it was filled in.
type webhookForm struct {
	dashboard.FormValues
	events []string
	// draft is what a person wants to see of the form before it is kept: draftPreview or draftMatches; empty: it is to be kept.
	draft string
}

// What can be seen of a form before it is kept. The names are those of the buttons, and of the parts of the page.
const (
	draftPreview = "preview"
	draftMatches = "matches"
)

// previewed is the type of event that the form's preview is of: the chosen one, or the first that the webhook gets.
func (f webhookForm) previewed() string {
	if f.PreviewEvent != "" {
		return f.PreviewEvent
	}
	for _, name := range f.events {
		canonical, _ := event.Resolve(name)
		if _, ok := event.Lookup(canonical); ok {
			return canonical
		}
	}
	return event.MessageReceived
}

// change reads the form into what the JSON API would have said. A form says everything, so that an emptied field goes
// back to its default; only the secret of a webhook that is there already has a button of its own.
func (f webhookForm) change(isNew bool) (webhookChange, error) {
	ch := webhookChange{name: given(f.Name), url: given(strings.TrimSpace(f.URL)), description: given(f.Description), dialect: given(f.Dialect),
		events: given(append(f.events, splitList(f.More)...))}
	if isNew {
		switch f.SecretMode {
		case secretOwn:
			ch.secret = given(f.Secret)
		case secretNone:
			ch.secret = maybe[string]{given: true, null: true}
		}
	}
	var err error
	if ch.number, err = wholeNumber[int64]("number_id", f.Number); err != nil {
		return ch, err
	}
	if ch.rate, err = wholeNumber[int]("rate_limit", f.Rate); err != nil {
		return ch, err
	}
	if ch.timeout, err = wholeNumber[int]("timeout", f.Timeout); err != nil {
		return ch, err
	}
	if ch.schedule, err = parseSchedule(f.Schedule); err != nil {
		return ch, err
	}
	ch.filter = f.filter()
	ch.ordering = maybe[string]{given: true, null: f.Ordering == "", value: f.Ordering}
	ch.auth = maybe[authChange]{given: true, null: true}
	switch f.AuthType { // what was typed for another type is left alone
	case "":
	case models.AuthBasic:
		ch.auth = given(authChange{kind: f.AuthType, user: f.AuthUser, password: f.AuthPassword})
	default:
		ch.auth = given(authChange{kind: f.AuthType, token: strings.TrimSpace(f.AuthToken)})
	}
	pair := certificateChange{plainLines(f.Certificate), plainLines(f.CertificateKey)}
	ch.certificate = maybe[certificateChange]{given: true, null: pair == certificateChange{}, value: pair}
	ch.headers, err = parseHeaderLines(f.Headers)
	return ch, err
}

// filter is the condition that was typed; null for none.
func (f webhookForm) filter() maybe[json.RawMessage] {
	if text := strings.TrimSpace(f.Filter); text != "" && text != "null" {
		return given(json.RawMessage(text))
	}
	return maybe[json.RawMessage]{given: true, null: true}
}

func given[T any](v T) maybe[T] { return maybe[T]{given: true, value: v} }

func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' })
}

// wholeNumber reads a number that may be left out.
func wholeNumber[T int | int64](field, text string) (maybe[T], error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return maybe[T]{given: true, null: true}, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return maybe[T]{}, invalid(field, codeInvalid, "must be a whole number")
	}
	return given(T(n)), nil
}

// parseSchedule reads waits such as "5s, 1m, 6h, 1d"; "none" is no retries, nothing is the dialect's.
func parseSchedule(text string) (maybe[schedule], error) {
	text = strings.ToLower(strings.TrimSpace(text))
	switch text {
	case "":
		return maybe[schedule]{given: true, null: true}, nil
	case noRetries:
		return given(schedule{}), nil
	}
	var s schedule
	for _, part := range splitList(text) {
		d, err := parseWait(part)
		if err != nil || d < time.Second || d > maxRetryWait || d%time.Second != 0 {
			return maybe[schedule]{}, invalid("retry_schedule", codeInvalid, "must be waits from 1s to 7d, such as 5s, 1m, 15m, 6h")
		}
		s = append(s, d)
	}
	return given(s), nil
}

// parseWait reads a duration that may also be in days or bare seconds.
func parseWait(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n > 365 {
			return 0, strconv.ErrRange
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	if _, err := strconv.Atoi(text); err == nil {
		text += "s"
	}
	return time.ParseDuration(text)
}

// parseHeaderLines reads one "Name: value" per line.
func parseHeaderLines(text string) (maybe[map[string]string], error) {
	headers := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if _, twice := headers[name]; !ok || twice {
			return maybe[map[string]string]{}, invalid("headers", codeInvalid, `must be one "Name: value" per line, each name once`)
		}
		headers[name] = strings.TrimSpace(value)
	}
	return given(headers), nil
}
