package modelstest

import (
	"testing"
	"time"

	"wabagate/models"
)

func testSettle(_ *testing.T, w *world) {
	events := w.owe(4)
	work := models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: events}
	w.ok(w.AddWork(w.ctx, work))
	soon := time.Now().Add(time.Hour)
	retry := models.Work{ID: w.NextID(), Kind: models.Deliver, Priority: models.Report, WebhookID: w.webhook.ID, DueAt: soon, Members: []int64{events[1]}}
	bad := w.attempt(events[1], 1, 503)
	bad.Answer, bad.Reason = "no\x00\xff", "r\x00"
	w.settle(models.Result{Done: work.ID, WebhookID: w.webhook.ID,
		Attempts: []models.Attempt{w.attempt(events[0], 1, 200), bad, w.attempt(events[2], 1, 400)},
		Updates: []models.DeliveryUpdate{
			{EventID: events[0], State: models.Succeeded, Attempts: 1, DueAt: time.Now()},
			{EventID: events[1], State: models.Pending, Attempts: 1, DueAt: soon, FailedAt: time.Now()},
			{EventID: events[2], State: models.Failed, Attempts: 1, DueAt: time.Now(), FailedAt: time.Now()},
			{EventID: events[3], State: models.Held, DueAt: time.Now()}},
		Next: []models.Work{retry}})
	for i, want := range []models.DeliveryState{models.Succeeded, models.Pending, models.Failed, models.Held} {
		w.equal("state", w.row(events[i]).State, want)
	}
	ws := w.unfinished()
	w.equal("the retry alone is left", []int64{int64(len(ws)), ws[0].ID}, []int64{1, retry.ID})
	d, err := w.Delivery(w.ctx, w.business, events[1], w.webhook.ID)
	w.ok(err)
	a := d.Attempts[0]
	w.equal("attempt", []any{a.N, a.Status, a.Outcome, a.Reason, a.Answer, a.Duration}, []any{1, 503, "refused", "r\uFFFD", "no\uFFFD\uFFFD", 25 * time.Millisecond})

	// What is not pending keeps its state; the attempt is history all the same.
	for i, e := range []int64{events[0], events[2], events[3]} {
		before := w.row(e)
		w.settle(models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{w.attempt(e, 2, 500)},
			Updates: []models.DeliveryUpdate{{EventID: e, State: models.DeliveryState(i), Attempts: 2, DueAt: time.Now(), FailedAt: time.Now()}}})
		w.equal("unchanged", w.row(e), before)
	}
	w.settle(models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{w.attempt(events[1], 2, 200)},
		Updates: []models.DeliveryUpdate{{EventID: events[1], State: models.Succeeded, Attempts: 2, DueAt: time.Now()}}})
	w.equal("second attempt", []any{w.row(events[1]).State, w.row(events[1]).Attempts}, []any{models.Succeeded, 2})
	w.settle()
	w.settle(models.Result{WebhookID: w.webhook.ID, Done: 4711})
}

// testSettleTwice: one delivery in two results of one settlement counts as if settled one after the other.
func testSettleTwice(_ *testing.T, w *world) {
	events := w.owe(2)
	result := func(event int64, n int, state models.DeliveryState) models.Result {
		return models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{w.attempt(event, n, 500)},
			Updates: []models.DeliveryUpdate{{EventID: event, State: state, Attempts: n, DueAt: time.Now(), FailedAt: time.Now()}}}
	}
	w.settle(result(events[0], 1, models.Succeeded), result(events[0], 1, models.Failed), result(events[1], 1, models.Pending), result(events[1], 2, models.Failed))
	w.equal("the first ends it", w.row(events[0]).State, models.Succeeded)
	w.equal("the second goes on", []any{w.row(events[1]).State, w.row(events[1]).Attempts}, []any{models.Failed, 2})
}

