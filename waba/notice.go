package waba

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Notice is what a field other than messages says: one element of its array, or its whole value. Rare siblings of the
// messages (user_actions, conversation_context, the statuses of calls) are notices too.
type Notice struct {
	// Key is where it stood in the value: "calls", "statuses" (of calls), "groups", "user_preferences", "history",
	// "standby.messages", …; empty when it is the whole value.
	Key string
	// Kind tells notices of one field apart: the event of a template, a call or an account_update, the type of a group or a
	// handover, the status of a call. Empty where the field says all.
	Kind string
	// ID is what it is about: a call, a group, a template, a message in standby. Empty where there is no such id.
	ID        string
	Timestamp time.Time // zero when absent or unreadable

	WaID, UserID, ParentUserID string // whom it is about; empty where nobody or several

	Errors []Error // of a history that was declined, of a group operation that failed
	// Raw is the element, or the value, as it came. A chunk of history comes without its threads, whose messages are told
	// one by one.
	Raw json.RawMessage
}

// label names the members that a notice is made of.
type label struct {
	kind string // tells the notices of a field apart; empty when nothing does
	// forewarned is a member that makes the kind "announced" where it is present and "changed" where it is not.
	forewarned string

	id     string // what the notice is about; empty when nothing is named
	needed bool   // without the id it says nothing

	person person // whom it is about
	inside string // the member that holds the person; empty when the element itself does
}

// person names the members that name a user.
type person struct{ number, user, parent string }

var (
	oneself  = person{"wa_id", "user_id", "parent_user_id"}
	sender   = person{"from", "from_user_id", "from_parent_user_id"}
	receiver = person{"to", "to_user_id", "to_parent_user_id"}
	caller   = person{"phone_number", "user_id", "parent_user_id"}
)

// notice reads an element of the array under key, or a whole value when key is empty.
func (l label) notice(key string, raw json.RawMessage) (Notice, error) {
	if !isObject(raw) {
		return Notice{}, errNot("object", raw)
	}
	n := Notice{Key: key, Raw: raw}
	var r reading
	who, holder := l.person, raw
	if l.inside != "" {
		holder = nil
	}
	if l.forewarned != "" {
		n.Kind = "changed"
	}
	for key, value := range members(raw) {
		switch name := string(key); name {
		case "":
		case l.kind:
			n.Kind = r.text(name, value)
		case l.id:
			n.ID = r.text(name, value)
		case l.forewarned:
			if present(value) != nil {
				n.Kind = "announced"
			}
		case l.inside:
			holder = value
		case "timestamp":
			n.Timestamp = seconds(value)
		case "metadata": // of an element; that of a value has no time
			if at := member(value, "timestamp"); at != nil {
				n.Timestamp = seconds(at)
			}
		case "direction": // of a call: the user is whoever is not the business
			if l.person == sender && strings.EqualFold(optional(value), "BUSINESS_INITIATED") {
				who = receiver
			}
		case "errors":
			n.Errors = errorsOf(value)
		}
	}
	n.name(who, holder, &r)
	if r.err == nil && l.needed && n.ID == "" {
		r.err = errNoID
	}
	return n, r.err
}

// name fills in whom the notice is about. An id that has just changed comes with the one before.
func (n *Notice) name(p person, raw json.RawMessage, r *reading) {
	if p == (person{}) {
		return
	}
	for key, value := range members(raw) {
		switch string(key) {
		case p.number:
			n.WaID = number(r.text(p.number, value))
		case p.user:
			n.UserID = r.text(p.user, current(value))
		case p.parent:
			n.ParentUserID = r.text(p.parent, current(value))
		}
	}
}

func current(id json.RawMessage) json.RawMessage {
	if isObject(id) {
		return member(id, "current")
	}
	return id
}

// readWhole reads a value that is one notice. It is not understood without any of the members that the field is known
// for. A field known for none may say anything.
func (c *Change) readWhole(l label) {
	anything := l.kind == "" && l.id == ""
	named, more := false, false
	for key, value := range members(c.Value) {
		if present(value) == nil {
			continue
		}
		switch string(key) {
		case "messaging_product", "metadata", "errors":
		case "contacts":
			more = more || anything // a field that is known by name only may be about nothing else
		case "":
			more = true
		case l.kind, l.id, l.forewarned:
			named = true
		default:
			more = true
		}
	}
	switch {
	case named, anything && more:
		c.readCommon()
		n, err := l.notice("", c.Value)
		if err != nil {
			c.rejectValue(err.Error())
			return
		}
		n.Errors = slices.DeleteFunc(n.Errors, Error.blank) // what flows calls errors are counts
		c.Notices = append(c.Notices, n)
	case more:
		c.readCommon()
		c.rejectValue("none of the keys that this field is known for")
	default:
		c.readParts(shape{}, "", c.Value)
	}
}
