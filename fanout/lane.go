package fanout

import (
	"cmp"
	"context"
	"slices"
	"time"

	"wabagate/models"
)

// lanes are the deliveries of one transaction to ordered webhooks, by lane. They are entered when all of them are known.
type lanes struct {
	refs []models.LaneRef
	at   map[models.LaneRef]int // index into refs and members
	// members are what goes into each lane, in sequence.
	members [][]member
}

// member is a delivery that goes into a lane.
type member struct {
	delivery int // index into Changes.Deliveries
	event    int64
	sequence int64
}

func (l *lanes) add(ref models.LaneRef, delivery int, e models.Event) {
	if l.at == nil {
		l.at = map[models.LaneRef]int{}
	}
	i, ok := l.at[ref]
	if !ok {
		i = len(l.refs)
		l.at[ref] = i
		l.refs, l.members = append(l.refs, ref), append(l.members, nil)
	}
	l.members[i] = append(l.members[i], member{delivery, e.ID, e.Sequence})
}

// turnSize bounds the deliveries of one lane that are under way as one turn.
const turnSize = 20

// enterLanes gives each lane's deliveries their turn if the lane is idle, or else their place in line. Lanes of one
// webhook share the work that is their turn.
func (b *batch) enterLanes(ctx context.Context, tx models.Translation) error {
	l := &b.lanes
	if len(l.refs) == 0 {
		return nil
	}
	type turn struct {
		work int64
		room int
	}
	turns, open := make([]int64, len(l.refs)), map[int64]*turn{}
	for i, ref := range l.refs {
		size := min(turnSize, len(l.members[i]))
		t := open[ref.WebhookID]
		if t == nil || t.room < size {
			t = &turn{b.r.nextID(), groupSize}
			open[ref.WebhookID] = t
		}
		t.room -= size
		turns[i] = t.work
	}
	idle, err := tx.Lanes(ctx, l.refs, turns)
	if err != nil {
		return err
	}
	works := map[int64]int{} // index into changes.Work
	for i, ref := range l.refs {
		for n, m := range l.members[i] {
			if !idle[i] || n >= turnSize {
				d := &b.changes.Deliveries[m.delivery]
				d.Lane, d.Sequence = ref.ConversationID, m.sequence
				continue
			}
			at, ok := works[turns[i]]
			if !ok {
				at = len(b.changes.Work)
				works[turns[i]] = at
				b.changes.Work = append(b.changes.Work, models.Work{ID: turns[i], Kind: models.Deliver, Priority: models.Live, WebhookID: ref.WebhookID, DueAt: b.now})
			}
			b.changes.Work[at].Members = append(b.changes.Work[at].Members, m.event)
		}
	}
	return nil
}

// stepsAside says whether an event that fails at the head of its lane lets the others pass: it has blocked them for
// long enough, or will have by its next try, while the webhook takes other events. While the webhook takes nothing at
// all nobody gains by it, and the order is kept.
func stepsAside(since, nextTry time.Time, patience time.Duration, alive bool) bool {
	return alive && nextTry.Sub(since) > patience
}

// runsOf divides what is due into runs: the deliveries of a run are made one after the other, the runs side by side.
// Without order every delivery is a run; with it, those of one conversation are, in sequence.
func runsOf(due []models.Due, inOrder bool) [][]models.Due {
	runs := make([][]models.Due, 0, len(due))
	at := map[int64]int{}
	for i, d := range due {
		v := d.Event.ConversationID
		n, known := at[v]
		if !inOrder || v == 0 || !known {
			at[v] = len(runs)
			runs = append(runs, due[i:i+1:i+1])
			continue
		}
		runs[n] = append(runs[n], d)
	}
	if inOrder {
		for _, run := range runs {
			slices.SortFunc(run, func(a, b models.Due) int { return cmp.Compare(a.Event.Sequence, b.Event.Sequence) })
		}
	}
	return runs
}
