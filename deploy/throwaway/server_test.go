package throwaway

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// Two programs that prefer the same port and start at the same time: one gets it, the other is told so, and neither
// mistakes the other's server for its own.
func TestStartingForOnePortAtOnce(t *testing.T) {
	for _, kind := range []struct {
		program string
		start   func(ctx context.Context, port int) (*server, error)
	}{
		{"redis-server", func(ctx context.Context, port int) (*server, error) {
			r, err := StartRedis(ctx, RedisOptions{Port: port})
			if err != nil {
				return nil, err
			}
			return &r.server, nil
		}},
		{"initdb", func(ctx context.Context, port int) (*server, error) {
			p, err := StartPostgres(ctx, PostgresOptions{Port: port})
			if err != nil {
				return nil, err
			}
			return &p.server, nil
		}},
	} {
		t.Run(kind.program, func(t *testing.T) {
			ctx := setup(t, kind.program)
			port, err := freePort()
			must(t, err)
			const programs = 3
			var errs [programs]error
			var servers [programs]*server
			var group sync.WaitGroup
			for i := range programs {
				group.Go(func() { servers[i], errs[i] = kind.start(ctx, port) })
			}
			group.Wait()
			started := 0
			for i, err := range errs {
				if err == nil {
					started++
					must(t, servers[i].Stop())
				} else if !errors.Is(err, ErrPortTaken) {
					t.Errorf("got %v", err)
				}
			}
			if started != 1 {
				t.Errorf("%d servers started on one port", started)
			}
		})
	}
}
