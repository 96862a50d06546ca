package event

import (
	"fmt"
	"time"

	"wabagate/fanout/canon"
)

// New makes the event of a fact. Data and upstream are brought into canonical form; upstream is nil for what the
// gateway derived itself. The time is cut to milliseconds, which every store keeps and the payloads show.
func New(key Key, typ string, d Data, upstream []byte, at time.Time) (Event, error) {
	e := Event{
		ID:         key.EventID(),
		Type:       typ,
		BusinessID: d.BusinessID,
		CreatedAt:  at.UTC().Truncate(time.Millisecond),
	}
	if d.Number != nil {
		e.NumberID = d.Number.ID
	}
	var err error
	if e.Data, err = appendData(make([]byte, 0, 1024), d); err != nil {
		return Event{}, fmt.Errorf("data of %s %s: %w", typ, e.ID, err)
	}
	if len(upstream) > 0 {
		if e.Upstream, err = canon.Append(nil, upstream); err != nil {
			return Event{}, fmt.Errorf("upstream of %s %s: %w", typ, e.ID, err)
		}
	}
	return e, nil
}
