package models

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"
)

// sqliteEngine runs the same transactions row by row: in one process a statement costs no round trip, and SQLite has
// one writer at a time, so locks and races of the other engine do not arise.
type sqliteEngine struct {
	db *sql.DB
	// writer lets one transaction begin at a time: waiting in SQLite is polling, and who polls may starve.
	writer gate
}

// gate lets one in at a time, in the order of arrival. A nil gate is open.
type gate chan struct{}

// enter waits its turn, or for the end of ctx.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	select {
	case g <- struct{}{}:
		return func() { <-g }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func encodeMembers(ids []int64) string {
	if ids == nil {
		return "[]"
	}
	b, _ := json.Marshal(ids) // numbers always marshal
	return string(b)
}

func (q *sqliteEngine) inTx(ctx context.Context, fn func(*statements) error) error {
	leave, err := q.writer.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	tx, err := q.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // when fn failed or panicked; nothing after a commit
	if err := fn(&statements{tx: tx, prepared: map[string]*sql.Stmt{}}); err != nil {
		return err
	}
	return tx.Commit()
}

// statements prepares each text once per transaction.
type statements struct {
	tx       *sql.Tx
	prepared map[string]*sql.Stmt
}

func (s *statements) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if st, ok := s.prepared[text]; ok {
		return st, nil
	}
	st, err := s.tx.PrepareContext(ctx, text)
	if err == nil {
		s.prepared[text] = st
	}
	return st, err
}

func (s *statements) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	st, err := s.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

// row scans one row and reports whether there was one.
func (s *statements) row(ctx context.Context, text string, args []any, dest ...any) (bool, error) {
	st, err := s.prepare(ctx, text)
	if err != nil {
		return false, err
	}
	switch err := st.QueryRowContext(ctx, args...).Scan(dest...); err {
	case nil:
		return true, nil
	case sql.ErrNoRows:
		return false, nil
	default:
		return false, err
	}
}

