package models

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"
)

// Recipient is one to whom a broadcast goes.
type Recipient struct {
	Place int64 // in the broadcast, counted from 1
	// To is the number in digits, UserID a business-scoped user id; one of them is there, unless the recipient was erased.
	To, UserID string
	Variables  map[string]string
	// OptedOut says that the recipient wants no broadcasts, Erased that nothing is known of them any more.
	OptedOut, Erased bool
}

// name is what tells recipients apart: the canonical number, or the user id.
func (r Recipient) name() string {
	if r.To != "" {
		return canonical(keyText(r.To))
	}
	return keyText(r.UserID)
}

// The marks of recipients who get nothing.
const (
	markNone     = 0
	markOptedOut = 1
	markErased   = 2
)

type recipientRow struct {
	BroadcastID int64
	Place       int64
	Name        string
	ToWaID      *string
	ToUserID    *string
	Variables   string // JSON
	Mark        int16
}

func (recipientRow) TableName() string { return "broadcast_recipients" }

// recipient is what the row says. Variables that cannot be read are none: they are our own encoding.
func (r recipientRow) recipient() Recipient {
	out := Recipient{Place: r.Place, To: textOrEmpty(r.ToWaID), UserID: textOrEmpty(r.ToUserID), OptedOut: r.Mark == markOptedOut, Erased: r.Mark == markErased}
	_ = json.Unmarshal([]byte(r.Variables), &out.Variables)
	return out
}

func textOrEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// recipientsAtOnce is how many rows one statement adds.
const recipientsAtOnce = 1000

// AddRecipients adds recipients to a business's draft, in one transaction, and answers how many: who is there already, or
// twice among them, is not added again. Numbers are told apart by their canonical form. PlanStateError when it is no draft,
// ErrTooManyRecipients when they do not all fit, ErrNotFound.
func (s *Store) AddRecipients(ctx context.Context, businessID, broadcastID int64, rs []Recipient) (added int64, err error) {
	_, err = s.changePlan(ctx, businessID, broadcastID, func(tx *gorm.DB, p *planRow) error {
		if p.State != string(PlanDraft) {
			return PlanStateError{PlanState(p.State)}
		}
		before := p.Recipients
		for len(rs) > 0 {
			some := rs[:min(len(rs), recipientsAtOnce)]
			rs = rs[len(some):]
			rows, err := s.newRecipients(tx, p, some)
			if err != nil {
				return err
			}
			if p.Recipients += int64(len(rows)); p.Recipients > MaxRecipients {
				return ErrTooManyRecipients
			}
			if len(rows) == 0 {
				continue
			}
			if err := tx.Create(&rows).Error; err != nil {
				return err
			}
		}
		added = p.Recipients - before
		return nil
	})
	return added, err
}

// newRecipients are the rows of those who are not there yet. The plan is locked, so nobody else adds any.
func (s *Store) newRecipients(tx *gorm.DB, p *planRow, rs []Recipient) ([]recipientRow, error) {
	names := make([]string, len(rs))
	for i, r := range rs {
		names[i] = r.name()
	}
	table, list, err := s.eachText(names)
	if err != nil {
		return nil, err
	}
	// A subquery of one value, because each is looked up by itself then: the database knows nothing yet of a broadcast that is
	// just being filled, and would compare all of it with all of them.
	var known []string
	if err := tx.Raw("SELECT q.value FROM "+table+" WHERE (SELECT r.place FROM broadcast_recipients r WHERE r.broadcast_id = ? AND r.name = q.value) IS NOT NULL", list, p.BroadcastID).
		Scan(&known).Error; err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(rs))
	for _, name := range known {
		there[name] = true
	}
	rows := make([]recipientRow, 0, len(rs))
	for i, r := range rs {
		if there[names[i]] {
			continue
		}
		there[names[i]] = true
		variables := "{}"
		if len(r.Variables) > 0 {
			text, err := json.Marshal(r.Variables)
			if err != nil {
				return nil, err
			}
			variables = printable(string(text))
		}
		rows = append(rows, recipientRow{BroadcastID: p.BroadcastID, Place: p.Recipients + int64(len(rows)) + 1, Name: names[i],
			ToWaID: textOrNil(keyText(r.To)), ToUserID: textOrNil(keyText(r.UserID)), Variables: variables})
	}
	return rows, nil
}

// NextRecipients reads the recipients after a place, in order, at most n. OptedOut is as of now: by any name that is known
// of the person.
func (s *Store) NextRecipients(ctx context.Context, p BroadcastPlan, after int64, n int) ([]Recipient, error) {
	var rows []recipientRow
	err := s.db.WithContext(ctx).Raw(`SELECT r.place, r.to_wa_id, r.to_user_id, r.variables, CASE WHEN r.mark = 0 AND `+optedOut+` THEN 1 ELSE r.mark END AS mark
		FROM broadcast_recipients r WHERE r.broadcast_id = ? AND r.place > ? ORDER BY r.place LIMIT ?`, p.BusinessID, p.BusinessID, p.BroadcastID, after, n).Scan(&rows).Error
	rs := make([]Recipient, len(rows))
	for i, r := range rows {
		rs[i] = r.recipient()
	}
	return rs, translate(err, fmt.Sprintf("recipients of broadcast %d", p.BroadcastID))
}

// RecipientState is what became of a recipient.
type RecipientState string

