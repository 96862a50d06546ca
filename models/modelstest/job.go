package modelstest

import (
	"testing"
	"time"

	"wabagate/models"
)

func (w *world) job(kind models.JobKind, f models.JobFilter) models.Job {
	w.t.Helper()
	j, err := w.CreateJob(w.ctx, models.Job{BusinessID: w.business, WebhookID: w.webhook.ID, Kind: kind, Filter: f})
	w.ok(err)
	return j
}

func (w *world) step(id int64, n int) (models.Job, []models.Work) {
	w.t.Helper()
	j, ws, err := w.StepJob(w.ctx, id, n)
	w.ok(err)
	return j, ws
}

// deliver attempts work as a worker does, and settles it; a status of 200 delivers, any other is final.
func (w *world) deliver(work models.Work, status int) (events []int64) {
	w.t.Helper()
	due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: work.WebhookID, Members: work.Members}, work.DueAt)
	w.ok(err)
	r := models.Result{Done: work.ID, Work: work.ID, WebhookID: work.WebhookID}
	for _, d := range due {
		events = append(events, d.Event.ID)
		a := w.attempt(d.Event.ID, d.Attempts+1, status)
		a.JobID = work.JobID
		u := models.DeliveryUpdate{EventID: d.Event.ID, State: models.Succeeded, Attempts: a.N, DueAt: time.Now()}
		if status != 200 {
			u.State, u.FailedAt = models.Failed, time.Now()
		}
		r.Attempts, r.Updates = append(r.Attempts, a), append(r.Updates, u)
	}
	w.settle(r)
	return events
}

func members(ws []models.Work) (events []int64) {
	for _, w := range ws {
		events = append(events, w.Members...)
	}
	return events
}

func (w *world) catchingUp() bool { return w.routes().Webhooks[w.webhook.ID].CatchingUp }

func testJobs(_ *testing.T, w *world) {
	other := w.otherBusiness()
	for _, j := range []models.Job{{BusinessID: other, WebhookID: w.webhook.ID, Kind: models.Replay}, {BusinessID: w.business, WebhookID: 4711, Kind: models.CatchUp}} {
		_, err := w.CreateJob(w.ctx, j)
		w.is(err, models.ErrNotFound)
	}
	if _, err := w.CreateJob(w.ctx, models.Job{BusinessID: w.business, WebhookID: w.webhook.ID, Kind: "again"}); err == nil {
		w.t.Fatal("made a job of no kind")
	}
	first := w.job(models.Replay, models.JobFilter{States: []models.DeliveryState{models.Failed}, Types: []string{"message.*\x00"}, From: time.Now().Add(-time.Hour)})
	_, err := w.CreateJob(w.ctx, models.Job{BusinessID: w.business, WebhookID: w.webhook.ID, Kind: models.CatchUp})
	w.is(err, models.ErrConflict)
	w.equal("a refused catch-up leaves no mark", w.catchingUp(), false)
	got, err := w.JobByID(w.ctx, w.business, first.ID)
	w.ok(err)
	w.equal("kept", got, first)
	w.equal("as asked", []any{got.Kind, got.State, got.Filter.States, got.Filter.Types, got.Filter.To.IsZero(), got.FinishedAt.IsZero()},
		[]any{models.Replay, models.JobRunning, []models.DeliveryState{models.Failed}, []string{"message.*\uFFFD"}, false, true})
	_, err = w.JobByID(w.ctx, other, first.ID)
	w.is(err, models.ErrNotFound)

	hook := w.newWebhook(w.business)
	second, err := w.CreateJob(w.ctx, models.Job{BusinessID: w.business, WebhookID: hook.ID, Kind: models.CatchUp, Filter: first.Filter})
	w.ok(err)
	w.equal("a catch-up has no filter", second.Filter, models.JobFilter{})
	w.ok(w.FailJob(w.ctx, first.ID, "no luck\x00"))
	got, err = w.JobByID(w.ctx, w.business, first.ID)
	w.ok(err)
	w.equal("failed", []any{got.State, got.Reason, got.FinishedAt.IsZero()}, []any{models.JobFailed, "no luck\uFFFD", false})
	w.is(w.FailJob(w.ctx, 4711, ""), models.ErrNotFound)
	third := w.job(models.Replay, models.JobFilter{})
	list := func(business, webhook, before int64, limit int) (ids []int64) {
		js, err := w.Jobs(w.ctx, business, webhook, before, limit)
		w.ok(err)
		for _, j := range js {
			ids = append(ids, j.ID)
		}
		return ids
	}
	w.equal("newest first", list(w.business, 0, 0, 0), []int64{third.ID, second.ID, first.ID})
	w.equal("of one webhook", list(w.business, w.webhook.ID, 0, 0), []int64{third.ID, first.ID})
	w.equal("page", list(w.business, 0, third.ID, 1), []int64{second.ID})
	w.equal("of the other", list(other, 0, 0, 0), []int64(nil))
	running, err := w.RunningJobs(w.ctx)
	w.ok(err)
	w.equal("running", []int64{int64(len(running)), running[0].ID, running[1].ID}, []int64{2, second.ID, third.ID})
	_, _, err = w.StepJob(w.ctx, 4711, 1)
	w.is(err, models.ErrNotFound)

	w.ok(w.DeleteWebhook(w.ctx, w.business, w.webhook.ID))
	w.equal("gone with the webhook", list(w.business, 0, 0, 0), []int64{second.ID})
}

