package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// reply answers with JSON as JavaScript would write it: compact, no HTML escapes.
func reply(c *fiber.Ctx, status int, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	return replyText(c, status, b)
}

// encode writes an answer.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// replyText answers with JSON that is written already.
func replyText(c *fiber.Ctx, status int, text json.RawMessage) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	return c.Status(status).Send(text)
}

// maybe is a member of a JSON object: absent, null, or a value.
type maybe[T any] struct {
	given, null bool
	value       T
}

// object is a JSON object under examination. The first thing wrong with it stays in err.
type object struct {
	members map[string]json.RawMessage
	err     error
}

// parseObject reads an object that has no other members than those named. No body at all is an empty object.
func parseObject(body []byte, names ...string) *object {
	o := &object{}
	if len(bytes.TrimSpace(body)) == 0 {
		return o
	}
	if err := json.Unmarshal(body, &o.members); err != nil || o.members == nil {
		o.err = &Error{Status: http.StatusBadRequest, Code: "malformed_json", Message: "the body is not a JSON object" + whereWrong(err)}
		return o
	}
	for _, name := range slices.Sorted(maps.Keys(o.members)) {
		if slices.Contains(names, name) {
			continue
		}
		o.err = invalid(name, codeUnknownField, "is not a field here; known are %s", strings.Join(names, ", "))
		if len(names) == 0 {
			o.err = invalid(name, codeUnknownField, "is not a field here; this takes no body")
		}
		return o
	}
	return o
}

func whereWrong(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf(": %s at byte %d", syntax.Error(), syntax.Offset)
	}
	return ""
}

// member reads one member; want says in words what it has to be.
func member[T any](o *object, name, want string) maybe[T] {
	var m maybe[T]
	raw, ok := o.members[name]
	if !ok || o.err != nil {
		return m
	}
	m.given, m.null = true, string(raw) == "null"
	if m.null {
		return m
	}
	if err := json.Unmarshal(raw, &m.value); err != nil {
		o.err = invalid(name, codeInvalid, "must be %s", want)
	}
	return m
}

// flag is a boolean that also reads 1 and 0, as other products write it.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "true", "1":
		*f = true
	case "false", "0":
		*f = false
	default:
		return errors.New("not a boolean")
	}
	return nil
}

// pathID reads a numeric id from the path. One that cannot be an id is not found.
func pathID(c *fiber.Ctx, name string) (int64, error) {
	id, err := strconv.ParseInt(c.Params(name), 10, 64)
	if err != nil || id <= 0 {
		return 0, ofStatus(http.StatusNotFound)
	}
	return id, nil
}

// number reads a whole number within bounds; an empty text gives def.
func number(field, text string, def, least, most int) (int, error) {
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, invalid(field, codeInvalid, "must be a whole number from %d to %d", least, most)
	}
	return n, nil
}

// cursor reads where a list goes on; empty is the beginning.
func cursor(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, invalid("cursor", codeInvalid, "is not one that a list gave out")
	}
	return n, nil
}

// maxYear is before ids, which lists are narrowed by, run out of time.
const maxYear = 2090

// moment reads a time as RFC 3339 or as Unix seconds; empty is the zero time.
func moment(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if s, numeric := strconv.ParseInt(text, 10, 64); numeric == nil {
		t, err = time.Unix(s, 0).UTC(), nil
	}
	if err != nil || t.Year() < 1970 || t.Year() > maxYear {
		return time.Time{}, invalid(field, codeInvalid, "must be a time such as 2026-11-21T10:00:00Z or Unix seconds")
	}
	return t, nil
}
