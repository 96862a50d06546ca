package models

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
)

// What every method of the Store answers with, besides errors of the connection.
var (
	// ErrNotFound: there is no such row, or it is another business's.
	ErrNotFound = errors.New("not found")
	// ErrConflict: a row with this name, address or id exists already.
	ErrConflict = errors.New("already exists")
	// ErrPendingMigrations: the schema is older than the program.
	ErrPendingMigrations = errors.New("the database has pending migrations; run: wabagate migrate")
	// ErrRoutesChanged: what was decided by the routes has to be decided again; see Changes.RoutesVersion.
	ErrRoutesChanged = errors.New("the routes have changed")
)

// translate turns an engine's error into the room's own words, where it is one of them.
func translate(err error, what string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, gorm.ErrForeignKeyViolated): // what it belongs to is not there
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return fmt.Errorf("%s: %w", what, ErrConflict)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Permanent says whether an error speaks about the data and would come back on another try, as opposed to a lost
// connection, a timeout or a deadlock.
func Permanent(err error) bool {
	if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && len(pg.Code) == 5 {
		switch pg.Code[:2] { // class of the SQLSTATE
		case "21", "22", "23", "42", "54": // cardinality, data exception, integrity constraint, wrong statement, too large
			return true
		}
		return false
	}
	var lite *gosqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff { // the extended codes are above
		case sqliteError, sqliteTooBig, sqliteConstraint, sqliteMismatch, sqliteRange:
			return true
		}
	}
	return false
}

// duplicated says whether an engine refused a second row of a unique name.
func duplicated(err error) bool {
	var pg *pgconn.PgError
	var lite *gosqlite.Error
	return errors.As(err, &pg) && pg.Code == "23505" ||
		errors.As(err, &lite) && (lite.Code() == sqliteUnique || lite.Code() == sqlitePrimaryKey)
}

// Result codes of SQLite, see https://www.sqlite.org/rescode.html.
const (
	sqliteError      = 1
	sqliteTooBig     = 18
	sqliteConstraint = 19
	sqliteMismatch   = 20
	sqliteRange      = 25

	sqlitePrimaryKey = 1555
	sqliteUnique     = 2067
)

// errOvertaken: another transaction committed first what this one was about to make.
var errOvertaken = errors.New("overtaken by another transaction")

// again says whether a whole transaction may simply be repeated: overtaken, chosen as a deadlock's victim, or not
// serializable.
func again(err error) bool {
	var pg *pgconn.PgError
	return errors.Is(err, errOvertaken) || errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001")
}

// triesPerTransaction bounds how often a transaction is repeated.
const triesPerTransaction = 10

// repeat runs a transaction until nothing gets in its way.
func repeat(ctx context.Context, transaction func() error) error {
	for try := 1; ; try++ {
		err := transaction()
		if !again(err) || try == triesPerTransaction {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Duration(try) * 5 * time.Millisecond)):
		}
	}
}
