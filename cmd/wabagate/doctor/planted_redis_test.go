package doctor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/cmd/wabagate/doctor"
	"wabagate/deploy/throwaway"
	"wabagate/fanout/task"
	"wabagate/models"
)

// onRedis is a deployment of which only the Redis is looked at.
func onRedis(t *testing.T, o redis.UniversalOptions) func(check string) doctor.Finding {
	options := doctor.Options{Database: models.Options{Dir: t.TempDir()}, Redis: &o, PublicURL: "http://localhost", Layout: task.Layout{Spread: 4}}
	return func(check string) doctor.Finding {
		t.Helper()
		return worstOf(t, doctor.Run(t.Context(), options), check)
	}
}

func hosts(url string) []string {
	list, _, _ := strings.Cut(strings.TrimPrefix(url, "redis://"), "/")
	return strings.Split(list, ",")
}

func TestPlantedInACluster(t *testing.T) {
	t.Parallel()
	c, err := throwaway.StartCluster(t.Context(), throwaway.ClusterOptions{AOF: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Stop() })
	finds := onRedis(t, redis.UniversalOptions{Addrs: hosts(c.URL()), IsClusterMode: true})
	requireFound(t, finds("redis cluster"), doctor.OK, "3 masters, all slots served, 4 queues of each kind")
	requireFound(t, finds("redis persistence"), doctor.OK, "")

	// One of three that would forget.
	third := redis.NewClient(&redis.Options{Addr: c.Nodes()[2].Addr()})
	t.Cleanup(func() { _ = third.Close() })
	require.NoError(t, third.ConfigSet(t.Context(), "maxmemory-policy", "volatile-lru").Err())
	f := finds("redis eviction")
	require.Equal(t, doctor.Wrong, f.Level)
	require.Contains(t, f.Says, c.Nodes()[2].Addr())

	for _, replica := range c.Nodes()[3:] {
		require.NoError(t, replica.Kill())
	}
	require.Eventually(t, func() bool { return finds("redis cluster").Level == doctor.Warning }, 20*time.Second, 50*time.Millisecond)
	requireFound(t, finds("redis cluster"), doctor.Warning, "has no replica")
}

func TestPlantedInSentinels(t *testing.T) {
	t.Parallel()
	s, err := throwaway.StartSentinel(t.Context(), throwaway.SentinelOptions{AOF: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Stop() })
	addrs := hosts(s.URL())
	finds := onRedis(t, redis.UniversalOptions{Addrs: addrs, MasterName: "wabagate"})
	requireFound(t, finds("redis sentinel"), doctor.OK, "3 Sentinels")
	requireFound(t, onRedis(t, redis.UniversalOptions{Addrs: addrs, MasterName: "another"})("redis"), doctor.Wrong, "no master of the name")

	for _, addr := range addrs[1:] {
		c := redis.NewClient(&redis.Options{Addr: addr})
		_ = c.ShutdownNoSave(t.Context()) // which answers by closing the connection
		_ = c.Close()
	}
	require.Eventually(t, func() bool { return finds("redis sentinel").Level == doctor.Wrong }, 30*time.Second, 50*time.Millisecond)
	requireFound(t, finds("redis sentinel"), doctor.Wrong, "could not fail over now")
}
