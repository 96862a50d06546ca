//go:build unix

package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// row is one fault and what came of it.
type row struct {
	fault    fault
	ledger   ledger
	verdicts []verdict // one for each invariant
	settled  time.Duration
}

func (r row) broken() bool {
	return slices.ContainsFunc(r.verdicts, func(v verdict) bool { return len(v.broken) > 0 })
}

const (
	// around is how long there is traffic before a fault and after it, and aroundQuick in the reduced matrix.
	around      = 2 * time.Second
	aroundQuick = time.Second
	// settleWithin bounds the wait until nothing is left to do. After a timeout the gateway waits a minute, and what it
	// accepted in a minute without a database takes more than that on a busy machine.
	settleWithin = 180 * time.Second
	// quiet is how long nothing may come before a row ends, so that late doubles are seen.
	quiet = time.Second
	// lookEvery is how often the stored statuses are read.
	lookEvery = 500 * time.Millisecond
	// lookWithin bounds a look at a store, which may be away.
	lookWithin = 5 * time.Second
)

// run makes one row: traffic, the fault in its middle, healing, and the wait until all is settled. The error is the
// harness's own, after which the environment is of no use; what the gateway does wrong is in the row.
func (e *environment) run(ctx context.Context, o options, f fault, w wall, tag string) (_ row, err error) {
	earlier, err := e.db.outbox(ctx)
	if err != nil {
		return row{}, err
	}
	b := newBook(tag, slices.Concat(e.hooks, w.hooks), earlier)
	e.record(b)
	ctx, cancel := context.WithCancelCause(ctx)
	traffic, stopTraffic := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel(nil)
	defer stopTraffic()
	spawn := func(fn func()) {
		group.Go(func() {
			defer func() { // a fault of the harness ends the run in order, not the process in the middle
				if p := recover(); p != nil {
					cancel(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
				}
			}()
			fn()
		})
	}

	var targets []string
	for _, p := range e.ingresses {
		targets = append(targets, p.URL()+"/webhooks/cloud/matrix")
	}
	posting, stopPosting := context.WithCancel(ctx)
	defer stopPosting()
	posted := make(chan struct{})
	spawn(func() {
		defer close(posted)
		newUpstream(targets, e.secret, b).run(posting, traffic, newPlan(tag, [numberCount]string{e.numbers[0], e.numbers[1], w.number}, seedOf(tag)), o.rate)
	})
	spawn(func() { e.watch(ctx, b) })

	if err := sleep(ctx, o.around); err != nil {
		return row{}, err
	}
	o.say("  fault")
	heal, err := f.inject(ctx, e)
	if err != nil {
		return row{}, fmt.Errorf("%s: inject the fault: %w", f.name, err)
	}
	if err := sleep(ctx, f.lasts); err != nil {
		return row{}, err
	}
	if err := heal(ctx); err != nil {
		return row{}, fmt.Errorf("%s: heal the fault: %w", f.name, err)
	}
	o.say("  healed")
	if err := sleep(ctx, o.around); err != nil {
		return row{}, err
	}
	stopTraffic()
	began := time.Now()
	if err := e.settle(ctx, b, posted); err != nil {
		return row{}, err
	}
	r := row{fault: f, settled: time.Since(began)}
	stopPosting()
	<-posted
	e.finish(ctx, b)
	r.ledger = b.snapshot()
	for _, one := range invariants() {
		r.verdicts = append(r.verdicts, one.judge(&r.ledger, f.explains))
	}
	return r, nil
}

func seedOf(tag string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(tag))
	return h.Sum64()
}

// watch reads the stored statuses now and then. While the database is away there is nothing to see.
func (e *environment) watch(ctx context.Context, b *book) {
	last := map[string]string{}
	for sleep(ctx, lookEvery) == nil {
		_ = e.see(ctx, b, last)
	}
}

// see notes the statuses that changed since the last look.
func (e *environment) see(ctx context.Context, b *book, last map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	list, err := e.db.statuses(ctx, b.tag)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(s sighting) bool { return last[s.wamid] == s.status })
	for _, s := range list {
		last[s.wamid] = s.status
	}
	b.write(func(l *ledger) { l.sightings = append(l.sightings, list...) })
	return nil
}

// settle waits until every post was accepted, everything owed arrived, and no work is left, at most for settleWithin.
func (e *environment) settle(ctx context.Context, b *book, posted <-chan struct{}) error {
	deadline := time.Now().Add(settleWithin)
	for still := (time.Time{}); ; {
		if err := sleep(ctx, lookEvery/2); err != nil {
			return err
		}
		switch {
		case time.Now().After(deadline):
			return nil // the verdicts say what is missing
		case !e.settledNow(ctx, b, posted):
			still = time.Time{}
		case still.IsZero():
			still = time.Now()
		case time.Since(still) > quiet:
			return nil
		}
	}
}

func (e *environment) settledNow(ctx context.Context, b *book, posted <-chan struct{}) bool {
	select {
	case <-posted:
	default:
		return false
	}
	if owed, arrived := b.progress(); arrived < owed {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	left, err := e.db.unfinished(ctx, b.earlier)
	if err == nil {
		err = e.queue.look(ctx, &left)
	}
	return err == nil && left == remains{}
}

// finish reads what only the stores know.
func (e *environment) finish(ctx context.Context, b *book) {
	ctx, cancel := context.WithTimeout(ctx, 6*lookWithin)
	defer cancel()
	l := b.snapshot()
	ids := map[string]bool{}
	for _, a := range l.arrivals {
		ids[a.event] = true
	}
	troubles := []error{e.see(ctx, b, map[string]string{})}
	list, attempts, err := e.db.tries(ctx, l.hooks, slices.Sorted(maps.Keys(ids)))
	troubles = append(troubles, err)
	left, err := e.db.unfinished(ctx, b.earlier)
	troubles = append(troubles, err, e.queue.look(ctx, &left))
	for _, name := range e.ended() {
		troubles = append(troubles, fmt.Errorf("%s ended by itself", name))
	}
	b.write(func(l *ledger) {
		l.tries, l.attempts, l.remains = list, attempts, left
		for _, err := range troubles {
			if err != nil {
				l.troubles = append(l.troubles, err)
			}
		}
	})
}

// leaseWithin bounds how long the task of a dead worker stays active: the queue's lease and its look for lapsed ones.
const leaseWithin = 2 * time.Minute

// awaitLeases waits until no task is active any longer, and returns how many are: those of killed workers go when their
// lease has lapsed.
func (e *environment) awaitLeases(ctx context.Context) (int64, error) {
	for deadline := time.Now().Add(leaseWithin); ; {
		n, err := e.queue.active(ctx)
		if err != nil || n == 0 || time.Now().After(deadline) {
			return n, err
		}
		if err := sleep(ctx, time.Second); err != nil {
			return n, err
		}
	}
}
