package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/deploy/throwaway"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
	"wabagate/models/modelstest"
)

func startCluster(t *testing.T) *throwaway.Cluster {
	t.Helper()
	c, err := throwaway.StartCluster(t.Context(), throwaway.ClusterOptions{AOF: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	return c
}

func startSentinel(t *testing.T) *throwaway.Sentinel {
	t.Helper()
	s, err := throwaway.StartSentinel(t.Context(), throwaway.SentinelOptions{AOF: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

// clusterOf is a client of a Redis Cluster that hears of a failover at once.
func clusterOf(t *testing.T, c *throwaway.Cluster) *redis.ClusterClient {
	t.Helper()
	var addrs []string
	for _, n := range c.Nodes() {
		addrs = append(addrs, n.Addr())
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ClusterStateReloadInterval: 50 * time.Millisecond})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// queuesOn are the queues whose tasks were done on each node of a Cluster: asynq counts them for ninety days.
func queuesOn(t *testing.T, client *redis.ClusterClient) map[string][]string {
	t.Helper()
	var mu sync.Mutex
	on := map[string][]string{}
	require.NoError(t, client.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
		for keys := node.Scan(ctx, 0, "asynq:{*}:processed", 1000).Iterator(); keys.Next(ctx); {
			_, queue, _ := strings.Cut(keys.Val(), "{")
			queue, _, _ = strings.Cut(queue, "}")
			mu.Lock()
			on[node.Options().Addr] = append(on[node.Options().Addr], queue)
			mu.Unlock()
		}
		return nil
	}))
	return on
}

// A Cluster loses two masters under load: one dies, one hangs. What the queue had acknowledged and the failover lost is
// found again; callbacks are acknowledged all the while.
func TestRedisClusterFailover(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t)
	p, c := faultSetup(t, []string{"DATABASE_URL=" + startPostgres(t).URL(), "REDIS_URL=" + cluster.URL()})
	client := clusterOf(t, cluster)
	u := newUpstream(p.url(), "c")
	stop := u.load(16, 300)
	busy := func() *throwaway.Redis { // the master that holds the queue of the only webhook
		node, err := client.MasterForKey(t.Context(), "asynq:{deliveries-live-2}:pending")
		require.NoError(t, err)
		return cluster.Node(node.Options().Addr)
	}
	time.Sleep(time.Second)
	on := queuesOn(t, client)
	t.Logf("queues per node: %v", on)
	require.Greater(t, len(on), 1, "all queues are on one node")
	require.Contains(t, strings.Join(on[busy().Addr()], " "), "deliveries-live-2")

	for _, away := range []func(*throwaway.Redis) error{(*throwaway.Redis).Kill, func(r *throwaway.Redis) error { return r.Signal(syscall.SIGSTOP) }} {
		gone := busy()
		require.NoError(t, away(gone))
		require.Eventually(t, func() bool { return busy() != gone }, 20*time.Second, 20*time.Millisecond, "no replica took over")
		c.requireSome(t, 20*time.Second)
		if gone.Running() {
			require.NoError(t, gone.Signal(syscall.SIGCONT))
		} else {
			require.NoError(t, gone.Resume(t.Context()))
		}
		time.Sleep(time.Second)
	}
	stop()
	doubled := c.requireAll(t, u, 60*time.Second)
	acked, refused := u.counts()
	t.Logf("%d callbacks acknowledged, all delivered; %d doubled by 2 failovers", acked, doubled)
	require.Empty(t, refused)
	require.LessOrEqual(t, doubled, 2*inFlight)
}

// The same with Sentinels and a single master.
func TestRedisSentinelFailover(t *testing.T) {
	t.Parallel()
	sentinel := startSentinel(t)
	p, c := faultSetup(t, []string{"DATABASE_URL=" + startPostgres(t).URL(), "REDIS_URL=" + sentinel.URL()})
	u := newUpstream(p.url(), "s")
	stop := u.load(16, 300)
	time.Sleep(time.Second)
	gone, err := sentinel.Master(t.Context())
	require.NoError(t, err)
	require.NoError(t, gone.Kill())
	require.Eventually(t, func() bool { m, err := sentinel.Master(t.Context()); return err == nil && m != gone }, 20*time.Second, 20*time.Millisecond, "no replica took over")
	c.requireSome(t, 20*time.Second)
	require.NoError(t, gone.Resume(t.Context())) // as a master, until the Sentinels tell it better
	time.Sleep(time.Second)
	stop()
	doubled := c.requireAll(t, u, 60*time.Second)
	acked, refused := u.counts()
	t.Logf("%d callbacks acknowledged, all delivered; %d doubled by the failover", acked, doubled)
	require.Empty(t, refused)
	require.LessOrEqual(t, doubled, inFlight)
}

// requireSome waits until more is delivered than was when it was called.
func (c *tally) requireSome(t *testing.T, limit time.Duration) {
	t.Helper()
	count := func() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.n) }
	before, began := count(), time.Now()
	require.Eventually(t, func() bool { return count() > before+100 }, limit, 10*time.Millisecond, "deliveries stand still")
	t.Logf("deliveries go on after %s", time.Since(began).Round(time.Millisecond))
}

