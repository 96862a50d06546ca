package models

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Lanes locks in order, like every settlement, and in one statement: a lane that somebody else removes meanwhile is made
// anew.
func (t *postgresTranslation) Lanes(ctx context.Context, refs []LaneRef, work []int64) ([]bool, error) {
	webhooks, conversations := laneColumns(refs)
	rows, err := t.tx.Query(ctx, `INSERT INTO lanes (webhook_id, conversation_id, turn)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS q(webhook_id, conversation_id, turn) ORDER BY webhook_id, conversation_id
		ON CONFLICT (webhook_id, conversation_id) DO UPDATE SET turn = excluded.turn WHERE lanes.turn = 0
		RETURNING webhook_id, conversation_id`, webhooks, conversations, work)
	if err != nil {
		return nil, err
	}
	entered := make(map[LaneRef]bool, len(refs))
	var r LaneRef
	if _, err = pgx.ForEachRow(rows, []any{&r.WebhookID, &r.ConversationID}, func() error { entered[r] = true; return nil }); err != nil {
		return nil, err
	}
	idle := make([]bool, len(refs))
	for i, r := range refs {
		idle[i] = entered[r]
	}
	return idle, nil
}

// What loadGroup asks of lanes. Whether the webhook has any is asked once: a search for NULL ends before it begins.
// Whoever has the turn decides when, and alone, but for what stepped aside.
const (
	joinLane = `LEFT JOIN lanes l ON l.webhook_id = (SELECT webhook_id FROM lanes WHERE webhook_id = $1 LIMIT 1) AND l.conversation_id = e.conversation_id`
	ownDue   = `(l.turn = $4 AND e.sequence <> ALL (l.aside) OR d.due_at <= $3 AND NOT EXISTS (SELECT 1 FROM outbox o
		WHERE o.id = l.turn AND o.id <> $4 AND d.event_id = ANY (o.members) AND e.sequence <> ALL (l.aside)))`
)

func laneColumns(refs []LaneRef) (webhooks, conversations []int64) {
	webhooks, conversations = make([]int64, len(refs)), make([]int64, len(refs))
	for i, r := range refs {
		webhooks[i], conversations[i] = r.WebhookID, r.ConversationID
	}
	return webhooks, conversations
}

// postgresLine sends each step as one pipelined batch, and what else the settlement writes with it.
type postgresLine struct {
	tx    pgx.Tx
	s     settlement
	there onConflict
}

func (p *postgresEngine) settleLanes(ctx context.Context, s settlement) (up []Work, err error) {
	// What was put in line before the lock was given has to be seen after it.
	o := pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
	err = p.withLeaves(ctx, &s, func(there onConflict) error {
		return pgx.BeginTxFunc(ctx, p.pool, o, func(tx pgx.Tx) (err error) {
			up, err = settleLanes(ctx, postgresLine{tx, s, there}, s)
			return err
		})
	})
	return up, err
}

func (l postgresLine) holdLanes(ctx context.Context, s settlement) ([]lane, error) {
	webhooks, conversations := laneColumns(s.laneRefs())
	rows, err := l.tx.Query(ctx, `SELECT l.webhook_id, l.conversation_id, l.turn, l.blocked_since, l.aside
		FROM (SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS named(webhook_id, conversation_id)
			UNION SELECT webhook_id, conversation_id FROM lanes WHERE turn = ANY($3::bigint[])
			UNION SELECT webhook_id, conversation_id FROM lanes WHERE webhook_id = ANY($4::bigint[])) AS q
		JOIN lanes l USING (webhook_id, conversation_id) ORDER BY 1, 2 FOR UPDATE OF l`, webhooks, conversations, s.done, s.standDown)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (l lane, err error) {
		var since *time.Time
		err = r.Scan(&l.WebhookID, &l.ConversationID, &l.Turn, &since, &l.Aside)
		l.BlockedSince = timeOrZero(since)
		return l, err
	})
}

