package models

import (
	"context"
	"database/sql/driver"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresEngine sends each hot transaction as one or two pipelined batches of set-based statements: the round trips
// and the parsing are paid per group, not per row.
type postgresEngine struct {
	pool *pgxpool.Pool
}

// postgresArray passes a list of ids through database/sql as a bigint array.
type postgresArray []int64

func (a postgresArray) Value() (driver.Value, error) {
	return a.text(), nil
}

func (a postgresArray) text() string {
	b := []byte{'{'}
	for i, id := range a {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return string(append(b, '}'))
}

// inTx sends the statements of one batch without waiting for answers in between. A batch without BEGIN is one implicit
// transaction, committed once at its end.
func (p *postgresEngine) inTx(ctx context.Context, b *pgx.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	return p.pool.SendBatch(ctx, b).Close()
}

func (p *postgresEngine) accept(ctx context.Context, w Work, cs []Callback) error {
	return p.assuming(ctx, func(there onConflict) error {
		var b pgx.Batch
		queueCallbacks(&b, cs, there)
		queueWork(&b, []Work{w}, there)
		return p.inTx(ctx, &b)
	})
}

// onConflict is what an insertion does about rows that are there already.
type onConflict string

const (
	// fails takes every row for a new one, which spares PostgreSQL looking for each first and saying in its log, later, that
	// it was right. Rows are there only when another was faster, or when nobody heard of a commit.
	fails   onConflict = ""
	skipped onConflict = " ON CONFLICT DO NOTHING"
)

// assuming is repeat for a transaction that takes the rows it inserts for new ones, and looks when one of them is not.
func (p *postgresEngine) assuming(ctx context.Context, transaction func(onConflict) error) error {
	err := p.repeat(ctx, func() error { return transaction(fails) })
	if duplicated(err) {
		err = p.repeat(ctx, func() error { return transaction(skipped) })
	}
	return err
}

func queueCallbacks(b *pgx.Batch, cs []Callback, there onConflict) {
	n := len(cs)
	if n == 0 {
		return
	}
	ids, apps, numbers, ats, bodies := make([]int64, n), make([]int64, n), make([]int64, n), make([]time.Time, n), make([][]byte, n)
	for i, c := range cs {
		ids[i], apps[i], numbers[i], ats[i], bodies[i] = c.ID, c.AppID, c.NumberID, moment(c.ReceivedAt), c.Body
	}
	b.Queue(`INSERT INTO callbacks (id, app_id, number_id, received_at, body)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::bytea[])`+string(there),
		ids, apps, numbers, ats, bodies)
}

func queueWork(b *pgx.Batch, ws []Work, there onConflict) {
	const into = `INSERT INTO outbox (id, kind, priority, webhook_id, due_at, job_id, members) `
	switch n := len(ws); n {
	case 0:
	case 1:
		w := ws[0]
		b.Queue(into+`VALUES ($1, $2, $3, $4, $5, $6, $7)`+string(there), w.ID, int16(w.Kind), int16(w.Priority), w.WebhookID, w.DueAt.UnixMilli(), idOrNil(w.JobID), w.Members)
	default:
		ids, kinds, priorities, webhooks, due := make([]int64, n), make([]int16, n), make([]int16, n), make([]int64, n), make([]int64, n)
		jobs, members := make([]*int64, n), make([]string, n)
		for i, w := range ws {
			ids[i], kinds[i], priorities[i], webhooks[i], due[i] = w.ID, int16(w.Kind), int16(w.Priority), w.WebhookID, w.DueAt.UnixMilli()
			jobs[i], members[i] = idOrNil(w.JobID), postgresArray(w.Members).text()
		}
		b.Queue(into+`SELECT q.id, q.kind, q.priority, q.webhook_id, q.due_at, q.job_id, q.members::bigint[]
			FROM unnest($1::bigint[], $2::smallint[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
			AS q(id, kind, priority, webhook_id, due_at, job_id, members)`+string(there), ids, kinds, priorities, webhooks, due, jobs, members)
	}
}

func (p *postgresEngine) addWork(ctx context.Context, ws []Work) error {
	var b pgx.Batch
	queueWork(&b, ws, skipped)
	return p.inTx(ctx, &b)
}

func (p *postgresEngine) loadCallbacks(ctx context.Context, first, last int64) ([]Callback, error) {
	return p.callbacks(ctx, `id BETWEEN $1 AND $2`+within("id", first, last), first, last)
}

func (p *postgresEngine) loadCallbacksByID(ctx context.Context, ids []int64) ([]Callback, error) {
	return p.callbacks(ctx, `id = ANY($1::bigint[])`+within("id", ids...), ids)
}

func (p *postgresEngine) callbacks(ctx context.Context, where string, args ...any) ([]Callback, error) {
	rows, err := p.pool.Query(ctx, `SELECT id, app_id, number_id, received_at, body FROM callbacks WHERE `+where+` ORDER BY id`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (c Callback, err error) {
		return c, r.Scan(&c.ID, &c.AppID, &c.NumberID, &c.ReceivedAt, &c.Body)
	})
}

func (p *postgresEngine) unfinished(ctx context.Context, dueBefore time.Time, after int64, limit int) ([]Work, error) {
	rows, err := p.pool.Query(ctx, `SELECT id, kind, priority, webhook_id, due_at, coalesce(job_id, 0), members FROM outbox WHERE id > $1 AND due_at <= $2 ORDER BY id LIMIT $3`,
		after, dueBefore.UnixMilli(), limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (w Work, err error) {
		var due int64
		err = r.Scan(&w.ID, (*int16)(&w.Kind), (*int16)(&w.Priority), &w.WebhookID, &due, &w.JobID, &w.Members)
		w.DueAt = time.UnixMilli(due)
		return w, err
	})
}

func (p *postgresEngine) loadGroup(ctx context.Context, w Work, dueBefore time.Time) ([]Due, error) {
	rows, err := p.pool.Query(ctx, `SELECT e.id, e.key, e.business_id, e.number_id, e.type, e.conversation_id, e.sequence, e.callback_id, e.created_at, e.data,
			d.attempts, d.base, coalesce(d.job_id, 0), coalesce(l.turn, 0), l.blocked_since, l.aside
		FROM (SELECT DISTINCT unnest($2::bigint[]) AS id) AS q JOIN `+looked("deliveries d", "d.webhook_id = $1 AND d.event_id = q.id"+within("d.event_id", w.Members...))+`
		JOIN `+looked("events e", "e.id = q.id"+within("e.id", w.Members...))+`
		`+joinLane+`
		WHERE d.state = 0 AND d.lane IS NULL AND `+ownDue+` ORDER BY q.id`, w.WebhookID, w.Members, moment(dueBefore), w.ID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (d Due, err error) {
		var key []byte
		var since *time.Time
		e := &d.Event
		err = r.Scan(&e.ID, &key, &e.BusinessID, &e.NumberID, &e.Type, &e.ConversationID, &e.Sequence, &e.CallbackID, &e.CreatedAt,
			(*textBytes)(&e.Data), &d.Attempts, &d.Base, &d.JobID, &d.Lane.Turn, &since, &d.Lane.Aside)
		d.Lane.BlockedSince = timeOrZero(since)
		slices.Sort(d.Lane.Aside)
		copy(e.Key[:], key)
		return d, err
	})
}

func (p *postgresEngine) digests(ctx context.Context, events []int64) (map[int64][]byte, error) {
	rows, err := p.pool.Query(ctx, `SELECT event_id, data FROM digests WHERE event_id = ANY($1::bigint[])`+within("event_id", events...), events)
	if err != nil {
		return nil, err
	}
	found := map[int64][]byte{}
	var id int64
	var data textBytes
	_, err = pgx.ForEachRow(rows, []any{&id, &data}, func() error { found[id] = data; return nil })
	return found, err
}

// textBytes scans a text column into bytes without a string between them.
type textBytes []byte

// ScanBytes implements pgtype.BytesScanner; the driver reuses v.
func (t *textBytes) ScanBytes(v []byte) error {
	*t = slices.Clone(v)
	return nil
}

func (p *postgresEngine) settle(ctx context.Context, s settlement) ([]Work, error) {
	if s.inTurn() {
		return p.settleLanes(ctx, s)
	}
	var finished *int64
	err := p.withLeaves(ctx, &s, func(there onConflict) error {
		var b pgx.Batch
		queueAttempts(&b, s.attempts, s.hour, there)
		queueJobCounts(&b, s.updates)
		queueUpdatesByLeaf(&b, s.updates, s.hour)
		finished = queueDone(&b, s.done)
		queueWork(&b, s.next, there)
		queueHealth(&b, s.health)
		return p.inTx(ctx, &b)
	})
	if err != nil || *finished == int64(len(s.done)) {
		return nil, err
	}
	return p.settleLanes(ctx, settlement{done: s.done, nextID: s.nextID, now: s.now})
}

// queueDone finishes work, but for work that is still the turn of a lane: it is not done while others wait for it. The
// count is of what was finished, once the batch is sent.
func queueDone(b *pgx.Batch, done []int64) *int64 {
	var finished int64
	if len(done) > 0 {
		b.Queue(`DELETE FROM outbox o WHERE o.id = ANY($1::bigint[]) AND NOT EXISTS (SELECT 1 FROM lanes l WHERE l.turn = o.id)`, done).Exec(func(tag pgconn.CommandTag) error {
			finished = tag.RowsAffected()
			return nil
		})
	}
	return &finished
}

// queueAttempts keeps attempts, and counts those that are new.
func queueAttempts(b *pgx.Batch, as []Attempt, hour int64, there onConflict) {
	n := len(as)
	if n == 0 {
		return
	}
	events, hooks, ns := make([]int64, n), make([]int64, n), make([]int32, n)
	starts, us, status := make([]time.Time, n), make([]int64, n), make([]int32, n)
	outcomes, reasons, answers, jobs := make([]string, n), make([]string, n), make([]string, n), make([]*int64, n)
	for i, a := range as {
		events[i], hooks[i], ns[i] = a.EventID, a.WebhookID, int32(a.N)
		starts[i], us[i], status[i] = a.StartedAt, a.Duration.Microseconds(), int32(a.Status)
		outcomes[i], reasons[i], answers[i], jobs[i] = a.Outcome, a.Reason, a.Answer, idOrNil(a.JobID)
	}
	const insert = `INSERT INTO attempts (event_id, webhook_id, n, started_at, duration_us, status, outcome, reason, answer, job_id)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::timestamptz[], $5::bigint[], $6::int[], $7::text[], $8::text[], $9::text[], $10::bigint[])`
	columns := []any{events, hooks, ns, starts, us, status, outcomes, reasons, answers, jobs}
	counts := bookedAttempts(as, hour).encode()
	if there == fails {
		b.Queue(insert, columns...)
		queueSlip(b, hour, counts)
		return
	}
	const made = "webhook_id, duration_us, outcome"
	b.Queue(counting("tried", insert+string(there)+" RETURNING "+made, made, "$11", "$12", "$13"), append(columns, hour, counts, n)...)
}

// queueUpdates brings pending deliveries up to date, and counts those that end.
func queueUpdates(b *pgx.Batch, leaf string, ds []settledDelivery, hour int64) {
	n := len(ds)
	if n == 0 {
		return
	}
	events, hooks, states, attempts := make([]int64, n), make([]int64, n), make([]int16, n), make([]int32, n)
	due, failed := make([]time.Time, n), make([]*time.Time, n)
	status, us, at, reasons := make([]*int, n), make([]*int64, n), make([]*time.Time, n), make([]*string, n)
	for i, u := range ds {
		events[i], hooks[i], states[i], attempts[i] = u.EventID, u.webhookID, int16(u.State), int32(u.Attempts)
		due[i], failed[i] = u.DueAt, momentOrNil(u.FailedAt)
		if last := u.last; last != nil {
			took := last.Duration.Microseconds()
			status[i], us[i], at[i], reasons[i] = &last.Status, &took, &last.StartedAt, &last.Reason
		}
	}
	b.Queue(counting("ended", `UPDATE `+leaf+` d SET state = u.state, attempts = u.attempts, due_at = u.due_at, failed_at = coalesce(u.failed_at, d.failed_at),
			held = CASE WHEN u.state = 3 THEN true END,
			lane = CASE WHEN u.state = 0 THEN d.lane END, lane_sequence = CASE WHEN u.state = 0 THEN d.lane_sequence END,
			last_status = coalesce(u.last_status, d.last_status), last_us = coalesce(u.last_us, d.last_us), last_at = coalesce(u.last_at, d.last_at),
			last_reason = coalesce(u.last_reason, d.last_reason)
		FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::int[], $5::timestamptz[], $6::timestamptz[], $7::int[], $8::bigint[], $9::timestamptz[], $10::text[])
			AS u(event_id, webhook_id, state, attempts, due_at, failed_at, last_status, last_us, last_at, last_reason)
		WHERE d.event_id = u.event_id AND d.webhook_id = u.webhook_id AND d.state = 0 RETURNING d.webhook_id, d.state`,
		"webhook_id, state", "$11", "$12", "$13"), events, hooks, states, attempts, due, failed, status, us, at, reasons, hour, bookedUpdates(ds, hour).encode(), n)
}

func queueHealth(b *pgx.Batch, hs []healthChange) {
	n := len(hs)
	if n == 0 {
		return
	}
	hooks, failures := make([]int64, n), make([]int64, n)
	at, success, failure, failing := make([]time.Time, n), make([]*time.Time, n), make([]*time.Time, n), make([]*time.Time, n)
	for i, h := range hs {
		hooks[i], failures[i], at[i], success[i], failure[i] = h.webhookID, h.failures, h.at, momentOrNil(h.success), momentOrNil(h.failure)
		failing[i] = momentOrNil(h.failing)
	}
	// fail_count and what marks a webhook as failing: from zero when anything succeeded meanwhile, else on from where it
	// stood. A webhook that was deleted meanwhile gets no row back. Sorted, because every settlement writes these rows.
	b.Queue(`INSERT INTO webhook_health (webhook_id, fail_count, last_triggered_at, last_success_at, last_failure_at, failing_since, spread, spread_at)
		SELECT u.*, CASE WHEN u.failing IS NULL THEN 0 ELSE 1 END, u.failing
		FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[]) AS u(webhook_id, failures, at, success, failure, failing)
		JOIN webhooks w ON w.id = u.webhook_id ORDER BY u.webhook_id
		ON CONFLICT (webhook_id) DO UPDATE SET
			fail_count = CASE WHEN excluded.last_success_at IS NULL THEN webhook_health.fail_count ELSE 0 END + excluded.fail_count,
			last_triggered_at = greatest(webhook_health.last_triggered_at, excluded.last_triggered_at),
			last_success_at = greatest(webhook_health.last_success_at, excluded.last_success_at),
			last_failure_at = greatest(webhook_health.last_failure_at, excluded.last_failure_at),
			(failing_since, spread, spread_at) = (SELECT
				CASE WHEN fresh THEN excluded.failing_since ELSE webhook_health.failing_since END,
				CASE WHEN fresh THEN excluded.spread ELSE webhook_health.spread + CASE WHEN apart THEN 1 ELSE 0 END END,
				CASE WHEN fresh THEN excluded.spread_at WHEN apart THEN excluded.last_failure_at ELSE webhook_health.spread_at END
				FROM (SELECT excluded.last_success_at IS NOT NULL OR webhook_health.failing_since IS NULL AS fresh,
					excluded.last_failure_at >= webhook_health.spread_at + $7::interval AS apart) AS x)`,
		hooks, failures, at, success, failure, failing, SpreadApart)
}
