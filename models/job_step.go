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
	due := dueMoment(s.Now())
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
	args = append([]any{Pending, due, r.ID}, append(args, ids[0], ids[len(ids)-1])...)
	var taken []int64
	err = tx.Raw("UPDATE deliveries AS d SET state = ?, base = d.attempts, due_at = ?, job_id = ?, held = NULL WHERE "+where+" AND d.event_id BETWEEN ? AND ?"+within("d.event_id", ids...)+" RETURNING event_id", args...).Scan(&taken).Error
	slices.Sort(taken)
	return taken, err
}

// underWay adds the work that attempts what a job took.
func (s *Store) underWay(tx *gorm.DB, w webhookRow, r jobRow, events []int64, due time.Time) ([]Work, error) {
	turns, alone, err := s.turnsFor(tx, w, r, events)
	if err != nil {
		return nil, err
	}
	var ws []Work
	for _, turn := range turns {
		ws = append(ws, Work{ID: turn.id, Kind: Deliver, Priority: Replayed, WebhookID: r.WebhookID, DueAt: due, JobID: r.ID, Members: turn.events})
	}
	for group := range slices.Chunk(alone, jobGroup) {
		ws = append(ws, Work{ID: s.nextID(), Kind: Deliver, Priority: Replayed, WebhookID: r.WebhookID, DueAt: due, JobID: r.ID, Members: group})
	}
	return ws, s.addWork(tx, ws...)
}

// jobTurn is work that is to be the turn of some lanes, with the events that it attempts.
type jobTurn struct {
	id     int64
	events []int64
}

// turnsFor lets what a catch-up takes enter the lanes of an ordered webhook: it gets their turn or waits in line. What a
// replay takes was there before and keeps no order; neither does what belongs to no conversation.
func (s *Store) turnsFor(tx *gorm.DB, w webhookRow, r jobRow, events []int64) (turns []jobTurn, alone []int64, err error) {
	if JobKind(r.Kind) != CatchUp || w.Ordering != OrderConversation || len(events) == 0 {
		return nil, events, nil
	}
	var rows []struct{ ID, ConversationID int64 }
	if err := tx.Raw("SELECT id, conversation_id FROM events WHERE id IN ?"+within("id", events...)+" ORDER BY conversation_id, sequence", events).Scan(&rows).Error; err != nil {
		return nil, nil, err
	}
	var refs []LaneRef
	var members [][]int64
	for _, e := range rows {
		switch n := len(refs); {
		case e.ConversationID == 0:
			alone = append(alone, e.ID)
		case n > 0 && refs[n-1].ConversationID == e.ConversationID:
			members[n-1] = append(members[n-1], e.ID)
		default:
			refs, members = append(refs, LaneRef{r.WebhookID, e.ConversationID}), append(members, []int64{e.ID})
		}
	}
	work := make([]int64, len(refs))
	for i := range refs {
		first := min(len(members[i]), laneAtOnce)
		if n := len(turns); n == 0 || len(turns[n-1].events)+first > jobGroup {
			turns = append(turns, jobTurn{id: s.nextID()})
		}
		t := &turns[len(turns)-1]
		t.events, work[i] = append(t.events, members[i][:first]...), t.id
	}
	idle, err := s.enterLanes(tx, refs, work)
	if err != nil {
		return nil, nil, err
	}
	var behind []int64
	for i := range refs {
		if idle[i] {
			behind = append(behind, members[i][min(len(members[i]), laneAtOnce):]...)
		} else {
			behind = append(behind, members[i]...)
		}
	}
	if len(behind) == 0 {
		return turns, alone, nil
	}
	for i := range turns {
		turns[i].events = slices.DeleteFunc(turns[i].events, func(e int64) bool { return slices.Contains(behind, e) })
	}
	turns = slices.DeleteFunc(turns, func(t jobTurn) bool { return len(t.events) == 0 })
	return turns, alone, s.lineUp(tx, r.WebhookID, behind)
}
