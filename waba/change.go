package waba

import (
	"encoding/json"
	"strings"
	"time"
)

// Change is one element of changes[], with what its entry said, taken apart into facts. Of a field that is not known (see
// [KnownField]) only the metadata and the contacts are read. Value holds the whole in any case.
type Change struct {
	WABAID string // entry[].id, or waba_info.waba_id where the entry is of a portfolio; on partner_solutions the portfolio
	// PortfolioID is entry[].id where WABAID was found in waba_info, as on some account_update events; else empty.
	PortfolioID string
	At          time.Time
	Field       string

	// PhoneNumberID is the key to route by: of value.metadata, or of where a field names its number instead. Empty when the
	// change belongs to no number.
	PhoneNumberID string
	// DisplayPhoneNumber is digits only in value.metadata; it may be formatted otherwise elsewhere in the platform. It is
	// the only name of the number on phone_number_*, security and business_username_updates.
	DisplayPhoneNumber string

	Contacts     []Contact
	Messages     []Message
	Statuses     []Status
	Payments     []Payment        // elements of statuses[] with type payment
	Errors       []Error          // value.errors[]: a problem of the system, the app or the account, of no message
	Echoes       []Message        // smb_message_echoes: what the business wrote in its phone app
	History      []HistoryMessage // history: past messages of the phone app
	Notices      []Notice         // what every other field says
	Unrecognized []Unrecognized

	Value json.RawMessage // as it came; nil when absent
}

// Unrecognized is a part of a callback that could not be understood: a sibling of the known arrays, an element of the
// wrong JSON type or without an identity, a status of an unknown type, a value with none of the keys that its field is
// known for.
type Unrecognized struct {
	// Key is where it was: "messages", "calls", "standby.contacts", …; "entry" or "changes" for a broken envelope; empty
	// when Raw is the whole value.
	Key     string
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

// contextKey holds one object, unlike every other key of notices.
const contextKey = "conversation_context"

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
	case c.Field != FieldMessages && !KnownField(c.Field):
		c.readCommon()
	case !isObject(c.Value):
		c.reject("changes", "the value is "+describe(c.Value), raw)
	case c.Field == FieldMessages:
		c.readMessages()
	default:
		c.readField(shapes[c.Field])
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
			c.readStatuses(value)
		case "errors":
			c.Errors = collect(c, "errors", value, c.Errors, parseError)
		case "user_actions": // clicks on links of marketing messages; of no user
			c.Notices = collect(c, "user_actions", value, c.Notices, userAction)
		case contextKey: // what another party of the conversation hands over
			c.readConversationContext(value)
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

func userAction(raw json.RawMessage) (Notice, error) {
	return label{kind: "action_type"}.notice("user_actions", raw)
}

// readConversationContext reads the one sibling of the messages that is a single object.
func (c *Change) readConversationContext(value json.RawMessage) {
	if present(value) == nil {
		return
	}
	n, err := label{kind: "type"}.notice(contextKey, value)
	if err != nil {
		c.Unrecognized = append(c.Unrecognized, Unrecognized{Key: contextKey, Reason: err.Error(), Raw: value})
		return
	}
	c.Notices = append(c.Notices, n)
}

// collect appends what parse makes of the elements of an array and keeps what it refuses as unrecognized.
func collect[T any](c *Change, key string, array json.RawMessage, list []T, parse func(json.RawMessage) (T, error)) []T {
	if !c.expectArray(key, array) {
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

// expectArray tells whether the value under key is an array, and keeps anything else as unrecognized.
func (c *Change) expectArray(key string, value json.RawMessage) bool {
	if !isArray(value) && present(value) != nil {
		c.Unrecognized = append(c.Unrecognized, Unrecognized{Key: key, Reason: errNot("array", value).Error(), Raw: value})
	}
	return isArray(value)
}

// keepSibling keeps a key that nobody knows. An array of nothing but objects is taken apart, because the platform
// batches as it pleases and the same object may return in other company. A null or an empty array says nothing.
func (c *Change) keepSibling(key string, value json.RawMessage) {
	const reason = "an unknown key"
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

// rejectValue keeps the whole value as unrecognized.
func (c *Change) rejectValue(reason string) {
	c.Unrecognized = append(c.Unrecognized, Unrecognized{Reason: reason, Raw: c.Value})
}
