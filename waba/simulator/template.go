package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// template is JSON with gaps, taken apart once, so that filling it in is only appending.
type template []segment

// segment is literal text, or a gap that gets a value.
type segment struct {
	text string // the literal; of an optional member its key and the colon
	gap  int    // which value; noGap for a literal
}

const noGap = -1

// gap says what goes into a template at one or several places.
type gap struct {
	source source
	from   role  // what is recalled
	n      int   // tells several of the same source apart, and whom they are about: 1 and more
	shift  int64 // seconds, added to a time
	take   bool  // what is recalled is also forgotten
	role   role  // under which the value is remembered
}

// placeholder is how a fixture writes a gap: {{source}}, with a digit for another of the same, +N or -N for a shifted
// time, ! to forget what is recalled, >role to remember it. {{1}} is the platform's own notation in templates and left
// alone.
var placeholder = regexp.MustCompile(`\{\{([a-z_]+)([2-9]?)([+-][0-9]+)?(!?)(?:>([a-z_]+))?\}\}`)

// templates takes the parts of one fixture apart. What stands for the same has the same value in all of them.
type templates struct{ gaps []gap }

// json takes apart a fixture's JSON, which comes out compact and escaped like the platform's. A placeholder within a
// text becomes text, "{{#…}}" alone a number, and a member that is nothing but {{customer}}, {{user_id}} or
// {{username}} is left out where there is none.
func (t *templates) json(source json.RawMessage) (template, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, source); err != nil {
		return nil, err
	}
	var out template
	var literal []byte
	flush := func() {
		if len(literal) > 0 {
			out = append(out, segment{text: string(literal), gap: noGap})
			literal = literal[:0]
		}
	}
	for rest := compact.Bytes(); len(rest) > 0; {
		if rest[0] != '"' {
			literal, rest = append(literal, rest[0]), rest[1:]
			continue
		}
		var text string
		end := stringEnd(rest)
		if err := json.Unmarshal(rest[:end], &text); err != nil {
			return nil, err
		}
		rest = rest[end:]
		number := strings.HasPrefix(text, "{{#")
		pieces, err := t.text(strings.Replace(text, "{{#", "{{", 1))
		switch {
		case err != nil:
			return nil, err
		case number && (len(pieces) != 1 || pieces[0].gap == noGap):
			return nil, fmt.Errorf("%q: a number stands alone", text)
		case number:
			flush()
			out = append(out, pieces...)
		case len(pieces) == 1 && pieces[0].gap != noGap && t.gaps[pieces[0].gap].source.optional() && bytes.HasSuffix(literal, []byte(`":`)):
			key := bytes.LastIndexByte(literal[:len(literal)-2], '"')
			pieces[0].text = string(literal[key:])
			literal = literal[:key]
			flush()
			out = append(out, pieces...)
			rest = bytes.TrimPrefix(rest, []byte(",")) // comes with the member
		default:
			literal = append(literal, '"')
			for _, piece := range pieces {
				if piece.gap == noGap {
					literal = appendEscaped(literal, piece.text)
					continue
				}
				flush()
				out = append(out, piece)
			}
			literal = append(literal, '"')
		}
	}
	flush()
	return out, nil
}

// stringEnd is where the JSON string at the start of b ends.
func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// text takes plain text apart.
func (t *templates) text(source string) (template, error) {
	var out template
	for source != "" {
		at := placeholder.FindStringSubmatchIndex(source)
		if at == nil {
			return append(out, segment{text: source, gap: noGap}), nil
		}
		if at[0] > 0 {
			out = append(out, segment{text: source[:at[0]], gap: noGap})
		}
		index, err := t.gap(placeholder.FindStringSubmatch(source))
		if err != nil {
			return nil, err
		}
		out = append(out, segment{gap: index})
		source = source[at[1]:]
	}
	return out, nil
}

// gap returns the index of a placeholder's gap, a new one at its first mention.
func (t *templates) gap(match []string) (int, error) {
	g := gap{n: 1, take: match[4] != ""}
	var known bool
	if g.source, known = sources[match[1]]; !known {
		g.from, known = roles[match[1]] // g.source is recalled
	}
	if !known {
		return 0, fmt.Errorf("%s: nothing is called %s", match[0], match[1])
	}
	if match[2] != "" {
		g.n, _ = strconv.Atoi(match[2]) // a digit
	}
	if match[3] != "" {
		g.shift, _ = strconv.ParseInt(match[3], 10, 64) // a sign and digits
	}
	if match[5] != "" {
		if g.role, known = roles[match[5]]; !known {
			return 0, fmt.Errorf("%s: nothing is remembered as %s", match[0], match[5])
		}
	}
	for i := range t.gaps {
		if have := &t.gaps[i]; have.source == g.source && have.from == g.from && have.n == g.n && have.shift == g.shift {
			have.take = have.take || g.take
			if g.role != nothing {
				have.role = g.role
			}
			return i, nil
		}
	}
	t.gaps = append(t.gaps, g)
	return len(t.gaps) - 1, nil
}

// appendJSON fills a template in. A member that was left out leaves its comma behind when it was the last.
func (t template) appendJSON(dst []byte, values []string) []byte {
	member := false
	for _, s := range t {
		switch {
		case s.gap == noGap:
			if member && s.text[0] == '}' && dst[len(dst)-1] == ',' {
				dst = dst[:len(dst)-1]
			}
			dst = append(dst, s.text...)
		case s.text == "":
			dst = appendEscaped(dst, values[s.gap])
		case values[s.gap] != "":
			dst = append(appendText(dst, s.text, values[s.gap]), ',')
		}
		member = s.gap != noGap && s.text != ""
	}
	return dst
}

// appendPlain fills in a template of plain text.
func (t template) appendPlain(dst []byte, values []string) []byte {
	for _, s := range t {
		if s.gap == noGap {
			dst = append(dst, s.text...)
		} else {
			dst = append(dst, values[s.gap]...)
		}
	}
	return dst
}
