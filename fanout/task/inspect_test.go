package task_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/task"
	"wabagate/models"
)

func TestTasksAreFoundAndChanged(t *testing.T) {
	onEachRedis(t, func(t *testing.T, dial func() redis.UniversalClient) {
		ctx := t.Context()
		q := task.NewQueue(dial(), task.NewBell(), task.Layout{}, nil)
		work := func(id int64, later time.Duration) models.Work {
			return models.Work{ID: id, Kind: models.Deliver, WebhookID: 7, DueAt: time.Now().Add(later).Truncate(time.Millisecond), Members: []int64{100 + id}}
		}
		now, next, later, slow, lost, again := work(1, 0), work(2, 0), work(3, time.Hour), work(4, 0), work(5, 0), work(6, 0)
		require.NoError(t, q.Enqueue(ctx, now))
		require.NoError(t, q.Enqueue(ctx, next))
		require.NoError(t, q.Enqueue(ctx, later))
		require.NoError(t, q.Slow(ctx, slow))
		require.NoError(t, q.Requeue(ctx, again))

		ids := func(queue, state string, page, size int) (list []string) {
			t.Helper()
			ts, err := q.Tasks(ctx, queue, state, page, size)
			require.NoError(t, err)
			for _, one := range ts {
				require.Equal(t, state, one.State)
				list = append(list, one.ID)
			}
			return list
		}
		require.Equal(t, []string{"1", "2"}, ids(task.QueueLive, task.StatePending, 1, 2))
		require.Equal(t, []string{"6.again"}, ids(task.QueueLive, task.StatePending, 2, 2))
		require.Equal(t, []string{"3"}, ids(task.QueueLive, task.StateScheduled, 1, 10))
		require.Empty(t, ids(task.QueueSends, task.StateRetry, 1, 10), "nothing was ever in it")
		_, err := q.Tasks(ctx, "nonsense", task.StatePending, 1, 10)
		require.ErrorIs(t, err, task.ErrNoQueue)
		_, err = q.Tasks(ctx, task.QueueLive, "odd", 1, 10)
		require.ErrorContains(t, err, "no state")

		found, err := q.Find(ctx, []models.Work{slow, lost, now, later, again})
		require.NoError(t, err)
		for i, want := range []struct{ queue, id, state string }{{task.QueueSlow, "4", task.StatePending}, {task.QueueLive, "", ""}, {task.QueueLive, "1", task.StatePending},
			{task.QueueLive, "3", task.StateScheduled}, {task.QueueLive, "6.again", task.StatePending}} {
			require.Equal(t, want, struct{ queue, id, state string }{found[i].Queue, found[i].ID, found[i].State})
			require.Equal(t, int64(7), found[i].Work.WebhookID)
		}
		require.WithinDuration(t, later.DueAt, found[3].NextAt, time.Second)

		// What can be done is what the table says, in every state; the rest is refused.
		for _, c := range []struct {
			a     task.Action
			id    string
			want  error
			state string
		}{
			{task.Run, "1", task.ErrMoved, task.StatePending}, {task.Archive, "1", nil, task.StateArchived}, {task.Archive, "1", task.ErrMoved, task.StateArchived}, {task.Run, "1", nil, task.StatePending},
			{task.Run, "3", nil, task.StatePending}, {task.Delete, "3", nil, ""}, {task.Delete, "3", task.ErrNoTask, ""}, {task.Run, "999", task.ErrNoTask, ""},
		} {
			err := q.Do(ctx, c.a, task.QueueLive, c.id)
			require.ErrorIs(t, err, c.want, "%s %s", c.a, c.id)
			one, err := q.Task(ctx, task.QueueLive, c.id)
			require.Equal(t, c.state, one.State)
			require.Equal(t, c.state == "", errors.Is(err, task.ErrNoTask))
		}
		require.ErrorContains(t, q.Do(ctx, "burn", task.QueueLive, "1"), "nothing that is done")

		for _, step := range []struct{ pause, changed bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
			changed, err := q.SetPaused(ctx, task.QueueReplies, step.pause)
			require.NoError(t, err)
			require.Equal(t, step.changed, changed)
			ds, err := q.Depths(ctx)
			require.NoError(t, err)
			for _, d := range ds {
				require.Equal(t, step.pause && d.Queue == task.QueueReplies, d.Paused)
			}
		}
		_, err = q.SetPaused(ctx, "nonsense", true)
		require.ErrorIs(t, err, task.ErrNoQueue)
	})
}

// A task of somebody else's in one of our queues is shown, without work.
func TestForeignTask(t *testing.T) {
	onEachRedis(t, func(t *testing.T, dial func() redis.UniversalClient) {
		client := dial()
		q := task.NewQueue(client, task.NewBell(), task.Layout{}, nil)
		_, err := asynq.NewClientFromRedisClient(client).Enqueue(asynq.NewTask("other:thing", []byte("not ours")), asynq.Queue(task.QueueSends), asynq.TaskID("x"))
		require.NoError(t, err)
		one, err := q.Task(t.Context(), task.QueueSends, "x")
		require.NoError(t, err)
		require.Equal(t, []any{"not ours", int64(0)}, []any{string(one.Payload), one.Work.ID})
		_, err = q.Task(t.Context(), task.QueueSends, strconv.Itoa(1))
		require.ErrorIs(t, err, task.ErrNoTask)
	})
}
