package modelstest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"wabagate/models"
)

func testDeliveries(_ *testing.T, w *world) {
	events := w.owe(6)
	e := w.event("another type")
	e.Type = "message.report"
	w.write(models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: w.webhook.ID, State: models.Held}}})
	w.settle(models.Result{WebhookID: w.webhook.ID,
		Attempts: []models.Attempt{w.attempt(events[0], 1, 200), w.attempt(events[1], 1, 500), w.attempt(events[2], 1, 500), w.attempt(events[2], 2, 404)},
		Updates: []models.DeliveryUpdate{{EventID: events[0], State: models.Succeeded, Attempts: 1, DueAt: time.Now()},
			{EventID: events[1], Attempts: 1, DueAt: time.Now(), FailedAt: time.Now()}, {EventID: events[2], State: models.Failed, Attempts: 2, DueAt: time.Now(), FailedAt: time.Now()}}})
	list := func(f models.DeliveryFilter) (ids []int64) {
		rows, err := w.Deliveries(w.ctx, w.webhook.ID, f)
		w.ok(err)
		for _, r := range rows {
			ids = append(ids, r.EventID)
		}
		return ids
	}
	state := func(s models.DeliveryState) models.DeliveryFilter { return models.DeliveryFilter{State: &s} }
	all := []int64{e.ID, events[5], events[4], events[3], events[2], events[1], events[0]}
	w.equal("newest first", list(models.DeliveryFilter{}), all)
	w.equal("succeeded", list(state(models.Succeeded)), []int64{events[0]})
	w.equal("failed", list(state(models.Failed)), []int64{events[2]})
	w.equal("pending", list(state(models.Pending)), []int64{events[5], events[4], events[3], events[1]})
	w.equal("held", list(state(models.Held)), []int64{e.ID})
	w.equal("retrying", list(models.DeliveryFilter{Retrying: true}), []int64{events[1]})
	w.equal("types", list(models.DeliveryFilter{Types: []string{"x", "message.report"}}), []int64{e.ID})
	w.equal("page", list(models.DeliveryFilter{Limit: 3}), all[:3])
	w.equal("next page", list(models.DeliveryFilter{Limit: 3, Before: all[2]}), all[3:6])
	w.equal("last page", list(models.DeliveryFilter{Limit: 3, Before: all[5]}), all[6:])
	now := time.Now()
	w.equal("from", len(list(models.DeliveryFilter{From: now.Add(-time.Hour)})), 7)
	w.equal("from the future", len(list(models.DeliveryFilter{From: now.Add(time.Hour)})), 0)
	w.equal("to", len(list(models.DeliveryFilter{To: now.Add(-time.Hour)})), 0)
	w.equal("to the future", len(list(models.DeliveryFilter{To: now.Add(time.Hour)})), 7)

	rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{})
	w.ok(err)
	last := rows[4]
	w.equal("its last attempt", []any{last.Attempts, *last.LastStatus, *last.LastReason, *last.LastUS, last.LastAt.IsZero(), last.Type, len(last.Key)}, []any{2, 404, "status 404", 25000, false, "message.received", 16})
	w.equal("none yet", []any{rows[1].LastStatus, rows[1].LastReason, rows[1].LastUS, rows[1].LastAt}, []any{nil, nil, nil, nil})
}

func testDelivery(_ *testing.T, w *world) {
	events := w.owe(2)
	w.settle(models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{w.attempt(events[0], 2, 200), w.attempt(events[0], 1, 500), w.attempt(events[0], 1, 501)},
		Updates: []models.DeliveryUpdate{{EventID: events[0], State: models.Succeeded, Attempts: 2, DueAt: time.Now(), FailedAt: time.Now()}}})
	d, err := w.Delivery(w.ctx, w.business, events[0], w.webhook.ID)
	w.ok(err)
	w.equal("delivery", []any{d.Row.EventID, d.Row.WebhookID, d.Row.State, d.Row.Attempts, d.Event.ID, string(d.Row.Key) == string(d.Event.Key[:])}, []any{events[0], w.webhook.ID, models.Succeeded, 2, events[0], true})
	w.equal("attempts in order, each once", []int{len(d.Attempts), d.Attempts[0].Status, d.Attempts[1].Status}, []int{2, 500, 200})
	w.equal("their time", d.Attempts[0].StartedAt.Location(), time.UTC)
	_, err = w.Delivery(w.ctx, w.otherBusiness(), events[0], w.webhook.ID)
	w.is(err, models.ErrNotFound)
	_, err = w.Delivery(w.ctx, w.business, events[0], w.webhook.ID+1)
	w.is(err, models.ErrNotFound)
	_, err = w.Delivery(w.ctx, w.business, 4711, w.webhook.ID)
	w.is(err, models.ErrNotFound)
}

