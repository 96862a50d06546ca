package deliver_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/deploy/throwaway"
	"wabagate/fanout/deliver"
)

// hands is a clock that tests move.
type hands struct {
	mu sync.Mutex
	t  time.Time
}

func (h *hands) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.t
}

func (h *hands) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.t = h.t.Add(d)
}

// floor is some workers with one Redis and one clock.
type floor struct {
	t       *testing.T
	client  redis.UniversalClient
	clock   *hands
	workers []*deliver.Breaker
}

// eachRedis runs a test on a real Redis and on the embedded one, and on others.
func eachRedis(t *testing.T, workers int, test func(*floor), others ...string) {
	embedded := func(t *testing.T) redis.UniversalClient {
		c := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	stores := map[string]func(*testing.T) redis.UniversalClient{"embedded": embedded, "cluster": clusterClient,
		"server": func(t *testing.T) redis.UniversalClient { return redisClient(t) }}
	for _, name := range append([]string{"server", "embedded"}, others...) {
		client := stores[name]
		t.Run(name, func(t *testing.T) {
			f := &floor{t: t, client: client(t), clock: &hands{t: at}}
			for range workers {
				f.workers = append(f.workers, deliver.NewBreaker(f.client, f.clock.now))
			}
			test(f)
		})
	}
}

// clusterClient is of a Redis Cluster of its own: what a breaker asks together lies on several nodes.
func clusterClient(t *testing.T) redis.UniversalClient {
	cluster, err := throwaway.StartCluster(t.Context(), throwaway.ClusterOptions{})
	if errors.Is(err, throwaway.ErrMissing) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Stop()) })
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{cluster.Nodes()[0].Addr()}})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// beat lets every worker hear of the others, a quarter of a second later.
func (f *floor) beat() {
	f.clock.move(250 * time.Millisecond)
	for _, b := range f.workers {
		require.NoError(f.t, b.Flush(f.t.Context()))
	}
}

func (f *floor) beats(n int) {
	for range n {
		f.beat()
	}
}

// troubled is what every worker counts.
func (f *floor) troubled(open, halfOpen int) {
	f.t.Helper()
	for _, b := range f.workers {
		opened, probed := b.Troubled()
		require.Equal(f.t, []int{open, halfOpen}, []int{opened, probed})
	}
}

// attempts makes n attempts at a worker.
func (f *floor) attempts(worker int, webhook int64, n int, delivered bool) {
	f.t.Helper()
	for range n {
		p, err := f.workers[worker].Allow(webhook)
		require.NoError(f.t, err)
		require.False(f.t, p.Probe)
		f.workers[worker].Report(webhook, p, delivered)
	}
}

func (f *floor) state(webhook int64) deliver.BreakerState {
	f.t.Helper()
	s, err := f.workers[0].State(f.t.Context(), webhook)
	require.NoError(f.t, err)
	return s
}

// probe makes the one attempt that is let through; every worker but that one is refused.
func (f *floor) probe(webhook int64) (worker *deliver.Breaker, p deliver.Permit) {
	f.t.Helper()
	for _, b := range f.workers {
		got, err := b.Allow(webhook)
		if err == nil {
			require.True(f.t, got.Probe)
			require.Nil(f.t, worker, "two probes")
			worker, p = b, got
		} else {
			require.ErrorIs(f.t, err, deliver.ErrOpen)
		}
	}
	require.NotNil(f.t, worker, "no probe")
	return worker, p
}

func (f *floor) refused(webhook int64, in time.Duration) {
	f.t.Helper()
	for i, b := range f.workers {
		_, err := b.Allow(webhook)
		var refused *deliver.OpenError
		require.ErrorAs(f.t, err, &refused, "worker %d", i)
		require.ErrorIs(f.t, err, deliver.ErrOpen)
		require.WithinDuration(f.t, f.clock.now().Add(in), refused.Until, time.Millisecond)
	}
}

