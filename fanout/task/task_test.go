package task_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/fanout/task"
	"wabagate/models"
)

// onEachRedis runs a test on the in-process Redis and on a real one: one suite for both queues.
func onEachRedis(t *testing.T, test func(t *testing.T, dial func() redis.UniversalClient)) {
	t.Run("in process", func(t *testing.T) {
		m := miniredis.RunT(t)
		stop := make(chan struct{})
		t.Cleanup(func() { close(stop) })
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Second):
					m.FastForward(time.Second)
				}
			}
		}()
		test(t, dialer(t, "redis://"+m.Addr()))
	})
	t.Run("redis", func(t *testing.T) { test(t, dialer(t, fanouttest.RedisURL(t))) })
}

func dialer(t *testing.T, url string) func() redis.UniversalClient {
	o, err := redis.ParseURL(url)
	require.NoError(t, err)
	return func() redis.UniversalClient {
		c := redis.NewClient(o)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

// serve runs a server whose dequeues wait for the bell, and counts how often it asks Redis for a task.
func serve(t *testing.T, dial func() redis.UniversalClient, bell *task.Bell, handle func(models.Work)) *atomic.Int64 {
	client := dial()
	var dequeues atomic.Int64
	client.AddHook(bell.Hook(task.Layout{}.All()...))
	client.AddHook(counter{&dequeues})
	queues := map[string]int{}
	for _, q := range (task.Layout{}).All() {
		queues[q] = 1
	}
	s := asynq.NewServerFromRedisClient(client, asynq.Config{Concurrency: 8, Queues: queues, TaskCheckInterval: time.Millisecond, DelayedTaskCheckInterval: time.Second, LogLevel: asynq.FatalLevel})
	require.NoError(t, s.Start(asynq.HandlerFunc(func(_ context.Context, a *asynq.Task) error {
		w, err := task.Parse(a)
		if err == nil {
			handle(w)
		}
		return err
	})))
	t.Cleanup(s.Shutdown)
	return &dequeues
}

type counter struct{ n *atomic.Int64 }

func (c counter) DialHook(next redis.DialHook) redis.DialHook { return next }
func (c counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (c counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if len(cmd.Args()) > 4 && fmt.Sprint(cmd.Args()[4]) == "asynq:{callbacks}:paused" {
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func work(id int64) models.Work {
	return models.Work{ID: id, Kind: models.TranslateCallbacks, Members: []int64{id, id}}
}

func TestEachPieceOfWorkOnce(t *testing.T) {
	onEachRedis(t, func(t *testing.T, dial func() redis.UniversalClient) {
		bell := task.NewBell()
		q := task.NewQueue(dial(), bell, task.Layout{}, nil)
		var mu sync.Mutex
		got := map[int64]models.Work{}
		release := make(chan struct{})
		serve(t, dial, bell, func(w models.Work) {
			<-release
			mu.Lock()
			got[w.ID] = w
			mu.Unlock()
		})
		var ws []models.Work
		for id := range int64(30) {
			w := work(id + 1)
			switch id % 4 {
			case 0:
				w = models.Work{ID: id + 1, Kind: models.Deliver, WebhookID: 7, Priority: models.Priority(id % 2), Members: []int64{1, 2, 3}}
			case 1:
				w = models.Work{ID: id + 1, Kind: models.SendMessages, WebhookID: 8, Priority: models.Priority(id % 2), Members: []int64{4, 5}}
			case 2:
				w = models.Work{ID: id + 1, Kind: models.ReplyMessages, WebhookID: 9, Members: []int64{6}}
			}
			ws = append(ws, w)
		}
		require.NoError(t, q.Enqueue(t.Context(), ws...))
		require.NoError(t, q.Enqueue(t.Context(), ws...), "known work is no error")
		states, err := q.States(t.Context(), append(ws, work(4711)))
		require.NoError(t, err)
		require.Empty(t, states[len(states)-1], "the queue does not know it")
		for _, s := range states[:len(states)-1] {
			require.Contains(t, []string{"pending", "active"}, s)
		}
		close(release)
		require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 30 }, 10*time.Second, time.Millisecond)
		for _, w := range ws {
			require.Equal(t, w.Members, got[w.ID].Members)
			require.Equal(t, w.Kind, got[w.ID].Kind)
			require.Equal(t, w.WebhookID, got[w.ID].WebhookID)
		}
		require.Eventually(t, func() bool {
			states, err := q.States(t.Context(), ws)
			require.NoError(t, err)
			for _, s := range states {
				if s != "" {
					return false
				}
			}
			return true
		}, 5*time.Second, 5*time.Millisecond, "finished work is forgotten")
	})
}

func TestTheBellIsQuickAndTheWaitIsCheap(t *testing.T) {
	onEachRedis(t, func(t *testing.T, dial func() redis.UniversalClient) {
		bell := task.NewBell()
		q := task.NewQueue(dial(), bell, task.Layout{}, nil)
		picked := make(chan time.Time, 1)
		dequeues := serve(t, dial, bell, func(models.Work) { picked <- time.Now() })
		time.Sleep(300 * time.Millisecond)
		before := dequeues.Load()
		time.Sleep(time.Second)
		require.LessOrEqual(t, dequeues.Load()-before, int64(8), "an idle server asks a few times a second")
		var took []time.Duration
		for id := range int64(21) {
			began := time.Now()
			require.NoError(t, q.Enqueue(t.Context(), work(id+1)))
			took = append(took, (<-picked).Sub(began))
			time.Sleep(10 * time.Millisecond)
		}
		quick := 0
		for _, d := range took {
			if d < 60*time.Millisecond {
				quick++
			}
		}
		require.Greater(t, quick, len(took)/2, "picked up after %v", took)
	})
}

// The ring of another process comes through Redis; one that is lost costs a quarter of a second.
func TestRingsFromElsewhere(t *testing.T) {
	onEachRedis(t, func(t *testing.T, dial func() redis.UniversalClient) {
		here := task.NewBell()
		ctx, cancel := context.WithCancel(t.Context())
		var listening sync.WaitGroup
		client := dial()
		listening.Go(func() { here.Listen(ctx, client) })
		picked := make(chan int64, 10)
		serve(t, dial, here, func(w models.Work) { picked <- w.ID })
		time.Sleep(200 * time.Millisecond)
		elsewhere := task.NewQueue(dial(), task.NewBell(), task.Layout{}, nil)
		require.NoError(t, elsewhere.Enqueue(t.Context(), work(1)))
		require.EqualValues(t, 1, <-picked)
		cancel()
		listening.Wait()
		began := time.Now()
		require.NoError(t, elsewhere.Enqueue(t.Context(), work(2)))
		require.EqualValues(t, 2, <-picked)
		require.Less(t, time.Since(began), 3*time.Second)
	})
}

func TestWorkDueLaterWaits(t *testing.T) {
	onEachRedis(t, func(t *testing.T, dial func() redis.UniversalClient) {
		bell := task.NewBell()
		q := task.NewQueue(dial(), bell, task.Layout{}, nil)
		picked := make(chan time.Time, 1)
		serve(t, dial, bell, func(models.Work) { picked <- time.Now() })
		w := work(1)
		w.DueAt = time.Now().Add(3 * time.Second)
		require.NoError(t, q.Enqueue(t.Context(), w))
		states, err := q.States(t.Context(), []models.Work{w})
		require.NoError(t, err)
		require.Equal(t, []string{"scheduled"}, states)
		at := <-picked
		require.InDelta(t, w.DueAt.Unix(), at.Unix(), 3, "the queue's clock has whole seconds")
	})
}

// A server that is paced takes one task after the other, however many are ready, and all of them.
// What is due does not wait until what is due later is put in, and nobody is woken for that.
func TestWorkerHearsOfWhatIsDueFirst(t *testing.T) {
	onEachRedis(t, func(t *testing.T, dial func() redis.UniversalClient) {
		client := dial()
		var did []string
		client.AddHook(note(func(cmd redis.Cmder) {
			switch script := fmt.Sprint(cmd.Args()); {
			case cmd.Name() == "publish":
				did = append(did, script)
			case cmd.Name() == "evalsha" && strings.Contains(script, ":scheduled"):
				did = append(did, "later")
			case cmd.Name() == "evalsha":
				did = append(did, "due")
			}
		}))
		q := task.NewQueue(client, task.NewBell(), task.Layout{}, nil)
		require.NoError(t, q.Enqueue(t.Context(), work(1))) // loads the script
		later := models.Work{ID: 3, Kind: models.ReplyMessages, DueAt: time.Now().Add(time.Minute), Members: []int64{1}}
		require.NoError(t, q.Enqueue(t.Context(), later))
		did = nil
		later.ID = 4
		require.NoError(t, q.Enqueue(t.Context(), later, work(2)))
		require.Equal(t, []string{"due", "[publish wabagate:bell " + task.Layout{}.Of(work(2)) + "]", "later"}, did)
	})
}

// note is told of every command.
type note func(redis.Cmder)

func (n note) DialHook(next redis.DialHook) redis.DialHook { return next }
func (n note) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (n note) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { n(cmd); return next(ctx, cmd) }
}

func TestPaced(t *testing.T) {
	onEachRedis(t, func(t *testing.T, dial func() redis.UniversalClient) {
		const n, every = 10, 30 * time.Millisecond
		bell := task.NewBell()
		taken := make(chan time.Time, n)
		paced := func() redis.UniversalClient { c := dial(); c.AddHook(task.Paced(every)); return c }
		queue := task.NewQueue(dial(), bell, task.Layout{}, nil)
		var ws []models.Work
		for i := range n {
			ws = append(ws, work(int64(i+1)))
		}
		require.NoError(t, queue.Enqueue(t.Context(), ws...))
		serve(t, paced, bell, func(models.Work) { taken <- time.Now() })
		first := <-taken
		var last time.Time
		for range n - 1 {
			last = <-taken
		}
		require.GreaterOrEqual(t, last.Sub(first), (n-2)*every)
	})
}

func TestForeignPayloadsAreRefusedForGood(t *testing.T) {
	for _, payload := range []string{"", "{}", "null", "[]", `{"work":"x"}`, "\xff"} {
		_, err := task.Parse(asynq.NewTask(task.TypeDeliver, []byte(payload)))
		require.ErrorIs(t, err, asynq.SkipRetry, payload)
	}
}
