package models

import (
	"context"
	"fmt"
	"time"
)

// Unreported is a message that the platform accepted and that no status has named since.
type Unreported struct {
	SendID, NumberID int64
	Wamid            string
	Recipient        string // a number in digits, as the platform knows it if it told, or a user id
	Type             string
	SentBy           string
	BroadcastID      int64 // 0: none
	AcceptedAt       time.Time
}

// UnreportedFilter says which of a number's messages without a status are asked for.
type UnreportedFilter struct {
	NumberID int64
	// From and To bound when they were accepted, From included.
	From, To time.Time
	// After is where to go on: only messages after it, by when they were accepted and then by id; the zero value is the
	// beginning.
	After UnreportedPlace
	Limit int // 0 means 50, at most 200
}

// UnreportedPlace is a place in a list of messages without a status.
type UnreportedPlace struct {
	At     time.Time
	SendID int64
}

// unreported is true of a message s, with what is known of it m, that was accepted and has no status.
//
// Which messages those are:
//   - only what the gateway sent itself. Of what a business sends past it nothing is known before the first status, and the
//     platform promises no statuses for what its phone app wrote;
//   - any status will do. Those after it may never come: sent is the last of a phone that stays off, and delivered may be
//     left out when the chat is open. A message that the customer or the business deleted has been heard of too;
//   - nothing that has no name at the platform, such as marks as read, nor what was erased.
const unreported = ` FROM sends s LEFT JOIN messages m ON m.number_id = s.number_id AND m.wamid = s.wamid
	WHERE s.number_id = %s AND s.settled_at >= ? AND s.settled_at < ? AND s.state = 2 AND s.wamid IS NOT NULL AND length(s.body) > 0
	AND coalesce(m.status, '') = '' AND m.deleted_at IS NULL`

// Unreported lists a number's messages that were accepted and have no status, oldest first. It costs what the number sent
// in that time, as far as the page goes.
func (s *Store) Unreported(ctx context.Context, f UnreportedFilter) ([]Unreported, error) {
	query, args := `SELECT s.id AS send_id, s.number_id, s.wamid, coalesce(s.wa_id, s.to_wa_id, s.user_id, s.to_user_id, '') AS recipient, s.type, s.sent_by,
		coalesce(s.broadcast_id, 0) AS broadcast_id, s.settled_at AS accepted_at`+fmt.Sprintf(unreported, "?"), []any{f.NumberID, moment(f.From), moment(f.To)}
	if f.After.SendID != 0 {
		query, args = query+" AND (s.settled_at, s.id) > (?, ?)", append(args, moment(f.After.At), f.After.SendID)
	}
	var found []Unreported
	err := s.db.WithContext(ctx).Raw(query+" ORDER BY s.settled_at, s.id LIMIT ?", append(args, pageLimit(f.Limit))...).Scan(&found).Error
	for i := range found {
		found[i].AcceptedAt = found[i].AcceptedAt.UTC()
	}
	return found, translate(err, fmt.Sprintf("messages of number %d without a status", f.NumberID))
}

// UnreportedCount is how many of a number's messages have no status.
type UnreportedCount struct{ NumberID, Messages int64 }

// CountUnreported counts the messages of all numbers that were accepted from one moment to before another and have no
// status. Numbers without any are missing.
func (s *Store) CountUnreported(ctx context.Context, from, to time.Time) ([]UnreportedCount, error) {
	var found []UnreportedCount
	err := s.db.WithContext(ctx).Raw(`SELECT number_id, messages FROM (SELECT n.id AS number_id, (SELECT count(*)`+fmt.Sprintf(unreported, "n.id")+`) AS messages FROM numbers n) AS c
		WHERE messages > 0 ORDER BY number_id`, moment(from), moment(to)).Scan(&found).Error
	return found, translate(err, "count messages without a status")
}

