package waba

import (
	"encoding/json"
	"strings"
	"time"
)

// FieldMessages is the one field whose value [Parse] opens: inbound messages, statuses of outbound ones, and errors.
const FieldMessages = "messages"

// Change is one element of changes[], with what its entry said. For every field the metadata and the contacts of the
// value are read; messages, statuses, errors and what was not recognized are filled for [FieldMessages] only. Value
// holds the whole in any case.
type Change struct {
	WABAID string // entry[].id; a business portfolio id on partner_solutions and some account_update events
	At     time.Time
	Field  string

	PhoneNumberID      string // value.metadata, the key to route by; empty when the change belongs to no number
	DisplayPhoneNumber string // value.metadata, digits only; may be formatted otherwise elsewhere in the platform

	Contacts     []Contact
	Messages     []Message
	Statuses     []Status
	Errors       []Error // value.errors[]: a problem of the system, the app or the account, of no message
	Unrecognized []Unrecognized

	Value json.RawMessage // as it came; nil when absent
}

// Unrecognized is a part of a callback that could not be understood: a sibling of the known arrays, an element of the
// wrong JSON type or without an identity, a status that is not about delivery.
type Unrecognized struct {
	Key     string // where it was: "messages", "user_actions", …; "entry" or "changes" for a broken envelope
	Element bool   // Raw is one element of the array under Key; false when Raw is all that Key holds
	Reason  string // for people and logs; holds no content of the message
	Raw     json.RawMessage
}

// ContactOf returns the contact with that user id or, failing that, that number; a plus sign before the number does not
// matter, and a blank never matches. The platform lists contacts in any order and may leave some out, so they are
// never matched by position.
func (c Change) ContactOf(userID, waID string) (Contact, bool) {
	if userID != "" {
		for _, contact := range c.Contacts {
			if contact.UserID == userID {
				return contact, true
			}
		}
	}
	if waID = number(waID); waID != "" {
		for _, contact := range c.Contacts {
			if contact.WaID == waID {
				return contact, true
			}
		}
	}
	return Contact{}, false
}

func parseChange(entry Change, raw json.RawMessage) Change {
	c := entry
	for key, value := range members(raw) {
		switch string(key) {
		case "field":
			c.Field, _ = text(value)
		case "value":
			c.Value = present(value)
		}
	}
	switch {
	case !isObject(raw):
		c.reject("changes", "the change is "+describe(raw), raw)
	case c.Field == "":
		c.reject("changes", "the change has no field", raw)
	case c.Field != FieldMessages:
		c.readCommon()
	case !isObject(c.Value):
		c.reject("changes", "the value is "+describe(c.Value), raw)
	default:
		c.readMessages()
	}
	return c
}

// readCommon reads what values of different fields share, and leaves the rest to those who know the field.
func (c *Change) readCommon() {
	for key, value := range members(c.Value) {
		switch string(key) {
		case "metadata":
			_ = c.readMetadata(value)
		case "contacts":
			for element := range elements(value) {
				if contact, err := parseContact(element); err == nil {
					c.Contacts = append(c.Contacts, contact)
				}
			}
		}
	}
}

func (c *Change) readMessages() {
	for key, value := range members(c.Value) {
		switch string(key) {
		case "messaging_product": // always "whatsapp"
		case "metadata":
			if err := c.readMetadata(value); err != nil {
				c.Unrecognized = append(c.Unrecognized, Unrecognized{Key: "metadata", Reason: err.Error(), Raw: value})
			}
		case "contacts":
			c.Contacts = collect(c, "contacts", value, c.Contacts, parseContact)
		case "messages":
			c.Messages = collect(c, "messages", value, c.Messages, ParseMessage)
		case "statuses":
			c.Statuses = collect(c, "statuses", value, c.Statuses, parseStatus)
		case "errors":
			c.Errors = collect(c, "errors", value, c.Errors, parseError)
		default:
			c.keepSibling(strings.ToValidUTF8(string(key), "\ufffd"), value)
		}
	}
}

func (c *Change) readMetadata(raw json.RawMessage) error {
	if present(raw) == nil {
		return nil
	}
	if !isObject(raw) {
		return errNot("object", raw)
	}
	c.PhoneNumberID, c.DisplayPhoneNumber = "", ""
	var r reading
	for key, value := range members(raw) {
		switch string(key) {
		case "phone_number_id":
			c.PhoneNumberID = r.text("phone_number_id", value)
		case "display_phone_number":
			c.DisplayPhoneNumber = r.text("display_phone_number", value)
		}
	}
	return r.err
}

// collect appends what parse makes of the elements of an array and keeps what it refuses as unrecognized.
func collect[T any](c *Change, key string, array json.RawMessage, list []T, parse func(json.RawMessage) (T, error)) []T {
	if !isArray(array) {
		if present(array) != nil {
			reason := errNot("array", array).Error()
			c.Unrecognized = append(c.Unrecognized, Unrecognized{Key: key, Reason: reason, Raw: array})
		}
		return list
	}
	for element := range elements(array) {
		if parsed, err := parse(element); err != nil {
			c.reject(key, err.Error(), element)
		} else {
			list = append(list, parsed)
		}
	}
	return list
}

// keepSibling keeps a key that nobody knows. An array of nothing but objects is taken apart, because the platform
// batches as it pleases and the same object may return in other company. A null or an empty array says nothing.
func (c *Change) keepSibling(key string, value json.RawMessage) {
	const reason = "an unknown key beside the messages"
	count, objects := 0, 0
	for element := range elements(value) {
		count++
		if isObject(element) {
			objects++
		}
	}
	switch {
	case present(value) == nil, isArray(value) && count == 0:
	case isArray(value) && count == objects:
		for element := range elements(value) {
			c.reject(key, reason, element)
		}
	default:
		c.Unrecognized = append(c.Unrecognized, Unrecognized{Key: key, Reason: reason, Raw: value})
	}
}

// reject keeps one array element as unrecognized.
func (c *Change) reject(key, reason string, raw json.RawMessage) {
	c.Unrecognized = append(c.Unrecognized, Unrecognized{Key: key, Element: true, Reason: reason, Raw: raw})
}
