package models

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// collectSends reads rows of sendColumns.
func collectSends(rows pgx.Rows, err error) ([]Send, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (Send, error) {
		var v sendScan
		err := r.Scan(v.dest()...)
		return v.send(), err
	})
}

func (p *postgresEngine) createSends(ctx context.Context, asked []Send, keysSince int64, workOf func([]Send) []Work) (kept []Send, work []Work, err error) {
	err = p.repeat(ctx, func() error {
		return pgx.BeginTxFunc(ctx, p.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			made, err := insertSends(ctx, tx, asked, keysSince)
			if err != nil {
				return err
			}
			var before, fresh []Send
			if len(made) < len(asked) {
				if before, err = sendsNamed(ctx, tx, asked); err != nil {
					return err
				}
			}
			if kept, fresh, err = answerSends(asked, made, before); err != nil || len(fresh) == 0 {
				return err
			}
			var b pgx.Batch
			work = workOf(fresh)
			queueWork(&b, work, skipped)
			return tx.SendBatch(ctx, &b).Close()
		})
	})
	return kept, work, err
}

// insertSends adds the messages whose names are free, and answers their ids. Who takes the same names at once waits for
// the other, in an order that all share.
func insertSends(ctx context.Context, tx pgx.Tx, sends []Send, keysSince int64) (made []int64, err error) {
	n := len(sends)
	ids, business, numbers, keys, bodies := make([]int64, n), make([]int64, n), make([]int64, n), make([]*string, n), make([][]byte, n)
	waIDs, userIDs, types, texts, replyTo := make([]*string, n), make([]*string, n), make([]string, n), make([]*string, n), make([]*string, n)
	media, sentBy, tracking := make([]*string, n), make([]string, n), make([]*string, n)
	broadcasts, places, due := make([]*int64, n), make([]*int64, n), make([]time.Time, n)
	keyed := false
	for i := range sends {
		v := &sends[i]
		ids[i], business[i], numbers[i], keys[i], bodies[i] = v.ID, v.BusinessID, v.NumberID, textOrNil(v.Key), v.Body
		waIDs[i], userIDs[i], types[i], texts[i], replyTo[i] = textOrNil(v.To), textOrNil(v.Recipient), v.Type, textOrNil(v.Text), textOrNil(v.ReplyTo)
		media[i], sentBy[i], tracking[i] = textOrNil(v.MediaURL), v.SentBy, textOrNil(v.Tracking)
		broadcasts[i], places[i], due[i] = idOrNil(v.BroadcastID), idOrNil(v.Place), v.DueAt
		keyed = keyed || v.Key != ""
	}
	var b pgx.Batch
	if keyed {
		b.Queue(`UPDATE sends AS s SET key = NULL FROM unnest($1::bigint[], $2::text[]) AS q(number_id, key) WHERE s.number_id = q.number_id AND s.key = q.key AND s.id < $3`,
			numbers, keys, keysSince)
	}
	b.Queue(`INSERT INTO sends (id, business_id, number_id, key, body, to_wa_id, to_user_id, type, text, reply_to, media_url, sent_by, tracking, broadcast_id, place, due_at, state, attempts)
		SELECT q.*, 0, 0 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
			$12::text[], $13::text[], $14::bigint[], $15::bigint[], $16::timestamptz[])
			AS q(id, business_id, number_id, key, body, to_wa_id, to_user_id, type, text, reply_to, media_url, sent_by, tracking, broadcast_id, place, due_at)
		ORDER BY q.number_id, q.key, q.broadcast_id, q.place, q.id ON CONFLICT DO NOTHING RETURNING id`,
		ids, business, numbers, keys, bodies, waIDs, userIDs, types, texts, replyTo, media, sentBy, tracking, broadcasts, places, due).Query(func(rows pgx.Rows) error {
		made, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	return made, nil
}

// sendsNamed reads the messages that have an id, a key or a place of those.
func sendsNamed(ctx context.Context, tx pgx.Tx, sends []Send) ([]Send, error) {
	n := len(sends)
	ids, numbers, keys, broadcasts, places := make([]int64, n), make([]int64, n), make([]*string, n), make([]*int64, n), make([]*int64, n)
	for i, v := range sends {
		ids[i], numbers[i], keys[i], broadcasts[i], places[i] = v.ID, v.NumberID, textOrNil(v.Key), idOrNil(v.BroadcastID), idOrNil(v.Place)
	}
	return collectSends(tx.Query(ctx, `SELECT `+sendColumns+` FROM sends s WHERE s.id = ANY(ARRAY(
		SELECT id FROM unnest($1::bigint[]) AS q(id)
		UNION SELECT c.id FROM unnest($2::bigint[], $3::text[]) AS q(number_id, key) JOIN sends c ON c.number_id = q.number_id AND c.key = q.key
		UNION SELECT c.id FROM unnest($4::bigint[], $5::bigint[]) AS q(broadcast_id, place) JOIN sends c ON c.broadcast_id = q.broadcast_id AND c.place = q.place))`,
		ids, numbers, keys, broadcasts, places))
}

func (p *postgresEngine) loadSends(ctx context.Context, ids []int64) ([]Send, error) {
	return collectSends(p.pool.Query(ctx, `SELECT `+sendColumns+` FROM sends s WHERE s.id = ANY($1::bigint[])`, ids))
}

// takeSends asks for the state in a way that keeps the plan from walking through all that wait.
func (p *postgresEngine) takeSends(ctx context.Context, ids []int64, at, dueBefore time.Time) (taken []Send, err error) {
	err = p.repeat(ctx, func() error {
		taken, err = collectSends(p.pool.Query(ctx, `UPDATE sends AS s SET state = 1, attempts = s.attempts + 1, started_at = $2
			FROM (SELECT id FROM sends WHERE id = ANY($1::bigint[]) AND state + 0 = 0 AND due_at <= $3 ORDER BY id FOR UPDATE) AS q
			WHERE s.id = q.id RETURNING `+sendColumns, ids, at, dueBefore))
		return err
	})
	return taken, err
}

func (p *postgresEngine) settleSends(ctx context.Context, st SendSettlement, at time.Time) error {
	return p.repeat(ctx, func() error {
		var b pgx.Batch
		queueSendResults(&b, st.Results, at)
		queueCallbacks(&b, st.Callbacks, skipped)
		if len(st.Done) > 0 {
			b.Queue(`DELETE FROM outbox WHERE id = ANY($1::bigint[])`, st.Done)
		}
		queueWork(&b, st.Work, skipped)
		return p.inTx(ctx, &b)
	})
}

// queueSendResults keeps results. Those of one message are in statements of their own, one after the other.
func queueSendResults(b *pgx.Batch, rs []SendResult, at time.Time) {
	for _, round := range sendRounds(rs) {
		n := len(round)
		ids, states, attempts, due, settled := make([]int64, n), make([]int16, n), make([]int32, n), make([]*time.Time, n), make([]*time.Time, n)
		wamids, waIDs, userIDs := make([]*string, n), make([]*string, n), make([]*string, n)
		codes, titles, details := make([]*string, n), make([]*string, n), make([]*string, n)
		for i, r := range round {
			ids[i], states[i], attempts[i] = r.ID, int16(r.State), int32(r.Attempt)
			due[i], settled[i] = r.moments(at)
			wamids[i], waIDs[i], userIDs[i] = textOrNil(r.Wamid), textOrNil(r.WaID), textOrNil(r.UserID)
			codes[i], titles[i], details[i] = textOrNil(r.ErrorCode), textOrNil(r.ErrorTitle), textOrNil(r.ErrorDetails)
		}
		b.Queue(settleSend+`unnest($1::bigint[], $2::smallint[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
			AS r(id, state, attempt, due_at, settled_at, wamid, wa_id, user_id, error_code, error_title, error_details)`+settleSendRule,
			ids, states, attempts, due, settled, wamids, waIDs, userIDs, codes, titles, details)
	}
}

// sendRounds parts results so that no part has two of one message; each is sorted, so that no two transactions wait for
// each other.
func sendRounds(rs []SendResult) (rounds [][]SendResult) {
	sorted := slices.Clone(rs)
	slices.SortStableFunc(sorted, func(a, b SendResult) int { return cmp.Compare(a.ID, b.ID) })
	n := 0
	for i, r := range sorted {
		if n++; i == 0 || sorted[i-1].ID != r.ID {
			n = 0
		}
		if n == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[n] = append(rounds[n], r)
	}
	return rounds
}

func (p *postgresEngine) doubtSends(ctx context.Context, startedBefore, until time.Time) (n int64, err error) {
	err = p.repeat(ctx, func() error {
		tag, err := p.pool.Exec(ctx, `UPDATE sends AS s SET state = 4, due_at = $2
			FROM (SELECT id FROM sends WHERE `+sendsUnderway+`$1 ORDER BY id FOR UPDATE) AS q WHERE s.id = q.id`, startedBefore, until)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

func (p *postgresEngine) lapseSends(ctx context.Context, now time.Time, limit int) ([]Send, error) {
	return collectSends(p.pool.Query(ctx, `SELECT `+sendColumns+` FROM sends s WHERE `+sendsUndecided+`$1 ORDER BY due_at, id LIMIT $2`, now, limit))
}

func (t *postgresTranslation) Sends(ctx context.Context, ids []int64) (map[int64]Send, error) {
	found := map[int64]Send{}
	if len(ids) == 0 {
		return found, nil
	}
	sends, err := collectSends(t.tx.Query(ctx, `SELECT `+sendColumns+` FROM sends s WHERE s.id = ANY($1::bigint[]) ORDER BY s.id FOR UPDATE`, ids))
	for _, v := range sends {
		found[v.ID] = v
	}
	return found, err
}
