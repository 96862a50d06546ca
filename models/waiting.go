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

// WaitingAll is all that is unfinished, by webhook and by kind.
type WaitingAll struct {
	Backlog
	Tasks int64 // pieces of work, of every kind
	// Webhooks are those for which something waits, the most first; Names are what is known of them, and of the businesses.
	Webhooks []WebhookWaiting
	Names    map[int64]WebhookName
}

// WaitingAll counts the outbox. It reads all of it, which takes a second when millions of pieces wait.
func (s *Store) WaitingAll(ctx context.Context) (WaitingAll, error) {
	var all WaitingAll
	var err error
	if all.Backlog, err = s.Backlog(ctx); err != nil {
		return all, err
	}
	all.Tasks = all.Callbacks + all.Backlog.Deliveries + all.Sends + all.Replies
	if all.Webhooks, err = s.waiting(ctx, "kind = ? GROUP BY webhook_id ORDER BY deliveries DESC, webhook_id", Deliver); err != nil {
		return all, err
	}
	ids := make([]int64, len(all.Webhooks))
	for i, w := range all.Webhooks {
		ids[i] = w.WebhookID
	}
	all.Names, err = s.WebhookNames(ctx, ids)
	return all, err
}

// WebhookName is what a webhook is called, whose it is, and whether it works.
type WebhookName struct {
	ID         int64
	Name       string
	BusinessID int64
	Business   string
	Active     bool
	FailCount  int64
}

// WebhookNames reads the names of webhooks, whoever's they are; those that are gone are missing.
func (s *Store) WebhookNames(ctx context.Context, ids []int64) (map[int64]WebhookName, error) {
	names := make(map[int64]WebhookName, len(ids))
	if len(ids) == 0 {
		return names, nil
	}
	each, list := s.each(ids)
	var rows []WebhookName
	err := s.db.WithContext(ctx).Raw(`SELECT w.id, w.name, w.business_id, b.name AS business, w.is_active AS active, coalesce(h.fail_count, 0) AS fail_count FROM `+each+`
		JOIN webhooks w ON w.id = q.id JOIN businesses b ON b.id = w.business_id LEFT JOIN webhook_health h ON h.webhook_id = w.id`, list).Scan(&rows).Error
	for _, r := range rows {
		names[r.ID] = r
	}
	return names, translate(err, "names of webhooks")
}
