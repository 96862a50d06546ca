package waba

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The origins of a message that a tracking string can name.
const (
	OriginAgent     = "agent"
	OriginSystem    = "system"
	OriginAPI       = "api"
	OriginApp       = "app"
	OriginBroadcast = "broadcast"
	OriginAI        = "ai"
)

// trackingLimit is what the platform takes as biz_opaque_callback_data, in characters.
const trackingLimit = 512

// Tracking is what a business may attach to a message as biz_opaque_callback_data, in the form
// "origin=ai;broadcast=89;template=spring;recipients=1200;name=Spring sale": the platform returns it with every status,
// which is how one knows who sent a message that did not pass through here. Every part may be missing.
type Tracking struct {
	Origin     string // who sent it, one of the origins; empty when not said or unknown
	Broadcast  string // the broadcast it belongs to, as the business names it
	Template   string
	Name       string // of the broadcast, for people
	Recipients int64  // of the broadcast; 0 when not known
	Send       int64  // the gateway's own number of the message; 0: it did not send it
}

// ParseTracking reads a tracking string. Keys it does not know are left out, of a repeated key the last one counts, and a
// broadcast without a known origin is its own origin. Anything of another form gives the zero Tracking: businesses attach
// what they like.
func ParseTracking(s string) Tracking {
	var t Tracking
	for pair := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(s), ";"), ";") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return Tracking{}
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "origin":
			t.Origin = knownOrigin(strings.ToLower(value))
		case "broadcast":
			t.Broadcast = value
		case "template":
			t.Template = value
		case "name":
			t.Name = value
		case "send":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
				t.Send = n
			}
		case "recipients":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
				t.Recipients = n
			}
		}
	}
	if t.Origin == "" && t.Broadcast != "" {
		t.Origin = OriginBroadcast
	}
	return t
}

func knownOrigin(s string) string {
	if slices.Contains([]string{OriginAgent, OriginSystem, OriginAPI, OriginApp, OriginBroadcast, OriginAI}, s) {
		return s
	}
	return ""
}

// String writes the tracking string that [ParseTracking] reads back. A semicolon, which the form has no way to write,
// becomes a comma. The result has at most 512 characters: what exceeds them is cut off, the name first.
func (t Tracking) String() string {
	var recipients, send string
	if t.Recipients > 0 {
		recipients = strconv.FormatInt(t.Recipients, 10)
	}
	if t.Send > 0 {
		send = strconv.FormatInt(t.Send, 10)
	}
	var b strings.Builder
	left := trackingLimit
	for _, part := range [...]struct{ key, value string }{
		{"origin=", t.Origin}, {"send=", send}, {"broadcast=", t.Broadcast}, {"recipients=", recipients}, {"template=", t.Template}, {"name=", t.Name},
	} {
		value := strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(part.value, "\ufffd"), ";", ","))
		if b.Len() > 0 {
			part.key = ";" + part.key
		}
		if value == "" || left <= len(part.key) {
			continue
		}
		value = strings.TrimSpace(clip(value, left-len(part.key)))
		left -= len(part.key) + utf8.RuneCountInString(value)
		b.WriteString(part.key)
		b.WriteString(value)
	}
	return b.String()
}

// clip returns at most n characters of s.
func clip(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
