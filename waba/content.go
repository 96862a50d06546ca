package waba

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// Reaction is an emoji on another message. The emoji is empty when the reaction was taken back: upstream sends no emoji
// or an empty one. It is also the Text of the message.
type Reaction struct {
	MessageID string // never empty
	Emoji     string
}

// Edit is a new version of a message. The event has a wamid of its own.
type Edit struct {
	OriginalID string  // never empty
	Message    Message // the new content: Type, Text, Media, Context; without id, sender and time
}

// Revoke says that a message was deleted for everyone.
type Revoke struct{ OriginalID string } // never empty

// System says that something about the user changed: Kind is user_changed_number, user_changed_user_id,
// customer_identity_changed, customer_changed_number or something newer. What is not said is empty.
type System struct {
	Kind                               string
	Body                               string // also the Text of the message
	WaID, PreviousWaID                 string // the new number, and the one before: From of the message, or customer in the old form
	UserID, PreviousUserID             string
	ParentUserID, PreviousParentUserID string
}

// messageTypes are the types that the platform is known to use: those with a content that this package opens, those
// that have none (request_welcome, unsupported, unknown, and ephemeral of On-Premises), and those that are seen in
// clients but whose content nobody has described. Sorted.
var messageTypes = [...]string{
	"audio", "button", "contacts", "document", "edit", "ephemeral", "gif", "group_invite", "hsm", "image", "interactive", "keep_in_chat",
	"link_preview", "list", "location", "media_placeholder", "order", "pin", "poll_creation", "poll_update", "product", "reaction",
	"request_welcome", "revoke", "sticker", "system", "text", "unknown", "unsupported", "video", "voice",
}

// MessageTypes lists the types of messages that are known, sorted. The list is the caller's to keep.
func MessageTypes() []string { return slices.Clone(messageTypes[:]) }

// readContent opens the content of the known types. A missing content is common enough to be no fault; a content, or a
// part of it without which it says something else, of the wrong JSON type is one. Lesser parts are then left out.
func (m *Message) readContent(r *reading) {
	if _, m.Known = slices.BinarySearch(messageTypes[:], m.Type); !m.Known || m.Content == nil {
		return
	}
	switch m.Type {
	case "contacts":
		m.Text = formattedNames(m.Content, r)
		return
	case "text", "image", "video", "audio", "voice", "document", "sticker", "location", "button", "interactive", "order", "reaction", "edit", "revoke", "system":
		if !r.object(m.Type, m.Content) {
			return
		}
	}
	switch m.Type {
	case "text":
		m.Text = r.text("text.body", member(m.Content, "body"))
	case "image", "video", "audio", "voice", "document", "sticker":
		m.Media = parseMedia(m.Type, m.Content, r)
		m.Text = m.Media.Caption
	case "location":
		m.Text = cmp.Or(optional(member(m.Content, "name")), optional(member(m.Content, "address")))
	case "button":
		m.Choice = &Choice{Kind: "button", ID: r.text("button.payload", member(m.Content, "payload")), Title: r.text("button.text", member(m.Content, "text"))}
		m.Text = m.Choice.Title
	case "interactive":
		m.readInteractive(r)
	case "order":
		m.Cart = parseCart(m.Content, r)
		m.Text = m.Cart.Text
	case "reaction":
		m.Text = r.text("reaction.emoji", member(m.Content, "emoji"))
		if id := r.text("reaction.message_id", member(m.Content, "message_id")); id != "" {
			m.Reaction = &Reaction{MessageID: id, Emoji: m.Text}
		}
	case "edit":
		m.readEdit(r)
	case "revoke":
		if id := r.text("revoke.original_message_id", member(m.Content, "original_message_id")); id != "" {
			m.Revoke = &Revoke{OriginalID: id}
		}
	case "system":
		m.System = parseSystem(m.Content, m.From, r)
		m.Text = m.System.Body
	}
}

// formattedNames are the names on contact cards, as the sender's address book writes them. A card may have none.
func formattedNames(cards json.RawMessage, r *reading) string {
	if !isArray(cards) {
		r.fail("contacts", cards)
		return ""
	}
	var names []string
	for card := range elements(cards) {
		if name := optional(member(member(card, "name"), "formatted_name")); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// readEdit reads the new version of a message. An edit of an edit is not a thing; should one come, it stays closed, so
// that no nesting of a body can make this costly.
func (m *Message) readEdit(r *reading) {
	original := r.text("edit.original_message_id", member(m.Content, "original_message_id"))
	version := member(m.Content, "message")
	if !r.object("edit.message", version) || original == "" {
		return
	}
	edit := Edit{OriginalID: original}
	if edit.Message.read(version, r); edit.Message.Type != "edit" {
		edit.Message.readContent(r)
	}
	m.Text, m.Edit = edit.Message.Text, &edit
}

func parseSystem(content json.RawMessage, from string, r *reading) *System {
	var s System
	for key, value := range members(content) {
		switch string(key) {
		case "type":
			s.Kind = r.text("system.type", value)
		case "body":
			s.Body = r.text("system.body", value)
		case "wa_id", "new_wa_id": // the second up to version 11 of the API
			s.WaID = number(r.text("system."+string(key), value))
		case "customer":
			s.PreviousWaID = number(r.text("system.customer", value))
		case "user_id":
			s.UserID = r.text("system.user_id", value)
		case "previous_user_id":
			s.PreviousUserID = r.text("system.previous_user_id", value)
		case "parent_user_id":
			s.ParentUserID = r.text("system.parent_user_id", value)
		case "previous_parent_user_id":
			s.PreviousParentUserID = r.text("system.previous_parent_user_id", value)
		}
	}
	if s.PreviousWaID == "" && s.WaID != "" {
		s.PreviousWaID = from
	}
	return &s
}
