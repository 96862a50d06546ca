package waba

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Object is what the object key of every callback says.
const Object = "whatsapp_business_account"

// Envelope wraps one value as the only change of a callback: what the platform would have posted, had this been all it
// had to say. The id may be empty; a zero time and a nil value leave no key behind. The value is kept byte for byte.
//
// A body of the On-Premises style (contacts, messages, statuses and errors at the top level) becomes a callback that
// [Parse] understands when wrapped as the value of [FieldMessages].
func Envelope(wabaID string, at time.Time, field string, value json.RawMessage) json.RawMessage {
	change := append(make([]byte, 0, len(value)+64), `{"field":`...)
	change = appendQuoted(change, field)
	if value != nil {
		change = append(append(change, `,"value":`...), value...)
	}
	return envelopeChange(wabaID, at, append(change, '}'))
}

// MessageEnvelope returns an envelope that holds m alone, with the metadata and the contacts that belong to it.
func (c Change) MessageEnvelope(m Message) json.RawMessage {
	return c.partEnvelope("messages", true, m.Raw, c.contactsOf(m.FromUserID, m.From))
}

// StatusEnvelope returns an envelope that holds s alone, with the metadata and the contacts that belong to it: the
// recipient, in a group the participant.
func (c Change) StatusEnvelope(s Status) json.RawMessage {
	contacts := c.contactsOf(s.RecipientUserID, s.RecipientID)
	if contacts == nil {
		contacts = c.contactsOf(s.ParticipantUserID, s.ParticipantID)
	}
	return c.partEnvelope("statuses", true, s.Raw, contacts)
}

// ErrorEnvelope returns an envelope that holds e alone, with the metadata.
func (c Change) ErrorEnvelope(e Error) json.RawMessage {
	return c.partEnvelope("errors", true, e.Raw, nil)
}

// EchoEnvelope returns an envelope that holds the echo m alone, with the metadata and the contact it went to.
func (c Change) EchoEnvelope(m Message) json.RawMessage {
	return c.partEnvelope("message_echoes", true, m.Raw, c.contactsOf(m.ToUserID, m.To))
}

// HistoryEnvelope returns an envelope that holds the past message h alone in its thread, with the metadata and the
// contact of the thread.
func (c Change) HistoryEnvelope(h HistoryMessage) json.RawMessage {
	chunk := append(make([]byte, 0, len(h.Raw)+len(h.Thread)+256), `{"threads":[`...)
	if h.Thread != nil {
		chunk = append(chunk, h.Thread[:len(h.Thread)-1]...)
	} else {
		chunk = append(chunk, h.thread()...)
	}
	if chunk[len(chunk)-1] != '{' {
		chunk = append(chunk, ',')
	}
	chunk = append(append(append(chunk, `"messages":[`...), h.Raw...), `]}]}`...)
	return c.partEnvelope("history", true, chunk, c.contactsOf(h.ThreadUserID, h.ThreadWaID))
}

// thread writes the names of a thread as the platform does, up to where the messages follow.
func (h HistoryMessage) thread() []byte {
	var names []byte
	for _, name := range [...]struct{ key, value string }{
		{"wa_id", h.ThreadWaID}, {"user_id", h.ThreadUserID}, {"parent_user_id", h.ThreadParentUserID},
	} {
		if name.value != "" {
			names = appendQuoted(append(appendQuoted(append(names, ','), name.key), ':'), name.value)
		}
	}
	thread := []byte{'{'}
	if h.ThreadID != "" {
		thread = appendQuoted(append(thread, `"id":`...), h.ThreadID)
	}
	if len(names) > 0 {
		if h.ThreadID != "" {
			thread = append(thread, ',')
		}
		thread = append(append(append(thread, `"context":{`...), names[1:]...), '}')
	}
	return thread
}

// PaymentEnvelope returns an envelope that holds p alone, with the metadata and the contact that paid.
func (c Change) PaymentEnvelope(p Payment) json.RawMessage {
	return c.partEnvelope("statuses", true, p.Raw, c.contactsOf(p.RecipientUserID, p.RecipientID))
}

// NoticeEnvelope returns an envelope that holds n alone: the whole value, or the one element of it with the metadata and
// the contact that it is about.
func (c Change) NoticeEnvelope(n Notice) json.RawMessage {
	if n.Key == "" {
		return c.ValueEnvelope()
	}
	return c.partEnvelope(n.Key, n.Key != contextKey, n.Raw, c.contactsOf(n.UserID, n.WaID))
}

// ValueEnvelope returns an envelope that holds the whole change.
func (c Change) ValueEnvelope() json.RawMessage {
	return Envelope(c.entryID(), c.At, c.Field, c.Value)
}

