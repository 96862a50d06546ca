package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"wabagate/fanout/trace"
	"wabagate/models"
	"wabagate/models/group"
)

// ErrUnavailable says that nothing durable could take a callback.
var ErrUnavailable = errors.New("neither the database nor Redis takes callbacks")

// Journal commits callbacks to the database. Repeating Accept with the same ids changes nothing.
type Journal interface {
	NewCallbackGroup(cs []models.Callback) models.Work
	Accept(ctx context.Context, w models.Work, cs []models.Callback) error
	Ping(ctx context.Context) error
}

// Refuge keeps groups of callbacks while the database is away.
type Refuge interface {
	Put(ctx context.Context, g Group) error
	// Peek reads the oldest groups, Drop removes those that were read.
	Peek(ctx context.Context, n int) ([]Kept, error)
	Drop(ctx context.Context, ks []Kept) error
}

// Enqueuer takes work into the queue.
type Enqueuer interface {
	Enqueue(ctx context.Context, ws ...models.Work) error
}

// Next is lent what was just committed, so that it need not read it back. The callbacks must not change.
type Next interface {
	Offer(w models.Work, cs []models.Callback)
}

// Group is what one commit carries.
type Group struct {
	Work      models.Work
	Callbacks []models.Callback
}

// Acceptor makes callbacks durable, in groups. Make it with NewAcceptor and end it with Close.
type Acceptor struct {
	journal Journal
	refuge  Refuge // nil: none
	queue   Enqueuer
	next    Next // nil: translated elsewhere
	log     *slog.Logger
	m       *Metrics
	trace   *trace.Tracer // nil: off
	// urgent commits what people wait for, calm the rest: each with its own work, so that a message does not wait in a
	// queue of statuses.
	urgent, calm *group.Committer[models.Callback]
	toQueue      chan models.Work
	away         atomic.Bool // the database did not answer a moment ago
	ctx          context.Context
	cancel       context.CancelFunc
	wg           sync.WaitGroup
}

const (
	// commitTimeout bounds a commit: the platform should have its answer within a second or so.
	commitTimeout = 2 * time.Second
	refugeTimeout = time.Second
	// calmLinger gathers what can wait while there is a lot of it: fewer commits leave the disk to what cannot.
	calmLinger = 10 * time.Millisecond
	// probeEvery is how often an absent database is looked for, and the refuge for something to bring home.
	probeEvery = 500 * time.Millisecond
)

// NewAcceptor starts an acceptor. A nil refuge means that callbacks are refused while the database is away; a nil next,
// that the callbacks are translated by another process.
func NewAcceptor(j Journal, refuge Refuge, q Enqueuer, next Next, log *slog.Logger, m *Metrics) *Acceptor {
	ctx, cancel := context.WithCancel(context.Background())
	a := &Acceptor{journal: j, refuge: refuge, queue: q, next: next, log: log.With("component", "acceptor"), m: m, toQueue: make(chan models.Work, 4096), ctx: ctx, cancel: cancel}
	o := group.Options[models.Callback]{MaxItems: 256, MaxBytes: 8 << 20, Size: func(c models.Callback) int { return len(c.Body) }}
	a.urgent = group.New(o, func(_ context.Context, cs []models.Callback) error { return a.commit(cs, models.Live) })
	o.Linger = calmLinger
	a.calm = group.New(o, func(_ context.Context, cs []models.Callback) error { return a.commit(cs, models.Report) })
	a.wg.Go(a.enqueue)
	a.wg.Go(a.bringHome)
	return a
}

// TraceTo tells a tracer of every callback from now on; to be called before the first.
func (a *Acceptor) TraceTo(t *trace.Tracer) { a.trace = t }

// Accept returns nil once the callback is durable; its id is given here. The body must not change afterwards.
func (a *Acceptor) Accept(ctx context.Context, cb models.Callback) error {
	if urgent(cb.Body) {
		return a.urgent.Do(ctx, cb)
	}
	return a.calm.Do(ctx, cb)
}

// Close commits and enqueues what was handed in.
func (a *Acceptor) Close() {
	a.urgent.Close()
	a.calm.Close()
	close(a.toQueue)
	a.cancel()
	a.wg.Wait()
}

