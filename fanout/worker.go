package fanout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"wabagate/fanout/deliver"
	"wabagate/fanout/task"
	"wabagate/models"
)

// Worker takes work out of the queue. What people wait for, what nobody waits for, what slow receivers hold up, what goes to
// the platform and what an AI thinks about each have a server of their own, so that none waits for another's slots.
type Worker struct {
	servers    []server
	clients    []redis.UniversalClient
	translator *Translator
	courier    *Courier
	reconciler *Reconciler
	keeper     *Keeper
	stop       context.CancelFunc
	done       sync.WaitGroup
}

// server is an asynq server with what it does.
type server struct {
	*asynq.Server
	name string
	do   handler
}

// handler does a piece of work, as long as it is held.
type handler func(ctx context.Context, w models.Work, held func() bool) error

// WorkerOptions sizes a worker. The zero value is usable.
type WorkerOptions struct {
	// Translators is how many groups of callbacks are in hand at once; those that wait for each other share a
	// transaction. 0 means 16.
	Translators int
	// Couriers is how many groups of deliveries are under way at once, of messages and of everything else each; 0 means 64.
	Couriers int
	// Send does a piece of work of the kind SendMessages, as long as held says that the work is still this process's. When it
	// returns nil the work is gone from the outbox; after an error it is tried again. nil: this worker sends nothing.
	Send func(ctx context.Context, w models.Work, held func() bool) error
	// Senders is how many pieces of such work are under way at once; 0 means 32.
	Senders int
	// Reply does a piece of work of the kind ReplyMessages, likewise. nil: this worker answers nobody.
	Reply func(ctx context.Context, w models.Work, held func() bool) error
	// Repliers is how many pieces of such work are under way at once; 0 means 32.
	Repliers int
	// Grace bounds how long Stop waits for what is in hand; 0 means 20 s.
	Grace time.Duration
}

// NewWorker makes a worker. dial makes a Redis client of its own for each server, because a client's hook belongs to
// one server.
func NewWorker(o WorkerOptions, dial func() (redis.UniversalClient, error), bell *task.Bell, layout task.Layout, t *Translator, c *Courier, r *Reconciler, k *Keeper, log *slog.Logger) (*Worker, error) {
	if o.Translators <= 0 {
		o.Translators = 16
	}
	if o.Couriers <= 0 {
		o.Couriers = 64
	}
	if o.Senders <= 0 {
		o.Senders = 32
	}
	if o.Repliers <= 0 {
		o.Repliers = 32
	}
	if o.Grace <= 0 {
		o.Grace = 20 * time.Second
	}
	w := &Worker{translator: t, courier: c, reconciler: r, keeper: k}
	attempt := func(slowLane bool) handler {
		return func(ctx context.Context, w models.Work, held func() bool) error {
			return c.Attempt(ctx, w, slowLane, held)
		}
	}
	translate := func(ctx context.Context, w models.Work, _ func() bool) error { return t.Translate(ctx, w) }
	type duty struct {
		name        string
		concurrency int
		weights     map[string]int
		do          handler
		every       time.Duration // one at a time is taken; 0: at once
	}
	duties := []duty{
		{"callbacks", o.Translators, map[string]int{task.QueueCallbacks: 1}, translate, 0},
		{"callback reports", 4 * o.Translators, map[string]int{task.QueueCallbackReports: 1}, translate, 0},
		{"live deliveries", o.Couriers, map[string]int{task.QueueLive: 1}, attempt(false), 0},
		{"other deliveries", o.Couriers, map[string]int{task.QueueReports: 12, task.QueueBulk: 4, task.QueueHistory: 1, task.QueueReplayed: 2}, attempt(false), 0},
		{"slow deliveries", max(1, o.Couriers/2), map[string]int{task.QueueSlow: 1}, attempt(true), 0},
	}
	if o.Send != nil {
		duties = append(duties, duty{"sends", o.Senders, map[string]int{task.QueueSends: 1}, o.Send, 0})
	}
	if o.Reply != nil {
		duties = append(duties, duty{"replies", o.Repliers, map[string]int{task.QueueReplies: 1}, o.Reply, replyEvery})
	}
	for _, one := range duties {
		client, err := dial()
		if err != nil {
			return nil, err
		}
		w.clients = append(w.clients, client)
		queues := map[string]int{}
		for name, weight := range one.weights {
			for _, q := range layout.Queues(name) {
				queues[q] = weight
			}
		}
		client.AddHook(bell.Hook(slices.Sorted(maps.Keys(queues))...))
		if one.every > 0 {
			client.AddHook(task.Paced(one.every))
		}
		w.servers = append(w.servers, server{name: one.name, do: one.do, Server: asynq.NewServerFromRedisClient(client, asynq.Config{
			Concurrency:              one.concurrency,
			Queues:                   queues,
			TaskCheckInterval:        time.Millisecond, // the hook waits for the bell, so this costs nothing while idle
			DelayedTaskCheckInterval: time.Second,
			HealthCheckInterval:      15 * time.Second,
			ShutdownTimeout:          o.Grace,
			RetryDelayFunc:           retryDelay(c.now),
			IsFailure:                func(err error) bool { return !putOff(err) },
			Logger:                   queueLog{log.With("component", "asynq")},
			LogLevel:                 asynq.WarnLevel,
			ErrorHandler: asynq.ErrorHandlerFunc(func(ctx context.Context, t *asynq.Task, err error) {
				if !putOff(err) {
					log.Warn("task failed; it will be tried again", "type", t.Type(), "error", err)
				}
			}),
		})})
	}
	return w, nil
}

