package modelstest

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"wabagate/models"
)

// texts are the secrets' real texts, which do not show otherwise.
func texts(ss []models.Secret) (out []string) {
	for _, s := range ss {
		out = append(out, s.Text())
	}
	return out
}

func (w *world) routes() *models.Routes {
	w.t.Helper()
	r, err := w.LoadRoutes(w.ctx)
	w.ok(err)
	return r
}

func testApps(t *testing.T, w *world) {
	a, err := w.CreateApp(w.ctx, models.App{Name: "meta", BusinessID: &w.business, VerifyToken: "hello", Secrets: []models.Secret{"one"}})
	w.ok(err)
	_, err = w.CreateApp(w.ctx, models.App{Name: "meta", Secrets: []models.Secret{"x"}})
	w.is(err, models.ErrConflict)
	if _, err = w.CreateApp(w.ctx, models.App{Name: "open", Secrets: []models.Secret{""}}); err == nil {
		t.Fatal("an empty app secret was taken")
	}
	w.ok(w.AddAppSecret(w.ctx, "meta", "two"))
	w.is(w.AddAppSecret(w.ctx, "nobody", "two"), models.ErrNotFound)
	apps := w.routes().Apps
	w.equal("apps", len(apps), 1)
	w.equal("app", []any{apps["meta"].ID, *apps["meta"].BusinessID, apps["meta"].VerifyToken.Text()}, []any{a.ID, w.business, "hello"})
	w.equal("both secrets, the newest first", texts(apps["meta"].Secrets), []string{"two", "one"})
	w.ok(w.DropOldAppSecrets(w.ctx, "meta"))
	w.equal("the newest", texts(w.routes().Apps["meta"].Secrets), []string{"two"})
	w.is(w.DropOldAppSecrets(w.ctx, "nobody"), models.ErrNotFound)
}

func testNumbers(_ *testing.T, w *world) {
	other := w.otherBusiness()
	_, err := w.CreateNumber(w.ctx, models.Number{BusinessID: other, PhoneNumberID: "100"})
	w.is(err, models.ErrConflict)
	_, err = w.CreateNumber(w.ctx, models.Number{BusinessID: 999999, PhoneNumberID: "101"})
	w.is(err, models.ErrNotFound)
	ns, err := w.Numbers(w.ctx, w.business)
	w.ok(err)
	w.equal("numbers", ns, []models.Number{w.number})
	ns, err = w.Numbers(w.ctx, other)
	w.ok(err)
	w.equal("numbers of the other", len(ns), 0)
	w.equal("routed", w.routes().Numbers["100"], w.number)
}

func testWebhooks(_ *testing.T, w *world) {
	other := w.otherBusiness()
	want := models.Webhook{BusinessID: w.business, NumberID: &w.number.ID, Name: "ERP", Description: "d", URL: "https://erp.example", Events: []string{"message.*", "order.created"},
		Dialect: "twabot", Secret: "whsec_x", RetrySchedule: []time.Duration{}, Timeout: 1500 * time.Millisecond, RateLimit: 7, Headers: map[string]string{"X-Key": "x"}, Active: true,
		Auth:           models.Auth{Kind: "basic", User: "u", Password: "p", Token: "t", Certificate: "PEM", Key: "KEY"},
		PreviousSecret: "whsec_w", PreviousUntil: time.Date(2026, 11, 22, 8, 0, 0, 123456000, time.UTC)}
	made, err := w.CreateWebhook(w.ctx, want)
	w.ok(err)
	got, err := w.Webhook(w.ctx, w.business, made.ID)
	w.ok(err)
	want.ID, want.CreatedAt, want.UpdatedAt, want.Ordering = made.ID, made.CreatedAt, made.UpdatedAt, models.OrderNone
	got.NumberID, want.NumberID = nil, nil
	w.equal("kept", got, want)
	w.equal("secrets", texts([]models.Secret{got.Secret, got.PreviousSecret, got.Auth.Password, got.Auth.Token, got.Auth.Key}), []string{"whsec_x", "whsec_w", "p", "t", "KEY"})
	w.equal("an empty schedule is not none", got.RetrySchedule != nil, true)
	got, err = w.Webhook(w.ctx, w.business, w.webhook.ID)
	w.ok(err)
	w.equal("no schedule", got.RetrySchedule == nil, true)

	stolen := want
	stolen.BusinessID, stolen.NumberID = other, &w.number.ID
	_, err = w.CreateWebhook(w.ctx, stolen)
	w.is(err, models.ErrNotFound)
	_, err = w.Webhook(w.ctx, other, made.ID)
	w.is(err, models.ErrNotFound)
	ws, err := w.Webhooks(w.ctx, w.business, 0, 0)
	w.ok(err)
	w.equal("all", []int64{ws[0].ID, ws[1].ID, int64(len(ws))}, []int64{w.webhook.ID, made.ID, 2})
	ws, err = w.Webhooks(w.ctx, w.business, 0, 1)
	w.ok(err)
	w.equal("first page", len(ws), 1)
	ws, err = w.Webhooks(w.ctx, w.business, ws[0].ID, 1)
	w.ok(err)
	w.equal("second page", ws[0].ID, made.ID)
	ws, err = w.Webhooks(w.ctx, other, 0, 0)
	w.ok(err)
	w.equal("of the other", len(ws), 0)
}

