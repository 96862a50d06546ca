package task

import (
	"cmp"
	"context"
	"encoding/json"
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

// Task types.
const (
	TypeTranslate = "callbacks:translate"
	TypeDeliver   = "deliveries:attempt"
	TypeSend      = "messages:send"
	TypeReply     = "messages:reply"
)

// typeOf names the tasks of each kind of work.
var typeOf = map[models.Kind]string{models.TranslateCallbacks: TypeTranslate, models.Deliver: TypeDeliver, models.SendMessages: TypeSend, models.ReplyMessages: TypeReply}

// payload is what a task carries: ids only.
type payload struct {
	Work    int64 `json:"work"`
	Due     int64 `json:"due,omitempty"`     // Unix milliseconds
	Webhook int64 `json:"webhook,omitempty"` // or the number that sends or answers
	Job     int64 `json:"job,omitempty"`
	// Priority is not in the queue's name once a task is in the slow lane.
	Priority models.Priority `json:"priority,omitempty"`
	Members  []int64         `json:"members"`
}

// handlerTimeout bounds one run of a task. A group of deliveries to a slow receiver takes the longest; what it does not
// reach is put off long before this.
const handlerTimeout = 5 * time.Minute

// never is a retry limit that is not reached: whether to give up is decided by the product, not by the queue.
const never = 1 << 30

func newTask(w models.Work) (*asynq.Task, error) {
	p, err := json.Marshal(payload{Work: w.ID, Due: w.DueAt.UnixMilli(), Webhook: w.WebhookID, Job: w.JobID, Priority: w.Priority, Members: w.Members})
	if err != nil {
		return nil, err
	}
	return asynq.NewTask(typeOf[w.Kind], p), nil
}

// Parse reads a task back into work. The error is final.
func Parse(t *asynq.Task) (models.Work, error) {
	var p payload
	if err := json.Unmarshal(t.Payload(), &p); err != nil || len(p.Members) == 0 {
		return models.Work{}, fmt.Errorf("task payload is not ours: %w", asynq.SkipRetry)
	}
	w := models.Work{ID: p.Work, Kind: models.Deliver, Priority: p.Priority, WebhookID: p.Webhook, JobID: p.Job, DueAt: time.UnixMilli(p.Due), Members: p.Members}
	switch t.Type() {
	case TypeTranslate:
		w.Kind = models.TranslateCallbacks
	case TypeSend:
		w.Kind = models.SendMessages
	case TypeReply:
		w.Kind = models.ReplyMessages
	}
	return w, nil
}

// Queue puts work in. Safe for concurrent use.
type Queue struct {
	client    *asynq.Client
	inspector *asynq.Inspector
	redis     redis.UniversalClient
	bell      *Bell
	layout    Layout
	now       func() time.Time
}

// NewQueue makes a queue on a Redis that it does not close. bell rings for this process; other processes hear it too. A
// nil now is the wall clock.
func NewQueue(r redis.UniversalClient, bell *Bell, layout Layout, now func() time.Time) *Queue {
	if now == nil {
		now = time.Now
	}
	return &Queue{client: asynq.NewClientFromRedisClient(r), inspector: asynq.NewInspectorFromRedisClient(r), redis: r, bell: bell, layout: layout, now: now}
}

// Layout says how the queues are spread.
func (q *Queue) Layout() Layout { return q.layout }

// atOnce bounds the enqueues of one call that are under way together; the client's connections do the pipelining.
const atOnce = 16

// Enqueue puts each piece of work in its queue, those due later to be ready then. Work that the queue knows already
// is left as it is. On an error some may be queued; the reconciler finds the rest. Workers hear of what is due before the
// rest is put in.
func (q *Queue) Enqueue(ctx context.Context, ws ...models.Work) error {
	now := q.now()
	var due, later []models.Work
	for _, w := range ws {
		if w.DueAt.After(now) {
			later = append(later, w)
		} else {
			due = append(due, w)
		}
	}
	err := q.put(ctx, due)
	rung := map[string]bool{}
	for _, w := range due {
		if name := q.layout.Of(w); !rung[name] {
			rung[name] = true
			q.bell.Ring(ctx, q.redis, name)
		}
	}
	return cmp.Or(err, q.put(ctx, later)) // its time comes by the queue's own clock, and workers hear of it then
}

// put puts each piece of work in its queue, and tells nobody.
func (q *Queue) put(ctx context.Context, ws []models.Work) error {
	one := func(w models.Work) error { return q.enqueue(ctx, w, q.layout.Of(w), strconv.FormatInt(w.ID, 10)) }
	if len(ws) == 1 {
		return one(ws[0])
	}
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, w := range ws {
		g.Go(func() error { return one(w) })
	}
	return g.Wait()
}

// Requeue puts work in again whose task is held by a worker that is gone, under an id of its own.
func (q *Queue) Requeue(ctx context.Context, w models.Work) error {
	err := q.enqueue(ctx, w, q.layout.Of(w), fmt.Sprintf("%d.again", w.ID))
	q.bell.Ring(ctx, q.redis, q.layout.Of(w))
	return err
}

// Slow puts work into the slow lane, from where it is attempted without anybody waiting behind it.
func (q *Queue) Slow(ctx context.Context, w models.Work) error {
	err := q.enqueue(ctx, w, q.layout.Slow(w), strconv.FormatInt(w.ID, 10))
	q.bell.Ring(ctx, q.redis, q.layout.Slow(w))
	return err
}

func (q *Queue) enqueue(ctx context.Context, w models.Work, queue, id string) error {
	t, err := newTask(w)
	if err != nil {
		return err
	}
	opts := []asynq.Option{asynq.TaskID(id), asynq.Queue(queue), asynq.MaxRetry(never), asynq.Timeout(handlerTimeout)}
	if w.DueAt.After(q.now()) {
		opts = append(opts, asynq.ProcessAt(w.DueAt))
	}
	_, err = q.client.EnqueueContext(ctx, t, opts...)
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("enqueue work %d: %w", w.ID, err)
	}
	return nil
}

