package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wabagate/deploy/throwaway"
	"wabagate/fanout/fanouttest"
)

var wamidIn = regexp.MustCompile(`wamid\.[A-Za-z0-9]+`)

// tally counts deliveries by wamid.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) answer(w http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) {
	id := string(wamidIn.Find(d.Body))
	c.mu.Lock()
	c.n[id]++
	c.mu.Unlock()
}

// missing counts acknowledged ids that were not delivered, doubled counts deliveries beyond the first.
func (c *tally) compare(u *upstream) (missing []string, doubled int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range u.acked {
		if c.n[id] == 0 {
			missing = append(missing, id)
		}
	}
	for _, n := range c.n {
		doubled += n - 1
	}
	return missing, doubled
}

// requireAll waits until every acknowledged callback was delivered.
func (c *tally) requireAll(t *testing.T, u *upstream, limit time.Duration) (doubled int) {
	t.Helper()
	var missing []string
	deadline := time.Now().Add(limit)
	for {
		if missing, doubled = c.compare(u); len(missing) == 0 {
			return doubled
		}
		if time.Now().After(deadline) {
			acked, refused := u.counts()
			t.Fatalf("%d of %d acknowledged callbacks were not delivered within %s (refused: %v), for example %s", len(missing), acked, limit, refused, missing[0])
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// realStores starts a Postgres and a Redis of the test's own, which it may stop and flush.
func realStores(t *testing.T) (*throwaway.Postgres, *throwaway.Redis, []string) {
	t.Helper()
	pg := startPostgres(t)
	rd, err := throwaway.StartRedis(t.Context(), throwaway.RedisOptions{AOF: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = rd.Stop() })
	return pg, rd, []string{"DATABASE_URL=" + pg.URL(), "REDIS_URL=" + rd.URL()}
}

func startPostgres(t *testing.T) *throwaway.Postgres {
	t.Helper()
	pg, err := throwaway.StartPostgres(t.Context(), throwaway.PostgresOptions{Durable: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = pg.Stop() })
	return pg
}

// faultSetup runs the program with one webhook that counts.
func faultSetup(t *testing.T, env []string) (*process, *tally) {
	t.Helper()
	c := &tally{n: map[string]int{}}
	r := fanouttest.NewReceiver(t, c.answer)
	p := newProcess(t, env)
	p.run("migrate")
	made := p.bootstrap()
	p.start()
	p.subscribe(made, map[string]any{"name": "crm", "url": r.URL + "/hook", "events": []string{"message.received"}})
	return p, c
}

// inFlight bounds what one crash can double: every delivery that was under way or whose result was not committed yet.
// At the rates of these tests that is far below the program's own bound (32 requests per webhook, groups of 100).
const inFlight = 132

// kill -9 at ten random moments under load: everything acknowledged is delivered, doubles are bounded.
func TestKilledTenTimes(t *testing.T) {
	for name, env := range map[string]func(t *testing.T) []string{
		"embedded":           func(*testing.T) []string { return nil },
		"postgres and redis": func(t *testing.T) []string { _, _, env := realStores(t); return env },
	} {
		t.Run(name, func(t *testing.T) {
			p, c := faultSetup(t, env(t))
			u := newUpstream(p.url(), "k")
			ctx, stop := context.WithCancel(t.Context())
			var load sync.WaitGroup
			load.Go(func() { u.run(ctx, 16, 400) })
			const kills = 10
			for range kills {
				time.Sleep(300*time.Millisecond + time.Duration(rand.Int64N(int64(900*time.Millisecond))))
				p.kill()
				p.start()
			}
			time.Sleep(time.Second)
			stop()
			load.Wait()
			doubled := c.requireAll(t, u, 90*time.Second)
			acked, refused := u.counts()
			t.Logf("%d callbacks acknowledged, all delivered; %d doubled in %d kills; posts without an answer while it was down: %v", acked, doubled, kills, refused)
			require.Greater(t, acked, 500)
			require.LessOrEqual(t, doubled, kills*inFlight)
		})
	}
}

// Redis flushed three times in the middle: nothing is lost and nothing is refused.
func TestRedisFlushed(t *testing.T) {
	_, rd, env := realStores(t)
	p, c := faultSetup(t, env)
	u := newUpstream(p.url(), "f")
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { u.run(ctx, 16, 400) })
	client := redis.NewClient(&redis.Options{Addr: rd.Addr()})
	defer func() { _ = client.Close() }()
	for range 3 {
		time.Sleep(time.Second)
		require.NoError(t, client.FlushAll(t.Context()).Err())
	}
	time.Sleep(time.Second)
	stop()
	load.Wait()
	doubled := c.requireAll(t, u, 60*time.Second)
	acked, refused := u.counts()
	t.Logf("%d callbacks acknowledged, all delivered; %d doubled by 3 flushes", acked, doubled)
	require.Empty(t, refused)
	require.LessOrEqual(t, doubled, 3*inFlight)
}

// PostgreSQL away for twenty seconds under load: callbacks are acknowledged all the while and delivered afterwards.
func TestPostgresAway(t *testing.T) {
	pg, _, env := realStores(t)
	p, c := faultSetup(t, env)
	u := newUpstream(p.url(), "p")
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { u.run(ctx, 16, 200) })
	time.Sleep(2 * time.Second)
	require.NoError(t, pg.Halt())
	before, _ := u.counts()
	time.Sleep(20 * time.Second)
	during, refused := u.counts()
	require.NoError(t, pg.Resume(t.Context()))
	require.Empty(t, refused, "callbacks were refused while PostgreSQL was away")
	require.Greater(t, during-before, 20*200/2)
	time.Sleep(2 * time.Second)
	stop()
	load.Wait()
	doubled := c.requireAll(t, u, 60*time.Second)
	acked, refused := u.counts()
	t.Logf("%d callbacks acknowledged, %d of them while PostgreSQL was away, all delivered; %d doubled", acked, during-before, doubled)
	require.Empty(t, refused)
	require.LessOrEqual(t, doubled, inFlight)
}

// Both stores away: nothing durable can take a callback, and the platform keeps its copy.
func TestBothStoresAway(t *testing.T) {
	pg, rd, env := realStores(t)
	p, c := faultSetup(t, env)
	u := newUpstream(p.url(), "b")
	u.postOne(u.take())
	require.NoError(t, pg.Halt())
	require.NoError(t, rd.Halt())
	status, err := postSigned(t.Context(), u.url, testSecret, textCallback(testPNID, "15550177321", "wamid.both", "anybody?"))
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, status)
	res, err := http.Get(p.url() + "/readyz")
	require.NoError(t, err)
	_ = res.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.NoError(t, pg.Resume(t.Context()))
	require.NoError(t, rd.Resume(t.Context()))
	require.Eventually(t, func() bool {
		u.postOne("wamid.both")
		acked, _ := u.counts()
		return acked == 2
	}, 20*time.Second, 200*time.Millisecond)
	c.requireAll(t, u, 60*time.Second)
}

