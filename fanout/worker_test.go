package fanout

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/task"
	"wabagate/models"
)

// Messages to be sent go to who sends them, and come again after an error; a worker that sends nothing leaves them.
func TestAWorkerSends(t *testing.T) {
	w := newWard(t, models.Options{Dir: t.TempDir()})
	dial := func() (redis.UniversalClient, error) {
		return redis.NewClient(&redis.Options{Addr: w.redis.Addr()}), nil
	}
	client, _ := dial()
	t.Cleanup(func() { _ = client.Close() })
	log, m := slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry())
	bell := task.NewBell()
	queue := task.NewQueue(client, bell, task.Layout{}, nil)
	start := func(name string, o WorkerOptions) *Worker {
		recorder := NewRecorder(w.store, w.directory, w.courier.subs, queue, nil, log, m, nil)
		courier := NewCourier(CourierOptions{Store: w.store, Routes: w.directory, Subscriptions: w.courier.subs, Poster: w.courier.post, Lanes: w.courier.lanes,
			Rates: w.courier.rates, Breaker: w.courier.breaker, Queue: queue, News: recorder, Log: log, Metrics: m})
		worker, err := NewWorker(o, dial, bell, task.Layout{}, NewTranslator(recorder, log), courier, NewReconciler(w.store, queue, client, name, 0, nil, log, m), w.keeper, log)
		require.NoError(t, err)
		require.NoError(t, worker.Start())
		return worker
	}
	work := models.Work{ID: w.store.NextID(), Kind: models.SendMessages, WebhookID: 11, DueAt: time.Now(), Members: []int64{1, 2}}
	require.NoError(t, queue.Enqueue(t.Context(), work))

	silent := start("silent", WorkerOptions{Grace: time.Second})
	time.Sleep(300 * time.Millisecond)
	silent.Stop()
	waiting, err := queue.Waiting(t.Context(), task.QueueSends)
	require.NoError(t, err)
	require.EqualValues(t, 1, waiting)

	got := make(chan models.Work, 10)
	sender := start("sender", WorkerOptions{Grace: time.Second, Send: func(_ context.Context, w models.Work, held func() bool) error {
		if !held() {
			return errors.New("it was just taken")
		}
		got <- w
		if len(got) == 1 {
			return errors.New("the database is away")
		}
		return nil
	}})
	defer sender.Stop()
	require.Eventually(t, func() bool { return len(got) == 2 }, 20*time.Second, 10*time.Millisecond)
	for range 2 {
		w := <-got
		w.DueAt = work.DueAt
		require.Equal(t, work, w)
	}
}