func (l postgresLine) moveWaiting(ctx context.Context, m laneMoves, due time.Time) (map[LaneRef][]int64, error) {
	type place struct {
		lane            LaneRef
		event, sequence int64
	}
	var first []place
	var b pgx.Batch
	queueAttempts(&b, l.s.attempts, l.s.hour, l.there)
	queueJobCounts(&b, l.s.updates)
	queueUpdatesByLeaf(&b, l.s.updates, l.s.hour)
	if n := len(m.back); n > 0 {
		events, hooks, lanes := make([]int64, n), make([]int64, n), make([]int64, n)
		for i, d := range m.back {
			events[i], hooks[i], lanes[i] = d.EventID, d.WebhookID, d.Lane
		}
		b.Queue(`UPDATE deliveries d SET lane = q.lane, lane_sequence = e.sequence
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS q(event_id, webhook_id, lane) JOIN events e ON e.id = q.event_id
			WHERE d.event_id = q.event_id AND d.webhook_id = q.webhook_id AND d.state = 0`+within("d.event_id", events...)+within("e.id", events...), events, hooks, lanes)
	}
	if len(m.gone) > 0 {
		webhooks, conversations := laneColumns(m.gone)
		b.Queue(`UPDATE deliveries d SET state = 3, held = true, lane = NULL, lane_sequence = NULL FROM unnest($1::bigint[], $2::bigint[]) AS q(webhook_id, lane)
			WHERE d.webhook_id = q.webhook_id AND d.lane = q.lane`, webhooks, conversations)
	}
	if len(m.over) > 0 {
		webhooks, conversations := laneColumns(m.over)
		// One whom a resend takes out of line at this moment is passed over for the next: rows are locked before they count.
		b.Queue(`WITH first AS (SELECT q.webhook_id, q.lane, w.event_id, w.lane_sequence
				FROM unnest($1::bigint[], $2::bigint[]) AS q(webhook_id, lane) CROSS JOIN LATERAL (SELECT d.event_id, d.lane_sequence FROM deliveries d
					WHERE d.webhook_id = q.webhook_id AND d.lane = q.lane ORDER BY d.lane_sequence LIMIT $3 FOR UPDATE) AS w)
			UPDATE deliveries d SET lane = NULL, lane_sequence = NULL, due_at = $4 FROM first
			WHERE d.event_id = first.event_id AND d.webhook_id = first.webhook_id
			RETURNING first.webhook_id, first.lane, first.event_id, first.lane_sequence`, webhooks, conversations, laneAtOnce, due).Query(func(rows pgx.Rows) error {
			var p place
			_, err := pgx.ForEachRow(rows, []any{&p.lane.WebhookID, &p.lane.ConversationID, &p.event, &p.sequence}, func() error { first = append(first, p); return nil })
			return err
		})
	}
	if b.Len() == 0 {
		return nil, nil
	}
	if err := l.tx.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	slices.SortFunc(first, func(a, b place) int { return cmp.Compare(a.sequence, b.sequence) })
	waiting := map[LaneRef][]int64{}
	for _, p := range first {
		waiting[p.lane] = append(waiting[p.lane], p.event)
	}
	return waiting, nil
}

func (l postgresLine) keepLanes(ctx context.Context, m laneMoves, up []Work) error {
	var b pgx.Batch
	if n := len(m.kept); n > 0 {
		webhooks, conversations := make([]int64, n), make([]int64, n)
		turns, since, aside := make([]int64, n), make([]*time.Time, n), make([]string, n)
		for i, l := range m.kept {
			webhooks[i], conversations[i], turns[i], since[i] = l.WebhookID, l.ConversationID, l.Turn, momentOrNil(l.BlockedSince)
			aside[i] = postgresArray(l.Aside).text()
		}
		b.Queue(`UPDATE lanes l SET turn = u.turn, blocked_since = u.since, aside = u.aside::bigint[]
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::text[]) AS u(webhook_id, conversation_id, turn, since, aside)
			WHERE l.webhook_id = u.webhook_id AND l.conversation_id = u.conversation_id`, webhooks, conversations, turns, since, aside)
	}
	if gone := slices.Concat(m.idle, m.gone); len(gone) > 0 {
		webhooks, conversations := laneColumns(gone)
		b.Queue(`DELETE FROM lanes l USING unnest($1::bigint[], $2::bigint[]) AS q(webhook_id, conversation_id)
			WHERE l.webhook_id = q.webhook_id AND l.conversation_id = q.conversation_id`, webhooks, conversations)
	}
	queueDone(&b, l.s.done)
	queueWork(&b, l.s.next, l.there)
	queueWork(&b, up, l.there)
	queueHealth(&b, l.s.health)
	if b.Len() == 0 {
		return nil
	}
	return l.tx.SendBatch(ctx, &b).Close()
}
