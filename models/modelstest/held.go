package modelstest

import (
	"fmt"
	"testing"
	"time"

	"wabagate/models"
)

// held makes n events that are held for the world's webhook.
func (w *world) held(n int) (events []int64) {
	w.t.Helper()
	var c models.Changes
	for i := range n {
		e := w.event(fmt.Sprintf("held %d %d", i, w.NextID()))
		events = append(events, e.ID)
		c.Events = append(c.Events, e)
		c.Deliveries = append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: w.webhook.ID, State: models.Held})
	}
	w.write(c)
	return events
}

func (w *world) countHeld() int64 {
	w.t.Helper()
	n, err := w.CountHeld(w.ctx, w.webhook.ID)
	w.ok(err)
	return n.N
}

func testHeld(_ *testing.T, w *world) {
	n, err := w.CountHeld(w.ctx, w.webhook.ID)
	w.ok(err)
	w.equal("none", n, models.HeldCount{})
	_, found, err := w.OldestHeld(w.ctx, w.webhook.ID)
	w.ok(err)
	w.equal("none", found, false)

	written, owed := w.held(2), w.owe(3)
	w.settle(models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{
		{EventID: owed[0], State: models.Held, Attempts: 2, DueAt: time.Now()}, {EventID: owed[1], State: models.Succeeded, Attempts: 1, DueAt: time.Now()}}})
	n, err = w.CountHeld(w.ctx, w.webhook.ID)
	w.ok(err)
	w.equal("held", n, models.HeldCount{N: 3, Oldest: models.IDTime(written[0]).UTC(), Newest: models.IDTime(owed[0]).UTC()})
	oldest, found, err := w.OldestHeld(w.ctx, w.webhook.ID)
	w.ok(err)
	detail, err := w.Delivery(w.ctx, w.business, written[0], w.webhook.ID)
	w.ok(err)
	w.equal("the oldest, whole", []any{found, oldest.Event}, []any{true, detail.Event})

	// What a person asks for is held no longer.
	for _, e := range written {
		w.ok(w.Reopen(w.ctx, e, w.webhook.ID, models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: []int64{e}}))
	}
	oldest, _, err = w.OldestHeld(w.ctx, w.webhook.ID)
	w.ok(err)
	w.equal("the rest", []any{w.countHeld(), oldest.Event.ID, oldest.Attempts}, []any{1, owed[0], 2})
	n, err = w.CountHeld(w.ctx, w.webhook.ID+1)
	w.ok(err)
	w.equal("of another webhook", n.N, 0)
}

// testHeldStale: what is held is decided by the routes, and is not written when they have changed.
func testHeldStale(_ *testing.T, w *world) {
	version := w.routes().Version
	hold := func(state models.DeliveryState, version int64) error {
		e := w.event(fmt.Sprint("stale ", w.NextID()))
		return w.Translate(w.ctx, func(tx models.Translation) error {
			return tx.Write(w.ctx, models.Changes{Events: []models.Event{e}, RoutesVersion: version,
				Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: w.webhook.ID}, {EventID: e.ID, WebhookID: w.webhook.ID + 1, State: state}}})
		})
	}
	w.ok(hold(models.Held, version))
	w.newWebhook(w.business)
	w.is(hold(models.Held, version), models.ErrRoutesChanged)
	w.ok(hold(models.Pending, version))
	w.ok(hold(models.Held, 0))
	w.ok(hold(models.Held, w.routes().Version))
	rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{})
	w.ok(err)
	w.equal("nothing of the refused", len(rows), 4)
}

func testSkip(_ *testing.T, w *world) {
	owed, held := w.owe(2), w.held(5200) // more than one transaction takes
	n, err := w.SkipHeld(w.ctx, w.webhook.ID)
	w.ok(err)
	w.equal("skipped", []any{n, w.countHeld()}, []any{len(held), 0})
	st, err := w.Stats(w.ctx, w.webhook.ID, time.Time{})
	w.ok(err)
	w.equal("all and nothing else", []any{st.Skipped, st.Held, st.Total}, []any{len(held), 0, len(held) + len(owed)})
	n, err = w.SkipHeld(w.ctx, w.webhook.ID)
	w.ok(err)
	w.equal("nothing left", n, 0)
	w.ok(w.Reopen(w.ctx, held[0], w.webhook.ID, models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: held[:1]}))
	w.equal("may still be asked for", w.row(held[0]).State, models.Pending)
}

// testBase: the schedule of retries counts from where a delivery was last asked for again.
func testBase(_ *testing.T, w *world) {
	e := w.owe(1)[0]
	work := func() models.Work {
		return models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: []int64{e}}
	}
	counts := func() []int {
		due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: w.webhook.ID, Members: []int64{e}}, time.Now().Add(time.Minute))
		w.ok(err)
		return []int{due[0].Attempts, due[0].Base}
	}
	w.equal("new", counts(), []int{0, 0})
	w.settle(models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{{EventID: e, State: models.Failed, Attempts: 9, DueAt: time.Now()}}})
	w.ok(w.Reopen(w.ctx, e, w.webhook.ID, work()))
	w.equal("asked for", counts(), []int{9, 9})
	w.settle(models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{{EventID: e, Attempts: 10, DueAt: time.Now()}}})
	w.equal("tried again", counts(), []int{10, 9})
}

func testWaiting(_ *testing.T, w *world) {
	ws, err := w.Waiting(w.ctx, 10)
	w.ok(err)
	w.equal("nothing", len(ws), 0)
	none, err := w.WaitingOf(w.ctx, w.webhook.ID)
	w.ok(err)
	w.equal("nothing", []any{none.WebhookID, none.Deliveries, none.OldestDue.IsZero()}, []any{w.webhook.ID, 0, true})
	base := time.Now().UTC().Truncate(time.Millisecond)
	add := func(kind models.Kind, webhook int64, at time.Duration, members ...int64) {
		w.ok(w.AddWork(w.ctx, models.Work{ID: w.NextID(), Kind: kind, WebhookID: webhook, DueAt: base.Add(at), Members: members}))
	}
	add(models.TranslateCallbacks, 0, -time.Hour, 1, 900)
	add(models.Deliver, 5, time.Minute, 1, 2)
	add(models.Deliver, 6, 0, 1, 2, 3, 4)
	add(models.Deliver, 5, time.Second, 3)
	add(models.Deliver, 7, 0, 1)
	add(models.Deliver, 8, 0, 1)
	ws, err = w.Waiting(w.ctx, 3)
	w.ok(err)
	for i := range ws {
		ws[i].OldestDue = ws[i].OldestDue.UTC()
	}
	w.equal("the most first", ws, []models.WebhookWaiting{{WebhookID: 6, Deliveries: 4, OldestDue: base}, {WebhookID: 5, Deliveries: 3, OldestDue: base.Add(time.Second)}, {WebhookID: 7, Deliveries: 1, OldestDue: base}})
	one, err := w.WaitingOf(w.ctx, 5)
	w.ok(err)
	w.equal("of one", []any{one.WebhookID, one.Deliveries, one.OldestDue.UTC()}, []any{5, 3, base.Add(time.Second)})
}
