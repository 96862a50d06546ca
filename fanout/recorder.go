package fanout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
)

// Recorder keeps what happened, makes the events of it and hands on their deliveries. Callbacks reach it through a
// Translator; what people do, directly. Safe for concurrent use.
type Recorder struct {
	store   *models.Store
	routes  Refresher
	subs    *Subscriptions
	queue   Enqueuer
	courier *Courier // gets what is to be delivered without reading it back; may be nil
	log     *slog.Logger
	m       *Metrics
	nextID  func() int64
	links   MediaLinks // nil: files have no address of ours
	now     func() time.Time
}

// NewRecorder makes a recorder. A nil courier means that deliveries are made by other processes, a nil now is the wall
// clock.
func NewRecorder(store *models.Store, routes Refresher, subs *Subscriptions, queue Enqueuer, courier *Courier, log *slog.Logger, m *Metrics, now func() time.Time) *Recorder {
	if now == nil {
		now = time.Now
	}
	return &Recorder{store: store, routes: routes, subs: subs, queue: queue, courier: courier, log: log.With("component", "recorder"), m: m, nextID: store.NextID, now: now}
}

// record writes facts and what else the base says in one transaction, and hands the deliveries on.
func (r *Recorder) record(ctx context.Context, facts []fact, subs *subscriptions, base models.Changes) (changes models.Changes, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("recording panicked", "facts", len(facts), "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errPoison, p)
		}
	}()
	err = r.store.Translate(ctx, func(tx models.Translation) error {
		changes = base // a transaction that is tried again starts over
		if len(facts) == 0 {
			return tx.Write(ctx, changes)
		}
		return r.write(ctx, tx, facts, subs, &changes)
	})
	if err != nil {
		return changes, err
	}
	r.handOn(ctx, changes)
	return changes, nil
}

// handOn counts committed events and passes their deliveries to those who make them.
func (r *Recorder) handOn(ctx context.Context, changes models.Changes) {
	r.m.made(changes.Events)
	if len(changes.Work) == 0 {
		return
	}
	if r.courier != nil {
		r.courier.offer(changes)
	}
	// The work is in the database by now: what does not reach the queue is found by the reconciler.
	if err := r.queue.Enqueue(ctx, changes.Work...); err != nil {
		r.log.Warn("deliveries not queued yet; the reconciler will", "groups", len(changes.Work), "error", err)
	}
}

// write looks up what the facts refer to, makes the events and hands everything to the transaction.
func (r *Recorder) write(ctx context.Context, tx models.Translation, facts []fact, subs *subscriptions, c *models.Changes) error {
	b := newBatch(r, subs, facts, c)
	if err := b.lookUp(ctx, tx); err != nil {
		return err
	}
	for i := range facts {
		if err := b.add(&facts[i], &b.people[i], i); err != nil {
			return err
		}
	}
	if err := b.tellBroadcasts(); err != nil {
		return err
	}
	return b.write(ctx, tx)
}

// fresh does something again with fresh routes when they changed under it.
func (r *Recorder) fresh(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if !errors.Is(err, models.ErrRoutesChanged) || try == 5 {
			return err
		}
		if err := r.routes.Refresh(ctx); err != nil {
			return err
		}
	}
}

// SetConversation changes what people set about a conversation and tells of it when something is different. An error of
// change stops it; ErrNotFound when the business has no such conversation.
func (r *Recorder) SetConversation(ctx context.Context, businessID, conversationID int64, change func(*models.ConversationSettings) error) (models.Conversation, error) {
	var after models.Conversation
	err := r.change(ctx, func(tx models.Translation, c *models.Changes) error {
		f := fact{business: businessID, occurred: r.now().UTC(), person: models.PersonRef{BusinessID: businessID, ConversationID: conversationID}}
		b := newBatch(r, r.subs.current(), []fact{f}, c)
		if err := b.lookUp(ctx, tx); err != nil {
			return err
		}
		p := &b.people[0]
		if p.Conversation.ID == 0 {
			return fmt.Errorf("conversation %d: %w", conversationID, models.ErrNotFound)
		}
		v := b.conversation(p)
		before := v.now.ConversationSettings
		before.Labels = slices.Clone(before.Labels)
		if err := change(&v.now.ConversationSettings); err != nil {
			return err
		}
		v.set = true
		f.number, _ = b.subs.numberOf(v.now.NumberID)
		after = v.now
		previous := changedSettings(before, v.now.ConversationSettings)
		if len(previous) == 0 && before.AI == v.now.AI {
			return nil
		}
		if len(previous) == 0 { // on since another moment: kept, and nobody's news
			return b.write(ctx, tx)
		}
		key := event.NewKey(event.ConversationUpdated, id(conversationID), id(r.nextID()))
		d := b.data(&f, p)
		d.Previous = previous.json()
		if err := b.emit(&f, key, event.ConversationUpdated, d, p, false); err != nil {
			return err
		}
		return b.write(ctx, tx)
	})
	return after, err
}