// DayReport is what became of a number's traffic in one day (UTC).
type DayReport struct {
	NumberID int64
	From, To time.Time
	// CountedUntil is up to when Callbacks, Events, Received and Sent are counted; before To they are not complete.
	CountedUntil time.Time
	Callbacks    int64 // of the platform's that told something new, by when they came
	Events       int64
	Received     int64 // messages of customers
	Sent         int64 // messages of the business that were told of, whoever sent them
	// Accepted are messages of the gateway that the platform took that day, Statuses the same by their status of now, "" being
	// those that have none.
	Accepted int64
	Statuses map[string]int64
	// Unreported are those of them that have no status and were accepted long enough ago, Awaited those whose time is not over.
	Unreported, Awaited int64
	// Failed are messages that were not accepted and will not be, Failures the same by the code of the platform's error, ""
	// being other reasons. What fails after it was accepted is among Statuses.
	Failed    int64
	Failures  map[string]int64
	Cancelled int64
	Silences  []Silence
	// Holes are at most holesShown, the newest first.
	Holes []SequenceHole
}

// holesShown bounds the holes of a report.
const holesShown = 100

// Report makes the report of a number's day, which is the one (UTC) that the moment day is in. A message that was accepted
// at unreportedBefore or later may still get its first status.
func (s *Store) Report(ctx context.Context, numberID int64, day, unreportedBefore time.Time) (DayReport, error) {
	from := day.UTC().Truncate(24 * time.Hour)
	r := DayReport{NumberID: numberID, From: from, To: from.Add(24 * time.Hour), Statuses: map[string]int64{}, Failures: map[string]int64{}}
	var err error
	if r.CountedUntil, err = s.Mark(ctx, markCounted); err != nil {
		return r, err
	}
	hours, err := s.NumberHours(ctx, numberID, r.From, r.To)
	if err != nil {
		return r, err
	}
	for _, h := range hours {
		r.Callbacks, r.Events, r.Received, r.Sent = r.Callbacks+h.Callbacks, r.Events+h.Events, r.Received+h.Received, r.Sent+h.Sent
	}
	if err := s.countSends(ctx, &r); err != nil {
		return r, err
	}
	over := later(r.From, earlier(r.To, unreportedBefore))
	for _, part := range []struct {
		n        *int64
		from, to time.Time
	}{{&r.Unreported, r.From, over}, {&r.Awaited, over, r.To}} {
		if err := s.db.WithContext(ctx).Raw("SELECT count(*)"+fmt.Sprintf(unreported, "?"), numberID, moment(part.from), moment(part.to)).Scan(part.n).Error; err != nil {
			return r, translate(err, fmt.Sprintf("report of number %d", numberID))
		}
	}
	if r.Silences, err = s.Silences(ctx, numberID, r.From, r.To); err != nil {
		return r, err
	}
	r.Holes, err = s.SequenceHoles(ctx, numberID, r.From, r.To, holesShown)
	return r, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// countSends adds what was settled of the gateway's own messages.
func (s *Store) countSends(ctx context.Context, r *DayReport) error {
	var rows []struct {
		State        SendState
		Code, Status string
		N            int64
	}
	err := s.db.WithContext(ctx).Raw(`SELECT s.state, CASE WHEN s.state = 3 THEN coalesce(s.error_code, '') ELSE '' END AS code,
		CASE WHEN s.state = 2 THEN coalesce(m.status, '') ELSE '' END AS status, count(*) AS n
		FROM sends s LEFT JOIN messages m ON m.number_id = s.number_id AND m.wamid = s.wamid
		WHERE s.number_id = ? AND s.settled_at >= ? AND s.settled_at < ? AND (s.state <> 2 OR s.wamid IS NOT NULL) GROUP BY 1, 2, 3`,
		r.NumberID, moment(r.From), moment(r.To)).Scan(&rows).Error
	for _, v := range rows {
		switch v.State {
		case SendAccepted:
			r.Accepted += v.N
			r.Statuses[v.Status] += v.N
		case SendFailed:
			r.Failed += v.N
			r.Failures[v.Code] += v.N
		case SendCancelled:
			r.Cancelled += v.N
		}
	}
	return translate(err, fmt.Sprintf("report of number %d", r.NumberID))
}
