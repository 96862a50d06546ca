package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"wabagate/models/migrations"
)

func gormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		TranslateError:         true,
		QueryFields:            true,           // not *, whose meaning would change under a program that runs while a newer one migrates
		Logger:                 logger.Discard, // errors are returned; statements may hold secrets
		NowFunc:                func() time.Time { return moment(time.Now()) },
	}
}

func openPostgres(ctx context.Context, o Options) (_ *Store, err error) {
	cfg, err := postgresConfig(o)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, unreachable(cfg.ConnConfig, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, unreachable(cfg.ConnConfig, err)
	}
	conn := stdlib.OpenDBFromPool(pool)
	s := &Store{rest: pool, close: func() error { return errors.Join(conn.Close(), closePools(pool)) }}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if s.db, err = gorm.Open(postgres.New(postgres.Config{Conn: conn}), gormConfig()); err != nil {
		return nil, err
	}
	hot, err := hotPool(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.close = func() error { return errors.Join(conn.Close(), closePools(hot, pool)) }
	s.hot = &postgresEngine{pool: hot}
	s.schema = openSchema(cfg.ConnConfig)
	s.close = func() error { return errors.Join(s.schema.Close(), conn.Close(), closePools(hot, pool)) }
	var files fs.FS = migrations.Postgres
	if o.Migrations != nil {
		files = o.Migrations
	}
	dir, err := fs.Sub(files, "postgres")
	if err != nil {
		return nil, err
	}
	one, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600)) // asks every second, for ten minutes
	if err != nil {
		return nil, err
	}
	s.migrator, err = goose.NewProvider(goose.DialectPostgres, s.schema, dir, goose.WithSessionLocker(one))
	return s, err
}

func closePools(pools ...*pgxpool.Pool) error {
	for _, p := range pools {
		p.Close()
	}
	return nil
}

// hotPool is for the engine's own statements. They look rows up by key, hundreds at once, and the same plan is right
// every time: walk the index. Making it once per connection spares most of what a group costs the planner; the other
// ways are switched off because a plan made while a table is small must still be right when it is large.
func hotPool(ctx context.Context, cfg *pgxpool.Config) (*pgxpool.Pool, error) {
	hot := cfg.Copy()
	for key, value := range map[string]string{"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_hashjoin": "off",
		"enable_mergejoin": "off", "enable_bitmapscan": "off", "jit": "off"} {
		hot.ConnConfig.RuntimeParams[key] = value
	}
	return pgxpool.NewWithConfig(ctx, hot)
}

func postgresConfig(o Options) (*pgxpool.Config, error) {
	text := o.DatabaseURL.Text()
	cfg, err := pgxpool.ParseConfig(text) // its error may quote parts of the password
	u, urlErr := url.Parse(text)
	switch {
	case strings.HasPrefix(text, "postgres") && strings.Contains(text, "@") && (urlErr != nil || u.User == nil):
		return nil, errors.New("DATABASE_URL is not a PostgreSQL address: special characters in the user or password have to be percent-encoded, as %2F for /")
	case err != nil:
		return nil, errors.New("DATABASE_URL is not a PostgreSQL address: expected postgres://user:password@host:5432/database?sslmode=…")
	}
	cfg.MaxConns = 16
	if o.MaxConns > 0 {
		cfg.MaxConns = int32(min(o.MaxConns, 10_000))
	}
	cfg.MinConns = min(cfg.MinConns, cfg.MaxConns)
	cfg.MaxConnIdleTime = time.Minute
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	params := cfg.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "wabagate"
		if o.ApplicationName != "" {
			params["application_name"] = o.ApplicationName
		}
	}
	params["timezone"] = "UTC"
	if o.LookOnly {
		params["default_transaction_read_only"] = "on"
	}
	cfg.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		c.TypeMap().RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
		return nil
	}
	return cfg, nil
}

// connectError says in one line why a database cannot be reached; the driver takes several.
type connectError struct {
	text  string
	cause error
}

func (e connectError) Error() string { return e.text }
func (e connectError) Unwrap() error { return e.cause }

func unreachable(cfg *pgx.ConnConfig, err error) error {
	cause := err
	if ce := (*pgconn.ConnectError)(nil); errors.As(err, &ce) {
		cause = ce.Unwrap()
	}
	var reasons []string
	for line := range strings.Lines(cause.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(reasons, line) {
			reasons = append(reasons, line)
		}
	}
	return connectError{fmt.Sprintf("DATABASE_URL: cannot connect to PostgreSQL on %q, port %d, as user %q to database %q: %s",
		cfg.Host, cfg.Port, cfg.User, cfg.Database, strings.Join(reasons, "; ")), err}
}

func openSQLite(o Options) (*Store, error) {
	file := filepath.Join(o.Dir, "wabagate.db")
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(2)"}}
	if o.LookOnly {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("open the embedded database: %w", err)
		}
		q = url.Values{"_pragma": {"busy_timeout(10000)", "query_only(1)"}}
	} else if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	path := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(file)
	db, err := gorm.Open(sqlite.Open("file:"+path+"?"+q.Encode()), gormConfig())
	if err != nil {
		return nil, fmt.Errorf("open the embedded database in %s: %w", o.Dir, err)
	}
	conn, err := db.DB()
	if err != nil {
		return nil, err
	}
	conn.SetMaxOpenConns(max(4, runtime.NumCPU()))
	conn.SetMaxIdleConns(4)
	s := &Store{db: db, embedded: true, writer: make(gate, 1), close: conn.Close}
	s.hot = &sqliteEngine{db: conn, writer: s.writer}
	var files fs.FS = migrations.SQLite
	if o.Migrations != nil {
		files = o.Migrations
	}
	dir, err := fs.Sub(files, "sqlite")
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	if s.migrator, err = goose.NewProvider(goose.DialectSQLite3, conn, dir); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}
