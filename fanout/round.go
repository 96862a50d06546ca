package fanout

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
)

// round is one go at the deliveries of a piece of work.
type round struct {
	c       *Courier
	work    models.Work
	sub     *subscription
	besides map[int64]beside
	held    func() bool
	results chan step
	// stop is closed by the first delivery that is left for later: what holds it up holds up the others too.
	stop     chan struct{}
	stopOnce sync.Once
	why      error
}

// step is one thing that came of a round: an attempt, a lane's turn, or both.
type step struct {
	attempted *attempted
	turn      *models.Turn
	exhausted *exhaustion
}

// exhaustion is a delivery that failed for the last time.
type exhaustion struct {
	event    models.Event
	attempts int
	reason   string
	at       time.Time
}

// settling is a result with what is to be told of it.
type settling struct {
	models.Result
	exhausted []exhaustion
}

// run makes the attempts, those that need no order side by side, and settles them as they finish.
func (r *round) run(ctx context.Context, due []models.Due) error {
	r.results, r.stop = make(chan step), make(chan struct{})
	runs := runsOf(due, r.sub.ordered() || r.work.Priority == models.Replayed)
	next := make(chan []models.Due)
	var workers sync.WaitGroup
	for range min(len(runs), r.c.lanes.Width()) {
		workers.Go(func() {
			for run := range next {
				r.make(ctx, run)
			}
		})
	}
	go func() {
		defer close(r.results)
		defer workers.Wait()
		defer close(next)
		for _, run := range runs {
			select {
			case next <- run:
			case <-r.stop:
				return
			}
		}
	}()
	last, err := r.collect(ctx)
	left := false
	select {
	case <-r.stop:
		left = true
	default:
		if err == nil && ctx.Err() == nil {
			last.Done = r.work.ID
		}
	}
	if last.Done != 0 || len(last.Attempts)+len(last.Turns) > 0 {
		if e := r.c.keep(ctx, r.work, last); err == nil {
			err = e
		}
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case left:
		r.c.m.postponed.WithLabelValues(whyLeft(r.why)).Inc()
		return r.why
	}
	return nil
}

// whyLeft labels what holds deliveries up.
func whyLeft(err error) string {
	switch {
	case errors.Is(err, deliver.ErrOpen):
		return "circuit_open"
	case errors.Is(err, deliver.ErrLimited):
		return "rate_limit"
	case errors.Is(err, errLapsed):
		return "lapsed"
	}
	return "slow"
}

// collect settles what comes of the attempts, a group at a time, until all are made, and answers the last group.
func (r *round) collect(ctx context.Context) (last settling, err error) {
	now := r.settling()
	var timer <-chan time.Time
	for {
		select {
		case s, open := <-r.results:
			if !open {
				return now, err
			}
			now.add(s)
			if timer == nil {
				timer = time.After(flushEvery)
			}
		case <-timer:
			if e := r.c.keep(ctx, r.work, now); e != nil && err == nil {
				err = e
			}
			now, timer = r.settling(), nil
		}
	}
}

func (r *round) settling() settling {
	return settling{Result: models.Result{Work: r.work.ID, WebhookID: r.work.WebhookID}}
}

func (s *settling) add(one step) {
	if a := one.attempted; a != nil {
		s.Attempts, s.Updates, s.Next = append(s.Attempts, a.attempt), append(s.Updates, a.update), append(s.Next, a.next...)
	}
	if one.turn != nil {
		s.Turns = append(s.Turns, *one.turn)
	}
	if one.exhausted != nil {
		s.exhausted = append(s.exhausted, *one.exhausted)
	}
}

// leave ends the round for a reason that is not the deliveries' own.
func (r *round) leave(why error) {
	r.stopOnce.Do(func() { r.why = why; close(r.stop) })
}

