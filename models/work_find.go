package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WorkFilter narrows what is unfinished. The zero value of a field does not narrow.
type WorkFilter struct {
	// BusinessID is whose webhooks it is for, or whose numbers. What is not translated yet is nobody's.
	BusinessID int64
	// WebhookID is to which webhook it delivers; of a business, when both are given.
	WebhookID int64
	After     int64 // the cursor: the id of the last that was seen
	Limit     int   // 0 means 50, at most 1000
}

// workPlace is where work of one webhook, or of one number, is found in the outbox.
type workPlace struct {
	Kinds string // those that the id is of, as SQL
	ID    int64
}

// WorkOf lists unfinished work of a webhook or a business, oldest first. What it costs does not grow with what others wait
// for.
func (s *Store) WorkOf(ctx context.Context, f WorkFilter) ([]Work, error) {
	places, err := s.workPlaces(ctx, f)
	if err != nil {
		return nil, err
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, 1000)
	var found []Work
	for _, p := range places {
		some, err := s.workWhere(ctx, "webhook_id = ? AND kind IN ("+p.Kinds+") AND id > ? ORDER BY id LIMIT ?", p.ID, f.After, limit)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	slices.SortFunc(found, func(a, b Work) int { return int(min(max(a.ID-b.ID, -1), 1)) })
	return found[:min(len(found), limit)], nil
}

var (
	deliveryKinds = fmt.Sprint(int(Deliver))
	numberKinds   = fmt.Sprint(int(SendMessages), ",", int(ReplyMessages))
)

// placesAtOnce bounds the webhooks and numbers of a business whose work is read for one list: the ones for which something waits.
const placesAtOnce = 500

func (s *Store) workPlaces(ctx context.Context, f WorkFilter) ([]workPlace, error) {
	if f.WebhookID != 0 && f.BusinessID == 0 {
		return []workPlace{{deliveryKinds, f.WebhookID}}, nil
	}
	var places []workPlace
	db := s.db.WithContext(ctx)
	for _, of := range []struct{ table, kinds string }{{"webhooks", deliveryKinds}, {"numbers", numberKinds}} {
		var ids []int64
		q := "SELECT t.id FROM " + of.table + " t WHERE t.business_id = ? AND EXISTS (SELECT 1 FROM outbox o WHERE o.webhook_id = t.id AND o.id > ? AND o.kind IN (" + of.kinds + "))"
		args := []any{f.BusinessID, f.After}
		if f.WebhookID != 0 {
			if of.table == "numbers" {
				break
			}
			q, args = q+" AND t.id = ?", append(args, f.WebhookID)
		}
		if err := db.Raw(q+" ORDER BY t.id LIMIT ?", append(args, placesAtOnce)...).Scan(&ids).Error; err != nil {
			return nil, translate(err, "unfinished work")
		}
		for _, id := range ids {
			places = append(places, workPlace{of.kinds, id})
		}
	}
	return places, nil
}

// Work reads unfinished work by its id; ErrNotFound when it is finished.
func (s *Store) Work(ctx context.Context, id int64) (Work, error) {
	found, err := s.workWhere(ctx, "id = ?", id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("work %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Work{}, err
	}
	return found[0], nil
}

func (s *Store) workWhere(ctx context.Context, where string, args ...any) ([]Work, error) {
	members := "array_to_json(members)::text"
	if s.embedded {
		members = "members"
	}
	var rows []struct {
		ID        int64
		Kind      Kind
		Priority  Priority
		WebhookID int64
		DueAt     int64
		JobID     *int64
		Members   string
	}
	if err := s.db.WithContext(ctx).Raw("SELECT id, kind, priority, webhook_id, due_at, job_id, "+members+" AS members FROM outbox WHERE "+where, args...).Scan(&rows).Error; err != nil {
		return nil, translate(err, "unfinished work")
	}
	ws := make([]Work, len(rows))
	for i, r := range rows {
		ws[i] = Work{ID: r.ID, Kind: r.Kind, Priority: r.Priority, WebhookID: r.WebhookID, DueAt: time.UnixMilli(r.DueAt).UTC(), JobID: idOrZero(r.JobID)}
		if err := json.Unmarshal([]byte(r.Members), &ws[i].Members); err != nil {
			return nil, fmt.Errorf("members of work %d: %w", r.ID, err)
		}
	}
	return ws, nil
}

// EventAnywhere reads an event by its identity, whoever's it is.
func (s *Store) EventAnywhere(ctx context.Context, key [16]byte) (Event, error) {
	if s.embedded {
		return s.event(ctx, "key = ?", key[:])
	}
	var ids []int64
	if err := s.db.WithContext(ctx).Raw(keyInGenerations(time.Now()), map[string]any{"key": key[:]}).Scan(&ids).Error; err != nil {
		return Event{}, translate(err, "event")
	}
	if len(ids) == 0 {
		return Event{}, fmt.Errorf("event: %w", ErrNotFound)
	}
	return s.event(ctx, "key = ? AND id IN ?"+within("id", ids...), key[:], ids)
}

// OwedDelivery is a delivery of an event, and the work that is to make it.
type OwedDelivery struct {
	WebhookID int64
	State     DeliveryState
	Attempts  int
	DueAt     time.Time
	Reason    string // of the last attempt; empty: it has none
	InLane    bool   // waits for those before it in its conversation: no work of its own yet
	Work      *Work  // nil: none is unfinished, or none was found near the moments that the delivery tells of
}

// DeliveriesOfEvent lists the deliveries of an event with their work, by webhook.
func (s *Store) DeliveriesOfEvent(ctx context.Context, e Event) ([]OwedDelivery, error) {
	var rows []struct {
		WebhookID  int64
		State      DeliveryState
		Attempts   int
		DueAt      time.Time
		LastAt     *time.Time
		LastReason *string
		InLane     bool
	}
	err := s.db.WithContext(ctx).Raw(`SELECT d.webhook_id, d.state, d.attempts, d.due_at, d.last_at, d.last_reason, d.lane IS NOT NULL AS in_lane FROM deliveries d
		WHERE d.webhook_id IN (SELECT id FROM webhooks WHERE business_id = ?) AND d.event_id = ?`+s.within("d.event_id", []int64{e.ID})+" ORDER BY d.webhook_id", e.BusinessID, e.ID).Scan(&rows).Error
	if err != nil {
		return nil, translate(err, "deliveries of an event")
	}
	list := make([]OwedDelivery, len(rows))
	for i, r := range rows {
		d := OwedDelivery{WebhookID: r.WebhookID, State: r.State, Attempts: r.Attempts, DueAt: r.DueAt.UTC(), InLane: r.InLane}
		if r.LastReason != nil {
			d.Reason = *r.LastReason
		}
		if d.State == Pending && !d.InLane {
			w, err := s.workWith(ctx, d.WebhookID, e.ID, IDTime(e.ID), timeOrZero(r.LastAt), d.DueAt)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return nil, err
			}
			if err == nil {
				d.Work = &w
			}
		}
		list[i] = d
	}
	return list, nil
}

const (
	// madeWithin is how long after what caused it work is made, at the latest: the attempts of a group are settled together.
	madeWithin = 6 * time.Minute
	// lookedThrough bounds the work of a webhook that is looked at when none was made near those moments.
	lookedThrough = 20_000
)

// workWith finds the work of a webhook that has an event. Members are in no index, which would cost every callback; but the id
// of work tells when it was made: with the event, after the attempt before, or when somebody asked for it.
func (s *Store) workWith(ctx context.Context, webhookID, eventID int64, moments ...time.Time) (Work, error) {
	has := strconv.FormatInt(eventID, 10) + " = ANY(members)"
	if s.embedded {
		has = "EXISTS (SELECT 1 FROM json_each(members) WHERE value = " + strconv.FormatInt(eventID, 10) + ")"
	}
	for _, at := range moments {
		if at.IsZero() {
			continue
		}
		found, err := s.workWhere(ctx, "webhook_id = ? AND kind = ? AND id >= ? AND id < ? AND "+has+" ORDER BY id LIMIT 1", webhookID, Deliver, FirstID(at.Add(-time.Second)), FirstID(at.Add(madeWithin)))
		if err != nil {
			return Work{}, err
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	found, err := s.workWhere(ctx, "id IN (SELECT id FROM (SELECT id, members FROM outbox WHERE webhook_id = ? AND kind = ? ORDER BY id LIMIT ?) AS oldest WHERE "+has+") ORDER BY id LIMIT 1", webhookID, Deliver, lookedThrough)
	if err != nil {
		return Work{}, err
	}
	if len(found) == 0 {
		return Work{}, fmt.Errorf("work of event %d for webhook %d: %w", eventID, webhookID, ErrNotFound)
	}
	return found[0], nil
}

// EventsByID reads events whoever's they are, by their ids; those that are gone are missing.
func (s *Store) EventsByID(ctx context.Context, ids []int64) (map[int64]Event, error) {
	found := make(map[int64]Event, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	var rows []eventRow
	if err := s.db.WithContext(ctx).Raw("SELECT "+eventColumns+" FROM events WHERE id IN ?"+s.within("id", ids), ids).Scan(&rows).Error; err != nil {
		return nil, translate(err, "events")
	}
	for _, r := range rows {
		found[r.ID] = r.event()
	}
	return found, nil
}

// DeliveryRef names a delivery.
type DeliveryRef struct{ WebhookID, EventID int64 }

// Reasons reads why the last attempts of deliveries failed; those that did not fail are missing.
func (s *Store) Reasons(ctx context.Context, refs []DeliveryRef) (map[DeliveryRef]string, error) {
	reasons := map[DeliveryRef]string{}
	if len(refs) == 0 {
		return reasons, nil
	}
	hooks, events := make([]string, len(refs)), make([]int64, len(refs))
	names := make([]string, len(refs))
	for i, r := range refs {
		hooks[i], events[i], names[i] = strconv.FormatInt(r.WebhookID, 10), r.EventID, strconv.FormatInt(r.EventID, 10)
	}
	table, args := "unnest(CAST(CAST(? AS text) AS bigint[]), CAST(CAST(? AS text) AS bigint[])) AS q(hook, event)", []any{"{" + strings.Join(hooks, ",") + "}", "{" + strings.Join(names, ",") + "}"}
	if s.embedded {
		table = "(SELECT h.value AS hook, e.value AS event FROM json_each(?) h JOIN json_each(?) e ON e.key = h.key) AS q"
		args = []any{"[" + strings.Join(hooks, ",") + "]", "[" + strings.Join(names, ",") + "]"}
	}
	var rows []struct {
		WebhookID, EventID int64
		LastReason         string
	}
	if err := s.db.WithContext(ctx).Raw("SELECT d.webhook_id, d.event_id, d.last_reason FROM "+table+" JOIN "+
		s.looked("deliveries d", "d.webhook_id = q.hook AND d.event_id = q.event"+s.within("d.event_id", events))+" WHERE d.last_reason <> ''", args...).Scan(&rows).Error; err != nil {
		return nil, translate(err, "reasons")
	}
	for _, r := range rows {
		reasons[DeliveryRef{r.WebhookID, r.EventID}] = r.LastReason
	}
	return reasons, nil
}
