package bench

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"wabagate/models"
	"wabagate/waba"
)

var shop = business{app: "bench", secret: "the app secret", number: "600700800900200", hooks: 1}

func TestCallbacksAreAlike(t *testing.T) {
	t.Parallel()
	cs := newCallbacks(shop, 700)
	people := map[string]bool{}
	for i, body := range cs.bodies {
		// A "/" in a wamid takes two bytes.
		if max(len(body)-bodySize, bodySize-len(body)) > 4 || !waba.Verify(body, cs.signatures[i], []byte(shop.secret)) {
			t.Fatalf("%d bytes: %s", len(body), body)
		}
		cb, err := waba.Parse(body)
		if err != nil || len(cb.Changes) != 1 || len(cb.Changes[0].Messages) != 1 || cb.Changes[0].PhoneNumberID != shop.number {
			t.Fatalf("%v: %s", err, body)
		}
		m := cb.Changes[0].Messages[0]
		people[m.From] = true
		if at, ok := cs.index[m.ID]; !ok || at != i {
			t.Fatalf("%s is at %d, not %d", m.ID, at, i)
		}
	}
	if len(cs.index) != 700 || len(people) != contacts {
		t.Errorf("%d ids, %d people", len(cs.index), len(people))
	}
}

// relay is a gateway of the simplest kind: it posts what it gets to a webhook, as misbehaved as asked.
func relay(t *testing.T, to string, times func(n int64) int) string {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || !waba.Verify(body, req.Header.Get(waba.SignatureHeader), []byte(shop.secret)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		for range times(n.Add(1)) {
			if err := post(http.DefaultClient, to, body); err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/webhooks/cloud/bench"
}

func TestCounting(t *testing.T) {
	t.Parallel()
	r, err := newReceiver()
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	cs := newCallbacks(shop, 500)
	arrived := r.expect(cs, 1)
	// The 7th is lost, the 9th comes three times.
	address := relay(t, r.address(0), func(n int64) int {
		switch n {
		case 7:
			return 0
		case 9:
			return 3
		}
		return 1
	})
	p := load{address: address, connections: 8}.fire(t.Context(), cs)
	if err := p.check(); err != nil || p.posts != 500 || p.acknowledged != 500 || cs.acknowledged() != 500 {
		t.Fatalf("%+v: %v", p, err)
	}
	if err := arrived.await(t.Context(), 499, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := arrived.await(t.Context(), 500, 20*time.Millisecond); !errors.Is(err, errSlow) {
		t.Errorf("waiting for what does not come: %v", err)
	}
	if arrived.lost(0) != 1 || arrived.duplicates.Load() != 2 || arrived.unique.Load() != 499 {
		t.Errorf("%d lost, %d duplicates, %d unique", arrived.lost(0), arrived.duplicates.Load(), arrived.unique.Load())
	}
	if n := p.latency.TotalCount(); n != 475 {
		t.Errorf("%d latencies of 500 posts without the first 5 %%", n)
	}
	if arrived.firstAt().Before(p.first) || arrived.span(p.first) <= 0 || p.perSecond() <= 0 {
		t.Errorf("first %v, span %v", arrived.firstAt(), arrived.span(p.first))
	}
	if h := arrived.latencies(0); h.TotalCount() < 473 || quantile(h, 50) <= 0 {
		t.Errorf("%d latencies, p50 %v", h.TotalCount(), quantile(h, 50))
	}
}

func TestRefusalsAreNotAcknowledged(t *testing.T) {
	t.Parallel()
	cs := newCallbacks(business{app: "bench", secret: "another", number: "1"}, 20)
	address := relay(t, "", func(int64) int { return 0 })
	p := load{address: address, connections: 2}.fire(t.Context(), cs)
	if p.check() == nil || p.refused[http.StatusUnauthorized] != 20 || cs.acknowledged() != 0 {
		t.Errorf("%+v", p)
	}
}

func TestPacedLoad(t *testing.T) {
	t.Parallel()
	cs := newCallbacks(shop, 50)
	p := load{address: relay(t, "", func(int64) int { return 0 }), connections: 4, rate: 100}.fire(t.Context(), cs)
	if took := p.last.Sub(p.first); p.posts != 50 || took < 480*time.Millisecond {
		t.Errorf("%d posts at 100/s in %v", p.posts, took)
	}
	for i := 1; i < len(cs.sent); i++ {
		if gap := cs.sent[i].Load() - cs.sent[i-1].Load(); gap != (10 * time.Millisecond).Nanoseconds() {
			t.Fatalf("due %v after the one before", time.Duration(gap))
		}
	}
}

func TestLoadEnds(t *testing.T) {
	t.Parallel()
	cs := newCallbacks(shop, 5)
	address := relay(t, "", func(int64) int { return 0 })
	began := time.Now()
	p := load{address: address, connections: 2, atMost: 50 * time.Millisecond, cycle: true}.fire(t.Context(), cs)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stopped := load{address: address, connections: 2, cycle: true}.fire(ctx, cs)
	if p.posts < 6 || stopped.posts != 0 || time.Since(began) > 10*time.Second {
		t.Errorf("%d posts, %d after the end, %v", p.posts, stopped.posts, time.Since(began))
	}
}

func TestHangingWebhookIsLetGo(t *testing.T) {
	t.Parallel()
	r, err := newReceiver()
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	answered := make(chan error, 1)
	go func() { answered <- post(http.DefaultClient, r.hanging(), nil) }()
	select {
	case err := <-answered:
		t.Fatalf("answered at once: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	r.letGo()
	r.letGo()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestRedisIsNotShared(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	_ = m.DB(15).Set("customer", "data") // of others
	open := func() *stores {
		s, err := openStores(t.Context(), Options{RedisURL: models.Secret("redis://" + m.Addr() + "/15")})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, two := open(), open()
	if one.redisURL == two.redisURL || strings.HasSuffix(one.redisURL, "/15") || strings.HasSuffix(two.redisURL, "/15") {
		t.Errorf("%s and %s", one.redisURL, two.redisURL)
	}
	if err := one.redis.Set(t.Context(), "asynq:queue", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(one.emptyRedis(t.Context()), one.close(t.Context()), two.close(t.Context())); err != nil {
		t.Fatal(err)
	}
	for db := range 16 {
		if keys := m.DB(db).Keys(); len(keys) > 0 && db != 15 {
			t.Errorf("database %d still holds %v", db, keys)
		}
	}
	if v, _ := m.DB(15).Get("customer"); v != "data" {
		t.Error("others' data is gone")
	}
	if err := (&stores{}).claimRedis(t.Context(), "redis://a:1,b:2"); err == nil || !strings.Contains(err.Error(), "single Redis") {
		t.Error(err)
	}
	for db := range 16 {
		_ = m.DB(db).Set("x", "1")
	}
	if err := (&stores{claim: "c"}).claimRedis(t.Context(), "redis://"+m.Addr()); err == nil || !strings.Contains(err.Error(), "--throwaway") {
		t.Error(err)
	}
}

func TestEnvironment(t *testing.T) {
	for key, value := range map[string]string{"DATABASE_URL": "postgres://production/x", "PORT": "1", "WABAGATE_MASTER_KEY": "0123456789abcdef", "WABAGATE_COURIERS": "8"} {
		t.Setenv(key, value)
	}
	env := environment("PORT=25000")
	for _, kv := range []string{"PORT=25000", "WABAGATE_COURIERS=8"} {
		if !slices.Contains(env, kv) {
			t.Errorf("no %s", kv)
		}
	}
	for _, kv := range env {
		if strings.HasPrefix(kv, "DATABASE_URL") || strings.HasPrefix(kv, "WABAGATE_MASTER") || kv == "PORT=1" {
			t.Errorf("passes on %s", kv)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	p, err := parseStat([]byte("4711 (post gres) (x)) S 42 4711 4711 0 -1 4194560 1 2 3 4 150 25 7 3 20 0 1 0 99 1 2\n"))
	if err != nil || p != (process{pid: 4711, parent: 42, own: 1750 * time.Millisecond, reaped: 100 * time.Millisecond}) {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{"", "x", "1 (a", "1 (a) S 2 3", "1 (a) S b 4711 4711 0 -1 4194560 1 2 3 4 150 25 7 3 20 0"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is no process", bad)
		}
	}
	metrics := parseMetrics(strings.NewReader("# HELP x\ngo_memstats_alloc_bytes_total 1.5e+06\nx{a=\"b c\"} 1\ngo_memstats_mallocs_total 321\n"))
	if bytesPer, allocs, ok := allocationsOf(metrics); !ok || bytesPer != 1.5e6 || allocs != 321 {
		t.Errorf("%v %v %v", bytesPer, allocs, ok)
	}
	if _, _, ok := allocationsOf(nil); ok {
		t.Error("no metrics, but allocations")
	}
	if runtime.GOOS != "linux" {
		return
	}
	now, peak, ok := memoryOf(os.Getpid())
	if !ok || now < 1 || peak < now {
		t.Errorf("%v MiB, peak %v MiB, %v", now, peak, ok)
	}
	own, ok := cpuOf(os.Getpid())
	tree, okTree := treeCPU(os.Getpid())
	if !ok || !okTree || tree < own {
		t.Errorf("%v of %v", own, tree)
	}
	if _, ok := cpuOf(1 << 30); ok {
		t.Error("a process that is not there used CPU")
	}
}