func testCatchUp(_ *testing.T, w *world) {
	pending := w.owe(1)
	held := w.held(230)
	w.ok(w.Reopen(w.ctx, held[7], w.webhook.ID, models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: held[7:8]}))
	w.settle(models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{{EventID: held[7], State: models.Held, Attempts: 3, DueAt: time.Now()}}})
	before := len(w.unfinished())
	j := w.job(models.CatchUp, models.JobFilter{})
	w.equal("counted", []any{j.Total, j.Released, w.catchingUp()}, []any{230, 0, true})

	j, ws := w.step(j.ID, 150)
	w.equal("the first, in order", members(ws), held[:150])
	w.equal("a hundred each", []any{len(ws), len(ws[0].Members), ws[0].Kind, ws[0].Priority, ws[0].JobID, ws[0].ID < ws[1].ID}, []any{2, 100, models.Deliver, models.Replayed, j.ID, true})
	w.equal("progress", []any{j.State, j.Released, j.Cursor, w.countHeld(), w.catchingUp()}, []any{models.JobRunning, 150, held[149], 80, true})
	kept := w.unfinished()
	w.equal("in the outbox", []any{len(kept) - before, kept[len(kept)-1].JobID, kept[len(kept)-1].Members, kept[len(kept)-1].DueAt.Equal(ws[1].DueAt)}, []any{2, j.ID, ws[1].Members, true})
	due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: w.webhook.ID, Members: ws[0].Members}, ws[0].DueAt)
	w.ok(err)
	w.equal("due", []any{len(due), due[7].Attempts, due[7].Base, due[8].Base}, []any{100, 3, 3, 0})

	_, none := w.step(j.ID, 150)
	w.equal("nothing while work is due", len(none), 0)
	w.deliver(ws[0], 200)
	_, none = w.step(j.ID, 150)
	w.equal("nothing while some of it is due", len(none), 0)
	w.deliver(ws[1], 500)
	later := models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now().Add(time.Hour), JobID: j.ID, Members: held[:1]}
	w.ok(w.AddWork(w.ctx, later)) // a retry holds nobody up

	j, ws = w.step(j.ID, 150)
	w.equal("the rest", members(ws), held[150:])
	w.equal("nothing is held from now on", []any{j.State, j.Released, j.Succeeded, j.Failed, w.countHeld(), w.catchingUp()}, []any{models.JobRunning, 230, 100, 50, 0, false})
	w.deliver(ws[0], 200)
	stray := w.held(1) // by a worker that had not heard yet
	j, ws = w.step(j.ID, 150)
	w.equal("none is left", []any{j.State, members(ws)}, []any{models.JobRunning, stray})
	w.deliver(ws[0], 200)
	j, ws = w.step(j.ID, 150)
	w.equal("done", []any{j.State, len(ws), j.Total, j.Released, j.Succeeded, j.Failed, j.FinishedAt.IsZero(), j.Reason}, []any{models.JobDone, 0, 230, 231, 181, 50, false, ""})
	w.equal("what was pending is not its own", w.row(pending[0]).State, models.Pending)
	again, ws := w.step(j.ID, 150)
	w.equal("for good", []any{again, len(ws)}, []any{j, 0})
	d, err := w.Delivery(w.ctx, w.business, held[7], w.webhook.ID)
	w.ok(err)
	w.equal("attempts count on and tell their job", []any{len(d.Attempts), d.Attempts[0].N, d.Attempts[0].JobID}, []any{1, 4, j.ID})
	w.job(models.CatchUp, models.JobFilter{}) // another may begin
}

