package models

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"
)

// FeedCursor is a place in a business's feed, after the last event that was read. The zero value is the beginning.
//
// On PostgreSQL the feed is in the order of transactions and, within one, of ids: an event's id is given before its
// transaction commits, so that a later commit may hold a smaller id. On the embedded database, which has one writer at a
// time, the order of ids is that of commits, and XID is 0.
type FeedCursor struct {
	XID uint64
	ID  int64
}

// FeedFilter narrows a feed. The zero value of a field does not narrow.
type FeedFilter struct {
	After    FeedCursor
	Types    []string // names of the catalogue
	NumberID int64
	Since    time.Time // events that were made before are left out
	Limit    int       // 0 means 50, at most 200
}

// FeedPage is a part of a feed.
type FeedPage struct {
	Events []Event
	// Places are where to go on after each of the events, for who takes a page in parts.
	Places []FeedCursor
	// Next is where to go on, on an empty page too.
	Next FeedCursor
	// More says that there is more already.
	More bool
}

// longestTransaction is longer than any transaction that makes events lives, and than clocks of processes differ: an
// event that is committed after another one has an id that is at most so much older.
const longestTransaction = time.Hour

// Feed reads a business's events in the order in which they were committed. Whoever goes on from Next sees every event
// once: none that commits late is skipped. For that, PostgreSQL's newest events are held back until the transactions that
// began before them have ended, which are all as short as a translation.
//
// It costs what the page holds, plus what the filter leaves out on the way.
func (s *Store) Feed(ctx context.Context, businessID int64, f FeedFilter) (FeedPage, error) {
	limit := pageLimit(f.Limit)
	// First the horizon, then the events before it: what commits in between waits for the next page.
	horizon, err := s.horizon(ctx)
	if err != nil {
		return FeedPage{}, err
	}
	q := s.db.WithContext(ctx).Table("events").Where("business_id = ?", businessID).Limit(limit + 1)
	if s.embedded {
		q = q.Select(eventColumns).Where("id > ? AND id <= ?", f.After.ID, horizon.ID).Order("id")
	} else {
		q = q.Select(eventColumns+", CAST(xid AS text) AS committed_by").Where("(xid, id) > (?, ?) AND xid <= ?", xid8(f.After.XID), f.After.ID, xid8(horizon.XID)).Order("xid, id")
		if f.After.ID > 0 {
			q = q.Where("id >= ?", FirstID(IDTime(f.After.ID).Add(-longestTransaction)))
		}
	}
	if f.NumberID != 0 {
		q = q.Where("number_id = ?", f.NumberID)
	}
	if len(f.Types) > 0 {
		q = q.Where("type IN ?", f.Types)
	}
	if !f.Since.IsZero() {
		q = q.Where("id >= ?", FirstID(f.Since))
	}
	var rows []struct {
		Event       eventRow `gorm:"embedded"`
		CommittedBy string   // not called xid, by which the rows are sorted: as text they would be in another order
	}
	if err := q.Scan(&rows).Error; err != nil {
		return FeedPage{}, translate(err, "feed")
	}
	page := FeedPage{Next: horizon, More: len(rows) > limit}
	if f.After.after(horizon) { // by another process's clock, or of a database that went back in time
		page.Next = f.After
	}
	rows = rows[:min(len(rows), limit)]
	page.Events, page.Places = make([]Event, len(rows)), make([]FeedCursor, len(rows))
	for i, r := range rows {
		xid, _ := strconv.ParseUint(r.CommittedBy, 10, 64) // the embedded database has none
		page.Events[i], page.Places[i] = r.Event.event(), FeedCursor{XID: xid, ID: r.Event.ID}
	}
	if page.More {
		page.Next = page.Places[limit-1]
	}
	return page, nil
}

// FeedNow is the place in every feed after what has been committed so far.
func (s *Store) FeedNow(ctx context.Context) (FeedCursor, error) { return s.horizon(ctx) }

// horizon is the place that no event will be committed before any more.
func (s *Store) horizon(ctx context.Context) (FeedCursor, error) {
	var c FeedCursor
	if s.embedded {
		err := s.db.WithContext(ctx).Raw("SELECT coalesce(max(id), 0) FROM events").Scan(&c.ID).Error
		return c, translate(err, "feed")
	}
	var oldest string
	if err := s.db.WithContext(ctx).Raw("SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text)").Scan(&oldest).Error; err != nil {
		return c, translate(err, "feed")
	}
	xmin, err := strconv.ParseUint(oldest, 10, 64)
	if err != nil {
		return c, fmt.Errorf("feed: %w", err)
	}
	// Every transaction before the oldest that runs has ended; the id tells the time.
	return FeedCursor{XID: xmin - 1, ID: s.NextID()}, nil
}

func (c FeedCursor) after(other FeedCursor) bool {
	return c.XID > other.XID || c.XID == other.XID && c.ID > other.ID
}

// xid8 is a transaction's number as an argument, which the drivers know only as text.
func xid8(xid uint64) any {
	return gorm.Expr("CAST(CAST(? AS text) AS xid8)", strconv.FormatUint(xid, 10))
}

// eventColumns are what eventRow reads.
const eventColumns = "id, key, business_id, number_id, type, conversation_id, sequence, callback_id, created_at, data"
