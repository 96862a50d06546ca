package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"wabagate/models"
)

// The states of a task, as asynq calls them.
const (
	StateActive    = "active"    // a worker has it in hand
	StatePending   = "pending"   // ready
	StateScheduled = "scheduled" // to be ready later
	StateRetry     = "retry"     // its handler failed, and it is tried again later
	StateArchived  = "archived"  // put aside until a person runs it
)

// States lists the states, those that people look at first before the others.
func States() []string {
	return []string{StatePending, StateActive, StateScheduled, StateRetry, StateArchived}
}

// Action is what a person does to a task.
type Action string

// The actions.
const (
	Run     Action = "run"     // make it ready now
	Archive Action = "archive" // put it aside; its work stays undone until somebody runs it
	// Delete takes the task from the queue. Its work stands in the database as before: when it is due, the reconciler makes a
	// task of it again.
	Delete Action = "delete"
)

// Actions are what can be done to a task in a state; nothing to one in a worker's hand.
func Actions(state string) []Action {
	switch state {
	case StatePending:
		return []Action{Archive, Delete}
	case StateScheduled, StateRetry:
		return []Action{Run, Archive, Delete}
	case StateArchived:
		return []Action{Run, Delete}
	}
	return nil
}

// What the inspection answers with, besides errors of the connection.
var (
	ErrNoQueue = errors.New("there is no such queue")
	ErrNoTask  = errors.New("there is no such task in the queue")
	// ErrMoved: the task was taken, finished or moved meanwhile, or its state does not allow the action.
	ErrMoved = errors.New("the task is in a state in which this cannot be done")
)

// Task is a task as operations see it.
type Task struct {
	Queue, ID string
	// State is one of States; empty: the work has no task, because it is due later, or is done this moment, or was lost and is
	// about to be found.
	State string
	// Work is what it asks for; without an ID when the task is not one of the gateway's.
	Work    models.Work
	Payload []byte // ids only, as JSON
	// Error is why its handler failed the last time, at FailedAt; empty: it did not. That a receiver refuses is no failure of
	// the handler.
	Error    string
	FailedAt time.Time
	Retried  int
	NextAt   time.Time // when a scheduled one or one to be retried is ready
}

func taskOf(i *asynq.TaskInfo) Task {
	t := Task{Queue: i.Queue, ID: i.ID, State: i.State.String(), Payload: i.Payload, Error: i.LastErr, FailedAt: i.LastFailedAt, Retried: i.Retried}
	if t.State == StateScheduled || t.State == StateRetry {
		t.NextAt = i.NextProcessAt
	}
	if w, err := Parse(asynq.NewTask(i.Type, i.Payload)); err == nil {
		t.Work = w
	}
	return t
}

// Tasks lists the tasks of a queue in a state, page by page of size from 1 on: those that are next first. What it costs does
// not grow with the queue.
func (q *Queue) Tasks(ctx context.Context, queue, state string, page, size int) ([]Task, error) {
	if err := q.has(queue); err != nil {
		return nil, err
	}
	list := map[string]func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){StatePending: q.inspector.ListPendingTasks, StateActive: q.inspector.ListActiveTasks,
		StateScheduled: q.inspector.ListScheduledTasks, StateRetry: q.inspector.ListRetryTasks, StateArchived: q.inspector.ListArchivedTasks}[state]
	if list == nil {
		return nil, fmt.Errorf("%q is no state of tasks", state)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	infos, err := list(queue, asynq.Page(page), asynq.PageSize(size))
	if err != nil && !errors.Is(err, asynq.ErrQueueNotFound) { // nothing was ever in it
		return nil, fmt.Errorf("list the tasks of %s: %w", queue, err)
	}
	tasks := make([]Task, len(infos))
	for i, info := range infos {
		tasks[i] = taskOf(info)
	}
	return tasks, nil
}

