package throwaway

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// writes keeps writing until a key takes the value, which it does once another server has taken over.
func writes(ctx context.Context, t *testing.T, client redis.UniversalClient, key, value string) {
	t.Helper()
	must(t, eventually(ctx, func() error { return client.Set(ctx, key, value, 0).Err() }))
}

func TestCluster(t *testing.T) {
	ctx := setup(t, "redis-server")
	began := time.Now()
	c, err := StartCluster(ctx, ClusterOptions{AOF: true})
	must(t, err)
	t.Cleanup(func() { must(t, c.Stop()) })
	t.Logf("started in %s", time.Since(began))

	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.Nodes()[0].Addr(), c.Nodes()[3].Addr()}, ClusterStateReloadInterval: 100 * time.Millisecond})
	t.Cleanup(func() { _ = client.Close() })
	masters := map[string]bool{}
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		must(t, client.Set(ctx, key, "before", 0).Err())
		node, err := client.MasterForKey(ctx, key)
		must(t, err)
		masters[node.Options().Addr] = true
	}
	if len(masters) != 3 {
		t.Errorf("keys are on %d masters", len(masters))
	}
	for addr := range masters {
		if c.Node(addr) == nil {
			t.Errorf("%s is no node", addr)
		}
	}

	node, err := client.MasterForKey(ctx, "a")
	must(t, err)
	gone := c.Node(node.Options().Addr)
	must(t, gone.Kill())
	writes(ctx, t, client, "a", "after")
	must(t, gone.Resume(ctx))
	back := clientsOf([]*Redis{gone})
	defer closeAll(back)
	must(t, eventually(ctx, func() error { return settled(ctx, back[0], true, 3, 6) }))
}

func TestSentinel(t *testing.T) {
	ctx := setup(t, "redis-server")
	began := time.Now()
	s, err := StartSentinel(ctx, SentinelOptions{AOF: true})
	must(t, err)
	t.Cleanup(func() { must(t, s.Stop()) })
	t.Logf("started in %s", time.Since(began))

	var addresses []string
	for _, one := range s.sentinels {
		addresses = append(addresses, one.Addr())
	}
	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: masterName, SentinelAddrs: addresses})
	t.Cleanup(func() { _ = client.Close() })
	must(t, client.Set(ctx, "a", "before", 0).Err())
	first, err := s.Master(ctx)
	must(t, err)
	if first != s.Servers()[0] {
		t.Errorf("the master is %v", first)
	}
	must(t, first.Kill())
	writes(ctx, t, client, "a", "after")
	must(t, eventually(ctx, func() error {
		second, err := s.Master(ctx)
		if err == nil && (second == nil || second == first) {
			err = fmt.Errorf("the master is %v after the failover", second)
		}
		return err
	}))
	must(t, s.sentinels[0].Kill())
	must(t, s.sentinels[0].Resume(ctx))
}
