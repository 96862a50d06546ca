package waba

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrMalformed is wrapped by the errors of [Parse]: the body is not JSON, not an object, or has no entry array. No
// retry changes such a body, so the sender is best answered as if it were understood.
var ErrMalformed = errors.New("malformed callback")

// Callback is one POST of the platform, flattened: the changes of all its entries, in order. One POST may batch up to
// 1,000 updates of several accounts; most hold one.
type Callback struct {
	Object  string // "whatsapp_business_account" so far; empty when absent
	Changes []Change
}

// Parse takes a callback apart. The result shares memory with body, see the package comment.
//
// An error wraps [ErrMalformed] and means that there is no envelope to look into. Inside an envelope nothing is an
// error: what cannot be understood is kept as [Unrecognized] on its change. An entry or a change that is itself of the
// wrong type becomes a Change without a field that holds nothing else.
func Parse(body []byte) (Callback, error) {
	if !json.Valid(body) {
		var discarded json.RawMessage
		return Callback{}, fmt.Errorf("%w: %w", ErrMalformed, json.Unmarshal(body, &discarded))
	}
	root := json.RawMessage(body[space(body, 0):])
	if !isObject(root) {
		return Callback{}, fmt.Errorf("%w: the body is %s", ErrMalformed, describe(root))
	}
	var callback Callback
	enveloped := false
	for key, value := range members(root) {
		switch string(key) {
		case "object":
			callback.Object, _ = text(value)
		case "entry":
			enveloped = enveloped || isArray(value)
			for entry := range elements(value) {
				callback.Changes = appendEntry(callback.Changes, entry)
			}
		}
	}
	if !enveloped {
		return Callback{}, fmt.Errorf("%w: no entry array", ErrMalformed)
	}
	return callback, nil
}

// appendEntry adds the changes of one entry. The order of an entry's keys is not fixed, hence the two walks.
func appendEntry(changes []Change, entry json.RawMessage) []Change {
	var shared Change
	for key, value := range members(entry) {
		switch string(key) {
		case "id":
			shared.WABAID, _ = text(value)
		case "time":
			shared.At = seconds(value)
		}
	}
	complete := false
	for key, value := range members(entry) {
		if string(key) != "changes" || !isArray(value) {
			continue
		}
		complete = true
		for change := range elements(value) {
			changes = append(changes, parseChange(shared, change))
		}
	}
	if !complete {
		shared.reject("entry", "the entry has no changes array", entry)
		changes = append(changes, shared)
	}
	return changes
}
