package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// CallbackHead is a callback without its body.
type CallbackHead struct {
	ID, AppID, NumberID int64
	ReceivedAt          time.Time
	Size                int64 // of the body, in bytes
}

// EventDetail is an event with what led to it and what became of it.
type EventDetail struct {
	Event
	Callback   *CallbackHead // nil: the gateway made the event by itself, or the callback is gone
	Deliveries []DeliveryDetail
}

// EventDetail reads a business's event by its identity.
func (s *Store) EventDetail(ctx context.Context, businessID int64, key [16]byte) (EventDetail, error) {
	e, err := s.EventByKey(ctx, businessID, key)
	if err != nil {
		return EventDetail{}, err
	}
	d := EventDetail{Event: e}
	if d.Deliveries, err = s.deliveriesOf(ctx, businessID, []Event{e}); err != nil {
		return d, err
	}
	heads, err := s.callbackHeads(ctx, []Event{e})
	if len(heads) > 0 {
		d.Callback = &heads[0]
	}
	return d, err
}

// Timeline is everything known of one message.
type Timeline struct {
	Message    *Message // nil: only events are left of it
	Callbacks  []CallbackHead
	Events     []Event          // oldest first
	Deliveries []DeliveryDetail // of these events
	// Cut says that the message has more events than MaxTimeline, of which the newest are here.
	Cut bool
}

// MaxTimeline bounds the events of a timeline. A message has a handful; one to a large group has several for each member.
const MaxTimeline = 200

// Timeline reads what happened around a message of a business. ErrNotFound when nothing is known of it. It is six
// queries by key, whatever the length of the history.
func (s *Store) Timeline(ctx context.Context, businessID int64, wamid string) (Timeline, error) {
	var t Timeline
	db := s.db.WithContext(ctx)
	rows, err := db.Table("messages AS m").Select(messageColumns).
		Where("m.number_id IN (SELECT id FROM numbers WHERE business_id = ?) AND m.wamid = ?", businessID, keyText(wamid)).Rows()
	if err != nil {
		return t, translate(err, "timeline")
	}
	ms, err := collectMessages(rows)
	if err != nil {
		return t, translate(err, "timeline")
	}
	if len(ms) > 0 {
		t.Message = &ms[0]
	}
	newest, err := s.eventsOfMessage(ctx, db.Limit(MaxTimeline+1), businessID, wamid)
	if err != nil {
		return t, err
	}
	if t.Cut = len(newest) > MaxTimeline; t.Cut {
		newest = newest[:MaxTimeline]
	}
	for i := range newest {
		t.Events = append(t.Events, newest[len(newest)-1-i])
	}
	if t.Message == nil && len(t.Events) == 0 {
		return t, translate(gorm.ErrRecordNotFound, "timeline")
	}
	if t.Callbacks, err = s.callbackHeads(ctx, t.Events); err != nil {
		return t, err
	}
	t.Deliveries, err = s.deliveriesOf(ctx, businessID, t.Events)
	return t, err
}

// callbackHeads reads the callbacks that events came in, oldest first.
func (s *Store) callbackHeads(ctx context.Context, events []Event) ([]CallbackHead, error) {
	var ids []int64
	for _, e := range events {
		if e.CallbackID != 0 {
			ids = append(ids, e.CallbackID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var heads []CallbackHead
	each, list := s.each(ids)
	err := s.db.WithContext(ctx).Raw("SELECT DISTINCT c.id, c.app_id, c.number_id, c.received_at, length(c.body) AS size FROM "+each+
		" JOIN "+s.looked("callbacks c", "c.id = q.id"+s.within("c.id", ids))+" ORDER BY c.id", list).Scan(&heads).Error
	for i := range heads {
		heads[i].ReceivedAt = heads[i].ReceivedAt.UTC()
	}
	return heads, translate(err, "callbacks")
}

// deliveriesOf reads the deliveries of a business's events with every attempt, by event and webhook.
func (s *Store) deliveriesOf(ctx context.Context, businessID int64, events []Event) ([]DeliveryDetail, error) {
	if len(events) == 0 {
		return nil, nil
	}
	ids, byID := make([]int64, len(events)), make(map[int64]Event, len(events))
	for i, e := range events {
		ids[i], byID[e.ID] = e.ID, e
	}
	db := s.db.WithContext(ctx)
	var rows []struct {
		EventID, WebhookID int64
		State              DeliveryState
		Attempts           int
		DueAt              time.Time
		N                  *int
		StartedAt          *time.Time
		DurationUS         int64 `gorm:"column:duration_us"`
		Status             int
		Outcome            string
		Reason             string
		Answer             string
	}
	each, list := s.each(ids)
	err := db.Raw(`SELECT d.event_id, d.webhook_id, d.state, d.attempts, d.due_at, a.n, a.started_at, coalesce(a.duration_us, 0) AS duration_us,
			coalesce(a.status, 0) AS status, coalesce(a.outcome, '') AS outcome, coalesce(a.reason, '') AS reason, coalesce(a.answer, '') AS answer
		FROM `+each+` JOIN webhooks w ON w.business_id = ?
		JOIN `+s.looked("deliveries d", "d.webhook_id = w.id AND d.event_id = q.id"+s.within("d.event_id", ids))+`
		LEFT JOIN `+s.looked("attempts a", "a.webhook_id = d.webhook_id AND a.event_id = d.event_id"+s.within("a.event_id", ids))+`
		ORDER BY d.event_id, d.webhook_id, a.n`, list, businessID).Scan(&rows).Error
	if err != nil {
		return nil, translate(err, "deliveries")
	}
	var out []DeliveryDetail
	for _, r := range rows {
		if n := len(out); n == 0 || out[n-1].Row.EventID != r.EventID || out[n-1].Row.WebhookID != r.WebhookID {
			e := byID[r.EventID]
			out = append(out, DeliveryDetail{Event: e, Row: DeliveryRow{EventID: r.EventID, WebhookID: r.WebhookID, Key: e.Key[:], Type: e.Type,
				State: r.State, Attempts: r.Attempts, DueAt: r.DueAt, CreatedAt: e.CreatedAt}})
		}
		if r.N == nil {
			continue
		}
		d := &out[len(out)-1]
		d.Attempts = append(d.Attempts, Attempt{EventID: r.EventID, WebhookID: r.WebhookID, N: *r.N, StartedAt: timeOrZero(r.StartedAt),
			Duration: time.Duration(r.DurationUS) * time.Microsecond, Status: r.Status, Outcome: r.Outcome, Reason: r.Reason, Answer: r.Answer})
	}
	return out, nil
}
