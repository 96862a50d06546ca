package fanout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
)

// batch collects what one transaction writes, keeping what earlier facts of the group have changed.
type batch struct {
	r       *Recorder
	subs    *subscriptions
	now     time.Time
	facts   []fact
	changes *models.Changes

	people     []models.Person // of each fact
	known      map[[16]byte]bool
	messages   map[models.MessageRef]models.Message
	sends      map[int64]*models.Send // that the gateway sent, as they stand after the facts so far
	sent       []*fact                // of each fact: the message that it says first was sent; nil: none
	orders     []*models.Order        // of each fact; nil: none
	broadcasts []*models.Broadcast    // of each fact; nil: none
	recent     map[int64][]models.Message

	written           map[models.MessageRef]int // index into changes.Messages
	conversations     map[int64]*conversation
	contacts          map[int64]*contact
	keptOrders        map[int64]int // index into changes.Orders
	counted           map[*models.Broadcast]*fact
	changedBroadcasts []*models.Broadcast
	groups            map[groupKey]int // index into changes.Work
	lanes             lanes
}

// conversation is one as it stands after the facts so far.
type conversation struct {
	now     models.Conversation
	changed bool      // something happened in it
	set     bool      // its settings changed
	inbound time.Time // the last message of the customer in this batch
}

// contact is one as it stands after the facts so far.
type contact struct {
	now     models.Contact
	changed bool
}

type groupKey struct {
	webhook  int64
	priority models.Priority
}

func newBatch(r *Recorder, subs *subscriptions, facts []fact, c *models.Changes) *batch {
	return &batch{
		r: r, subs: subs, now: r.now().UTC().Truncate(time.Millisecond), facts: facts, changes: c,
		written: map[models.MessageRef]int{}, conversations: map[int64]*conversation{}, contacts: map[int64]*contact{},
		keptOrders: map[int64]int{}, counted: map[*models.Broadcast]*fact{}, groups: map[groupKey]int{},
	}
}

// lookUp reads, and locks, everything that the facts refer to. What no fact of the group needs is not asked for.
func (b *batch) lookUp(ctx context.Context, tx models.Translation) (err error) {
	n := len(b.facts)
	refs, keys := make([]models.PersonRef, n), make([][16]byte, n, n+8)
	for i := range b.facts {
		f := &b.facts[i]
		b.r.linkFile(f)
		refs[i], keys[i] = f.person, f.key
		if f.status != nil && (f.sentBy != "" || f.send != 0) {
			keys = append(keys, f.sentKey())
		}
	}
	if b.people, err = tx.People(ctx, refs); err != nil {
		return err
	}
	if b.known, err = tx.Known(ctx, keys); err != nil {
		return err
	}
	if err = b.findSends(ctx, tx); err != nil {
		return err
	}
	if b.messages, err = tx.Messages(ctx, b.refersTo()); err != nil {
		return err
	}
	if b.orders, err = b.findOrders(ctx, tx); err != nil {
		return err
	}
	if b.broadcasts, err = b.findBroadcasts(ctx, tx); err != nil {
		return err
	}
	if wanted := b.digested(); len(wanted) > 0 {
		b.recent, err = tx.Recent(ctx, wanted, digestMessages)
	}
	return err
}

// refersTo are the messages whose state decides what the facts mean, each once.
func (b *batch) refersTo() (messages []models.MessageRef) {
	asked := map[models.MessageRef]bool{}
	ask := func(refs ...models.MessageRef) {
		for _, ref := range refs {
			if !asked[ref] {
				asked[ref] = true
				messages = append(messages, ref)
			}
		}
	}
	for i := range b.facts {
		f := &b.facts[i]
		ask(f.refersTo()...)
		if sent := b.sent[i]; sent != nil && !b.known[sent.key] {
			ask(sent.refersTo()...)
			if s := b.sendOf(f); s.BroadcastID != 0 {
				ask(failureOf(s)) // it may have been told, and counted
			}
		}
	}
	return messages
}

