package fanout

import (
	"context"
	"encoding/json"
	"fmt"

	"wabagate/fanout/canon"
	"wabagate/models"
	"wabagate/waba"
)

// beside is what a dialect may need of an event besides the event.
type beside struct {
	// upstream is the platform's envelope, for raw dialects. It is not kept with the event, whose callback is kept anyway,
	// but looked up there when it is needed: most businesses have no such webhook, and for them it would double every event.
	// An event that was derived, or whose callback is gone, has none.
	upstream json.RawMessage
	digest   json.RawMessage
}

// besides finds what a webhook's dialect needs, by event id.
func (c *Courier) besides(ctx context.Context, sub *subscription, due []models.Due) (map[int64]beside, error) {
	switch {
	case sub.dialect.Raw():
		return c.upstreams(ctx, due)
	case sub.dialect.Digests():
		ids := make([]int64, len(due))
		for i, d := range due {
			ids[i] = d.Event.ID
		}
		digests, err := c.store.DigestsByEvent(ctx, ids)
		found := make(map[int64]beside, len(digests))
		for id, digest := range digests {
			found[id] = beside{digest: digest}
		}
		return found, err
	}
	return nil, nil
}

func (c *Courier) upstreams(ctx context.Context, due []models.Due) (map[int64]beside, error) {
	ids := make([]int64, 0, len(due))
	seen := map[int64]bool{}
	for _, d := range due {
		if !seen[d.Event.CallbackID] {
			seen[d.Event.CallbackID] = true
			ids = append(ids, d.Event.CallbackID)
		}
	}
	callbacks, err := c.store.CallbacksByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	subs := c.subs.current()
	byCallback := make(map[int64]models.Callback, len(callbacks))
	for _, cb := range callbacks {
		byCallback[cb.ID] = cb
	}
	found := make(map[int64]beside, len(due))
	for _, d := range due {
		raw, err := upstreamOf(d.Event, byCallback[d.Event.CallbackID], subs)
		if err != nil {
			return nil, err
		}
		if raw != nil {
			found[d.Event.ID] = beside{upstream: raw}
		}
	}
	return found, nil
}

// upstreamOf takes the callback apart again and picks the fact that the event was made of.
func upstreamOf(e models.Event, cb models.Callback, subs *subscriptions) (json.RawMessage, error) {
	whose := subs.sender(cb)
	parsed, err := parse(cb, whose.number)
	if err != nil {
		return nil, nil // it never was an envelope
	}
	number, _ := subs.numberOf(e.NumberID)
	for i := range parsed.Changes {
		change := &parsed.Changes[i]
		if of, _, wait := whose.owner(change, subs.routes); wait != nil || of.ID != number.ID {
			continue
		}
		for _, f := range changeFacts(change, cb, number, e.BusinessID, i) {
			if f.key != e.Key {
				continue
			}
			if f.send != 0 {
				f.status.Raw = withTracking(f.status.Raw, trackingOf(e))
			}
			raw, err := canon.Append(nil, f.envelope())
			if err != nil {
				return nil, fmt.Errorf("envelope of event %d: %w", e.ID, err)
			}
			return raw, nil
		}
	}
	return nil, nil
}

// trackingOf is the tracking string that the event of a status shows.
func trackingOf(e models.Event) string {
	d, err := eventOf(e, beside{}).Decode()
	if err != nil || d.Status == nil {
		return ""
	}
	return d.Status.Tracking
}

// withTracking is a status as it came, but with another tracking string: that of a message that the gateway sent is the
// gateway's own, and its sender knows another, or none.
func withTracking(raw json.RawMessage, tracking string) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return raw
	}
	const key = "biz_opaque_callback_data"
	delete(members, key)
	if tracking != "" {
		members[key], _ = json.Marshal(tracking) // texts always marshal
	}
	out, err := json.Marshal(members)
	if err != nil {
		return raw
	}
	return out
}

// envelope is the platform's envelope with just this fact in it.
func (f *fact) envelope() json.RawMessage {
	c := f.change
	switch {
	case f.message != nil && f.field == waba.FieldEchoes:
		return c.EchoEnvelope(*f.message)
	case f.message != nil:
		return c.MessageEnvelope(*f.message)
	case f.history != nil:
		return c.HistoryEnvelope(*f.history)
	case f.status != nil:
		return c.StatusEnvelope(*f.status)
	case f.payment != nil:
		return c.PaymentEnvelope(*f.payment)
	case f.notice != nil:
		return c.NoticeEnvelope(*f.notice)
	case f.err != nil:
		return c.ErrorEnvelope(*f.err)
	case f.unknown != nil && f.wholeValue:
		return c.ValueEnvelope()
	case f.unknown != nil && c != nil:
		return c.UnrecognizedEnvelope(*f.unknown)
	}
	return nil
}
