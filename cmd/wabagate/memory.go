package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// memoryLimit is how much memory this process may have, in bytes: the least of what the container, GOMEMLIMIT and the machine
// allow; 0 when none of them says.
func memoryLimit() int64 {
	read := func(path string) string { b, _ := os.ReadFile(path); return string(b) }
	return leastLimit(debug.SetMemoryLimit(-1), read("/sys/fs/cgroup/memory.max"), read("/sys/fs/cgroup/memory/memory.limit_in_bytes"), read("/proc/meminfo"))
}

// leastLimit reads Go's limit, those of control groups (version 2 and 1) and what Linux tells of the machine; empty texts say
// nothing, and what says that there is no limit doesn't either.
func leastLimit(goLimit int64, cgroup2, cgroup1, meminfo string) int64 {
	least := goLimit
	for _, text := range []string{cgroup2, cgroup1} {
		if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil && n > 0 {
			least = min(least, n)
		}
	}
	for line := range strings.Lines(meminfo) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" {
			if kib, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				least = min(least, kib<<10)
			}
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// redisUse is the memory that Redis uses and may use; of a Cluster, that of the node that uses most. ok is false for one that
// does not say.
func redisUse(ctx context.Context, c redis.UniversalClient) (used, limit int64, ok bool) {
	cluster, many := c.(*redis.ClusterClient)
	if !many {
		text, err := c.Info(ctx, "memory").Result()
		used, limit = memoryOf(text)
		return used, limit, err == nil
	}
	var mu sync.Mutex
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		text, err := node.Info(ctx, "memory").Result()
		mu.Lock()
		defer mu.Unlock()
		if u, l := memoryOf(text); u > used {
			used, limit = u, l
		}
		return err
	})
	return used, limit, err == nil
}

// memoryOf reads the memory section of Redis's INFO.
func memoryOf(info string) (used, limit int64) {
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil:
		case name == "used_memory":
			used = n
		case name == "maxmemory":
			limit = n
		}
	}
	return used, limit
}
