package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// HeldCount is how many deliveries there are, and when the events of the first and the last of them were made. The times
// are zero when there are none.
type HeldCount struct {
	N              int64
	Oldest, Newest time.Time
}

// heldOrNil is the column held of a delivery.
func heldOrNil(s DeliveryState) *bool {
	if s != Held {
		return nil
	}
	held := true
	return &held
}

// CountHeld counts what a webhook would catch up on.
func (s *Store) CountHeld(ctx context.Context, webhookID int64) (HeldCount, error) {
	return s.CountJob(ctx, webhookID, CatchUp, JobFilter{})
}

// OldestHeld reads the first delivery that a webhook would catch up on; false when there is none.
func (s *Store) OldestHeld(ctx context.Context, webhookID int64) (Due, bool, error) {
	var r struct {
		Event          eventRow `gorm:"embedded"`
		Attempts, Base int
	}
	res := s.db.WithContext(ctx).Raw(`SELECT e.id, e.key, e.business_id, e.number_id, e.type, e.conversation_id, e.sequence, e.callback_id, e.created_at, e.data, d.attempts, d.base
		FROM deliveries d JOIN events e ON e.id = d.event_id
		WHERE d.webhook_id = ? AND d.held IS NOT NULL ORDER BY d.event_id LIMIT 1`, webhookID).Scan(&r)
	if res.Error != nil || res.RowsAffected == 0 {
		return Due{}, false, translate(res.Error, fmt.Sprintf("oldest held delivery of webhook %d", webhookID))
	}
	return Due{Event: r.Event.event(), Attempts: r.Attempts, Base: r.Base}, true, nil
}

// skippedAtOnce is how many held deliveries are given up in one transaction.
const skippedAtOnce = 5000

// SkipHeld gives up what is held of a webhook at this moment, oldest first, and says how much that was. When ctx ends
// before it is done, the rest stays held.
func (s *Store) SkipHeld(ctx context.Context, webhookID int64) (n int64, err error) {
	what := fmt.Sprintf("skip what is held of webhook %d", webhookID)
	var newest *int64
	if err := s.db.WithContext(ctx).Raw("SELECT max(event_id) FROM deliveries WHERE webhook_id = ? AND held IS NOT NULL", webhookID).Scan(&newest).Error; err != nil || newest == nil {
		return 0, translate(err, what)
	}
	for after, more := int64(0), true; more; {
		var skipped int64
		err := s.inTx(ctx, func(tx *gorm.DB) error {
			var ids []int64
			if err := tx.Raw("SELECT event_id FROM deliveries WHERE webhook_id = ? AND held IS NOT NULL AND event_id > ? AND event_id <= ? ORDER BY event_id LIMIT ?",
				webhookID, after, *newest, skippedAtOnce).Scan(&ids).Error; err != nil {
				return err
			}
			if more = len(ids) > 0; !more {
				return nil
			}
			res := tx.Exec("UPDATE deliveries SET state = ?, held = NULL WHERE webhook_id = ? AND held IS NOT NULL AND event_id BETWEEN ? AND ?",
				Skipped, webhookID, ids[0], ids[len(ids)-1])
			after, skipped = ids[len(ids)-1], res.RowsAffected
			if res.Error != nil || skipped == 0 {
				return res.Error
			}
			return s.countSkipped(tx, map[int64]int64{webhookID: skipped})
		})
		if err != nil {
			return n, translate(err, what)
		}
		n += skipped
	}
	return n, nil
}
