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
