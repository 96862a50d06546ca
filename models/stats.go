package models

import (
	"context"
	"time"
)

// Stats is a webhook's record since a moment.
type Stats struct {
	Total, Succeeded, Failed, Pending, Held, Skipped int64
	Attempts                                         int64
	// P50, P95 and P99 are latencies of the newest attempts, at most ten thousand.
	P50, P95, P99 time.Duration
}

// Stats counts a webhook's deliveries of events since a moment.
func (s *Store) Stats(ctx context.Context, webhookID int64, since time.Time) (Stats, error) {
	var st Stats
	var rows []struct {
		State    DeliveryState
		N        int64
		Attempts int64
	}
	err := s.db.WithContext(ctx).Raw("SELECT state, count(*) AS n, coalesce(sum(attempts), 0) AS attempts FROM deliveries WHERE webhook_id = ? AND event_id >= ?"+
		span{dayOf(FirstID(since)), everything.to}.on("event_id")+" GROUP BY state",
		webhookID, FirstID(since)).Scan(&rows).Error
	if err != nil {
		return st, translate(err, "stats")
	}
	for _, r := range rows {
		st.Total += r.N
		st.Attempts += r.Attempts
		switch r.State {
		case Succeeded:
			st.Succeeded = r.N
		case Failed:
			st.Failed = r.N
		case Held:
			st.Held = r.N
		case Skipped:
			st.Skipped = r.N
		case Pending:
			st.Pending = r.N
		}
	}
	p, err := s.hot.latencies(ctx, webhookID, FirstID(since))
	st.P50, st.P95, st.P99 = p[0], p[1], p[2]
	return st, translate(err, "stats")
}
