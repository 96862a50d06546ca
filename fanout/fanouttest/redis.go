// Package fanouttest lends tests what delivery needs: a Redis of their own and receivers that misbehave.
package fanouttest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisURL lends a test one empty logical database of the server that TEST_REDIS_ADDR names, until the test ends. Tests
// of several processes may ask at once. Without TEST_REDIS_ADDR the test is skipped; make test starts a server.
func RedisURL(t testing.TB) string {
	t.Helper()
	addr := os.Getenv("TEST_REDIS_ADDR")
	if addr == "" {
		t.Skip("TEST_REDIS_ADDR is not set; make test starts a Redis")
	}
	ctx := context.Background()
	locks := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = locks.Close() })
	deadline := time.Now().Add(2 * time.Minute)
	for {
		for db := 1; db < 64; db++ {
			key := fmt.Sprintf("wabagate-test:db:%d", db)
			ok, err := locks.SetNX(ctx, key, os.Getpid(), 20*time.Minute).Result()
			if err != nil {
				t.Fatalf("lock a test database of Redis: %v", err)
			}
			if !ok {
				continue
			}
			one := redis.NewClient(&redis.Options{Addr: addr, DB: db})
			if err := one.FlushDB(ctx).Err(); err != nil {
				t.Fatalf("empty the test database of Redis: %v", err)
			}
			t.Cleanup(func() {
				_ = one.FlushDB(ctx).Err()
				_ = one.Close()
				_ = locks.Del(ctx, key).Err()
			})
			return fmt.Sprintf("redis://%s/%d", addr, db)
		}
		if time.Now().After(deadline) {
			t.Fatal("no free test database of Redis within two minutes")
		}
		time.Sleep(50 * time.Millisecond)
	}
}
