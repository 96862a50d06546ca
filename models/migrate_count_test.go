package models_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"wabagate/models"
	"wabagate/models/migrations"
	"wabagate/models/modelstest"
)

// TestMigrateCounts: what a database has of the last days is counted when it learns to count, and what comes later is added.
func TestMigrateCounts(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		dialect, driver, dir, files := goose.DialectSQLite3, "sqlite", "sqlite", migrations.SQLite
		address := filepath.Join(where.Dir, "wabagate.db")
		if where.Dir == "" {
			where.DatabaseURL = models.Secret(modelstest.EmptyPostgresURL(t))
			dialect, driver, dir, files, address = goose.DialectPostgres, "pgx", "postgres", migrations.Postgres, where.DatabaseURL.Text()
		}
		db := must[*sql.DB](t)(sql.Open(driver, address))
		before := must[*goose.Provider](t)(goose.NewProvider(dialect, db, must[fs.FS](t)(fs.Sub(files, dir))))
		must[[]*goose.MigrationResult](t)(before.UpTo(t.Context(), 13))
		now := time.Now().UTC()
		if now.Sub(now.Truncate(24*time.Hour)) < time.Hour { // an hour ago there is no leaf
			now = now.Truncate(24 * time.Hour).Add(time.Hour)
		}
		then := now.Add(-time.Hour)
		at := func(t time.Time) string { return "'" + t.Format("2006-01-02 15:04:05.999999") + "+00:00'" }
		id := func(n int) int64 { return models.FirstID(then) + int64(n) }
		rows := []string{
			"INSERT INTO businesses (id, name, created_at) VALUES (1, 'Acme', " + at(now) + ")",
			`INSERT INTO webhooks (id, business_id, name, description, url, events, dialect, retry_schedule, timeout_ms, rate_limit, is_active, disabled_reason, created_at, updated_at)
				VALUES (1, 1, '', '', '', '[]', 'wabagate', 'null', 0, 0, true, '', ` + at(now) + ", " + at(now) + ")",
		}
		// Made in the hour before; of each state one, and the last attempts of two were made since.
		for state, attempts := range []int{1, 2, 1, 0, 0} {
			rows = append(rows, fmt.Sprintf("INSERT INTO deliveries (event_id, webhook_id, state, attempts, due_at) VALUES (%d, 1, %d, %d, %s)", id(state), state, attempts, at(now)))
		}
		rows = append(rows, fmt.Sprintf("INSERT INTO deliveries (event_id, webhook_id, state, attempts, due_at) VALUES (%d, 99, 1, 0, %s)", id(7), at(now))) // of a webhook that is gone
		for _, a := range []struct {
			event, n, ms int
			at           time.Time
			outcome      string
		}{{0, 1, 3, then, "rejected"}, {1, 1, 40, then, "rejected"}, {1, 2, 20, now, models.Delivered}, {2, 1, 50_000, now, "rejected"}} {
			rows = append(rows, fmt.Sprintf("INSERT INTO attempts (event_id, webhook_id, n, started_at, duration_us, status, outcome, reason, answer) VALUES (%d, 1, %d, %s, %d, 200, '%s', '', '')",
				id(a.event), a.n, at(a.at), a.ms*1000, a.outcome))
		}
		for _, row := range rows {
			must[sql.Result](t)(db.ExecContext(t.Context(), row))
		}
		ok(t, db.Close())

		s, ctx := open(t, where), t.Context()
		must[[]string](t)(s.Migrate(ctx))
		count := func() map[time.Time]models.Count {
			return must[map[time.Time]models.Count](t)(s.Counts(ctx, models.CountFilter{BusinessID: 1}, time.Hour))
		}
		counts := count()
		first, second := counts[then.Truncate(time.Hour)], counts[now.Truncate(time.Hour)]
		if first.Made != 5 || first.Succeeded != 0 || first.Skipped != 1 || first.Attempts() != 2 || first.AttemptsFailed != 2 || first.Latencies.Most != 40*time.Millisecond || first.Latencies.Sum != 43*time.Millisecond {
			t.Errorf("the hour before: %+v", first)
		}
		if second.Made != 0 || second.Succeeded != 1 || second.Failed != 1 || second.Attempts() != 2 || second.AttemptsFailed != 1 || second.Latencies.Least != 20*time.Millisecond ||
			second.Latencies.Quantile(1) < 40*time.Second || second.Latencies.Quantile(0.5) > 24*time.Millisecond || second.Latencies.Quantile(0.5) < 20*time.Millisecond {
			t.Errorf("this hour: %+v", second)
		}
		if len(counts) != 2 {
			t.Errorf("%d hours", len(counts))
		}
		must[[]models.Work](t)(s.Settle(ctx, []models.Result{{WebhookID: 1, Attempts: []models.Attempt{{EventID: id(0), WebhookID: 1, N: 2, StartedAt: now, Outcome: models.Delivered, Duration: time.Millisecond}},
			Updates: []models.DeliveryUpdate{{EventID: id(0), State: models.Succeeded, Attempts: 2, DueAt: now}}}}))
		ok(t, s.FoldCounts(ctx))
		var all models.Count
		for _, c := range count() {
			all.Add(c)
		}
		if all.Made != 5 || all.Succeeded != 2 || all.Attempts() != 5 {
			t.Errorf("later: %+v", all)
		}
	})
}
