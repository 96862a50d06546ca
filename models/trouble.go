package models

import (
	"context"
	"time"
)

// WebhookTrouble is a webhook that somebody should look after.
type WebhookTrouble struct {
	WebhookName
	// DisabledBy, DisabledAt and Reason are of one that the gateway switched off.
	DisabledBy DisabledBy
	DisabledAt time.Time
	Reason     string
	// Health says since when it has been failing. Mean is how long its attempts take of late; 0: nothing is known.
	Health Health
	Mean   time.Duration
}

// troubleShown bounds each list of webhooks in trouble.
const troubleShown = 200

type troubleRow struct {
	WebhookName    `gorm:"embedded"`
	DisabledBy     string
	DisabledAt     *time.Time
	DisabledReason string
	FailingSince   *time.Time
	Spread         int
	LastSuccessAt  *time.Time
	LastFailureAt  *time.Time
	Mean           int64 // µs
}

func (r troubleRow) trouble() WebhookTrouble {
	return WebhookTrouble{WebhookName: r.WebhookName, DisabledBy: DisabledBy(r.DisabledBy), DisabledAt: timeOrZero(r.DisabledAt).UTC(), Reason: r.DisabledReason, Mean: time.Duration(r.Mean) * time.Microsecond,
		Health: Health{FailCount: r.FailCount, FailingSince: timeOrZero(r.FailingSince).UTC(), Spread: r.Spread, LastSuccessAt: r.LastSuccessAt, LastFailureAt: r.LastFailureAt}}
}

// Disabled lists the webhooks, of every business, that the gateway or their receivers switched off, the latest first, at most 200.
func (s *Store) Disabled(ctx context.Context) ([]WebhookTrouble, error) {
	return s.trouble(ctx, "", "w.is_active = ? AND w.disabled_by IN ? ORDER BY w.disabled_at DESC, w.id LIMIT ?", false, []string{string(ByFailures), string(ByReceiver)}, troubleShown)
}

// Failing lists the active webhooks, of every business, whose deliveries fail, those that have failed longest first, at most 200.
func (s *Store) Failing(ctx context.Context) ([]WebhookTrouble, error) {
	return s.trouble(ctx, "", "w.is_active = ? AND h.failing_since IS NOT NULL ORDER BY h.failing_since, w.id LIMIT ?", true, troubleShown)
}

// slowMean is how long the attempts of a slow webhook take in the mean.
const slowMean = time.Second

// Slow lists the webhooks, of every business, whose attempts took longer than a second in the mean since the hour of a moment, the
// slowest first, at most 200.
func (s *Store) Slow(ctx context.Context, since time.Time) ([]WebhookTrouble, error) {
	return s.trouble(ctx, ` JOIN (SELECT c.webhook_id, CAST(sum(c.us) / sum(c.attempts) AS bigint) AS mean FROM businesses o JOIN delivery_hours c ON c.business_id = o.id AND c.hour >= ?
		WHERE c.attempts > 0 GROUP BY c.webhook_id) AS m ON m.webhook_id = w.id`, "m.mean > ? ORDER BY m.mean DESC, w.id LIMIT ?", hourOf(since), slowMean.Microseconds(), troubleShown)
}

func (s *Store) trouble(ctx context.Context, join, where string, args ...any) ([]WebhookTrouble, error) {
	mean := "0"
	if join != "" {
		mean = "m.mean"
	}
	var rows []troubleRow
	err := s.db.WithContext(ctx).Raw(`SELECT w.id, w.name, w.business_id, b.name AS business, w.is_active AS active, coalesce(h.fail_count, 0) AS fail_count, w.disabled_by, w.disabled_at, w.disabled_reason,
		h.failing_since, coalesce(h.spread, 0) AS spread, h.last_success_at, h.last_failure_at, `+mean+` AS mean
		FROM webhooks w JOIN businesses b ON b.id = w.business_id LEFT JOIN webhook_health h ON h.webhook_id = w.id`+join+` WHERE `+where, args...).Scan(&rows).Error
	list := make([]WebhookTrouble, len(rows))
	for i, r := range rows {
		list[i] = r.trouble()
	}
	return list, translate(err, "webhooks in trouble")
}

// SilentNumber is a number for which nothing comes although it should.
type SilentNumber struct {
	NumberID       int64
	Name, Display  string
	BusinessID     int64
	Business       string
	Since, FoundAt time.Time // the last callback, and when it was told of
}

// SilentNumbers lists the numbers, of every business, that are silent now, the longest first, at most 200.
func (s *Store) SilentNumbers(ctx context.Context) ([]SilentNumber, error) {
	var list []SilentNumber
	err := s.db.WithContext(ctx).Raw(`SELECT n.id AS number_id, n.name, n.display, n.business_id, b.name AS business, s.since, s.found_at FROM silences s
		JOIN numbers n ON n.id = s.number_id JOIN businesses b ON b.id = n.business_id WHERE s.until IS NULL ORDER BY s.since, n.id LIMIT ?`, troubleShown).Scan(&list).Error
	for i := range list {
		list[i].Since, list[i].FoundAt = list[i].Since.UTC(), list[i].FoundAt.UTC()
	}
	return list, translate(err, "silent numbers")
}
