package throwaway

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func startRedis(ctx context.Context, t *testing.T, o RedisOptions) (*Redis, *redis.Client) {
	t.Helper()
	r, err := StartRedis(ctx, o)
	must(t, err)
	options, err := redis.ParseURL(r.URL())
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() {
		must(t, client.Close())
		must(t, r.Stop())
		must(t, r.Stop())
	})
	return r, client
}

func TestRedisWhileDown(t *testing.T) {
	ctx := setup(t, "redis-server")
	for _, tt := range []struct {
		name string
		o    RedisOptions
		kept bool
	}{
		{"append-only file", RedisOptions{AOF: true}, true},
		{"append-only file, password", RedisOptions{AOF: true, Password: `p"a ss\wörd`}, true},
		{"in memory", RedisOptions{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, client := startRedis(ctx, t, tt.o)
			for _, down := range downs {
				must(t, client.FlushAll(ctx).Err())
				must(t, client.Set(ctx, "k", down.name, 0).Err())
				if tt.o.AOF {
					awaitWritten(ctx, t, client)
				}
				addr := r.Addr()
				must(t, down.do(&r.server))
				must(t, down.do(&r.server))
				if listening(addr) {
					t.Errorf("%s: something still listens", down.name)
				}
				must(t, r.Resume(ctx))
				if r.Addr() != addr {
					t.Errorf("%s: moved from %s to %s", down.name, addr, r.Addr())
				}
				got, err := client.Get(ctx, "k").Result()
				if tt.kept && got != down.name {
					t.Errorf("%s: read %q, %v", down.name, got, err)
				}
				if !tt.kept && !errors.Is(err, redis.Nil) {
					t.Errorf("%s: read %q, %v, want nothing", down.name, got, err)
				}
			}
			must(t, r.Stop())
			if _, err := os.Stat(r.dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is still there: %v", r.dir, err)
			}
			if err := r.Resume(ctx); !errors.Is(err, errStopped) {
				t.Errorf("resumed after Stop: %v", err)
			}
		})
	}
}

// awaitWritten waits until all that was answered is in the append-only file. Redis holds writes back, answered or not,
// while the flush of an earlier one is under way, and a crash loses them.
func awaitWritten(ctx context.Context, t *testing.T, client *redis.Client) {
	t.Helper()
	for {
		info, err := client.Info(ctx, "persistence").Result()
		must(t, err)
		if strings.Contains(info, "aof_buffer_length:0\r\n") && strings.Contains(info, "aof_pending_bio_fsync:0\r\n") {
			return
		}
		time.Sleep(pollEvery)
	}
}

func TestRedisOptions(t *testing.T) {
	ctx := setup(t, "redis-server")
	r, client := startRedis(ctx, t, RedisOptions{Password: "secret", Settings: map[string]string{"databases": "64"}})
	got, err := client.ConfigGet(ctx, "databases").Result()
	must(t, err)
	if got["databases"] != "64" {
		t.Errorf("databases is %q", got["databases"])
	}
	stranger := redis.NewClient(&redis.Options{Addr: r.Addr()})
	defer stranger.Close()
	if err := stranger.Ping(ctx).Err(); err == nil {
		t.Error("no password was asked for")
	}
	if _, err := StartRedis(ctx, RedisOptions{Port: r.port}); !errors.Is(err, ErrPortTaken) {
		t.Errorf("port taken: got %v", err)
	}
	if _, err := StartRedis(ctx, RedisOptions{Settings: map[string]string{"no-such": "1"}}); !errors.Is(err, errExited) ||
		!contains(err, "no-such") {
		t.Errorf("bad setting: got %v", err)
	}
}
