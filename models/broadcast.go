package models

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// broadcastKey is what names a broadcast.
type broadcastKey struct {
	business  int64
	reference string
}

// noticeboard is what an engine does for Broadcasts.
type noticeboard interface {
	// findBroadcasts locks and reads broadcasts in the order of the keys, which are sorted.
	findBroadcasts(ctx context.Context, keys []broadcastKey) ([]*Broadcast, error)
	// makeBroadcasts gives them their ids. errOvertaken when another transaction has made one of them.
	makeBroadcasts(ctx context.Context, made []*Broadcast) error
}

// findBroadcasts answers refs as if each had come alone, one after the other.
func findBroadcasts(ctx context.Context, board noticeboard, refs []BroadcastRef) ([]*Broadcast, error) {
	answers := make([]*Broadcast, len(refs))
	var keys []broadcastKey
	for _, r := range refs {
		if r.Reference != "" {
			keys = append(keys, broadcastKey{r.BusinessID, r.Reference})
		}
	}
	if len(keys) == 0 {
		return answers, nil
	}
	compare := func(a, b broadcastKey) int {
		return cmp.Or(cmp.Compare(a.business, b.business), cmp.Compare(a.reference, b.reference))
	}
	slices.SortFunc(keys, compare)
	known, err := board.findBroadcasts(ctx, slices.Compact(keys))
	if err != nil {
		return nil, err
	}
	byKey := map[broadcastKey]*Broadcast{}
	for _, b := range known {
		byKey[b.key()] = b
	}
	var made []*Broadcast
	for i, r := range refs {
		k := broadcastKey{r.BusinessID, r.Reference}
		if byKey[k] == nil && r.Create && r.Reference != "" {
			b := r.Broadcast
			b.ID, b.BusinessID, b.Reference = 0, r.BusinessID, r.Reference
			byKey[k], made = &b, append(made, &b)
		}
		answers[i] = byKey[k]
	}
	if len(made) == 0 {
		return answers, nil
	}
	slices.SortFunc(made, func(a, b *Broadcast) int { return compare(a.key(), b.key()) })
	return answers, board.makeBroadcasts(ctx, made)
}

func (b *Broadcast) key() broadcastKey { return broadcastKey{b.BusinessID, b.Reference} }

const broadcastColumns = `b.id, b.business_id, b.number_id, b.reference, b.name, b.template_name, b.total, b.sent, b.delivered, b.read, b.failed, b.failures,
	b.started_at, b.updated_at, b.progress_at, b.completed_at`

// broadcastScan receives a row of broadcastColumns.
type broadcastScan struct {
	b                       Broadcast
	failures                string
	progressAt, completedAt *time.Time
}

func (s *broadcastScan) dest() []any {
	b := &s.b
	return []any{&b.ID, &b.BusinessID, &b.NumberID, &b.Reference, &b.Name, &b.TemplateName, &b.Total, &b.Sent, &b.Delivered, &b.Read, &b.Failed, &s.failures,
		&b.StartedAt, &b.UpdatedAt, &s.progressAt, &s.completedAt}
}

func (s *broadcastScan) broadcast() *Broadcast {
	b := s.b
	b.Failures = nil
	_ = json.Unmarshal([]byte(s.failures), &b.Failures) // our own encoding
	b.ProgressAt, b.CompletedAt = timeOrZero(s.progressAt), timeOrZero(s.completedAt)
	return &b
}

// values are the columns of a broadcast but its id, in the order of broadcastColumns.
func (b *Broadcast) values() []any {
	return []any{b.BusinessID, b.NumberID, b.Reference, b.Name, b.TemplateName, b.Total, b.Sent, b.Delivered, b.Read, b.Failed, encodeCounts(b.Failures),
		b.StartedAt, b.UpdatedAt, momentOrNil(b.ProgressAt), momentOrNil(b.CompletedAt)}
}

// encodeCounts is what a column has for counts; none are {}.
func encodeCounts(counts map[string]int64) string {
	if len(counts) == 0 {
		return "{}"
	}
	text, _ := json.Marshal(counts) // numbers always marshal
	return string(text)
}
