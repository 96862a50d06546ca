package fanout

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/models/group"
)

// Poster makes one attempt.
type Poster interface {
	Post(ctx context.Context, r deliver.Request) deliver.Answer
}

// Refresher reloads the routes if they have changed.
type Refresher interface {
	Refresh(ctx context.Context) error
}

// Courier attempts deliveries and settles what became of them.
type Courier struct {
	store   *models.Store
	routes  Refresher
	subs    *Subscriptions
	post    Poster
	lanes   *deliver.Lanes
	rates   *deliver.Rates
	queue   Enqueuer
	log     *slog.Logger
	m       *Metrics
	settles *group.Committer[models.Result]
	now     func() time.Time
	recent  *handoff[[]models.Due]
	// open ends when results that cannot be settled are given up.
	open   context.Context
	giveUp context.CancelFunc
}

// NewCourier makes a courier; Close ends it. A nil now is the wall clock.
func NewCourier(store *models.Store, routes Refresher, subs *Subscriptions, post Poster, lanes *deliver.Lanes, rates *deliver.Rates, queue Enqueuer, log *slog.Logger, m *Metrics, now func() time.Time) *Courier {
	if now == nil {
		now = time.Now
	}
	c := &Courier{store: store, routes: routes, subs: subs, post: post, lanes: lanes, rates: rates, queue: queue, log: log.With("component", "courier"), m: m, now: now,
		recent: newHandoff[[]models.Due](handoffBytes)}
	c.open, c.giveUp = context.WithCancel(context.Background())
	c.settles = group.New(group.Options[models.Result]{MaxItems: 64, Linger: settleLinger}, c.settle)
	return c
}

// settleLinger lets the results of several tasks share a commit while the courier is busy.
const settleLinger = 4 * time.Millisecond

// closeGrace is how long Close waits for an absent database.
const closeGrace = 3 * time.Second

// Close commits what is still to be settled. While the database is away it gives up after a moment: those deliveries
// are made again.
func (c *Courier) Close() {
	t := time.AfterFunc(closeGrace, c.giveUp)
	c.settles.Close()
	t.Stop()
	c.giveUp()
}

// offer lends the courier the deliveries that were just committed. Work with an event of no conversation is left out:
// nothing but the database knows whether another translation was first with that event.
func (c *Courier) offer(changes models.Changes) {
	events := make(map[int64]*models.Event, len(changes.Events))
	for i := range changes.Events {
		if e := &changes.Events[i]; e.ConversationID != 0 {
			events[e.ID] = e
		}
	}
work:
	for _, w := range changes.Work {
		due := make([]models.Due, len(w.Members))
		size := 0
		for i, id := range w.Members {
			e := events[id]
			if e == nil {
				continue work
			}
			due[i].Event = *e
			size += len(e.Data) + 256
		}
		c.recent.put(w.ID, due, size)
	}
}

// dueSlack covers the queue's clock, which counts whole seconds.
const dueSlack = 2 * time.Second

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// flushEvery bounds how long the result of a finished attempt waits for the rest of its group.
const flushEvery = 200 * time.Millisecond

// Attempt does one piece of delivery work: every delivery of it that is pending and due gets one request, its own
// outcome and, if it failed, its own next try. It returns deliver.ErrSlow or deliver.ErrLimited when some were left for
// later because the webhook hangs or its rate limit is reached, which costs them no attempt.
func (c *Courier) Attempt(ctx context.Context, w models.Work) error {
	if c.lanes.Closed(w.WebhookID) {
		c.m.postponed.Add(float64(len(w.Members)))
		return deliver.ErrSlow
	}
	sub, ok := c.subs.current().byID[w.WebhookID]
	if !ok {
		// Made a moment ago by another process, or deleted.
		if err := c.routes.Refresh(ctx); err != nil {
			return err
		}
		if sub, ok = c.subs.current().byID[w.WebhookID]; !ok {
			return c.settles.Do(ctx, models.Result{Done: w.ID, WebhookID: w.WebhookID})
		}
	}
	end, err := c.rates.Begin(sub.webhook.ID, sub.webhook.RateLimit)
	if err != nil {
		return err
	}
	defer end()
	due, ok := c.recent.take(w.ID)
	if !ok {
		if due, err = c.store.LoadGroup(ctx, w, latest(c.now().Add(dueSlack), w.DueAt)); err != nil {
			return err
		}
	}
	if !sub.ready() {
		held := models.Result{Done: w.ID, WebhookID: w.WebhookID}
		for _, d := range due {
			held.Updates = append(held.Updates, models.DeliveryUpdate{EventID: d.Event.ID, State: models.Held, Attempts: d.Attempts, DueAt: c.now()})
		}
		return c.settles.Do(ctx, held)
	}
	besides, err := c.besides(ctx, sub, due)
	if err != nil {
		return err
	}
	return c.attemptAll(ctx, w, sub, due, besides)
}

