package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// UpdateWebhook changes a business's webhook: change is called with the kept one, inside the transaction, so it must not
// call the store, and may be called again. Whose the webhook is cannot be changed.
func (s *Store) UpdateWebhook(ctx context.Context, businessID, id int64, change func(*Webhook) error) (Webhook, error) {
	var w Webhook
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		r, err := s.lockWebhook(tx, businessID, id)
		if err != nil {
			return err
		}
		was := r.IsActive
		if w, err = s.webhook(r); err != nil {
			return err
		}
		if err := change(&w); err != nil {
			return err
		}
		w.CatchingUp = r.CatchingUp // jobs alone change it
		w.switched(moment(time.Now()))
		w.ID, w.BusinessID, w.CreatedAt, w.UpdatedAt = r.ID, r.BusinessID, r.CreatedAt, moment(time.Now())
		if err := ownNumber(tx, businessID, w.NumberID); err != nil {
			return err
		}
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		if r, err = with.webhookRow(w); err != nil {
			return err
		}
		if err := tx.Save(&r).Error; err != nil {
			return translate(err, fmt.Sprintf("update webhook %d", id))
		}
		w.UpdatedAt = r.UpdatedAt // GORM's own
		if err := afterSwitch(tx, was, w); err != nil {
			return err
		}
		return raiseRoutes(tx)
	})
	return w, err
}

// historyAtOnce is how many deliveries of a deleted webhook go in one transaction.
const historyAtOnce = 5000

// DeleteWebhook removes a business's webhook, what is under way for it, and then its delivery history. History that is
// left when ctx ends belongs to nobody any more and goes with its events.
func (s *Store) DeleteWebhook(ctx context.Context, businessID, id int64) error {
	if err := s.FoldCounts(ctx); err != nil { // while it is known whose they are
		return err
	}
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		res := tx.Where("business_id = ? AND id = ?", businessID, id).Delete(&webhookRow{})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return ErrNotFound
		}
		of := map[string]string{"outbox": fmt.Sprintf(" AND kind = %d", Deliver)}     // of other kinds it is the id of something else
		for _, table := range []string{"lanes", "jobs", "outbox", "webhook_health"} { // in the order in which Settle writes them
			if err := tx.Exec("DELETE FROM "+table+" WHERE webhook_id = ?"+of[table], id).Error; err != nil {
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
