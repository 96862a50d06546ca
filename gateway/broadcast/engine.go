package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"wabagate/gateway/sending"
	"wabagate/models"
)

// Options are the parts that an engine works with. Store, Close and Log are needed.
type Options struct {
	Store *models.Store
	// Enqueue takes committed work into the queue; nil leaves that to the reconciler.
	Enqueue func(ctx context.Context, ws ...models.Work) error
	// Close makes a broadcast's total final, and tells of its completion once that is reached, as CloseBroadcast of a
	// fanout.Recorder does. It may be asked for again.
	Close func(ctx context.Context, businessID, broadcastID, total int64) error
	// Metrics counts; nil: nothing does.
	Metrics *Metrics
	// Now is the clock; nil means the store's.
	Now func() time.Time
	Log *slog.Logger
}

const (
	// lookEvery is how often it is looked for broadcasts that have something to do.
	lookEvery = 500 * time.Millisecond
	// claimFor is how long a broadcast stays with an engine that does not come back. A step of one is bounded by less.
	claimFor    = 15 * time.Second
	stepTimeout = 10 * time.Second
)

// Engine makes the messages of running broadcasts. Make it with New.
type Engine struct {
	store *models.Store
	queue func(ctx context.Context, ws ...models.Work) error
	close func(ctx context.Context, businessID, broadcastID, total int64) error
	now   func() time.Time
	log   *slog.Logger
	m     *Metrics
	owner int64
	every time.Duration

	letters map[int64]Letter // of the broadcasts at hand, by id
	waiting map[int64]string // of those that do not go on, why: it is logged once
}

// New makes an engine.
func New(o Options) *Engine {
	if o.Now == nil {
		o.Now = o.Store.Now
	}
	return &Engine{store: o.Store, queue: o.Enqueue, close: o.Close, now: o.Now, log: o.Log.With("component", "broadcast"), m: o.Metrics, owner: o.Store.NextID(), every: lookEvery,
		letters: map[int64]Letter{}, waiting: map[int64]string{}}
}

// Run works on broadcasts until ctx ends, and leaves them to others then. Several processes may run engines, and no two
// work on the same broadcast.
func (e *Engine) Run(ctx context.Context) {
	defer e.leave()
	t := time.NewTicker(e.every)
	defer t.Stop()
	failing := false
	for {
		err := e.round(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			e.log.Warn("cannot look for broadcasts; will go on trying", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (e *Engine) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	if err := e.store.LeaveBroadcasts(ctx, e.owner); err != nil {
		e.log.Warn("broadcasts not left; others take them over in a while", "error", err)
	}
}

// round takes one step with every broadcast that is this engine's. One that fails does not hold up the others.
func (e *Engine) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, claimFor)
	defer cancel()
	plans, err := e.store.ClaimBroadcasts(ctx, e.owner, e.now().Add(claimFor))
	if err != nil {
		return err
	}
	e.forget(plans)
	for _, p := range plans {
		why := ""
		if err := e.step(ctx, p); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			why = err.Error()
		}
		e.tell(p, why)
	}
	e.m.atHand(len(plans), len(e.waiting))
	return nil
}

// forget lets go of what is known of broadcasts that are not at hand any more.
func (e *Engine) forget(plans []models.BroadcastPlan) {
	at := map[int64]bool{}
	for _, p := range plans {
		at[p.BroadcastID] = true
	}
	for id := range e.letters {
		if !at[id] {
			delete(e.letters, id)
		}
	}
	for id := range e.waiting {
		if !at[id] {
			delete(e.waiting, id)
		}
	}
}

// tell writes into the log that a broadcast does not go on, or goes on again.
func (e *Engine) tell(p models.BroadcastPlan, why string) {
	before := e.waiting[p.BroadcastID]
	switch {
	case why == before:
	case why == "":
		delete(e.waiting, p.BroadcastID)
		e.log.Info("broadcast goes on", "broadcast_id", p.BroadcastID)
	default:
		e.waiting[p.BroadcastID] = why
		e.log.Warn("broadcast does not go on; will go on trying", "broadcast_id", p.BroadcastID, "number_id", p.NumberID, "error", why)
	}
}