func (s *statements) addWork(ctx context.Context, ws []Work) error {
	for _, w := range ws {
		if _, err := s.exec(ctx, `INSERT INTO outbox (id, kind, priority, webhook_id, due_at, job_id, members) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			w.ID, int16(w.Kind), int16(w.Priority), w.WebhookID, w.DueAt.UnixMilli(), idOrNil(w.JobID), encodeMembers(w.Members)); err != nil {
			return err
		}
	}
	return nil
}

// wrote says whether a statement wrote a row.
func wrote(res sql.Result) bool {
	n, _ := res.RowsAffected() // never fails
	return n > 0
}

// count adds counts to the hours. There is one writer at a time, whom nobody waits for.
func (s *statements) count(ctx context.Context, b countBook) error {
	return b.keep(func(text string, args ...any) error {
		_, err := s.exec(ctx, text, args...)
		return err
	})
}

func (s *statements) finish(ctx context.Context, work []int64) error {
	for _, id := range work {
		if _, err := s.exec(ctx, `DELETE FROM outbox WHERE id = ?`, id); err != nil {
			return err
		}
	}
	return nil
}

func (q *sqliteEngine) accept(ctx context.Context, w Work, cs []Callback) error {
	return q.inTx(ctx, func(s *statements) error {
		if err := s.addCallbacks(ctx, cs); err != nil {
			return err
		}
		return s.addWork(ctx, []Work{w})
	})
}

func (s *statements) addCallbacks(ctx context.Context, cs []Callback) error {
	for _, c := range cs {
		if _, err := s.exec(ctx, `INSERT INTO callbacks (id, app_id, number_id, received_at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			c.ID, c.AppID, c.NumberID, moment(c.ReceivedAt), c.Body); err != nil {
			return err
		}
	}
	return nil
}

func (q *sqliteEngine) addWork(ctx context.Context, ws []Work) error {
	return q.inTx(ctx, func(s *statements) error { return s.addWork(ctx, ws) })
}

func (q *sqliteEngine) loadCallbacks(ctx context.Context, first, last int64) ([]Callback, error) {
	return q.callbacks(ctx, `id BETWEEN ? AND ?`, first, last)
}

func (q *sqliteEngine) loadCallbacksByID(ctx context.Context, ids []int64) ([]Callback, error) {
	return q.callbacks(ctx, `id IN (SELECT value FROM json_each(?))`, encodeMembers(ids))
}

func (q *sqliteEngine) callbacks(ctx context.Context, where string, args ...any) ([]Callback, error) {
	rows, err := q.db.QueryContext(ctx, `SELECT id, app_id, number_id, received_at, body FROM callbacks WHERE `+where+` ORDER BY id`, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(c *Callback) []any { return []any{&c.ID, &c.AppID, &c.NumberID, &c.ReceivedAt, &c.Body} }, nil)
}

// collect scans every row into a T; after finishes each, if given.
func collect[T any](rows *sql.Rows, dest func(*T) []any, after func(*T) error) ([]T, error) {
	defer func() { _ = rows.Close() }()
	var out []T
	for rows.Next() {
		var v T
		if err := rows.Scan(dest(&v)...); err != nil {
			return nil, err
		}
		if after != nil {
			if err := after(&v); err != nil {
				return nil, err
			}
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func (q *sqliteEngine) unfinished(ctx context.Context, dueBefore time.Time, after int64, limit int) ([]Work, error) {
	rows, err := q.db.QueryContext(ctx, `SELECT id, kind, priority, webhook_id, due_at, coalesce(job_id, 0), members FROM outbox WHERE id > ? AND due_at <= ? ORDER BY id LIMIT ?`,
		after, dueBefore.UnixMilli(), limit)
	if err != nil {
		return nil, err
	}
	var due int64
	var members string
	return collect(rows, func(w *Work) []any { return []any{&w.ID, &w.Kind, &w.Priority, &w.WebhookID, &due, &w.JobID, &members} }, func(w *Work) error {
		w.DueAt = time.UnixMilli(due)
		return json.Unmarshal([]byte(members), &w.Members)
	})
}

func (q *sqliteEngine) loadGroup(ctx context.Context, w Work, dueBefore time.Time) ([]Due, error) {
	rows, err := q.db.QueryContext(ctx, `SELECT e.id, e.key, e.business_id, e.number_id, e.type, e.conversation_id, e.sequence, e.callback_id, e.created_at, e.data, d.attempts, d.base, coalesce(d.job_id, 0),
			coalesce(l.turn, 0), l.blocked_since, coalesce(l.aside, '[]')
		FROM deliveries d JOIN events e ON e.id = d.event_id
		LEFT JOIN lanes l ON l.webhook_id = d.webhook_id AND l.conversation_id = e.conversation_id
		WHERE d.webhook_id = ? AND d.event_id IN (SELECT value FROM json_each(?)) AND d.state = 0 AND d.lane IS NULL AND `+sqliteOwnDue+` ORDER BY e.id`,
		w.WebhookID, encodeMembers(w.Members), w.ID, moment(dueBefore), w.ID)
	if err != nil {
		return nil, err
	}
	var key []byte
	var since *time.Time
	var aside string
	return collect(rows, func(d *Due) []any {
		e := &d.Event
		return []any{&e.ID, &key, &e.BusinessID, &e.NumberID, &e.Type, &e.ConversationID, &e.Sequence, &e.CallbackID, &e.CreatedAt, &e.Data, &d.Attempts, &d.Base, &d.JobID,
			&d.Lane.Turn, &since, &aside}
	}, func(d *Due) (err error) {
		copy(d.Event.Key[:], key)
		d.Lane.BlockedSince = timeOrZero(since)
		d.Lane.Aside, err = decodeAside(aside)
		slices.Sort(d.Lane.Aside)
		return err
	})
}

func (q *sqliteEngine) digests(ctx context.Context, events []int64) (map[int64][]byte, error) {
	rows, err := q.db.QueryContext(ctx, `SELECT event_id, data FROM digests WHERE event_id IN (SELECT value FROM json_each(?))`, encodeMembers(events))
	if err != nil {
		return nil, err
	}
	ds, err := collect(rows, func(d *Digest) []any { return []any{&d.EventID, &d.Data} }, nil)
	found := make(map[int64][]byte, len(ds))
	for _, d := range ds {
		found[d.EventID] = d.Data
	}
	return found, err
}

func (q *sqliteEngine) settle(ctx context.Context, st settlement) (up []Work, err error) {
	err = q.inTx(ctx, func(s *statements) error {
		counts := countBook{}
		for _, a := range st.attempts {
			res, err := s.exec(ctx, `INSERT INTO attempts (event_id, webhook_id, n, started_at, duration_us, status, outcome, reason, answer, job_id)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				a.EventID, a.WebhookID, a.N, a.StartedAt, a.Duration.Microseconds(), a.Status, a.Outcome, a.Reason, a.Answer, idOrNil(a.JobID))
			if err != nil {
				return err
			}
			if wrote(res) {
				counts.of(a.WebhookID, st.hour).try(a.Duration, a.Outcome)
			}
		}
		for _, u := range st.updates {
			if err := s.countForJob(ctx, u); err != nil {
				return err
			}
			last := make([]any, 4) // nothing is known of it
			if a := u.last; a != nil {
				last = []any{a.Status, a.Duration.Microseconds(), a.StartedAt, a.Reason}
			}
			res, err := s.exec(ctx, `UPDATE deliveries SET last_status = coalesce(?, last_status), last_us = coalesce(?, last_us), last_at = coalesce(?, last_at), last_reason = coalesce(?, last_reason),
				state = ?, attempts = ?, due_at = ?, failed_at = coalesce(?, failed_at), held = ?,
				lane = CASE WHEN ? = 0 THEN lane END, lane_sequence = CASE WHEN ? = 0 THEN lane_sequence END
				WHERE event_id = ? AND webhook_id = ? AND state = 0`,
				append(last, int16(u.State), u.Attempts, u.DueAt, momentOrNil(u.FailedAt), heldOrNil(u.State), int16(u.State), int16(u.State), u.EventID, u.webhookID)...)
			if err != nil {
				return err
			}
			if wrote(res) {
				counts.of(u.webhookID, st.hour).end(u.State)
			}
		}
		if err := s.count(ctx, counts); err != nil {
			return err
		}
		if err := s.finish(ctx, st.done); err != nil {
			return err
		}
		if err := s.addWork(ctx, st.next); err != nil {
			return err
		}
		for _, h := range st.health {
			if _, err := s.exec(ctx, `INSERT INTO webhook_health (webhook_id, fail_count, last_triggered_at, last_success_at, last_failure_at, failing_since, spread, spread_at)
				SELECT id, ?1, ?2, ?3, ?4, ?5, ?5 IS NOT NULL, ?5 FROM webhooks WHERE id = ?6
				ON CONFLICT (webhook_id) DO UPDATE SET
					fail_count = CASE WHEN excluded.last_success_at IS NULL THEN webhook_health.fail_count ELSE 0 END + excluded.fail_count,
					last_triggered_at = max(webhook_health.last_triggered_at, excluded.last_triggered_at),
					last_success_at = max(coalesce(webhook_health.last_success_at, ''), coalesce(excluded.last_success_at, webhook_health.last_success_at)),
					last_failure_at = max(coalesce(webhook_health.last_failure_at, ''), coalesce(excluded.last_failure_at, webhook_health.last_failure_at)),
					(failing_since, spread, spread_at) = (SELECT
						CASE WHEN fresh THEN excluded.failing_since ELSE webhook_health.failing_since END,
						CASE WHEN fresh THEN excluded.spread ELSE webhook_health.spread + coalesce(apart, 0) END,
						CASE WHEN fresh THEN excluded.spread_at WHEN apart THEN excluded.last_failure_at ELSE webhook_health.spread_at END
						FROM (SELECT excluded.last_success_at IS NOT NULL OR webhook_health.failing_since IS NULL AS fresh, webhook_health.spread_at <= ?7 AS apart) AS x)`,
				h.failures, h.at, momentOrNil(h.success), momentOrNil(h.failure), momentOrNil(h.failing), h.webhookID, momentOrNil(h.failure.Add(-SpreadApart))); err != nil {
				return err
			}
		}
		up, err = settleLanes(ctx, s, st)
		return err
	})
	return up, err
}