func TestBreaker(t *testing.T) {
	eachRedis(t, 3, func(f *floor) {
		f.attempts(0, 7, 6, false)
		f.attempts(1, 7, 4, false)
		f.attempts(2, 8, 20, true)
		f.beats(2)
		require.Equal(t, deliver.BreakerState{State: "closed", Failed: 10, Total: 10}, f.state(7), "too early to judge")
		f.beats(3)
		opened := f.state(7)
		require.Equal(t, "open", opened.State)
		require.Equal(t, deliver.BreakerState{State: "closed"}, f.state(8), "nobody asks about what works")
		f.beat()
		f.troubled(1, 0)
		f.refused(7, opened.Until.Sub(f.clock.now()))
		f.attempts(0, 8, 5, true)

		// A probe that fails: it takes twice as long.
		f.clock.move(10 * time.Second)
		require.Equal(t, "half-open", f.state(7).State)
		f.beat()
		b, p := f.probe(7)
		f.refused(7, 2*time.Second)
		b.Report(7, p, false)
		f.beat()
		f.beat()
		f.refused(7, 20*time.Second-250*time.Millisecond)

		// One that succeeds: all start from nothing.
		f.clock.move(20 * time.Second)
		f.beat()
		b, p = f.probe(7)
		b.Report(7, p, true)
		f.beat()
		f.beat()
		require.Equal(t, deliver.BreakerState{State: "closed"}, f.state(7))
		f.attempts(0, 7, 9, false)
		f.beats(5)
		require.Equal(t, deliver.BreakerState{State: "closed", Failed: 9, Total: 9}, f.state(7))
		for i := range f.workers {
			f.attempts(i, 7, 1, true)
		}
	}, "cluster")
}

// Most of it works, at workers that have no trouble: the failures of one are not all that happens.
func TestBreakerHearsOfWhatWorks(t *testing.T) {
	eachRedis(t, 3, func(f *floor) {
		f.attempts(1, 7, 60, true)
		f.attempts(2, 7, 60, true)
		f.beats(8)
		require.Zero(t, f.client.Exists(t.Context(), "wabagate:breakers", "wabagate:breaker:{7}").Val(), "what works costs nothing")
		f.attempts(0, 7, 50, false)
		f.beats(6)
		require.Equal(t, deliver.BreakerState{State: "closed", Failed: 50, Total: 170}, f.state(7))
		f.attempts(1, 7, 5, true) // all count while somebody has trouble
		f.beat()
		require.Equal(t, deliver.BreakerState{State: "closed", Failed: 50, Total: 175}, f.state(7))
		f.attempts(0, 7, 250, false)
		f.beats(2)
		require.Equal(t, "open", f.state(7).State)
	})
}

// Failures a few at a time, with flushes between them, add up; those of more than a minute ago do not.
func TestBreakerCountsOverAMinute(t *testing.T) {
	eachRedis(t, 2, func(f *floor) {
		for range 8 { // 8 s apart: never ten in a minute
			f.attempts(0, 7, 1, false)
			f.beat()
			f.clock.move(8 * time.Second)
		}
		require.Equal(t, "closed", f.state(7).State)
		// Six of them are in the window.
		f.attempts(1, 7, 3, false)
		f.beats(3)
		require.Equal(t, deliver.BreakerState{State: "closed", Failed: 9, Total: 9}, f.state(7))
		f.attempts(1, 7, 1, false)
		f.beat()
		require.Equal(t, "open", f.state(7).State)
	})
	eachRedis(t, 1, func(f *floor) {
		f.attempts(0, 7, 5, false)
		f.beats(4)
		require.EqualValues(t, 1, f.client.HLen(t.Context(), "wabagate:breakers").Val())
		f.clock.move(time.Minute)
		f.beat()
		require.Zero(t, f.client.HLen(t.Context(), "wabagate:breakers").Val(), "watched no more")
	})
}