// step does what there is to do for one broadcast now.
func (e *Engine) step(ctx context.Context, p models.BroadcastPlan) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if p.State == models.PlanCancelled {
		if err := e.store.CancelRest(ctx, p.BroadcastID); err != nil {
			return err
		}
	}
	open, err := e.store.OpenSends(ctx, p.BroadcastID)
	if err != nil {
		return err
	}
	if p.State == models.PlanRunning && p.Place < p.Recipients {
		return e.release(ctx, p, open)
	}
	if !open.None() {
		return nil
	}
	return e.finish(ctx, p)
}

// errUnreachable says why a broadcast's number sends nothing.
var errUnreachable = errors.New("the number has no token: connect it again")

// release gives as many recipients their turn as may have it now.
func (e *Engine) release(ctx context.Context, p models.BroadcastPlan, open models.OpenSends) error {
	u, err := e.store.UpstreamOf(ctx, p.NumberID)
	if errors.Is(err, models.ErrNotFound) {
		return errUnreachable
	}
	if err != nil {
		return err
	}
	letter, known := e.letters[p.BroadcastID]
	if !known {
		if letter, err = cutUp(p.Body); err != nil {
			return fmt.Errorf("body: %w", err)
		}
		e.letters[p.BroadcastID] = letter
	}
	for {
		now := e.now()
		n, due := allowance(p, open, sending.RateOf(u), now)
		if n == 0 {
			return nil
		}
		rs, err := e.store.NextRecipients(ctx, p, p.Place, min(n, releasedAtOnce))
		if err != nil {
			return err
		}
		if len(rs) == 0 {
			return fmt.Errorf("the recipients after place %d are gone", p.Place)
		}
		r := turn(p, letter, rs)
		r.Owner, r.PacedAt = e.owner, paced(p, due, len(r.Sends))
		work, ok, err := e.store.ReleaseBroadcast(ctx, r)
		if err != nil || !ok { // it was paused, or ended, or is somebody else's
			return err
		}
		e.m.release(r)
		e.enqueue(ctx, work)
		p.Place, p.PacedAt = r.To, r.PacedAt
		open.Ready += int64(len(r.Sends))
	}
}

// turn makes the messages to the next recipients. What cannot be written for one of them leaves as it is, to be refused like
// any message: nobody is passed over in silence.
func turn(p models.BroadcastPlan, letter Letter, rs []models.Recipient) models.Release {
	r := models.Release{BroadcastID: p.BroadcastID, From: p.Place, To: rs[len(rs)-1].Place}
	for _, to := range rs {
		switch {
		case to.OptedOut:
			r.OptedOut = append(r.OptedOut, to.Place)
		case !to.Erased:
			s, _ := letter.For(to)
			s.BusinessID, s.NumberID = p.BusinessID, p.NumberID
			r.Sends = append(r.Sends, s)
		}
	}
	return r
}

func (e *Engine) enqueue(ctx context.Context, work []models.Work) {
	if e.queue == nil || len(work) == 0 {
		return
	}
	if err := e.queue(ctx, work...); err != nil {
		e.log.Warn("messages not queued yet; the reconciler will", "pieces", len(work), "error", err)
	}
}

// finish ends a broadcast of which every message is settled. The total is made final first: whoever goes on after a crash
// finds the plan unfinished, and does both again.
func (e *Engine) finish(ctx context.Context, p models.BroadcastPlan) error {
	settled, err := e.store.SettledSends(ctx, p.BroadcastID)
	if err != nil {
		return err
	}
	if err := e.close(ctx, p.BusinessID, p.BroadcastID, settled); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	p, err = e.store.FinishBroadcast(ctx, p, settled)
	if err != nil {
		return err
	}
	e.m.end(p.State == models.PlanCancelled)
	e.log.Info("broadcast ended", "broadcast_id", p.BroadcastID, "state", p.State, "recipients", p.Recipients, "went_out_or_failed", settled, "opted_out", p.OptedOut,
		"cancelled", p.Cancelled)
	return nil
}
