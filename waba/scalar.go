package waba

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// lastSecond is the end of the year 9999, the last that RFC 3339 can write.
const lastSecond = 253402300799

// text reads a string, or a number by its digits; null is empty. Other types are not text.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 {
		return "", true
	}
	switch raw[0] {
	case '"':
		return unquote(raw), true
	case 'n':
		return "", true
	case '{', '[', 't', 'f':
		return "", false
	}
	return string(raw), true
}

// optional reads text that may as well be missing: what is not text is empty.
func optional(raw json.RawMessage) string {
	s, _ := text(raw)
	return s
}

// unquote decodes a JSON string. Bytes that are not UTF-8 and lone surrogates become U+FFFD, as encoding/json has it.
func unquote(quoted json.RawMessage) string {
	if len(quoted) >= 2 && bytes.IndexByte(quoted, '\\') < 0 && utf8.Valid(quoted) {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}

// seconds reads Unix seconds from a string or a number, zero when they are absent, unreadable or not a date after 1970.
func seconds(raw json.RawMessage) time.Time {
	s, _ := text(raw)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !(f > 0 && f <= lastSecond) {
			return time.Time{}
		}
		n = int64(f)
	}
	if n <= 0 || n > lastSecond {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// flag reads a boolean, also one written as text.
func flag(raw json.RawMessage) bool {
	return string(raw) == "true" || string(raw) == `"true"`
}

// number takes the plus sign off a phone number: the platform writes digits only, providers do not always.
func number(s string) string { return strings.TrimPrefix(s, "+") }

// reading collects text members of one object and remembers the first that was not text. Its zero value is ready.
type reading struct{ err error }

func (r *reading) text(name string, raw json.RawMessage) string {
	s, ok := text(raw)
	if !ok {
		r.fail(name, raw)
	}
	return s
}

// object tells whether raw is an object. An absent one is no fault, another type is.
func (r *reading) object(name string, raw json.RawMessage) bool {
	if raw != nil && !isObject(raw) {
		r.fail(name, raw)
	}
	return isObject(raw)
}

func (r *reading) fail(name string, raw json.RawMessage) {
	if r.err == nil {
		r.err = fmt.Errorf("%s is %s", name, describe(raw))
	}
}

// errNot says that raw is not the object or the array that was wanted.
func errNot(want string, raw json.RawMessage) error {
	return fmt.Errorf("not an %s but %s", want, describe(raw))
}
