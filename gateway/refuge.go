package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// refugeKey is a list of groups, oldest first.
const refugeKey = "wabagate:refuge"

// replicaWait bounds how long a replica may take to have what was put into the refuge.
const replicaWait = refugeTimeout / 2

// RedisRefuge keeps groups in a Redis list. How durable that is on one server, is Redis's own setting (appendfsync);
// where replicas follow it, a second one has a group before it counts as kept.
type RedisRefuge struct{ redis redis.UniversalClient }

// NewRedisRefuge keeps groups on a Redis that it does not close.
func NewRedisRefuge(r redis.UniversalClient) *RedisRefuge { return &RedisRefuge{redis: r} }

// Kept is a group in the refuge, with what it takes to remove it.
type Kept struct {
	Group Group
	raw   string
}

// Put appends a group. Redis answers before its replicas know: were nothing else asked, a failover could forget what was
// answered. After an error the group may be in the list all the same, which does no harm: it can be committed twice.
func (r *RedisRefuge) Put(ctx context.Context, g Group) error {
	b, err := json.Marshal(g)
	if err != nil {
		return err
	}
	if err := r.put(ctx, b); err != nil {
		return fmt.Errorf("keep callbacks in Redis: %w", err)
	}
	return nil
}

func (r *RedisRefuge) put(ctx context.Context, b []byte) error {
	server, err := r.server(ctx)
	if err != nil {
		return err
	}
	conn := server.Conn() // WAIT is about what went through the same connection
	defer func() { _ = conn.Close() }()
	var push *redis.IntCmd
	var info *redis.StringCmd
	_, _ = conn.Pipelined(ctx, func(p redis.Pipeliner) error { // each answers for itself
		push, info = p.RPush(ctx, refugeKey, b), p.Info(ctx, "replication")
		return nil
	})
	switch {
	case push.Err() != nil:
		return push.Err()
	case mayNot(info.Err()), info.Err() == nil && strings.Contains(info.Val(), "connected_slaves:0\r\n"):
		return nil
	case info.Err() != nil:
		return info.Err()
	}
	has, err := conn.Wait(ctx, 1, replicaWait).Result()
	switch {
	case mayNot(err):
		return nil
	case err == nil && has == 0:
		return fmt.Errorf("no replica had them within %s", replicaWait)
	}
	return err
}

// mayNot says whether a server does not let itself be asked: a managed one, or one whose user may do little. It is then
// taken for one without replicas, which is better than to refuse what it keeps.
func mayNot(err error) bool {
	return err != nil && (redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "ERR unknown command"))
}

// server is the one that has the list.
func (r *RedisRefuge) server(ctx context.Context) (*redis.Client, error) {
	switch c := r.redis.(type) {
	case *redis.Client:
		return c, nil
	case *redis.ClusterClient:
		return c.MasterForKey(ctx, refugeKey)
	default:
		return nil, fmt.Errorf("no server of a %T is known", c)
	}
}

// Peek reads the n oldest groups.
func (r *RedisRefuge) Peek(ctx context.Context, n int) ([]Kept, error) {
	raws, err := r.redis.LRange(ctx, refugeKey, 0, int64(n)-1).Result()
	if err != nil {
		return nil, fmt.Errorf("read callbacks kept in Redis: %w", err)
	}
	kept := make([]Kept, len(raws))
	for i, raw := range raws {
		kept[i].raw = raw
		if err := json.Unmarshal([]byte(raw), &kept[i].Group); err != nil {
			return nil, fmt.Errorf("a group of callbacks kept in Redis (list %s) cannot be read: %w", refugeKey, err)
		}
	}
	return kept, nil
}

// Drop removes groups; one that another process removed already is no error.
func (r *RedisRefuge) Drop(ctx context.Context, ks []Kept) error {
	pipe := r.redis.Pipeline()
	for _, k := range ks {
		pipe.LRem(ctx, refugeKey, 1, k.raw)
	}
	_, err := pipe.Exec(ctx)
	return err
}

// Len is how many groups are kept.
func (r *RedisRefuge) Len(ctx context.Context) (int64, error) {
	return r.redis.LLen(ctx, refugeKey).Result()
}
