package models

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"
)

// DeliveryFilter narrows a list of deliveries. The zero value of a field does not narrow.
type DeliveryFilter struct {
	State    *DeliveryState
	Retrying bool // pending after at least one failure
	Types    []string
	From, To time.Time // of the event
	// Before is the cursor: only deliveries of events older than this event id.
	Before int64
	Limit  int // 0 means 50, at most 200
}

// DeliveryRow is a delivery as lists show it.
type DeliveryRow struct {
	EventID   int64
	WebhookID int64
	Key       []byte
	Type      string
	State     DeliveryState
	Attempts  int
	DueAt     time.Time
	CreatedAt time.Time
	// How its last attempt went; nil before the first.
	LastStatus *int
	LastReason *string
	LastUS     *int64 // microseconds
	LastAt     *time.Time
}

// Deliveries lists a webhook's deliveries, newest first.
func (s *Store) Deliveries(ctx context.Context, webhookID int64, f DeliveryFilter) ([]DeliveryRow, error) {
	limit := pageLimit(f.Limit)
	q := s.db.WithContext(ctx).Table("deliveries AS d").Select("d.event_id, d.webhook_id, d.state, d.attempts, d.due_at, d.key, d.type, d.created_at, d.last_status, d.last_reason, d.last_us, d.last_at").
		Where("d.webhook_id = ?", webhookID).Order("d.event_id DESC")
	if f.State != nil {
		q = q.Where("d.state = ?", *f.State)
		if *f.State == Failed {
			q = q.Where("d.failed_at IS NOT NULL")
		}
	}
	if f.Retrying {
		q = q.Where("d.failed_at IS NOT NULL AND d.state = ?", Pending)
	}
	types := make([]string, len(f.Types))
	for i, t := range f.Types {
		types[i] = printable(t)
	}
	if !f.From.IsZero() {
		q = q.Where("d.event_id >= ?", FirstID(f.From))
	}
	if !f.To.IsZero() {
		q = q.Where("d.event_id < ?", FirstID(f.To))
	}
	if f.Before > 0 {
		q = q.Where("d.event_id < ?", f.Before)
	}
	first, last := FirstID(f.From), s.nextID()
	if !f.To.IsZero() {
		last = min(last, FirstID(f.To))
	}
	if f.Before > 0 {
		last = min(last, f.Before)
	}
	var rows []DeliveryRow
	for _, part := range s.newestFirst(first, last, f.To.IsZero() && f.Before == 0) {
		in := q.Session(&gorm.Session{}).Where("1 = 1" + part.on("d.event_id")).Limit(limit - len(rows))
		if len(types) > 0 {
			in = in.Joins("JOIN "+s.looked("events e", "e.id = d.event_id"+part.on("e.id"))).Where("e.type IN ?", types)
		}
		var found []DeliveryRow
		if err := in.Scan(&found).Error; err != nil {
			return nil, translate(err, "list deliveries")
		}
		if rows = append(rows, found...); len(rows) == limit {
			break
		}
	}
	rows, err := s.describe(ctx, webhookID, rows)
	return rows, translate(err, "list deliveries")
}

// describe adds what deliveries were of that were made before deliveries kept it. It asks for all of them at once: in one
// query with the deliveries themselves each row would be looked for in every leaf. A delivery whose event is gone, because
// its day is being let go of, is left out.
func (s *Store) describe(ctx context.Context, webhookID int64, rows []DeliveryRow) ([]DeliveryRow, error) {
	var ids []int64
	place := map[int64]int{}
	for i, r := range rows {
		if r.Key == nil {
			ids, place[r.EventID] = append(ids, r.EventID), i
		}
	}
	if len(ids) == 0 {
		return rows, s.recall(ctx, webhookID, rows)
	}
	var events []struct {
		ID        int64
		Key       []byte
		Type      string
		CreatedAt time.Time
	}
	each, list := s.each(ids)
	if err := s.db.WithContext(ctx).Raw("SELECT e.id, e.key, e.type, e.created_at FROM "+each+
		" JOIN "+s.looked("events e", "e.id = q.id"+s.within("e.id", ids)), list).Scan(&events).Error; err != nil {
		return nil, err
	}
	for _, e := range events {
		r := &rows[place[e.ID]]
		r.Key, r.Type, r.CreatedAt = e.Key, e.Type, e.CreatedAt
	}
	rows = slices.DeleteFunc(rows, func(r DeliveryRow) bool { return r.Key == nil })
	return rows, s.recall(ctx, webhookID, rows)
}

