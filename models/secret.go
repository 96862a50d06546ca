package models

import (
	"fmt"
	"log/slog"
)

// Secret is text that must not be seen: it prints, logs and marshals as <secret>. Text gives the real thing.
//
// fmt cannot ask it where it may not look: a secret in an unexported field, or behind a pointer inside what is printed
// with a verb for text, shows. Nor does encoding/json ask the key of a map.
type Secret string

const hidden = "<secret>"

// Text is the secret itself.
func (s Secret) Text() string { return string(s) }

func (s Secret) String() string               { return hidden }
func (s Secret) GoString() string             { return hidden }
func (s Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(hidden)) }
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(hidden) }