// A stop lets what is in hand finish: nothing acknowledged is lost, nothing is doubled, the exit is clean.
func TestStoppedGracefully(t *testing.T) {
	_, _, env := realStores(t)
	p, c := faultSetup(t, env)
	u := newUpstream(p.url(), "g")
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { u.run(ctx, 16, 400) })
	for range 3 {
		time.Sleep(700 * time.Millisecond)
		began := time.Now()
		require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
		require.NoError(t, p.cmd.Wait(), "the program did not exit cleanly")
		require.Less(t, time.Since(began), 15*time.Second)
		p.start()
	}
	stop()
	load.Wait()
	require.Zero(t, c.requireAll(t, u, 60*time.Second))
}

// Forty-nine healthy webhooks and one that hangs: the healthy ones feel next to nothing. A twin without the hanging one
// takes the same callbacks in the same moments: what the tests of other packages do to one gateway, they do to both.
func TestOneHangingAmongFifty(t *testing.T) {
	hanging := fanouttest.NewReceiver(t, func(_ http.ResponseWriter, q *http.Request, _ fanouttest.Delivery) {
		select {
		case <-q.Context().Done():
		case <-time.After(10 * time.Second):
		}
	})
	twin, troubled := startFifty(t), startFifty(t)
	both := func(prefix string) (without, with time.Duration) {
		var rounds sync.WaitGroup
		rounds.Go(func() { without = twin.round(prefix) })
		rounds.Go(func() { with = troubled.round(prefix) })
		rounds.Wait()
		require.False(t, t.Failed(), "a round of callbacks failed")
		return without, with
	}
	both("warm") // connections, caches, the first conversations
	troubled.p.subscribe(troubled.made, map[string]any{"name": "hanging", "url": hanging.URL, "events": []string{"message.received"}})
	both("y") // the hanging one has filled its lane by now
	// The bound is 1.5, above a floor of noise. A stall of the machine can be anywhere in a round, so one of four has to show it.
	calm := slices.ContainsFunc([]string{"x", "z", "u", "v"}, func(prefix string) bool {
		without, with := both(prefix)
		t.Logf("healthy p99: %s without the hanging webhook, %s with it (%.2f×)", without, with, float64(with)/float64(without))
		return with < max(without*3/2, 60*time.Millisecond)
	})
	require.True(t, calm, "the hanging webhook was felt in each round")
	require.NotEmpty(t, hanging.Got())
}

