package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Webhook is a business's subscription: which events go where, in which dialect, under which secret.
type Webhook struct {
	ID         int64
	BusinessID int64
	// NumberID limits the webhook to one number; nil is all numbers of the business.
	NumberID    *int64
	Name        string
	Description string
	URL         string
	// Events are catalogue names, aliases or wildcards, as the owner wrote them.
	Events  []string
	Dialect string
	// Secret signs deliveries; empty leaves them unsigned.
	Secret Secret
	// RetrySchedule replaces the dialect's when it is not nil; empty but not nil means no retries.
	RetrySchedule []time.Duration
	// Timeout bounds one attempt; 0 means the dialect's.
	Timeout time.Duration
	// RateLimit is deliveries per second; 0 means no limit.
	RateLimit int
	// Headers are sent with every delivery. They may hold credentials and are kept encrypted.
	Headers map[string]string
	Active  bool
	// DisabledReason says why a webhook that is not active is so; empty when its owner switched it off.
	DisabledReason string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Health         Health
}

// Health is what deliveries have shown of a webhook.
type Health struct {
	// FailCount is how many deliveries failed since the last that succeeded.
	FailCount       int64
	LastTriggeredAt time.Time // zero: never
	LastSuccessAt   *time.Time
	LastFailureAt   *time.Time
}

type webhookRow struct {
	ID             int64
	BusinessID     int64
	NumberID       *int64
	Name           string
	Description    string
	URL            string `gorm:"column:url"`
	Events         string // JSON
	Dialect        string
	Secret         []byte
	RetrySchedule  string // JSON
	TimeoutMS      int64  `gorm:"column:timeout_ms"`
	RateLimit      int
	Headers        []byte
	IsActive       bool
	DisabledReason string
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

func (webhookRow) TableName() string { return "webhooks" }

type healthRow struct {
	WebhookID       int64 `gorm:"primaryKey"`
	FailCount       int64
	LastTriggeredAt time.Time
	LastSuccessAt   *time.Time
	LastFailureAt   *time.Time
}

func (healthRow) TableName() string { return "webhook_health" }

func (s *Store) webhookRow(w Webhook) (webhookRow, error) {
	r := webhookRow{ID: w.ID, BusinessID: w.BusinessID, NumberID: w.NumberID, Name: printable(w.Name), Description: printable(w.Description), URL: printable(w.URL),
		Dialect: printable(w.Dialect), Secret: s.ring.Seal(w.Secret, "webhook secret"), TimeoutMS: w.Timeout.Milliseconds(), RateLimit: w.RateLimit,
		IsActive: w.Active, DisabledReason: printable(w.DisabledReason), CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt}
	events, err1 := json.Marshal(w.Events)
	schedule, err2 := json.Marshal(w.RetrySchedule)
	r.Events, r.RetrySchedule = string(events), string(schedule)
	if len(w.Headers) == 0 {
		return r, errors.Join(err1, err2)
	}
	headers, err3 := json.Marshal(w.Headers)
	r.Headers = s.ring.Seal(Secret(headers), "webhook headers")
	return r, errors.Join(err1, err2, err3)
}

func (s *Store) webhook(r webhookRow) (Webhook, error) {
	w := Webhook{ID: r.ID, BusinessID: r.BusinessID, NumberID: r.NumberID, Name: r.Name, Description: r.Description, URL: r.URL,
		Dialect: r.Dialect, Timeout: time.Duration(r.TimeoutMS) * time.Millisecond,
		RateLimit: r.RateLimit, Active: r.IsActive, DisabledReason: r.DisabledReason, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	var headers Secret
	var err1, err2 error
	w.Secret, err1 = s.ring.Open(r.Secret, "webhook secret")
	headers, err2 = s.ring.Open(r.Headers, "webhook headers")
	if err := errors.Join(err1, err2); err != nil {
		return w, fmt.Errorf("webhook %d: %w", r.ID, err)
	}
	if headers == "" {
		headers = "null"
	}
	err1 = json.Unmarshal([]byte(headers.Text()), &w.Headers)
	err2 = json.Unmarshal([]byte(r.Events), &w.Events)
	if err := errors.Join(err1, err2, json.Unmarshal([]byte(r.RetrySchedule), &w.RetrySchedule)); err != nil {
		return w, fmt.Errorf("read webhook %d: %w", r.ID, err)
	}
	return w, nil
}

// CreateWebhook keeps a new webhook. ErrNotFound when the business does not exist or the number is not its own.
func (s *Store) CreateWebhook(ctx context.Context, w Webhook) (Webhook, error) {
	w.CreatedAt = moment(time.Now())
	w.UpdatedAt = w.CreatedAt
	row, err := s.webhookRow(w)
	if err != nil {
		return w, err
	}
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		if err := ownNumber(tx, w.BusinessID, w.NumberID); err != nil {
			return err
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return raiseRoutes(tx)
	})
	w.ID = row.ID
	return w, translate(err, "create webhook")
}

// Webhook reads a business's webhook with its health.
func (s *Store) Webhook(ctx context.Context, businessID, id int64) (Webhook, error) {
	var r webhookRow
	if err := s.db.WithContext(ctx).Where("business_id = ?", businessID).First(&r, id).Error; err != nil {
		return Webhook{}, translate(err, fmt.Sprintf("webhook %d", id))
	}
	w, err := s.webhook(r)
	if err != nil {
		return w, err
	}
	ws, err := s.withHealth(ctx, []Webhook{w})
	return ws[0], err
}

// Webhooks lists a business's webhooks by id, after the given id, at most limit (0: all), each with its health.
func (s *Store) Webhooks(ctx context.Context, businessID, after int64, limit int) ([]Webhook, error) {
	var rows []webhookRow
	q := s.db.WithContext(ctx).Where("business_id = ? AND id > ?", businessID, after).Order("id")
	if limit > 0 {
		q = q.Limit(limit)
	}
	if err := q.Find(&rows).Error; err != nil {
		return nil, translate(err, "list webhooks")
	}
	ws, err := s.openWebhooks(rows)
	if err != nil {
		return nil, err
	}
	return s.withHealth(ctx, ws)
}

func (s *Store) openWebhooks(rows []webhookRow) ([]Webhook, error) {
	ws := make([]Webhook, 0, len(rows))
	for _, r := range rows {
		w, err := s.webhook(r)
		if err != nil {
			return nil, err
		}
		ws = append(ws, w)
	}
	return ws, nil
}

func (s *Store) withHealth(ctx context.Context, ws []Webhook) ([]Webhook, error) {
	if len(ws) == 0 {
		return ws, nil
	}
	ids := make([]int64, len(ws))
	for i, w := range ws {
		ids[i] = w.ID
	}
	var rows []healthRow
	if err := s.db.WithContext(ctx).Where("webhook_id IN ?", ids).Find(&rows).Error; err != nil {
		return ws, translate(err, "webhook health")
	}
	for _, h := range rows {
		for i := range ws {
			if ws[i].ID == h.WebhookID {
				ws[i].Health = Health{FailCount: h.FailCount, LastTriggeredAt: h.LastTriggeredAt, LastSuccessAt: h.LastSuccessAt, LastFailureAt: h.LastFailureAt}
			}
		}
	}
	return ws, nil
}

// UpdateWebhook changes a business's webhook: change is called with the kept one, inside the transaction, so it must not
// call the store, and may be called again. Whose the webhook is cannot be changed.
func (s *Store) UpdateWebhook(ctx context.Context, businessID, id int64, change func(*Webhook) error) (Webhook, error) {
	var w Webhook
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		var r webhookRow
		q := tx.Where("business_id = ?", businessID)
		if !s.embedded {
			q = q.Clauses(clause.Locking{Strength: "UPDATE"})
		}
		if err := q.First(&r, id).Error; err != nil {
			return translate(err, fmt.Sprintf("webhook %d", id))
		}
		var err error
		if w, err = s.webhook(r); err != nil {
			return err
		}
		if err := change(&w); err != nil {
			return err
		}
		w.ID, w.BusinessID, w.CreatedAt, w.UpdatedAt = r.ID, r.BusinessID, r.CreatedAt, moment(time.Now())
		if err := ownNumber(tx, businessID, w.NumberID); err != nil {
			return err
		}
		if r, err = s.webhookRow(w); err != nil {
			return err
		}
		if err := tx.Save(&r).Error; err != nil {
			return translate(err, fmt.Sprintf("update webhook %d", id))
		}
		w.UpdatedAt = r.UpdatedAt // GORM's own
		return raiseRoutes(tx)
	})
	return w, err
}

