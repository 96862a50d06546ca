package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

const (
	// DisableAfter is how long a webhook fails without one success before it is switched off.
	DisableAfter = 5 * 24 * time.Hour
	// SpreadApart is how far apart failures lie that count towards Health.Spread.
	SpreadApart = 12 * time.Hour
	// spreadNeeded is as many of them as fit into DisableAfter. Time alone would condemn a quiet webhook: it fails on a day
	// with traffic, hears nothing for a week, and its next bad day would be its last. The retries of one event leave up to
	// four such marks in three days, those of two events eight, so no two bad days reach ten; a webhook with traffic all
	// day does just when the five days are over.
	spreadNeeded = int(DisableAfter / SpreadApart)
)

// Disabling says how much of the way to being disabled a webhook has gone, in percent, and whether it is there. The way
// is as long in time, DisableAfter without a success, as in failures, one in every SpreadApart of it; the shorter share
// counts. 0 when it does not fail.
func (h Health) Disabling(now time.Time) (percent int, disable bool) {
	if h.FailingSince.IsZero() {
		return 0, false
	}
	gone := now.Sub(h.FailingSince) / (DisableAfter / 100)
	percent = min(max(0, int(gone)), h.Spread*100/spreadNeeded, 100)
	return percent, percent == 100
}

// Troubled lists the active webhooks, of every business, that are failing or of which a warning stands, with their health.
func (s *Store) Troubled(ctx context.Context) ([]Webhook, error) {
	return s.webhooksWhere(ctx, "is_active = ? AND id IN (SELECT webhook_id FROM webhook_health WHERE failing_since IS NOT NULL OR warned > 0)", true)
}

// Dormant lists the webhooks, of every business, that were switched off because they failed, with their health.
func (s *Store) Dormant(ctx context.Context) ([]Webhook, error) {
	return s.webhooksWhere(ctx, "is_active = ? AND disabled_by = ?", false, string(ByFailures))
}

func (s *Store) webhooksWhere(ctx context.Context, where string, args ...any) ([]Webhook, error) {
	var rows []webhookRow
	if err := s.db.WithContext(ctx).Where(where, args...).Order("id").Find(&rows).Error; err != nil {
		return nil, translate(err, "list webhooks")
	}
	ws, err := s.openWebhooks(rows)
	if err != nil {
		return nil, err
	}
	return s.withHealth(ctx, ws)
}

// SetWarned notes what was announced of a webhook's way to being disabled, in percent; 0 when that is over.
func (s *Store) SetWarned(ctx context.Context, id int64, percent int) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		return db.Exec("UPDATE webhook_health SET warned = ? WHERE webhook_id = ?", percent, id).Error
	}), fmt.Sprintf("warned webhook %d", id))
}
