package models_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// TestMigrateBesideAnOlderVersion: a newer schema has nothing pending for an older program, which works on it, and begins
// on it; what is asked of a table in use is asked for again.
func TestMigrateBesideAnOlderVersion(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	o := models.Options{DatabaseURL: models.Secret(modelstest.PostgresURL(t))}
	older := open(t, o)
	furnish(t, older, 1)
	const business = 1
	read := func(s *models.Store) {
		t.Helper()
		must[[]models.Webhook](t)(s.Webhooks(ctx, business, 0, 10))
		must[[]models.User](t)(s.Users(ctx, business))
	}
	read(older)

	newer := o
	newer.Migrations = modelstest.Newer()
	s := open(t, newer)
	if pending := must[bool](t)(s.Pending(ctx)); !pending {
		t.Fatal("nothing is pending for the newer version")
	}
	db := must[*sql.DB](t)(sql.Open("pgx", o.DatabaseURL.Text()))
	defer func() { _ = db.Close() }()
	report := must[*sql.Tx](t)(db.BeginTx(ctx, nil)) // one that takes its time, as a backup does
	must[sql.Result](t)(report.ExecContext(ctx, "SELECT count(*) FROM numbers"))
	done := make(chan error, 1)
	var applied []string
	go func() {
		var err error
		applied, err = s.Migrate(ctx)
		done <- err
	}()
	waits, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for began := time.Now(); time.Since(began) < 2*time.Second; { // nobody waits behind the migration until the report ends
		must[[]models.Number](t)(older.Numbers(waits, business))
	}
	select {
	case err := <-done:
		t.Fatalf("migrated a table in use: %v", err)
	default:
	}
	ok(t, report.Rollback())
	ok(t, <-done)
	if names := strings.Join(applied, " "); strings.Count(names, ".sql") != 13 || !strings.Contains(names, "99001_settings.sql") || !strings.Contains(names, "99013_leaf.sql") {
		t.Errorf("applied %s", names)
	}

	// The leaves that were there have their part of the index, and so has one to come.
	var leaves, parts, invalid int
	ok(t, db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass),
		(SELECT count(*) FROM pg_inherits WHERE inhparent = 'events_newer'::regclass), (SELECT count(*) FROM pg_index WHERE NOT indisvalid)`).Scan(&leaves, &parts, &invalid))
	if leaves == 0 || parts != leaves || invalid != 0 {
		t.Errorf("%d of %d leaves have the index; %d indexes are invalid", parts, leaves, invalid)
	}

	read(older) // on connections that know the statements from before
	read(s)
	if pending := must[bool](t)(older.Pending(ctx)); pending {
		t.Error("something is pending for the older version")
	}
	if again := must[[]string](t)(older.Migrate(ctx)); len(again) != 0 {
		t.Errorf("the older version applied %v", again)
	}
	restarted := open(t, o)
	read(restarted)
	furnish(t, restarted, 2)
}

// TestInterruptedIndex: half an index, left by a migration that was interrupted, is built anew.
func TestInterruptedIndex(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	o := models.Options{DatabaseURL: models.Secret(modelstest.PostgresURL(t))}
	db := must[*sql.DB](t)(sql.Open("pgx", o.DatabaseURL.Text()))
	defer func() { _ = db.Close() }()
	must[sql.Result](t)(db.ExecContext(ctx, "CREATE INDEX events_late ON ONLY events (business_id)"))
	var leaf string
	ok(t, db.QueryRowContext(ctx, "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events'::regclass ORDER BY 1 DESC LIMIT 1").Scan(&leaf))
	half := "i" + leaf[len("events_"):] + "_events_late"
	must[sql.Result](t)(db.ExecContext(ctx, "CREATE INDEX "+half+" ON "+leaf+" (number_id)"))

	s := open(t, o)
	for range 2 { // the second time there is nothing to do
		must[[]string](t)(s.Migrate(ctx))
	}
	var on string
	ok(t, db.QueryRowContext(ctx, "SELECT pg_get_indexdef($1::regclass)", half).Scan(&on))
	if !strings.Contains(on, "(business_id)") {
		t.Errorf("the index is %s", on)
	}
}

// TestMigrationEnds: a migration that waits for a table ends with its context.
func TestMigrationEnds(t *testing.T) {
	t.Parallel()
	o := models.Options{DatabaseURL: models.Secret(modelstest.PostgresURL(t)), Migrations: modelstest.Newer()}
	db := must[*sql.DB](t)(sql.Open("pgx", o.DatabaseURL.Text()))
	defer func() { _ = db.Close() }()
	report := must[*sql.Tx](t)(db.BeginTx(t.Context(), nil))
	defer func() { _ = report.Rollback() }()
	must[sql.Result](t)(report.ExecContext(t.Context(), "SELECT count(*) FROM webhooks"))
	s := open(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if applied, err := s.Migrate(ctx); err == nil {
		t.Errorf("applied %v", applied)
	}
}
