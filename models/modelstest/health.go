package modelstest

import (
	"testing"
	"time"

	"wabagate/models"
)

func (w *world) health() models.Health {
	w.t.Helper()
	h, err := w.Webhook(w.ctx, w.business, w.webhook.ID)
	w.ok(err)
	return h.Health
}

// attempted is the result of attempts at hours after a moment; a status of 200 delivers.
func (w *world) attempted(event int64, base time.Time, hours []float64, status int) models.Result {
	r := models.Result{WebhookID: w.webhook.ID}
	for _, h := range hours {
		a := w.attempt(event, int(w.NextID()&0xffffff), status)
		a.StartedAt = base.Add(time.Duration(h * float64(time.Hour)))
		r.Attempts = append(r.Attempts, a)
	}
	return r
}

func testFailing(_ *testing.T, w *world) {
	event := w.owe(1)[0]
	base := time.Now().UTC().Truncate(time.Second).Add(-100 * 24 * time.Hour)
	const none = -1
	for _, c := range []struct {
		what   string
		hours  []float64
		status int
		since  float64 // none: not failing
		spread int
	}{
		{"a success of a webhook that is well", []float64{0}, 200, none, 0},
		{"the first failures", []float64{1, 1.5}, 500, 1, 1},
		{"soon after", []float64{12.99}, 500, 1, 1},
		{"half a day after", []float64{13}, 500, 1, 2},
		{"counted from the last that counted", []float64{24.9}, 500, 1, 2},
		{"days after", []float64{72}, 500, 1, 3},
		{"settled late", []float64{20}, 500, 1, 3},
		{"a success", []float64{73}, 200, none, 0},
		{"another beginning", []float64{74}, 500, 74, 1},
		{"and on", []float64{87}, 500, 74, 2},
	} {
		w.settle(w.attempted(event, base, c.hours, c.status))
		h := w.health()
		since := time.Time{}
		if c.since != none {
			since = base.Add(time.Duration(c.since * float64(time.Hour)))
		}
		w.equal(c.what, []any{h.FailingSince, h.Spread}, []any{since, c.spread})
	}
	// In one settlement.
	w.settle(w.attempted(event, base, []float64{90}, 500), w.attempted(event, base, []float64{91}, 200), w.attempted(event, base, []float64{92, 93}, 500))
	w.equal("failed since the success", []any{w.health().FailingSince, w.health().Spread}, []any{base.Add(92 * time.Hour), 1})
	w.settle(w.attempted(event, base, []float64{94}, 500), w.attempted(event, base, []float64{95}, 200))
	w.equal("the success was the last", []any{w.health().FailingSince.IsZero(), w.health().Spread}, []any{true, 0})
}

func testTroubled(_ *testing.T, w *world) {
	event := w.owe(1)[0]
	ids := func(list func() ([]models.Webhook, error)) (out []int64) {
		ws, err := list()
		w.ok(err)
		for _, h := range ws {
			out = append(out, h.ID)
		}
		return out
	}
	troubled := func() ([]models.Webhook, error) { return w.Troubled(w.ctx) }
	dormant := func() ([]models.Webhook, error) { return w.Dormant(w.ctx) }
	w.ok(w.SetWarned(w.ctx, w.webhook.ID, 50)) // nothing is known of it yet
	w.equal("well", ids(troubled), []int64(nil))
	base := time.Now().UTC().Truncate(time.Second)
	w.settle(w.attempted(event, base, []float64{0}, 500))
	ws, err := w.Troubled(w.ctx)
	w.ok(err)
	w.equal("failing", []any{len(ws), ws[0].ID, ws[0].Health.FailingSince, ws[0].Health.Spread, ws[0].URL}, []any{1, w.webhook.ID, base, 1, w.webhook.URL})
	w.ok(w.SetWarned(w.ctx, w.webhook.ID, 70))
	w.settle(w.attempted(event, base, []float64{1}, 200))
	w.equal("the warning stands", []any{ids(troubled), w.health().Warned}, []any{[]int64{w.webhook.ID}, 70})
	w.ok(w.SetWarned(w.ctx, w.webhook.ID, 0))
	w.equal("withdrawn", []any{ids(troubled), w.health().Warned}, []any{[]int64(nil), 0})

	w.settle(w.attempted(event, base, []float64{2}, 500))
	w.disable(w.webhook.ID, models.ByFailures, "for days")
	w.equal("off", []any{ids(troubled), ids(dormant)}, []any{[]int64(nil), []int64{w.webhook.ID}})
	for _, by := range []models.DisabledBy{models.ByOwner, models.ByReceiver} {
		w.disable(w.newWebhook(w.business).ID, by, "")
	}
	w.equal("those alone that failed", ids(dormant), []int64{w.webhook.ID})
}

