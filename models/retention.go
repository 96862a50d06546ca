package models

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"
)

// How long things are kept.
const (
	// DefaultRetention is how long history is kept of which nothing else is said.
	DefaultRetention = 30 * 24 * time.Hour
	// inspectionsFor is how long the inspector keeps requests.
	inspectionsFor = 7 * 24 * time.Hour
)

// Retention is how long history is kept, by the day (UTC) in which it was made: a day goes when all of it is older. What
// goes, goes unfinished too, and Maintained counts it; but a callback that nobody has translated is kept.
type Retention struct {
	// Callbacks are kept so long as they came; 0 means DefaultRetention.
	Callbacks time.Duration
	// Events are kept so long; 0 means DefaultRetention. Their deliveries go with them at the latest. That there has been
	// an event is known as long, and for IdentityKept at least.
	Events time.Duration
	// Deliveries are kept so long, with their attempts; 0 means DefaultRetention. One that is still pending or held goes
	// too: shorter than a retry schedule, or than a webhook may be off, loses what was owed.
	Deliveries time.Duration
	// Payloads is after how long contents are emptied while their rows stay: the bodies of callbacks, the data of events,
	// digests, and receivers' answers. 0: as long as the rows. What is still pending or held for somebody when its day
	// comes keeps its contents as long as its row.
	Payloads time.Duration
	// Messages are kept so long after they were sent, and what a business asked to send so long after it was settled; 0: for
	// ever, because they are the conversations.
	Messages time.Duration
	// Audit is how long the audit log is kept; 0 means DefaultAuditRetention.
	Audit time.Duration
}

// Maintained is what Maintain did, as a line for the log.
type Maintained struct {
	// Busy says that another process is at it: nothing was done.
	Busy bool
	// Made and Dropped are names of leaves, which only PostgreSQL has.
	Made, Dropped []string
	// Deleted are rows that went one by one, Emptied those whose contents did.
	Deleted, Emptied int64
	// Unfinished are deliveries that went while they were pending or held, Parked callbacks that went or were emptied
	// while they waited for their number to be connected.
	Unfinished, Parked int64
	// Waiting are groups of callbacks that are old enough to go but that nobody has translated: the oldest of them stays, with
	// every callback since its day.
	Waiting int64
}

// LogValue implements slog.LogValuer.
func (m Maintained) LogValue() slog.Value {
	return slog.GroupValue(slog.Bool("busy", m.Busy), slog.Any("made", m.Made), slog.Any("dropped", m.Dropped), slog.Int64("deleted", m.Deleted),
		slog.Int64("emptied", m.Emptied), slog.Int64("unfinished", m.Unfinished), slog.Int64("parked", m.Parked), slog.Int64("waiting", m.Waiting))
}

// cutoffs are the first ids that are kept.
type cutoffs struct {
	callbacks, events, deliveries, identity, payloads int64
	messages                                          time.Time // zero: all are kept
}

func (r Retention) cutoffs(now time.Time) (c cutoffs, err error) {
	for _, v := range []struct {
		what string
		kept time.Duration
	}{{"callbacks", r.Callbacks}, {"events", r.Events}, {"deliveries", r.Deliveries}, {"payloads", r.Payloads}, {"messages", r.Messages}, {"audit", r.Audit}} {
		if v.kept < 0 {
			return c, fmt.Errorf("retention of %s: %v is negative; 0 is the default", v.what, v.kept)
		}
	}
	first := func(kept, unless time.Duration) int64 {
		if kept == 0 {
			kept = unless
		}
		return dayOf(FirstID(now.Add(-kept)))
	}
	c.callbacks, c.events = first(r.Callbacks, DefaultRetention), first(r.Events, DefaultRetention)
	c.deliveries = max(first(r.Deliveries, DefaultRetention), c.events)
	c.identity = min(first(IdentityKept, 0), c.events)
	if r.Payloads > 0 {
		c.payloads = first(r.Payloads, 0)
	}
	if r.Messages > 0 {
		c.messages = now.Add(-r.Messages).UTC().Truncate(24 * time.Hour)
	}
	return c, nil
}

