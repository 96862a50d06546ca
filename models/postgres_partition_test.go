package models_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"gorm.io/gorm"

	"wabagate/models"
	"wabagate/models/migrations"
	"wabagate/models/modelstest"
)

// leaves gives a store forty days of leaves that hold something.
func leaves(t *testing.T, s *models.Store, webhook int64) {
	t.Helper()
	for age := range 40 {
		at := time.Now().AddDate(0, 0, -age-1)
		e := models.Event{ID: models.FirstID(at), BusinessID: 1, Type: "message.received", CreatedAt: at, Data: []byte("{}")}
		copy(e.Key[:], fmt.Sprintf("leaf %d", age))
		c := models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: webhook, State: models.Succeeded}}}
		ok(t, s.Translate(t.Context(), func(tx models.Translation) error { return tx.Write(t.Context(), c) }))
		ok(t, s.Accept(t.Context(), models.Work{ID: s.NextID(), DueAt: at, Members: []int64{e.ID, e.ID}}, []models.Callback{{ID: e.ID, ReceivedAt: at}}))
	}
}

// TestPlansHoldFewLeaves: the plan that PostgreSQL keeps of each statement, for whatever values, holds the leaves of the
// days that it is about: not one of the others is opened or locked when it runs.
func TestPlansHoldFewLeaves(t *testing.T) {
	t.Parallel()
	s, ctx := open(t, models.Options{DatabaseURL: models.Secret(modelstest.PostgresURL(t)), MaxConns: 1}), t.Context()
	webhook, events := furnish(t, s, 60)
	leaves(t, s, webhook)
	cs := []models.Callback{{ReceivedAt: time.Now(), Body: []byte("x")}}
	ok(t, s.Accept(ctx, s.NewCallbackGroup(cs), cs))
	must[[]models.Callback](t)(s.Callbacks(ctx, cs[0].ID, cs[0].ID))
	must[[]models.Callback](t)(s.CallbacksByID(ctx, []int64{cs[0].ID}))
	e := models.Event{ID: s.NextID(), BusinessID: 1, Key: [16]byte{1}, CreatedAt: time.Now(), Data: []byte("{}")}
	ok(t, s.Translate(ctx, func(tx models.Translation) error {
		must[map[[16]byte]bool](t)(tx.Known(ctx, [][16]byte{e.Key}))
		return tx.Write(ctx, models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: webhook}}, Digests: []models.Digest{{EventID: e.ID}}})
	}))
	must[[]models.Due](t)(s.LoadGroup(ctx, models.Work{WebhookID: webhook, Members: events}, time.Now()))
	must[map[int64][]byte](t)(s.DigestsByEvent(ctx, events))
	must[[]models.Work](t)(s.Settle(ctx, []models.Result{{WebhookID: webhook, Attempts: []models.Attempt{{EventID: events[0], WebhookID: webhook, N: 1, StartedAt: time.Now()}},
		Updates: []models.DeliveryUpdate{{EventID: events[0], State: models.Failed, Attempts: 1, DueAt: time.Now(), FailedAt: time.Now()}}}}))
	must[models.HistoryPage](t)(s.BusinessDeliveries(ctx, businessOf(t, s, webhook), models.HistoryFilter{}))
	must[models.HistoryPage](t)(s.BusinessDeliveries(ctx, businessOf(t, s, webhook), models.HistoryFilter{Types: []string{"message.received"}}))
	must[[]models.DeliveryRow](t)(s.Deliveries(ctx, webhook, models.DeliveryFilter{}))
	must[models.DeliveryDetail](t)(s.Delivery(ctx, businessOf(t, s, webhook), events[0], webhook))
	ok(t, s.Reopen(ctx, events[0], webhook, models.Work{ID: s.NextID(), Kind: models.Deliver, DueAt: time.Now(), Members: events[:1]}))

	checked := 0
	check := func(name, statement string, params int, explain func(string) []string) {
		leaf := regexp.MustCompile(`\b(callbacks|events|deliveries|attempts|digests)_(\d{8})\b`)
		if !regexp.MustCompile(`\b(callbacks|events|deliveries|attempts|digests|event_keys)\b`).MatchString(statement) {
			return
		}
		nulls := strings.TrimSuffix(strings.Repeat("NULL,", params), ",")
		if nulls != "" {
			nulls = "(" + nulls + ")"
		}
		plan := strings.Join(explain("EXPLAIN EXECUTE "+pgx.Identifier{name}.Sanitize()+nulls), "\n")
		days := map[string]bool{}
		for _, m := range leaf.FindAllStringSubmatch(plan, -1) {
			if m[2] <= time.Now().UTC().Format("20060102") {
				days[m[2]] = true // not one of the empty days ahead
			}
		}
		removed := 0 // by values that are only known later: they would be locked
		if m := regexp.MustCompile(`Subplans Removed: (\d+)`).FindStringSubmatch(plan); m != nil {
			removed = must[int](t)(strconv.Atoi(m[1]))
		}
		if checked++; len(days) > 2 || removed > 9 { // today, the week ahead, and at midnight yesterday
			t.Errorf("%s\n%s", statement, plan)
		}
	}
	hot, err := s.HotPool().Acquire(ctx)
	ok(t, err)
	defer hot.Release()
	db := must[*sql.DB](t)(s.DB().DB())
	cold := must[*sql.Conn](t)(db.Conn(ctx))
	defer func() { _ = cold.Close() }()
	must[sql.Result](t)(cold.ExecContext(ctx, "SET plan_cache_mode = force_generic_plan"))
	const kept = "SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements"
	type prepared struct {
		name, statement string
		params          int
	}
	rows, err := hot.Query(ctx, kept, pgx.QueryExecModeExec)
	ok(t, err)
	for _, p := range must[[]prepared](t)(pgx.CollectRows(rows, func(r pgx.CollectableRow) (p prepared, err error) { return p, r.Scan(&p.name, &p.statement, &p.params) })) {
		check(p.name, p.statement, p.params, func(q string) []string {
			rows, err := hot.Query(ctx, q, pgx.QueryExecModeSimpleProtocol)
			ok(t, err)
			return must[[]string](t)(pgx.CollectRows(rows, pgx.RowTo[string]))
		})
	}
	var ps []prepared
	found := must[*sql.Rows](t)(cold.QueryContext(ctx, kept))
	for found.Next() {
		var p prepared
		ok(t, found.Scan(&p.name, &p.statement, &p.params))
		ps = append(ps, p)
	}
	ok(t, found.Err())
	for _, p := range ps {
		check(p.name, p.statement, p.params, func(q string) (plan []string) {
			rows := must[*sql.Rows](t)(cold.QueryContext(ctx, q, pgx.QueryExecModeSimpleProtocol))
			for rows.Next() {
				var line string
				ok(t, rows.Scan(&line))
				plan = append(plan, line)
			}
			ok(t, rows.Err())
			return plan
		})
	}
	if checked < 15 {
		t.Errorf("only %d statements were seen", checked)
	}
}

