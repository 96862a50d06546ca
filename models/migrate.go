package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	// lockTimeout is how long a change of the schema waits for a table that others use. Whoever comes after it waits behind
	// it, so it gives up soon, lets them pass, and tries again after about lockPause.
	lockTimeout = "500ms"
	lockPause   = time.Second
	// lockPatience is how long it goes on trying.
	lockPatience = 10 * time.Minute
)

// errBusyTable says why a migration was given up.
var errBusyTable = errors.New("a table stayed in use for ten minutes: look in pg_stat_activity for a transaction that has been open for long (a backup, a report, a forgotten psql), end it, and run this again")

// openSchema makes connections that give up a lock in time. They are few and short: none is kept.
func openSchema(cfg *pgx.ConnConfig) *sql.DB {
	own := cfg.Copy()
	own.RuntimeParams["lock_timeout"] = lockTimeout
	db := stdlib.OpenDB(*own)
	db.SetMaxIdleConns(-1)
	return db
}

// lockRefused says whether a statement gave up waiting for a lock.
func lockRefused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

// Pending says whether migrations wait to be applied. A schema that is newer than the program has none for it: the rules of
// the package migrations let an older program go on, and begin again, beside a newer one.
func (s *Store) Pending(ctx context.Context) (bool, error) {
	pending, err := s.migrator.HasPending(ctx)
	if err != nil {
		return false, fmt.Errorf("read migration state: %w", err)
	}
	return pending, nil
}

// Migrate applies what is pending and returns the names of the applied files. Several processes may do so at once, and
// others may work on the database meanwhile: a table that they use is asked for until it is free.
func (s *Store) Migrate(ctx context.Context) ([]string, error) {
	if s.looking {
		return nil, errors.New("migrate: this store was opened for looking alone")
	}
	var names []string
	began := time.Now()
	for try := 1; ; try++ {
		applied, err := s.applyPending(ctx)
		names = append(names, applied...)
		if err == nil {
			break
		}
		pause := rand.N(time.Duration(try) * 20 * time.Millisecond)
		switch {
		case ctx.Err() != nil:
			return names, fmt.Errorf("migrate: %w", err)
		case lockRefused(err) && time.Since(began) > lockPatience:
			return names, fmt.Errorf("migrate: %w: %w", errBusyTable, err)
		case lockRefused(err):
			pause = lockPause/2 + rand.N(lockPause)
		// The embedded database has no lock for this: another process may have applied the same a moment before.
		case !s.embedded || try == triesPerTransaction:
			return names, fmt.Errorf("migrate: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	if s.ids == nil {
		return names, s.begin(ctx)
	}
	return names, nil
}

// applyPending tries once, and returns the names of what it applied before an error too.
func (s *Store) applyPending(ctx context.Context) (names []string, err error) {
	results, err := s.migrator.Up(ctx)
	if partial := (*goose.PartialError)(nil); errors.As(err, &partial) {
		results = partial.Applied
	}
	for _, r := range results {
		names = append(names, filepath.Base(r.Source.Path))
	}
	if err == nil && !s.embedded {
		err = s.completeIndexes(ctx)
	}
	return names, err
}
