package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"wabagate/fanout/canon"
)

// respell is the same JSON in other characters: white space, members in another order, what is not ASCII as escapes. Whoever
// parses and writes it again arrives at other bytes, in whatever language. Numbers are left as they are, for who was promised an
// integer may refuse 2.0, and so are letters, for some readers of moments, Go's among them, do not understand escapes.
func respell(body []byte) ([]byte, error) {
	dst, err := appendRespelled(nil, body, "\n")
	if err != nil {
		return nil, fmt.Errorf("spell otherwise: %w", err)
	}
	return append(dst, '\n'), nil
}

func appendRespelled(dst []byte, value json.RawMessage, indent string) ([]byte, error) {
	inner := indent + "\t"
	switch value = bytes.TrimSpace(value); value[0] {
	case '{':
		var members map[string]json.RawMessage
		if err := json.Unmarshal(value, &members); err != nil {
			return nil, err
		}
		open := byte('{')
		names := slices.Sorted(maps.Keys(members))
		for _, name := range slices.Backward(names) {
			dst = append(append(dst, open), inner...)
			dst = append(appendEscaped(dst, name), " : "...)
			var err error
			if dst, err = appendRespelled(dst, members[name], inner); err != nil {
				return nil, err
			}
			open = ','
		}
		if len(names) == 0 {
			dst = append(dst, '{')
		}
		return append(append(dst, indent...), '}'), nil
	case '[':
		var elements []json.RawMessage
		if err := json.Unmarshal(value, &elements); err != nil {
			return nil, err
		}
		dst = append(dst, '[')
		for i, e := range elements {
			if i > 0 {
				dst = append(dst, " ,"...)
			}
			dst = append(dst, inner...)
			var err error
			if dst, err = appendRespelled(dst, e, inner); err != nil {
				return nil, err
			}
		}
		return append(append(dst, indent...), ']'), nil
	case '"':
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, err
		}
		return appendEscaped(dst, text), nil
	}
	return append(dst, value...), nil
}

// appendEscaped writes a text in ASCII.
func appendEscaped(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r < ' ' || r > '~':
			dst = appendEscape(dst, r)
		case r == '"' || r == '\\' || r == '/':
			dst = append(dst, '\\', byte(r))
		default:
			dst = append(dst, byte(r))
		}
	}
	return append(dst, '"')
}

func appendEscape(dst []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}

// dumped is canonical JSON as Python's json.dumps writes it unless told otherwise: a space after each comma and colon, and
// nothing beyond ASCII. Receivers that verify what they wrote themselves accept this and refuse what was sent.
func dumped(body []byte) []byte {
	dst := make([]byte, 0, len(body)+len(body)/8)
	inside, escaped := false, false
	for _, r := range string(body) {
		switch {
		case r >= utf8.RuneSelf:
			dst = appendEscape(dst, r)
			escaped = false
			continue
		case inside && escaped:
			escaped = false
		case inside && r == '\\':
			escaped = true
		case r == '"':
			inside = !inside
		}
		dst = append(dst, byte(r))
		if !inside && (r == ',' || r == ':') {
			dst = append(dst, ' ')
		}
	}
	return dst
}

// changed is the canonical JSON of a body in which change has had its way with every text and every object: a text is
// replaced by what change returns for it and its member's name, objects may be added to.
func changed(body []byte, text func(name, text string) string, object func(map[string]any)) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("change a body: %w", err)
	}
	return canon.Marshal(walk("", value, text, object))
}

func walk(name string, value any, text func(name, text string) string, object func(map[string]any)) any {
	switch v := value.(type) {
	case string:
		return text(name, v)
	case []any:
		for i := range v {
			v[i] = walk(name, v[i], text, object)
		}
	case map[string]any:
		for key := range v {
			v[key] = walk(key, v[key], text, object)
		}
		object(v)
	}
	return value
}

// The names that no version of the gateway uses.
const (
	unknownType   = "check.unheard_of"
	unknownMember = "check_unheard_of"
)

// unheard is a body as a later version might send it: its type is new, and every object has a member more.
func unheard(body []byte, typ string) ([]byte, error) {
	return changed(body, func(name, text string) string {
		if text == typ && (name == "type" || name == "event" || name == "field") {
			return unknownType
		}
		return text
	}, func(o map[string]any) { o[unknownMember] = "new" })
}

// largeText is the size of a large message's text in bytes.
const largeText = 100 << 10

// swollen is a body whose message is largeText long.
func swollen(body []byte, said string) ([]byte, error) {
	const line = "A long message. رسالة طويلة. "
	long := strings.Repeat(line, largeText/len(line)+1)
	return changed(body, func(_, text string) string {
		if text == said {
			return long
		}
		return text
	}, func(map[string]any) {})
}
