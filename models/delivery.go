package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Due is a delivery that waits for an attempt, with its event.
type Due struct {
	Event Event
	// Attempts is how many were made so far, Base how many of them before it was last asked for again: the retry schedule
	// counts from there.
	Attempts, Base int
	// JobID is the job that asked for it last; 0: none.
	JobID int64
	// Lane is that of the event's conversation; zero when the webhook keeps no order.
	Lane LaneState
}

// Attempt is one request to a webhook with its final result.
type Attempt struct {
	EventID, WebhookID int64
	// N counts from 1 within a delivery.
	N         int
	StartedAt time.Time
	Duration  time.Duration
	// Status is the HTTP status; 0 when no answer came.
	Status int
	// Outcome is the verdict's name (see fanout/deliver) and Reason its explanation for people.
	Outcome, Reason string
	// Answer is the beginning of the answer's body.
	Answer string
	// JobID is the job that asked for the attempt; 0: none.
	JobID int64
}

// Result is what became of one piece of delivery work.
type Result struct {
	// Done is the work it finishes; 0 for none, as when a person asked for the attempt. A lane whose turn it still is after
	// Turns is over with it: work of which nothing was left to attempt needs no Turns.
	Done      int64
	WebhookID int64
	// Work is what the attempts belong to, finished or not: it has to be the turn of the lanes in Turns.
	Work int64
	// Turns are what the attempts mean for the lanes of an ordered webhook.
	Turns []Turn
	// StandDown says that the webhook is off: everything that waits in its lanes is held, and the lanes are gone.
	StandDown bool
	Attempts  []Attempt
	Updates   []DeliveryUpdate
	// Next is the work that remains: retries, and what was put off.
	Next []Work
}

// DeliveryUpdate is where a delivery stands after its attempt.
type DeliveryUpdate struct {
	EventID  int64
	State    DeliveryState
	Attempts int
	DueAt    time.Time
	// FailedAt is when the attempt failed; zero when it did not.
	FailedAt time.Time
}

// settlement is the sum of several results, laid out for one transaction: cleaned, each delivery and webhook once, and
// sorted, so that two settlements that share rows never wait for each other in a circle.
type settlement struct {
	attempts []Attempt
	updates  []settledDelivery
	done     []int64
	next     []Work
	health   []healthChange

	turns     []settledTurn
	standDown []int64 // webhooks
	nextID    func() int64
	now       func() time.Time
	hour      int64 // in which it counts, from 1970
}

type settledDelivery struct {
	webhookID int64
	jobID     int64    // that asked for the attempt; 0: none
	last      *Attempt // of those made so far; nil: this settlement knows of none
	DeliveryUpdate
}

// ofJob says whether it ends a delivery that a job asked for.
func (u settledDelivery) ofJob() bool {
	return u.jobID != 0 && (u.State == Succeeded || u.State == Failed)
}

type healthChange struct {
	webhookID        int64
	at               time.Time // of the newest attempt
	failures         int64     // since the last success within the results
	success, failure time.Time // of the newest of each; zero: none
	failing          time.Time // the first failure since the last success within the results; zero: none
}

// Settle commits the results of attempts in one transaction: attempts and states kept, finished work removed, retries
// added, health of the webhooks brought up to date. A delivery that is no longer pending keeps its state; one that ends
// waits in no lane. The answer is the work that came up in lanes; it is in the outbox.
func (s *Store) Settle(ctx context.Context, rs []Result) ([]Work, error) {
	st := newSettlement(rs)
	st.nextID, st.now, st.hour = s.nextID, s.Now, hourOf(s.Now())
	up, err := s.hot.settle(ctx, st)
	if err != nil {
		return nil, fmt.Errorf("settle %d attempts: %w", len(st.attempts), err)
	}
	return up, nil
}

