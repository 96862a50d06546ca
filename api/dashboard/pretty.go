package dashboard

import (
	"bytes"
	"encoding/json"
	"html/template"
	"strings"
)

// maxPretty is the longest text that is coloured; what is longer is shown as it is.
const maxPretty = 256 << 10

// Pretty lays JSON out over lines and marks keys, texts and the rest with classes; what is not JSON is only escaped.
// Texts are isolated, so that an Arabic value does not turn the punctuation around it.
func Pretty(text string) template.HTML {
	var laid bytes.Buffer
	if len(text) > maxPretty || json.Indent(&laid, []byte(text), "", "  ") != nil {
		return template.HTML(template.HTMLEscapeString(text)) //nolint:gosec // escaped
	}
	var b strings.Builder
	for rest := laid.String(); rest != ""; {
		n := token(rest)
		writeToken(&b, rest[:n], strings.HasPrefix(rest[n:], ":"))
		rest = rest[n:]
	}
	return template.HTML(b.String()) //nolint:gosec // every token is escaped
}

// token is the length of what stands at the beginning of valid JSON: a text, a number or word, or what lies between.
func token(s string) int {
	if s[0] == '"' {
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return len(s)
	}
	const between = "{}[]:, \n"
	loose := strings.IndexByte(between, s[0]) >= 0
	for i := 1; i < len(s); i++ {
		if s[i] == '"' || strings.IndexByte(between, s[i]) >= 0 != loose {
			return i
		}
	}
	return len(s)
}

func writeToken(b *strings.Builder, t string, key bool) {
	escaped := template.HTMLEscapeString(t)
	switch {
	case t[0] == '"' && key:
		b.WriteString(`<span class="jk">` + escaped + `</span>`)
	case t[0] == '"':
		b.WriteString(`<bdi class="js">` + escaped + `</bdi>`)
	case strings.IndexByte("{}[]:, \n", t[0]) >= 0:
		b.WriteString(escaped)
	default:
		b.WriteString(`<span class="jn">` + escaped + `</span>`)
	}
}
