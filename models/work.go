package models

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Kind says what a piece of work asks for.
type Kind int16

const (
	// TranslateCallbacks turns the callbacks Members[0] to Members[1] into events and deliveries.
	TranslateCallbacks Kind = 1
	// Deliver posts the events in Members to WebhookID.
	Deliver Kind = 2
	// SendMessages gives the messages in Members to the platform. They are of one number, whose id is WebhookID.
	SendMessages Kind = 3
	// ReplyMessages answers the customers' messages that the events in Members tell of. They are of one number, whose id is
	// WebhookID.
	ReplyMessages Kind = 4
)

// Priority orders the queues: a person waiting in a chat comes before a report.
type Priority int16

const (
	Live     Priority = 0 // messages and what they cause
	Report   Priority = 1 // statuses, retries and everything else
	Bulk     Priority = 2 // statuses of broadcasts
	History  Priority = 3 // the past, synchronised
	Replayed Priority = 4 // what jobs deliver again
)

// Work is one row of the outbox: something accepted and unfinished. A queue task carries its id.
type Work struct {
	ID        int64
	Kind      Kind
	Priority  Priority
	WebhookID int64 // of SendMessages and ReplyMessages the number; 0: of neither
	DueAt     time.Time
	// JobID is the job that asked for the deliveries; 0: none.
	JobID int64
	// Members are callback ids (first and last), event ids or ids of messages to be sent, see Kind.
	Members []int64
}

// Callback is what upstream posted, as it came.
type Callback struct {
	ID    int64
	AppID int64 // 0 when it came for a number; OwnApp when the gateway wrote it itself
	// NumberID is the number whose address it was posted to, On-Premises style; 0 when it came to an app.
	NumberID   int64
	ReceivedAt time.Time
	Body       []byte
}

// NewCallbackGroup gives callbacks that are committed together their ids, in order, and makes the work that translates
// them. The callbacks are changed in place.
func (s *Store) NewCallbackGroup(cs []Callback) Work {
	for i := range cs {
		cs[i].ID = s.ids.Next()
	}
	return Work{ID: s.ids.Next(), Kind: TranslateCallbacks, DueAt: s.Now(), Members: []int64{cs[0].ID, cs[len(cs)-1].ID}}
}

// Accept commits callbacks and their work in one transaction. Repeating it with the same ids changes nothing.
func (s *Store) Accept(ctx context.Context, w Work, cs []Callback) error {
	if err := s.hot.accept(ctx, w, withBodies(cs)); err != nil {
		return fmt.Errorf("accept %d callbacks: %w", len(cs), err)
	}
	return nil
}

// withBodies is callbacks none of which has a nil body.
func withBodies(cs []Callback) []Callback {
	for i := range cs {
		if cs[i].Body == nil {
			cs = slices.Clone(cs)
			cs[i].Body = []byte{}
		}
	}
	return cs
}

// Callbacks reads the callbacks with ids from first to last, in order. Other processes' callbacks may lie between
// them; translating one twice changes nothing.
func (s *Store) Callbacks(ctx context.Context, first, last int64) ([]Callback, error) {
	cs, err := s.hot.loadCallbacks(ctx, first, last)
	if err != nil {
		return nil, fmt.Errorf("load callbacks: %w", err)
	}
	return cs, nil
}

// CallbacksByID reads the callbacks with these ids, in order; those that are gone are missing.
func (s *Store) CallbacksByID(ctx context.Context, ids []int64) ([]Callback, error) {
	cs, err := s.hot.loadCallbacksByID(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load callbacks: %w", err)
	}
	return cs, nil
}

// Unfinished lists work that was due by a moment, by id after the given one, at most limit.
func (s *Store) Unfinished(ctx context.Context, dueBefore time.Time, after int64, limit int) ([]Work, error) {
	ws, err := s.hot.unfinished(ctx, dueBefore, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list unfinished work: %w", err)
	}
	return ws, nil
}

// Backlog is how much work is unfinished and since when the oldest of it is due.
type Backlog struct {
	Callbacks  int64 // groups of callbacks waiting to be translated
	Deliveries int64 // groups of deliveries waiting, retries included
	Sends      int64 // groups of messages waiting to be sent, those for later included
	Replies    int64 // messages of customers waiting to be answered by an AI
	OldestDue  time.Time
	// Due is since when the oldest of each kind is due, or when it will be; a kind of which there is nothing is missing.
	Due map[Kind]time.Time
}

// Backlog counts the outbox.
func (s *Store) Backlog(ctx context.Context) (Backlog, error) {
	var rows []struct {
		Kind   Kind
		N      int64
		Oldest int64
	}
	err := s.db.WithContext(ctx).Raw("SELECT kind, count(*) AS n, min(due_at) AS oldest FROM outbox GROUP BY kind").Scan(&rows).Error
	b := Backlog{Due: make(map[Kind]time.Time, len(rows))}
	for _, r := range rows {
		switch r.Kind {
		case TranslateCallbacks:
			b.Callbacks = r.N
		case SendMessages:
			b.Sends = r.N
		case ReplyMessages:
			b.Replies = r.N
		default:
			b.Deliveries = r.N
		}
		due := time.UnixMilli(r.Oldest)
		b.Due[r.Kind] = due
		if b.OldestDue.IsZero() || due.Before(b.OldestDue) {
			b.OldestDue = due
		}
	}
	return b, translate(err, "count the outbox")
}
