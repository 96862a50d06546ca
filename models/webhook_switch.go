package models

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// ErrOff: the webhook is switched off, and what was asked for needs one that is on.
var ErrOff = errors.New("the webhook is off")

// switched brings what is told of being off in line with Active. Who made a change without saying so is the owner.
func (w *Webhook) switched(at time.Time) {
	if w.Active {
		w.DisabledBy, w.DisabledAt, w.DisabledReason = "", time.Time{}, ""
		return
	}
	w.CatchingUp = false
	if w.DisabledAt.IsZero() {
		w.DisabledBy, w.DisabledAt = ByOwner, at
	}
}

// lockWebhook reads a webhook that nobody else changes until the transaction ends. Whoever takes several locks takes
// them in this order: webhook, its job, its deliveries, its work, its health, and the version of the routes.
func (s *Store) lockWebhook(tx *gorm.DB, businessID, id int64) (webhookRow, error) {
	var r webhookRow
	return r, translate(s.locking(tx).Where("business_id = ?", businessID).First(&r, id).Error, fmt.Sprintf("webhook %d", id))
}

// locking makes a query lock what it reads. The embedded database has one writer at a time anyway.
func (s *Store) locking(q *gorm.DB) *gorm.DB {
	if s.embedded {
		return q
	}
	return q.Clauses(clause.Locking{Strength: "UPDATE"})
}

// afterSwitch does what belongs to a webhook's being switched off, or on: its job ends, or its health starts anew.
func afterSwitch(tx *gorm.DB, was bool, w Webhook) error {
	switch {
	case was && !w.Active:
		return endJobsOf(tx, w.ID, "the webhook was switched off")
	case !was && w.Active:
		return clearFailing(tx, w.ID)
	}
	return nil
}

func clearFailing(tx *gorm.DB, id int64) error {
	return tx.Exec("UPDATE webhook_health SET failing_since = NULL, spread = 0, spread_at = NULL, warned = 0 WHERE webhook_id = ?", id).Error
}

// DisableWebhook switches a webhook off and ends its running job. One that is off already keeps who switched it off, and
// why; changed is false then, and for one that is gone.
func (s *Store) DisableWebhook(ctx context.Context, id int64, by DisabledBy, reason string) (changed bool, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		now := moment(s.Now())
		res := tx.Model(&webhookRow{}).Where("id = ? AND is_active = ?", id, true).Updates(map[string]any{"is_active": false, "catching_up": false,
			"disabled_by": string(by), "disabled_at": now, "disabled_reason": printable(reason), "updated_at": now})
		if changed = res.RowsAffected > 0; res.Error != nil || !changed {
			return res.Error
		}
		if err := endJobsOf(tx, id, "the webhook was switched off"); err != nil {
			return err
		}
		var w webhookRow
		if err := tx.Select("business_id", "name").First(&w, id).Error; err != nil {
			return err
		}
		if err := s.recordIn(tx, AuditEntry{BusinessID: w.BusinessID, Actor: SystemActor, Action: "webhook.disabled", Object: Object{"webhook", strconv.FormatInt(id, 10), w.Name},
			Changes: []Change{{"is_active", true, false}, {"disabled_by", nil, string(by)}}}); err != nil {
			return err
		}
		return raiseRoutes(tx)
	})
	return changed && err == nil, translate(err, fmt.Sprintf("disable webhook %d", id))
}

// ResumeWebhook switches a business's webhook on, as good as new: nothing counts as failing. With catchUp, a job delivers
// what was held, and what comes meanwhile is held until its turn, all in one transaction, so that nothing is overtaken or
// left. Without, held deliveries stay held: SkipHeld, called after this, gives them up. ErrConflict when catchUp is asked
// for while another job of the webhook is running.
func (s *Store) ResumeWebhook(ctx context.Context, businessID, id int64, catchUp bool) (Webhook, *Job, error) {
	var w Webhook
	var job *Job
	var err error
	asked := Job{BusinessID: businessID, WebhookID: id, Kind: CatchUp}
	if catchUp {
		if asked, err = s.newJob(ctx, asked); err != nil {
			return w, nil, err
		}
	}
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		job = nil
		r, err := s.lockWebhook(tx, businessID, id)
		if err != nil {
			return err
		}
		was := r.IsActive
		r.IsActive, r.CatchingUp, r.DisabledBy, r.DisabledAt, r.DisabledReason = true, r.CatchingUp || catchUp, "", nil, ""
		if w, err = s.webhook(r); err != nil {
			return err
		}
		if err := tx.Save(&r).Error; err != nil {
			return translate(err, fmt.Sprintf("resume webhook %d", id))
		}
		w.UpdatedAt = r.UpdatedAt
		if catchUp {
			made, err := addJob(tx, asked)
			if err != nil {
				return err
			}
			job = &made
		}
		if err := afterSwitch(tx, was, w); err != nil {
			return err
		}
		return raiseRoutes(tx)
	})
	return w, job, err
}
