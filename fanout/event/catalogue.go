package event

import (
	"slices"
	"strings"
)

// Type is an entry of the catalogue: one event type, or a family of them.
type Type struct {
	// Name is the type, or ends in ".*" for a family that stands for one type each of the platform's other fields.
	Name string
	// Description says in one line when such an event happens.
	Description string
	// Aliases are other products' names for it, good for subscribing.
	Aliases []string
	// Field is the upstream field that brings it, by which raw dialects may subscribe; empty where none is promised.
	Field string
	// Emitted is false for what can be subscribed to but is not yet made by this version.
	Emitted bool
	// Derived events are the gateway's own conclusions. They have no upstream form, so raw dialects do not speak them.
	Derived bool
}

// catalogue is in the order in which the types are listed to people.
var catalogue = [...]Type{
	{Name: MessageReceived, Description: "A customer sent anything: text, media, location, contacts, an interactive reply, an order, a reaction.",
		Aliases: []string{"message.incoming"}, Field: "messages", Emitted: true},
	{Name: "message.edited", Description: "A customer edited a message.", Field: "messages"},
	{Name: "message.deleted", Description: "A customer revoked a message.", Field: "messages"},
	{Name: "message.sent", Description: "An agent, the system, the API, a broadcast or the phone app sent a message."},
	{Name: MessageReport, Description: "The status of a message that was sent: sent, delivered, read, played, or failed with the error.",
		Aliases: []string{"message.status.updated"}, Field: "messages", Emitted: true},
	{Name: "ai.replied", Description: "The AI sent a message.", Derived: true},
	{Name: ConversationCreated, Description: "A customer wrote to a number for the first time; comes with the first message.", Emitted: true, Derived: true},
	{Name: "conversation.updated", Description: "Status, labels, note, assignee or service window of a conversation changed.", Derived: true},
	{Name: ContactCreated, Description: "A contact is new.", Emitted: true, Derived: true},
	{Name: ContactUpdated, Description: "Name, phone, username or business-scoped user id of a contact changed.", Emitted: true, Derived: true},
	{Name: "order.created", Description: "A customer sent a cart.", Derived: true},
	{Name: "order.status.updated", Description: "The status of an order changed.", Derived: true},
	{Name: "form.submitted", Description: "A customer completed a Flow; comes with its fields.", Derived: true},
	{Name: "broadcast.progress", Description: "How far a running broadcast is, every few seconds.", Derived: true},
	{Name: "broadcast.completed", Description: "Every recipient of a broadcast reached sent or failed.", Derived: true},
	{Name: ErrorReported, Description: "The platform reported an error that belongs to no message.", Field: "messages", Emitted: true},
	{Name: "template.*", Description: "Status, quality, category or components of a message template changed."},
	{Name: "number.*", Description: "Name, quality, limits or settings of a number changed."},
	{Name: "account.*", Description: "The platform reviewed, restricted, alerted or changed the account."},
	{Name: "flow.*", Description: "Status or health of a Flow changed."},
	{Name: "user.preferences.updated", Description: "A customer stopped or resumed marketing messages."},
	{Name: "call.*", Description: "A call was offered, answered or ended."},
	{Name: "group.*", Description: "A group was made, changed or closed, or its participants changed."},
	{Name: "history.*", Description: "Past messages arrived from the phone app."},
	{Name: "webhook.disabled", Description: "A webhook was turned off after failing for days.", Derived: true},
	{Name: "webhook.recovered", Description: "A webhook that failed works again.", Derived: true},
	{Name: "delivery.exhausted", Description: "A delivery failed for the last time.", Derived: true},
	{Name: "upstream.silent", Description: "The platform sent nothing for longer than usual.", Derived: true},
	{Name: UpstreamUnrecognized, Description: "Something this version does not know arrived; comes as it was.", Field: "messages", Emitted: true},
}

// Catalogue lists every type and family that can be subscribed to. The list is the caller's to keep.
func Catalogue() []Type {
	all := slices.Clone(catalogue[:])
	for i := range all {
		all[i].Aliases = slices.Clone(all[i].Aliases)
	}
	return all
}

// Lookup finds the catalogue's entry for an event's type: its own, or that of its family.
func Lookup(typ string) (Type, bool) {
	for _, t := range catalogue {
		if t.Name == typ || t.family() && len(typ) > len(t.prefix()) && strings.HasPrefix(typ, t.prefix()) {
			t.Aliases = slices.Clone(t.Aliases)
			return t, true
		}
	}
	return Type{}, false
}

func (t Type) family() bool { return strings.HasSuffix(t.Name, ".*") }

// prefix is what the types of a family begin with, the last dot included.
func (t Type) prefix() string { return strings.TrimSuffix(t.Name, "*") }