// replyEvery is how often a message to be answered is taken, at most: answers take seconds, and the messages of a second,
// taken at once, would hold up those of the next.
const replyEvery = 4 * time.Millisecond

// queueClock is how early the queue itself may be: it counts whole seconds.
const queueClock = time.Second

// earlyError says that work is not due yet: another worker, whose clock is ahead, took it for due. It is the wait.
type earlyError time.Duration

func (e earlyError) Error() string { return "due in " + time.Duration(e).String() }

// putOff says that work was left for later on purpose.
func putOff(err error) bool {
	var early earlyError
	return errors.As(err, &early) || errors.Is(err, errLapsed) || errors.Is(err, deliver.ErrSlow) || errors.Is(err, deliver.ErrLimited) || errors.Is(err, deliver.ErrOpen)
}

// retryDelay spaces the queue's own retries. These are the gateway's troubles (a database that is away) and webhooks that
// take nothing at the moment; a failed delivery is rescheduled by the courier.
func retryDelay(now func() time.Time) asynq.RetryDelayFunc {
	spread := func(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d))) }
	return func(n int, err error, _ *asynq.Task) time.Duration {
		var open *deliver.OpenError
		var early earlyError
		switch {
		case errors.As(err, &early):
			return time.Duration(early)
		case errors.As(err, &open):
			return max(time.Second, open.Until.Sub(now())) + spread(2*time.Second)
		case errors.Is(err, deliver.ErrLimited):
			return time.Second
		case errors.Is(err, deliver.ErrSlow):
			return time.Second + spread(2*time.Second)
		}
		return min(time.Duration(n+1)*time.Second, 10*time.Second)
	}
}

// Start begins to work and returns.
func (w *Worker) Start() error {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	for _, s := range w.servers {
		if err := s.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error { return w.handle(ctx, t, s.do) })); err != nil {
			return fmt.Errorf("start the workers of %s: %w", s.name, err)
		}
	}
	w.done.Go(func() { w.reconciler.Run(ctx) })
	w.done.Go(func() { w.courier.breaker.Run(ctx) })
	w.done.Go(func() { w.keeper.Run(ctx) })
	return nil
}

func (w *Worker) handle(ctx context.Context, t *asynq.Task, do handler) error {
	work, err := task.Parse(t)
	if err != nil {
		return err
	}
	if early := work.DueAt.Sub(w.courier.now()); early > queueClock {
		return earlyError(early)
	}
	held, release := w.reconciler.Hold(work)
	defer release()
	return do(ctx, work, held)
}

// Stop takes no more work, lets what is in hand finish within the grace, and gives the rest back to the queue.
func (w *Worker) Stop() {
	w.stop()
	w.done.Wait()
	var servers sync.WaitGroup
	for _, s := range w.servers {
		servers.Go(s.Shutdown)
	}
	servers.Wait()
	w.translator.Close()
	w.courier.Close()
	for _, c := range w.clients {
		_ = c.Close()
	}
}

// queueLog passes asynq's own messages to the log.
type queueLog struct{ log *slog.Logger }

func (l queueLog) Debug(args ...any) { l.log.Debug(fmt.Sprint(args...)) }
func (l queueLog) Info(args ...any)  { l.log.Info(fmt.Sprint(args...)) }
func (l queueLog) Warn(args ...any)  { l.log.Warn(fmt.Sprint(args...)) }
func (l queueLog) Error(args ...any) { l.log.Error(fmt.Sprint(args...)) }
func (l queueLog) Fatal(args ...any) { l.log.Error(fmt.Sprint(args...)) }
