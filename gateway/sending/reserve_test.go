package sending

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
)

// onEachRedis runs a test on the in-process Redis and on a real one.
func onEachRedis(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	dial := func(t *testing.T, url string) redis.UniversalClient {
		o, err := redis.ParseURL(url)
		require.NoError(t, err)
		c := redis.NewClient(o)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	t.Run("in process", func(t *testing.T) { test(t, dial(t, "redis://"+miniredis.RunT(t).Addr())) })
	t.Run("redis", func(t *testing.T) { test(t, dial(t, fanouttest.RedisURL(t))) })
}

func nobody(n int) []string { return make([]string, n) }

// Four processes share a number: their slots lie an interval apart, whoever asks, and none is given twice.
func TestSlotsAreSharedEvenly(t *testing.T) {
	onEachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		const rate, each, portions = 200, 10, 12
		every := interval(rate, 1)
		var mu sync.Mutex
		var slots []time.Time
		var all sync.WaitGroup
		for range 4 {
			p := newPace(client, 7, time.Now)
			all.Go(func() {
				for range portions {
					r := p.reserve(t.Context(), rate, 0, "token", nobody(each))
					mu.Lock()
					for _, turn := range r.turns {
						slots = append(slots, turn.at)
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		require.Len(t, slots, 4*each*portions)
		slices.SortFunc(slots, time.Time.Compare)
		last := slots[len(slots)-1].Sub(slots[0])
		require.InDelta(t, (float64(len(slots)-1) * every.Seconds()), last.Seconds(), 0.06, "480 slots in a row")
	})
}

func TestSlotsComeAfterTheLead(t *testing.T) {
	onEachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		p := newPace(client, 7, time.Now)
		asked := time.Now()
		r := p.reserve(t.Context(), 80, 50*time.Millisecond, "token", nobody(2))
		require.WithinRange(t, r.turns[0].at, asked.Add(45*time.Millisecond), asked.Add(150*time.Millisecond))
		require.Equal(t, interval(80, 1).Microseconds(), r.turns[1].at.Sub(r.turns[0].at).Microseconds())
		other := newPace(client, 8, time.Now).reserve(t.Context(), 80, 0, "token", nobody(1))
		require.WithinRange(t, other.turns[0].at, asked, time.Now().Add(5*time.Millisecond), "another number waits for nobody")
	})
}

func TestARecipientHasABurst(t *testing.T) {
	onEachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		p := newPace(client, 7, time.Now)
		same := slices.Repeat([]string{"15550177321"}, pairBurst+2)
		r := p.reserve(t.Context(), 1000, 0, "token", append(same, "15550177322", ""))
		for i, turn := range r.turns {
			if i < pairBurst || i >= len(same) {
				require.Zero(t, turn.wait, i)
				continue
			}
			require.InDelta(t, pairEvery.Seconds(), turn.wait.Seconds(), 0.5, i)
		}
		// Those who wait use up no slot.
		require.Equal(t, interval(1000, 1).Microseconds(), r.turns[len(same)].at.Sub(r.turns[pairBurst-1].at).Microseconds())
		again := newPace(client, 7, time.Now).reserve(t.Context(), 1000, 0, "token", same[:1])
		require.Positive(t, again.turns[0].wait, "another process knows")
		for _, key := range client.Keys(t.Context(), "*").Val() {
			require.NotContains(t, key, "15550177321", "numbers of people stay out of Redis")
			require.Positive(t, client.PTTL(t.Context(), key).Val(), key)
		}

		p.block(t.Context(), "15550177322", 16*time.Second)
		r = p.reserve(t.Context(), 1000, 0, "token", []string{"15550177322", "15550177323"})
		require.InDelta(t, 16, r.turns[0].wait.Seconds(), 0.5)
		require.Zero(t, r.turns[1].wait)
	})
}

func TestARefusalSlowsAllProcesses(t *testing.T) {
	onEachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		a, b := newPace(client, 7, time.Now), newPace(client, 7, time.Now)
		spread := func(p *pace) time.Duration {
			r := p.reserve(t.Context(), 100, 0, "token", nobody(2))
			return r.turns[1].at.Sub(r.turns[0].at)
		}
		began := time.Now()
		require.InDelta(t, interval(100, 1).Seconds(), spread(b).Seconds(), 1e-5)
		a.refused(t.Context(), began)
		a.refused(t.Context(), began)
		b.refused(t.Context(), began) // which it heard of at the same time
		require.InDelta(t, interval(100, 0.5).Seconds(), spread(a).Seconds(), 1e-3, "once for all that was refused")
		require.InDelta(t, interval(100, 0.5).Seconds(), spread(b).Seconds(), 1e-3)
		require.InDelta(t, 0.5, b.share(), 0.01)
	})
}

func TestHoldAndStop(t *testing.T) {
	onEachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		a, b := newPace(client, 7, time.Now), newPace(client, 7, time.Now)
		a.hold(t.Context(), 30*time.Second)
		a.hold(t.Context(), time.Second) // the longer one stands
		r := b.reserve(t.Context(), 80, 0, "old", nobody(1))
		require.InDelta(t, 30, r.hold.Seconds(), 0.5)
		require.Empty(t, r.turns)

		a.stop(t.Context(), "old")
		require.True(t, b.reserve(t.Context(), 80, 0, "old", nobody(1)).stopped)
		require.False(t, b.reserve(t.Context(), 80, 0, "new", nobody(1)).stopped, "another token")
	})
}

// Without Redis each process goes on at a quarter of the rate, and asks again after a moment.
func TestWithoutRedis(t *testing.T) {
	m := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: m.Addr(), MaxRetries: -1, DialTimeout: 100 * time.Millisecond})
	t.Cleanup(func() { _ = client.Close() })
	p := newPace(client, 7, time.Now)
	before := p.reserve(t.Context(), 100, time.Second, "token", nobody(1))
	m.Close()
	r := p.reserve(t.Context(), 100, 0, "token", []string{"15550177321", "15550177321"})
	require.Equal(t, interval(100, aloneShare), r.turns[0].at.Sub(before.turns[0].at), "it goes on behind what Redis gave out")
	require.Equal(t, interval(100, aloneShare), r.turns[1].at.Sub(r.turns[0].at))
	require.Equal(t, aloneShare, p.share())
	next := p.reserve(t.Context(), 100, 0, "token", nobody(1))
	require.Equal(t, interval(100, aloneShare), next.turns[0].at.Sub(r.turns[1].at))
	require.NoError(t, m.Restart())
	time.Sleep(redisRest)
	last := p.alone.reserve(10, interval(100, aloneShare), time.Now())[9]
	back := p.reserve(t.Context(), 100, 0, "token", nobody(1))
	require.Equal(t, 1.0, p.share())
	require.Greater(t, back.turns[0].at, last, "and Redis behind what was given out without it")

	// Who has no time says nothing about Redis.
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	p.reserve(canceled, 100, 0, "token", nobody(1))
	require.Equal(t, 1.0, p.share())
}

// What a clock that was set back has left does not stop a number.
func TestAClockThatWasSetBack(t *testing.T) {
	onEachRedis(t, func(t *testing.T, client redis.UniversalClient) {
		p := newPace(client, 7, time.Now)
		require.NoError(t, client.Set(t.Context(), p.keys.next, time.Now().Add(time.Hour).UnixMicro(), 0).Err())
		r := p.reserve(t.Context(), 100, 0, "token", nobody(1))
		require.WithinRange(t, r.turns[0].at, time.Now().Add(-time.Second), time.Now().Add(time.Second))
	})
}