// The states of recipients. Accepted is what the platform took and has not reported on yet.
const (
	RecipientWaiting   RecipientState = "waiting"
	RecipientAccepted  RecipientState = "accepted"
	RecipientSent      RecipientState = "sent"
	RecipientDelivered RecipientState = "delivered"
	RecipientRead      RecipientState = "read"
	RecipientFailed    RecipientState = "failed"
	RecipientCancelled RecipientState = "cancelled"
	RecipientOptedOut  RecipientState = "opted_out"
	RecipientErased    RecipientState = "erased"
)

// RecipientStates lists them in the order in which a recipient goes through them.
func RecipientStates() []RecipientState {
	return []RecipientState{RecipientWaiting, RecipientAccepted, RecipientSent, RecipientDelivered, RecipientRead, RecipientFailed, RecipientCancelled, RecipientOptedOut, RecipientErased}
}

// RecipientReport is a recipient with what became of them.
type RecipientReport struct {
	Recipient
	State  RecipientState
	SendID int64 // 0: no message was made
	Wamid  string
	// ErrorCode and ErrorTitle are of a message that the platform refused; what failed later is told by its report.
	ErrorCode, ErrorTitle string
}

// recipientState works out the state of a recipient r with its message s and what is known of that, m; p is the plan.
const recipientState = `CASE
	WHEN r.mark = 1 THEN 'opted_out'
	WHEN s.state IS NULL AND r.mark = 2 THEN 'erased'
	WHEN s.state IS NULL AND p.state = 'cancelled' THEN 'cancelled'
	WHEN s.state IS NULL OR s.state IN (0, 1, 4) THEN 'waiting'
	WHEN s.state = 5 THEN 'cancelled'
	WHEN s.state = 3 OR m.status = 'failed' THEN 'failed'
	WHEN m.status = 'played' THEN 'read'
	WHEN m.status IN ('sent', 'delivered', 'read') THEN m.status
	ELSE 'accepted' END`

// recipientsLookedAt is how many recipients one page looks at, however few of them it shows.
const recipientsLookedAt = 5000

// RecipientReports lists a business's recipients of a broadcast after a place, in order: those in a state (empty: all), at
// most limit (0: 50, at most 200). next is the place to go on after; 0: there are no more. A page may be short, or empty,
// and not the last: it looks at some thousands of recipients and no further. ErrNotFound.
func (s *Store) RecipientReports(ctx context.Context, businessID, broadcastID int64, state RecipientState, after int64, limit int) (rs []RecipientReport, next int64, err error) {
	p, err := s.BroadcastPlan(ctx, businessID, broadcastID)
	if err != nil {
		return nil, 0, err
	}
	limit = pageLimit(limit)
	last := min(after+recipientsLookedAt, p.Recipients)
	var rows []struct {
		Place      int64
		ToWaID     *string
		ToUserID   *string
		Variables  string
		Mark       int16
		State      string
		SendID     int64
		Wamid      string
		ErrorCode  string
		ErrorTitle string
	}
	err = s.db.WithContext(ctx).Raw(`SELECT * FROM (SELECT r.place, r.to_wa_id, r.to_user_id, r.variables, r.mark, `+recipientState+` AS state, coalesce(s.id, 0) AS send_id,
			coalesce(s.wamid, '') AS wamid, coalesce(s.error_code, '') AS error_code, coalesce(s.error_title, '') AS error_title
		FROM broadcast_recipients r JOIN broadcast_plans p ON p.broadcast_id = r.broadcast_id
		LEFT JOIN sends s ON s.broadcast_id = r.broadcast_id AND s.place = r.place
		LEFT JOIN messages m ON m.number_id = s.number_id AND m.wamid = s.wamid
		WHERE r.broadcast_id = ? AND r.place > ? AND r.place <= ?) AS seen WHERE (CAST(? AS text) = '' OR state = ?) ORDER BY place LIMIT ?`,
		broadcastID, after, last, string(state), string(state), limit+1).Scan(&rows).Error
	if err != nil {
		return nil, 0, translate(err, fmt.Sprintf("recipients of broadcast %d", broadcastID))
	}
	switch {
	case len(rows) > limit:
		rows = rows[:limit]
		next = rows[limit-1].Place
	case last < p.Recipients:
		next = last
	}
	for _, r := range rows {
		of := recipientRow{Place: r.Place, ToWaID: r.ToWaID, ToUserID: r.ToUserID, Variables: r.Variables, Mark: r.Mark}
		rs = append(rs, RecipientReport{Recipient: of.recipient(), State: RecipientState(r.State), SendID: r.SendID, Wamid: r.Wamid, ErrorCode: r.ErrorCode, ErrorTitle: r.ErrorTitle})
	}
	return rs, next, nil
}

// eraseRecipients empties what broadcasts know of a person. One whose turn has not come gets nothing any more. The plans are
// locked first, so that a turn that comes now is either seen by what empties messages, or sees this.
func (s *Store) eraseRecipients(e *erasing, businessID int64, names personNames) {
	all := append(append([]string{}, names.Numbers...), names.IDs...)
	if len(all) == 0 {
		return
	}
	const theirs = `broadcast_id IN (SELECT p.broadcast_id FROM broadcast_plans p JOIN broadcast_recipients r ON r.broadcast_id = p.broadcast_id AND r.name IN ? WHERE p.business_id = ?)`
	e.exec("plans", "UPDATE broadcast_plans SET place = place WHERE "+theirs, all, businessID)
	delete(e.counts, "plans") // nothing of them was erased
	e.exec("recipients", `UPDATE broadcast_recipients SET name = 'erased ' || place, to_wa_id = NULL, to_user_id = NULL, variables = '{}', mark = CASE WHEN mark = 0 THEN 2 ELSE mark END
		WHERE `+theirs+` AND name IN ?`, all, businessID, all)
}
