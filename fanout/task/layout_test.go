package task_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/task"
	"wabagate/models"
)

func TestLayout(t *testing.T) {
	deliver := func(p models.Priority) models.Work {
		return models.Work{ID: 10, Kind: models.Deliver, WebhookID: 7, Priority: p}
	}
	for _, c := range []struct {
		work       models.Work
		one, three string
	}{
		{models.Work{ID: 10, Kind: models.TranslateCallbacks}, "callbacks", "callbacks-2"},
		{models.Work{ID: 12, Kind: models.TranslateCallbacks, Priority: models.Report}, "callbacks-reports", "callbacks-reports-1"},
		{models.Work{ID: 10, Kind: models.SendMessages, WebhookID: 8}, "sends", "sends-3"},
		{models.Work{ID: 11, Kind: models.SendMessages, WebhookID: 8, Priority: models.Bulk}, "sends", "sends-3"},
		{models.Work{ID: 10, Kind: models.ReplyMessages, WebhookID: 8}, "replies", "replies-3"},
		{deliver(models.Live), "deliveries-live", "deliveries-live-2"},
		{deliver(models.Report), "deliveries-reports", "deliveries-reports-2"},
		{deliver(models.Bulk), "deliveries-bulk", "deliveries-bulk-2"},
		{deliver(models.History), "deliveries-history", "deliveries-history-2"},
		{deliver(models.Replayed), "deliveries-replayed", "deliveries-replayed-2"},
	} {
		require.Equal(t, c.one, task.Layout{}.Of(c.work))
		require.Equal(t, c.three, task.Layout{Spread: 3}.Of(c.work))
		require.Contains(t, task.Layout{}.All(), c.one)
		require.Contains(t, task.Layout{Spread: 3}.All(), c.three)
	}
	require.Equal(t, "deliveries-slow-2", task.Layout{Spread: 3}.Slow(deliver(models.Live)))
	require.Len(t, task.Layout{Spread: 3}.All(), 3*len(task.Layout{}.All()))
}

// A gateway that is not busy makes a group of callbacks every so many milliseconds: each queue gets some.
func TestLayoutSpreadsCallbacks(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	ids := models.NewIDs(1, func() time.Time { return at })
	counts := map[string]int{}
	for range 1000 {
		at = at.Add(3 * time.Millisecond)
		ids.Next() // of the callback
		counts[task.Layout{Spread: 4}.Of(models.Work{ID: ids.Next(), Kind: models.TranslateCallbacks})]++
	}
	for _, queue := range (task.Layout{Spread: 4}).Queues(task.QueueCallbacks) {
		require.InDelta(t, 250, counts[queue], 50, "%v", counts)
	}
}

func TestTheSlowLaneIsKnown(t *testing.T) {
	onEachRedis(t, func(t *testing.T, dial func() redis.UniversalClient) {
		q := task.NewQueue(dial(), task.NewBell(), task.Layout{Spread: 2}, nil)
		w := models.Work{ID: 5, Kind: models.Deliver, Priority: models.Bulk, WebhookID: 7, JobID: 3, Members: []int64{1}}
		other := models.Work{ID: 6, Kind: models.Deliver, WebhookID: 8, Members: []int64{1}}
		require.NoError(t, q.Slow(t.Context(), w))
		require.NoError(t, q.Slow(t.Context(), w), "known work is no error")
		states, err := q.States(t.Context(), []models.Work{w, other})
		require.NoError(t, err)
		require.Equal(t, []string{"pending", ""}, states)

		depths, err := q.Depths(t.Context())
		require.NoError(t, err)
		for _, d := range depths {
			want := 0
			if strings.HasPrefix(d.Queue, task.QueueSlow) && d.Queue == (task.Layout{Spread: 2}).Slow(w) {
				want = 1
			}
			require.Equal(t, want, d.Pending, d.Queue)
		}
		infos, err := asynq.NewInspectorFromRedisClient(dial()).ListPendingTasks("deliveries-slow-2")
		require.NoError(t, err)
		require.Len(t, infos, 1)
		back, err := task.Parse(asynq.NewTask(infos[0].Type, infos[0].Payload))
		require.NoError(t, err)
		back.DueAt = w.DueAt
		require.Equal(t, w, back, "what a task says of its work survives the queue")
	})
}
