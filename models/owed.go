package models

import (
	"context"
	"fmt"
	"time"
)

// MostOwed is where Owed stops counting what is held for one webhook, or waits in its lanes.
const MostOwed = 100_000

// Owed is what a webhook, or a business, is still to get.
type Owed struct {
	// Pending wait for their first or next attempt, Held until their webhook is on again. Of one webhook at most MostOwed
	// are counted that are held, and as many that wait in lanes.
	Pending, Held int64
}

// Owed counts what is owed now to a business's webhook, or to all of them (0). What it costs grows with what is owed and
// not with the history.
func (s *Store) Owed(ctx context.Context, businessID, webhookID int64) (Owed, error) {
	hooks, args := "SELECT id FROM webhooks WHERE business_id = ?", []any{businessID}
	if webhookID != 0 {
		hooks, args = hooks+" AND id = ?", append(args, webhookID)
	}
	var ids []int64
	db := s.db.WithContext(ctx)
	if err := db.Raw(hooks, args...).Scan(&ids).Error; err != nil || len(ids) == 0 {
		return Owed{}, translate(err, "owed")
	}
	members := "cardinality(members)"
	if s.embedded {
		members = "json_array_length(members)"
	}
	// Webhook by webhook: an index has the deliveries of each.
	each, list := s.each(ids)
	one := func(where string) string {
		return fmt.Sprintf("(SELECT coalesce(sum((SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE d.webhook_id = q.id AND d.%s LIMIT %d) AS few)), 0) FROM %s)", where, MostOwed, each)
	}
	var o struct{ Queued, Waiting, Held int64 }
	err := db.Raw("SELECT (SELECT coalesce(sum("+members+"), 0) FROM outbox WHERE kind = ? AND webhook_id IN ?) AS queued, "+
		one("lane IS NOT NULL")+" AS waiting, "+one("held IS NOT NULL")+" AS held", Deliver, ids, list, list).Scan(&o).Error
	return Owed{Pending: o.Queued + o.Waiting, Held: o.Held}, translate(err, "owed")
}

// Stats is a webhook's record since a moment.
type Stats struct {
	// Total are the deliveries that were made, Succeeded, Failed and Skipped those that ended since, as Count has them.
	Total, Succeeded, Failed, Skipped int64
	// Pending and Held are owed now, whenever they were made; see Owed.
	Pending, Held int64
	Attempts      int64
	// P50, P95 and P99 are latencies of the attempts, at most a fifth off.
	P50, P95, P99 time.Duration
}

// Stats counts what became of a webhook's deliveries in the hours (UTC) since a moment, that of the moment included.
func (s *Store) Stats(ctx context.Context, webhookID int64, since time.Time) (Stats, error) {
	var business []int64
	if err := s.db.WithContext(ctx).Raw("SELECT business_id FROM webhooks WHERE id = ?", webhookID).Scan(&business).Error; err != nil || len(business) == 0 {
		return Stats{}, translate(err, "stats")
	}
	counts, err := s.Counts(ctx, CountFilter{BusinessID: business[0], WebhookID: webhookID, From: since}, CountsKept)
	if err != nil {
		return Stats{}, err
	}
	owed, err := s.Owed(ctx, business[0], webhookID)
	var c Count
	for _, part := range counts {
		c.Add(part)
	}
	return Stats{Total: c.Made, Succeeded: c.Succeeded, Failed: c.Failed, Skipped: c.Skipped, Pending: owed.Pending, Held: owed.Held, Attempts: c.Attempts(),
		P50: c.Latencies.Quantile(0.5), P95: c.Latencies.Quantile(0.95), P99: c.Latencies.Quantile(0.99)}, err
}