func testReopen(_ *testing.T, w *world) {
	events := w.owe(4)
	work := func(event int64) models.Work {
		return models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: []int64{event}}
	}
	w.settle(models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{
		{EventID: events[0], State: models.Failed, Attempts: 9, DueAt: time.Now(), FailedAt: time.Now()}, {EventID: events[1], State: models.Held, DueAt: time.Now()},
		{EventID: events[2], Attempts: 1, DueAt: time.Now().Add(time.Hour), FailedAt: time.Now()}}})
	for _, e := range events[:3] {
		again := work(e)
		w.ok(w.Reopen(w.ctx, e, w.webhook.ID, again))
		ws := w.unfinished()
		w.equal("work", []any{ws[len(ws)-1].ID, ws[len(ws)-1].Members}, []any{again.ID, again.Members})
		due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: w.webhook.ID, Members: []int64{e}}, again.DueAt)
		w.ok(err)
		w.equal("due now", len(due), 1)
	}
	w.equal("attempts count on", w.row(events[0]).Attempts, 9)
	w.is(w.Reopen(w.ctx, events[0], w.webhook.ID, work(events[0])), models.ErrConflict)
	w.is(w.Reopen(w.ctx, events[3], w.webhook.ID, work(events[3])), models.ErrConflict)
	w.is(w.Reopen(w.ctx, 4711, w.webhook.ID, work(4711)), models.ErrNotFound)
	w.equal("no work of those", len(w.unfinished()), 3)
}

func testStats(_ *testing.T, w *world) {
	events := w.owe(101)
	var r models.Result
	r.WebhookID = w.webhook.ID
	for i, e := range events[:100] {
		a := w.attempt(e, 1, 200)
		a.Duration = time.Duration(i+1) * time.Millisecond
		r.Attempts = append(r.Attempts, a)
		state := models.Succeeded
		if i%10 == 0 {
			state = models.Failed
		}
		r.Updates = append(r.Updates, models.DeliveryUpdate{EventID: e, State: state, Attempts: 1, DueAt: time.Now(), FailedAt: time.Now()})
	}
	w.settle(r)
	st, err := w.Stats(w.ctx, w.webhook.ID, time.Now().Add(-time.Hour))
	w.ok(err)
	for _, q := range []struct{ got, exact time.Duration }{{st.P50, 50 * time.Millisecond}, {st.P95, 95 * time.Millisecond}, {st.P99, 99 * time.Millisecond}} {
		if off := float64(q.got) / float64(q.exact); off < 1/1.2 || off > 1.2 {
			w.t.Errorf("latency %v, exactly %v", q.got, q.exact)
		}
	}
	st.P50, st.P95, st.P99 = 0, 0, 0
	w.equal("stats", st, models.Stats{Total: 101, Succeeded: 90, Failed: 10, Attempts: 100})
	w.ok(w.AddWork(w.ctx, models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: events[100:]}))
	st, err = w.Stats(w.ctx, w.webhook.ID, time.Now().Add(-time.Hour))
	w.ok(err)
	w.equal("pending", st.Pending, 1)
	st, err = w.Stats(w.ctx, w.webhook.ID, time.Now().Add(time.Hour))
	w.ok(err)
	w.equal("since the future", st, models.Stats{Pending: 1})
	st, err = w.Stats(w.ctx, w.webhook.ID, time.Time{})
	w.ok(err)
	w.equal("since ever", st.Total, 101)
}

func testInspections(_ *testing.T, w *world) {
	header := http.Header{"X-One": {"a", "b\x00\xff"}}
	first, err := w.AddInspection(w.ctx, "bin", header, nil)
	w.ok(err)
	got, err := w.Inspections(w.ctx, "bin", 0, 10)
	w.ok(err)
	w.equal("as it came", []any{len(got), got[0].ID, got[0].Headers["X-One"][0], len(got[0].Body), got[0].ReceivedAt}, []any{1, first.ID, "a", 0, first.ReceivedAt})
	_, err = w.AddInspection(w.ctx, "other", nil, []byte("kept"))
	w.ok(err)
	for i := range 230 {
		_, err := w.AddInspection(w.ctx, "bin", nil, []byte(fmt.Sprint(i)))
		w.ok(err)
	}
	got, err = w.Inspections(w.ctx, "bin", 0, 1000)
	w.ok(err)
	w.equal("the newest two hundred, the newest first", []any{len(got), string(got[0].Body), string(got[199].Body)}, []any{200, "229", "30"})
	got, err = w.Inspections(w.ctx, "bin", got[10].ID, 3)
	w.ok(err)
	w.equal("after an id", []any{len(got), string(got[0].Body)}, []any{3, "229"})
	got, err = w.Inspections(w.ctx, "other", 0, 10)
	w.ok(err)
	w.equal("the other bin", len(got), 1)
}
