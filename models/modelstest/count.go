package modelstest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"wabagate/models"
)

// counted is everything that is counted of the world's business, or of one of its webhooks.
func (w *world) counted(webhook int64) (sum models.Count) {
	w.t.Helper()
	counts, err := w.Counts(w.ctx, models.CountFilter{BusinessID: w.business, WebhookID: webhook}, time.Hour)
	w.ok(err)
	for _, c := range counts {
		sum.Add(c)
	}
	return sum
}

// tally is a count without latencies.
type tally struct{ Made, Succeeded, Failed, Skipped, Attempts, AttemptsFailed int64 }

func tallyOf(c models.Count) tally {
	return tally{c.Made, c.Succeeded, c.Failed, c.Skipped, c.Attempts(), c.AttemptsFailed}
}

// ended settles one attempt that ends a delivery, or puts it off.
func (w *world) ended(event int64, n, status int, state models.DeliveryState) models.Result {
	u := models.DeliveryUpdate{EventID: event, State: state, Attempts: n, DueAt: time.Now()}
	if status != 200 {
		u.FailedAt = time.Now()
	}
	return models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{w.attempt(event, n, status)}, Updates: []models.DeliveryUpdate{u}}
}

// testCounts: whatever happens to deliveries counts once, and again when it happens again.
func testCounts(_ *testing.T, w *world) {
	w.equal("nothing", w.counted(0), models.Count{})
	events, held := w.owe(6), w.held(3)
	w.equal("made", tallyOf(w.counted(w.webhook.ID)), tally{Made: 9})

	first := []models.Result{w.ended(events[0], 1, 200, models.Succeeded), w.ended(events[1], 1, 500, models.Failed), w.ended(events[2], 1, 500, models.Pending)}
	w.settle(first...)
	want := tally{Made: 9, Succeeded: 1, Failed: 1, Attempts: 3, AttemptsFailed: 2}
	w.equal("settled", tallyOf(w.counted(w.webhook.ID)), want)
	w.settle(first...) // by a worker that was thought dead
	w.equal("settled twice", tallyOf(w.counted(w.webhook.ID)), want)

	work := func(e int64) models.Work {
		return models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: []int64{e}}
	}
	w.ok(w.Reopen(w.ctx, events[1], w.webhook.ID, work(events[1])))
	w.settle(w.ended(events[1], 2, 200, models.Succeeded))
	want.Succeeded, want.Attempts = 2, 4
	w.equal("failed, and delivered later", tallyOf(w.counted(w.webhook.ID)), want)

	n, err := w.SkipHeld(w.ctx, w.webhook.ID)
	w.ok(err)
	want.Skipped = n
	w.equal("given up", []any{n, tallyOf(w.counted(w.webhook.ID))}, []any{len(held), want})

	// A replay of all that ended, cancelled after a part of it was handed out.
	job, err := w.CreateJob(w.ctx, models.Job{BusinessID: w.business, WebhookID: w.webhook.ID, Kind: models.Replay})
	w.ok(err)
	_, works, err := w.StepJob(w.ctx, job.ID, 2)
	w.ok(err)
	_, err = w.CancelJob(w.ctx, w.business, job.ID)
	w.ok(err)
	for _, again := range works {
		for _, e := range again.Members {
			w.settle(w.ended(e, w.row(e).Attempts+1, 200, models.Succeeded))
			want.Succeeded, want.Attempts = want.Succeeded+1, want.Attempts+1
		}
	}
	w.equal("replayed", []any{want.Succeeded, tallyOf(w.counted(w.webhook.ID))}, []any{4, want})

	other := w.newWebhook(w.business)
	e := w.event("for two")
	for range 2 { // the second time it is known
		w.write(models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: w.webhook.ID}, {EventID: e.ID, WebhookID: other.ID}}})
		e.ID = w.NextID()
	}
	want.Made++
	w.equal("of one", tallyOf(w.counted(w.webhook.ID)), want)
	w.equal("of the other", tallyOf(w.counted(other.ID)), tally{Made: 1})
	want.Made++
	w.equal("of all", tallyOf(w.counted(0)), want)
	w.ok(w.DeleteWebhook(w.ctx, w.business, other.ID))
	w.equal("of all, one of which is gone", tallyOf(w.counted(0)), want)
	elsewhere, err := w.Counts(w.ctx, models.CountFilter{BusinessID: w.otherBusiness(), WebhookID: w.webhook.ID}, time.Hour)
	w.ok(err)
	w.equal("of another business", len(elsewhere), 0)
}

