package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// line is what an engine does for the lanes of a settlement, in this order within one transaction; what becomes of the
// lanes is decided here, once for both engines.
type line interface {
	// holdLanes locks and reads the lanes that a settlement may change, sorted: those of its turns, those whose turn is
	// work that it finishes, those of webhooks that stand down.
	holdLanes(ctx context.Context, s settlement) ([]lane, error)
	// moveWaiting puts in line again what goes back, holds what waits in lanes that are gone, and takes the first of those
	// who wait where the turn is over out of line: due at a moment, by sequence.
	moveWaiting(ctx context.Context, m laneMoves, due time.Time) (map[LaneRef][]int64, error)
	// keepLanes writes the lanes and the work that came up.
	keepLanes(ctx context.Context, m laneMoves, up []Work) error
}

// lane is one as it is kept: busy while it has a turn.
type lane struct {
	LaneRef
	LaneState
}

// settledTurn is a Turn with what its Result says besides.
type settledTurn struct {
	lane LaneRef
	work int64
	Turn
}

// laneMoves is what a settlement does to the lanes that it holds.
type laneMoves struct {
	kept []lane    // as they are from now on
	idle []LaneRef // nothing left to know of them
	over []LaneRef // among kept and idle: those who wait come up
	back []Delivery
	gone []LaneRef
}

const (
	// laneAtOnce is how many of those who wait in a lane come up at once: enough that a long line moves, few enough that
	// one lane does not keep those it shares work with waiting for long.
	laneAtOnce = 20
	// upAtOnce is how many deliveries of a webhook come up as one piece of work.
	upAtOnce = 100
)

// inTurn says whether a settlement speaks of lanes.
func (s settlement) inTurn() bool { return len(s.turns)+len(s.standDown) > 0 }

// settleLanes moves the lanes of a settlement and answers the work that came up. The lanes are locked first, as a
// translation does before it puts anybody in line: whoever comes second sees what the first has done.
func settleLanes(ctx context.Context, l line, s settlement) ([]Work, error) {
	held, err := l.holdLanes(ctx, s)
	if err != nil {
		return nil, err
	}
	m, due := s.move(held), dueMoment(s.now())
	waiting, err := l.moveWaiting(ctx, m, due)
	if err != nil {
		return nil, err
	}
	up := m.comeUp(waiting, s.nextID, due)
	return up, l.keepLanes(ctx, m, up)
}

// move decides what becomes of lanes, turn after turn, as if each had been settled alone.
func (s settlement) move(held []lane) laneMoves {
	var m laneMoves
	lanes := make(map[LaneRef]*lane, len(held))
	for i := range held {
		if l := &held[i]; slices.Contains(s.standDown, l.WebhookID) {
			m.gone = append(m.gone, l.LaneRef)
		} else {
			lanes[l.LaneRef] = l
		}
	}
	over := map[LaneRef]bool{}
	for _, t := range s.turns {
		l := lanes[t.lane]
		if l == nil {
			continue
		}
		if l.Turn == t.work && t.work != 0 {
			l.Turn, l.BlockedSince = cmp.Or(t.Again, t.work), t.BlockedSince
			if t.Over {
				l.Turn, l.BlockedSince, over[t.lane] = 0, time.Time{}, true
			}
			l.Aside = append(l.Aside, t.Aside...)
			for _, event := range t.Back {
				m.back = append(m.back, Delivery{EventID: event, WebhookID: t.lane.WebhookID, Lane: t.lane.ConversationID})
			}
		}
		l.Aside = slices.DeleteFunc(l.Aside, func(n int64) bool { return slices.Contains(t.Rejoined, n) })
	}
	for _, h := range held { // in order
		l := lanes[h.LaneRef]
		if l == nil {
			continue
		}
		if slices.Contains(s.done, l.Turn) { // nobody will ever settle that turn
			l.Turn, l.BlockedSince, over[l.LaneRef] = 0, time.Time{}, true
		}
		if over[l.LaneRef] {
			m.over = append(m.over, l.LaneRef)
		}
		slices.Sort(l.Aside)
		l.Aside = slices.Compact(l.Aside)
		m.kept = append(m.kept, *l)
	}
	slices.SortFunc(m.back, func(a, b Delivery) int {
		return cmp.Or(cmp.Compare(a.EventID, b.EventID), cmp.Compare(a.WebhookID, b.WebhookID))
	})
	return m
}

