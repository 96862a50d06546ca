package models

import (
	"context"
	"fmt"
	"time"
)

// sqliteMaintenance is one run of Maintain: many small transactions, between which others have their turn.
type sqliteMaintenance struct {
	*sqliteEngine
	cutoffs
	// untranslated is the first day with callbacks that nobody has translated.
	untranslated int64
	done         *Maintained
}

func (q *sqliteEngine) maintain(ctx context.Context, _ time.Time, c cutoffs, done *Maintained) error {
	m := &sqliteMaintenance{sqliteEngine: q, cutoffs: c, done: done}
	for _, step := range []func(context.Context) error{m.deleteDeliveries, m.deleteEvents, m.deleteCallbacks, m.empty, m.deleteMessages} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// inParts runs a statement, whose last parameter is how many rows it may change, until it finds no more.
func (m *sqliteMaintenance) inParts(ctx context.Context, changed *int64, statement string, args ...any) error {
	args = append(args[:len(args):len(args)], rowsAtOnce)
	for more := true; more; {
		err := m.inTx(ctx, func(s *statements) error {
			res, err := s.exec(ctx, statement, args...)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			*changed += n
			more = n == rowsAtOnce
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// webhooksOf are those that a table has rows of, deleted ones too. The tables' keys begin with them.
func (m *sqliteMaintenance) webhooksOf(ctx context.Context, table string) ([]int64, error) {
	rows, err := m.db.QueryContext(ctx, `WITH RECURSIVE hooks (id) AS (SELECT min(webhook_id) FROM `+table+`
		UNION ALL SELECT (SELECT min(webhook_id) FROM `+table+` WHERE webhook_id > id) FROM hooks WHERE id IS NOT NULL)
		SELECT id FROM hooks WHERE id IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(id *int64) []any { return []any{id} }, nil)
}

func (m *sqliteMaintenance) deleteDeliveries(ctx context.Context) error {
	for _, table := range []string{"deliveries", "attempts"} {
		hooks, err := m.webhooksOf(ctx, table)
		if err != nil {
			return err
		}
		for _, h := range hooks {
			if table == "deliveries" {
				// Counted apart from their removal: what is settled between counts as it was.
				var n int64
				if err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM deliveries WHERE webhook_id = ? AND event_id < ? AND state IN (?, ?)`,
					h, m.deliveries, int16(Pending), int16(Held)).Scan(&n); err != nil {
					return err
				}
				m.done.Unfinished += n
			}
			if err := m.inParts(ctx, &m.done.Deleted, `DELETE FROM `+table+` WHERE rowid IN (SELECT rowid FROM `+table+`
				WHERE webhook_id = ? AND event_id < ? LIMIT ?)`, h, m.deliveries); err != nil {
				return err
			}
		}
	}
	return m.inParts(ctx, &m.done.Deleted, `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox o WHERE kind = ? AND json_array_length(members) > 0
		AND NOT EXISTS (SELECT 1 FROM json_each(o.members) WHERE value >= ?) LIMIT ?)`, int16(Deliver), m.deliveries)
}

// deleteEvents keeps the keys of those that have to be remembered longer.
func (m *sqliteMaintenance) deleteEvents(ctx context.Context) error {
	if err := m.inParts(ctx, &m.done.Deleted, `DELETE FROM digests WHERE event_id IN (SELECT event_id FROM digests WHERE event_id < ? LIMIT ?)`, m.events); err != nil {
		return err
	}
	for more := true; more; {
		if err := m.inTx(ctx, func(s *statements) error {
			const old = ` FROM events WHERE id < ? ORDER BY id LIMIT ?`
			if _, err := s.exec(ctx, `INSERT INTO event_keys (key, event_id) SELECT key, id FROM (SELECT key, id`+old+`) WHERE id >= ? ON CONFLICT DO NOTHING`,
				m.events, rowsAtOnce, m.identity); err != nil {
				return err
			}
			res, err := s.exec(ctx, `DELETE FROM events WHERE id IN (SELECT id`+old+`)`, m.events, rowsAtOnce)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			m.done.Deleted += n
			more = n == rowsAtOnce
			return err
		}); err != nil {
			return err
		}
	}
	return m.inParts(ctx, &m.done.Deleted, `DELETE FROM event_keys WHERE key IN (SELECT key FROM event_keys WHERE event_id < ? LIMIT ?)`, m.identity)
}

// deleteCallbacks keeps those that nobody has translated. Callbacks that wait for a number are forgotten before that, so
// that one whose number is connected meanwhile is either gone or seen here.
func (m *sqliteMaintenance) deleteCallbacks(ctx context.Context) error {
	if err := m.inParts(ctx, &m.done.Parked, `DELETE FROM parked WHERE (phone_number_id, callback_id) IN
		(SELECT phone_number_id, callback_id FROM parked WHERE callback_id < ? LIMIT ?)`, max(m.cutoffs.callbacks, m.payloads)); err != nil {
		return err
	}
	var oldest *int64
	if err := m.db.QueryRowContext(ctx, `SELECT min(members ->> 0), count(CASE WHEN members ->> 0 < ? THEN 1 END) FROM outbox WHERE kind = ?`, m.cutoffs.callbacks, int16(TranslateCallbacks)).
		Scan(&oldest, &m.done.Waiting); err != nil {
		return err
	}
	m.untranslated = everything.to
	if oldest != nil {
		m.untranslated = dayOf(*oldest)
	}
	return m.inParts(ctx, &m.done.Deleted, `DELETE FROM callbacks WHERE id IN (SELECT id FROM callbacks WHERE id < ? ORDER BY id LIMIT ?)`, min(m.cutoffs.callbacks, m.untranslated))
}

// empty empties the contents of whole days that are old enough for it, each row once.
func (m *sqliteMaintenance) empty(ctx context.Context) error {
	hooks, err := m.webhooksOf(ctx, "deliveries")
	if err != nil {
		return err
	}
	const owed = `EXISTS (SELECT 1 FROM json_each(?) h JOIN deliveries d ON d.webhook_id = h.value AND d.event_id = e.%s WHERE d.state IN (?, ?))`
	toWhom := []any{encodeMembers(hooks), int16(Pending), int16(Held)}
	for _, t := range []struct {
		name, id, statement string
		args                []any
		before              int64
	}{
		{"callbacks", "id", `UPDATE callbacks SET body = x'' WHERE body <> x'' AND id BETWEEN ? AND ?`, nil, min(m.payloads, m.untranslated)},
		{"events", "id", `UPDATE events AS e SET data = '' WHERE data <> '' AND id BETWEEN ? AND ? AND NOT ` + fmt.Sprintf(owed, "id"), toWhom, m.payloads},
		{"digests", "event_id", `DELETE FROM digests AS e WHERE event_id BETWEEN ? AND ? AND NOT ` + fmt.Sprintf(owed, "event_id"), toWhom, m.payloads},
	} {
		from, err := m.pruned(ctx, t.name)
		if err != nil {
			return err
		}
		if err := m.through(ctx, t.name, "", t.id, from, t.before, &m.done.Emptied, t.statement, t.args...); err != nil {
			return err
		}
	}
	from, err := m.pruned(ctx, "attempts")
	if err != nil || from >= m.payloads {
		return err
	}
	if hooks, err = m.webhooksOf(ctx, "attempts"); err != nil {
		return err
	}
	for _, h := range hooks {
		of := fmt.Sprintf("webhook_id = %d AND ", h)
		if err := m.through(ctx, "attempts", of, "event_id", from, m.payloads, &m.done.Emptied, `UPDATE attempts SET answer = '' WHERE `+of+`answer <> '' AND event_id BETWEEN ? AND ?`); err != nil {
			return err
		}
	}
	return m.inTx(ctx, func(s *statements) error { return setPruned(ctx, s, "attempts", m.payloads) })
}

// deleteMessages removes old messages, once per day of the cutoff.
func (m *sqliteMaintenance) deleteMessages(ctx context.Context) error {
	before := FirstID(m.messages)
	if gone, err := m.pruned(ctx, "messages"); err != nil || gone >= before {
		return err
	}
	if err := m.through(ctx, "messages", "", "rowid", 0, everything.to, &m.done.Deleted, `DELETE FROM messages WHERE rowid BETWEEN ? AND ? AND sent_at < ?`, moment(m.messages)); err != nil {
		return err
	}
	return m.inTx(ctx, func(s *statements) error { return setPruned(ctx, s, "messages", before) })
}

// through runs a statement over the rows of a table with ids from one up to another, some at a time: its first parameters
// are the first and the last. How far it came is remembered where all rows of the table are gone through by their own ids.
func (m *sqliteMaintenance) through(ctx context.Context, table, of, id string, from, before int64, changed *int64, statement string, args ...any) error {
	for from < before {
		if err := m.inTx(ctx, func(s *statements) error {
			var last *int64
			if _, err := s.row(ctx, `SELECT max(id) FROM (SELECT `+id+` AS id FROM `+table+` WHERE `+of+id+` >= ? AND `+id+` < ? ORDER BY `+id+` LIMIT ?)`,
				[]any{from, before, rowsAtOnce}, &last); err != nil {
				return err
			}
			next := before
			if last != nil {
				res, err := s.exec(ctx, statement, append([]any{from, *last}, args...)...)
				if err != nil {
					return err
				}
				n, err := res.RowsAffected()
				if err != nil {
					return err
				}
				*changed += n
				next = *last + 1
			}
			from = next
			if of != "" || id == "rowid" {
				return nil
			}
			return setPruned(ctx, s, table, next)
		}); err != nil {
			return err
		}
	}
	return nil
}

// pruned is up to which id a table has been gone through.
func (m *sqliteMaintenance) pruned(ctx context.Context, table string) (id int64, err error) {
	err = m.db.QueryRowContext(ctx, `SELECT coalesce(max(before_id), 0) FROM pruned WHERE name = ?`, table).Scan(&id)
	return id, err
}

func setPruned(ctx context.Context, s *statements, table string, before int64) error {
	_, err := s.exec(ctx, `INSERT INTO pruned (name, before_id) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET before_id = excluded.before_id`, table, before)
	return err
}
