package models

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
)

// Options says where the data is.
type Options struct {
	// DatabaseURL is a postgres:// address; empty means the embedded SQLite.
	DatabaseURL Secret
	// Dir holds the embedded database; used, and made, only without DatabaseURL.
	Dir string
	// MasterKey protects the data keys that secrets are encrypted with; empty leaves them bare in the database.
	MasterKey Secret
	// PreviousMasterKey is the one before MasterKey: data keys that it protects are protected by MasterKey from now on.
	PreviousMasterKey Secret
	// MaxConns bounds connections to PostgreSQL, twice: for the hot statements and for the rest; 0 means 16.
	MaxConns int
	// ApplicationName is shown in pg_stat_activity; empty means wabagate.
	ApplicationName string
	// Migrations are what brings the schema up to date, in a folder for each engine as the package migrations has them; nil
	// means that package's.
	Migrations fs.FS
	// LookOnly opens for looking alone: nothing is made, migrated or put under another key, and what writes fails.
	LookOnly bool
}

// Store is the database. Open makes one; safe for concurrent use.
type Store struct {
	db       *gorm.DB
	hot      engine
	rest     *pgxpool.Pool // behind db; nil: the embedded database
	ids      *IDs
	clock    clock
	ring     *keyring
	migrator *goose.Provider
	schema   *sql.DB // connections that change the schema of PostgreSQL
	close    func() error
	embedded bool
	writer   gate // of the embedded database: one transaction at a time
	looking  bool // nothing may be changed
	masters  masterKeys
	rewrap   int // data keys that begin protected with the present master key
}

// engine is what is written by hand for each database: the statements that move hundreds of rows per commit.
type engine interface {
	accept(ctx context.Context, work Work, cs []Callback) error
	translate(ctx context.Context, fn func(Translation) error) error
	settle(ctx context.Context, s settlement) ([]Work, error)
	loadCallbacks(ctx context.Context, first, last int64) ([]Callback, error)
	loadCallbacksByID(ctx context.Context, ids []int64) ([]Callback, error)
	loadGroup(ctx context.Context, w Work, dueBefore time.Time) ([]Due, error)
	unfinished(ctx context.Context, dueBefore time.Time, after int64, limit int) ([]Work, error)
	addWork(ctx context.Context, ws []Work) error
	digests(ctx context.Context, events []int64) (map[int64][]byte, error)
	// createSends keeps messages but those of which a name is taken, and the work that workOf makes of them. Keys of messages
	// with ids below keysSince are free.
	createSends(ctx context.Context, asked []Send, keysSince int64, workOf func(made []Send) []Work) ([]Send, []Work, error)
	loadSends(ctx context.Context, ids []int64) ([]Send, error)
	takeSends(ctx context.Context, ids []int64, at, dueBefore time.Time) ([]Send, error)
	settleSends(ctx context.Context, st SendSettlement, at time.Time) error
	doubtSends(ctx context.Context, startedBefore, until time.Time) (int64, error)
	lapseSends(ctx context.Context, now time.Time, limit int) ([]Send, error)
	maintain(ctx context.Context, now time.Time, c cutoffs, m *Maintained) error
}

// Open connects, and reads the keyring if the schema is there. The embedded database is migrated; PostgreSQL is not:
// while Pending is true only Migrate, Pending, Ping and Close work. An error is one line without the password.
func Open(ctx context.Context, o Options) (*Store, error) {
	var (
		s   *Store
		err error
	)
	if o.DatabaseURL == "" {
		s, err = openSQLite(o)
	} else {
		s, err = openPostgres(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	s.masters, s.looking = newMasterKeys(o.MasterKey, o.PreviousMasterKey), o.LookOnly
	if err := s.prepare(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	if s.looking {
		return s.look(ctx)
	}
	if s.embedded {
		_, err := s.Migrate(ctx)
		return err
	}
	pending, err := s.Pending(ctx)
	if err != nil || pending {
		return err
	}
	return s.begin(ctx)
}

// begin reads what needs the schema: the node of this process and the keyring.
func (s *Store) begin(ctx context.Context) error {
	node, err := s.nextNode(ctx)
	if err != nil {
		return fmt.Errorf("claim a node id: %w", err)
	}
	if s.ring, s.rewrap, err = openKeyring(ctx, s.db, s.masters); err != nil {
		return err
	}
	s.ids = NewIDs(node, s.Now)
	if s.embedded {
		return nil
	}
	_, err = s.RoutesVersion(ctx) // which tells the time
	return err
}

func (s *Store) nextNode(ctx context.Context) (int64, error) {
	var node int64
	if s.embedded {
		return node, s.db.WithContext(ctx).Raw("INSERT INTO nodes DEFAULT VALUES RETURNING id").Scan(&node).Error
	}
	return node, s.db.WithContext(ctx).Raw("SELECT nextval('nodes')").Scan(&node).Error
}

func (s *Store) nextID() int64 { return s.ids.Next() }

// NextID is a fresh id that grows with time.
func (s *Store) NextID() int64 { return s.ids.Next() }

// Now is the time that all processes on this database share: its own. A process that has not asked for it yet, and the
// embedded database, have the wall clock.
func (s *Store) Now() time.Time { return s.clock.now() }

// Close ends every connection.
func (s *Store) Close() error { return s.close() }

// Embedded says whether this is the SQLite of the embedded default.
func (s *Store) Embedded() bool { return s.embedded }

// KeysProtected says whether a master key protects the data keys.
func (s *Store) KeysProtected() bool { return s.masters.present != nil }

// Rewrapped is how many data keys opening the store put under the present master key: bare ones, and those of the previous.
func (s *Store) Rewrapped() int { return s.rewrap }

// Ping answers nil while the database answers.
func (s *Store) Ping(ctx context.Context) error {
	db, err := s.db.DB()
	if err != nil {
		return err
	}
	return db.PingContext(ctx)
}

// Commits is the number of transactions this database has committed so far, reads included; 0 where the engine keeps
// no such count. For measuring.
func (s *Store) Commits(ctx context.Context) (int64, error) {
	var n int64
	if s.embedded {
		return 0, nil
	}
	err := s.db.WithContext(ctx).Raw("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()").Scan(&n).Error
	return n, err
}

// inTx runs fn in a transaction; again, if another transaction got in the way.
func (s *Store) inTx(ctx context.Context, fn func(tx *gorm.DB) error) error {
	leave, err := s.writer.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return repeat(ctx, func() error { return s.db.WithContext(ctx).Transaction(fn) })
}

// write runs single statements that write.
func (s *Store) write(ctx context.Context, fn func(db *gorm.DB) error) error {
	leave, err := s.writer.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return fn(s.db.WithContext(ctx))
}

// raiseRoutes tells every process that what it keeps in memory has changed. The version stays locked until the end of
// the transaction.
func raiseRoutes(tx *gorm.DB) error {
	return tx.Exec("UPDATE routes_version SET version = version + 1").Error
}