// SetOrder changes an order and tells of it when its status is different. An error of change stops it; ErrNotFound when
// the business has no such order.
func (r *Recorder) SetOrder(ctx context.Context, businessID, orderID int64, change func(*models.Order) error) (models.Order, error) {
	// The order says whose conversation it belongs to, which is looked up before orders are: hence the two steps. It
	// never moves to another.
	known, err := r.store.OrderByID(ctx, businessID, orderID)
	if err != nil {
		return models.Order{}, err
	}
	var after models.Order
	err = r.change(ctx, func(tx models.Translation, c *models.Changes) error {
		now := r.now().UTC()
		f := fact{business: businessID, occurred: now, orderRef: &models.OrderRef{BusinessID: businessID, ID: orderID},
			person: models.PersonRef{BusinessID: businessID, ConversationID: known.ConversationID}}
		f.number, _ = r.subs.current().numberOf(known.NumberID)
		b := newBatch(r, r.subs.current(), []fact{f}, c)
		if err := b.lookUp(ctx, tx); err != nil {
			return err
		}
		o := b.orders[0]
		if o == nil {
			return fmt.Errorf("order %d: %w", orderID, models.ErrNotFound)
		}
		before := *o
		if err := change(o); err != nil {
			return err
		}
		if o.Status != before.Status {
			o.StatusAt = now
			if err := b.orderChanged(&f, &b.people[0], event.NewKey(event.OrderStatusUpdated, id(orderID), id(r.nextID())), o, before); err != nil {
				return err
			}
		} else {
			b.keepOrder(o)
		}
		after = *o
		return b.write(ctx, tx)
	})
	return after, err
}

// RegisterBroadcast makes known a broadcast that is sent elsewhere, so that it is counted from the tracking strings of its
// messages; what has been counted of it already stays. Reference and Total say when it is complete.
func (r *Recorder) RegisterBroadcast(ctx context.Context, broadcast models.Broadcast) (models.Broadcast, error) {
	var after models.Broadcast
	err := r.change(ctx, func(tx models.Translation, c *models.Changes) error {
		f := fact{business: broadcast.BusinessID, occurred: r.now().UTC()}
		f.number, _ = r.subs.current().numberOf(broadcast.NumberID)
		f.broadcastRef = &models.BroadcastRef{BusinessID: broadcast.BusinessID, Reference: broadcast.Reference, Create: true, Broadcast: broadcast}
		f.broadcastRef.Broadcast.StartedAt = f.occurred
		b := newBatch(r, r.subs.current(), []fact{f}, c)
		if err := b.lookUp(ctx, tx); err != nil {
			return err
		}
		found := b.broadcasts[0]
		found.Total = broadcast.Total
		for _, text := range []struct {
			field *string
			value string
		}{{&found.Name, broadcast.Name}, {&found.TemplateName, broadcast.TemplateName}} {
			if text.value != "" {
				*text.field = text.value
			}
		}
		b.counted[found] = &f
		b.changedBroadcasts = append(b.changedBroadcasts, found)
		if err := b.tellBroadcasts(); err != nil {
			return err
		}
		after = *found
		return b.write(ctx, tx)
	})
	return after, err
}

// change runs fn in one transaction, which may run it several times, and hands on what it owes.
func (r *Recorder) change(ctx context.Context, fn func(models.Translation, *models.Changes) error) error {
	var changes models.Changes
	err := r.fresh(ctx, func() error {
		return r.store.Translate(ctx, func(tx models.Translation) error {
			changes = models.Changes{}
			return fn(tx, &changes)
		})
	})
	if err == nil {
		r.handOn(ctx, changes)
	}
	return err
}
