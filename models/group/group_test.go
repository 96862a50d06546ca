package group_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models/group"
)

func TestEverythingHandedInDuringACommitIsOneGroup(t *testing.T) {
	release := make(chan struct{})
	started := make(chan struct{}, 10)
	var sizes []int
	c := group.New(group.Options[int]{}, func(_ context.Context, items []int) error {
		sizes = append(sizes, len(items))
		started <- struct{}{}
		<-release
		return nil
	})
	var wg sync.WaitGroup
	wg.Go(func() { require.NoError(t, c.Do(t.Context(), 0)) })
	<-started
	var handed sync.WaitGroup
	for i := range 50 {
		handed.Add(1)
		wg.Go(func() {
			handed.Done()
			require.NoError(t, c.Do(t.Context(), i))
		})
	}
	handed.Wait()
	require.Eventually(t, func() bool { return c.Waiting() == 50 }, 5*time.Second, time.Millisecond)
	close(release)
	wg.Wait()
	c.Close()
	require.Equal(t, []int{1, 50}, sizes)
}

func TestBounds(t *testing.T) {
	for name, tc := range map[string]struct {
		o    group.Options[int]
		most int
	}{
		"by items":           {group.Options[int]{MaxItems: 7}, 7},
		"by bytes":           {group.Options[int]{MaxBytes: 30, Size: func(int) int { return 10 }}, 3},
		"one larger item":    {group.Options[int]{MaxBytes: 5, Size: func(int) int { return 10 }}, 1},
		"several committers": {group.Options[int]{MaxItems: 5, Parallel: 3}, 5},
		"with a linger":      {group.Options[int]{MaxItems: 9, Linger: time.Millisecond}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			var total, most atomic.Int64
			c := group.New(tc.o, func(_ context.Context, items []int) error {
				total.Add(int64(len(items)))
				for {
					m := most.Load()
					if int64(len(items)) <= m || most.CompareAndSwap(m, int64(len(items))) {
						return nil
					}
				}
			})
			var wg sync.WaitGroup
			for i := range 500 {
				wg.Go(func() { require.NoError(t, c.Do(t.Context(), i)) })
			}
			wg.Wait()
			c.Close()
			require.EqualValues(t, 500, total.Load())
			require.LessOrEqual(t, most.Load(), int64(tc.most))
		})
	}
}

func TestErrorReachesTheWholeGroupAndCloseRefuses(t *testing.T) {
	boom := errors.New("boom")
	c := group.New(group.Options[int]{}, func(context.Context, []int) error { return boom })
	require.ErrorIs(t, c.Do(t.Context(), 1), boom)
	c.Close()
	c.Close()
	require.ErrorIs(t, c.Do(t.Context(), 1), group.ErrClosed)
}

func TestACallerThatGivesUpDoesNotDisturbTheOthers(t *testing.T) {
	release := make(chan struct{})
	c := group.New(group.Options[int]{}, func(context.Context, []int) error { <-release; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- c.Do(ctx, 1) }()
	second := make(chan error, 1)
	go func() { second <- c.Do(t.Context(), 2) }()
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
	close(release)
	require.NoError(t, <-second)
	c.Close()
}
