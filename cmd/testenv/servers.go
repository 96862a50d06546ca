//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"wabagate/deploy/throwaway"
)

// What tests read.
const (
	databaseVar = "TEST_DATABASE_URL"      // of a maintenance database; tests create databases of their own
	redisVar    = "TEST_REDIS_ADDR"        // host:port, 64 databases
	chromiumVar = "WABAGATE_TEST_CHROMIUM" // path of a browser
)

// The ports that the servers have whenever they are free: see the package comment.
const (
	postgresPort = 25432
	redisPort    = 26379
)

// servers are what a run started, and what the command has to know.
type servers struct {
	postgres *throwaway.Postgres // nil when the caller has one
	redis    *throwaway.Redis    // nil when the caller has one
	environ  []string
	summary  string
}

// start starts the servers that the environment does not name, both at once.
func (t *testenv) start(ctx context.Context) (*servers, error) {
	began := time.Now()
	s := &servers{}
	var group sync.WaitGroup
	var postgresErr, redisErr error
	if url, _ := t.lookup(databaseVar); url == "" {
		group.Go(func() { s.postgres, postgresErr = startPostgres(ctx, postgresPort) })
	}
	if addr, _ := t.lookup(redisVar); addr == "" {
		group.Go(func() { s.redis, redisErr = startRedis(ctx, redisPort) })
	}
	group.Wait()
	if err := errors.Join(postgresErr, redisErr); err != nil {
		return nil, errors.Join(err, s.stop())
	}

	postgres, redis, chromium := databaseVar, redisVar, "none"
	if s.postgres != nil {
		postgres = s.postgres.Addr()
		s.environ = append(s.environ, databaseVar+"="+s.postgres.URL())
	}
	if s.redis != nil {
		redis = s.redis.Addr()
		s.environ = append(s.environ, redisVar+"="+s.redis.Addr())
	}
	if path, given := t.lookup(chromiumVar); given && path != "" {
		chromium = path
	} else if path := findChromium(); !given && path != "" {
		chromium = path
		s.environ = append(s.environ, chromiumVar+"="+path)
	}
	s.summary = fmt.Sprintf("Postgres %s, Redis %s, Chromium %s; ready in %s",
		postgres, redis, chromium, time.Since(began).Round(time.Millisecond))
	return s, nil
}

func startPostgres(ctx context.Context, port int) (*throwaway.Postgres, error) {
	p, err := throwaway.StartPostgres(ctx, throwaway.PostgresOptions{
		Port: port,
		// Packages are tested side by side, each test with a pool on a database of its own.
		Settings: map[string]string{"max_connections": "300"},
	})
	if port != 0 && errors.Is(err, throwaway.ErrPortTaken) {
		return startPostgres(ctx, 0)
	}
	return p, err
}

func startRedis(ctx context.Context, port int) (*throwaway.Redis, error) {
	r, err := throwaway.StartRedis(ctx, throwaway.RedisOptions{
		Port:     port,
		Settings: map[string]string{"databases": "64"},
	})
	if port != 0 && errors.Is(err, throwaway.ErrPortTaken) {
		return startRedis(ctx, 0)
	}
	return r, err
}

// stop ends the servers that were started. Either may take ten seconds at most.
func (s *servers) stop() error {
	var errs []error
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Stop())
	}
	return errors.Join(errs...)
}
