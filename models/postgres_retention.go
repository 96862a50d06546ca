package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// maintainLock is held by the process that maintains.
	maintainLock = 8_311_207_116
	// daysAhead is for how many days there are leaves before they begin.
	daysAhead = 7
)

// postgresMaintenance is one run of Maintain. It has a connection of its own, because it may take long.
type postgresMaintenance struct {
	*pgx.Conn
	cutoffs
	// untranslated is the first day with callbacks that nobody has translated.
	untranslated int64
	done         *Maintained
}

func (p *postgresEngine) maintain(ctx context.Context, now time.Time, c cutoffs, done *Maintained) error {
	cfg := p.pool.Config().ConnConfig
	cfg.RuntimeParams["lock_timeout"] = "2000" // what cannot be had soon is left to the next time
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var mine bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(maintainLock)).Scan(&mine); err != nil {
		return err
	}
	if done.Busy = !mine; done.Busy {
		return nil
	}
	// Closing gives the lock back too, but not before the server notices.
	defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock_all()`) }()
	if done.Made, err = makeLeaves(ctx, conn, now, now.AddDate(0, 0, daysAhead)); err != nil {
		return err
	}
	m := &postgresMaintenance{Conn: conn, cutoffs: c, done: done}
	for _, step := range []func(context.Context) error{m.findUntranslated, m.dropLeaves, m.dropWork, m.emptyLeaves, m.dropMessages} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// findUntranslated finds the callbacks that nobody has translated. Those that wait for a number are
// removed before, so that one whose number is connected meanwhile is either gone or seen here.
func (m *postgresMaintenance) findUntranslated(ctx context.Context) error {
	tag, err := m.Exec(ctx, `DELETE FROM parked WHERE callback_id < $1`, max(m.callbacks, m.payloads))
	if err != nil {
		return err
	}
	m.done.Parked = tag.RowsAffected()
	var oldest *int64
	if err := m.QueryRow(ctx, `SELECT min(members[1]), count(*) FILTER (WHERE members[1] < $2) FROM outbox WHERE kind = $1`, int16(TranslateCallbacks), m.callbacks).
		Scan(&oldest, &m.done.Waiting); err != nil {
		return err
	}
	m.untranslated = everything.to
	if oldest != nil {
		m.untranslated = dayOf(*oldest)
	}
	return nil
}

// first is the first id that is kept of a table.
func (m *postgresMaintenance) first(table string) int64 {
	switch table {
	case "callbacks":
		return min(m.callbacks, m.untranslated)
	case "deliveries", "attempts":
		return m.deliveries
	case "event_keys":
		return m.identity
	}
	return m.events
}

// dropLeaves finishes what was interrupted and drops the leaves that are wholly old: first detached, which waits for those
// who use the table and lets everybody else through, then dropped, when nobody can be using it.
func (m *postgresMaintenance) dropLeaves(ctx context.Context) error {
	ls, err := keptLeaves(ctx, m.Conn)
	if err != nil {
		return err
	}
	for _, l := range ls {
		if l.detaching {
			if _, err := m.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s DETACH PARTITION %s FINALIZE`, l.table.name, l.name())); err != nil {
				return fmt.Errorf("detach %s: %w", l.name(), err)
			}
		}
	}
	for _, t := range partitionedTables {
		for _, l := range ls {
			if l.table.name != t.name || l.attached && !l.detaching && l.end() > m.first(t.name) {
				continue
			}
			if l.end() > m.first(t.name) { // it was to go, and is to be kept longer now
				if _, err := makeLeaf(ctx, m.Conn, l.leaf); err != nil {
					return err
				}
				continue
			}
			if err := m.dropLeaf(ctx, l); err != nil {
				return fmt.Errorf("drop %s: %w", l.name(), err)
			}
		}
	}
	return nil
}

func (m *postgresMaintenance) dropLeaf(ctx context.Context, l keptLeaf) error {
	if l.attached && !l.detaching {
		if _, err := m.Exec(ctx, `SET statement_timeout = '20s'`); err != nil { // a transaction that never ends is not waited for
			return err
		}
		if _, err := m.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s DETACH PARTITION %s CONCURRENTLY`, l.table.name, l.name())); err != nil {
			return err
		}
		if _, err := m.Exec(ctx, `RESET statement_timeout`); err != nil {
			return err
		}
	}
	if l.table.name == "deliveries" {
		var n int64
		if err := m.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM %s WHERE state IN ($1, $2)`, l.name()), int16(Pending), int16(Held)).Scan(&n); err != nil {
			return err
		}
		m.done.Unfinished += n
	}
	if _, err := m.Exec(ctx, `DROP TABLE `+l.name()); err != nil {
		return err
	}
	m.done.Dropped = append(m.done.Dropped, l.name())
	return nil
}

// dropWork removes the work of deliveries that are all gone.
func (m *postgresMaintenance) dropWork(ctx context.Context) error {
	tag, err := m.Exec(ctx, `DELETE FROM outbox WHERE kind = $1 AND cardinality(members) > 0 AND $2 > ALL (members)`, int16(Deliver), m.deliveries)
	m.done.Deleted += tag.RowsAffected()
	return err
}

