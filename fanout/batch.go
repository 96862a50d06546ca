package fanout

import (
	"context"
	"fmt"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// write looks up what the facts refer to, makes the events and hands everything to the transaction.
func (t *Translator) write(ctx context.Context, tx models.Translation, facts []fact, subs *subscriptions, c *models.Changes) error {
	refs := make([]models.PersonRef, len(facts))
	keys := make([][16]byte, len(facts))
	var messages []models.MessageRef
	asked := map[models.MessageRef]bool{}
	for i := range facts {
		f := &facts[i]
		refs[i], keys[i] = f.person, f.key
		if ref, ok := f.messageRef(); ok && f.status != nil && !asked[ref] {
			asked[ref] = true
			messages = append(messages, ref)
		}
	}
	people, err := tx.People(ctx, refs)
	if err != nil {
		return err
	}
	known, err := tx.Known(ctx, keys)
	if err != nil {
		return err
	}
	states, err := tx.Messages(ctx, messages)
	if err != nil {
		return err
	}
	b := &batch{
		t: t, subs: subs, now: t.now().UTC().Truncate(time.Millisecond), changes: c, messages: states,
		written: map[models.MessageRef]int{}, conversations: map[int64]*models.ConversationChange{}, contacts: map[int64]*models.Contact{}, groups: map[groupKey]int{},
	}
	for i := range facts {
		// A new contact is news even when the fact itself is not.
		if err := b.greet(&facts[i], &people[i]); err != nil {
			return err
		}
		if known[facts[i].key] {
			continue
		}
		if err := b.add(&facts[i], &people[i]); err != nil {
			return err
		}
	}
	b.finish()
	return tx.Write(ctx, *c)
}

func (f *fact) messageRef() (models.MessageRef, bool) {
	switch {
	case f.message != nil:
		return models.MessageRef{NumberID: f.number.ID, Wamid: f.message.ID}, f.number.ID != 0
	case f.status != nil:
		return models.MessageRef{NumberID: f.number.ID, Wamid: f.status.ID}, f.number.ID != 0
	}
	return models.MessageRef{}, false
}

// batch collects what one transaction writes, keeping what earlier facts of the group have changed.
type batch struct {
	t             *Translator
	subs          *subscriptions
	now           time.Time
	changes       *models.Changes
	messages      map[models.MessageRef]models.Message
	written       map[models.MessageRef]int // index into changes.Messages
	conversations map[int64]*models.ConversationChange
	contacts      map[int64]*models.Contact
	groups        map[groupKey]int // index into changes.Work
}

type groupKey struct {
	webhook  int64
	priority models.Priority
}

// greet tells of a contact and a conversation that this transaction made.
func (b *batch) greet(f *fact, p *models.Person) error {
	if p.Contact.ID == 0 {
		return nil
	}
	if p.NewContact {
		d := b.data(f, p)
		d.Conversation = nil
		if err := b.emit(f, event.NewKey(event.ContactCreated, id(f.business), p.Contact.UserID, p.Contact.WaID), event.ContactCreated, d, nil); err != nil {
			return err
		}
	} else if f.person.Create {
		b.refresh(f, p)
	}
	if p.NewConversation {
		d := b.data(f, p)
		if f.message != nil {
			d.Message = messageData(f.message, f.number, f.occurred)
		}
		return b.emit(f, event.NewKey(event.ConversationCreated, f.number.PhoneNumberID, p.Contact.UserID, p.Contact.WaID), event.ConversationCreated, d, p)
	}
	return nil
}

// refresh keeps what a message newly says of a known contact.
func (b *batch) refresh(f *fact, p *models.Person) {
	c := b.contacts[p.Contact.ID]
	if c == nil {
		c = &p.Contact
	}
	if absorb(c, f.person) {
		b.contacts[p.Contact.ID] = c
	}
	p.Contact = *c
}

func absorb(c *models.Contact, r models.PersonRef) bool {
	before := *c
	for _, v := range []struct {
		dst *string
		val string
	}{{&c.Name, r.Name}, {&c.Username, r.Username}, {&c.WaID, r.WaID}, {&c.UserID, r.UserID}, {&c.ParentUserID, r.ParentUserID}} {
		if v.val != "" {
			*v.dst = v.val
		}
	}
	return *c != before
}

// add makes the event of a fact.
func (b *batch) add(f *fact, p *models.Person) error {
	d := b.data(f, p)
	switch {
	case f.message != nil:
		b.keepMessage(f, p)
		if f.typ == event.MessageReceived {
			d.Message = messageData(f.message, f.number, f.occurred)
		}
	case f.status != nil:
		current := b.keepStatus(f, p)
		if f.typ == event.MessageReport {
			d.Status = statusData(f.status, f.occurred, current)
		}
	case f.err != nil:
		e := errorData(*f.err)
		d.Error = &e
	}
	if f.unknown != nil {
		d.Field, d.Reason, d.Raw = f.field, f.unknown.Reason, f.unknown.Raw
	}
	return b.emit(f, f.key, f.typ, d, p)
}

// data is what every event of the fact carries.
func (b *batch) data(f *fact, p *models.Person) event.Data {
	d := event.Data{BusinessID: f.business, OccurredAt: event.Time{Time: f.occurred}}
	if f.number.ID != 0 {
		d.Number = &event.Number{ID: f.number.ID, PhoneNumberID: f.number.PhoneNumberID, Display: f.number.Display, WABAID: f.number.WABAID}
	}
	if c := p.Contact; c.ID != 0 {
		d.Contact = &event.Contact{ID: c.ID, Name: c.Name, WaID: c.WaID, UserID: c.UserID, ParentUserID: c.ParentUserID, Username: c.Username}
	}
	if v := p.Conversation; v.ID != 0 {
		d.Conversation = &event.Conversation{ID: v.ID, CreatedAt: event.Time{Time: v.CreatedAt}}
	}
	return d
}

// emit adds an event and what it owes. With a person the event belongs to the conversation and takes its next number.
func (b *batch) emit(f *fact, key event.Key, typ string, d event.Data, p *models.Person) error {
	row := models.Event{ID: b.t.store.NextID(), Key: key, BusinessID: f.business, NumberID: f.number.ID, Type: typ, CallbackID: f.callback, CreatedAt: b.now}
	if p != nil && p.Conversation.ID != 0 {
		v := b.conversations[p.Conversation.ID]
		if v == nil {
			v = &models.ConversationChange{ID: p.Conversation.ID, Sequence: p.Conversation.Sequence}
			b.conversations[v.ID] = v
		}
		v.Sequence++
		if typ == event.MessageReceived && f.occurred.After(v.LastInboundAt) {
			v.LastInboundAt = f.occurred
		}
		row.ConversationID, row.Sequence, d.Sequence = v.ID, v.Sequence, v.Sequence
	}
	e, err := event.New(key, typ, d, nil, b.now)
	if err != nil {
		// What upstream sent cannot be brought into canonical form, such as JSON nested a thousand deep. The event goes
		// out with those parts as text; the callback is kept as it came in any case.
		if e, err = event.New(key, typ, flattened(d), nil, b.now); err != nil {
			return fmt.Errorf("make event of callback %d: %w", f.callback, err)
		}
	}
	row.Data = e.Data
	b.changes.Events = append(b.changes.Events, row)
	b.owe(row, f.change != nil)
	return nil
}

// groupSize bounds the deliveries of one task, so that a webhook's work spreads over workers.
const groupSize = 100

// owe adds a delivery for each webhook that wants the event, and the work that attempts them. An event that came in no
// envelope owes raw dialects nothing: there is nothing to pass on.
func (b *batch) owe(e models.Event, enveloped bool) {
	priority := models.Report
	if e.ConversationID != 0 && e.Type != event.MessageReport || e.Type == event.ContactCreated {
		priority = models.Live
	}
	for _, s := range b.subs.ofBusiness[e.BusinessID] {
		if !s.wantsEvent(e.Type, e.NumberID) || s.dialect.Raw() && !enveloped {
			continue
		}
		d := models.Delivery{EventID: e.ID, WebhookID: s.webhook.ID}
		if !s.webhook.Active {
			d.State = models.Held
		}
		b.changes.Deliveries = append(b.changes.Deliveries, d)
		if d.State == models.Held {
			continue
		}
		k := groupKey{s.webhook.ID, priority}
		i, ok := b.groups[k]
		if !ok || len(b.changes.Work[i].Members) >= groupSize {
			i = len(b.changes.Work)
			b.groups[k] = i
			b.changes.Work = append(b.changes.Work, models.Work{ID: b.t.store.NextID(), Kind: models.Deliver, Priority: priority, WebhookID: s.webhook.ID, DueAt: b.now})
		}
		b.changes.Work[i].Members = append(b.changes.Work[i].Members, e.ID)
	}
}

func (b *batch) keepMessage(f *fact, p *models.Person) {
	ref, ok := f.messageRef()
	if !ok {
		return
	}
	b.put(ref, models.Message{NumberID: ref.NumberID, Wamid: ref.Wamid, ConversationID: p.Conversation.ID, Inbound: true,
		Type: f.message.Type, Text: f.message.Text, SentAt: f.occurred})
}

// keepStatus advances the message's status, never back, and returns where it stands now. A message that is not known
// yet is kept with nothing but its status.
func (b *batch) keepStatus(f *fact, p *models.Person) string {
	ref, ok := f.messageRef()
	if !ok || !f.status.Known {
		return f.status.Status
	}
	m, exists := b.messages[ref]
	if !exists {
		m = models.Message{NumberID: ref.NumberID, Wamid: ref.Wamid, SentAt: f.occurred}
	}
	if m.ConversationID == 0 {
		m.ConversationID = p.Conversation.ID
	}
	if next := waba.Advance(m.Status, f.status.Status); next != m.Status {
		m.Status, m.StatusAt = next, f.occurred
		b.put(ref, m)
	} else if !exists {
		b.put(ref, m)
	}
	return m.Status
}

// put writes a message once per transaction, in its last state.
func (b *batch) put(ref models.MessageRef, m models.Message) {
	b.messages[ref] = m
	if i, ok := b.written[ref]; ok {
		b.changes.Messages[i] = m
		return
	}
	b.written[ref] = len(b.changes.Messages)
	b.changes.Messages = append(b.changes.Messages, m)
}

func (b *batch) finish() {
	for _, v := range b.conversations {
		b.changes.Conversations = append(b.changes.Conversations, *v)
	}
	for _, c := range b.contacts {
		b.changes.Contacts = append(b.changes.Contacts, *c)
	}
}
