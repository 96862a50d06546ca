package graph

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// text is a string that upstreams also write as a number; null, and what is neither, is empty.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	switch {
	case json.Unmarshal(raw, &s) == nil:
		*t = text(s)
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		*t = text(raw)
	default:
		*t = ""
	}
	return nil
}

// textOf reads text from a value of any type.
func textOf(raw json.RawMessage) text {
	var t text
	_ = json.Unmarshal(raw, &t)
	return t
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

// number is a whole number that upstreams also write as text; what is none is 0.
type number int64

func (n *number) UnmarshalJSON(raw []byte) error {
	parsed, _ := strconv.ParseInt(string(bytes.Trim(raw, `"`)), 10, 64)
	*n = number(parsed)
	return nil
}
