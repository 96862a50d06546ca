package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// The limits, as Limit knows them.
const (
	LimitEcho     = "echo"      // a bare Fiber server
	LimitEnqueue  = "enqueue"   // one that enqueues each body as an asynq task before it answers
	LimitPost     = "post"      // a bare net/http client
	LimitNoop     = "noop"      // an asynq server whose tasks do nothing
	LimitTaskPost = "task-post" // one whose tasks post their payload
)

const (
	limitQueue = "limit"
	limitTask  = "limit"
)

// LimitOptions say how to run a limit. Which are needed depends on it.
type LimitOptions struct {
	Port        string
	RedisURL    string
	URL         string        // posted to
	Connections int           // requests, or tasks, under way at a time
	Count       int           // tasks to be done
	For         time.Duration // time to post for
}

// LimitResult is what a limit that measures itself prints, as JSON.
type LimitResult struct {
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds"`
}

// Limit runs one of the limits: servers until ctx ends, the others until they are done.
func Limit(ctx context.Context, kind string, o LimitOptions) (LimitResult, error) {
	switch kind {
	case LimitEcho:
		return LimitResult{}, serveLimit(ctx, o.Port, func(c *fiber.Ctx) error { return c.Send(c.Body()) })
	case LimitEnqueue:
		r, err := limitRedis(o.RedisURL)
		if err != nil {
			return LimitResult{}, err
		}
		defer func() { _ = r.Close() }()
		client := asynq.NewClientFromRedisClient(r)
		return LimitResult{}, serveLimit(ctx, o.Port, func(c *fiber.Ctx) error {
			_, err := client.EnqueueContext(c.Context(), asynq.NewTask(limitTask, bytes.Clone(c.Body())), asynq.Queue(limitQueue))
			return err
		})
	case LimitPost:
		return postLimit(ctx, o), nil
	case LimitNoop:
		return drainLimit(ctx, o, func(*asynq.Task) error { return nil })
	case LimitTaskPost:
		client := limitClient(o.Connections)
		return drainLimit(ctx, o, func(t *asynq.Task) error { return post(client, o.URL, t.Payload()) })
	}
	return LimitResult{}, fmt.Errorf("there is no limit called %q", kind)
}

func limitRedis(address string) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL is not an address")
	}
	return redis.NewClient(o), nil
}

func serveLimit(ctx context.Context, port string, handle fiber.Handler) error {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Post("/", handle)
	app.Get("/", func(c *fiber.Ctx) error { return nil }) // ready
	l, err := net.Listen("tcp4", net.JoinHostPort(loopback, port))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = app.ShutdownWithTimeout(time.Second) })()
	return app.Listener(l)
}

func limitClient(connections int) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections, DisableCompression: true}}
}

func post(client *http.Client, address string, body []byte) error {
	res, err := client.Post(address, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func postLimit(ctx context.Context, o LimitOptions) LimitResult {
	client := limitClient(o.Connections)
	cs := newCallbacks(business{}, 1000)
	var next, done atomic.Int64
	var workers sync.WaitGroup
	began := time.Now()
	for range o.Connections {
		workers.Go(func() {
			for ctx.Err() == nil && time.Since(began) < o.For {
				if post(client, o.URL, cs.bodies[next.Add(1)%int64(len(cs.bodies))]) == nil {
					done.Add(1)
				}
			}
		})
	}
	workers.Wait()
	return LimitResult{int(done.Load()), time.Since(began).Seconds()}
}

// drainLimit works off tasks that wait already.
func drainLimit(ctx context.Context, o LimitOptions, do func(*asynq.Task) error) (LimitResult, error) {
	r, err := limitRedis(o.RedisURL)
	if err != nil {
		return LimitResult{}, err
	}
	defer func() { _ = r.Close() }()
	server := asynq.NewServerFromRedisClient(r, asynq.Config{Concurrency: o.Connections, Queues: map[string]int{limitQueue: 1},
		TaskCheckInterval: time.Millisecond, LogLevel: asynq.ErrorLevel})
	var done atomic.Int64
	finished := make(chan time.Time, 1)
	began := time.Now()
	if err := server.Start(asynq.HandlerFunc(func(_ context.Context, t *asynq.Task) error {
		err := do(t)
		if err == nil && done.Add(1) == int64(o.Count) {
			finished <- time.Now()
		}
		return err
	})); err != nil {
		return LimitResult{}, err
	}
	defer server.Shutdown()
	select {
	case end := <-finished:
		return LimitResult{o.Count, end.Sub(began).Seconds()}, nil
	case <-ctx.Done():
		return LimitResult{}, context.Cause(ctx)
	}
}
