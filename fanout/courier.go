package fanout

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/fanout/trace"
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

// Dispatcher takes work into the queue, or into the lane of slow webhooks.
type Dispatcher interface {
	Enqueuer
	Slow(ctx context.Context, w models.Work) error
}

// Courier attempts deliveries and settles what became of them.
type Courier struct {
	store   *models.Store
	routes  Refresher
	subs    *Subscriptions
	post    Poster
	lanes   *deliver.Lanes
	rates   *deliver.Rates
	breaker *deliver.Breaker
	queue   Dispatcher
	news    *Recorder
	log     *slog.Logger
	m       *Metrics
	trace   *trace.Tracer // nil: off
	// settles commits the results of live deliveries, calm the others: more of them at a time.
	settles, calm *group.Committer[settling]
	// patience is how long an event that fails may hold up its lane.
	patience time.Duration
	now      func() time.Time
	recent   *handoff[[]models.Due]
	// open ends when results that cannot be settled are given up.
	open   context.Context
	giveUp context.CancelFunc
}

// CourierOptions are the parts that a courier works with. All but Now are needed.
type CourierOptions struct {
	Store         *models.Store
	Routes        Refresher
	Subscriptions *Subscriptions
	Poster        Poster
	Lanes         *deliver.Lanes
	Rates         *deliver.Rates
	Breaker       *deliver.Breaker
	Queue         Dispatcher
	// News is told what becomes of webhooks and of deliveries that failed for the last time.
	News *Recorder
	// Patience is how long an event that fails may hold up its conversation at an ordered webhook; 0 means ten minutes.
	Patience time.Duration
	Log      *slog.Logger
	Metrics  *Metrics
	// Trace is told of every attempt; nil: tracing is off.
	Trace *trace.Tracer
	// Now is the clock; nil means the store's.
	Now func() time.Time
}

// NewCourier makes a courier; Close ends it.
func NewCourier(o CourierOptions) *Courier {
	if o.Now == nil {
		o.Now = o.Store.Now
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Minute
	}
	c := &Courier{store: o.Store, routes: o.Routes, subs: o.Subscriptions, post: o.Poster, lanes: o.Lanes, rates: o.Rates, breaker: o.Breaker, queue: o.Queue, news: o.News,
		patience: o.Patience, log: o.Log.With("component", "courier"), m: o.Metrics, trace: o.Trace, now: o.Now, recent: newHandoff[[]models.Due](handoffBytes)}
	c.open, c.giveUp = context.WithCancel(context.Background())
	c.settles = group.New(group.Options[settling]{MaxItems: 64, Linger: settleLinger}, c.settle)
	c.calm = group.New(group.Options[settling]{MaxItems: 256, Linger: calmSettle}, c.settle)
	return c
}

// calmSettle is the same for what nobody waits for.
const calmSettle = 25 * time.Millisecond

// settleLinger lets the results of several tasks share a commit while the courier is busy.
const settleLinger = 4 * time.Millisecond

// closeGrace is how long Close waits for an absent database.
const closeGrace = 3 * time.Second

// Close commits what is still to be settled. While the database is away it gives up after a moment: those deliveries
// are made again.
func (c *Courier) Close() {
	t := time.AfterFunc(closeGrace, c.giveUp)
	c.settles.Close()
	c.calm.Close()
	t.Stop()
	c.giveUp()
}

