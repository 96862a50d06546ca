package models

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
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
	// Filter is the condition on an event's content, as its owner wrote it; nil: none.
	Filter json.RawMessage
	// Verified says that the address has answered its dialect's challenge, for dialects that have one. VerifyReason says why
	// it is not verified; empty when it is, and when it was not tried.
	Verified     bool
	VerifyReason string
	Active       bool
	// Ordering is OrderNone or OrderConversation.
	Ordering string
	// Auth is who the gateway says it is; the zero value says nothing.
	Auth Auth
	// PreviousSecret signs beside Secret until PreviousUntil, so that a receiver may change over in peace. Empty: none.
	PreviousSecret Secret
	PreviousUntil  time.Time
	// CatchingUp says that a job is delivering what was held: new deliveries are held too and follow in their order.
	CatchingUp bool
	// DisabledBy says who switched a webhook off that is not active.
	DisabledBy DisabledBy
	// DisabledAt is since when; zero while it is active.
	DisabledAt time.Time
	// DisabledReason says why a webhook that is not active is so; empty when its owner switched it off.
	DisabledReason string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Health         Health
}

// The orderings of a webhook.
const (
	OrderNone         = "none"         // events go out as they come
	OrderConversation = "conversation" // those of one conversation one at a time, in sequence
)

// Auth is how the gateway identifies itself to a receiver, besides signatures.
type Auth struct {
	// Kind is "" (nothing), AuthBasic or AuthBearer.
	Kind string
	// User and Password are those of basic; Token is that of bearer.
	User            string
	Password, Token Secret
	// Certificate and Key are the PEM of a client certificate for mutual TLS; empty: none. They go with any Kind.
	Certificate string
	Key         Secret
}

// The kinds of Auth.
const (
	AuthBasic  = "basic"
	AuthBearer = "bearer"
)

// DisabledBy says who switched a webhook off.
type DisabledBy string

// Those who switch webhooks off.
const (
	ByOwner    DisabledBy = "owner"
	ByReceiver DisabledBy = "receiver" // it answered 410
	ByFailures DisabledBy = "failures" // for days
)

// Health is what deliveries have shown of a webhook.
type Health struct {
	// FailingSince is the first failure since the last success; zero: the last attempt succeeded, or there was none.
	FailingSince time.Time
	// Spread counts the failures since then that lie at least SpreadApart after the one counted before, the first
	// included.
	Spread int
	// Warned is the last share of the way to being disabled, in percent, that was announced; 0: none.
	Warned int
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
	Filter         *string // JSON
	Verified       bool
	VerifyReason   string
	IsActive       bool
	Ordering       string
	CatchingUp     bool
	DisabledBy     string
	DisabledAt     *time.Time
	DisabledReason string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Identity       identityRow `gorm:"embedded"`
}

func (webhookRow) TableName() string { return "webhooks" }

type healthRow struct {
	WebhookID       int64 `gorm:"primaryKey"`
	FailCount       int64
	LastTriggeredAt time.Time
	LastSuccessAt   *time.Time
	LastFailureAt   *time.Time
	FailingSince    *time.Time
	Spread          int
	Warned          int
}

func (healthRow) TableName() string { return "webhook_health" }

func (with sealer) webhookRow(w Webhook) (webhookRow, error) {
	r := webhookRow{ID: w.ID, BusinessID: w.BusinessID, NumberID: w.NumberID, Name: printable(w.Name), Description: printable(w.Description), URL: printable(w.URL),
		Dialect: printable(w.Dialect), Secret: with.Seal(w.Secret, webhookSecretPurpose), TimeoutMS: w.Timeout.Milliseconds(), RateLimit: w.RateLimit,
		Verified: w.Verified, VerifyReason: printable(w.VerifyReason), IsActive: w.Active,
		Ordering: cmp.Or(printable(w.Ordering), OrderNone), CatchingUp: w.CatchingUp, DisabledBy: string(w.DisabledBy), DisabledAt: momentOrNil(w.DisabledAt), DisabledReason: printable(w.DisabledReason),
		CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt}
	events, err1 := json.Marshal(w.Events)
	schedule, err2 := json.Marshal(w.RetrySchedule)
	r.Events, r.RetrySchedule = string(events), string(schedule)
	if w.Filter != nil {
		filter := string(printableBytes(w.Filter))
		r.Filter = &filter
	}
	var err3, err4 error
	r.Identity, err3 = with.identityRow(w)
	if len(w.Headers) > 0 {
		var headers []byte
		headers, err4 = json.Marshal(w.Headers)
		r.Headers = with.Seal(Secret(headers), webhookHeadersPurpose)
	}
	return r, errors.Join(err1, err2, err3, err4)
}

func (s *Store) webhook(r webhookRow) (Webhook, error) {
	w := Webhook{ID: r.ID, BusinessID: r.BusinessID, NumberID: r.NumberID, Name: r.Name, Description: r.Description, URL: r.URL,
		Dialect: r.Dialect, Timeout: time.Duration(r.TimeoutMS) * time.Millisecond,
		RateLimit: r.RateLimit, Verified: r.Verified, VerifyReason: r.VerifyReason, Active: r.IsActive,
		Ordering: r.Ordering, CatchingUp: r.CatchingUp, DisabledBy: DisabledBy(r.DisabledBy), DisabledAt: timeOrZero(r.DisabledAt), DisabledReason: r.DisabledReason,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	if r.Filter != nil {
		w.Filter = json.RawMessage(*r.Filter)
	}
	var headers Secret
	var err1, err2 error
	w.Secret, err1 = s.ring.Open(r.Secret, webhookSecretPurpose)
	headers, err2 = s.ring.Open(r.Headers, webhookHeadersPurpose)
	if err := errors.Join(err1, err2, s.openIdentity(r.Identity, &w)); err != nil {
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
	w.Ordering, w.CatchingUp = cmp.Or(w.Ordering, OrderNone), false
	w.switched(w.CreatedAt)
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		if err := ownNumber(tx, w.BusinessID, w.NumberID); err != nil {
			return err
		}
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		row, err := with.webhookRow(w)
		if err != nil {
			return err
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		w.ID = row.ID
		return raiseRoutes(tx)
	})
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
				ws[i].Health = Health{FailingSince: timeOrZero(h.FailingSince), Spread: h.Spread, Warned: h.Warned, FailCount: h.FailCount, LastTriggeredAt: h.LastTriggeredAt, LastSuccessAt: h.LastSuccessAt, LastFailureAt: h.LastFailureAt}
			}
		}
	}
	return ws, nil
}