// Announce makes the queues known to the monitor and the metrics again, after a flush. asynq does so once per process.
func (q *Queue) Announce(ctx context.Context) error {
	all := q.layout.All()
	names := make([]any, 0, len(all))
	for _, name := range all {
		names = append(names, name)
	}
	return q.redis.SAdd(ctx, "asynq:queues", names...).Err()
}

// States says where the task of each piece of work stands in the queue, the slow lane included: "pending", "active",
// "scheduled", "retry", "archived", or "" when the queue does not know it.
func (q *Queue) States(ctx context.Context, ws []models.Work) ([]string, error) {
	pipe := q.redis.Pipeline()
	cmds := make([][2]*redis.StringCmd, len(ws))
	for i, w := range ws {
		cmds[i][0] = pipe.HGet(ctx, taskKey(q.layout.Of(w), w.ID), "state")
		if w.Kind == models.Deliver {
			cmds[i][1] = pipe.HGet(ctx, taskKey(q.layout.Slow(w), w.ID), "state")
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("ask the queue: %w", err)
	}
	states := make([]string, len(ws))
	for i, both := range cmds {
		for _, c := range both {
			if c == nil || states[i] != "" {
				continue
			}
			s, err := c.Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return nil, fmt.Errorf("ask the queue: %w", err)
			}
			states[i] = s
		}
	}
	return states, nil
}

// Wake makes tasks ready that sleep, scheduled or between retries, beyond a moment: a worker whose clock was ahead put
// them to sleep for longer than anybody meant. It answers how many.
func (q *Queue) Wake(ctx context.Context, ws []models.Work, beyond time.Time) (woken int, err error) {
	pipe := q.redis.Pipeline()
	type sleeper struct {
		queue, id string
		score     *redis.FloatCmd
	}
	var all []sleeper
	for _, w := range ws {
		for _, queue := range []string{q.layout.Of(w), q.layout.Slow(w)} {
			for _, set := range []string{"scheduled", "retry"} {
				id := strconv.FormatInt(w.ID, 10)
				all = append(all, sleeper{queue, id, pipe.ZScore(ctx, fmt.Sprintf("asynq:{%s}:%s", queue, set), id)})
			}
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("ask the queue: %w", err)
	}
	for _, s := range all {
		if until, err := s.score.Result(); err != nil || until <= float64(beyond.Unix()) {
			continue
		}
		if err := q.inspector.RunTask(s.queue, s.id); err != nil {
			return woken, fmt.Errorf("wake work %s: %w", s.id, err)
		}
		woken++
		q.bell.Ring(ctx, q.redis, s.queue)
	}
	return woken, nil
}

// taskKey is where asynq keeps a task, whose state is a field of it.
func taskKey(queue string, id int64) string { return fmt.Sprintf("asynq:{%s}:t:%d", queue, id) }

// Waiting is how many tasks are ready in a queue and not yet taken.
func (q *Queue) Waiting(ctx context.Context, queue string) (int64, error) {
	return q.redis.LLen(ctx, fmt.Sprintf("asynq:{%s}:pending", queue)).Result()
}

// Depth is how full a queue is.
type Depth struct {
	Queue                                       string
	Pending, Active, Scheduled, Retry, Archived int
	// Oldest is how long the task at the head has been ready; 0 when none is.
	Oldest time.Duration
	Paused bool
	// Processed and Failed are the tasks that handlers were given, and those that they failed, ever; FailedToday those since
	// midnight (UTC).
	Processed, Failed, FailedToday int
}

// Depths looks at every queue, the most urgent first.
func (q *Queue) Depths(ctx context.Context) ([]Depth, error) {
	known, err := q.inspector.Queues()
	if err != nil {
		return nil, fmt.Errorf("list the queues: %w", err)
	}
	var depths []Depth
	for _, name := range q.layout.All() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d := Depth{Queue: name}
		if slices.Contains(known, name) {
			i, err := q.inspector.GetQueueInfo(name)
			if err != nil {
				return nil, fmt.Errorf("look at queue %s: %w", name, err)
			}
			d.Pending, d.Active, d.Scheduled, d.Retry, d.Archived, d.Oldest, d.Paused = i.Pending, i.Active, i.Scheduled, i.Retry, i.Archived, i.Latency, i.Paused
			d.Processed, d.Failed, d.FailedToday = i.ProcessedTotal, i.FailedTotal, i.Failed
		}
		depths = append(depths, d)
	}
	return depths, nil
}
