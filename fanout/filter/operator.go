package filter

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// test judges a value as it stands in the JSON: a text with its quotes, a number, true, false or an object; of a list only
// the bracket, because its elements come one by one.
type test func(token []byte) bool

// text is what a token says if it is a text. Stored data spells most texts without escapes, which costs nothing here.
func text(token []byte) ([]byte, bool) {
	if len(token) < 2 || token[0] != '"' || token[len(token)-1] != '"' {
		return nil, false
	}
	if inner := token[1 : len(token)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	var s string
	if json.Unmarshal(token, &s) != nil {
		return nil, false
	}
	return []byte(s), true
}

func number(token []byte) (float64, bool) {
	if len(token) == 0 || token[0] != '-' && (token[0] < '0' || token[0] > '9') {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(token), 64)
	return n, err == nil
}

func equalText(want string) test {
	return func(token []byte) bool {
		got, ok := text(token)
		return ok && string(got) == want
	}
}

func equalNumber(want float64) test {
	return func(token []byte) bool {
		got, ok := number(token)
		return ok && got == want
	}
}

func equalWord(want string) test { return func(token []byte) bool { return string(token) == want } }

func oneOf(tests []test) test {
	return func(token []byte) bool {
		for _, t := range tests {
			if t(token) {
				return true
			}
		}
		return false
	}
}

func greaterNumber(than float64) test {
	return func(token []byte) bool {
		got, ok := number(token)
		return ok && got > than
	}
}

// later reads the value as RFC 3339; other texts are not later than anything.
func later(than time.Time) test {
	return func(token []byte) bool {
		got, ok := text(token)
		if !ok {
			return false
		}
		at, err := time.Parse(time.RFC3339, string(got))
		return err == nil && at.After(than)
	}
}

func beginsWith(prefix string) test {
	return func(token []byte) bool {
		got, ok := text(token)
		return ok && strings.HasPrefix(string(got), prefix)
	}
}

func anything([]byte) bool { return true }