// pagesAtOnce is how many pages of a table are gone through in one transaction.
const pagesAtOnce = 64

// emptyLeaves empties the contents of whole days that are old enough for it, each day once.
func (m *postgresMaintenance) emptyLeaves(ctx context.Context) error {
	ls, err := keptLeaves(ctx, m.Conn)
	if err != nil {
		return err
	}
	if _, err := m.Exec(ctx, `CREATE TEMP TABLE owed (event_id bigint PRIMARY KEY)`); err != nil {
		return err
	}
	for _, t := range []struct {
		name, statement string
		before          int64
	}{
		{"callbacks", `UPDATE %s AS r SET body = '' WHERE body <> ''`, min(m.payloads, m.untranslated)},
		{"events", `UPDATE %s AS r SET data = '' WHERE data <> '' AND NOT EXISTS (SELECT 1 FROM owed WHERE event_id = r.id)`, m.payloads},
		{"digests", `DELETE FROM %s AS r WHERE NOT EXISTS (SELECT 1 FROM owed WHERE event_id = r.event_id)`, m.payloads},
		{"attempts", `UPDATE %s AS r SET answer = '' WHERE answer <> ''`, m.payloads},
	} {
		emptied, err := m.pruned(ctx, t.name)
		if err != nil {
			return err
		}
		for _, l := range ls {
			if l.table.name != t.name || l.end() <= emptied || l.end() > t.before {
				continue
			}
			day := span{l.from, l.end()}
			if _, err := m.Exec(ctx, `TRUNCATE owed`); err != nil {
				return err
			}
			if _, err := m.Exec(ctx, `INSERT INTO owed SELECT DISTINCT event_id FROM deliveries WHERE state IN ($1, $2)`+day.on("event_id"), int16(Pending), int16(Held)); err != nil {
				return err
			}
			n, err := m.inParts(ctx, l.name(), fmt.Sprintf(t.statement, l.name()))
			if m.done.Emptied += n; err != nil {
				return fmt.Errorf("empty %s: %w", l.name(), err)
			}
			if err := m.setPruned(ctx, t.name, l.end()); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropMessages removes old messages, once per day of the cutoff.
func (m *postgresMaintenance) dropMessages(ctx context.Context) error {
	before := FirstID(m.messages)
	if gone, err := m.pruned(ctx, "messages"); err != nil || gone >= before {
		return err
	}
	n, err := m.inParts(ctx, "messages", `DELETE FROM messages AS r WHERE sent_at < '`+m.messages.Format(time.RFC3339)+`'`)
	if m.done.Deleted += n; err != nil {
		return err
	}
	return m.setPruned(ctx, "messages", before)
}

// inParts runs a statement over the rows r of a table as they lie, some pages per transaction.
func (m *postgresMaintenance) inParts(ctx context.Context, table, statement string) (changed int64, err error) {
	var pages int64
	if err := m.QueryRow(ctx, `SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint`, table).Scan(&pages); err != nil {
		return 0, err
	}
	for page := int64(0); page < pages; page += pagesAtOnce {
		tag, err := m.Exec(ctx, fmt.Sprintf(`%s AND r.ctid >= '(%d,0)' AND r.ctid < '(%d,0)'`, statement, page, page+pagesAtOnce))
		if changed += tag.RowsAffected(); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// pruned is up to which id a table has been gone through.
func (m *postgresMaintenance) pruned(ctx context.Context, table string) (id int64, err error) {
	err = m.QueryRow(ctx, `SELECT coalesce(max(before_id), 0) FROM pruned WHERE name = $1`, table).Scan(&id)
	return id, err
}

func (m *postgresMaintenance) setPruned(ctx context.Context, table string, before int64) error {
	_, err := m.Exec(ctx, `INSERT INTO pruned (name, before_id) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET before_id = excluded.before_id`, table, before)
	return err
}

// makeLeaves makes those of the days from one moment to another, both included, and names the new ones.
func makeLeaves(ctx context.Context, db beginner, from, to time.Time) (names []string, err error) {
	for _, t := range partitionedTables {
		for _, l := range t.leaves(FirstID(from), FirstID(to)) {
			made, err := makeLeaf(ctx, db, l)
			if err != nil {
				return names, err
			}
			if made {
				names = append(names, l.name())
			}
		}
	}
	return names, nil
}

// keptLeaf is a leaf that exists. Between the steps of its removal it is detaching, then no longer attached.
type keptLeaf struct {
	leaf
	attached, detaching bool
}

// keptLeaves lists the leaves, the oldest first.
func keptLeaves(ctx context.Context, c *pgx.Conn) ([]keptLeaf, error) {
	rows, err := c.Query(ctx, `SELECT c.relname::text, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false)
		FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace`)
	if err != nil {
		return nil, err
	}
	var (
		ls   []keptLeaf
		name string
		l    keptLeaf
	)
	_, err = pgx.ForEachRow(rows, []any{&name, &l.attached, &l.detaching}, func() error {
		var ours bool
		if l.leaf, ours = leafNamed(name); ours {
			ls = append(ls, l)
		}
		return nil
	})
	slices.SortFunc(ls, func(a, b keptLeaf) int { return int((a.from - b.from) / dayIDs) })
	return ls, err
}