// make makes the deliveries of a run one after the other.
func (r *round) make(ctx context.Context, run []models.Due) {
	if lane := run[0].Lane; r.sub.ordered() && lane.Turn == r.work.ID && run[0].Event.ConversationID != 0 {
		r.turn(ctx, run)
		return
	}
	for _, d := range run {
		a, ok := r.attempt(ctx, d, passed(d.Lane.Aside, d.Event.Sequence))
		if !ok {
			return
		}
		s := step{attempted: &a, exhausted: exhaustionOf(d, a)}
		if seq := d.Event.Sequence; !a.again() && slices.Contains(d.Lane.Aside, seq) {
			s.turn = &models.Turn{ConversationID: d.Event.ConversationID, Rejoined: []int64{seq}}
		}
		r.results <- s
	}
}

// turn makes the deliveries of a lane whose turn it is, in sequence, until one fails and holds up the rest. What steps
// aside is settled with the attempt that failed: kept apart, its retry could come due while the lane still counts it in.
func (r *round) turn(ctx context.Context, run []models.Due) {
	lane, aside := run[0].Lane, run[0].Lane.Aside
	var settled []int64 // one of them may have stepped aside for somebody who had this work meanwhile
	for i, d := range run {
		a, ok := r.attempt(ctx, d, passed(aside, d.Event.Sequence))
		if !ok {
			return // the turn is not over; the work comes again
		}
		since, seq := lane.BlockedSince, d.Event.Sequence
		if i > 0 || since.IsZero() {
			since = a.attempt.StartedAt // before, it was another event that blocked the lane
		}
		t := models.Turn{ConversationID: run[0].Event.ConversationID, Over: i == len(run)-1}
		switch {
		case !a.again():
			settled = append(settled, seq)
		case slices.Contains(aside, seq), stepsAside(since, a.update.DueAt, r.c.patience, !a.probe):
			t.Aside, aside = []int64{seq}, append(slices.Clone(aside), seq)
		default:
			t.Over, t.Again, t.BlockedSince = false, a.next[0].ID, since
			for _, behind := range run[i+1:] {
				t.Back = append(t.Back, behind.Event.ID)
			}
		}
		s := step{attempted: &a, exhausted: exhaustionOf(d, a)}
		if t.Over || t.Again != 0 {
			t.Rejoined = settled
		}
		if t.Over || t.Again != 0 || t.Aside != nil {
			s.turn = &t
		}
		r.results <- s
		if t.Again != 0 {
			return
		}
	}
}

// passed are the events that stepped aside before the one with the sequence.
func passed(aside []int64, sequence int64) (before []int64) {
	for _, s := range aside {
		if s < sequence {
			before = append(before, s)
		}
	}
	return before
}

func (r *round) attempt(ctx context.Context, d models.Due, passed []int64) (attempted, bool) {
	select {
	case <-r.stop:
		return attempted{}, false
	default:
	}
	if !r.held() {
		r.leave(errLapsed)
		return attempted{}, false
	}
	a := r.c.attempt(ctx, r.work, r.sub, d, r.besides[d.Event.ID], passed, r.held)
	if a.left != nil {
		r.leave(a.left)
		return a, false
	}
	return a, true
}

func exhaustionOf(d models.Due, a attempted) *exhaustion {
	if a.update.State != models.Failed || operational(d.Event.Type) {
		return nil
	}
	return &exhaustion{event: d.Event, attempts: a.update.Attempts, reason: a.attempt.Reason, at: a.attempt.StartedAt}
}

// news are the deliveries that failed for the last time, as the business is told.
func (s *settling) news(subs *subscriptions) (news []Operation) {
	sub, ok := subs.byID[s.WebhookID]
	if !ok {
		return nil
	}
	for _, x := range s.exhausted {
		name := deliveryName(x.event.ID, s.WebhookID)
		news = append(news, Operation{Type: event.DeliveryExhausted, Webhook: sub.webhook, Key: name + " " + id(int64(x.attempts)), At: x.at, Reason: x.reason,
			Delivery: &event.Delivery{ID: name, EventID: event.Key(x.event.Key).EventID(), EventType: x.event.Type, Attempts: int64(x.attempts)}})
	}
	return news
}

// deliveryName is the id under which people know a delivery.
func deliveryName(eventID, webhookID int64) string { return "dlv_" + id(eventID) + "_" + id(webhookID) }
