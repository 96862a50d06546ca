package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

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
			var first, last *int64
			if err := tx.Raw("SELECT min(event_id), max(event_id) FROM (SELECT event_id FROM deliveries WHERE webhook_id = ? ORDER BY event_id LIMIT ?) AS oldest", id, historyAtOnce).Row().Scan(&first, &last); err != nil {
				return err
			}
			if more = last != nil; !more {
				return nil
			}
			old := within("event_id", *first, *last)
			if err := tx.Exec("DELETE FROM attempts WHERE webhook_id = ? AND event_id IN (SELECT event_id FROM deliveries WHERE webhook_id = ? AND event_id <= ?"+old+")"+old, id, id, *last).Error; err != nil {
				return err
			}
			return tx.Exec("DELETE FROM deliveries WHERE webhook_id = ? AND event_id <= ?"+old, id, *last).Error
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
