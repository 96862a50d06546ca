package gateway

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// refugeKey is a list of groups, oldest first.
const refugeKey = "wabagate:refuge"

// RedisRefuge keeps groups in a Redis list. How durable that is, is Redis's own setting (appendfsync).
type RedisRefuge struct{ redis redis.UniversalClient }

// NewRedisRefuge keeps groups on a Redis that it does not close.
func NewRedisRefuge(r redis.UniversalClient) *RedisRefuge { return &RedisRefuge{redis: r} }

// Kept is a group in the refuge, with what it takes to remove it.
type Kept struct {
	Group Group
	raw   string
}

// Put appends a group.
func (r *RedisRefuge) Put(ctx context.Context, g Group) error {
	b, err := json.Marshal(g)
	if err != nil {
		return err
	}
	if err := r.redis.RPush(ctx, refugeKey, b).Err(); err != nil {
		return fmt.Errorf("keep callbacks in Redis: %w", err)
	}
	return nil
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
