package remote

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
)

// Plain replaces control characters, which come from others and could move the cursor or recolour the terminal.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Indented is JSON on many lines; anything else stays as it is.
func Indented(payload string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(payload), "", "  ") != nil {
		return payload
	}
	return b.String()
}
