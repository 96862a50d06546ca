package broadcast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"wabagate/models"
	"wabagate/waba"
	"wabagate/waba/outgoing"
)

// MaxBody bounds the body of a broadcast, and MaxVariable what one variable may say, both in bytes.
const (
	MaxBody     = 64 << 10
	MaxVariable = 4 << 10
)

// Letter is the body of a broadcast: the platform's own, without a recipient, in which {{name}} stands for what the
// recipient's variable of that name says. Names are of any characters but braces, at most 64; spaces around them do not
// count. Placeholders stand in values that are texts. Make it with ParseLetter.
type Letter struct {
	parts []part
	names []string
}

// part is a piece of the body's JSON, or a placeholder within one of its texts.
type part struct {
	text        []byte
	placeholder string // empty: text
}

var placeholder = regexp.MustCompile(`\{\{\s*([^{}\s](?:[^{}]{0,62}[^{}\s])?)\s*\}\}`)

// ParseLetter reads a body and checks what can be checked without recipients. The error is always of type
// [outgoing.Errors].
func ParseLetter(body []byte) (Letter, error) {
	if len(body) > MaxBody {
		return Letter{}, problem("", "the body has more than %d KiB", MaxBody>>10)
	}
	var members map[string]json.RawMessage
	if !utf8.Valid(body) || json.Unmarshal(body, &members) != nil || members == nil {
		return Letter{}, problem("", "the body must be a JSON object")
	}
	for _, of := range []string{"to", "recipient"} {
		if _, given := members[of]; given {
			return Letter{}, problem(of, "must not be given: each recipient's own is put in")
		}
	}
	var kind string
	if raw, given := members["recipient_type"]; given && (json.Unmarshal(raw, &kind) != nil || kind != "individual") {
		return Letter{}, problem("recipient_type", "must be individual: a broadcast goes to people")
	}
	if _, given := members["status"]; given {
		return Letter{}, problem("status", "must not be given: a broadcast sends messages, and marks none as read")
	}
	l, err := cutUp(body)
	if err != nil {
		return Letter{}, err
	}
	if problems := l.problems(); len(problems) > 0 {
		return Letter{}, problems
	}
	return l, nil
}

func problem(field, format string, args ...any) outgoing.Errors {
	return outgoing.Errors{{Field: field, Message: fmt.Sprintf(format, args...)}}
}

// cutUp finds the placeholders in the texts of a JSON body.
func cutUp(body []byte) (Letter, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return Letter{}, problem("", "the body is not JSON: %s", err)
	}
	body = compact.Bytes()
	var l Letter
	names := map[string]bool{}
	kept := 0 // what lies before is in the parts
	for i := 0; i < len(body); i++ {
		if body[i] != '"' {
			continue
		}
		end := i + 1
		for ; body[end] != '"'; end++ {
			if body[end] == '\\' {
				end++
			}
		}
		end++
		var text string
		if err := json.Unmarshal(body[i:end], &text); err != nil {
			return Letter{}, problem("", "the body is not JSON: %s", err)
		}
		if found := placeholder.FindAllStringSubmatchIndex(text, -1); found != nil {
			if end < len(body) && body[end] == ':' {
				return Letter{}, problem("", "%s is the name of a field: placeholders stand in values", clip(text))
			}
			l.parts = append(l.parts, part{text: append(bytes.Clone(body[kept:i]), '"')})
			from := 0
			for _, at := range found {
				name := text[at[2]:at[3]]
				names[name] = true
				l.parts = append(l.parts, part{text: escape(text[from:at[0]])}, part{placeholder: name})
				from = at[1]
			}
			l.parts = append(l.parts, part{text: append(escape(text[from:]), '"')})
			kept = end
		}
		i = end - 1
	}
	l.parts = append(l.parts, part{text: bytes.Clone(body[kept:])})
	l.names = slices.Sorted(maps.Keys(names))
	return l, nil
}

// escape is a text as it stands within the quotes of a JSON string.
func escape(text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // texts always marshal
	quoted := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	return quoted[1 : len(quoted)-1]
}

// clip shows a caller's own word, cut where it gets long.
func clip(word string) string {
	if runes := []rune(word); len(runes) > 40 {
		word = string(runes[:40]) + "…"
	}
	return fmt.Sprintf("%q", word)
}

// Names are those of the variables that every recipient must have, sorted. The list is the caller's to keep.
func (l Letter) Names() []string { return slices.Clone(l.names) }

// problems are those of the body whatever the variables say: what a placeholder stands for is a number or an address in
// one place, and any text in most.
func (l Letter) problems() outgoing.Errors {
	var all outgoing.Errors
	for i, value := range []string{"1", "https://example.com/1"} {
		variables := map[string]string{}
		for _, name := range l.names {
			variables[name] = value
		}
		_, err := l.For(models.Recipient{To: "15550177321", Variables: variables})
		var found outgoing.Errors
		if !errors.As(err, &found) {
			return nil
		}
		if i == 0 {
			all = found
		} else {
			all = slices.DeleteFunc(all, func(p outgoing.FieldError) bool {
				return !slices.ContainsFunc(found, func(other outgoing.FieldError) bool { return other.Field == p.Field })
			})
		}
	}
	return all
}

// For writes the message to a recipient. The error, of type [outgoing.Errors], says what is wrong with the recipient; the
// message is then as far as it came. Business, number and broadcast are the caller's to add.
func (l Letter) For(r models.Recipient) (models.Send, error) {
	body := l.fill(r)
	s := models.Send{Body: body, To: r.To, Recipient: r.UserID, SentBy: waba.OriginBroadcast, Place: r.Place}
	for _, name := range l.names {
		if value, given := r.Variables[name]; !given || strings.TrimSpace(value) == "" {
			return s, problem(name, "has no value")
		}
	}
	m, err := outgoing.Parse(body)
	if err != nil {
		return s, err
	}
	s.To, s.Recipient, s.Type, s.Text, s.ReplyTo, s.MediaURL, s.Tracking = m.To, m.Recipient, m.Type, m.Text, m.ReplyTo, m.MediaLink, m.Tracking
	return s, nil
}

// fill is the body to a recipient.
func (l Letter) fill(r models.Recipient) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, to := range []struct{ key, value string }{{"to", r.To}, {"recipient", r.UserID}} {
		if to.value != "" {
			fmt.Fprintf(&b, `"%s":"%s",`, to.key, escape(to.value))
		}
	}
	begun := b.Len()
	for _, p := range l.parts {
		if p.placeholder == "" {
			b.Write(p.text)
		} else {
			b.Write(escape(r.Variables[p.placeholder]))
		}
	}
	body := b.Bytes()
	rest := body[begun+1:] // without its brace
	if body[begun-1] == ',' && rest[0] == '}' {
		begun--
	}
	return append(body[:begun], rest...)
}
