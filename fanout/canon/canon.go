// Package canon writes JSON in one canonical form: the text that JavaScript's JSON.stringify(JSON.parse(x)) yields.
//
// Receivers sign and compare payloads after parsing and writing them again. They arrive at the bytes that were sent
// only if those bytes are already what a second writing would produce, so everything the gateway stores and sends
// goes through this package once.
//
// The form: no white space; text as UTF-8, with escapes only where JSON demands them (\b \t \n \f \r \" \\ and \u00xx
// with lower-case hex for the other control characters); a surrogate escape without its partner stays an escape
// (\udxxx); numbers as ECMAScript prints them, and -0 as 0; of a repeated key the last value, at the first one's
// place; keys that are array indexes (0 to 4294967294) first, ascending, and the others in the order of the text.
//
// It departs from JavaScript in one point, so that nothing is lost: an integer whose digits a double would change
// (12345678901234567890) and a number beyond the range of a double (1e999) become strings of their original
// characters. Fractions are rounded to the nearest double, as everywhere.
package canon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// ErrInvalid says that a text is not one JSON value, or nests deeper than 1000 levels.
var ErrInvalid = errors.New("not valid JSON")

// Append appends the canonical form of the one JSON value in src to dst and returns the extended slice. Bytes inside
// strings that are not UTF-8 become U+FFFD, one for each. On an error, which wraps ErrInvalid, dst comes back as it was.
// Src is only read; it must not share memory with the spare capacity of dst.
func Append(dst, src []byte) ([]byte, error) {
	var room [48]member // enough for most texts, so that only the result is allocated
	w := writer{src: src, dst: slices.Grow(dst, len(src))}
	w.space()
	if w.value(0, room[:0]) {
		if w.space(); w.pos == len(src) {
			return w.dst, nil
		}
		w.fail("something follows the value")
	}
	return dst, fmt.Errorf("%w: %s at byte %d", ErrInvalid, w.reason, w.pos)
}

// Marshal returns the canonical JSON of v. Integers that a double cannot hold become strings, as in Append: fields that
// must stay numbers have to stay within ±2^53.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return Append(nil, b.Bytes())
}