func newSettlement(rs []Result) settlement {
	var st settlement
	health := map[int64]*healthChange{}
	type key struct{ event, webhook int64 }
	updated := map[key]int{}
	for _, r := range rs {
		if r.Done != 0 {
			st.done = append(st.done, r.Done)
		}
		st.next = append(st.next, r.Next...)
		jobs := map[int64]int64{} // by event
		last := map[int64]*Attempt{}
		for _, t := range r.Turns {
			st.turns = append(st.turns, settledTurn{LaneRef{r.WebhookID, t.ConversationID}, r.Work, t})
		}
		if r.StandDown {
			st.standDown = append(st.standDown, r.WebhookID)
		}
		for _, a := range r.Attempts {
			if a.JobID != 0 {
				jobs[a.EventID] = a.JobID
			}
			if a.StartedAt.IsZero() {
				a.StartedAt = time.Now()
			}
			a.StartedAt = moment(a.StartedAt)
			a.Outcome, a.Reason, a.Answer = printable(a.Outcome), printable(a.Reason), printable(a.Answer)
			st.attempts = append(st.attempts, a)
			if before := last[a.EventID]; before == nil || before.N < a.N {
				last[a.EventID] = &a
			}
			h := health[r.WebhookID]
			if h == nil {
				h = &healthChange{webhookID: r.WebhookID}
				health[r.WebhookID] = h
			}
			h.add(a)
		}
		for _, u := range r.Updates {
			u.DueAt = dueMoment(u.DueAt)
			k := key{u.EventID, r.WebhookID}
			i, twice := updated[k]
			if !twice {
				updated[k] = len(st.updates)
				st.updates = append(st.updates, settledDelivery{r.WebhookID, jobs[u.EventID], last[u.EventID], u})
				continue
			}
			if old := st.updates[i]; old.State == Pending { // as if they had been settled one after the other
				if u.FailedAt.IsZero() {
					u.FailedAt = old.FailedAt
				}
				st.updates[i].jobID, st.updates[i].DeliveryUpdate = jobs[u.EventID], u
				st.updates[i].last = cmp.Or(last[u.EventID], old.last)
			}
		}
	}
	for _, h := range health {
		st.health = append(st.health, *h)
	}
	slices.SortFunc(st.health, func(a, b healthChange) int { return cmp.Compare(a.webhookID, b.webhookID) })
	slices.SortFunc(st.updates, func(a, b settledDelivery) int {
		return cmp.Or(cmp.Compare(a.EventID, b.EventID), cmp.Compare(a.webhookID, b.webhookID))
	})
	slices.Sort(st.done)
	st.done = slices.Compact(st.done)
	return st
}

func (h *healthChange) add(a Attempt) {
	later := func(t *time.Time) {
		if a.StartedAt.After(*t) {
			*t = a.StartedAt
		}
	}
	later(&h.at)
	if a.Outcome == Delivered {
		h.failures, h.failing = 0, time.Time{}
		later(&h.success)
		return
	}
	h.failures++
	later(&h.failure)
	if h.failing.IsZero() {
		h.failing = a.StartedAt
	}
}

// Delivered is the outcome that counts as success.
const Delivered = "delivered"

// LoadGroup reads the members of delivery work that are still pending and due by a moment, in event order. A delivery is
// due when the work that was made for it is, to the millisecond: a worker whose clock is behind asks for the work's DueAt
// and misses none.
//
// Those who wait in a lane are nobody's. Work that is the turn of a lane gets its members of that lane whenever they are
// due, and other work does not get them, whatever a worker that was thought dead made of them meanwhile. Who stepped
// aside is attempted like a delivery without a lane.
func (s *Store) LoadGroup(ctx context.Context, w Work, dueBefore time.Time) ([]Due, error) {
	due, err := s.hot.loadGroup(ctx, w, dueBefore)
	if err != nil {
		return nil, fmt.Errorf("load deliveries of webhook %d: %w", w.WebhookID, err)
	}
	return due, nil
}

// AddWork puts work into the outbox by itself.
func (s *Store) AddWork(ctx context.Context, ws ...Work) error {
	if err := s.hot.addWork(ctx, ws); err != nil {
		return fmt.Errorf("add work: %w", err)
	}
	return nil
}
