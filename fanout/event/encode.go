package event

import (
	"encoding/json"
	"math"
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

// amount writes a member as JavaScript prints a double. JSON has no word for what is not a number: it is written as 0.
func (o *object) amount(name string, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		value = 0
	}
	var room [32]byte
	o.raw(name, strconv.AppendFloat(room[:0], value, 'e', -1, 64))
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

func (o *object) optionalMoment(name string, t *Time) {
	if t != nil {
		o.moment(name, t.Time)
	}
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

func (o *object) texts(name string, list []string) {
	if len(list) == 0 {
		return
	}
	o.key(name)
	o.dst = append(o.dst, '[')
	for i, text := range list {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = canon.AppendString(o.dst, text)
	}
	o.dst = append(o.dst, ']')
}

func (o *object) errors(name string, list []Error) {
	o.list(name, len(list), func(i int) { list[i].write(o) })
}

// list writes a member that is an array of objects; an empty one leaves no key.
func (o *object) list(name string, n int, members func(i int)) {
	if n == 0 {
		return
	}
	o.key(name)
	o.dst = append(o.dst, '[')
	for i := range n {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.nested(func() { members(i) })
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
		o.object("conversation", func() { v.write(o) })
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
	if v := d.Order; v != nil {
		o.object("order", func() { v.write(o) })
	}
	if f := d.Form; f != nil {
		o.object("form", func() { f.write(o) })
	}
	if b := d.Broadcast; b != nil {
		o.object("broadcast", func() { b.write(o) })
	}
	if w := d.Webhook; w != nil {
		o.object("webhook", func() { w.write(o) })
	}
	if v := d.Delivery; v != nil {
		o.object("delivery", func() { v.write(o) })
	}
	if f := d.File; f != nil {
		o.object("file", func() { f.write(o) })
	}
	if g := d.Gap; g != nil {
		o.object("gap", func() { g.write(o) })
	}
	o.raw("previous", d.Previous)
	o.text("field", d.Field, false)
	o.raw("value", d.Value)
	o.text("reason", d.Reason, false)
	o.raw("raw", d.Raw)
}

func (f *File) write(o *object) {
	o.text("media_id", f.MediaID, true)
	o.text("message_id", f.MessageID, true)
	o.text("kind", f.Kind, false)
	o.text("mime_type", f.MimeType, false)
	o.text("filename", f.Filename, false)
	o.number("file_size", f.Size, false)
	o.text("sha256", f.SHA256, false)
	o.text("url", f.URL, false)
	o.text("failure", f.Failure, false)
}

func (g *Gap) write(o *object) {
	o.moment("from", g.From.Time)
	o.optionalMoment("until", g.Until)
	o.number("count", g.Count, false)
	o.texts("message_ids", g.MessageIDs)
}

func (v *Conversation) write(o *object) {
	o.number("id", v.ID, true)
	o.moment("created_at", v.CreatedAt.Time)
	o.text("status", v.Status, false)
	o.optionalMoment("window_expires_at", v.WindowExpiresAt)
	o.texts("labels", v.Labels)
	o.text("note", v.Note, false)
	o.text("assignee", v.Assignee, false)
	o.text("ai", v.AI, false)
	o.text("ai_reason", v.AIReason, false)
	o.text("ai_detail", v.AIDetail, false)
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
	if c := m.Choice; c != nil {
		o.object("choice", func() {
			o.text("kind", c.Kind, true)
			o.text("id", c.ID, false)
			o.text("title", c.Title, false)
			o.text("description", c.Description, false)
		})
	}
	if r := m.Reaction; r != nil {
		o.object("reaction", func() {
			o.text("message_id", r.MessageID, true)
			o.text("emoji", r.Emoji, false)
			o.flag("removed", r.Removed)
		})
	}
	o.text("revision_id", m.RevisionID, false)
	o.text("sent_by", m.SentBy, false)
	o.text("tracking", m.Tracking, false)
	o.text("history_status", m.HistoryStatus, false)
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
	o.text("participant_user_id", s.ParticipantUser, false)
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
	o.text("action", e.Action, false)
	o.text("advice", e.Advice, false)
}

func (v *Order) write(o *object) {
	o.number("id", v.ID, true)
	o.text("reference", v.Reference, false)
	o.text("message_id", v.MessageID, false)
	o.text("status", v.Status, true)
	o.text("payment_status", v.PaymentStatus, false)
	o.text("catalog_id", v.CatalogID, false)
	o.text("text", v.Text, false)
	o.raw("items", v.Items)
	o.amount("total", v.Total)
	o.text("currency", v.Currency, false)
	o.moment("created_at", v.CreatedAt.Time)
	o.moment("updated_at", v.UpdatedAt.Time)
	o.raw("payment", v.Payment)
	o.text("payment_message_id", v.PaymentMessageID, false)
}

func (f *Form) write(o *object) {
	o.text("message_id", f.MessageID, true)
	o.text("name", f.Name, false)
	o.text("flow_token", f.FlowToken, false)
	o.text("body", f.Body, false)
	o.raw("fields", f.Fields)
	o.text("response", f.Response, false)
}

func (b *Broadcast) write(o *object) {
	o.number("id", b.ID, true)
	o.text("reference", b.Reference, false)
	o.text("name", b.Name, false)
	o.text("template_name", b.TemplateName, false)
	o.text("status", b.Status, true)
	o.number("total_recipients", b.TotalRecipients, true)
	o.number("sent", b.Sent, true)
	o.number("delivered", b.Delivered, true)
	o.number("read", b.Read, true)
	o.number("failed", b.Failed, true)
	o.list("failures", len(b.Failures), func(i int) { b.Failures[i].write(o) })
	o.moment("started_at", b.StartedAt.Time)
	o.optionalMoment("completed_at", b.CompletedAt)
}

func (f *Failure) write(o *object) {
	o.text("code", f.Code, true)
	o.number("count", f.Count, true)
	o.text("action", f.Action, false)
	o.text("advice", f.Advice, false)
}

func (w *Webhook) write(o *object) {
	o.number("id", w.ID, true)
	o.text("name", w.Name, true)
	o.text("url", w.URL, true)
	o.number("fail_count", w.FailCount, false)
	o.optionalMoment("failing_since", w.FailingSince)
	o.optionalMoment("disables_at", w.DisablesAt)
	o.text("disabled_by", w.DisabledBy, false)
	o.number("held", w.Held, false)
}

func (v *Delivery) write(o *object) {
	o.text("id", v.ID, true)
	o.text("event_id", v.EventID, true)
	o.text("event_type", v.EventType, true)
	o.number("attempts", v.Attempts, true)
}
