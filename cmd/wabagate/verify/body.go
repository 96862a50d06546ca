package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"wabagate/fanout/canon"
)

// form is a body as it may have been sent. flaws say what was done to it since.
type form struct {
	body  []byte
	flaws []Finding
}

// The advice that several findings give.
const (
	rawBody = "Verify the bytes as they came, before anything parses them: express.raw() in place of express.json(), request.get_data() in Flask, " +
		"php://input, io.ReadAll(r.Body)."
	wholeBody = "Verify exactly the bytes of the request: no line break behind them, nothing cut off; a proxy or a framework before the receiver may have a limit for bodies."
	plainUTF8 = "Read and store bodies as bytes, or as UTF-8 without a byte order mark on every step of the way."
)

// forms are what may have been sent when this arrived, the body as it is first. templates are samples in whose order members are
// written.
func forms(body []byte, templates []*node) []form {
	var all []form
	seen := map[string]bool{}
	add := func(b []byte, flaws ...Finding) {
		if !seen[string(b)] {
			seen[string(b)] = true
			all = append(all, form{b, flaws})
		}
	}
	add(body)
	for _, read := range readings(body) {
		if len(read.flaws) > 0 {
			add(read.body, read.flaws...)
		}
		trimmed := bytes.TrimSpace(read.body)
		add(trimmed, append(clone(read.flaws), Finding{Mistake: Cut, What: "The body has white space or a line break at its end or beginning that was not sent.", Do: wholeBody})...)
		canonical, err := canon.Append(nil, trimmed)
		if err != nil {
			continue
		}
		add(canonical, append(clone(read.flaws), rewritten(differences(trimmed, canonical)))...)
		for _, t := range templates {
			if ordered, ok := reorder(canonical, t); ok {
				add(ordered, append(clone(read.flaws), rewritten(append(differences(trimmed, canonical), "its members are in another order")))...)
			}
		}
	}
	return all
}

func clone(flaws []Finding) []Finding { return append([]Finding(nil), flaws...) }

func rewritten(how []string) Finding {
	return Finding{Mistake: Reserialised, What: "The body is not what was sent: it was parsed and written again" + because(how) + ".", Do: rawBody}
}

func because(how []string) string {
	if len(how) == 0 {
		return ""
	}
	return " (" + strings.Join(how, "; ") + ")"
}

// readings are what the bytes may have been before something read them in another encoding, as they are first.
func readings(body []byte) []form {
	all := []form{{body: body}}
	add := func(b []byte, ok bool, what string) {
		if ok && len(b) > 0 && !bytes.Equal(b, body) {
			all = append(all, form{b, []Finding{{Mistake: Encoding, What: what, Do: plainUTF8}}})
		}
	}
	bare, marked := bytes.CutPrefix(body, []byte("\ufeff"))
	add(bare, marked, "The body begins with a byte order mark that was not sent.")
	add(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), true, "The line breaks of the body were changed to CR LF.")
	wide, ok := fromUTF16(body)
	add(wide, ok, "The body was stored as UTF-16.")
	if !utf8.Valid(body) {
		text, err := charmap.ISO8859_1.NewDecoder().Bytes(body)
		add(text, err == nil, "The body was changed from UTF-8 to Latin-1.")
		text, err = charmap.Windows1252.NewDecoder().Bytes(body)
		add(text, err == nil, "The body was changed from UTF-8 to Windows-1252.")
	} else {
		text, err := charmap.ISO8859_1.NewEncoder().Bytes(body)
		add(text, err == nil && utf8.Valid(text), "The body was read as Latin-1 though it is UTF-8, and written again: é has become Ã©.")
		text, err = charmap.Windows1252.NewEncoder().Bytes(body)
		add(text, err == nil && utf8.Valid(text), "The body was read as Windows-1252 though it is UTF-8, and written again: é has become Ã©.")
	}
	coded, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(body)))
	add(coded, err == nil && json.Valid(coded), "The body is still base64, as some cloud functions hand it over (isBase64Encoded).")
	var text string
	add(nil, false, "")
	if json.Unmarshal(body, &text) == nil && json.Valid([]byte(text)) {
		add([]byte(text), true, "The body is JSON within a JSON string: it was made JSON twice.")
	}
	return all
}

func fromUTF16(body []byte) ([]byte, bool) {
	if len(body) < 2 || len(body)%2 != 0 {
		return nil, false
	}
	first, second := 0, 1 // where the high byte is
	switch {
	case body[0] == 0xfe && body[1] == 0xff, body[0] == 0:
	case body[0] == 0xff && body[1] == 0xfe, body[1] == 0:
		first, second = 1, 0
	default:
		return nil, false
	}
	units := make([]uint16, 0, len(body)/2)
	for i := 0; i < len(body); i += 2 {
		units = append(units, uint16(body[i+first])<<8|uint16(body[i+second]))
	}
	if units[0] == 0xfeff {
		units = units[1:]
	}
	return []byte(string(utf16.Decode(units))), true
}

// differences say in words how a JSON text is spelled otherwise than its canonical form.
func differences(text, canonical []byte) (how []string) {
	if bytes.Equal(text, canonical) {
		return nil
	}
	space, escapes, slashes, inside, escaped := false, false, false, false, false
	for _, c := range text {
		switch {
		case inside && escaped:
			escapes, slashes, escaped = escapes || c == 'u', slashes || c == '/', false
		case inside && c == '\\':
			escaped = true
		case c == '"':
			inside = !inside
		case !inside && (c == ' ' || c == '\n' || c == '\r' || c == '\t'):
			space = true
		}
	}
	if space {
		how = append(how, "it has white space between its parts")
	}
	if escapes && bytes.Count(text, []byte(`\u`)) > bytes.Count(canonical, []byte(`\u`)) {
		how = append(how, `letters are written as \u escapes`)
	}
	if slashes {
		how = append(how, `slashes are written as \/`)
	}
	if !bytes.Equal(numbers(text), numbers(canonical)) {
		how = append(how, "numbers are spelled otherwise, such as 1.0 for 1")
	}
	return how
}

// numbers are what stands outside of strings and is no punctuation or white space.
func numbers(text []byte) (found []byte) {
	inside, escaped := false, false
	for _, c := range text {
		switch {
		case inside && escaped:
			escaped = false
		case inside && c == '\\':
			escaped = true
		case c == '"':
			inside = !inside
		case inside, c == ' ', c == '\n', c == '\r', c == '\t', c == ':', c == '{', c == '}', c == '[', c == ']':
		default:
			found = append(found, c)
		}
	}
	return found
}
