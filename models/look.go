package models

import (
	"context"
	"path/filepath"
	"time"
)

// Schema is how far a database has been migrated, beside what this program knows.
type Schema struct {
	// Applied is the number of the newest migration in the database, Known that of the newest in the program; 0: none. An
	// Applied that is greater belongs to a newer program.
	Applied, Known int64
	// Pending are the files that wait to be applied.
	Pending []string
}

// Schema reads how far the database has been migrated, and changes nothing.
func (s *Store) Schema(ctx context.Context) (Schema, error) {
	var state Schema
	db := s.db.WithContext(ctx)
	there := "SELECT count(*) FROM sqlite_master WHERE name = 'goose_db_version'"
	if !s.embedded {
		there = "SELECT count(*) FROM (SELECT to_regclass('goose_db_version') AS t) AS found WHERE t IS NOT NULL"
	}
	var tables int
	if err := db.Raw(there).Scan(&tables).Error; err != nil {
		return state, translate(err, "read migration state")
	}
	applied := map[int64]bool{}
	if tables > 0 {
		var versions []int64
		if err := db.Raw("SELECT version_id FROM goose_db_version WHERE is_applied").Scan(&versions).Error; err != nil {
			return state, translate(err, "read migration state")
		}
		for _, v := range versions {
			applied[v] = true
			state.Applied = max(state.Applied, v)
		}
	}
	for _, m := range s.migrator.ListSources() {
		state.Known = max(state.Known, m.Version)
		if !applied[m.Version] {
			state.Pending = append(state.Pending, filepath.Base(m.Path))
		}
	}
	return state, nil
}

// look reads what needs the schema, for a store that changes nothing.
func (s *Store) look(ctx context.Context) error {
	state, err := s.Schema(ctx)
	if err != nil || len(state.Pending) > 0 {
		return err
	}
	s.ring = &keyring{db: s.db, masters: s.masters, keys: map[byte]dataKey{}}
	if err := s.ring.reload(); err != nil || s.embedded {
		return err
	}
	_, err = s.RoutesVersion(ctx) // which tells the time
	return err
}

// MissingLeaves names the tables for the days from one moment to another, both included, that are not there yet. Rows of
// such a day wait until their table is made; that many are missing says that nobody maintains. Only PostgreSQL has any.
func (s *Store) MissingLeaves(ctx context.Context, from, to time.Time) ([]string, error) {
	if s.embedded {
		return nil, nil
	}
	var missing []string
	for _, t := range partitionedTables {
		for _, l := range t.leaves(FirstID(from), FirstID(to)) {
			var there bool
			if err := s.db.WithContext(ctx).Raw("SELECT EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(?::text))", l.name()).Scan(&there).Error; err != nil {
				return nil, translate(err, "look for the table "+l.name())
			}
			if !there {
				missing = append(missing, l.name())
			}
		}
	}
	return missing, nil
}
