package deliver_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
	"wabagate/fanout/fanouttest"
)

func redisClient(t *testing.T) *redis.Client {
	o, err := redis.ParseURL(fanouttest.RedisURL(t))
	require.NoError(t, err)
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Three processes, one limit: no second, wherever it begins, sees more starts than the limit, and none is idle for long.
func TestNoSecondHoldsMoreThanTheRate(t *testing.T) {
	client := redisClient(t)
	var all sync.WaitGroup
	for webhook, perSecond := range map[int64]int{1: 20, 2: 300} {
		all.Go(func() {
			var mu sync.Mutex
			var starts []time.Time
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			var wg sync.WaitGroup
			for range 3 {
				r := deliver.NewRates(client)
				for range 12 {
					wg.Go(func() {
						for r.Wait(ctx, webhook, perSecond) == nil {
							mu.Lock()
							starts = append(starts, time.Now())
							mu.Unlock()
						}
					})
				}
			}
			wg.Wait()
			slices.SortFunc(starts, time.Time.Compare)
			first, most := 0, 0
			for last := range starts {
				for starts[last].Sub(starts[first]) >= time.Second {
					first++
				}
				most = max(most, last-first+1)
			}
			if most > perSecond {
				t.Errorf("%d in one second at %d/s", most, perSecond)
			}
			if len(starts) < perSecond*4*7/10 {
				t.Errorf("%d in four seconds at %d/s", len(starts), perSecond)
			}
		})
	}
	all.Wait()
}

// What Redis remembers of a clock that was set back holds up nobody. The embedded Redis knows the same commands.
func TestAClockThatWasSetBack(t *testing.T) {
	embedded := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = embedded.Close() })
	for name, client := range map[string]*redis.Client{"embedded": embedded, "server": redisClient(t)} {
		r := deliver.NewRates(client)
		for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
			require.NoError(t, client.Set(t.Context(), "wabagate:rate:1", time.Now().Add(ahead).UnixMicro(), 0).Err())
			began := time.Now()
			require.NoError(t, r.Wait(t.Context(), 1, 2))
			require.Less(t, time.Since(began), 400*time.Millisecond, name)
			require.NoError(t, r.Wait(t.Context(), 1, 2))
			require.Greater(t, time.Since(began), 450*time.Millisecond, name)
		}
	}
}

// In the in-process Redis keys age by whole seconds, and the clock does not: nobody's turn comes sooner by it.
func TestATurnOutlivesATick(t *testing.T) {
	mini := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	r := deliver.NewRates(client)
	require.NoError(t, r.Wait(t.Context(), 1, 2))
	began := time.Now()
	mini.FastForward(time.Second)
	require.NoError(t, r.Wait(t.Context(), 1, 2))
	require.Greater(t, time.Since(began), 450*time.Millisecond)
}

func TestRates(t *testing.T) {
	client := redisClient(t)
	// Two processes, one limit.
	a, b := deliver.NewRates(client), deliver.NewRates(client)
	var allowed, refused atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for i := range 120 {
		wg.Go(func() {
			r := []*deliver.Rates{a, b}[i%2]
			switch err := r.Wait(context.Background(), 7, 10); err {
			case nil:
				allowed.Add(1)
			case deliver.ErrLimited:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	require.NoError(t, a.Wait(t.Context(), 8, 10), "another webhook has a limit of its own")
	require.NoError(t, a.Wait(t.Context(), 9, 0))
	wg.Wait()
	took := time.Since(began).Seconds()
	require.LessOrEqual(t, float64(allowed.Load()), 10*took+2)
	require.GreaterOrEqual(t, allowed.Load(), int64(10))
	require.Positive(t, refused.Load(), "whose turn is far off is put off")
	end, err := a.Begin(7, 10)
	require.NoError(t, err)
	_, err = a.Begin(7, 10)
	require.ErrorIs(t, err, deliver.ErrLimited)
	free, err := a.Begin(9, 0)
	require.NoError(t, err)
	free()
	end()
	_, err = a.Begin(7, 10)
	require.NoError(t, err)
	require.NoError(t, client.Close())
	require.NoError(t, a.Wait(t.Context(), 7, 10), "without Redis nothing is refused")
}