func testUpdateWebhook(_ *testing.T, w *world) {
	other := w.otherBusiness()
	updated, err := w.UpdateWebhook(w.ctx, w.business, w.webhook.ID, func(h *models.Webhook) error {
		h.Name, h.Secret, h.BusinessID, h.ID = "renamed", "s2", other, 4711
		return nil
	})
	w.ok(err)
	got, err := w.Webhook(w.ctx, w.business, w.webhook.ID)
	w.ok(err)
	w.equal("updated", got, updated)
	w.equal("updated", got.Name+got.Secret.Text(), "renameds2")
	rotated, err := w.UpdateWebhook(w.ctx, w.business, w.webhook.ID, func(h *models.Webhook) error { return h.RotateSecret("s3", time.Hour, false, time.Now()) })
	w.ok(err)
	got, err = w.Webhook(w.ctx, w.business, w.webhook.ID)
	w.ok(err)
	w.equal("rotated", got, rotated)
	w.equal("both sign", texts(got.Signing(time.Now())), []string{"s3", "s2"})

	refused := errors.New("refused")
	_, err = w.UpdateWebhook(w.ctx, w.business, w.webhook.ID, func(h *models.Webhook) error { h.Name = "lost"; return refused })
	w.is(err, refused)
	after, err := w.Webhook(w.ctx, w.business, w.webhook.ID)
	w.ok(err)
	w.equal("not changed", after, got)
	never := func(*models.Webhook) error { w.t.Error("called"); return nil }
	_, err = w.UpdateWebhook(w.ctx, other, w.webhook.ID, never)
	w.is(err, models.ErrNotFound)

	w.disable(w.webhook.ID, models.ByReceiver, "gone")
	changed, err := w.DisableWebhook(w.ctx, w.webhook.ID, models.ByFailures, "again")
	w.ok(err)
	w.equal("off already", changed, false)
	after, err = w.Webhook(w.ctx, w.business, w.webhook.ID)
	w.ok(err)
	w.equal("off", []any{after.Active, after.DisabledBy, after.DisabledReason}, []any{false, models.ByReceiver, "gone"})
}

func testDeleteWebhook(_ *testing.T, w *world) {
	other := w.otherBusiness()
	events := w.owe(3)
	w.ok(w.AddWork(w.ctx, models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: events}))
	w.settle(models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{w.attempt(events[0], 1, 500)},
		Updates: []models.DeliveryUpdate{{EventID: events[0], State: models.Failed, Attempts: 1, FailedAt: time.Now()}}})
	kept := w.newWebhook(w.business)
	send := models.Work{ID: w.NextID(), Kind: models.SendMessages, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: []int64{1}} // of the number with that id
	w.ok(w.AddWork(w.ctx, send))
	e := w.event("of the other webhook")
	w.write(models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: kept.ID}}})

	w.is(w.DeleteWebhook(w.ctx, other, w.webhook.ID), models.ErrNotFound)
	w.ok(w.DeleteWebhook(w.ctx, w.business, w.webhook.ID))
	w.is(w.DeleteWebhook(w.ctx, w.business, w.webhook.ID), models.ErrNotFound)
	w.equal("work", []any{len(w.unfinished()), w.unfinished()[0].ID}, []any{1, send.ID})
	rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{})
	w.ok(err)
	w.equal("history", len(rows), 0)
	_, err = w.Delivery(w.ctx, w.business, events[0], w.webhook.ID)
	w.is(err, models.ErrNotFound)
	rows, err = w.Deliveries(w.ctx, kept.ID, models.DeliveryFilter{})
	w.ok(err)
	w.equal("history of the other webhook", len(rows), 1)
	if _, there := w.routes().Webhooks[w.webhook.ID]; there {
		w.t.Fatal("still routed")
	}
}

