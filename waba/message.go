package waba

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Message is one element of messages[], or of the arrays of the same shape in other fields (echoes, standby).
type Message struct {
	ID   string // wamid, never empty; opaque, up to a few hundred characters
	Type string // names the sibling that holds the content; empty when absent

	From             string // the sender's number in digits; empty when withheld; the participant in a group
	FromUserID       string // the sender's BSUID
	FromParentUserID string
	To, ToUserID     string // only on echoes of what the business wrote on its phone
	GroupID          string // empty outside groups

	Timestamp time.Time // when WhatsApp got the message, whole seconds; zero when absent or unreadable

	Known   bool     // Type is one that this package knows, whether or not its content is there
	Text    string   // what a person would read; see the types of content
	Media   *Media   // nil unless the type is a kind of media and its object is there
	Context *Context // nil when absent
	Errors  []Error  // why the message cannot be shown, on unsupported ones

	// At most one of these is there, the one that Type calls for; nil when the content is missing, or does not say which
	// message it is about.
	Choice   *Choice   // button; interactive with button_reply, list_reply or call_permission_reply
	Form     *Form     // interactive with nfm_reply
	Cart     *Cart     // order
	Reaction *Reaction // reaction
	Edit     *Edit     // edit
	Revoke   *Revoke   // revoke
	System   *System   // system
	Invoice  *Invoice  // interactive with order_details or order_status, which only businesses send

	HistoryStatus string // history_context.status, upper case; only in history

	Content    json.RawMessage // the sibling that Type names; nil when absent, which happens with any type
	ContextRaw json.RawMessage // context; nil when absent
	Referral   json.RawMessage // the ad or post that started the conversation; nil when absent
	Raw        json.RawMessage // the element as it came
}

// Context says what a message refers to.
type Context struct {
	From string // who wrote the quoted message: a number, sometimes the phone number id
	ID   string // the quoted message, once in a while a call; empty on a mere forward

	Forwarded, FrequentlyForwarded bool // frequently: more than five times
}

var errNoID = errors.New("no id")

// ParseMessage reads one message. Raw is part of a body that [Parse] accepted: messages of other fields, such as
// smb_message_echoes, have the same shape. An error says what is wrong with it: no object, no id, or a key of the
// wrong JSON type without which the message would say something else.
func ParseMessage(raw json.RawMessage) (Message, error) {
	if !isObject(raw) {
		return Message{}, errNot("object", raw)
	}
	var m Message
	var r reading
	m.read(raw, &r)
	if r.err == nil && m.ID == "" {
		r.err = errNoID
	}
	m.readContent(&r)
	return m, r.err
}

// read reads all but the content.
func (m *Message) read(raw json.RawMessage, r *reading) {
	m.Raw = raw
	for key, value := range members(raw) {
		switch string(key) {
		case "id":
			m.ID = r.text("id", value)
		case "type":
			m.Type = r.text("type", value)
		case "from":
			m.From = number(r.text("from", value))
		case "from_user_id":
			m.FromUserID = r.text("from_user_id", value)
		case "from_parent_user_id":
			m.FromParentUserID = r.text("from_parent_user_id", value)
		case "to":
			m.To = number(r.text("to", value))
		case "to_user_id":
			m.ToUserID = r.text("to_user_id", value)
		case "group_id":
			m.GroupID = r.text("group_id", value)
		case "timestamp":
			m.Timestamp = seconds(value)
		case "errors":
			m.Errors = errorsOf(value)
		case "context":
			m.ContextRaw = present(value)
			m.Context = parseContext(value)
		case "referral":
			m.Referral = present(value)
		case "history_context":
			m.HistoryStatus = strings.ToUpper(optional(member(value, "status")))
		}
	}
	if m.Type != "" {
		m.Content = member(raw, m.Type)
	}
}

func parseContext(raw json.RawMessage) *Context {
	if !isObject(raw) {
		return nil
	}
	var c Context
	for key, value := range members(raw) {
		switch string(key) {
		case "from":
			c.From, _ = text(value)
		case "id":
			c.ID, _ = text(value)
		case "forwarded":
			c.Forwarded = flag(value)
		case "frequently_forwarded":
			c.FrequentlyForwarded = flag(value)
		}
	}
	return &c
}
