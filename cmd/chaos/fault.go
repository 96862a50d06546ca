//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"wabagate/deploy/throwaway"
)

// fault is one row of the matrix.
type fault struct {
	name, title string
	// lasts is how long the fault stays before it is healed.
	lasts    time.Duration
	explains allowance
	// inject breaks something under traffic and returns what puts it right.
	inject func(context.Context, *environment) (heal func(context.Context) error, err error)
	// quick: belongs to the reduced matrix too; alone: to no other.
	quick, alone bool
	// clock: needs a worker whose clock can be stepped.
	clock bool
}

// every worker's work in hand may be done again once.
const everyWorker = workerCount

func faults() []fault {
	return []fault{
		{name: "none", title: "none (control)", quick: true, lasts: 3 * time.Second, inject: nothing},
		{name: "worker-killed", title: "kill -9 a worker", quick: true, lasts: 3 * time.Second, explains: allowance{takeovers: 1},
			inject: killing(func(e *environment) []*throwaway.Program { return e.workers[:1] })},
		{name: "ingress-killed", title: "kill -9 an ingress", lasts: 3 * time.Second, explains: allowance{silence: true},
			inject: killing(func(e *environment) []*throwaway.Program { return e.ingresses[:1] })},
		{name: "both-killed", title: "kill -9 an ingress and a worker at once", lasts: 3 * time.Second, explains: allowance{silence: true, takeovers: 1},
			inject: killing(func(e *environment) []*throwaway.Program { return []*throwaway.Program{e.ingresses[1], e.workers[1]} })},
		{name: "all-killed", title: "kill -9 every process", lasts: 3 * time.Second, explains: allowance{silence: true, takeovers: everyWorker},
			inject: killing((*environment).programs)},
		{name: "worker-stopped", title: "SIGSTOP a worker for 45 s, past its lease", lasts: 45 * time.Second,
			explains: allowance{takeovers: 1}, inject: stopWorker},
		{name: "redis-flushed", title: "Redis FLUSHALL", quick: true, lasts: time.Second, explains: allowance{takeovers: everyWorker}, inject: flushRedis},
		{name: "redis-restarted", title: "Redis killed (-9) and started again", lasts: time.Second,
			explains: allowance{refusals: true, takeovers: everyWorker},
			inject:   away((*environment).redisServer)},
		{name: "redis-down", title: "Redis down for 60 s", lasts: time.Minute,
			explains: allowance{refusals: true, takeovers: everyWorker}, inject: away((*environment).redisServer)},
		{name: "redis-full", title: "Redis out of memory for 20 s", lasts: 20 * time.Second,
			explains: allowance{refusals: true, takeovers: everyWorker}, inject: fillRedis},
		{name: "postgres-restarted", title: "PostgreSQL crashed and started again", quick: true, lasts: time.Second,
			explains: allowance{refusals: true, takeovers: everyWorker},
			inject:   away((*environment).postgresServer)},
		{name: "postgres-down", title: "PostgreSQL down for 60 s", lasts: time.Minute,
			explains: allowance{refusals: true, takeovers: everyWorker}, inject: away((*environment).postgresServer)},
		{name: "postgres-crowded", title: "PostgreSQL without a free connection for 20 s", lasts: 20 * time.Second,
			explains: allowance{refusals: true, takeovers: everyWorker}, inject: crowd},
		{name: "disk-slow", title: "slow disk for 20 s", lasts: 20 * time.Second,
			explains: allowance{refusals: true, takeovers: everyWorker}, inject: slowDown},
		{name: "receivers-mixed", title: "a receiver that answers 500, resets, redirects or sends 100 MB", quick: true, alone: true,
			lasts: 3 * time.Second, inject: feeling(mixed)},
		{name: "receiver-500", title: "a receiver answers 500", lasts: 8 * time.Second, inject: feeling(erring)},
		{name: "receiver-hangs", title: "a receiver hangs", lasts: 8 * time.Second, inject: feeling(hanging)},
		{name: "receiver-resets", title: "a receiver resets the connection", lasts: 8 * time.Second, inject: feeling(resetting)},
		{name: "receiver-drips", title: "a receiver answers byte by byte", lasts: 8 * time.Second, inject: feeling(dripping)},
		{name: "receiver-redirects", title: "a receiver redirects to a forbidden address", lasts: 8 * time.Second, inject: feeling(elsewhere)},
		{name: "receiver-endless", title: "a receiver answers 100 MB", lasts: 8 * time.Second, inject: feeling(endless)},
		{name: "clock-ahead", title: "a worker's clock is an hour ahead for 20 s", lasts: 20 * time.Second,
			explains: allowance{takeovers: everyWorker, waits: true}, clock: true, inject: stepping(time.Hour)},
		{name: "clock-behind", title: "a worker's clock is an hour behind for 20 s", lasts: 20 * time.Second,
			explains: allowance{takeovers: everyWorker, waits: true}, clock: true, inject: stepping(-time.Hour)},
	}
}

