package models

import (
	"context"
	"fmt"
	"time"
)

// WebhookWaiting is how much is under way to a webhook: deliveries to be attempted now, and retries to come.
type WebhookWaiting struct {
	WebhookID, Deliveries int64
	OldestDue             time.Time // zero when nothing waits
}

// Waiting lists the webhooks for which most deliveries wait, the most first, at most limit.
func (s *Store) Waiting(ctx context.Context, limit int) ([]WebhookWaiting, error) {
	return s.waiting(ctx, "kind = ? GROUP BY webhook_id ORDER BY deliveries DESC, webhook_id LIMIT ?", Deliver, limit)
}

// WaitingOf is how much waits for one webhook.
func (s *Store) WaitingOf(ctx context.Context, webhookID int64) (WebhookWaiting, error) {
	ws, err := s.waiting(ctx, "kind = ? AND webhook_id = ? GROUP BY webhook_id", Deliver, webhookID)
	if err != nil || len(ws) == 0 {
		return WebhookWaiting{WebhookID: webhookID}, err
	}
	return ws[0], nil
}

func (s *Store) waiting(ctx context.Context, where string, args ...any) ([]WebhookWaiting, error) {
	length := "cardinality"
	if s.embedded {
		length = "json_array_length"
	}
	var rows []struct{ WebhookID, Deliveries, Oldest int64 }
	err := s.db.WithContext(ctx).Raw(fmt.Sprintf("SELECT webhook_id, sum(%s(members)) AS deliveries, min(due_at) AS oldest FROM outbox WHERE ", length)+where, args...).Scan(&rows).Error
	ws := make([]WebhookWaiting, len(rows))
	for i, r := range rows {
		ws[i] = WebhookWaiting{WebhookID: r.WebhookID, Deliveries: r.Deliveries, OldestDue: time.UnixMilli(r.Oldest)}
	}
	return ws, translate(err, "count what waits")
}
