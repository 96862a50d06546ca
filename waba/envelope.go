package waba

import (
	"encoding/json"
	"strconv"
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

// ValueEnvelope returns an envelope that holds the whole change.
func (c Change) ValueEnvelope() json.RawMessage {
	return Envelope(c.WABAID, c.At, c.Field, c.Value)
}

// UnrecognizedEnvelope returns an envelope that holds u alone, where it was found.
func (c Change) UnrecognizedEnvelope(u Unrecognized) json.RawMessage {
	if c.Field != "" && isObject(c.Value) {
		return c.partEnvelope(u.Key, u.Element, u.Raw, nil)
	}
	if u.Key == "entry" {
		return envelopeEntry(u.Raw)
	}
	return envelopeChange(c.WABAID, c.At, u.Raw)
}

// partEnvelope wraps one part of the value. The metadata is taken from the value as it came. Where it is absent or
// unreadable, which is a fact of its own, one is made of the fields of the change.
func (c Change) partEnvelope(key string, element bool, raw json.RawMessage, contacts json.RawMessage) json.RawMessage {
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
	case metadata != nil && new(Change).readMetadata(metadata) == nil:
		value = append(append(value, `,"metadata":`...), metadata...)
	case c.PhoneNumberID != "":
		value = appendQuoted(append(value, `,"metadata":{"display_phone_number":`...), c.DisplayPhoneNumber)
		value = appendQuoted(append(value, `,"phone_number_id":`...), c.PhoneNumberID)
		value = append(value, '}')
	}
	if contacts != nil {
		value = append(append(append(value, `,"contacts":[`...), contacts...), ']')
	}
	value = append(appendQuoted(append(value, ','), key), ':')
	if element {
		value = append(append(append(value, '['), raw...), ']')
	} else {
		value = append(value, raw...)
	}
	return Envelope(c.WABAID, c.At, c.Field, append(value, '}'))
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