// historyAtOnce is how many deliveries of a deleted webhook go in one transaction.
const historyAtOnce = 5000

// DeleteWebhook removes a business's webhook, what is under way for it, and then its delivery history. History that is
// left when ctx ends belongs to nobody any more and goes with its events.
func (s *Store) DeleteWebhook(ctx context.Context, businessID, id int64) error {
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		res := tx.Where("business_id = ? AND id = ?", businessID, id).Delete(&webhookRow{})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return ErrNotFound
		}
		for _, table := range []string{"outbox", "webhook_health"} { // in the order in which Settle writes them
			if err := tx.Exec("DELETE FROM "+table+" WHERE webhook_id = ?", id).Error; err != nil {
				return err
			}
		}
		return raiseRoutes(tx)
	})
	for more := true; err == nil && more; {
		err = s.inTx(ctx, func(tx *gorm.DB) error {
			var last *int64
			if err := tx.Raw("SELECT max(event_id) FROM (SELECT event_id FROM deliveries WHERE webhook_id = ? ORDER BY event_id LIMIT ?) AS oldest", id, historyAtOnce).Scan(&last).Error; err != nil {
				return err
			}
			if more = last != nil; !more {
				return nil
			}
			if err := tx.Exec("DELETE FROM attempts WHERE webhook_id = ? AND event_id IN (SELECT event_id FROM deliveries WHERE webhook_id = ? AND event_id <= ?)", id, id, *last).Error; err != nil {
				return err
			}
			return tx.Exec("DELETE FROM deliveries WHERE webhook_id = ? AND event_id <= ?", id, *last).Error
		})
		if ctx.Err() != nil {
			return nil // the webhook is gone
		}
	}
	return translate(err, fmt.Sprintf("delete webhook %d", id))
}

// DisableWebhook switches a webhook off with a reason; one that is off already keeps its reason.
func (s *Store) DisableWebhook(ctx context.Context, id int64, reason string) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		res := tx.Model(&webhookRow{}).Where("id = ? AND is_active = ?", id, true).
			Updates(map[string]any{"is_active": false, "disabled_reason": printable(reason), "updated_at": moment(time.Now())})
		if res.Error != nil || res.RowsAffected == 0 {
			return res.Error
		}
		return raiseRoutes(tx)
	}), fmt.Sprintf("disable webhook %d", id))
}
