package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// jobGroup is how many deliveries a job puts into one piece of work.
const jobGroup = 100

// StepJob hands out the next of a job's deliveries, at most about n, in the order of their events: they are pending and
// due, and the answered work, which is in the outbox, attempts them. There is none while work that was handed out before
// is still to be done, and when the job has ended. Everything happens in one transaction, so a job goes on where it was
// whoever died, and two that step it at once share it out.
//
// A job has ended once nothing is left to hand out and nothing handed out is due; retries may still be to come, and
// are counted when they settle.
func (s *Store) StepJob(ctx context.Context, id int64, n int) (Job, []Work, error) {
	var j Job
	var ws []Work
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		ws = nil
		w, r, err := s.lockJob(tx, id)
		if err != nil {
			return err
		}
		if r.State == string(JobRunning) {
			if ws, err = s.stepJob(tx, w, &r, max(n, 1)); err != nil {
				return err
			}
		}
		j, err = r.job()
		return err
	})
	if err != nil {
		return j, nil, translate(err, fmt.Sprintf("step job %d", id))
	}
	return j, ws, nil
}

func (s *Store) stepJob(tx *gorm.DB, w webhookRow, r *jobRow, n int) ([]Work, error) {
	due := dueMoment(time.Now())
	var busy bool
	if err := tx.Raw("SELECT EXISTS (SELECT 1 FROM outbox WHERE job_id = ? AND due_at <= ?)", r.ID, due.UnixMilli()).Scan(&busy).Error; err != nil || busy {
		return nil, err
	}
	events, err := s.takeForJob(tx, *r, n, due)
	if err != nil {
		return nil, err
	}
	if len(events) < n && w.CatchingUp {
		// That was all; what comes from now on need not be held. A translation that holds something locks the version of
		// the routes: raising it waits for those that are about to commit, and makes all others look again, so that after
		// it this transaction sees the last that was held.
		if err := raiseRoutes(tx); err != nil {
			return nil, err
		}
		last, err := s.takeForJob(tx, *r, n-len(events), due)
		if err != nil {
			return nil, err
		}
		if events = append(events, last...); len(events) < n {
			if err := setCatchingUp(tx, w.ID, false); err != nil {
				return nil, err
			}
		}
	} else if len(events) == 0 {
		r.finish(JobDone, "")
	}
	ws, err := s.underWay(tx, w, *r, events, due)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		r.Cursor, r.Released = max(r.Cursor, slices.Max(events)), r.Released+int64(len(events))
	}
	return ws, tx.Save(r).Error
}

// takeForJob makes the next deliveries of a job pending and answers their events, in order. A catch-up takes the first
// that are held, whatever its cursor says: an event may be committed after others that were made later.
func (s *Store) takeForJob(tx *gorm.DB, r jobRow, n int, due time.Time) ([]int64, error) {
	j, err := r.job()
	if err != nil {
		return nil, err
	}
	where, args := j.Filter.where(j.Kind, j.WebhookID)
	if j.Kind == Replay {
		where, args = where+" AND d.event_id > ?", append(args, j.Cursor)
	}
	var ids []int64
	if err := tx.Raw("SELECT d.event_id FROM deliveries d WHERE "+where+" ORDER BY d.event_id LIMIT ?", append(args, n)...).Scan(&ids).Error; err != nil || len(ids) == 0 {
		return nil, err
	}
	// By range, which finds its place in the time partitions. What came to lie in it meanwhile is taken as well.
	args = append([]any{Pending, due}, append(args, ids[0], ids[len(ids)-1])...)
	var taken []int64
	err = tx.Raw("UPDATE deliveries AS d SET state = ?, base = d.attempts, due_at = ?, held = NULL WHERE "+where+" AND d.event_id BETWEEN ? AND ? RETURNING event_id", args...).Scan(&taken).Error
	slices.Sort(taken)
	return taken, err
}

// underWay adds the work that attempts what a job took.
func (s *Store) underWay(tx *gorm.DB, w webhookRow, r jobRow, events []int64, due time.Time) ([]Work, error) {
	// LANES: for a CatchUp of a webhook with w.Ordering == OrderConversation, the events of a conversation enter their lane
	// here: those whose lane is busy wait (deliveries.lane, lane_sequence) and are left out of the work.
	var ws []Work
	for group := range slices.Chunk(events, jobGroup) {
		ws = append(ws, Work{ID: s.nextID(), Kind: Deliver, Priority: Replayed, WebhookID: r.WebhookID, DueAt: due, JobID: r.ID, Members: group})
	}
	return ws, s.addWork(tx, ws...)
}