// Eight workers ask at the same moment, each with several callers: one gets the probe.
func TestOneProbe(t *testing.T) {
	eachRedis(t, 8, func(f *floor) {
		f.attempts(0, 7, 20, false)
		f.beats(5)
		for round := range 3 {
			f.clock.move(5 * time.Minute)
			f.beat()
			var probes atomic.Int64
			var by atomic.Pointer[deliver.Permit]
			var all sync.WaitGroup
			for _, b := range f.workers {
				for range 4 {
					all.Go(func() {
						p, err := b.Allow(7)
						if err == nil {
							probes.Add(1)
							by.Store(&p)
						}
					})
				}
			}
			all.Wait()
			require.EqualValues(t, 1, probes.Load())
			require.True(t, by.Load().Probe)
			switch round {
			case 0: // its worker dies: another may probe after the longest timeout
				f.clock.move(34 * time.Second)
				f.beat()
				for _, b := range f.workers {
					_, err := b.Allow(7)
					require.ErrorIs(t, err, deliver.ErrOpen)
				}
				f.clock.move(time.Second)
				_, late := f.probe(7)
				// What the first one says now changes nothing.
				f.workers[1].Report(7, *by.Load(), true)
				f.beat()
				require.Equal(t, "half-open", f.state(7).State)
				f.workers[0].Report(7, late, false)
			case 1: // it made no attempt: another may at once
				f.workers[2].Release(7, *by.Load())
				f.beat()
				b, p := f.probe(7)
				b.Report(7, p, false)
			default:
				f.workers[3].Report(7, *by.Load(), true)
			}
			f.beat()
		}
		f.beat()
		for i := range f.workers {
			f.attempts(i, 7, 1, true)
		}
	})
}

// An empty Redis closes what was open; so does one that is away, until it is back.
func TestBreakerFailsOpen(t *testing.T) {
	eachRedis(t, 2, func(f *floor) {
		f.attempts(0, 7, 20, false)
		f.beats(5)
		_, err := f.workers[1].Allow(7)
		require.ErrorIs(t, err, deliver.ErrOpen)
		require.NoError(t, f.client.FlushDB(t.Context()).Err())
		f.beat()
		f.attempts(0, 7, 1, true)
		f.attempts(1, 7, 1, true)

		f.attempts(0, 7, 40, false)
		f.beats(5)
		_, err = f.workers[1].Allow(7)
		require.ErrorIs(t, err, deliver.ErrOpen)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, f.workers[1].Flush(ended))
		f.attempts(1, 7, 1, true)
		f.beat()
		_, err = f.workers[1].Allow(7)
		require.ErrorIs(t, err, deliver.ErrOpen, "it is back")

		require.NoError(t, f.client.HSet(t.Context(), "wabagate:breakers", "7", "nonsense", "x", "y").Err())
		f.beat()
		f.attempts(1, 7, 1, true)
	})
	gone := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: gone.Addr(), MaxRetries: -1})
	defer func() { _ = client.Close() }()
	gone.Close()
	b := deliver.NewBreaker(client, nil)
	for range 50 {
		p, err := b.Allow(7)
		require.NoError(t, err)
		b.Report(7, p, false)
	}
	require.Error(t, b.Flush(t.Context()))
	_, err := b.Allow(7)
	require.NoError(t, err)
	s, err := b.State(t.Context(), 7)
	require.Error(t, err)
	require.Equal(t, "closed", s.State)
}

// By the wall clock: a second worker knows within moments, and stops what it runs when told.
func TestBreakerRuns(t *testing.T) {
	client := redisClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	a, b := deliver.NewBreaker(client, nil), deliver.NewBreaker(client, nil)
	for _, x := range []*deliver.Breaker{a, b} {
		running.Go(func() { x.Run(ctx) })
	}
	for range 20 {
		a.Report(7, deliver.Permit{}, false)
	}
	began := time.Now()
	require.Eventually(t, func() bool { _, err := b.Allow(7); return err != nil }, 5*time.Second, 10*time.Millisecond)
	require.Less(t, time.Since(began), 3*time.Second)
	cancel()
	running.Wait()
}
