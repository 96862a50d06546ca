package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// ClaimBroadcasts lists the plans that are to be worked on, of every business, and that are the owner's until a moment:
// those that run and whose time has come, and those that were cancelled and are not finished. Each is one owner's at a time;
// an owner who does not come back loses it when the moment has passed.
func (s *Store) ClaimBroadcasts(ctx context.Context, owner int64, until time.Time) ([]BroadcastPlan, error) {
	now := moment(s.Now())
	const todo = `finished_at IS NULL AND (state = 'running' AND (scheduled_at IS NULL OR scheduled_at <= ?) OR state = 'cancelled')`
	var n int64
	if err := s.db.WithContext(ctx).Raw("SELECT count(*) FROM broadcast_plans WHERE "+todo, now).Scan(&n).Error; err != nil || n == 0 {
		return nil, translate(err, "list running broadcasts")
	}
	var rows []planRow
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		rows = nil
		// One's own are renewed when half of their time is over: not with every look.
		if err := tx.Exec("UPDATE broadcast_plans SET lease_owner = ?, lease_until = ? WHERE "+todo+" AND (lease_until IS NULL OR lease_until < ? OR lease_owner = ? AND lease_until < ?)",
			owner, moment(until), now, now, owner, moment(now.Add(until.Sub(now)/2))).Error; err != nil {
			return err
		}
		return tx.Where(todo+" AND lease_owner = ?", now, owner).Order("broadcast_id").Find(&rows).Error
	})
	return plansOf(rows), translate(err, "claim broadcasts")
}

// LeaveBroadcasts ends an owner's claims, for another to go on at once.
func (s *Store) LeaveBroadcasts(ctx context.Context, owner int64) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		return db.Exec("UPDATE broadcast_plans SET lease_until = NULL WHERE lease_owner = ? AND finished_at IS NULL", owner).Error
	}), "leave broadcasts")
}

// OpenSends is how many of a broadcast's messages are not settled.
type OpenSends struct {
	Ready     int64 // for their turn, or underway
	Later     int64 // for another attempt, when its time comes
	Undecided int64
}

// None says that all are settled.
func (o OpenSends) None() bool { return o == OpenSends{} }

// OpenSends counts them.
func (s *Store) OpenSends(ctx context.Context, broadcastID int64) (o OpenSends, err error) {
	var rows []struct {
		State SendState
		Later bool
		N     int64
	}
	err = s.db.WithContext(ctx).Raw("SELECT state, state = 0 AND due_at > ? AS later, count(*) AS n FROM sends WHERE broadcast_id = ? AND state IN (0, 1, 4) GROUP BY 1, 2",
		moment(s.Now().Add(sendSlack)), broadcastID).Scan(&rows).Error
	for _, r := range rows {
		switch {
		case r.State == SendUndecided:
			o.Undecided += r.N
		case r.Later:
			o.Later += r.N
		default:
			o.Ready += r.N
		}
	}
	return o, translate(err, fmt.Sprintf("open messages of broadcast %d", broadcastID))
}

// Release is the turn of a broadcast's next recipients: those after the place From, up to To.
type Release struct {
	BroadcastID, Owner, From, To int64
	Sends                        []Send  // to those who get a message, with their places
	OptedOut                     []int64 // the places of those who want none
	PacedAt                      time.Time
}

// ReleaseBroadcast makes the messages of a release and moves the plan's place, in one transaction, so that every recipient
// has one turn whoever dies when. The work is in the outbox. Nothing is done, and ok is false, when the plan is not as it
// was: it does not run any more, is at another place or somebody else's. Who was erased meanwhile gets no message.
func (s *Store) ReleaseBroadcast(ctx context.Context, r Release) (work []Work, ok bool, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		work, ok = nil, false
		var p planRow
		if err := s.locking(tx).Where("broadcast_id = ?", r.BroadcastID).Take(&p).Error; err != nil {
			return err
		}
		if p.State != string(PlanRunning) || p.Place != r.From || p.LeaseOwner != r.Owner {
			return nil
		}
		now := s.Now()
		sends, err := r.keep(tx, now, s.nextID)
		if err != nil {
			return err
		}
		work, ok = s.sendWork(sends), true
		if err := s.addWork(tx, work...); err != nil {
			return err
		}
		silent := r.To - r.From - int64(len(sends))
		p.Place, p.OptedOut, p.PacedAt = r.To, p.OptedOut+int64(len(r.OptedOut)), momentOrNil(r.PacedAt)
		if err := tx.Save(&p).Error; err != nil || silent == 0 {
			return err
		}
		return tx.Exec("UPDATE broadcasts SET total = total - ?, updated_at = ? WHERE id = ?", silent, moment(now), r.BroadcastID).Error
	})
	return work, ok, translate(err, fmt.Sprintf("release messages of broadcast %d", r.BroadcastID))
}

