package gateway

import (
	"errors"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/deploy/throwaway"
	"wabagate/models"
)

// What is kept in Redis while the database is away survives a failover: a replica has it before it counts as kept.
func TestRefugeIsOnAReplica(t *testing.T) {
	t.Parallel()
	if _, err := throwaway.Find("redis-server"); errors.Is(err, throwaway.ErrMissing) {
		t.Skip(err)
	}
	stores := map[string]func(*testing.T) (redis.UniversalClient, []*throwaway.Redis){
		"alone": func(t *testing.T) (redis.UniversalClient, []*throwaway.Redis) {
			r, err := throwaway.StartRedis(t.Context(), throwaway.RedisOptions{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, r.Stop()) })
			return redis.NewClient(&redis.Options{Addr: r.Addr()}), nil
		},
		"reticent": func(t *testing.T) (redis.UniversalClient, []*throwaway.Redis) {
			s, err := throwaway.StartSentinel(t.Context(), throwaway.SentinelOptions{Replicas: 1})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Stop()) })
			owner := redis.NewClient(&redis.Options{Addr: s.Servers()[0].Addr()})
			defer func() { _ = owner.Close() }()
			require.NoError(t, owner.Do(t.Context(), "ACL", "SETUSER", "gateway", "on", ">pw", "~*", "+@all", "-info").Err())
			return redis.NewClient(&redis.Options{Addr: s.Servers()[0].Addr(), Username: "gateway", Password: "pw"}), nil
		},
		"Sentinel": func(t *testing.T) (redis.UniversalClient, []*throwaway.Redis) {
			s, err := throwaway.StartSentinel(t.Context(), throwaway.SentinelOptions{Replicas: 1})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Stop()) })
			return redis.NewClient(&redis.Options{Addr: s.Servers()[0].Addr()}), s.Servers()[1:]
		},
		"Cluster": func(t *testing.T) (redis.UniversalClient, []*throwaway.Redis) {
			c, err := throwaway.StartCluster(t.Context(), throwaway.ClusterOptions{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, c.Stop()) })
			return redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.Nodes()[0].Addr()}}), c.Nodes()[3:]
		},
	}
	for name, start := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, replicas := start(t)
			t.Cleanup(func() { _ = client.Close() })
			r := NewRedisRefuge(client)
			g := Group{Work: models.Work{ID: 1, Members: []int64{2}}, Callbacks: []models.Callback{{ID: 2, Body: []byte("hi")}}}
			require.NoError(t, r.Put(t.Context(), g))
			kept, err := r.Peek(t.Context(), 9)
			require.NoError(t, err)
			require.Len(t, kept, 1)
			require.Equal(t, g, kept[0].Group)
			have := int64(0)
			for _, replica := range replicas {
				one := redis.NewClient(&redis.Options{Addr: replica.Addr()})
				n, err := readOnly(t, one).LLen(t.Context(), refugeKey).Result()
				if _, another := redis.IsMovedError(err); !another { // another master's
					require.NoError(t, err)
				}
				have += n
				require.NoError(t, one.Close())
				require.NoError(t, replica.Signal(syscall.SIGSTOP))
			}
			if replicas != nil {
				require.EqualValues(t, 1, have, "no replica had it when it counted as kept")
				require.ErrorContains(t, r.Put(t.Context(), g), "no replica")
			}
			for _, replica := range replicas {
				require.NoError(t, replica.Signal(syscall.SIGCONT))
			}
		})
	}
}

// readOnly is a connection that reads from a replica.
func readOnly(t *testing.T, c *redis.Client) *redis.Conn {
	conn := c.Conn()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.ReadOnly(t.Context()).Err() // a replica without a Cluster needs no leave
	return conn
}