func testSwitch(_ *testing.T, w *world) {
	event := w.owe(1)[0]
	change := func(fn func(h *models.Webhook)) models.Webhook {
		_, err := w.UpdateWebhook(w.ctx, w.business, w.webhook.ID, func(h *models.Webhook) error { fn(h); return nil })
		w.ok(err)
		h, err := w.Webhook(w.ctx, w.business, w.webhook.ID)
		w.ok(err)
		return h
	}
	activate := func(on bool) func(*models.Webhook) { return func(h *models.Webhook) { h.Active = on } }
	before := time.Now().Add(-time.Millisecond)
	off := change(activate(false))
	w.equal("by its owner", []any{off.Active, off.DisabledBy, off.DisabledAt.After(before), off.DisabledReason}, []any{false, models.ByOwner, true, ""})
	still := change(func(h *models.Webhook) { h.Name = "n" })
	w.equal("since then", []any{still.DisabledBy, still.DisabledAt}, []any{off.DisabledBy, off.DisabledAt})
	on := change(activate(true))
	w.equal("on", []any{on.Active, on.DisabledBy, on.DisabledAt.IsZero()}, []any{true, "", true})

	w.settle(w.attempted(event, time.Now(), []float64{0}, 500))
	w.ok(w.SetWarned(w.ctx, w.webhook.ID, 50))
	w.disable(w.webhook.ID, models.ByFailures, "five days")
	off = change(func(h *models.Webhook) { h.Name, h.CatchingUp = "m", true })
	w.equal("why is kept", []any{off.DisabledBy, off.DisabledReason, off.CatchingUp, off.Health.Warned}, []any{models.ByFailures, "five days", false, 50})
	on = change(activate(true))
	w.equal("as good as new", []any{on.DisabledReason, on.Health.FailingSince.IsZero(), on.Health.Spread, on.Health.Warned}, []any{"", true, 0, 0})
	w.settle(w.attempted(event, time.Now(), []float64{0}, 500))
	w.equal("and may fail again", w.health().Spread, 1)

	changed, err := w.DisableWebhook(w.ctx, 4711, models.ByReceiver, "gone")
	w.ok(err)
	w.equal("nobody", changed, false)
	made, err := w.CreateWebhook(w.ctx, models.Webhook{BusinessID: w.business, URL: "https://a.example", Events: []string{"*"}, Ordering: models.OrderConversation})
	w.ok(err)
	got, err := w.Webhook(w.ctx, w.business, made.ID)
	w.ok(err)
	w.equal("made as it is kept", got, made)
	w.equal("off from the start", []any{got.DisabledBy, got.DisabledAt, got.Ordering}, []any{models.ByOwner, got.CreatedAt, models.OrderConversation})
}

func testResume(_ *testing.T, w *world) {
	w.held(3)
	w.settle(w.attempted(w.owe(1)[0], time.Now(), []float64{0}, 500))
	w.ok(w.SetWarned(w.ctx, w.webhook.ID, 90))
	w.disable(w.webhook.ID, models.ByFailures, "five days")
	_, _, err := w.ResumeWebhook(w.ctx, w.otherBusiness(), w.webhook.ID, true)
	w.is(err, models.ErrNotFound)
	_, err = w.CreateJob(w.ctx, models.Job{BusinessID: w.business, WebhookID: w.webhook.ID, Kind: models.CatchUp})
	w.is(err, models.ErrOff)

	version := w.routes().Version
	resumed, job, err := w.ResumeWebhook(w.ctx, w.business, w.webhook.ID, true)
	w.ok(err)
	got, err := w.Webhook(w.ctx, w.business, w.webhook.ID)
	w.ok(err)
	w.equal("on", []any{got.Active, got.CatchingUp, got.DisabledBy, got.DisabledAt.IsZero(), got.DisabledReason}, []any{true, true, "", true, ""})
	w.equal("as good as new", []any{got.Health.FailingSince.IsZero(), got.Health.Spread, got.Health.Warned}, []any{true, 0, 0})
	got.Health = models.Health{}
	w.equal("answered as it is", resumed, got)
	w.equal("routed", []any{w.routes().Version > version, w.routes().Webhooks[w.webhook.ID].CatchingUp}, []any{true, true})
	w.equal("the job", []any{job.Kind, job.State, job.Total, job.WebhookID, job.BusinessID}, []any{models.CatchUp, models.JobRunning, 3, w.webhook.ID, w.business})
	_, _, err = w.ResumeWebhook(w.ctx, w.business, w.webhook.ID, true)
	w.is(err, models.ErrConflict)
	again, none, err := w.ResumeWebhook(w.ctx, w.business, w.webhook.ID, false)
	w.ok(err)
	w.equal("catching up all the same", []any{again.CatchingUp, none == nil}, []any{true, true})

	other := w.newWebhook(w.business)
	w.disable(other.ID, models.ByReceiver, "gone")
	on, none, err := w.ResumeWebhook(w.ctx, w.business, other.ID, false)
	w.ok(err)
	w.equal("from now on", []any{on.Active, on.CatchingUp, on.DisabledReason, none == nil}, []any{true, false, "", true})
}