// refersTo are the messages whose state decides what the fact means. A message that is merely new is not looked up.
func (f *fact) refersTo() []models.MessageRef {
	if f.number.ID == 0 {
		return nil
	}
	ref := func(wamid string) []models.MessageRef {
		return []models.MessageRef{{NumberID: f.number.ID, Wamid: wamid}}
	}
	switch m := f.message; {
	case f.status != nil:
		return ref(f.status.ID)
	case m == nil:
	case m.Edit != nil:
		return ref(m.Edit.OriginalID)
	case m.Revoke != nil:
		return ref(m.Revoke.OriginalID)
	case m.Invoice != nil && m.Context != nil && m.Context.ID != "":
		return ref(m.Context.ID)
	}
	return nil
}

// sentKey is the identity of the message of a status having been sent.
func (f *fact) sentKey() event.Key {
	return sentKey(scopeOf(f.number, f.business), f.status.ID)
}

// add makes the events of a fact: its own and those that follow from it.
func (b *batch) add(f *fact, p *models.Person, i int) error {
	sent := b.sent[i]
	if f.told != nil && f.status == nil {
		if f = sent; f == nil {
			return nil // it was erased meanwhile
		}
	}
	// A new contact is news even when the fact itself is not. A conversation begins with the message that was sent, and not
	// with a status of it.
	first := f
	if sent != nil && !b.known[sent.key] {
		first = sent
	}
	if err := b.greet(first, p); err != nil {
		return err
	}
	if b.known[f.key] {
		return nil
	}
	b.known[f.key] = true
	b.noteOptOut(f)
	switch {
	case f.told != nil && f.status != nil:
		return b.addFailed(f, p, b.broadcasts[i])
	case f.told != nil:
		return b.addAccepted(f, p, i)
	case f.message != nil:
		return b.addMessage(f, p, b.orders[i])
	case f.history != nil:
		return b.addHistory(f, p)
	case f.status != nil:
		return b.addStatus(f, p, i)
	case f.payment != nil:
		return b.addPayment(f, p, b.orders[i])
	}
	d := b.data(f, p)
	switch {
	case f.operation != nil:
		f.operation.describe(&d)
	case f.file != nil:
		b.r.describeFile(f, &d)
	case f.err != nil:
		e := errorData(*f.err)
		d.Error = &e
	case f.unknown != nil:
		d.Field, d.Reason, d.Raw = f.field, f.unknown.Reason, f.unknown.Raw
	case f.notice != nil:
		d.Field, d.Value = f.field, f.notice.Raw
		if len(f.notice.Errors) > 0 {
			e := errorData(f.notice.Errors[0])
			d.Error = &e
		}
	}
	return b.emit(f, f.key, f.typ, d, p, f.change != nil)
}

// data is what every event of the fact carries.
func (b *batch) data(f *fact, p *models.Person) event.Data {
	d := event.Data{BusinessID: f.business, OccurredAt: event.Time{Time: f.occurred}}
	if f.number.ID != 0 {
		d.Number = &event.Number{ID: f.number.ID, PhoneNumberID: f.number.PhoneNumberID, Display: f.number.Display, WABAID: f.number.WABAID}
	}
	if p.Contact.ID != 0 {
		c := b.contact(p).now
		d.Contact = &event.Contact{ID: c.ID, Name: c.Name, WaID: c.WaID, UserID: c.UserID, ParentUserID: c.ParentUserID, Username: c.Username}
	}
	if p.Conversation.ID != 0 {
		d.Conversation = conversationData(b.conversation(p).now)
	}
	return d
}

func (b *batch) contact(p *models.Person) *contact {
	c := b.contacts[p.Contact.ID]
	if c == nil {
		c = &contact{now: p.Contact}
		b.contacts[p.Contact.ID] = c
	}
	return c
}

func (b *batch) conversation(p *models.Person) *conversation {
	v := b.conversations[p.Conversation.ID]
	if v == nil {
		v = &conversation{now: p.Conversation}
		b.conversations[v.now.ID] = v
	}
	return v
}