func (a *Acceptor) commit(cs []models.Callback, p models.Priority) error {
	g := Group{Work: a.journal.NewCallbackGroup(cs), Callbacks: cs}
	g.Work.Priority = p
	a.m.group.Observe(float64(len(cs)))
	var refugeErr error
	if a.refuge != nil && a.away.Load() {
		if refugeErr = a.takeRefuge(g); refugeErr == nil {
			return nil
		}
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	err := a.journal.Accept(ctx, g.Work, g.Callbacks)
	cancel()
	a.m.database.done(began, err)
	if err == nil {
		a.kept(g, began, "database")
		if a.next != nil {
			a.next.Offer(g.Work, g.Callbacks)
		}
		select {
		case a.toQueue <- g.Work:
		default: // the queue is stuck; the reconciler will find the work
		}
		return nil
	}
	if a.refuge != nil && !a.away.Swap(true) {
		a.log.Error("the database does not take callbacks; Redis keeps them until it does", "error", err)
	}
	if a.refuge != nil && refugeErr == nil {
		refugeErr = a.takeRefuge(g)
		if refugeErr == nil {
			return nil
		}
	}
	a.log.Error("callbacks refused", "callbacks", len(cs), "database", err, "redis", refugeErr)
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func (a *Acceptor) takeRefuge(g Group) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), refugeTimeout)
	defer cancel()
	err := a.refuge.Put(ctx, g)
	a.m.redis.done(began, err)
	if err == nil {
		a.m.refuge.Add(float64(len(g.Callbacks)))
		a.kept(g, began, "redis")
	}
	return err
}

// kept logs a group that is durable and tells the tracer of its callbacks.
func (a *Acceptor) kept(g Group, began time.Time, store string) {
	ended := time.Now()
	if a.log.Enabled(context.Background(), slog.LevelDebug) {
		size := 0
		for i := range g.Callbacks {
			size += len(g.Callbacks[i].Body)
		}
		a.log.Debug("callbacks kept", "work_id", g.Work.ID, "callbacks", len(g.Callbacks), "first_id", g.Callbacks[0].ID, "last_id", g.Callbacks[len(g.Callbacks)-1].ID, "bytes", size,
			"store", store, "duration_ms", ended.Sub(began).Milliseconds())
	}
	if a.trace == nil {
		return
	}
	for i := range g.Callbacks {
		cb := &g.Callbacks[i]
		id := trace.OfCallback(cb.ID)
		if !a.trace.Traces(id) {
			continue
		}
		accept, callback := trace.Of(trace.Accept, cb.ID), trace.Attribute{Key: "wabagate.callback_id", N: cb.ID}
		a.trace.Record(trace.Span{Trace: id, ID: accept, Name: trace.Accept, Kind: trace.Server, Start: cb.ReceivedAt, End: ended,
			Attributes: []trace.Attribute{callback, {Key: "wabagate.body_bytes", N: int64(len(cb.Body))}}})
		a.trace.Record(trace.Span{Trace: id, ID: trace.Of(trace.Commit, cb.ID), Parent: accept, Name: trace.Commit, Kind: trace.Internal, Start: began, End: ended,
			Attributes: []trace.Attribute{callback, {Key: "wabagate.work_id", N: g.Work.ID}, {Key: "wabagate.group_size", N: int64(len(g.Callbacks))}, {Key: "wabagate.store", Text: store}}})
	}
}

// enqueue passes work to the queue beside the acknowledgements, several pieces at a time.
func (a *Acceptor) enqueue() {
	failing := false
	for w := range a.toQueue {
		ws := []models.Work{w}
	more:
		for len(ws) < 64 {
			select {
			case w, open := <-a.toQueue:
				if !open {
					break more
				}
				ws = append(ws, w)
			default:
				break more
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
		err := a.queue.Enqueue(ctx, ws...)
		cancel()
		if err != nil && !failing {
			a.log.Warn("callbacks not queued yet; the reconciler will", "groups", len(ws), "error", err)
		}
		failing = err != nil
	}
}

// bringHome looks for an absent database and carries what Redis kept into it, oldest first.
func (a *Acceptor) bringHome() {
	if a.refuge == nil {
		return
	}
	t := time.NewTicker(probeEvery)
	defer t.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-t.C:
		}
		ctx, cancel := context.WithTimeout(a.ctx, 10*time.Second)
		if a.away.Load() {
			if err := a.journal.Ping(ctx); err == nil {
				a.away.Store(false)
				a.log.Info("the database is back")
			}
		}
		if !a.away.Load() {
			if n, err := Carry(ctx, a.journal, a.refuge, a.queue); n > 0 {
				a.m.carried.Add(float64(n))
				a.log.Info("callbacks carried from Redis to the database", "groups", n, "error", err)
			}
		}
		cancel()
	}
}

// Carry moves everything that the refuge keeps into the database and the queue, and returns how many groups it moved.
// Several processes may do so at once.
func Carry(ctx context.Context, j Journal, r Refuge, q Enqueuer) (int, error) {
	moved := 0
	for {
		kept, err := r.Peek(ctx, 16)
		if err != nil || len(kept) == 0 {
			return moved, err
		}
		for _, k := range kept {
			if err := j.Accept(ctx, k.Group.Work, k.Group.Callbacks); err != nil {
				return moved, err
			}
			_ = q.Enqueue(ctx, k.Group.Work) // what is not queued now, the reconciler queues
		}
		if err := r.Drop(ctx, kept); err != nil {
			return moved, err
		}
		moved += len(kept)
	}
}