// Task reads one; ErrNoTask when there is none.
func (q *Queue) Task(ctx context.Context, queue, id string) (Task, error) {
	if err := q.has(queue); err != nil {
		return Task{}, err
	}
	if err := ctx.Err(); err != nil {
		return Task{}, err
	}
	info, err := q.inspector.GetTaskInfo(queue, id)
	switch {
	case errors.Is(err, asynq.ErrQueueNotFound), errors.Is(err, asynq.ErrTaskNotFound):
		return Task{}, ErrNoTask
	case err != nil:
		return Task{}, fmt.Errorf("read task %s of %s: %w", id, queue, err)
	}
	return taskOf(info), nil
}

// Find reads the tasks of pieces of work, in their order. Work that the queue does not know has one without an ID, and without a
// State.
func (q *Queue) Find(ctx context.Context, ws []models.Work) ([]Task, error) {
	type place struct{ queue, id string }
	pipe := q.redis.Pipeline()
	places, states := make([][]place, len(ws)), make([][]*redis.StringCmd, len(ws))
	for i, w := range ws {
		id := strconv.FormatInt(w.ID, 10)
		places[i] = []place{{q.layout.Of(w), id}, {q.layout.Of(w), id + ".again"}}
		if w.Kind == models.Deliver {
			places[i] = append(places[i], place{q.layout.Slow(w), id})
		}
		for _, p := range places[i] {
			states[i] = append(states[i], pipe.HGet(ctx, "asynq:{"+p.queue+"}:t:"+p.id, "state"))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("ask the queue: %w", err)
	}
	tasks := make([]Task, len(ws))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, w := range ws {
		tasks[i] = Task{Queue: q.layout.Of(w), Work: w}
		at := slices.IndexFunc(states[i], func(c *redis.StringCmd) bool { return c.Err() == nil })
		if at < 0 {
			continue
		}
		g.Go(func() error {
			t, err := q.Task(ctx, places[i][at].queue, places[i][at].id)
			if errors.Is(err, ErrNoTask) { // done meanwhile
				return nil
			}
			if err == nil {
				tasks[i] = t
			}
			return err
		})
	}
	return tasks, g.Wait()
}

// Do does something to a task.
func (q *Queue) Do(ctx context.Context, a Action, queue, id string) error {
	do := map[Action]func(queue, id string) error{Run: q.inspector.RunTask, Archive: q.inspector.ArchiveTask, Delete: q.inspector.DeleteTask}[a]
	if do == nil {
		return fmt.Errorf("%q is nothing that is done to a task", a)
	}
	t, err := q.Task(ctx, queue, id)
	if err != nil {
		return err
	}
	if !slices.Contains(Actions(t.State), a) {
		return ErrMoved
	}
	if err = do(queue, id); err == nil {
		if a == Run {
			q.bell.Ring(ctx, q.redis, queue)
		}
		return nil
	}
	now, gone := q.Task(ctx, queue, id)
	switch {
	case gone != nil:
		return gone
	case now.State != t.State:
		return ErrMoved
	}
	return fmt.Errorf("%s task %s of %s: %w", a, id, queue, err)
}

// SetPaused stops workers from taking tasks of a queue, or lets them go on; what they have in hand they finish. It says whether
// that changed anything.
func (q *Queue) SetPaused(ctx context.Context, queue string, paused bool) (changed bool, err error) {
	if err := q.has(queue); err != nil {
		return false, err
	}
	if err := q.Announce(ctx); err != nil { // so that a queue that nothing was ever in can be paused too
		return false, fmt.Errorf("announce the queues: %w", err)
	}
	info, err := q.inspector.GetQueueInfo(queue)
	if err != nil || info.Paused == paused {
		return false, err
	}
	if paused {
		return true, q.inspector.PauseQueue(queue)
	}
	if err := q.inspector.UnpauseQueue(queue); err != nil {
		return false, err
	}
	q.bell.Ring(ctx, q.redis, queue)
	return true, nil
}

// has answers ErrNoQueue for the name of no queue of the gateway's.
func (q *Queue) has(queue string) error {
	if !slices.Contains(q.layout.All(), queue) {
		return fmt.Errorf("%q: %w", queue, ErrNoQueue)
	}
	return nil
}