// choose picks the rows of a run: all of the full matrix, the reduced one, or those named.
func choose(all []fault, quick bool, only string) ([]fault, error) {
	var chosen []fault
	if only == "" {
		for _, f := range all {
			if quick && f.quick || !quick && !f.alone {
				chosen = append(chosen, f)
			}
		}
		return chosen, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(f fault) bool { return f.name == strings.TrimSpace(name) })
		if i < 0 {
			var names []string
			for _, f := range all {
				names = append(names, f.name)
			}
			return nil, fmt.Errorf("-only: there is no fault %q; there are %s", name, strings.Join(names, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func nothing(context.Context, *environment) (func(context.Context) error, error) {
	return func(context.Context) error { return nil }, nil
}

func killing(victims func(*environment) []*throwaway.Program) func(context.Context, *environment) (func(context.Context) error, error) {
	return func(_ context.Context, e *environment) (func(context.Context) error, error) {
		for _, p := range victims(e) {
			if err := p.Kill(); err != nil {
				return nil, err
			}
		}
		return e.revive, nil
	}
}

func stopWorker(_ context.Context, e *environment) (func(context.Context) error, error) {
	p := e.workers[0]
	return func(context.Context) error { return p.Signal(syscall.SIGCONT) }, p.Signal(syscall.SIGSTOP)
}

func flushRedis(ctx context.Context, e *environment) (func(context.Context) error, error) {
	return func(context.Context) error { return nil }, e.queue.client.FlushAll(ctx).Err()
}

// store is one of the two servers.
type store interface {
	Kill() error
	Resume(context.Context) error
}

func (e *environment) redisServer() store    { return e.redis }
func (e *environment) postgresServer() store { return e.postgres }

// away crashes a store, and brings it back.
func away(which func(*environment) store) func(context.Context, *environment) (func(context.Context) error, error) {
	return func(_ context.Context, e *environment) (func(context.Context) error, error) {
		s := which(e)
		return s.Resume, s.Kill()
	}
}

func fillRedis(ctx context.Context, e *environment) (func(context.Context) error, error) {
	set := func(ctx context.Context, limit string) error {
		return e.queue.client.ConfigSet(ctx, "maxmemory", limit).Err()
	}
	if err := e.queue.client.ConfigSet(ctx, "maxmemory-policy", "noeviction").Err(); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return set(ctx, "0") }, set(ctx, "1")
}

func crowd(ctx context.Context, e *environment) (func(context.Context) error, error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- e.db.crowd(ctx) }()
	return func(context.Context) error { cancel(); return <-done }, nil
}

func slowDown(ctx context.Context, e *environment) (func(context.Context) error, error) {
	return func(ctx context.Context) error { return e.disk.fast(ctx, e.db) }, e.disk.set(ctx, e.db)
}

func feeling(m mood) func(context.Context, *environment) (func(context.Context) error, error) {
	return func(_ context.Context, e *environment) (func(context.Context) error, error) {
		e.setMood(m)
		return func(context.Context) error { e.setMood(good); return nil }, nil
	}
}

func stepping(by time.Duration) func(context.Context, *environment) (func(context.Context) error, error) {
	return func(_ context.Context, e *environment) (func(context.Context) error, error) {
		return func(context.Context) error { return e.clock.step(0) }, e.clock.step(by)
	}
}