// Maintain makes room for the days to come and removes what is older than its retention, without holding up writers. It
// is to be called every hour or so, by as many processes as like to: one of them does it. What was done before an error
// is in the answer.
func (s *Store) Maintain(ctx context.Context, now time.Time, r Retention) (Maintained, error) {
	var m Maintained
	began := time.Now()
	c, err := r.cutoffs(now)
	if err == nil {
		err = s.hot.maintain(ctx, now, c, &m)
	}
	if err == nil && !m.Busy {
		err = s.forgetKeys(ctx, FirstID(now.Add(-SendKeyKept)))
	}
	for _, old := range []struct {
		rows string
		args []any
	}{
		{"inspections WHERE id IN (SELECT id FROM inspections WHERE id < ? ORDER BY id LIMIT ?)", []any{FirstID(now.Add(-inspectionsFor)), rowsAtOnce}},
		// Those of a broadcast that goes on are counted when it ends.
		{`sends WHERE id IN (SELECT id FROM sends WHERE id < ? AND settled_at < ? AND (broadcast_id IS NULL OR broadcast_id NOT IN
			(SELECT broadcast_id FROM broadcast_plans WHERE finished_at IS NULL)) ORDER BY id LIMIT ?)`, []any{FirstID(c.messages), moment(c.messages), rowsAtOnce}},
		{`broadcast_recipients WHERE (broadcast_id, place) IN (SELECT r.broadcast_id, r.place FROM broadcast_plans p JOIN broadcast_recipients r ON r.broadcast_id = p.broadcast_id
			WHERE p.finished_at < ? LIMIT ?)`, []any{moment(c.messages), rowsAtOnce}},
		{"number_hours WHERE (number_id, hour) IN (SELECT number_id, hour FROM number_hours WHERE hour < ? LIMIT ?)", []any{hourOf(earlier(IDTime(c.events), now.Add(-CountsKept))), rowsAtOnce}},
		{`delivery_hours WHERE (webhook_id, hour) IN (SELECT h.webhook_id, h.hour FROM businesses b JOIN delivery_hours h ON h.business_id = b.id AND h.hour < ? LIMIT ?)`,
			[]any{hourOf(now.Add(-CountsKept)), rowsAtOnce}},
		{"silences WHERE (number_id, since) IN (SELECT number_id, since FROM silences WHERE until < ? LIMIT ?)", []any{moment(IDTime(c.events)), rowsAtOnce}},
		{"sequence_holes WHERE (conversation_id, first_missing) IN (SELECT conversation_id, first_missing FROM sequence_holes WHERE next_event < ? LIMIT ?)", []any{c.events, rowsAtOnce}},
		{"sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE expires_at <= ? LIMIT ?)", []any{moment(now), rowsAtOnce}},
		{"invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at <= ? LIMIT ?)", []any{moment(now), rowsAtOnce}},
		{"audit WHERE id IN (SELECT id FROM audit WHERE id < ? ORDER BY id LIMIT ?)", []any{r.auditKept(now), rowsAtOnce}},
	} {
		for more := !m.Busy; more && err == nil; { // a transaction that does not begin leaves more as it is
			err = s.inTx(ctx, func(tx *gorm.DB) error {
				res := tx.Exec("DELETE FROM "+old.rows, old.args...)
				more = res.Error == nil && res.RowsAffected == rowsAtOnce
				m.Deleted += res.RowsAffected
				return res.Error
			})
		}
	}
	if !m.Busy {
		s.noteMaintained(ctx, began, m, err)
	}
	if err != nil {
		return m, fmt.Errorf("maintain: %w", err)
	}
	return m, nil
}

// MakeLeaves makes room for rows of the days from one moment to another, both included, for who writes a past by hand.
// Only PostgreSQL needs it: Maintain makes room for the days to come, and the store's own writes for any other.
func (s *Store) MakeLeaves(ctx context.Context, from, to time.Time) error {
	p, partitioned := s.hot.(*postgresEngine)
	if !partitioned {
		return nil
	}
	_, err := makeLeaves(ctx, p.pool, from, to)
	return err
}

// rowsAtOnce is about how many rows go in one transaction.
const rowsAtOnce = 2000