// comeUp makes work of those who waited, the turn of their lanes. What comes up in one lane stays together.
func (m *laneMoves) comeUp(waiting map[LaneRef][]int64, nextID func() int64, due time.Time) []Work {
	var up []Work
	kept := m.kept[:0]
	for _, l := range m.kept {
		if events := waiting[l.LaneRef]; len(events) > 0 {
			last := len(up) - 1
			if last < 0 || up[last].WebhookID != l.WebhookID || len(up[last].Members)+len(events) > upAtOnce {
				up = append(up, Work{ID: nextID(), Kind: Deliver, Priority: Live, WebhookID: l.WebhookID, DueAt: due})
				last++
			}
			up[last].Members = append(up[last].Members, events...)
			l.Turn = up[last].ID
		}
		if l.Turn == 0 && len(l.Aside) == 0 {
			m.idle = append(m.idle, l.LaneRef)
		} else {
			kept = append(kept, l)
		}
	}
	m.kept = kept
	return up
}

// FreeLanes brings up those who wait in lanes whose turn is work that is no longer there, and answers it. Settlements
// leave none; what removes work in another way, because its events are too old, does.
func (s *Store) FreeLanes(ctx context.Context) ([]Work, error) {
	var rows []struct{ WebhookID, ConversationID, Turn int64 }
	if err := s.db.WithContext(ctx).Raw("SELECT l.webhook_id, l.conversation_id, l.turn FROM lanes l WHERE l.turn <> 0 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.id = l.turn)").
		Scan(&rows).Error; err != nil || len(rows) == 0 {
		return nil, translate(err, "find lanes without a turn")
	}
	rs := make([]Result, len(rows))
	for i, r := range rows {
		rs[i] = Result{WebhookID: r.WebhookID, Work: r.Turn, Turns: []Turn{{ConversationID: r.ConversationID, Over: true}}}
	}
	return s.Settle(ctx, rs)
}

// enterLane makes work the turn of an idle lane, and answers a row only then. A busy one is locked all the same.
const enterLane = `INSERT INTO lanes (webhook_id, conversation_id, turn) VALUES (?, ?, ?)
	ON CONFLICT (webhook_id, conversation_id) DO UPDATE SET turn = excluded.turn WHERE lanes.turn = 0 RETURNING turn`

// enterLanes is Translation.Lanes for a transaction of the Store's own.
func (s *Store) enterLanes(tx *gorm.DB, refs []LaneRef, work []int64) ([]bool, error) {
	order := make([]int, len(refs))
	for i := range refs {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compareLanes(refs[a], refs[b]) })
	idle := make([]bool, len(refs))
	for _, i := range order {
		var turn []int64
		if err := tx.Raw(enterLane, refs[i].WebhookID, refs[i].ConversationID, work[i]).Scan(&turn).Error; err != nil {
			return nil, fmt.Errorf("enter the lane of conversation %d: %w", refs[i].ConversationID, err)
		}
		idle[i] = len(turn) > 0
	}
	return idle, nil
}

// lineUp lets pending deliveries of a webhook wait in the lanes of their conversations, which the transaction has
// entered and found busy.
func (s *Store) lineUp(tx *gorm.DB, webhookID int64, events []int64) error {
	return tx.Exec("UPDATE deliveries SET lane = e.conversation_id, lane_sequence = e.sequence FROM events e WHERE e.id = deliveries.event_id AND deliveries.webhook_id = ? AND deliveries.event_id IN ? AND deliveries.state = ?"+within("deliveries.event_id", events...)+within("e.id", events...),
		webhookID, events, Pending).Error
}

// stepAside takes an event out of the turns of its lane, if there is one: work of its own may attempt it from now on.
// Before the delivery is written, because lanes are locked before deliveries.
func (s *Store) stepAside(tx *gorm.DB, eventID, webhookID int64) error {
	aside, already := "array_append(aside, e.sequence)", "e.sequence = ANY (aside)"
	if s.embedded {
		aside, already = "json_insert(aside, '$[#]', e.sequence)", "e.sequence IN (SELECT value FROM json_each(aside))"
	}
	return tx.Exec("UPDATE lanes SET aside = "+aside+" FROM events e WHERE e.id = ? AND lanes.webhook_id = ? AND lanes.conversation_id = e.conversation_id AND NOT ("+already+")"+within("e.id", eventID),
		eventID, webhookID).Error
}

func compareLanes(a, b LaneRef) int {
	return cmp.Or(cmp.Compare(a.WebhookID, b.WebhookID), cmp.Compare(a.ConversationID, b.ConversationID))
}

// laneRefs are the lanes of a settlement's turns, each once, in order.
func (s settlement) laneRefs() []LaneRef {
	refs := make([]LaneRef, len(s.turns))
	for i, t := range s.turns {
		refs[i] = t.lane
	}
	slices.SortFunc(refs, compareLanes)
	return slices.Compact(refs)
}