func testReplay(_ *testing.T, w *world) {
	events := w.owe(12)
	r := models.Result{WebhookID: w.webhook.ID}
	states := []models.DeliveryState{models.Succeeded, models.Failed, models.Pending, models.Held}
	for i, e := range events[:8] {
		r.Updates = append(r.Updates, models.DeliveryUpdate{EventID: e, State: states[i%4], Attempts: i, DueAt: time.Now(), FailedAt: time.Now()})
	}
	w.settle(r)
	chosen := []int64{events[0], events[1], events[3], events[4], events[5], events[7]}
	n, err := w.CountJob(w.ctx, w.webhook.ID, models.Replay, models.JobFilter{})
	w.ok(err)
	w.equal("announced", n, models.HeldCount{N: 6, Oldest: models.IDTime(events[0]).UTC(), Newest: models.IDTime(events[7]).UTC()})
	j := w.job(models.Replay, models.JobFilter{})
	w.equal("counted, and nothing is held for it", []any{j.Total, w.catchingUp()}, []any{6, false})
	time.Sleep(2 * time.Millisecond)
	late := w.owe(1)
	w.settle(models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{{EventID: late[0], State: models.Failed, Attempts: 1, DueAt: time.Now()}}})

	j, ws := w.step(j.ID, 4)
	w.equal("the first", []any{members(ws), j.Released, j.Cursor}, []any{chosen[:4], 4, chosen[3]})
	due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: w.webhook.ID, Members: ws[0].Members}, ws[0].DueAt)
	w.ok(err)
	w.equal("their retries anew", []any{due[3].Attempts, due[3].Base}, []any{4, 4})
	w.deliver(ws[0], 500) // fails again, and is not asked again
	j, ws = w.step(j.ID, 4)
	w.equal("the rest", members(ws), chosen[4:])
	w.deliver(ws[0], 200)
	j, ws = w.step(j.ID, 4)
	w.equal("done", []any{j.State, len(ws), j.Released, j.Succeeded, j.Failed}, []any{models.JobDone, 0, 6, 2, 4})
	w.equal("what failed since is another's", w.row(late[0]).State, models.Failed)
}

func testReplayFilter(_ *testing.T, w *world) {
	events := w.owe(4)
	e := w.event("another type")
	e.Type = "message.report"
	w.write(models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: w.webhook.ID, State: models.Held}}})
	w.settle(models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{
		{EventID: events[0], State: models.Succeeded, Attempts: 1, DueAt: time.Now()},
		{EventID: events[1], State: models.Failed, Attempts: 1, DueAt: time.Now(), FailedAt: time.Now()},
		{EventID: events[2], Attempts: 1, DueAt: time.Now().Add(time.Hour), FailedAt: time.Now()}}})
	now := time.Now()
	states := func(s ...models.DeliveryState) models.JobFilter { return models.JobFilter{States: s} }
	for _, c := range []struct {
		what string
		f    models.JobFilter
		want []int64
	}{
		{"failed", states(models.Failed), events[1:2]},
		{"held", states(models.Held), []int64{e.ID}},
		{"succeeded or failed", states(models.Succeeded, models.Failed), events[:2]},
		{"skipped", states(models.Skipped), nil},
		{"pending are under way", states(models.Pending), nil},
		{"types", models.JobFilter{Types: []string{"message.report", "x"}}, []int64{e.ID}},
		{"type and state", models.JobFilter{Types: []string{"message.received"}, States: []models.DeliveryState{models.Failed, models.Held}}, events[1:2]},
		{"since an hour ago", models.JobFilter{From: now.Add(-time.Hour)}, []int64{events[0], events[1], e.ID}},
		{"since the future", models.JobFilter{From: now.Add(time.Hour)}, nil},
		{"until an hour ago", models.JobFilter{To: now.Add(-time.Hour)}, nil},
		{"until the event, exclusive", models.JobFilter{To: models.IDTime(events[0])}, nil},
	} {
		n, err := w.CountJob(w.ctx, w.webhook.ID, models.Replay, c.f)
		w.ok(err)
		w.equal(c.what+", announced", n.N, len(c.want))
		j := w.job(models.Replay, c.f)
		_, ws := w.step(j.ID, 10)
		w.equal(c.what, []any{j.Total, members(ws)}, []any{len(c.want), c.want})
		// Everything as it was.
		_, err = w.CancelJob(w.ctx, w.business, j.ID)
		w.ok(err)
		before := map[int64]models.DeliveryState{events[0]: models.Succeeded, events[1]: models.Failed, e.ID: models.Held}
		for _, work := range ws {
			r := models.Result{Done: work.ID, WebhookID: w.webhook.ID}
			for _, id := range work.Members {
				u := models.DeliveryUpdate{EventID: id, State: before[id], Attempts: 1, DueAt: now}
				if u.State == models.Failed {
					u.FailedAt = now
				}
				r.Updates = append(r.Updates, u)
			}
			w.settle(r)
		}
	}
}

