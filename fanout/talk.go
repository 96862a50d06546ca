package fanout

import (
	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// Who sends outbound messages.
const (
	sentByApp       = "app"
	sentByBroadcast = "broadcast"
	sentByAI        = "ai"
)

func (b *batch) addMessage(f *fact, p *models.Person, order *models.Order) error {
	switch f.typ {
	case event.MessageEdited:
		return b.addEdit(f, p)
	case event.MessageDeleted:
		return b.addDeletion(f, p, f.message.Revoke.OriginalID)
	case event.MessageSent:
		return b.addSent(f, p, order)
	}
	b.keepMessage(f, p)
	if f.typ == event.UpstreamUnrecognized {
		d := b.data(f, p)
		d.Field, d.Reason, d.Raw = f.field, f.unknown.Reason, f.unknown.Raw
		return b.emit(f, f.key, f.typ, d, p, true)
	}
	previous := b.hear(f, p)
	d := b.data(f, p)
	d.Message = messageData(f)
	if err := b.emit(f, f.key, f.typ, d, p, true); err != nil {
		return err
	}
	b.askReply(f, p)
	if f.message.Cart != nil && order != nil {
		if err := b.addCart(f, p, order); err != nil {
			return err
		}
	}
	if f.message.Form != nil {
		if err := b.addForm(f, p); err != nil {
			return err
		}
	}
	if len(previous) == 0 {
		return nil
	}
	d = b.data(f, p)
	d.Previous = previous.json()
	return b.emit(f, b.follows(f, event.ConversationUpdated), event.ConversationUpdated, d, p, false)
}

// follows is the identity of an event that a message causes.
func (b *batch) follows(f *fact, typ string) event.Key {
	return event.NewKey(typ, scopeOf(f.number, f.business), f.message.ID)
}

// hear notes in the conversation that the customer wrote: the service window is open from now on, and a closed
// conversation opens. It returns what changed for those who watch, which is nothing while the window was open.
func (b *batch) hear(f *fact, p *models.Person) values {
	if p.Conversation.ID == 0 || !opensWindow(f.message) {
		return nil
	}
	v := b.conversation(p)
	var previous values
	if v.now.Status == models.ConversationClosed {
		previous.was("status", v.now.Status)
		v.now.Status, v.set = models.ConversationOpen, true
	}
	if f.occurred.After(v.now.LastInboundAt) {
		if expired := v.now.WindowExpiresAt(); !expired.IsZero() && f.occurred.After(expired) {
			previous.was("window_expires_at", event.Time{Time: expired})
		}
		v.now.LastInboundAt, v.inbound = f.occurred, f.occurred
	}
	return previous
}

// opensWindow says whether a message is one that a person wrote to the business: not a reaction, not a notice of the
// platform, and not to a group.
func opensWindow(m *waba.Message) bool {
	switch m.Type {
	case "reaction", "system", "request_welcome":
		return false
	}
	return m.GroupID == ""
}

// addSent tells of a message of the business. Which actor sent it decides the type.
func (b *batch) addSent(f *fact, p *models.Person, order *models.Order) error {
	b.keepMessage(f, p)
	d := b.data(f, p)
	d.Message = messageData(f)
	if err := b.emit(f, f.key, sentType(f.sentBy), d, p, f.change != nil); err != nil {
		return err
	}
	if f.message.Invoice == nil || order == nil {
		return nil
	}
	return b.addInvoice(f, p, order)
}

func sentType(sentBy string) string {
	if sentBy == sentByAI {
		return event.AIReplied
	}
	return event.MessageSent
}

// addEdit keeps the newest text of a message, whether or not the message itself has come.
func (b *batch) addEdit(f *fact, p *models.Person) error {
	edit := f.message.Edit
	ref := models.MessageRef{NumberID: f.number.ID, Wamid: edit.OriginalID}
	m, known := b.messages[ref]
	d := b.data(f, p)
	d.Message = editData(f)
	if known && m.Text != edit.Message.Text && m.DeletedAt.IsZero() && m.Type != "" {
		d.Previous = values{"text": m.Text}.json()
	}
	if ref.NumberID != 0 && f.occurred.After(m.EditedAt) {
		m.NumberID, m.Wamid = ref.NumberID, ref.Wamid
		m.EditedAt = f.occurred
		if m.DeletedAt.IsZero() {
			m.Text = edit.Message.Text
		}
		b.about(&m, f, p)
		b.put(ref, m)
	}
	return b.emit(f, f.key, f.typ, d, p, true)
}

// addDeletion forgets the text of a message, whether or not the message itself has come.
func (b *batch) addDeletion(f *fact, p *models.Person, wamid string) error {
	ref := models.MessageRef{NumberID: f.number.ID, Wamid: wamid}
	m := b.messages[ref]
	d := b.data(f, p)
	d.Message = deletionData(f, wamid)
	if m.Type != "" {
		d.Message.Type = m.Type
	}
	if ref.NumberID != 0 && (m.DeletedAt.IsZero() || f.occurred.Before(m.DeletedAt)) {
		m.NumberID, m.Wamid = ref.NumberID, ref.Wamid
		m.DeletedAt, m.Text, m.MediaURL = f.occurred, "", ""
		b.about(&m, f, p)
		b.put(ref, m)
	}
	return b.emit(f, f.key, f.typ, d, p, true)
}

// about fills in what a report, an edit or a deletion shows of a message that has not come itself.
func (b *batch) about(m *models.Message, f *fact, p *models.Person) {
	if m.ConversationID == 0 {
		m.ConversationID = p.Conversation.ID
	}
	if m.Type == "" && (m.SentAt.IsZero() || f.occurred.Before(m.SentAt)) {
		m.SentAt = f.occurred // no later than this, whatever comes first
	}
}

// addHistory tells of a past message of the phone app. It opens no window and makes nobody a contact.
func (b *batch) addHistory(f *fact, p *models.Person) error {
	past := *f // the fact itself stays as it is: the transaction may be done again
	past.message = &f.history.Message
	b.keepMessage(&past, p)
	d := b.data(f, p)
	d.Message = messageData(&past)
	d.Message.HistoryStatus = f.history.HistoryStatus
	return b.emit(f, f.key, f.typ, d, p, true)
}

func (b *batch) keepMessage(f *fact, p *models.Person) {
	if f.number.ID == 0 {
		return
	}
	msg := f.message
	m := models.Message{NumberID: f.number.ID, Wamid: msg.ID, ConversationID: p.Conversation.ID, Inbound: !f.outbound,
		Type: msg.Type, Text: msg.Text, SentAt: f.occurred, SentBy: f.sentBy, BroadcastID: f.broadcastID}
	if m.Type == "" {
		m.Type = "unknown"
	}
	if msg.Media != nil {
		m.MediaURL = msg.Media.URL
	}
	switch {
	case msg.Reaction != nil:
		m.ReplyTo = msg.Reaction.MessageID
	case msg.Context != nil:
		m.ReplyTo = msg.Context.ID
	}
	b.keepFile(f, p)
	ref := models.MessageRef{NumberID: m.NumberID, Wamid: m.Wamid}
	if early, ok := b.messages[ref]; ok {
		m = completed(early, m) // an edit, a deletion or a report of it came first
	}
	b.put(ref, m)
	b.remember(m)
}

// completed is what is known of a message from its edits, deletion and reports, with the message itself: what
// models.Changes does for those of other transactions.
func completed(early, m models.Message) models.Message {
	if early.Type != "" {
		return early
	}
	m.Status, m.StatusAt, m.EditedAt, m.DeletedAt = early.Status, early.StatusAt, early.EditedAt, early.DeletedAt
	if !early.EditedAt.IsZero() {
		m.Text = early.Text
	}
	if !early.DeletedAt.IsZero() {
		m.Text, m.MediaURL = "", ""
	}
	if early.ConversationID != 0 {
		m.ConversationID = early.ConversationID
	}
	fill(&m.SentBy, early.SentBy)
	if m.BroadcastID == 0 {
		m.BroadcastID = early.BroadcastID
	}
	return m
}