func testRoutesVersion(t *testing.T, w *world) {
	version := func() int64 {
		v, err := w.RoutesVersion(w.ctx)
		w.ok(err)
		return v
	}
	webhook := w.newWebhook(w.business)
	for _, c := range []struct {
		what   string
		raises bool
		do     func() error
	}{
		{"create app", true, func() error {
			_, err := w.CreateApp(w.ctx, models.App{Name: "a", Secrets: []models.Secret{"s"}})
			return err
		}},
		{"create app again", false, func() error { _, _ = w.CreateApp(w.ctx, models.App{Name: "a"}); return nil }},
		{"add secret", true, func() error { return w.AddAppSecret(w.ctx, "a", "t") }},
		{"drop old secrets", true, func() error { return w.DropOldAppSecrets(w.ctx, "a") }},
		{"drop nothing", false, func() error { return w.DropOldAppSecrets(w.ctx, "a") }},
		{"connect number", true, func() error {
			_, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "200"})
			return err
		}},
		{"connect number again", false, func() error {
			_, _ = w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "200"})
			return nil
		}},
		{"update number", true, func() error {
			return w.UpdateNumber(w.ctx, models.Number{ID: w.number.ID, BusinessID: w.business, Name: "n"})
		}},
		{"set upstream", true, func() error {
			return w.SetUpstream(w.ctx, w.business, models.Upstream{NumberID: w.number.ID, Token: "t"})
		}},
		{"set another's upstream", false, func() error {
			_ = w.SetUpstream(w.ctx, w.business+1, models.Upstream{NumberID: w.number.ID})
			return nil
		}},
		{"check upstream", false, func() error {
			return w.KeepUpstreamHealth(w.ctx, w.number.ID, models.UpstreamHealth{OK: true})
		}},
		{"drop upstream", true, func() error { return w.DropUpstream(w.ctx, w.business, w.number.ID) }},
		{"set replies", true, func() error {
			_, err := w.SetReplies(w.ctx, w.business, w.number.ID, func(r *models.Replies) error { r.Active = true; return nil })
			return err
		}},
		{"drop replies", true, func() error { return w.DropReplies(w.ctx, w.business, w.number.ID) }},
		{"create webhook", true, func() error { w.newWebhook(w.business); return nil }},
		{"update webhook", true, func() error {
			_, err := w.UpdateWebhook(w.ctx, w.business, webhook.ID, func(h *models.Webhook) error { h.Name = "n"; return nil })
			return err
		}},
		{"fail to update webhook", false, func() error {
			_, _ = w.UpdateWebhook(w.ctx, w.business, webhook.ID, func(*models.Webhook) error { return errors.New("no") })
			return nil
		}},
		{"disable webhook", true, func() error { w.disable(webhook.ID, models.ByReceiver, "r"); return nil }},
		{"disable webhook again", false, func() error {
			_, err := w.DisableWebhook(w.ctx, webhook.ID, models.ByReceiver, "r")
			return err
		}},
		{"delete webhook", true, func() error { return w.DeleteWebhook(w.ctx, w.business, webhook.ID) }},
		{"translate and deliver", false, func() error {
			e := w.owe(1)
			_, err := w.Settle(w.ctx, []models.Result{{WebhookID: w.webhook.ID, Attempts: []models.Attempt{w.attempt(e[0], 1, 200)}}})
			return err
		}},
		{"accept", false, func() error {
			cs := []models.Callback{{ReceivedAt: time.Now(), Body: []byte("{}")}}
			return w.Accept(w.ctx, w.NewCallbackGroup(cs), cs)
		}},
		{"create user", false, func() error {
			_, err := w.CreateUser(w.ctx, w.business, "u@example.com", "correct horse", false)
			return err
		}},
	} {
		before := version()
		w.ok(c.do())
		if raised := version() > before; raised != c.raises {
			t.Errorf("%s: raised %v", c.what, raised)
		}
	}
}