// What operations look at knows of every queue of a Cluster.
func TestQueuesOfAClusterAreSeen(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t)
	w := startWhole(t, testConfig(t, modelstest.PostgresURL(t), cluster.URL()))
	r := fanouttest.NewReceiver(t, nil)
	for range 8 {
		w.webhook(models.Webhook{Name: "crm", URL: r.URL, Events: []string{"message.received"}})
	}
	for i := range 20 {
		require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15550177321", fmt.Sprintf("wamid.q%d", i), "hi")))
	}
	w.idle(30 * time.Second)
	require.Greater(t, len(queuesOn(t, clusterOf(t, cluster))), 1, "all queues are on one node")

	res, err := http.Post(w.url+"/api/client/login", "application/json", strings.NewReader(`{"email":"owner@example.com","password":"correct horse"}`))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	for path, wants := range map[string][]string{
		"/api/admin/queues":       {"callbacks-1", "callbacks-4", "deliveries-live-3"},
		"/monitor/api/queues":     {`"queue":"callbacks-1"`, `"queue":"deliveries-live-4"`},
		"/monitor/api/servers":    {"deliveries-live-1"},
		"/monitor/api/redis_info": {cluster.Nodes()[0].Addr(), "callbacks-1"},
		"/metrics":                {`wabagate_queue_processed_total{queue="callbacks-1"}`, `wabagate_queue_processed_total{queue="deliveries-slow-4"}`},
	} {
		req, err := http.NewRequest(http.MethodGet, w.url+path, nil)
		require.NoError(t, err)
		for _, cookie := range res.Cookies() {
			req.AddCookie(cookie)
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode, "%s: %.300s", path, body)
		for _, want := range wants {
			require.True(t, strings.Contains(string(body), want), "%s does not have %s", path, want)
		}
	}
}

// An address of the wrong kind is told of when the program starts, not by keys that are refused later.
func TestRedisOfAnotherKind(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t)
	alone, err := url.Parse(fanouttest.RedisURL(t))
	require.NoError(t, err)
	node := "redis://" + cluster.Nodes()[0].Addr()
	for address, want := range map[string]string{node: "add ?cluster=true", node + "?cluster=true": "", "redis://" + alone.Host + "?cluster=true": "there is none"} {
		o, err := parseRedis(address)
		require.NoError(t, err)
		client := newRedis(o)
		if err = meetRedis(t.Context(), client); want == "" {
			require.NoError(t, err, address)
		} else {
			require.ErrorContains(t, err, want, address)
		}
		require.NoError(t, client.Close())
	}
}
