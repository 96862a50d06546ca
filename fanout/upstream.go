package fanout

import (
	"context"
	"encoding/json"
	"fmt"

	"wabagate/fanout/canon"
	"wabagate/models"
	"wabagate/waba"
)

// Raw dialects deliver what the platform sent. That is not kept with the event, whose callback is kept anyway, but
// looked up in the callback when a raw dialect needs it: most businesses have no such webhook, and for them it would
// double every event.

// upstreams finds the envelopes of events, by event id. An event that was derived, or whose callback is gone, has none.
func (c *Courier) upstreams(ctx context.Context, due []models.Due) (map[int64]json.RawMessage, error) {
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
	routes := c.subs.current().routes
	byCallback := make(map[int64]models.Callback, len(callbacks))
	for _, cb := range callbacks {
		byCallback[cb.ID] = cb
	}
	found := make(map[int64]json.RawMessage, len(due))
	for _, d := range due {
		raw, err := upstreamOf(d.Event, byCallback[d.Event.CallbackID], routes)
		if err != nil {
			return nil, err
		}
		if raw != nil {
			found[d.Event.ID] = raw
		}
	}
	return found, nil
}

// upstreamOf takes the callback apart again and picks the fact that the event was made of.
func upstreamOf(e models.Event, cb models.Callback, routes *models.Routes) (json.RawMessage, error) {
	parsed, err := waba.Parse(cb.Body)
	if err != nil {
		return nil, nil // it never was an envelope
	}
	var number models.Number
	for _, n := range routes.Numbers {
		if n.ID == e.NumberID {
			number = n
		}
	}
	for i := range parsed.Changes {
		change := &parsed.Changes[i]
		if number.ID != 0 && change.PhoneNumberID != number.PhoneNumberID {
			continue
		}
		for _, f := range changeFacts(change, cb, number, e.BusinessID, i) {
			if f.key != e.Key {
				continue
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

// envelope is the platform's envelope with just this fact in it.
func (f *fact) envelope() json.RawMessage {
	switch {
	case f.message != nil:
		return f.change.MessageEnvelope(*f.message)
	case f.status != nil:
		return f.change.StatusEnvelope(*f.status)
	case f.err != nil:
		return f.change.ErrorEnvelope(*f.err)
	case f.unknown != nil && f.wholeValue:
		return f.change.ValueEnvelope()
	case f.unknown != nil && f.change != nil:
		return f.change.UnrecognizedEnvelope(*f.unknown)
	}
	return nil
}