// fifty is a gateway with forty-nine healthy webhooks, and how long their deliveries took.
type fifty struct {
	t    *testing.T
	p    *process
	made bootstrapped
	mu   sync.Mutex
	sent map[string]time.Time
	ages []time.Duration
}

func startFifty(t *testing.T) *fifty {
	t.Helper()
	_, _, env := realStores(t)
	f := &fifty{t: t, p: newProcess(t, env), sent: map[string]time.Time{}}
	f.p.run("migrate")
	f.made = f.p.bootstrap()
	f.p.start()
	healthy := fanouttest.NewReceiver(t, func(_ http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) {
		id := wamidIn.Find(d.Body)
		f.mu.Lock()
		f.ages = append(f.ages, d.At.Sub(f.sent[string(id)]))
		f.mu.Unlock()
	})
	for i := range 49 {
		f.p.subscribe(f.made, map[string]any{"name": fmt.Sprint("healthy ", i), "url": fmt.Sprintf("%s/%d", healthy.URL, i), "events": []string{"message.received"}})
	}
	return f
}

// round posts 240 callbacks, one in 50 ms, and returns the p99 of the time until a healthy webhook had its delivery.
func (f *fifty) round(prefix string) time.Duration {
	f.mu.Lock()
	f.ages = f.ages[:0]
	f.mu.Unlock()
	const posts = 240
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := range posts {
		<-tick.C
		id := fmt.Sprintf("wamid.%s%04d", prefix, i)
		f.mu.Lock()
		f.sent[id] = time.Now()
		f.mu.Unlock()
		status, err := postSigned(f.t.Context(), f.p.url()+"/webhooks/cloud/a", testSecret, textCallback(testPNID, fmt.Sprintf("1555017%04d", i%40), id, "hi"))
		if !assert.NoError(f.t, err) || !assert.Equal(f.t, http.StatusOK, status) {
			return 0
		}
	}
	if !assert.Eventually(f.t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.ages) >= posts*49 }, 30*time.Second, 20*time.Millisecond) {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.Sort(f.ages)
	return f.ages[len(f.ages)*99/100]
}

// Ingress, API and worker in processes of their own, two of each that can be two: one gateway.
func TestRolesApart(t *testing.T) {
	_, _, env := realStores(t)
	front := newProcess(t, env, "--roles", "ingress")
	front.run("migrate")
	made := front.bootstrap()
	front.start()
	api := newProcess(t, env, "--roles", "api")
	api.start()
	workers := []*process{newProcess(t, env, "--roles", "worker"), newProcess(t, env, "--roles", "worker")}
	for _, w := range workers {
		w.start()
	}
	c := &tally{n: map[string]int{}}
	r := fanouttest.NewReceiver(t, c.answer)
	api.subscribe(made, map[string]any{"name": "crm", "url": r.URL, "events": []string{"message.received"}})
	for url, want := range map[string]int{front.url() + "/api/client/webhooks": http.StatusNotFound, api.url() + "/webhooks/cloud/a": http.StatusNotFound,
		workers[0].url() + "/healthz": http.StatusOK, workers[0].url() + "/metrics": http.StatusUnauthorized, workers[0].url() + "/debug/pprof/": http.StatusUnauthorized, front.url() + "/readyz": http.StatusOK} {
		res, err := http.Get(url)
		require.NoError(t, err)
		_ = res.Body.Close()
		require.Equal(t, want, res.StatusCode, url)
	}
	time.Sleep(1200 * time.Millisecond) // the others look for changed routes once a second
	u := newUpstream(front.url(), "r")
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	u.run(ctx, 16, 300)
	require.Zero(t, c.requireAll(t, u, 30*time.Second))
	// One worker dies with work in hand; the other carries on.
	ctx, stop = context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	time.AfterFunc(time.Second, workers[0].kill)
	u.run(ctx, 16, 300)
	doubled := c.requireAll(t, u, 60*time.Second)
	require.LessOrEqual(t, doubled, inFlight)
}

// A stop while the database is away is bounded too; what was accepted is delivered when both are back.
func TestStoppedWhilePostgresIsAway(t *testing.T) {
	pg, _, env := realStores(t)
	p, c := faultSetup(t, append(env, "WABAGATE_GRACE=3s"))
	u := newUpstream(p.url(), "s")
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { u.run(ctx, 16, 300) })
	time.Sleep(time.Second)
	require.NoError(t, pg.Halt())
	time.Sleep(time.Second)
	began := time.Now()
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	_ = p.cmd.Wait()
	require.Less(t, time.Since(began), 20*time.Second)
	stop()
	load.Wait()
	require.NoError(t, pg.Resume(t.Context()))
	p.start()
	doubled := c.requireAll(t, u, 60*time.Second)
	require.LessOrEqual(t, doubled, inFlight)
}