// UnrecognizedEnvelope returns an envelope that holds u alone, where it was found.
func (c Change) UnrecognizedEnvelope(u Unrecognized) json.RawMessage {
	if u.Key == "" && len(u.Raw) == len(c.Value) { // a part of the value is shorter, be its key as empty
		return c.ValueEnvelope()
	}
	if c.Field != "" && isObject(c.Value) {
		return c.partEnvelope(u.Key, u.Element, u.Raw, nil)
	}
	if u.Key == "entry" {
		return envelopeEntry(u.Raw)
	}
	return envelopeChange(c.entryID(), c.At, u.Raw)
}

// entryID is the id of the entry that the change came in.
func (c Change) entryID() string {
	if c.PortfolioID != "" {
		return c.PortfolioID
	}
	return c.WABAID
}

// partEnvelope wraps one part of the value. The metadata is taken from the value as it came. Where it is absent or
// unreadable, which is a fact of its own, or not that of the change, one is made of the fields of the change.
func (c Change) partEnvelope(key string, element bool, raw, contacts json.RawMessage) json.RawMessage {
	if holder, inner := c.cutKey(key); holder != "" {
		part := append(make([]byte, 0, len(raw)+len(contacts)+64), '{')
		part = append(appendPart(part, inner, element, raw, contacts), '}')
		return c.partEnvelope(holder, holder != fieldStandby, part, nil)
	}
	value := make([]byte, 0, len(raw)+len(contacts)+256)
	value = append(value, `{"messaging_product":`...)
	if product := member(c.Value, "messaging_product"); product != nil {
		value = append(value, product...)
	} else {
		value = append(value, `"whatsapp"`...)
	}
	metadata := member(c.Value, "metadata")
	switch {
	case key == "metadata": // the part itself
	case metadata != nil && c.holds(metadata):
		value = append(append(value, `,"metadata":`...), metadata...)
	case c.PhoneNumberID != "":
		value = appendQuoted(append(value, `,"metadata":{"display_phone_number":`...), c.DisplayPhoneNumber)
		value = appendQuoted(append(value, `,"phone_number_id":`...), c.PhoneNumberID)
		value = append(value, '}')
	}
	value = appendPart(append(value, ','), key, element, raw, contacts)
	return Envelope(c.entryID(), c.At, c.Field, append(value, '}'))
}

// holds tells whether the metadata can be read and is of the number of the change.
func (c Change) holds(metadata json.RawMessage) bool {
	var read Change
	return read.readMetadata(metadata) == nil && read.PhoneNumberID == c.PhoneNumberID
}

// cutKey splits the key of what stood deeper than the value into the key of what holds it and its own; the first is empty
// for what stood in the value itself, which a key of the platform's with a dot in it does too.
func (c Change) cutKey(key string) (holder, inner string) {
	if c.Field != fieldHistory && c.Field != fieldStandby || member(c.Value, key) != nil {
		return "", key
	}
	switch {
	case key == threadMessagesKey:
		return threadsKey, "messages"
	case key == threadsKey:
		return fieldHistory, "threads"
	}
	if inner, nested := strings.CutPrefix(key, fieldStandby+"."); nested && c.Field == fieldStandby {
		return fieldStandby, inner
	}
	return "", key
}

// appendPart writes members of an object: the contacts, if any, and the part under its key.
func appendPart(dst []byte, key string, element bool, raw, contacts json.RawMessage) []byte {
	if contacts != nil {
		dst = append(append(append(dst, `"contacts":[`...), contacts...), `],`...)
	}
	dst = append(appendQuoted(dst, key), ':')
	if element {
		return append(append(append(dst, '['), raw...), ']')
	}
	return append(dst, raw...)
}

// contactsOf returns the raw contact of that user, nil when there is none.
func (c Change) contactsOf(userID, waID string) json.RawMessage {
	contact, _ := c.ContactOf(userID, waID)
	return contact.Raw
}

func envelopeChange(wabaID string, at time.Time, change json.RawMessage) json.RawMessage {
	entry := append(make([]byte, 0, len(change)+len(wabaID)+64), `{"id":`...)
	entry = appendQuoted(entry, wabaID)
	if !at.IsZero() {
		entry = strconv.AppendInt(append(entry, `,"time":`...), at.Unix(), 10)
	}
	entry = append(append(append(entry, `,"changes":[`...), change...), `]}`...)
	return envelopeEntry(entry)
}

func envelopeEntry(entry json.RawMessage) json.RawMessage {
	body := append(make([]byte, 0, len(entry)+64), `{"object":"`+Object+`","entry":[`...)
	return append(append(body, entry...), `]}`...)
}

// appendQuoted writes s as JSON; identifiers and keys are plain, so the slow way is rarely taken.
func appendQuoted(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always encodes
			return append(dst, quoted...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
