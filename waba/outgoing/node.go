package outgoing

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// node is a value of a body, and where it stands in it. A null is an absent value.
type node struct {
	reading *reading
	path    string
	value   any // as encoding/json decodes it, with json.Number for numbers; nil when absent
}

// get is a member of an object; of anything else it is absent.
func (n node) get(key string) node {
	object, _ := n.value.(map[string]any)
	path := key
	if n.path != "" {
		path = n.path + "." + key
	}
	return node{n.reading, path, object[key]}
}

func (n node) at(i int, value any) node {
	return node{n.reading, n.path + "[" + strconv.Itoa(i) + "]", value}
}

func (n node) absent() bool { return n.value == nil }

func (n node) fail(format string, args ...any) { n.reading.fail(n.path, format, args...) }

// object tells whether the value is an object, and reports when it is none.
func (n node) object() bool {
	_, ok := n.value.(map[string]any)
	if !ok {
		n.failAs("an object")
	}
	return ok
}

// list returns the elements of an array that must have from least to most; most 0 is no limit. The first that is too many
// is reported, and none after it is returned.
func (n node) list(least, most int) []node {
	array, ok := n.value.([]any)
	switch {
	case !ok:
		n.failAs("an array")
		return nil
	case len(array) < least:
		n.fail("needs at least %d", least)
	case most > 0 && len(array) > most:
		n.at(most, nil).fail("is too many: at most %d are allowed", most)
		array = array[:most]
	}
	nodes := make([]node, len(array))
	for i, value := range array {
		nodes[i] = n.at(i, value)
	}
	return nodes
}

// required reads a string of one to limit characters; limit 0 is no limit.
func (n node) required(limit int) string {
	s, ok := n.value.(string)
	switch {
	case !ok:
		n.failAs("a string")
	case s == "":
		n.fail("must not be empty")
	default:
		n.within(s, limit)
	}
	return s
}

// optional reads a string that may be absent or empty.
func (n node) optional(limit int) string {
	if n.absent() {
		return ""
	}
	s, ok := n.value.(string)
	if !ok {
		n.failAs("a string")
	}
	n.within(s, limit)
	return s
}

func (n node) within(s string, limit int) {
	if count := utf8.RuneCountInString(s); limit > 0 && count > limit {
		n.fail("has %d characters; at most %d are allowed", count, limit)
	}
}

// id reads an identifier: a string that is not empty or, as some write it, a whole number.
func (n node) id() string {
	if digits, ok := n.value.(json.Number); ok && !strings.ContainsAny(digits.String(), "-+.eE") {
		return digits.String()
	}
	return n.required(0)
}

// oneOf reads a string that must be one of those named.
func (n node) oneOf(allowed ...string) string {
	if s, ok := n.value.(string); ok && s != "" {
		if !slices.Contains(allowed, s) {
			n.fail("is %s; it must be %s", quote(s), alternatives(allowed))
		}
		return s
	}
	return n.required(0)
}

// number reads a number, also one written as text, that must lie within bounds.
func (n node) number(least, most float64) {
	var text string
	switch value := n.value.(type) {
	case json.Number:
		text = value.String()
	case string:
		text = value
	default:
		n.failAs("a number")
		return
	}
	if f, err := strconv.ParseFloat(text, 64); err != nil || !(f >= least && f <= most) {
		n.fail("must be a number from %s to %s", plain(least), plain(most))
	}
}

func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// link reads an address that the platform or the user's phone can open.
func (n node) link() string {
	s := n.required(0)
	if s == "" {
		return ""
	}
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		n.fail("must be an absolute address that begins with https:// or http://")
	}
	return s
}

// failAs reports that the value is not of the JSON type it has to be.
func (n node) failAs(want string) {
	var is string
	switch n.value.(type) {
	case nil:
		n.fail("is required: %s", want)
		return
	case map[string]any:
		is = "an object"
	case []any:
		is = "an array"
	case string:
		is = "a string"
	case bool:
		is = "a boolean"
	default:
		is = "a number"
	}
	n.fail("must be %s, not %s", want, is)
}

// quote shows a caller's own word, cut where it gets long.
func quote(s string) string {
	const most = 40
	if runes := []rune(s); len(runes) > most {
		return strconv.Quote(string(runes[:most])) + " …"
	}
	return strconv.Quote(s)
}

// alternatives joins words as people list them: "a", "b" or "c".
func alternatives(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = strconv.Quote(word)
	}
	last := len(quoted) - 1
	if last == 0 {
		return quoted[0]
	}
	return fmt.Sprintf("%s or %s", strings.Join(quoted[:last], ", "), quoted[last])
}