func testCancel(_ *testing.T, w *world) {
	held := w.held(30)
	j := w.job(models.CatchUp, models.JobFilter{})
	_, ws := w.step(j.ID, 10)
	_, err := w.CancelJob(w.ctx, w.otherBusiness(), j.ID)
	w.is(err, models.ErrNotFound)
	version := w.routes().Version
	j, err = w.CancelJob(w.ctx, w.business, j.ID)
	w.ok(err)
	w.equal("cancelled", []any{j.State, j.Reason, j.Released, j.FinishedAt.IsZero()}, []any{models.JobCancelled, "cancelled by its owner", 10, false})
	w.equal("the rest stays held", []any{w.countHeld(), w.catchingUp(), w.routes().Version > version}, []any{20, false, true})
	w.equal("what was handed out is delivered", w.deliver(ws[0], 200), held[:10])
	again, err := w.CancelJob(w.ctx, w.business, j.ID)
	w.ok(err)
	j, ws = w.step(j.ID, 10)
	w.equal("once is enough", []any{again.State, again.FinishedAt, j.Succeeded, len(ws)}, []any{j.State, j.FinishedAt, 10, 0})
	j = w.job(models.CatchUp, models.JobFilter{})
	_, ws = w.step(j.ID, 100)
	w.equal("another goes on", []any{j.Total, members(ws)}, []any{20, held[10:]})
}

// testJobSwitchedOff: a webhook that is switched off has no running job, whoever did it, and is held for again.
func testJobSwitchedOff(_ *testing.T, w *world) {
	w.held(2)
	for what, off := range map[string]func(){
		"by its owner": func() {
			_, err := w.UpdateWebhook(w.ctx, w.business, w.webhook.ID, func(h *models.Webhook) error { h.Active = false; return nil })
			w.ok(err)
		},
		"by the gateway": func() { w.disable(w.webhook.ID, models.ByFailures, "r") },
	} {
		_, j, err := w.ResumeWebhook(w.ctx, w.business, w.webhook.ID, true)
		w.ok(err)
		off()
		got, err := w.JobByID(w.ctx, w.business, j.ID)
		w.ok(err)
		w.equal(what, []any{got.State, got.Reason, got.FinishedAt.IsZero(), w.catchingUp()}, []any{models.JobCancelled, "the webhook was switched off", false, false})
		_, ws := w.step(j.ID, 10)
		w.equal("hands nothing out", []any{len(ws), w.countHeld()}, []any{0, 2})
	}
}

// testJobCounts: a delivery that a job asked for counts once, when it ends.
func testJobCounts(_ *testing.T, w *world) {
	held := w.held(4)
	j := w.job(models.CatchUp, models.JobFilter{})
	_, ws := w.step(j.ID, 10)
	result := func(event int64, n int, state models.DeliveryState) models.Result {
		a := w.attempt(event, n, 500)
		a.JobID = j.ID
		return models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{a}, Updates: []models.DeliveryUpdate{{EventID: event, State: state, Attempts: n, DueAt: time.Now()}}}
	}
	counts := func() []int64 {
		got, err := w.JobByID(w.ctx, w.business, j.ID)
		w.ok(err)
		return []int64{got.Succeeded, got.Failed}
	}
	w.settle(result(held[0], 1, models.Pending), result(held[1], 1, models.Succeeded), result(held[2], 1, models.Failed))
	w.equal("a retry is no end", counts(), []int64{1, 1})
	w.settle(result(held[1], 1, models.Succeeded), result(held[2], 1, models.Succeeded), result(held[0], 2, models.Pending), result(held[0], 3, models.Failed))
	w.equal("each once", counts(), []int64{1, 2})
	other := result(held[3], 1, models.Succeeded)
	other.Attempts[0].JobID = 0 // a person asked for it first
	w.settle(other)
	w.equal("of the job alone", counts(), []int64{1, 2})
	w.settle(models.Result{WebhookID: w.webhook.ID, Done: ws[0].ID})
}
