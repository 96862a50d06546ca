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
	"wabagate/fanout/task"
	"wabagate/fanout/trace"
	"wabagate/models"
	"wabagate/models/group"
)

// Enqueuer takes work into the queue.
type Enqueuer interface {
	Enqueue(ctx context.Context, ws ...models.Work) error
}

// Translator turns groups of callbacks into events and deliveries.
type Translator struct {
	*Recorder
	log    *slog.Logger
	recent *handoff[[]models.Callback]
	// works are those of what people wait for, reports those of the rest: a transaction full of statuses holds up no message.
	works, reports *group.Committer[models.Work]
	trace          *trace.Tracer // nil: off
}

const (
	// handoffBytes bounds what the steps of this process keep for each other.
	handoffBytes = 8 << 20
	// translations is how many transactions may translate at once: one computes while the other commits.
	translations = 2
	// calmWorks bounds the groups of callbacks of a transaction of reports. They are not gathered beyond what came in while
	// the one before was written: larger bursts of deliveries hold up messages.
	calmWorks = 32
	// worksPerTranslation bounds the groups of callbacks of one transaction.
	worksPerTranslation = 8
)

// NewTranslator makes a translator that records what callbacks say; Close ends it.
func NewTranslator(r *Recorder, log *slog.Logger) *Translator {
	t := &Translator{Recorder: r, log: log.With("component", "translator"), recent: newHandoff[[]models.Callback](handoffBytes)}
	t.works = group.New(group.Options[models.Work]{MaxItems: worksPerTranslation, Parallel: translations}, t.translate)
	t.reports = group.New(group.Options[models.Work]{MaxItems: calmWorks}, t.translate)
	return t
}

// TraceTo tells a tracer of every callback from now on; to be called before the first.
func (t *Translator) TraceTo(to *trace.Tracer) { t.trace = to }

// Close finishes what is under way.
func (t *Translator) Close() { t.works.Close(); t.reports.Close() }

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
func (t *Translator) Translate(ctx context.Context, w models.Work) error {
	if w.Priority == models.Live {
		return t.works.Do(ctx, w)
	}
	return t.reports.Do(ctx, w)
}

// translateTimeout bounds one transaction, so that a database that hangs is met by a retry.
const translateTimeout = time.Minute

func (t *Translator) translate(ctx context.Context, ws []models.Work) (err error) {
	ctx, cancel := context.WithTimeout(ctx, translateTimeout)
	defer cancel()
	var callbacks []models.Callback
	var done []int64
	began := time.Now()
	defer func() { t.ended(began, ws, callbacks, err) }()
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
	err = t.group(ctx, callbacks, done)
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

// ended counts, logs and traces a transaction that is over. What failed is logged where it is tried again.
func (t *Translator) ended(began time.Time, ws []models.Work, callbacks []models.Callback, err error) {
	now := time.Now()
	t.m.transaction(began, oldest(callbacks), t.now(), err)
	if err != nil {
		return
	}
	if t.log.Enabled(context.Background(), slog.LevelDebug) {
		t.log.Debug("callbacks translated", "work_id", ws[0].ID, "groups", len(ws), "callbacks", len(callbacks), "duration_ms", now.Sub(began).Milliseconds())
	}
	if t.trace == nil {
		return
	}
	for i := range callbacks {
		cb := callbacks[i].ID
		t.trace.Record(trace.Span{Trace: trace.OfCallback(cb), ID: trace.Of(trace.Translate, cb), Parent: trace.Of(trace.Commit, cb), Name: trace.Translate, Kind: trace.Consumer, Start: began, End: now,
			Attributes: []trace.Attribute{{Key: "wabagate.callback_id", N: cb}, {Key: "wabagate.group_size", N: int64(len(callbacks))}}})
	}
}

// oldest is when the first of callbacks came; zero: there are none.
func oldest(callbacks []models.Callback) (at time.Time) {
	for i := range callbacks {
		if came := callbacks[i].ReceivedAt; at.IsZero() || came.Before(at) {
			at = came
		}
	}
	return at
}

// lasting says whether the same callbacks would fail again.
func lasting(err error) bool { return models.Permanent(err) || errors.Is(err, errPoison) }

// errPoison wraps a panic: a fault of ours that the same callback would meet again.
var errPoison = errors.New("translation panicked")

func (t *Translator) group(ctx context.Context, callbacks []models.Callback, done []int64) error {
	subs := t.subs.current()
	own, err := t.answers(ctx, callbacks)
	if err != nil {
		return fmt.Errorf("read what was sent: %w", err)
	}
	facts, waits, err := t.takeApart(callbacks, own, subs)
	if err != nil {
		return err
	}
	// The work is done when the last of its facts is: what a crash leaves in between is known when it is done again.
	base := models.Changes{Done: done, RoutesVersion: subs.routes.Version, Parked: waits}
	for {
		some, rest, now := facts, []fact(nil), base
		if most := t.factsAtOnce(); len(facts) > most {
			some, rest, now = facts[:most], facts[most:], models.Changes{}
		}
		changes, err := t.record(ctx, some, subs, now)
		if err != nil {
			return fmt.Errorf("translate %d callbacks: %w", len(callbacks), err)
		}
		if len(rest) == 0 {
			t.m.translated(len(callbacks), changes)
			return nil
		}
		t.m.translated(0, changes)
		facts = rest
	}
}

// factsAtOnce bounds a transaction: callbacks of 3 MB hold ten thousand messages, and whoever needs the same rows waits
// for them; on the embedded database that is everybody.
func (t *Translator) factsAtOnce() int {
	if t.store.Embedded() {
		return 250
	}
	return 4000
}

// takeApart finds the facts of a group, each once, and what is to be parked.
func (t *Translator) takeApart(callbacks []models.Callback, own answers, subs *subscriptions) (facts []fact, waits []models.ParkedCallback, err error) {
	defer func() {
		if p := recover(); p != nil {
			t.log.Error("translation panicked", "callbacks", len(callbacks), "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errPoison, p)
		}
	}()
	seen := make(map[event.Key]bool, len(callbacks))
	facts = make([]fact, 0, len(callbacks)) // most say one thing
	for _, cb := range callbacks {
		fs, ws := own.factsOf(cb, subs)
		for i := range fs {
			if !seen[fs[i].key] {
				seen[fs[i].key] = true
				facts = append(facts, fs[i])
			}
		}
		for _, p := range ws {
			waits = append(waits, models.ParkedCallback{PhoneNumberID: p.key, CallbackID: cb.ID, Reason: p.reason})
		}
	}
	return facts, waits, nil
}

var _ Enqueuer = (*task.Queue)(nil)
