package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// limits measures what the parts can do on this machine by themselves.
func (b *bench) limits(ctx context.Context) error {
	bz := business{app: "limit", secret: "limit", number: "600700800900209"}
	cs := newCallbacks(bz, b.s.tasks)
	if err := b.serverLimit(ctx, cs, LimitEcho, "limit: bare Fiber POST echo", keyEcho, "", ""); err != nil {
		return err
	}
	if b.stores.redis != nil {
		if err := b.serverLimit(ctx, cs, LimitEnqueue, "limit: Fiber, one asynq enqueue", keyEnqueue, keyEnqueueP50, keyEnqueueP99); err != nil {
			return err
		}
	}
	b.receiver.expect(cs, 1)
	b.say.begin("limit: bare net/http client")
	rate, err := b.childLimit(ctx, LimitPost, "--url", b.receiver.address(0), "--for", b.s.limit.String())
	if err != nil {
		return err
	}
	b.report.add(keyPost, rate)
	b.say.end(perSecond(rate))
	if b.stores.redis == nil {
		b.report.note("The limits that need Redis were left out: there is none.")
		return nil
	}
	for _, l := range []struct{ kind, what, key string }{
		{LimitNoop, "limit: bare asynq no-op tasks", keyNoop},
		{LimitTaskPost, "limit: asynq task, POST", keyTaskPost},
	} {
		if err := b.queueLimit(ctx, cs, l.kind, l.what, l.key); err != nil {
			return err
		}
	}
	return nil
}

// serverLimit posts to a bare server.
func (b *bench) serverLimit(ctx context.Context, cs *callbacks, kind, what, key, p50, p99 string) (err error) {
	b.say.begin(what)
	if err := b.stores.emptyRedis(ctx); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	c, err := b.start(kind, nil, []string{"REDIS_URL=" + b.stores.redisURL, "PORT=" + port}, "bench", "limit", kind)
	if err != nil {
		return err
	}
	base := "http://" + loopback + ":" + port
	if err := awaitHTTP(ctx, c, base+"/"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop(stopFor)) }()
	p := load{address: base + "/", connections: b.s.connections, atMost: b.s.limit, cycle: true}.fire(ctx, cs)
	if err := errors.Join(context.Cause(ctx), p.check()); err != nil {
		return err
	}
	b.report.add(key, p.perSecond())
	if p99 != "" {
		b.report.add(p50, quantile(p.latency, 50))
		b.report.add(p99, quantile(p.latency, 99))
	}
	b.say.end(perSecond(p.perSecond()))
	return nil
}

// queueLimit fills the queue and has it emptied.
func (b *bench) queueLimit(ctx context.Context, cs *callbacks, kind, what, key string) error {
	b.say.begin(what)
	if err := b.stores.emptyRedis(ctx); err != nil {
		return err
	}
	if err := enqueueAll(ctx, b.stores.redis, b.s.connections, cs.bodies); err != nil {
		return err
	}
	arrived := b.receiver.expect(cs, 1)
	rate, err := b.childLimit(ctx, kind, "--url", b.receiver.address(0), "--count", fmt.Sprint(len(cs.bodies)))
	if err != nil {
		return err
	}
	if n := arrived.unique.Load(); kind == LimitTaskPost && n != int64(len(cs.bodies)) {
		return fmt.Errorf("of %d tasks %d were posted", len(cs.bodies), n)
	}
	b.report.add(key, rate)
	b.say.end(perSecond(rate))
	return b.stores.emptyRedis(ctx)
}

func enqueueAll(ctx context.Context, r redis.UniversalClient, connections int, payloads [][]byte) error {
	client := asynq.NewClientFromRedisClient(r)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(connections)
	for _, p := range payloads {
		g.Go(func() error {
			_, err := client.EnqueueContext(ctx, asynq.NewTask(limitTask, p), asynq.Queue(limitQueue))
			return err
		})
	}
	return g.Wait()
}

// childLimit runs a limit that measures itself, and returns its rate per second.
func (b *bench) childLimit(ctx context.Context, kind string, args ...string) (float64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("limit %s took longer than a minute", kind))
	defer cancel()
	args = append([]string{"bench", "limit", kind, "--connections", fmt.Sprint(b.s.connections)}, args...)
	out, err := b.run(ctx, kind, []string{"REDIS_URL=" + b.stores.redisURL}, args...)
	if err != nil {
		return 0, err
	}
	var r LimitResult
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Seconds <= 0 {
		return 0, fmt.Errorf("limit %s printed %q", kind, out)
	}
	return float64(r.Count) / r.Seconds, nil
}
