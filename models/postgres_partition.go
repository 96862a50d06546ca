package models

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// leafLock is held by a transaction that makes a leaf.
	leafLock = 8_311_207_115
	// leavesPerTransaction bounds how many missing leaves one transaction has made for it.
	leavesPerTransaction = 20
)

// repeat runs a transaction until nothing gets in its way. A day without leaves (of a clock that is far off, or because
// nobody has maintained for a week) gets them.
func (p *postgresEngine) repeat(ctx context.Context, transaction func() error) error {
	for made := 0; ; made++ {
		err := repeat(ctx, transaction)
		id, missing := missingLeaf(err)
		if !missing || made == leavesPerTransaction {
			return err
		}
		for _, t := range partitionedTables {
			if _, err := makeLeaf(ctx, p.pool, t.leaf(id)); err != nil {
				return err
			}
		}
	}
}

// failingKey finds the id in what PostgreSQL says of a row for which there is no leaf, in any of its languages.
var failingKey = regexp.MustCompile(`= \((\d+)\)`)

// missingLeaf is the id for which a partitioned table has no leaf.
func missingLeaf(err error) (id int64, ok bool) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "23514" || pg.ConstraintName != "" ||
		!slices.ContainsFunc(partitionedTables[:], func(p partitioned) bool { return p.name == pg.TableName }) {
		return 0, false
	}
	found := failingKey.FindStringSubmatch(pg.Detail)
	if found == nil {
		return 0, false
	}
	id, err = strconv.ParseInt(found[1], 10, 64)
	return id, err == nil
}

// beginner is a connection, or a pool of them.
type beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// makeLeaf makes a leaf unless it is there, and attaches it unless it is; it reports whether it did anything. Nobody has
// to wait: attaching conflicts with no reader or writer of the table, and an empty leaf needs no look at its rows.
func makeLeaf(ctx context.Context, db beginner, l leaf) (made bool, err error) {
	err = repeat(ctx, func() error {
		return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '2s'`); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(leafLock)); err != nil {
				return err
			}
			var there, attached bool
			if err := tx.QueryRow(ctx, `SELECT to_regclass($1::text) IS NOT NULL, EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass($1::text))`, l.name()).Scan(&there, &attached); err != nil {
				return err
			}
			if made = !attached; !made {
				return nil
			}
			if !there {
				if _, err := tx.Exec(ctx, fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING ALL%s)%s`, l.name(), l.table.name, l.table.also, l.table.with)); err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%d) TO (%d)`, l.table.name, l.name(), l.from, l.end()))
			return err
		})
	})
	if err != nil {
		return false, fmt.Errorf("make the table %s: %w", l.name(), err)
	}
	return made, nil
}

// queueUpdatesByLeaf updates each day's deliveries in their leaf: a range of days beside the join would let a plan begin
// with all of the leaf, and without it the plan holds all leaves.
func queueUpdatesByLeaf(b *pgx.Batch, us []settledDelivery, hour int64) {
	deliveries := partitionedTables[0]
	for len(us) > 0 { // sorted by event
		l, n := deliveries.leaf(us[0].EventID), 1
		for n < len(us) && us[n].EventID < l.end() {
			n++
		}
		queueUpdates(b, l.name(), us[:n], hour)
		us = us[n:]
	}
}

// withLeaves is assuming for a settlement. Updates of days that are gone are left out.
func (p *postgresEngine) withLeaves(ctx context.Context, s *settlement, transaction func(onConflict) error) error {
	err := p.assuming(ctx, transaction)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "42P01" { // no such table
		return err
	}
	there := map[string]bool{}
	kept := s.updates[:0:0]
	for _, u := range s.updates {
		name := partitionedTables[0].leaf(u.EventID).name()
		if _, asked := there[name]; !asked {
			var ok bool
			if err := p.pool.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, name).Scan(&ok); err != nil {
				return err
			}
			there[name] = ok
		}
		if there[name] {
			kept = append(kept, u)
		}
	}
	s.updates = kept
	return p.assuming(ctx, transaction)
}