func businessOf(t *testing.T, s *models.Store, webhook int64) (id int64) {
	t.Helper()
	ok(t, s.DB().Raw("SELECT business_id FROM webhooks WHERE id = ?", webhook).Scan(&id).Error)
	return id
}

// TestDroppingADayIsQuick: a day with many rows goes in less than a second while somebody writes.
func TestDroppingADayIsQuick(t *testing.T) {
	t.Parallel()
	s, ctx := open(t, models.Options{DatabaseURL: models.Secret(modelstest.PostgresURL(t))}), t.Context()
	webhook, _ := furnish(t, s, 1)
	leaves(t, s, webhook)
	_, err := s.Maintain(ctx, time.Now(), models.Retention{Events: 35 * 24 * time.Hour, Deliveries: 35 * 24 * time.Hour})
	ok(t, err)
	from := models.FirstID(time.Now().AddDate(0, 0, -35).UTC().Truncate(24 * time.Hour))
	ok(t, s.DB().Exec(`INSERT INTO events SELECT ?::bigint + i, '', 1, 1, 'message.received', 0, 0, 0, now(), repeat('x', 200) FROM generate_series(1, 50000) AS i`, from+1<<30).Error)
	ok(t, s.DB().Exec(`INSERT INTO deliveries SELECT ?::bigint + i, ?, 1, 1, now() FROM generate_series(1, 50000) AS i`, from+1<<30, webhook).Error)
	stop, stopped := make(chan bool), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			cs := []models.Callback{{ReceivedAt: time.Now(), Body: []byte("x")}}
			if err := s.Accept(ctx, s.NewCallbackGroup(cs), cs); err != nil {
				stopped <- err
				return
			}
		}
	}()
	began := time.Now()
	m, err := s.Maintain(ctx, time.Now(), models.Retention{Events: 34 * 24 * time.Hour, Deliveries: 34 * 24 * time.Hour, Callbacks: 60 * 24 * time.Hour})
	took := time.Since(began)
	ok(t, err)
	close(stop)
	ok(t, <-stopped)
	if len(m.Dropped) != 4 || took > time.Second {
		t.Errorf("%v in %v", m.Dropped, took)
	}
}

