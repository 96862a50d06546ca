package fanout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"wabagate/fanout/deliver"
	"wabagate/fanout/task"
	"wabagate/models"
)

// Worker takes work out of the queue: one server for callbacks, one for deliveries, so that neither waits for the
// other's slots.
type Worker struct {
	callbacks, deliveries *asynq.Server
	clients               []redis.UniversalClient
	translator            *Translator
	courier               *Courier
	reconciler            *Reconciler
	stop                  context.CancelFunc
	done                  chan struct{}
}

// WorkerOptions sizes a worker. The zero value is usable.
type WorkerOptions struct {
	// Translators is how many groups of callbacks are in hand at once; those that wait for each other share a
	// transaction. 0 means 16.
	Translators int
	// Couriers is how many groups of deliveries are under way at once; 0 means 64.
	Couriers int
	// Grace bounds how long Stop waits for what is in hand; 0 means 20 s.
	Grace time.Duration
}

// NewWorker makes a worker. dial makes a Redis client of its own for each server, because a client's hook belongs to
// one server.
func NewWorker(o WorkerOptions, dial func() (redis.UniversalClient, error), bell *task.Bell, t *Translator, c *Courier, r *Reconciler, log *slog.Logger) (*Worker, error) {
	if o.Translators <= 0 {
		o.Translators = 16
	}
	if o.Couriers <= 0 {
		o.Couriers = 64
	}
	if o.Grace <= 0 {
		o.Grace = 20 * time.Second
	}
	w := &Worker{translator: t, courier: c, reconciler: r, done: make(chan struct{})}
	server := func(concurrency int, queues map[string]int) (*asynq.Server, error) {
		client, err := dial()
		if err != nil {
			return nil, err
		}
		w.clients = append(w.clients, client)
		var names []string
		for q := range queues {
			names = append(names, q)
		}
		client.AddHook(bell.Hook(names...))
		return asynq.NewServerFromRedisClient(client, asynq.Config{
			Concurrency:              concurrency,
			Queues:                   queues,
			TaskCheckInterval:        time.Millisecond, // the hook waits for the bell, so this costs nothing while idle
			DelayedTaskCheckInterval: time.Second,
			HealthCheckInterval:      15 * time.Second,
			ShutdownTimeout:          o.Grace,
			RetryDelayFunc:           retryDelay,
			IsFailure:                func(err error) bool { return !putOff(err) },
			Logger:                   queueLog{log.With("component", "asynq")},
			LogLevel:                 asynq.WarnLevel,
			ErrorHandler: asynq.ErrorHandlerFunc(func(ctx context.Context, t *asynq.Task, err error) {
				if !putOff(err) {
					log.Warn("task failed; it will be tried again", "type", t.Type(), "error", err)
				}
			}),
		}), nil
	}
	var err error
	if w.callbacks, err = server(o.Translators, map[string]int{task.QueueCallbacks: 1}); err != nil {
		return nil, err
	}
	if w.deliveries, err = server(o.Couriers, map[string]int{task.QueueLive: 6, task.QueueReports: 3}); err != nil {
		return nil, err
	}
	return w, nil
}

// putOff says that work was left for later on purpose.
func putOff(err error) bool {
	return errors.Is(err, deliver.ErrSlow) || errors.Is(err, deliver.ErrLimited)
}

// retryDelay spaces the queue's own retries. These are the gateway's troubles (a database that is away) and slow
// webhooks that are looked at again; a failed delivery is rescheduled by the courier.
func retryDelay(n int, err error, _ *asynq.Task) time.Duration {
	switch {
	case errors.Is(err, deliver.ErrLimited):
		return time.Second
	case errors.Is(err, deliver.ErrSlow):
		return 5*time.Second + time.Duration(rand.Int64N(int64(5*time.Second)))
	}
	return min(time.Duration(n+1)*time.Second, 10*time.Second)
}

// Start begins to work and returns.
func (w *Worker) Start() error {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	translate := asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error { return w.handle(ctx, t, w.translator.Translate) })
	attempt := asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error { return w.handle(ctx, t, w.courier.Attempt) })
	if err := w.callbacks.Start(translate); err != nil {
		return fmt.Errorf("start callback workers: %w", err)
	}
	if err := w.deliveries.Start(attempt); err != nil {
		return fmt.Errorf("start delivery workers: %w", err)
	}
	go func() {
		defer close(w.done)
		w.reconciler.Run(ctx)
	}()
	return nil
}

func (w *Worker) handle(ctx context.Context, t *asynq.Task, do func(context.Context, models.Work) error) error {
	work, err := task.Parse(t)
	if err != nil {
		return err
	}
	defer w.reconciler.Hold(work)()
	return do(ctx, work)
}

// Stop takes no more work, lets what is in hand finish within the grace, and gives the rest back to the queue.
func (w *Worker) Stop() {
	w.stop()
	<-w.done
	w.callbacks.Shutdown()
	w.deliveries.Shutdown()
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
