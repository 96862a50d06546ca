package fanout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"wabagate/fanout/event"
	"wabagate/fanout/task"
	"wabagate/models"
	"wabagate/models/group"
	"wabagate/waba"
)

// Enqueuer takes work into the queue.
type Enqueuer interface {
	Enqueue(ctx context.Context, ws ...models.Work) error
}

// Translator turns groups of callbacks into events and deliveries.
type Translator struct {
	store   *models.Store
	routes  Refresher
	subs    *Subscriptions
	queue   Enqueuer
	courier *Courier // gets what is to be delivered without reading it back; may be nil
	log     *slog.Logger
	m       *Metrics
	now     func() time.Time
	recent  *handoff[[]models.Callback]
	works   *group.Committer[models.Work]
}

const (
	// handoffBytes bounds what the steps of this process keep for each other.
	handoffBytes = 8 << 20
	// translations is how many transactions may translate at once: one computes while the other commits.
	translations = 2
	// worksPerTranslation bounds the groups of callbacks of one transaction.
	worksPerTranslation = 8
)

// NewTranslator makes a translator; Close ends it. A nil now is the wall clock.
func NewTranslator(store *models.Store, routes Refresher, subs *Subscriptions, queue Enqueuer, courier *Courier, log *slog.Logger, m *Metrics, now func() time.Time) *Translator {
	if now == nil {
		now = time.Now
	}
	t := &Translator{store: store, routes: routes, subs: subs, queue: queue, courier: courier, log: log.With("component", "translator"), m: m, now: now,
		recent: newHandoff[[]models.Callback](handoffBytes)}
	t.works = group.New(group.Options[models.Work]{MaxItems: worksPerTranslation, Parallel: translations}, t.translate)
	return t
}

// Close finishes what is under way.
func (t *Translator) Close() { t.works.Close() }

// Offer lends the translator a group of callbacks that was just committed. The bodies must not change.
func (t *Translator) Offer(w models.Work, cs []models.Callback) {
	size := 0
	for _, c := range cs {
		size += len(c.Body) + 64
	}
	t.recent.put(w.ID, slices.Clone(cs), size)
}

// Translate does one piece of translation work, together with what else is to be done at the moment. When it returns
// nil everything the callbacks say is kept and the work is gone from the outbox. A callback that cannot be translated
// even alone is parked with the reason, so that it holds up nobody and can be looked at.
func (t *Translator) Translate(ctx context.Context, w models.Work) error { return t.works.Do(ctx, w) }

// translateTimeout bounds one transaction, so that a database that hangs is met by a retry.
const translateTimeout = time.Minute

func (t *Translator) translate(ctx context.Context, ws []models.Work) error {
	ctx, cancel := context.WithTimeout(ctx, translateTimeout)
	defer cancel()
	var callbacks []models.Callback
	var done []int64
	for _, w := range ws {
		cs, ok := t.recent.take(w.ID)
		if !ok {
			var err error
			if cs, err = t.store.Callbacks(ctx, w.Members[0], w.Members[len(w.Members)-1]); err != nil {
				return err
			}
		}
		callbacks, done = append(callbacks, cs...), append(done, w.ID)
	}
	err := t.group(ctx, callbacks, done)
	if errors.Is(err, models.ErrRoutesChanged) {
		// A number was connected while we were about to park something for it.
		if err = t.routes.Refresh(ctx); err == nil {
			err = t.group(ctx, callbacks, done)
		}
	}
	if err == nil || !lasting(err) {
		return err
	}
	t.log.Error("a group of callbacks cannot be translated together; trying each alone", "callbacks", len(callbacks), "error", err)
	for _, cb := range callbacks {
		err := t.group(ctx, []models.Callback{cb}, nil)
		if err != nil && !lasting(err) {
			return err
		}
		if err == nil {
			continue
		}
		t.log.Error("callback parked: it cannot be translated", "callback_id", cb.ID, "error", err)
		p := models.ParkedCallback{CallbackID: cb.ID, Reason: "cannot be translated: " + err.Error()}
		if err := t.store.Translate(ctx, func(tx models.Translation) error {
			return tx.Write(ctx, models.Changes{Parked: []models.ParkedCallback{p}})
		}); err != nil {
			return err
		}
	}
	return t.store.Translate(ctx, func(tx models.Translation) error { return tx.Write(ctx, models.Changes{Done: done}) })
}

// lasting says whether the same callbacks would fail again.
func lasting(err error) bool { return models.Permanent(err) || errors.Is(err, errPoison) }

// errPoison wraps a panic: a fault of ours that the same callback would meet again.
var errPoison = errors.New("translation panicked")

func (t *Translator) group(ctx context.Context, callbacks []models.Callback, done []int64) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPoison, p)
		}
	}()
	subs := t.subs.current()
	base := models.Changes{Done: done, RoutesVersion: subs.routes.Version}
	var facts []fact
	seen := make(map[event.Key]bool, len(callbacks))
	for _, cb := range callbacks {
		app, known := subs.apps[cb.AppID]
		fs, waits := factsOf(cb, app, known, subs.routes)
		for _, f := range fs {
			if !seen[f.key] {
				seen[f.key] = true
				facts = append(facts, f)
			}
		}
		for _, p := range waits {
			base.Parked = append(base.Parked, models.ParkedCallback{PhoneNumberID: p.key, CallbackID: cb.ID, Reason: p.reason})
		}
	}
	var changes models.Changes
	err = t.store.Translate(ctx, func(tx models.Translation) error {
		changes = base // a transaction that is tried again starts over
		if len(facts) == 0 {
			return tx.Write(ctx, changes)
		}
		return t.write(ctx, tx, facts, subs, &changes)
	})
	if err != nil {
		return fmt.Errorf("translate %d callbacks: %w", len(callbacks), err)
	}
	t.m.translated(len(callbacks), changes)
	if len(changes.Work) == 0 {
		return nil
	}
	if t.courier != nil {
		t.courier.offer(changes)
	}
	// The work is in the database by now: what does not reach the queue is found by the reconciler.
	if err := t.queue.Enqueue(ctx, changes.Work...); err != nil {
		t.log.Warn("deliveries not queued yet; the reconciler will", "groups", len(changes.Work), "error", err)
	}
	return nil
}

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
	b.owe(row)
	return nil
}

// groupSize bounds the deliveries of one task, so that a webhook's work spreads over workers.
const groupSize = 100

// owe adds a delivery for each webhook that wants the event, and the work that attempts them.
func (b *batch) owe(e models.Event) {
	priority := models.Report
	if e.ConversationID != 0 && e.Type != event.MessageReport || e.Type == event.ContactCreated {
		priority = models.Live
	}
	for _, s := range b.subs.ofBusiness[e.BusinessID] {
		if !s.wantsEvent(e.Type, e.NumberID) {
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

var _ Enqueuer = (*task.Queue)(nil)
