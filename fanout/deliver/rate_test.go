package deliver_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
	"wabagate/fanout/fanouttest"
)

func TestRates(t *testing.T) {
	o, err := redis.ParseURL(fanouttest.RedisURL(t))
	require.NoError(t, err)
	client := redis.NewClient(o)
	defer func() { _ = client.Close() }()
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
