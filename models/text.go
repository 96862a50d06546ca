package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"
)

// What upstream and receivers write is not always text that a database takes. It is made so here, for both engines
// alike, because a callback that cannot be written would be tried for ever.

const replacement = "\uFFFD"

// printable makes text that a text column takes: valid UTF-8 without NUL.
func printable(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, replacement), "\x00", replacement)
}

// printableBytes is printable for long text; b itself when there is nothing to change, never nil.
func printableBytes(b []byte) []byte {
	switch {
	case b == nil:
		return []byte{}
	case utf8.Valid(b) && bytes.IndexByte(b, 0) < 0:
		return b
	}
	return bytes.ReplaceAll(bytes.ToValidUTF8(b, []byte(replacement)), []byte{0}, []byte(replacement))
}

const (
	// longestKey bounds text that an index holds, in bytes. PostgreSQL refuses entries beyond 2,704.
	longestKey = 512
	// keyKept is how much of a longer one stays readable; a hash of the whole follows.
	keyKept = 400
)

// keyText is printable for text that identifies something: its length is bounded, and what differed still differs.
func keyText(s string) string {
	s = printable(s)
	if len(s) <= longestKey {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return strings.ToValidUTF8(s[:keyKept], "") + "~" + hex.EncodeToString(sum[:])
}

var (
	firstMoment = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastMoment  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// moment is a time as both engines keep it: in microseconds, within four-digit years, and in UTC, without which SQLite,
// whose times are text, would order them wrongly.
func moment(t time.Time) time.Time {
	switch {
	case t.Before(firstMoment):
		return firstMoment
	case t.After(lastMoment):
		return lastMoment
	}
	return t.UTC().Truncate(time.Microsecond)
}

// dueMoment is a moment in whole milliseconds, as the outbox counts: a delivery is due when its work is.
func dueMoment(t time.Time) time.Time { return moment(t).Truncate(time.Millisecond) }

// momentOrZero is moment for times that may be missing.
func momentOrZero(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return moment(t)
}

// momentOrNil is moment for a column that may be NULL.
func momentOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = moment(t)
	return &t
}

// timeOrZero is the time of a column that may be NULL.
func timeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// textOrNil is text for a column that may be NULL.
func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// idOrZero is the id of a column that may be NULL.
func idOrZero(id *int64) int64 {
	if id == nil {
		return 0
	}
	return *id
}

// idOrNil is an id for a column that may be NULL.
func idOrNil(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}
