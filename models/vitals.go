package models

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool is how the connections of a pool to the database are used.
type Pool struct {
	// Name is hot for callbacks, events and deliveries, rest for everything else. The embedded database has one, rest.
	Name               string
	InUse, Idle, Limit int
	// Waits is how often somebody waited for a connection since the start, and Waited how long they all did.
	Waits  int64
	Waited time.Duration
}

// PoolNames are the names that a pool can have.
var PoolNames = [...]string{"hot", "rest"}

// Pools looks at the pools; it asks no database.
func (s *Store) Pools() []Pool {
	if s.embedded {
		db, err := s.db.DB()
		if err != nil {
			return nil
		}
		st := db.Stats()
		return []Pool{{Name: PoolNames[1], InUse: st.InUse, Idle: st.Idle, Limit: st.MaxOpenConnections, Waits: st.WaitCount, Waited: st.WaitDuration}}
	}
	pools := make([]Pool, len(PoolNames))
	for i, p := range [...]*pgxpool.Pool{s.hot.(*postgresEngine).pool, s.rest} {
		st := p.Stat()
		pools[i] = Pool{Name: PoolNames[i], InUse: int(st.AcquiredConns()), Idle: int(st.IdleConns()), Limit: int(st.MaxConns()), Waits: st.EmptyAcquireCount(), Waited: st.EmptyAcquireWaitTime()}
	}
	return pools
}

// RoomAhead is for how much time from now on there are leaves for everything that will be written; negative when they ended
// already, which writers mend one by one at a price. The embedded database has no leaves: ok is false.
func (s *Store) RoomAhead(ctx context.Context, now time.Time) (ahead time.Duration, ok bool, err error) {
	if s.embedded {
		return 0, false, nil
	}
	var names []string
	err = s.db.WithContext(ctx).Raw(`SELECT c.relname::text FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
		WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND NOT i.inhdetachpending`).Scan(&names).Error
	if err != nil {
		return 0, false, fmt.Errorf("list the leaves: %w", err)
	}
	return roomAhead(names, now), true, nil
}

// roomAhead is the end of the leaves of the table that ends first, looked for without a gap from now on.
func roomAhead(names []string, now time.Time) time.Duration {
	there := map[leaf]bool{}
	for _, name := range names {
		if l, ours := leafNamed(name); ours {
			there[l] = true
		}
	}
	least := time.Duration(1<<63 - 1)
	for _, t := range partitionedTables {
		l := t.leaf(FirstID(now))
		if !there[l] {
			return min(least, IDTime(l.from).Sub(now))
		}
		for there[l] {
			l = t.leaf(l.end())
		}
		least = min(least, IDTime(l.from).Sub(now))
	}
	return least
}
