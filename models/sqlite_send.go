package models

import (
	"context"
	"time"
)

func (q *sqliteEngine) createSends(ctx context.Context, asked []Send, keysSince int64, workOf func([]Send) []Work) (kept []Send, work []Work, err error) {
	err = q.inTx(ctx, func(s *statements) error {
		var made []int64
		var before, fresh []Send
		for _, v := range asked {
			there, err := s.createSend(ctx, v, keysSince)
			if err != nil {
				return err
			}
			if there == nil {
				made = append(made, v.ID)
			} else {
				before = append(before, *there)
			}
		}
		if kept, fresh, err = answerSends(asked, made, before); err != nil {
			return err
		}
		work = workOf(fresh)
		return s.addWork(ctx, work)
	})
	return kept, work, err
}

// createSend adds a message, unless one of its names is taken: there is who has it.
func (s *statements) createSend(ctx context.Context, v Send, keysSince int64) (there *Send, err error) {
	if v.Key != "" {
		if _, err := s.exec(ctx, `UPDATE sends SET key = NULL WHERE number_id = ? AND key = ? AND id < ?`, v.NumberID, v.Key, keysSince); err != nil {
			return nil, err
		}
	}
	res, err := s.exec(ctx, `INSERT INTO sends (id, business_id, number_id, key, body, to_wa_id, to_user_id, type, text, reply_to, media_url, sent_by, tracking, broadcast_id, place, due_at, state, attempts)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT DO NOTHING`,
		v.ID, v.BusinessID, v.NumberID, textOrNil(v.Key), v.Body, textOrNil(v.To), textOrNil(v.Recipient), v.Type, textOrNil(v.Text), textOrNil(v.ReplyTo), textOrNil(v.MediaURL),
		v.SentBy, textOrNil(v.Tracking), idOrNil(v.BroadcastID), idOrNil(v.Place), v.DueAt)
	if err != nil {
		return nil, err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return nil, err
	}
	for _, by := range []struct {
		where string
		args  []any
	}{{"s.id = ?", []any{v.ID}}, {"s.number_id = ? AND s.key = ?", []any{v.NumberID, v.Key}}, {"s.broadcast_id = ? AND s.place = ?", []any{v.BroadcastID, v.Place}}} {
		old, ok, err := s.sendWhere(ctx, by.where, by.args...)
		if err != nil || ok {
			return &old, err
		}
	}
	return nil, errOvertaken // by nobody: there is one writer
}

// sendWhere reads the one message called s of which a condition is true, if there is one.
func (s *statements) sendWhere(ctx context.Context, where string, args ...any) (v Send, ok bool, err error) {
	var found sendScan
	ok, err = s.row(ctx, `SELECT `+sendColumns+` FROM sends s WHERE `+where, args, found.dest()...)
	return found.send(), ok, err
}

// sendsWhere reads those of which a condition is true.
func (q *sqliteEngine) sendsWhere(ctx context.Context, where string, args ...any) ([]Send, error) {
	rows, err := q.db.QueryContext(ctx, `SELECT `+sendColumns+` FROM sends s WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	scans, err := collect(rows, (*sendScan).dest, nil)
	sends := make([]Send, len(scans))
	for i := range scans {
		sends[i] = scans[i].send()
	}
	return sends, err
}

func (q *sqliteEngine) loadSends(ctx context.Context, ids []int64) ([]Send, error) {
	return q.sendsWhere(ctx, `s.id IN (SELECT value FROM json_each(?))`, encodeMembers(ids))
}

func (q *sqliteEngine) takeSends(ctx context.Context, ids []int64, at, dueBefore time.Time) (taken []Send, err error) {
	err = q.inTx(ctx, func(s *statements) error {
		for _, id := range ids {
			res, err := s.exec(ctx, `UPDATE sends SET state = 1, attempts = attempts + 1, started_at = ? WHERE id = ? AND state = 0 AND due_at <= ?`, at, id, dueBefore)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				if err != nil {
					return err
				}
				continue
			}
			v, _, err := s.sendWhere(ctx, `s.id = ?`, id)
			if err != nil {
				return err
			}
			taken = append(taken, v)
		}
		return nil
	})
	return taken, err
}

func (q *sqliteEngine) settleSends(ctx context.Context, st SendSettlement, at time.Time) error {
	return q.inTx(ctx, func(s *statements) error {
		if err := s.settleSends(ctx, st.Results, at); err != nil {
			return err
		}
		if err := s.addCallbacks(ctx, st.Callbacks); err != nil {
			return err
		}
		if err := s.finish(ctx, st.Done); err != nil {
			return err
		}
		return s.addWork(ctx, st.Work)
	})
}

func (s *statements) settleSends(ctx context.Context, rs []SendResult, at time.Time) error {
	for _, r := range rs {
		due, settled := r.moments(at)
		if _, err := s.exec(ctx, settleSend+`(SELECT ? AS id, ? AS state, ? AS attempt, ? AS due_at, ? AS settled_at, ? AS wamid, ? AS wa_id, ? AS user_id,
			? AS error_code, ? AS error_title, ? AS error_details) AS r`+settleSendRule,
			r.ID, int16(r.State), r.Attempt, due, settled, textOrNil(r.Wamid), textOrNil(r.WaID), textOrNil(r.UserID),
			textOrNil(r.ErrorCode), textOrNil(r.ErrorTitle), textOrNil(r.ErrorDetails)); err != nil {
			return err
		}
	}
	return nil
}

func (q *sqliteEngine) doubtSends(ctx context.Context, startedBefore, until time.Time) (n int64, err error) {
	err = q.inTx(ctx, func(s *statements) error {
		res, err := s.exec(ctx, `UPDATE sends SET state = 4, due_at = ? WHERE `+sendsUnderway+`?`, until, startedBefore)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

func (q *sqliteEngine) lapseSends(ctx context.Context, now time.Time, limit int) ([]Send, error) {
	return q.sendsWhere(ctx, sendsUndecided+`? ORDER BY due_at, id LIMIT ?`, now, limit)
}

func (t *sqliteTranslation) Sends(ctx context.Context, ids []int64) (map[int64]Send, error) {
	found := map[int64]Send{}
	for _, id := range ids {
		v, ok, err := t.s.sendWhere(ctx, `s.id = ?`, id)
		if err != nil {
			return nil, err
		}
		if ok {
			found[id] = v
		}
	}
	return found, nil
}
