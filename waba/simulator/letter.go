package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"

	"wabagate/waba"
)

// Letter is a message that a customer wrote, for those who decide themselves who writes what.
type Letter struct {
	ID   string // wamid, see [Wamid]
	At   time.Time
	From waba.Contact // WaID, UserID, Name and Username, as far as the customer shows them; Raw does not matter
	Type string       // such as "text"

	// Content is the object that Type names, in any escaping: it comes out in the platform's. It must be valid JSON.
	Content json.RawMessage

	GroupID    string // the group it was written in; empty for none
	ReplyTo    string // wamid of the message it quotes; empty for none
	ReplyFrom  string // who wrote that one
	OnPremises bool   // stands in a body without an envelope, where user ids are unknown
}

// Fact is the letter as an element of messages[].
func (l Letter) Fact() Fact {
	l.From = shown(l.From, l.OnPremises)
	l.From.Raw = appendContact(nil, l.From)
	body := appendMessage(make([]byte, 0, 512), l, func(dst []byte) []byte { return appendEscapedJSON(dst, l.Content) })
	return Fact{Kind: KindMessage, ID: l.ID, Field: field(l.OnPremises), Body: body, Contact: l.From, OnPremises: l.OnPremises}
}

// appendMessage appends one element of messages[], whose content is what the given function appends.
func appendMessage(body []byte, l Letter, content func([]byte) []byte) []byte {
	body = append(body, '{')
	if l.From.WaID != "" {
		body = append(appendText(body, `"from":`, l.From.WaID), ',')
	}
	if l.From.UserID != "" {
		body = append(appendText(body, `"from_user_id":`, l.From.UserID), ',')
	}
	if l.GroupID != "" {
		body = append(appendText(body, `"group_id":`, l.GroupID), ',')
	}
	if l.ReplyTo != "" {
		body = appendText(body, `"context":{"from":`, l.ReplyFrom)
		body = append(appendText(body, `,"id":`, l.ReplyTo), `},`...)
	}
	body = appendText(body, `"id":`, l.ID)
	body = appendUnix(append(body, `,"timestamp":`...), l.At)
	body = appendText(body, `,"type":`, l.Type)
	body = append(append(append(body, `,"`...), l.Type...), `":`...)
	return append(content(body), '}')
}

// Wamid makes a message id: the prefix, then, as on the platform, base64 over a number and a serial. Ids of one prefix
// differ when their serials do.
func Wamid(prefix, digits string, serial uint64, outbound bool) string {
	var payload [64]byte
	raw := append(payload[:0], digits...)
	raw = append(raw, 0x15, 0x02, 0x00, 0x12)
	if outbound {
		raw[len(raw)-1] = 0x11
	}
	raw = binary.BigEndian.AppendUint64(raw, serial)
	return "wamid." + prefix + base64.StdEncoding.EncodeToString(raw)
}

// appendUnix writes a time as the platform does in messages and statuses: seconds, as text.
func appendUnix(dst []byte, t time.Time) []byte {
	return append(strconv.AppendInt(append(dst, '"'), t.Unix(), 10), '"')
}

// appendEscapedJSON appends JSON, compact and with every text in it in the platform's escaping. What is no JSON becomes
// null.
func appendEscapedJSON(dst []byte, source json.RawMessage) []byte {
	var compact bytes.Buffer
	if len(source) == 0 || json.Compact(&compact, source) != nil {
		return append(dst, "null"...)
	}
	for rest := compact.Bytes(); len(rest) > 0; {
		if rest[0] != '"' {
			dst, rest = append(dst, rest[0]), rest[1:]
			continue
		}
		var text string
		end := stringEnd(rest)
		_ = json.Unmarshal(rest[:end], &text) // a text of valid JSON
		dst = append(appendEscaped(append(dst, '"'), text), '"')
		rest = rest[end:]
	}
	return dst
}

// shown is a contact as the body of a style shows it.
func shown(c waba.Contact, onPremises bool) waba.Contact {
	if onPremises {
		c.UserID, c.Username = "", ""
	}
	return c
}

// field is the field of a message or a status in a style.
func field(onPremises bool) string {
	if onPremises {
		return ""
	}
	return waba.FieldMessages
}