// keep settles the results of a piece of work together with others of its kind.
func (c *Courier) keep(ctx context.Context, w models.Work, s settling) error {
	if w.Priority == models.Live {
		return c.settles.Do(ctx, s)
	}
	return c.calm.Do(ctx, s)
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
		if w.Kind != models.Deliver {
			continue
		}
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
// outcome and, if it failed, its own next try. An error that PutOff knows says that some were left for later, which costs
// them no attempt: the webhook's circuit is open, its rate limit is reached, or it is slow. Work in the slow lane may wait
// for a slow webhook; elsewhere it is handed to that lane. held says whether the work is still the caller's; what is not
// attempted when it no longer is, is left to whoever has it now. nil: it always is.
func (c *Courier) Attempt(ctx context.Context, w models.Work, slowLane bool, held func() bool) error {
	if held == nil {
		held = func() bool { return true }
	}
	switch {
	case !slowLane && c.lanes.Slow(w.WebhookID):
		c.m.postponed.WithLabelValues("slow").Inc()
		return c.queue.Slow(ctx, w)
	case c.lanes.Closed(w.WebhookID):
		return deliver.ErrSlow
	}
	sub, ok := c.subs.current().byID[w.WebhookID]
	if !ok {
		// Made a moment ago by another process, or deleted.
		if err := c.routes.Refresh(ctx); err != nil {
			return err
		}
		if sub, ok = c.subs.current().byID[w.WebhookID]; !ok {
			return c.settles.Do(ctx, settling{Result: models.Result{Done: w.ID, WebhookID: w.WebhookID}})
		}
	}
	end, err := c.begin(ctx, sub, slowLane)
	switch {
	case errors.Is(err, deliver.ErrLimited) && !slowLane:
		return c.queue.Slow(ctx, w)
	case err != nil:
		return err
	}
	defer end()
	due, err := c.due(ctx, w, sub)
	if err != nil {
		return err
	}
	if !sub.ready() {
		// It may have been switched on a moment ago: what is held then waits for a person.
		if err := c.routes.Refresh(ctx); err != nil {
			return err
		}
		if sub, ok = c.subs.current().byID[w.WebhookID]; !ok {
			return c.settles.Do(ctx, settling{Result: models.Result{Done: w.ID, WebhookID: w.WebhookID}})
		}
	}
	if !sub.ready() {
		held := settling{Result: models.Result{Done: w.ID, Work: w.ID, WebhookID: w.WebhookID, StandDown: sub.ordered()}}
		for _, d := range due {
			held.Updates = append(held.Updates, models.DeliveryUpdate{EventID: d.Event.ID, State: models.Held, Attempts: d.Attempts, DueAt: c.now()})
		}
		c.m.deliveries[models.Held].Add(float64(len(held.Updates)))
		return c.settles.Do(ctx, held)
	}
	besides, err := c.besides(ctx, sub, due)
	if err != nil {
		return err
	}
	return (&round{c: c, work: w, sub: sub, besides: besides, held: held}).run(ctx, due)
}

// begin claims a webhook that has a rate limit. In the slow lane it waits a while for its turn: a limit that is shared by
// many small pieces of work would not be reached if each came back a second later.
func (c *Courier) begin(ctx context.Context, sub *subscription, slowLane bool) (end func(), err error) {
	for began := time.Now(); ; {
		end, err = c.rates.Begin(sub.webhook.ID, sub.webhook.RateLimit)
		if err == nil || !slowLane || time.Since(began) > claimPatience {
			return end, err
		}
		select {
		case <-time.After(claimEvery):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

const (
	// claimPatience bounds the wait for the claim of a limited webhook, so that others get their slots of the lane.
	claimPatience = 2 * time.Second
	claimEvery    = 5 * time.Millisecond
)

// due is what the work has to deliver now: as this process wrote it a moment ago, or from the database. Lanes change
// meanwhile, so what is in order is always looked up.
func (c *Courier) due(ctx context.Context, w models.Work, sub *subscription) ([]models.Due, error) {
	if due, ok := c.recent.take(w.ID); ok && !sub.ordered() {
		return due, nil
	}
	return c.store.LoadGroup(ctx, w, latest(c.now().Add(dueSlack), w.DueAt))
}

// errLapsed: this process stood still, and others have its work.
var errLapsed = errors.New("the work is somebody else's by now")

// attempted is the result of one delivery's turn.
type attempted struct {
	left    error // why no attempt was made; nil: one was
	probe   bool  // it was the one attempt that an open circuit lets through
	attempt models.Attempt
	update  models.DeliveryUpdate
	next    []models.Work
}

// delivered says that the receiver has it.
func (a attempted) delivered() bool { return a.update.State == models.Succeeded }

// again says that it failed and is tried again.
func (a attempted) again() bool { return a.update.State == models.Pending }

// attempt makes one request. passed are the events that stepped aside before this one and are still to come.
func (c *Courier) attempt(ctx context.Context, w models.Work, sub *subscription, d models.Due, x beside, passed []int64, held func() bool) attempted {
	permit, err := c.breaker.Allow(sub.webhook.ID)
	if err != nil {
		return attempted{left: err}
	}
	pass, err := c.lanes.Enter(ctx, sub.webhook.ID)
	if err != nil {
		c.breaker.Release(sub.webhook.ID, permit)
		return attempted{left: err}
	}
	// The rate last: whoever has the turn takes it at once.
	if err := c.rates.Wait(ctx, sub.webhook.ID, sub.webhook.RateLimit); err != nil {
		pass.Leave()
		c.breaker.Release(sub.webhook.ID, permit)
		return attempted{left: err}
	}
	started := c.now()
	n := d.Attempts + 1
	steps := c.stepsOf(d, sub.webhook.ID, n)
	c.m.inFlight.Inc()
	answer, verdict := c.send(ctx, sub, eventOf(d.Event, x), passed, steps.header())
	c.m.inFlight.Dec()
	pass.Leave()
	stopped := answer.Err != nil && (ctx.Err() != nil || !held())
	if stopped || verdict.Outcome == deliver.Proxy || verdict.Outcome == deliver.Emptied {
		c.breaker.Release(sub.webhook.ID, permit) // the receiver is not to blame
	} else {
		c.breaker.Report(sub.webhook.ID, permit, verdict.Outcome == deliver.Delivered)
	}
	if stopped {
		return attempted{left: cmp.Or(ctx.Err(), errLapsed)}
	}
	a := attempted{
		probe: permit.Probe,
		attempt: models.Attempt{EventID: d.Event.ID, WebhookID: sub.webhook.ID, N: n, StartedAt: started, Duration: answer.Duration, JobID: cmp.Or(w.JobID, d.JobID),
			Status: answer.Status, Outcome: string(verdict.Outcome), Reason: verdict.Reason, Answer: string(answer.Body)},
		update: models.DeliveryUpdate{EventID: d.Event.ID, Attempts: n, DueAt: started},
	}
	c.m.attempted(verdict.Outcome, answer.Duration)
	level := slog.LevelDebug
	switch {
	case verdict.Outcome == deliver.Delivered:
		a.update.State = models.Succeeded
		c.m.age.Observe(c.now().Sub(d.Event.CreatedAt).Seconds())
	default:
		level = slog.LevelInfo
		a.update.FailedAt = started
		wait, again := deliver.Next(sub.schedule, n-d.Base, verdict, rand.Float64())
		if again {
			a.update.State, a.update.DueAt = models.Pending, c.now().Add(wait)
			a.next = []models.Work{{ID: c.store.NextID(), Kind: models.Deliver, Priority: models.Report, WebhookID: sub.webhook.ID,
				DueAt: a.update.DueAt, Members: []int64{d.Event.ID}}}
		} else {
			a.update.State = models.Failed
		}
		if verdict.Disable {
			c.disable(ctx, sub.webhook, verdict.Reason)
		}
	}
	c.m.deliveries[a.update.State].Inc()
	c.tellTrace(steps, d, sub.webhook.ID, a, verdict, c.now())
	if c.log.Enabled(ctx, level) {
		c.log.Log(ctx, level, "attempt", "event_id", event.Key(d.Event.Key).EventID(), "type", d.Event.Type, "webhook_id", sub.webhook.ID,
			"attempt", n, "status_code", answer.Status, "duration_ms", answer.Duration.Milliseconds(), "outcome", verdict.Outcome)
	}
	return a
}

// disable switches a webhook off whose receiver asked for it.
func (c *Courier) disable(ctx context.Context, w models.Webhook, reason string) {
	changed, err := c.store.DisableWebhook(ctx, w.ID, models.ByReceiver, reason)
	if err != nil {
		c.log.Error("webhook not disabled", "webhook_id", w.ID, "error", err)
		return
	}
	if !changed {
		return
	}
	c.log.Warn("webhook disabled", "webhook_id", w.ID, "reason", reason)
	w.DisabledBy = models.ByReceiver
	if err := c.news.Tell(ctx, Operation{Type: event.WebhookDisabled, Webhook: w, Key: c.now().UTC().Format(time.RFC3339), At: c.now(), Reason: reason}); err != nil {
		c.log.Error("nobody was told that the webhook is disabled", "webhook_id", w.ID, "error", err)
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
func (c *Courier) settle(_ context.Context, ss []settling) error {
	ctx := c.open
	rs := make([]models.Result, len(ss))
	var news []Operation
	for i := range ss {
		rs[i] = ss[i].Result
		news = append(news, ss[i].news(c.subs.current())...)
	}
	var next []models.Work
	began := time.Now()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		try, cancel := context.WithTimeout(ctx, 10*time.Second)
		// The news first: told twice it is one event, and what is settled would never be told.
		err := c.tell(try, news)
		if err == nil {
			news = nil
			next, err = c.store.Settle(try, rs)
		}
		cancel()
		if err == nil {
			c.m.settle.Observe(time.Since(began).Seconds())
			break
		}
		c.m.unsettled.Inc()
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

func (c *Courier) tell(ctx context.Context, news []Operation) error {
	if len(news) == 0 {
		return nil
	}
	err := c.news.Tell(ctx, news...)
	if err != nil && lasting(err) {
		c.log.Error("nobody was told of exhausted deliveries", "deliveries", len(news), "error", err)
		return nil
	}
	return err
}

// probeWithin bounds how long a probe may take, settling included; then its delivery is anybody's again.
const probeWithin = time.Minute

// probe makes one attempt at a delivery that is held for a webhook that is off, and says whether the receiver took it.
// What it did not take, or could not be asked now, is held again.
func (c *Courier) probe(ctx context.Context, w models.Webhook, d models.Due) (bool, error) {
	sub, err := newSubscription(w)
	if err != nil {
		return false, err
	}
	work := models.Work{ID: c.store.NextID(), Kind: models.Deliver, Priority: models.Report, WebhookID: w.ID, DueAt: c.now().Add(probeWithin), Members: []int64{d.Event.ID}}
	if err := c.store.Reopen(ctx, d.Event.ID, w.ID, work); err != nil {
		return false, err
	}
	besides, err := c.besides(ctx, sub, []models.Due{d})
	if err != nil {
		return false, err
	}
	a := c.attempt(ctx, work, sub, d, besides[d.Event.ID], nil, func() bool { return true })
	result := models.Result{Done: work.ID, Work: work.ID, WebhookID: w.ID}
	if a.left != nil {
		a.update = models.DeliveryUpdate{EventID: d.Event.ID, Attempts: d.Attempts}
	} else {
		result.Attempts = []models.Attempt{a.attempt}
	}
	if !a.delivered() {
		a.update.State, a.update.DueAt = models.Held, c.now()
	}
	result.Updates = []models.DeliveryUpdate{a.update}
	return a.delivered(), c.settles.Do(ctx, settling{Result: result})
}
