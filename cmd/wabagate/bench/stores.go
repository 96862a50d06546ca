package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"wabagate/deploy/throwaway"
)

// stores are where the run works: a place of its own on servers that are there, on servers of its own, or embedded.
type stores struct {
	admin    string // address of the maintenance database; empty: SQLite
	database string // name of our database there; empty while there is none
	redisURL string // with our logical database; empty: the in-process queue
	redis    *redis.Client
	claim    string            // what our mark in Redis holds
	owned    bool              // the servers run for us alone
	settings map[string]string // of our own PostgreSQL, beyond its defaults
	closers  []func() error
}

const (
	claimKey = "wabagate_bench"
	claimFor = 30 * time.Minute
)

func openStores(ctx context.Context, o Options) (_ *stores, err error) {
	s := &stores{admin: o.DatabaseURL.Text(), owned: o.Throwaway, claim: rand.Text()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(context.WithoutCancel(ctx)))
		}
	}()
	settings := map[string]string{"min_wal_size": wornLog}
	if o.History > 0 || o.Pages > 0 {
		s.settings = productionPostgres(machineMemory())
		settings = s.settings
	}
	redisURL := o.RedisURL.Text()
	if o.Throwaway {
		p, err := throwaway.StartPostgres(ctx, throwaway.PostgresOptions{Durable: true, Settings: settings})
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, p.Stop)
		s.admin = p.URL()
		if err := s.wear(ctx); err != nil {
			return nil, fmt.Errorf("write the log of PostgreSQL through: %w", err)
		}
		r, err := throwaway.StartRedis(ctx, throwaway.RedisOptions{AOF: true})
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, r.Stop)
		redisURL = r.URL()
	}
	if redisURL != "" {
		if err := s.claimRedis(ctx, redisURL); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// wornLog is how much write-ahead log our own PostgreSQL keeps for the next lap.
const wornLog = "1GB"

// wear writes the log of a PostgreSQL of our own through once. One that was made a moment ago fills each file of the log
// with zeros first and waits for the disk meanwhile; one that has run for a while uses old files again.
func (s *stores) wear(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range []string{"SELECT count(pg_logical_emit_message(false, 'bench', repeat('x', 1 << 20))) FROM generate_series(1, 1024)", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (s *stores) describe() string {
	database, queue := "SQLite", "in-process queue"
	if s.admin != "" {
		database = "PostgreSQL"
	}
	if s.redisURL != "" {
		queue = "Redis"
	}
	if s.owned {
		durability := "default durability"
		if len(s.settings) > 0 {
			var words []string
			for _, key := range slices.Sorted(maps.Keys(s.settings)) {
				words = append(words, key+" "+s.settings[key])
			}
			durability = strings.Join(words, ", ")
		}
		return "throw-away PostgreSQL (" + durability + ") and Redis (AOF everysec)"
	}
	return database + " and " + queue
}

// fresh makes an empty database in place of the one there was, empties our part of Redis, and returns the address of
// the database; "" with SQLite.
func (s *stores) fresh(ctx context.Context) (string, error) {
	if err := s.emptyRedis(ctx); err != nil {
		return "", err
	}
	if s.admin == "" {
		return "", nil
	}
	if err := s.drop(ctx); err != nil {
		return "", err
	}
	u, err := url.Parse(s.admin)
	if err != nil {
		return "", errors.New("DATABASE_URL is not an address")
	}
	name := "wabagate_bench_" + strings.ToLower(rand.Text()[:10])
	if err := s.execute(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("make a database of our own (the user of DATABASE_URL needs CREATEDB): %w", err)
	}
	s.database = name
	u.Path = "/" + name
	return u.String(), nil
}

func (s *stores) drop(ctx context.Context) error {
	if s.database == "" {
		return nil
	}
	if err := s.execute(ctx, "DROP DATABASE "+pgx.Identifier{s.database}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop our database %s: %w", s.database, err)
	}
	s.database = ""
	return nil
}

func (s *stores) execute(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// claimRedis finds a logical database that is empty and marks it as ours.
func (s *stores) claimRedis(ctx context.Context, raw string) error {
	u, err := url.Parse(raw)
	if err != nil || strings.Contains(u.Host, ",") || u.Query().Has("master_name") {
		return errors.New("REDIS_URL names a Cluster or Sentinels: the benchmark wants a single Redis, redis://user:password@host:6379")
	}
	for db := 15; db >= 0; db-- {
		u.Path = fmt.Sprintf("/%d", db)
		o, err := redis.ParseURL(u.String())
		if err != nil {
			return errors.New("REDIS_URL is not a Redis address: expected redis://user:password@host:6379/0")
		}
		c := redis.NewClient(o)
		ours, err := s.mark(ctx, c)
		if ours {
			s.redis, s.redisURL = c, u.String()
			return nil
		}
		_ = c.Close()
		if err != nil && !strings.Contains(err.Error(), "out of range") { // fewer databases than 16
			return fmt.Errorf("connect to Redis: %w", err)
		}
	}
	return errors.New("no logical database of the Redis at REDIS_URL is empty: the benchmark empties the one it uses, so it takes none that holds anything; name another Redis, or use --throwaway")
}

// mark sets our mark and says whether it is the only key, so that two benchmarks never share a database.
func (s *stores) mark(ctx context.Context, c *redis.Client) (bool, error) {
	if n, err := c.DBSize(ctx).Result(); err != nil || n > 0 {
		return false, err
	}
	if _, err := c.SetArgs(ctx, claimKey, s.claim, redis.SetArgs{Mode: "NX", TTL: claimFor}).Result(); err != nil {
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		return false, err
	}
	n, err := c.DBSize(ctx).Result()
	if err != nil || n != 1 {
		return false, errors.Join(err, c.Del(ctx, claimKey).Err())
	}
	return true, nil
}

// emptyRedis removes what a stage left.
func (s *stores) emptyRedis(ctx context.Context) error {
	if s.redis == nil {
		return nil
	}
	pipe := s.redis.TxPipeline()
	pipe.FlushDB(ctx)
	pipe.Set(ctx, claimKey, s.claim, claimFor)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("empty our part of Redis: %w", err)
	}
	return nil
}

// close removes everything that is ours and stops servers that are.
func (s *stores) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var errs []error
	if s.owned {
		s.database = "" // goes with its server
	}
	errs = append(errs, s.drop(ctx))
	if s.redis != nil {
		if !s.owned {
			if held, _ := s.redis.Get(ctx, claimKey).Result(); held == s.claim {
				errs = append(errs, s.redis.FlushDB(ctx).Err())
			}
		}
		errs = append(errs, s.redis.Close())
	}
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}

// cpu is what the servers have used, where they run for us alone and here: others' work is not counted as ours.
func (s *stores) cpu(ctx context.Context) (time.Duration, bool) {
	if !s.owned {
		return 0, false
	}
	pids, err := s.processes(ctx)
	if err != nil {
		return 0, false
	}
	var sum time.Duration
	for _, pid := range pids {
		used, ok := treeCPU(pid)
		if !ok {
			return 0, false
		}
		sum += used
	}
	return sum, true
}

// processes are the main processes of both servers.
func (s *stores) processes(ctx context.Context) ([2]int, error) {
	var pids [2]int
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return pids, err
	}
	defer func() { _ = conn.Close(ctx) }()
	backend, err := readProcess(int(conn.PgConn().PID()))
	if err != nil {
		return pids, err
	}
	pids[0] = backend.parent
	info, err := s.redis.Info(ctx, "server").Result()
	if err != nil {
		return pids, err
	}
	for line := range strings.Lines(info) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "process_id:"); ok {
			pids[1], err = strconv.Atoi(id)
		}
	}
	return pids, err
}