func testHealth(_ *testing.T, w *world) {
	event := w.owe(1)[0]
	base := time.Now().UTC().Truncate(time.Second)
	n := 0
	attempts := func(outcomes ...int) (r models.Result) {
		r.WebhookID = w.webhook.ID
		for _, status := range outcomes {
			n++
			a := w.attempt(event, n, status)
			a.StartedAt = base.Add(time.Duration(n) * 700 * time.Millisecond)
			r.Attempts = append(r.Attempts, a)
		}
		return r
	}
	health := func() models.Health {
		h, err := w.Webhook(w.ctx, w.business, w.webhook.ID)
		w.ok(err)
		return h.Health
	}
	at := func(n int) time.Time { return base.Add(time.Duration(n) * 700 * time.Millisecond) }
	w.equal("before", []any{health().FailCount, health().LastTriggeredAt.IsZero(), health().LastSuccessAt, health().LastFailureAt}, []any{0, true, nil, nil})
	w.settle(attempts(500, 500))
	h := health()
	w.equal("two failures", []any{h.FailCount, h.LastTriggeredAt, h.LastSuccessAt, *h.LastFailureAt}, []any{2, at(2), nil, at(2)})
	w.settle(attempts(500), attempts(500))
	w.equal("go on", health().FailCount, 4)
	w.settle(attempts(500, 200, 500, 500))
	h = health()
	w.equal("from zero, then on", []any{h.FailCount, h.LastTriggeredAt, *h.LastSuccessAt, *h.LastFailureAt}, []any{2, at(8), at(6), at(8)})
	w.settle(attempts(200))
	h = health()
	w.equal("success", []any{h.FailCount, *h.LastSuccessAt, *h.LastFailureAt}, []any{0, at(9), at(8)})
	n = 0 // settled late
	late := attempts(500)
	w.settle(late)
	h = health()
	w.equal("times do not go back", []any{h.FailCount, h.LastTriggeredAt, *h.LastSuccessAt, *h.LastFailureAt}, []any{1, at(9), at(9), at(8)})

	other := w.newWebhook(w.business)
	w.settle(models.Result{WebhookID: other.ID, Attempts: []models.Attempt{w.attempt(event, 1, 500)}}, models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{{EventID: event, State: models.Held}}})
	ws, err := w.Webhooks(w.ctx, w.business, 0, 0)
	w.ok(err)
	w.equal("each its own", []int64{ws[0].Health.FailCount, ws[1].Health.FailCount}, []int64{1, 1})

	w.ok(w.DeleteWebhook(w.ctx, w.business, other.ID))
	w.settle(models.Result{WebhookID: other.ID, Attempts: []models.Attempt{w.attempt(event, 2, 500)}})
}

func testLoadGroup(_ *testing.T, w *world) {
	events := w.owe(5)
	later := time.Now().Add(time.Hour)
	w.settle(models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{
		{EventID: events[0], State: models.Succeeded, Attempts: 1}, {EventID: events[1], Attempts: 3, DueAt: later}, {EventID: events[2], State: models.Held}, {EventID: events[3], Attempts: 2, DueAt: time.Now().Add(-time.Second)}}})
	load := func(webhook int64, ids []int64, before time.Time) (got [][2]int64) {
		due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: webhook, Members: ids}, before)
		w.ok(err)
		for _, d := range due {
			got = append(got, [2]int64{d.Event.ID, int64(d.Attempts)})
		}
		return got
	}
	backwards := []int64{events[4], events[3], events[2], events[1], events[0], 4711}
	w.equal("pending and due, in order", load(w.webhook.ID, backwards, time.Now()), [][2]int64{{events[3], 2}, {events[4], 0}})
	w.equal("later", load(w.webhook.ID, backwards, later.Add(time.Second)), [][2]int64{{events[1], 3}, {events[3], 2}, {events[4], 0}})
	w.equal("of the group only", load(w.webhook.ID, events[4:], time.Now()), [][2]int64{{events[4], 0}})
	w.equal("of the webhook only", len(load(w.webhook.ID+1, events, time.Now())), 0)
	w.equal("of none", len(load(w.webhook.ID, nil, time.Now())), 0)
	due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: w.webhook.ID, Members: events[4:]}, time.Now())
	w.ok(err)
	e := due[0].Event
	detail, err := w.Delivery(w.ctx, w.business, events[4], w.webhook.ID)
	w.ok(err)
	w.equal("the event whole", e, detail.Event)
}