// emit adds an event and what it owes. With a person the event belongs to the conversation and takes its next number.
// enveloped says that the platform itself sent it, so that raw dialects have something to pass on.
func (b *batch) emit(f *fact, key event.Key, typ string, d event.Data, p *models.Person, enveloped bool) error {
	row := models.Event{ID: b.r.nextID(), Key: key, BusinessID: f.business, NumberID: f.number.ID, Type: typ, CallbackID: f.callback, CreatedAt: b.now}
	if p != nil && p.Conversation.ID != 0 {
		v := b.conversation(p)
		v.changed = true
		v.now.Sequence++
		row.ConversationID, row.Sequence, d.Sequence = v.now.ID, v.now.Sequence, v.now.Sequence
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
	return b.owe(f, row, enveloped, &d)
}

// groupSize bounds the deliveries of one task, so that a webhook's work spreads over workers.
const groupSize = 100

// priorityOf puts a person who waits for an answer before what nobody waits for.
func priorityOf(f *fact, e models.Event) models.Priority {
	switch {
	case strings.HasPrefix(e.Type, "history."):
		return models.History
	case f.tracking.Broadcast != "":
		return models.Bulk
	case e.Type == event.MessageReport, e.Type == event.BroadcastProgress:
		return models.Report
	case f.calm:
		return models.Report
	case e.ConversationID != 0, e.Type == event.ContactCreated, strings.HasPrefix(e.Type, "call."):
		return models.Live
	}
	return models.Report
}

// owe adds a delivery for each webhook that wants the event, and the work that attempts them. An event that came in no
// envelope owes raw dialects nothing: there is nothing to pass on.
func (b *batch) owe(f *fact, e models.Event, enveloped bool, d *event.Data) error {
	priority := priorityOf(f, e)
	digested := false
	for _, s := range b.subs.ofBusiness[e.BusinessID] {
		if f.operation != nil && f.operation.Webhook.ID == s.webhook.ID {
			continue
		}
		if s.dialect.Raw() && !(enveloped && s.dialect.Passes(f.field, f.part())) || !s.matches(e) {
			continue
		}
		if s.dialect.Digests() && !digested {
			digested = true
			if err := b.digest(e, d); err != nil {
				return err
			}
		}
		owed := models.Delivery{EventID: e.ID, WebhookID: s.webhook.ID}
		switch {
		case s.holds():
			owed.State = models.Held
			b.changes.RoutesVersion = b.subs.routes.Version
		case s.ordered() && e.ConversationID != 0:
			b.lanes.add(models.LaneRef{WebhookID: s.webhook.ID, ConversationID: e.ConversationID}, len(b.changes.Deliveries), e)
		default:
			b.task(s.webhook.ID, priority, e.ID)
		}
		b.changes.Deliveries = append(b.changes.Deliveries, owed)
	}
	return nil
}

// task adds a delivery to the work of its webhook.
func (b *batch) task(webhookID int64, priority models.Priority, eventID int64) {
	k := groupKey{webhookID, priority}
	i, ok := b.groups[k]
	if !ok || len(b.changes.Work[i].Members) >= groupSize {
		i = len(b.changes.Work)
		b.groups[k] = i
		b.changes.Work = append(b.changes.Work, models.Work{ID: b.r.nextID(), Kind: models.Deliver, Priority: priority, WebhookID: webhookID, DueAt: b.now})
	}
	b.changes.Work[i].Members = append(b.changes.Work[i].Members, eventID)
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

// write enters the lanes, hands over what changed little by little, and keeps everything.
func (b *batch) write(ctx context.Context, tx models.Translation) error {
	if err := b.enterLanes(ctx, tx); err != nil {
		return err
	}
	for _, v := range b.conversations {
		if !v.changed && !v.set {
			continue
		}
		change := models.ConversationChange{ID: v.now.ID, Sequence: v.now.Sequence, LastInboundAt: v.inbound}
		if v.set {
			change.Set = &v.now.ConversationSettings
		}
		b.changes.Conversations = append(b.changes.Conversations, change)
	}
	for _, c := range b.contacts {
		if c.changed {
			b.changes.Contacts = append(b.changes.Contacts, c.now)
		}
	}
	for _, broadcast := range b.changedBroadcasts {
		b.changes.Broadcasts = append(b.changes.Broadcasts, *broadcast)
	}
	// The same order every time keeps two transactions from waiting for each other.
	slices.SortFunc(b.changes.Conversations, func(x, y models.ConversationChange) int { return int(x.ID - y.ID) })
	return tx.Write(ctx, *b.changes)
}

// values are, by name, what something was before it changed. Mostly nothing did, so the zero value costs nothing.
type values map[string]any

func (v *values) was(name string, value any) {
	if *v == nil {
		*v = values{}
	}
	(*v)[name] = value
}

// json is nil when nothing changed.
func (v values) json() json.RawMessage {
	if len(v) == 0 {
		return nil
	}
	out, _ := json.Marshal(v) // texts, lists of texts and times always marshal
	return out
}