// TestMakeLeaves: rows of days long ago can be written by hand once there is room for them, on either engine.
func TestMakeLeaves(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		s, ctx := open(t, where), t.Context()
		to := time.Now().AddDate(0, 0, -90)
		from := to.AddDate(0, 0, -5)
		ok(t, s.MakeLeaves(ctx, from, to))
		ok(t, s.MakeLeaves(ctx, from, to)) // they are there
		for _, at := range []time.Time{from, to.AddDate(0, 0, -2), to} {
			ok(t, s.DB().Exec("INSERT INTO callbacks (id, app_id, received_at, body) VALUES (?, 1, ?, '')", models.FirstID(at), at).Error)
		}
		early := from.AddDate(0, 0, -1)
		err := s.DB().Exec("INSERT INTO callbacks (id, app_id, received_at, body) VALUES (?, 1, ?, '')", models.FirstID(early), early).Error
		if postgres := where.DatabaseURL != ""; postgres != (err != nil) {
			t.Errorf("the day before: %v", err)
		}
	})
}

// TestInterruptedDrop: a day that was on its way out when the process ended is gone after the next time, and not in the way.
func TestInterruptedDrop(t *testing.T) {
	t.Parallel()
	s, ctx := open(t, models.Options{DatabaseURL: models.Secret(modelstest.PostgresURL(t))}), t.Context()
	webhook, _ := furnish(t, s, 1)
	leaves(t, s, webhook)
	day := time.Now().AddDate(0, 0, -35).UTC().Format("20060102")
	ok(t, s.DB().Exec("ALTER TABLE deliveries DETACH PARTITION deliveries_"+day).Error)
	// Somebody reads, so the second half of this waits, and the process does not.
	tx := s.DB().Begin()
	defer tx.Rollback()
	ok(t, tx.Exec("SELECT 1 FROM events WHERE id = 1").Error)
	ok(t, s.DB().Connection(func(c *gorm.DB) error {
		c = c.Session(&gorm.Session{})
		ok(t, c.Exec("SET statement_timeout = '50ms'").Error)
		if err := c.Exec("ALTER TABLE events DETACH PARTITION events_" + day + " CONCURRENTLY").Error; err == nil {
			t.Error("nobody was waited for")
		}
		return c.Exec("RESET statement_timeout").Error
	}))
	ok(t, tx.Rollback().Error)
	m := must[models.Maintained](t)(s.Maintain(ctx, time.Now(), models.Retention{}))
	for _, name := range []string{"deliveries_" + day, "events_" + day} {
		if !strings.Contains(fmt.Sprint(m.Dropped), name) {
			t.Errorf("%s is not among %v", name, m.Dropped)
		}
	}
}