// attemptAll makes the attempts side by side and settles them as they finish.
func (c *Courier) attemptAll(ctx context.Context, w models.Work, sub *subscription, due []models.Due, besides map[int64]beside) error {
	var (
		next    = make(chan models.Due)
		results = make(chan attempted)
		workers sync.WaitGroup
	)
	for range min(len(due), c.lanes.Width()) {
		workers.Go(func() {
			for d := range next {
				results <- c.attempt(ctx, sub, d, besides[d.Event.ID])
			}
		})
	}
	go func() {
		for _, d := range due {
			next <- d
		}
		close(next)
		workers.Wait()
		close(results)
	}()

	r := models.Result{WebhookID: w.WebhookID}
	var left int
	var settleErr error
	flush := func() {
		if err := c.settles.Do(ctx, r); err != nil && settleErr == nil {
			settleErr = err
		}
		r = models.Result{WebhookID: w.WebhookID}
	}
	var timer <-chan time.Time
	for open := true; open; {
		select {
		case a, ok := <-results:
			switch {
			case !ok:
				open = false
			case a.left:
				left++
			default:
				r.Attempts, r.Updates, r.Next = append(r.Attempts, a.attempt), append(r.Updates, a.update), append(r.Next, a.next...)
				if timer == nil {
					timer = time.After(flushEvery)
				}
			}
		case <-timer:
			timer = nil
			flush()
		}
	}
	if left == 0 && ctx.Err() == nil {
		r.Done = w.ID
	}
	if r.Done != 0 || len(r.Attempts) > 0 {
		flush()
	}
	switch {
	case settleErr != nil:
		return settleErr
	case left > 0:
		c.m.postponed.Add(float64(left))
		if sub.webhook.RateLimit > 0 {
			return deliver.ErrLimited
		}
		return deliver.ErrSlow
	}
	return ctx.Err()
}

// attempted is the result of one delivery's turn.
type attempted struct {
	left    bool // no attempt was made
	attempt models.Attempt
	update  models.DeliveryUpdate
	next    []models.Work
}

func (c *Courier) attempt(ctx context.Context, sub *subscription, d models.Due, x beside) attempted {
	if err := c.rates.Wait(ctx, sub.webhook.ID, sub.webhook.RateLimit); err != nil {
		return attempted{left: true}
	}
	pass, err := c.lanes.Enter(ctx, sub.webhook.ID)
	if err != nil {
		return attempted{left: true}
	}
	started := c.now()
	answer, verdict := c.send(ctx, sub, eventOf(d.Event, x))
	pass.Leave()
	if answer.Err != nil && ctx.Err() != nil {
		return attempted{left: true} // we are stopping; the receiver is not to blame
	}
	n := d.Attempts + 1
	a := attempted{
		attempt: models.Attempt{EventID: d.Event.ID, WebhookID: sub.webhook.ID, N: n, StartedAt: started, Duration: answer.Duration,
			Status: answer.Status, Outcome: string(verdict.Outcome), Reason: verdict.Reason, Answer: string(answer.Body)},
		update: models.DeliveryUpdate{EventID: d.Event.ID, Attempts: n, DueAt: started},
	}
	c.m.attempts.WithLabelValues(string(verdict.Outcome)).Inc()
	c.m.duration.Observe(answer.Duration.Seconds())
	level := slog.LevelDebug
	switch {
	case verdict.Outcome == deliver.Delivered:
		a.update.State = models.Succeeded
		c.m.age.Observe(c.now().Sub(d.Event.CreatedAt).Seconds())
	default:
		level = slog.LevelInfo
		a.update.FailedAt = started
		wait, again := deliver.Next(sub.schedule, n, verdict, rand.Float64())
		if again {
			a.update.State, a.update.DueAt = models.Pending, c.now().Add(wait)
			a.next = []models.Work{{ID: c.store.NextID(), Kind: models.Deliver, Priority: models.Report, WebhookID: sub.webhook.ID, DueAt: a.update.DueAt, Members: []int64{d.Event.ID}}}
		} else {
			a.update.State = models.Failed
		}
		if verdict.Disable {
			c.disable(ctx, sub.webhook.ID, verdict.Reason)
		}
	}
	if c.log.Enabled(ctx, level) {
		c.log.Log(ctx, level, "attempt", "event_id", event.Key(d.Event.Key).EventID(), "type", d.Event.Type, "webhook_id", sub.webhook.ID,
			"attempt", n, "status_code", answer.Status, "duration_ms", answer.Duration.Milliseconds(), "outcome", verdict.Outcome)
	}
	return a
}

func (c *Courier) disable(ctx context.Context, webhookID int64, reason string) {
	changed, err := c.store.DisableWebhook(ctx, webhookID, models.ByReceiver, reason)
	if err != nil {
		c.log.Error("webhook not disabled", "webhook_id", webhookID, "error", err)
		return
	}
	if changed {
		c.log.Warn("webhook disabled", "webhook_id", webhookID, "reason", reason)
	}
	if err := c.routes.Refresh(ctx); err != nil {
		c.log.Warn("routes not refreshed", "error", err)
	}
}

// soon is how far ahead a retry may lie to go to the queue at once. Later ones stay in the database, so that a long
// outage of many receivers does not fill Redis; the reconciler queues them when they are due.
const soon = time.Minute

// settle commits results, and keeps trying while the database is away: the requests were made, and forgetting them
// would make them again.
func (c *Courier) settle(_ context.Context, rs []models.Result) error {
	ctx := c.open
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		try, cancel := context.WithTimeout(ctx, 10*time.Second)
		_, err := c.store.Settle(try, rs)
		cancel()
		if err == nil {
			break
		}
		if models.Permanent(err) || c.open.Err() != nil {
			c.log.Error("results not settled; the deliveries will be made again", "results", len(rs), "error", err)
			return err
		}
		c.log.Warn("results not settled yet", "results", len(rs), "error", err)
		select {
		case <-time.After(wait):
		case <-c.open.Done():
		}
	}
	var next []models.Work
	horizon := c.now().Add(soon)
	for _, r := range rs {
		for _, w := range r.Next {
			if w.DueAt.Before(horizon) {
				next = append(next, w)
			}
		}
	}
	if len(next) > 0 {
		if err := c.queue.Enqueue(ctx, next...); err != nil {
			c.log.Warn("retries not queued yet; the reconciler will", "retries", len(next), "error", err)
		}
	}
	return nil
}
