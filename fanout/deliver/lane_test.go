package deliver_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
)

func TestLanesBoundEachWebhookByItself(t *testing.T) {
	l := deliver.NewLanes(3, nil)
	var inFlight, most atomic.Int64
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() {
			p, err := l.Enter(context.Background(), 1)
			require.NoError(t, err)
			n := inFlight.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Millisecond)
			inFlight.Add(-1)
			p.Leave()
		})
	}
	other, err := l.Enter(t.Context(), 2)
	require.NoError(t, err, "another webhook waits for nobody")
	other.Leave()
	wg.Wait()
	require.EqualValues(t, 3, most.Load())
}

func TestAHangingWebhookTurnsCallersAwayAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := deliver.NewLanes(10, nil)
		var passes []*deliver.Pass
		for range 10 {
			p, err := l.Enter(t.Context(), 1)
			require.NoError(t, err)
			passes = append(passes, p)
		}
		require.False(t, l.Closed(1))
		began := time.Now()
		_, err := l.Enter(t.Context(), 1) // waits, then gives up on a webhook that shows no sign of life
		require.ErrorIs(t, err, deliver.ErrSlow)
		require.InDelta(t, time.Second, time.Since(began), float64(100*time.Millisecond))
		time.Sleep(100 * time.Millisecond)
		require.True(t, l.Closed(1))
		began = time.Now()
		_, err = l.Enter(t.Context(), 1)
		require.ErrorIs(t, err, deliver.ErrSlow)
		require.Zero(t, time.Since(began), "now it is turned away at once")

		time.Sleep(9 * time.Second)
		for _, p := range passes {
			p.Leave() // each took ten seconds
		}
		// A few may look whether it is back.
		require.False(t, l.Closed(1))
		p, err := l.Enter(t.Context(), 1)
		require.NoError(t, err)
		time.Sleep(10 * time.Millisecond)
		p.Leave() // quick: it is back
		for range 10 {
			_, err := l.Enter(t.Context(), 1)
			require.NoError(t, err)
		}
	})
}

func TestEnterEndsWithItsContext(t *testing.T) {
	l := deliver.NewLanes(1, nil)
	p, err := l.Enter(t.Context(), 1)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = l.Enter(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	p.Leave()
	_, err = l.Enter(t.Context(), 1)
	require.NoError(t, err, "the place is free again")
}

// Whatever the number of workers, all of them together hold the width, and each at least one place.
func TestShares(t *testing.T) {
	for _, tc := range []struct{ width, workers, want int }{
		{32, 0, 32}, {32, -1, 32}, {32, 1, 32}, {32, 2, 16}, {32, 3, 11}, {32, 32, 1}, {32, 100, 1}, {1, 5, 1}, {10, 4, 3},
	} {
		l := deliver.NewLanes(tc.width, nil)
		l.SetWorkers(tc.workers)
		require.Equal(t, tc.want, l.Width(), "%+v", tc)
		for range tc.want {
			_, err := l.Enter(t.Context(), 1)
			require.NoError(t, err)
		}
		require.Equal(t, tc.want, l.InFlight(1))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, err := l.Enter(ctx, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded, "%+v", tc)
		cancel()
		require.Zero(t, l.InFlight(2))
	}
}

func TestAShareChangesWhileRequestsAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := deliver.NewLanes(4, nil)
		var passes []*deliver.Pass
		for range 4 {
			p, err := l.Enter(t.Context(), 1)
			require.NoError(t, err)
			passes = append(passes, p)
		}
		entered := make(chan *deliver.Pass, 3)
		for range 3 {
			go func() {
				if p, err := l.Enter(t.Context(), 1); err == nil {
					entered <- p
				}
			}()
		}
		synctest.Wait()
		l.SetWorkers(2) // two places from now on
		passes[0].Leave()
		passes[1].Leave()
		synctest.Wait()
		require.Empty(t, entered, "the share is smaller than what is under way")
		require.Equal(t, 2, l.InFlight(1))
		passes[2].Leave()
		synctest.Wait()
		require.Len(t, entered, 1)
		l.SetWorkers(1) // the other worker left
		synctest.Wait()
		require.Len(t, entered, 3, "those in line come in at once")
		require.Equal(t, 4, l.InFlight(1))
	})
}

func TestASlowWebhookHasAShareToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct{ width, workers, want int }{{32, 1, 8}, {32, 3, 3}, {32, 16, 1}, {4, 1, 4}, {4, 2, 2}} {
			l := deliver.NewLanes(tc.width, nil)
			l.SetWorkers(tc.workers)
			require.False(t, l.Slow(1))
			p, err := l.Enter(t.Context(), 1)
			require.NoError(t, err)
			require.False(t, l.Slow(1))
			time.Sleep(1100 * time.Millisecond)
			require.True(t, l.Slow(1), "a request is under way for more than a second")
			for range tc.want - 1 {
				_, err := l.Enter(t.Context(), 1)
				require.NoError(t, err)
			}
			_, err = l.Enter(t.Context(), 1)
			require.ErrorIs(t, err, deliver.ErrSlow, "%+v", tc)
			require.Equal(t, tc.want, l.InFlight(1))
			p.Leave()
			require.True(t, l.Slow(1), "for a while after it")
			require.False(t, l.Slow(2))
		}
	})
}