// TestMigrateDays: rows of several days, some long ago, are found again after they have become leaves.
func TestMigrateDays(t *testing.T) {
	t.Parallel()
	url := modelstest.EmptyPostgresURL(t)
	db := must[*sql.DB](t)(sql.Open("pgx", url))
	old := must[*goose.Provider](t)(goose.NewProvider(goose.DialectPostgres, db, must[fs.FS](t)(fs.Sub(migrations.Postgres, "postgres"))))
	must[[]*goose.MigrationResult](t)(old.UpTo(t.Context(), 2))
	const at = "'2026-11-21 10:00:00+00:00'"
	must[sql.Result](t)(db.ExecContext(t.Context(), "INSERT INTO businesses (id, name, created_at) VALUES (1, 'Acme', "+at+")"))
	must[sql.Result](t)(db.ExecContext(t.Context(), `INSERT INTO webhooks (id, business_id, name, description, url, events, dialect, retry_schedule, timeout_ms, rate_limit, is_active, disabled_reason, created_at, updated_at)
		VALUES (1, 1, '', '', '', '[]', 'wabagate', 'null', 0, 0, true, '', `+at+", "+at+")"))
	tables := []string{"callbacks", "events", "deliveries", "attempts", "digests"}
	ids := []int64{1, models.FirstID(time.Now().AddDate(0, 0, -200)), models.FirstID(time.Now().AddDate(0, 0, -3)), models.FirstID(time.Now()), models.FirstID(time.Now().AddDate(0, 0, 20))}
	for i, id := range ids {
		for _, row := range []string{
			"INSERT INTO callbacks (id, app_id, received_at, body) VALUES (%[1]d, 2, %[3]s, 'x')",
			"INSERT INTO events VALUES (%[1]d, decode('%032[2]x', 'hex'), 1, 1, 'message.received', 0, 0, %[1]d, %[3]s, '{}')",
			"INSERT INTO deliveries VALUES (%[1]d, 1, 0, 0, %[3]s)",
			"INSERT INTO attempts VALUES (%[1]d, 1, 1, %[3]s, 1, 200, 'delivered', '', 'answer')",
			"INSERT INTO digests VALUES (%[1]d, 'd')",
		} {
			must[sql.Result](t)(db.ExecContext(t.Context(), fmt.Sprintf(row, id, i+1, at)))
		}
	}
	ok(t, db.Close())

	s, ctx := open(t, models.Options{DatabaseURL: models.Secret(url)}), t.Context()
	must[[]string](t)(s.Migrate(ctx))
	for _, table := range tables {
		var n int
		ok(t, s.DB().Raw("SELECT count(*) FROM "+table).Scan(&n).Error)
		if n != len(ids) {
			t.Errorf("%s: %d rows", table, n)
		}
	}
	for i, id := range ids {
		d := must[models.DeliveryDetail](t)(s.Delivery(ctx, 1, id, 1))
		e := must[models.Event](t)(s.EventByKey(ctx, 1, [16]byte{15: byte(i + 1)}))
		if len(d.Attempts) != 1 || e.ID != id || len(must[[]models.Callback](t)(s.Callbacks(ctx, id, id))) != 1 {
			t.Errorf("of %d: %+v, %+v", id, d, e)
		}
	}
	if m := must[models.Maintained](t)(s.Maintain(ctx, time.Now(), models.Retention{Events: 1 << 62, Callbacks: 1 << 62, Deliveries: 1 << 62})); len(m.Made)+len(m.Dropped) != 0 {
		t.Errorf("the migration left to do: %+v", m)
	}
	if m := must[models.Maintained](t)(s.Maintain(ctx, time.Now(), models.Retention{})); m.Unfinished != 2 {
		t.Errorf("%+v", m)
	}
}