// testCountSpans: hours are counted whole, and can be put together to days.
func testCountSpans(_ *testing.T, w *world) {
	now := w.Now()
	noon := now.Truncate(24 * time.Hour).Add(-36 * time.Hour)
	w.ok(w.MakeLeaves(w.ctx, noon, now))
	var c models.Changes
	for i, age := range []time.Duration{0, 59 * time.Minute, time.Hour, 12 * time.Hour} {
		e := w.event(fmt.Sprint("then ", i))
		e.ID = models.FirstID(noon.Add(age)) | e.ID&(1<<22-1)
		c.Events, c.Deliveries = append(c.Events, e), append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: w.webhook.ID})
	}
	w.write(c)
	made := func(from, to time.Time, step time.Duration) map[time.Time]int64 {
		counts, err := w.Counts(w.ctx, models.CountFilter{BusinessID: w.business, From: from, To: to}, step)
		w.ok(err)
		made := map[time.Time]int64{}
		for at, c := range counts {
			made[at] = c.Made
		}
		return made
	}
	w.equal("by hour", made(time.Time{}, time.Time{}, time.Hour), map[time.Time]int64{noon: 2, noon.Add(time.Hour): 1, noon.Add(12 * time.Hour): 1})
	w.equal("by day", made(time.Time{}, time.Time{}, 24*time.Hour), map[time.Time]int64{noon.Add(-12 * time.Hour): 3, noon.Add(12 * time.Hour): 1})
	w.equal("hours that are touched", made(noon.Add(59*time.Minute), noon.Add(time.Hour+1), time.Hour), map[time.Time]int64{noon: 2, noon.Add(time.Hour): 1})
	w.equal("to the hour", made(noon, noon.Add(time.Hour), time.Hour), map[time.Time]int64{noon: 2})
	_, err := w.Counts(w.ctx, models.CountFilter{BusinessID: w.business}, time.Minute)
	w.equal("minutes", err != nil, true)
}

// testCountRush: many who make and settle the same at once, some of it twice, count what was written. Folding at the same
// time loses nothing, and changes nothing afterwards.
func testCountRush(_ *testing.T, w *world) {
	hooks := []models.Webhook{w.webhook, w.newWebhook(w.business), w.newWebhook(w.business)}
	const shared = 40
	rounds := 12
	if w.Embedded() { // one at a time anyway
		rounds = 3
	}
	w.rush(rounds, func(worker, round int) error {
		if worker < 2 && round%3 == 0 {
			return w.FoldCounts(w.ctx)
		}
		var c models.Changes
		for i := range shared { // half of the facts are another's too
			key := fmt.Sprintf("fact %d of %d", i, round)
			if i%2 == 0 {
				key += fmt.Sprint(" by ", worker)
			}
			e := w.event(key)
			c.Events = append(c.Events, e)
			for _, h := range hooks {
				c.Deliveries = append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: h.ID})
			}
		}
		if err := w.Translate(w.ctx, func(tx models.Translation) error { return tx.Write(w.ctx, c) }); err != nil {
			return err
		}
		var rs []models.Result
		for _, i := range rand.Perm(len(hooks)) {
			r := models.Result{WebhookID: hooks[i].ID}
			for n, e := range c.Events {
				a := w.attempt(e.ID, 1, 200+300*(n%2))
				a.WebhookID, a.Duration = hooks[i].ID, time.Duration(n+1)*time.Millisecond
				u := models.DeliveryUpdate{EventID: e.ID, State: models.Succeeded, Attempts: 1, DueAt: time.Now()}
				if n%2 == 1 {
					u.State, u.FailedAt = models.Failed, time.Now()
				}
				r.Attempts, r.Updates = append(r.Attempts, a), append(r.Updates, u)
			}
			rs = append(rs, r)
		}
		for range 2 {
			if _, err := w.Settle(w.ctx, rs); err != nil {
				return err
			}
		}
		return nil
	})
	for _, h := range hooks {
		var rows tally
		f := models.DeliveryFilter{Limit: 200}
		for more := true; more; {
			page, err := w.Deliveries(w.ctx, h.ID, f)
			w.ok(err)
			for _, r := range page {
				rows.Made++
				switch f.Before = r.EventID; r.State {
				case models.Succeeded:
					rows.Succeeded++
				case models.Failed:
					rows.Failed++
				}
			}
			more = len(page) == f.Limit
		}
		got := w.counted(h.ID)
		w.equal("as the rows", []any{got.Made, got.Succeeded, got.Failed}, []any{rows.Made, rows.Succeeded, rows.Failed})
		if rows.Made < shared || got.Latencies.Most != shared*time.Millisecond {
			w.t.Errorf("counts %+v", got)
		}
		w.ok(w.FoldCounts(w.ctx))
		w.equal("folded", w.counted(h.ID), got)
	}
}

// testRetentionOfCounts: they outlive what they count, for so long.
func testRetentionOfCounts(_ *testing.T, w *world) {
	w.settle(w.ended(w.owe(1)[0], 1, 200, models.Succeeded))
	w.ok(w.FoldCounts(w.ctx))
	want := tally{Made: 1, Succeeded: 1, Attempts: 1}
	_, err := w.Maintain(w.ctx, w.Now().Add(models.CountsKept-2*time.Hour), models.Retention{})
	w.ok(err)
	rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{})
	w.ok(err)
	w.equal("the row is gone, its count is not", []any{len(rows), tallyOf(w.counted(0))}, []any{0, want})
	_, err = w.Maintain(w.ctx, w.Now().Add(models.CountsKept+2*time.Hour), models.Retention{})
	w.ok(err)
	w.equal("too old", w.counted(0), models.Count{})
}