func testDirectory(t *testing.T, w *world) {
	d, err := models.NewDirectory(w.ctx, w.Store, slog.New(slog.DiscardHandler))
	w.ok(err)
	before := d.Routes()
	w.ok(d.Refresh(w.ctx))
	if d.Routes() != before {
		t.Fatal("loaded again although nothing has changed")
	}
	_, err = w.CreateApp(w.ctx, models.App{Name: "meta", Secrets: []models.Secret{"one"}})
	w.ok(err)
	if _, ok := d.App("meta"); ok {
		t.Fatal("a value in use has changed")
	}
	w.ok(d.Refresh(w.ctx))
	if _, ok := d.App("meta"); !ok {
		t.Fatal("the change was not seen")
	}
	w.equal("webhooks by business", d.Routes().OfBusiness[w.business], []int64{w.webhook.ID})
}

func testNumberToken(_ *testing.T, w *world) {
	d, err := models.NewDirectory(w.ctx, w.Store, slog.New(slog.DiscardHandler))
	w.ok(err)
	numberOf := func(token string) int64 {
		w.ok(d.Refresh(w.ctx))
		n, ok := d.NumberByToken(token)
		w.equal("found", ok, n.ID != 0)
		return n.ID
	}
	w.equal("no address yet", []int64{numberOf(""), numberOf("t1")}, []int64{0, 0})
	w.is(w.SetNumberToken(w.ctx, w.otherBusiness(), w.number.ID, "t1"), models.ErrNotFound)
	w.ok(w.SetNumberToken(w.ctx, w.business, w.number.ID, "t1"))
	w.equal("by its token", []int64{numberOf("t1"), numberOf("")}, []int64{w.number.ID, 0})
	ns, err := w.Numbers(w.ctx, w.business)
	w.ok(err)
	w.equal("listed", ns[0].OnpremToken.Text(), "t1")
	w.ok(w.SetNumberToken(w.ctx, w.business, w.number.ID, "t2"))
	w.equal("another", []int64{numberOf("t1"), numberOf("t2")}, []int64{0, w.number.ID})
	w.ok(w.SetNumberToken(w.ctx, w.business, w.number.ID, ""))
	w.equal("none", []int64{numberOf("t2"), numberOf("")}, []int64{0, 0})
	made, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "102", OnpremToken: "t3"})
	w.ok(err)
	w.equal("from the start", numberOf("t3"), made.ID)
}

func testWebhookFilter(_ *testing.T, w *world) {
	want := w.webhook
	w.equal("none", []any{want.Filter == nil, want.Verified, want.VerifyReason}, []any{true, false, ""})
	updated, err := w.UpdateWebhook(w.ctx, w.business, want.ID, func(h *models.Webhook) error {
		h.Filter, h.Verified, h.VerifyReason = []byte(`{"a":[1]}`), true, "r"
		return nil
	})
	w.ok(err)
	got, err := w.Webhook(w.ctx, w.business, want.ID)
	w.ok(err)
	w.equal("kept", got, updated)
	routed := w.routes().Webhooks[want.ID]
	w.equal("routed", []any{string(routed.Filter), routed.Verified, routed.VerifyReason}, []any{`{"a":[1]}`, true, "r"})
	want.Filter, want.Verified, want.VerifyReason = []byte("null"), true, "s"
	want.ID = 0
	made, err := w.CreateWebhook(w.ctx, want)
	w.ok(err)
	routed = w.routes().Webhooks[made.ID]
	w.equal("made with", []any{string(routed.Filter), routed.Verified, routed.VerifyReason}, []any{"null", true, "s"})
	_, err = w.UpdateWebhook(w.ctx, w.business, made.ID, func(h *models.Webhook) error { h.Filter = nil; return nil })
	w.ok(err)
	w.equal("removed", w.routes().Webhooks[made.ID].Filter == nil, true)
}