// keep marks who opted out and adds the messages of all others who were not erased.
func (r Release) keep(tx *gorm.DB, now time.Time, nextID func() int64) ([]Send, error) {
	for places := range slices.Chunk(r.OptedOut, recipientsAtOnce) {
		if err := tx.Exec("UPDATE broadcast_recipients SET mark = ? WHERE broadcast_id = ? AND place IN ? AND mark = 0", markOptedOut, r.BroadcastID, places).Error; err != nil {
			return nil, err
		}
	}
	var erased []int64
	if err := tx.Raw("SELECT place FROM broadcast_recipients WHERE broadcast_id = ? AND place > ? AND place <= ? AND mark = ?", r.BroadcastID, r.From, r.To, markErased).Scan(&erased).Error; err != nil {
		return nil, err
	}
	sends := make([]Send, 0, len(r.Sends))
	for _, v := range r.Sends {
		if slices.Contains(erased, v.Place) {
			continue
		}
		v.ID = nextID()
		v.BroadcastID = r.BroadcastID
		sends = append(sends, v.asked(now))
	}
	for some := range slices.Chunk(sends, 500) {
		if err := insertReleased(tx, some); err != nil {
			return nil, err
		}
	}
	return sends, nil
}

// insertReleased adds messages of a broadcast.
func insertReleased(tx *gorm.DB, sends []Send) error {
	args := make([]any, 0, 15*len(sends))
	for _, v := range sends {
		args = append(args, v.ID, v.BusinessID, v.NumberID, v.Body, textOrNil(v.To), textOrNil(v.Recipient), v.Type, textOrNil(v.Text), textOrNil(v.ReplyTo), textOrNil(v.MediaURL),
			v.SentBy, textOrNil(v.Tracking), v.BroadcastID, v.Place, v.DueAt)
	}
	rows := strings.Repeat(", (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)", len(sends))[2:]
	return tx.Exec(`INSERT INTO sends (id, business_id, number_id, body, to_wa_id, to_user_id, type, text, reply_to, media_url, sent_by, tracking, broadcast_id, place, due_at, state, attempts)
		VALUES `+rows, args...).Error
}

// CancelRest cancels what waits of a cancelled broadcast, such as what was underway when it was cancelled and is to be tried
// again.
func (s *Store) CancelRest(ctx context.Context, broadcastID int64) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error { return cancelWaiting(tx, broadcastID, s.Now()) }), fmt.Sprintf("cancel the rest of broadcast %d", broadcastID))
}

// SettledSends counts a broadcast's messages that went out or failed.
func (s *Store) SettledSends(ctx context.Context, broadcastID int64) (n int64, err error) {
	err = s.db.WithContext(ctx).Raw("SELECT count(*) FROM sends WHERE broadcast_id = ? AND state IN ?", broadcastID, []SendState{SendAccepted, SendFailed}).Scan(&n).Error
	return n, translate(err, fmt.Sprintf("settled messages of broadcast %d", broadcastID))
}

// FinishBroadcast ends a plan of which nothing is left to do: it is completed, unless it was cancelled. Settled is how many
// of its messages went out or failed. One that has ended stays as it is.
func (s *Store) FinishBroadcast(ctx context.Context, p BroadcastPlan, settled int64) (BroadcastPlan, error) {
	return s.changePlan(ctx, p.BusinessID, p.BroadcastID, func(_ *gorm.DB, r *planRow) error {
		if r.FinishedAt != nil {
			return nil
		}
		now := moment(s.Now())
		r.FinishedAt, r.Cancelled = &now, r.Recipients-r.OptedOut-settled
		if r.State != string(PlanCancelled) {
			r.State = string(PlanCompleted)
		}
		return nil
	})
}