// recall adds how the last attempts went of deliveries that were settled before deliveries kept it.
func (s *Store) recall(ctx context.Context, webhookID int64, rows []DeliveryRow) error {
	var ids []int64
	place := map[int64]int{}
	for i, r := range rows {
		if r.Attempts > 0 && r.LastAt == nil {
			ids, place[r.EventID] = append(ids, r.EventID), i
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var attempts []struct {
		EventID   int64
		N         int
		Status    int
		Reason    string
		LastUS    int64
		StartedAt time.Time
	}
	each, list := s.each(ids)
	err := s.db.WithContext(ctx).Raw("SELECT a.event_id, a.n, a.status, a.reason, a.duration_us AS last_us, a.started_at FROM "+each+
		" JOIN "+s.looked("attempts a", "a.webhook_id = ? AND a.event_id = q.id"+s.within("a.event_id", ids)), list, webhookID).Scan(&attempts).Error
	for i := range attempts {
		a := &attempts[i]
		if r := &rows[place[a.EventID]]; r.Attempts == a.N {
			r.LastStatus, r.LastReason, r.LastUS, r.LastAt = &a.Status, &a.Reason, &a.LastUS, &a.StartedAt
		}
	}
	return err
}

// DeliveryDetail is one delivery with its event and every attempt.
type DeliveryDetail struct {
	Row      DeliveryRow
	Event    Event
	Attempts []Attempt
}

// Delivery reads one delivery of a business.
func (s *Store) Delivery(ctx context.Context, businessID, eventID, webhookID int64) (DeliveryDetail, error) {
	var d DeliveryDetail
	res := s.db.WithContext(ctx).Table("deliveries AS d").
		Select("d.event_id, d.webhook_id, e.key, e.type, d.state, d.attempts, d.due_at, e.created_at").
		Joins("JOIN events e ON e.id = d.event_id").
		Where("d.event_id = ? AND d.webhook_id = ? AND e.business_id = ?"+within("d.event_id", eventID)+within("e.id", eventID), eventID, webhookID, businessID).Scan(&d.Row)
	if res.Error == nil && res.RowsAffected == 0 {
		res.Error = gorm.ErrRecordNotFound
	}
	if res.Error != nil {
		return d, translate(res.Error, "delivery")
	}
	var err error
	if d.Event, err = s.event(ctx, "id = ?"+within("id", eventID), eventID); err != nil {
		return d, err
	}
	var rows []struct {
		N          int
		StartedAt  time.Time
		DurationUS int64 `gorm:"column:duration_us"`
		Status     int
		Outcome    string
		Reason     string
		Answer     string
		JobID      *int64
	}
	err = s.db.WithContext(ctx).Table("attempts").Where("event_id = ? AND webhook_id = ?"+within("event_id", eventID), eventID, webhookID).Order("n").Scan(&rows).Error
	for _, r := range rows {
		d.Attempts = append(d.Attempts, Attempt{EventID: eventID, WebhookID: webhookID, N: r.N, StartedAt: r.StartedAt,
			Duration: time.Duration(r.DurationUS) * time.Microsecond, Status: r.Status, Outcome: r.Outcome, Reason: r.Reason, Answer: r.Answer, JobID: idOrZero(r.JobID)})
	}
	return d, translate(err, "attempts")
}

// EventByKey reads a business's event by its identity.
func (s *Store) EventByKey(ctx context.Context, businessID int64, key [16]byte) (Event, error) {
	if s.embedded {
		return s.event(ctx, "key = ? AND business_id = ?", key[:], businessID)
	}
	// The newest generation that knows the key mostly names the event. At the turn of a generation it may name one that is
	// no event's; then all that know it are asked.
	e, err := s.eventInGenerations(ctx, businessID, key, " LIMIT 1")
	if errors.Is(err, ErrNotFound) {
		return s.eventInGenerations(ctx, businessID, key, "")
	}
	return e, err
}

func (s *Store) eventInGenerations(ctx context.Context, businessID int64, key [16]byte, limit string) (Event, error) {
	var ids []int64
	if err := s.db.WithContext(ctx).Raw(keyInGenerations(time.Now())+limit, map[string]any{"key": key[:]}).Scan(&ids).Error; err != nil {
		return Event{}, translate(err, "event")
	}
	return s.event(ctx, "key = ? AND business_id = ? AND id IN ?"+within("id", ids...), key[:], businessID, ids)
}

type eventRow struct {
	ID             int64
	Key            []byte
	BusinessID     int64
	NumberID       int64
	Type           string
	ConversationID int64
	Sequence       int64
	CallbackID     int64
	CreatedAt      time.Time
	Data           string
}

func (s *Store) event(ctx context.Context, where string, args ...any) (Event, error) {
	var r eventRow
	if err := s.db.WithContext(ctx).Table("events").Where(where, args...).Take(&r).Error; err != nil {
		return Event{}, translate(err, "event")
	}
	return r.event(), nil
}

func (r eventRow) event() Event {
	e := Event{ID: r.ID, BusinessID: r.BusinessID, NumberID: r.NumberID, Type: r.Type, ConversationID: r.ConversationID,
		Sequence: r.Sequence, CallbackID: r.CallbackID, CreatedAt: r.CreatedAt.UTC(), Data: []byte(r.Data)}
	copy(e.Key[:], r.Key)
	return e
}

// Reopen makes a delivery pending again and adds the work that attempts it now: a person asked. A delivery that waits
// for a later retry is brought forward, one of a lane steps aside and is attempted out of turn; the schedule of its retries
// starts anew. It is refused with ErrConflict while the delivery is queued or being attempted. The caller has made sure
// that the delivery is the person's.
func (s *Store) Reopen(ctx context.Context, eventID, webhookID int64, w Work) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		if err := s.stepAside(tx, eventID, webhookID); err != nil {
			return err
		}
		res := tx.Exec(`UPDATE deliveries SET state = ?, due_at = ?, base = attempts, job_id = NULL, held = NULL, lane = NULL, lane_sequence = NULL
			WHERE event_id = ? AND webhook_id = ? AND (state <> ? OR due_at > ? OR lane IS NOT NULL)`+within("event_id", eventID),
			Pending, dueMoment(w.DueAt), eventID, webhookID, Pending, moment(s.Now()))
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			var n int64
			if err := tx.Raw("SELECT count(*) FROM deliveries WHERE event_id = ? AND webhook_id = ?"+within("event_id", eventID), eventID, webhookID).Scan(&n).Error; err != nil {
				return err
			}
			if n > 0 {
				return ErrConflict
			}
			return ErrNotFound
		}
		return s.addWork(tx, w)
	}), "reopen delivery")
}
