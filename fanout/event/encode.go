package event

import (
	"encoding/json"
	"strconv"
	"time"

	"wabagate/fanout/canon"
)

// Every event's data is written once, in canonical form. encoding/json would take the text apart twice more to get
// there, which was a twentieth of the CPU of an event; a test holds this writer to what it and canon make of the same
// Data.

// object writes one JSON object. The first error sticks.
type object struct {
	dst  []byte
	more bool // a comma is due
	err  error
}

// key begins a member. Names are those of the struct tags: they need no escapes and are never array indexes.
func (o *object) key(name string) {
	if o.more {
		o.dst = append(o.dst, ',')
	}
	o.more = true
	o.dst = append(o.dst, '"')
	o.dst = append(o.dst, name...)
	o.dst = append(o.dst, '"', ':')
}

// text writes a member; an absent one, unless always, leaves no key.
func (o *object) text(name, value string, always bool) {
	if value != "" || always {
		o.key(name)
		o.dst = canon.AppendString(o.dst, value)
	}
}

func (o *object) number(name string, value int64, always bool) {
	if value != 0 || always {
		o.key(name)
		o.dst = strconv.AppendInt(o.dst, value, 10)
	}
}

func (o *object) flag(name string, value bool) {
	if value {
		o.key(name)
		o.dst = append(o.dst, "true"...)
	}
}

func (o *object) moment(name string, t time.Time) {
	o.key(name)
	o.dst = t.UTC().AppendFormat(o.dst, `"`+timeLayout+`"`)
}

func (o *object) raw(name string, value json.RawMessage) {
	if len(value) == 0 || o.err != nil {
		return
	}
	o.key(name)
	o.dst, o.err = canon.Append(o.dst, value)
}

func (o *object) object(name string, members func()) {
	o.key(name)
	o.nested(members)
}

func (o *object) nested(members func()) {
	o.dst, o.more = append(o.dst, '{'), false
	members()
	o.dst, o.more = append(o.dst, '}'), true
}

func (o *object) errors(name string, list []Error) {
	if len(list) == 0 {
		return
	}
	o.key(name)
	o.dst = append(o.dst, '[')
	for i := range list {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.nested(func() { list[i].write(o) })
	}
	o.dst, o.more = append(o.dst, ']'), true
}

// appendData appends the canonical JSON of d. Its numbers are ids and counts, which a double holds.
func appendData(dst []byte, d Data) ([]byte, error) {
	o := object{dst: dst}
	o.nested(func() { d.write(&o) })
	return o.dst, o.err
}

func (d *Data) write(o *object) {
	o.number("business_id", d.BusinessID, true)
	o.moment("occurred_at", d.OccurredAt.Time)
	o.number("sequence", d.Sequence, false)
	if n := d.Number; n != nil {
		o.object("number", func() {
			o.number("id", n.ID, true)
			o.text("phone_number_id", n.PhoneNumberID, true)
			o.text("display_phone_number", n.Display, false)
			o.text("waba_id", n.WABAID, false)
		})
	}
	if c := d.Contact; c != nil {
		o.object("contact", func() {
			o.number("id", c.ID, true)
			o.text("name", c.Name, false)
			o.text("wa_id", c.WaID, false)
			o.text("user_id", c.UserID, false)
			o.text("parent_user_id", c.ParentUserID, false)
			o.text("username", c.Username, false)
		})
	}
	if v := d.Conversation; v != nil {
		o.object("conversation", func() {
			o.number("id", v.ID, true)
			o.moment("created_at", v.CreatedAt.Time)
		})
	}
	if m := d.Message; m != nil {
		o.object("message", func() { m.write(o) })
	}
	if s := d.Status; s != nil {
		o.object("status", func() { s.write(o) })
	}
	if e := d.Error; e != nil {
		o.object("error", func() { e.write(o) })
	}
	o.text("field", d.Field, false)
	o.text("reason", d.Reason, false)
	o.raw("raw", d.Raw)
}

func (m *Message) write(o *object) {
	o.text("id", m.ID, true)
	o.text("direction", m.Direction, true)
	o.text("from", m.From, false)
	o.text("to", m.To, false)
	o.text("type", m.Type, true)
	o.text("text", m.Text, false)
	if f := m.Media; f != nil {
		o.object("media", func() {
			o.text("id", f.ID, true)
			o.text("kind", f.Kind, true)
			o.text("mime_type", f.MimeType, false)
			o.text("sha256", f.SHA256, false)
			o.text("filename", f.Filename, false)
			o.text("caption", f.Caption, false)
			o.flag("voice", f.Voice)
			o.flag("animated", f.Animated)
			o.text("url", f.URL, false)
		})
	}
	o.moment("timestamp", m.Timestamp.Time)
	o.text("group_id", m.GroupID, false)
	o.text("reply_to", m.ReplyTo, false)
	o.flag("forwarded", m.Forwarded)
	o.raw("content", m.Content)
	o.raw("context", m.Context)
	o.raw("referral", m.Referral)
	o.errors("errors", m.Errors)
}

func (s *Status) write(o *object) {
	o.text("message_id", s.MessageID, true)
	o.text("status", s.Status, true)
	o.text("current_status", s.Current, true)
	o.text("recipient_id", s.RecipientID, false)
	o.text("recipient_user_id", s.RecipientUserID, false)
	o.text("participant_id", s.ParticipantID, false)
	o.moment("timestamp", s.Timestamp.Time)
	o.text("tracking", s.Tracking, false)
	o.raw("pricing", s.Pricing)
	o.raw("conversation", s.Conversation)
	o.errors("errors", s.Errors)
}

func (e *Error) write(o *object) {
	o.text("code", e.Code, true)
	o.text("title", e.Title, false)
	o.text("message", e.Message, false)
	o.text("details", e.Details, false)
	o.text("href", e.Href, false)
}
