package models

import (
	"context"
	"encoding/json"
	"time"
)

func (t *sqliteTranslation) Lanes(ctx context.Context, refs []LaneRef, work []int64) ([]bool, error) {
	idle := make([]bool, len(refs))
	for i, r := range refs {
		var turn int64
		var err error
		if idle[i], err = t.s.row(ctx, enterLane, []any{r.WebhookID, r.ConversationID, work[i]}, &turn); err != nil {
			return nil, err
		}
	}
	return idle, nil
}

// sqliteOwnDue: whoever has the turn decides when, and alone, but for what stepped aside.
const sqliteOwnDue = `(l.turn = ? AND e.sequence NOT IN (SELECT value FROM json_each(l.aside)) OR d.due_at <= ? AND NOT EXISTS (SELECT 1 FROM outbox o
	WHERE o.id = l.turn AND o.id <> ? AND d.event_id IN (SELECT value FROM json_each(o.members)) AND e.sequence NOT IN (SELECT value FROM json_each(l.aside))))`

func (s *statements) holdLanes(ctx context.Context, st settlement) ([]lane, error) {
	named := [][2]int64{}
	for _, r := range st.laneRefs() {
		named = append(named, [2]int64{r.WebhookID, r.ConversationID})
	}
	pairs, _ := json.Marshal(named) // numbers always marshal
	q, err := s.prepare(ctx, `SELECT webhook_id, conversation_id, turn, blocked_since, aside FROM lanes WHERE (webhook_id, conversation_id) IN (
		SELECT value ->> 0, value ->> 1 FROM json_each(?)
		UNION SELECT webhook_id, conversation_id FROM lanes WHERE turn IN (SELECT value FROM json_each(?))
		UNION SELECT webhook_id, conversation_id FROM lanes WHERE webhook_id IN (SELECT value FROM json_each(?))) ORDER BY 1, 2`)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, string(pairs), encodeMembers(st.done), encodeMembers(st.standDown))
	if err != nil {
		return nil, err
	}
	var since *time.Time
	var aside string
	return collect(rows, func(l *lane) []any { return []any{&l.WebhookID, &l.ConversationID, &l.Turn, &since, &aside} }, func(l *lane) error {
		l.BlockedSince = timeOrZero(since)
		l.Aside, err = decodeAside(aside)
		return err
	})
}

// decodeAside answers nil for none.
func decodeAside(text string) (sequences []int64, err error) {
	if text == "[]" {
		return nil, nil
	}
	return sequences, json.Unmarshal([]byte(text), &sequences)
}

func (s *statements) moveWaiting(ctx context.Context, m laneMoves, due time.Time) (map[LaneRef][]int64, error) {
	for _, d := range m.back {
		if _, err := s.exec(ctx, `UPDATE deliveries SET lane = ?, lane_sequence = (SELECT sequence FROM events WHERE id = event_id) WHERE event_id = ? AND webhook_id = ? AND state = 0`,
			d.Lane, d.EventID, d.WebhookID); err != nil {
			return nil, err
		}
	}
	for _, r := range m.gone {
		if _, err := s.exec(ctx, `UPDATE deliveries SET state = 3, held = true, lane = NULL, lane_sequence = NULL WHERE webhook_id = ? AND lane = ?`, r.WebhookID, r.ConversationID); err != nil {
			return nil, err
		}
	}
	waiting := map[LaneRef][]int64{}
	for _, r := range m.over {
		q, err := s.prepare(ctx, `SELECT event_id FROM deliveries WHERE webhook_id = ? AND lane = ? ORDER BY lane_sequence LIMIT ?`)
		if err != nil {
			return nil, err
		}
		rows, err := q.QueryContext(ctx, r.WebhookID, r.ConversationID, laneAtOnce)
		if err != nil {
			return nil, err
		}
		if waiting[r], err = collect(rows, func(id *int64) []any { return []any{id} }, nil); err != nil {
			return nil, err
		}
		for _, event := range waiting[r] {
			if _, err := s.exec(ctx, `UPDATE deliveries SET lane = NULL, lane_sequence = NULL, due_at = ? WHERE event_id = ? AND webhook_id = ?`, due, event, r.WebhookID); err != nil {
				return nil, err
			}
		}
	}
	return waiting, nil
}

func (s *statements) keepLanes(ctx context.Context, m laneMoves, up []Work) error {
	for _, l := range m.kept {
		if _, err := s.exec(ctx, `UPDATE lanes SET turn = ?, blocked_since = ?, aside = ? WHERE webhook_id = ? AND conversation_id = ?`,
			l.Turn, momentOrNil(l.BlockedSince), encodeMembers(l.Aside), l.WebhookID, l.ConversationID); err != nil {
			return err
		}
	}
	for _, gone := range [][]LaneRef{m.idle, m.gone} {
		for _, r := range gone {
			if _, err := s.exec(ctx, `DELETE FROM lanes WHERE webhook_id = ? AND conversation_id = ?`, r.WebhookID, r.ConversationID); err != nil {
				return err
			}
		}
	}
	return s.addWork(ctx, up)
}
