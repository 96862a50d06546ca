package api_test

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

func TestWebhookForms(t *testing.T) {
	b := setup(t)
	fill := func(more ...string) string {
		v := url.Values{"name": {"متجر"}, "url": {"https://203.0.113.7/h"}, "events": {"message.received", "contact.created"}, "dialect": {"twabot"}, "secret_mode": {"generate"}}
		for i := 0; i+1 < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v.Encode()
	}
	status, _, head := b.form("/webhooks/new", fill("retry_schedule", "5s, 1m, 2h, 1d", "timeout", "7", "rate_limit", "3", "headers", "X-A: one\nX-B: two: three\n", "more_events", "messages, template.*", "number_id", decimal(b.number.ID),
		"filter", `{"field": "message.type", "eq": "text"}`))
	require.Equal(t, 303, status)
	require.Equal(t, "/webhooks/1?done=created", head.Get("Location"))
	w, err := b.store.Webhook(t.Context(), b.ours.ID, 1)
	require.NoError(t, err)
	require.Equal(t, "متجر", w.Name)
	require.Equal(t, []string{"message.received", "contact.created", "messages", "template.*"}, w.Events)
	require.Equal(t, []time.Duration{5 * time.Second, time.Minute, 2 * time.Hour, 24 * time.Hour}, w.RetrySchedule)
	require.Equal(t, 7*time.Second, w.Timeout)
	require.Equal(t, 3, w.RateLimit)
	require.Equal(t, map[string]string{"X-A": "one", "X-B": "two: three"}, w.Headers)
	require.Equal(t, b.number.ID, *w.NumberID)
	require.Equal(t, `{"field":"message.type","eq":"text"}`, string(w.Filter))
	_, got := b.page("/webhooks/1?done=created")
	require.Contains(t, html.UnescapeString(got), w.Secret.Text(), "shown right after it was made")
	for _, page := range []string{"", "/signing", "/edit"} {
		_, got = b.page("/webhooks/1" + page)
		require.NotContains(t, html.UnescapeString(got), w.Secret.Text())
	}

	// The form of the webhook as it is changes nothing.
	_, got = b.page("/webhooks/1/edit")
	require.Contains(t, got, `value="5s, 1m, 2h, 1d"`)
	require.Contains(t, got, `<h1><bdi>متجر</bdi>`)
	require.Contains(t, got, `value="messages" id="field-more_events"`)
	require.Contains(t, got, `value="template.*" data-whole checked>`)
	status, _, _ = b.form("/webhooks/1/edit", fill("retry_schedule", "none", "headers", "X-A: <secret>", "secret_mode", "none"))
	require.Equal(t, 303, status)
	after, err := b.store.Webhook(t.Context(), b.ours.ID, 1)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"X-A": "one"}, after.Headers)
	require.Equal(t, []time.Duration{}, after.RetrySchedule)
	require.Zero(t, after.Timeout)
	require.Nil(t, after.Filter, "an emptied field goes back to none")
	require.Equal(t, w.Secret.Text(), after.Secret.Text(), "the form does not touch the secret")

	for _, c := range []struct{ field, value, says string }{
		{"name", "", "Is required."}, {"url", "https://10.0.0.1/", "private network"}, {"dialect", "x", "Is not one of"}, {"timeout", "99", "from 1 to 30"}, {"timeout", "x", "whole number"},
		{"retry_schedule", "soon", "5s, 1m"}, {"retry_schedule", "8d", "5s, 1m"}, {"headers", "nonsense", "per line"}, {"headers", "Host: x", "gateway itself"}, {"secret_mode", "own", "Must not be empty"},
		{"more_events", "message.recieved", "message.received"}, {"number_id", "99", "not one of your numbers"}, {"rate_limit", "-5", "per second"},
		{"filter", `{"field":"mesage.type","eq":"text"}`, "Filter.field: there is no field"}, {"filter", "nonsense", "Filter is not valid JSON"},
	} {
		status, got, _ := b.form("/webhooks/new", fill(c.field, c.value))
		require.Equal(t, 400, status, c.field)
		require.Contains(t, got, c.says, c.field)
		require.Contains(t, got, "https://", "what was typed stays")
		require.Contains(t, got, "Nothing is saved yet")
	}
	list, err := b.store.Webhooks(t.Context(), b.ours.ID, 0, 0)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestWebhookButtons(t *testing.T) {
	b := setup(t)
	base := b.listen()
	id := b.create(base + "/inspect/buttons")
	one := "/webhooks/" + decimal(id)
	read := func() models.Webhook {
		w, err := b.store.Webhook(t.Context(), b.ours.ID, id)
		require.NoError(t, err)
		return w
	}
	status, _, head := b.form(one+"/active", "is_active=0")
	require.Equal(t, 303, status)
	require.Equal(t, one+"?done=off", head.Get("Location"))
	require.False(t, read().Active)
	_, _, _ = b.form(one+"/active", "is_active=1")
	require.True(t, read().Active)

	before := read().Secret.Text()
	_, _, _ = b.form(one+"/secret/rotate", "")
	require.NotEqual(t, before, read().Secret.Text())

	status, got, _ := b.form(one+"/test", "event=message.report")
	require.Equal(t, 200, status)
	require.Contains(t, got, "<b>Delivered</b>")
	require.Contains(t, got, "message.report")
	failed := b.delivery(read(), "message.received", models.Failed, rejected)
	status, _, head = b.form("/deliveries/"+failed+"/resend", "")
	require.Equal(t, 303, status)
	require.Equal(t, "/deliveries/"+failed+"?done=resent", head.Get("Location"))
	require.Len(t, b.queue.work, 1)

	status, got, _ = b.form(one+"/delete", "confirm=something")
	require.Equal(t, 400, status)
	require.Contains(t, got, "is not the name of the webhook")
	status, _, head = b.form(one+"/delete", "confirm="+url.QueryEscape(" "+read().Name))
	require.Equal(t, 303, status)
	require.Equal(t, "/webhooks?done=deleted", head.Get("Location"))
	status, _ = b.page(one)
	require.Equal(t, 404, status)
}

// Whoever enables a webhook for which something is held says what becomes of it.
func TestHeldIsAskedAbout(t *testing.T) {
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) { w.Active = false })
	path := "/webhooks/" + decimal(w.ID)
	_, got := b.page(path)
	require.Contains(t, got, ">Enable</button>")
	for range 2 {
		b.delivery(w, "message.received", models.Held)
	}
	_, got = b.page(path)
	require.Contains(t, got, "Held while the webhook is off: 2 deliveries, the oldest")
	require.NotContains(t, got, ">Enable</button>")
	status, _, _ := b.form(path+"/catch-up", "from=later")
	require.Equal(t, 400, status)
	status, _, header := b.form(path+"/catch-up", "from=gap")
	require.Equal(t, 303, status)
	require.Contains(t, header.Get("Location"), "done=catching-up")
	_, got = b.page(path)
	require.Contains(t, got, "Catch-up is running</b><span class=\"dim\">0 of 2")
	jobs, err := b.store.Jobs(t.Context(), b.ours.ID, w.ID, 0, 1)
	require.NoError(t, err)
	_, _, header = b.form(path+"/jobs/"+decimal(jobs[0].ID)+"/cancel", "")
	require.Contains(t, header.Get("Location"), "done=cancelled")
	_, _, header = b.form(path+"/catch-up", "from=now")
	require.Contains(t, header.Get("Location"), "done=from-now")
	_, got = b.page(path)
	require.NotContains(t, got, ">Held")
}

// A draft shows what a webhook would get, keeps nothing, and gives no secret back.
func TestWebhookDrafts(t *testing.T) {
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) { w.Name = "CRM" })
	b.delivery(w, "message.received", models.Pending)
	b.delivery(w, "order.created", models.Pending)
	one := "/webhooks/" + decimal(w.ID)
	fill := func(do string, more ...string) string {
		v := url.Values{"do": {do}, "name": {"متجر"}, "url": {"https://203.0.113.7/h"}, "events": {"message.received", "order.*"}, "dialect": {"twabot"}, "secret_mode": {"own"},
			"secret": {"confidential"}, "auth_type": {"bearer"}, "auth_token": {"tok-tok"}, "headers": {"X-A: hush"}, "description": {"typed"}}
		for i := 0; i+1 < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v.Encode()
	}
	for _, c := range []struct {
		name, body string
		says       []string
	}{
		{"a preview", fill("preview"), []string{"X-Twabot-Signature", "&#34;message.received&#34;"}},
		{"another event", fill("preview", "preview_event", "order.created"), []string{"&#34;order.created&#34;"}},
		{"another dialect", fill("preview", "dialect", "cloud"), []string{"whatsapp_business_account", "X-Hub-Signature-256"}},
		{"an event that it does not get", fill("preview", "preview_event", "contact.created"), []string{"not subscribed to contact.created"}},
		{"an event without a form", fill("preview", "dialect", "onprem", "preview_event", "contact.created"), []string{"has no form in the dialect onprem"}},
		{"nothing yet", "do=preview", []string{"&#34;message.received&#34;"}},
		{"what cannot be previewed", fill("preview", "headers", "nonsense"), []string{"There is no preview yet. Headers: must be one"}},
		{"what matches", fill("matches", "filter", `{"field":"type","eq":"order.created"}`), []string{"1 of the last 2 events", "order.created</bdi>"}},
		{"all", fill("matches"), []string{"2 of the last 2 events"}},
		{"none", fill("matches", "filter", `{"field":"message.type","eq":"nonsense"}`), []string{"0 of the last 2 events", "Look at the field"}},
		{"a filter that is wrong", fill("matches", "filter", `{"field":"mesage.type","eq":"text"}`), []string{"there is no field"}},
	} {
		for _, path := range []string{"/webhooks/new", one + "/edit"} {
			status, got, _ := b.form(path, c.body)
			require.Equal(t, 200, status, c.name)
			for _, says := range c.says {
				require.Contains(t, got, says, c.name+path)
			}
			for _, secret := range []string{"confidential", "tok-tok"} {
				require.NotContains(t, got, secret, c.name)
			}
			if c.name == "a preview" {
				require.Contains(t, got, `value="typed"`, "what was typed stays")
			}
		}
	}
	list, err := b.store.Webhooks(t.Context(), b.ours.ID, 0, 0)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "CRM", list[0].Name)
	audit, err := b.store.Audit(t.Context(), b.ours.ID, models.AuditFilter{})
	require.NoError(t, err)
	require.Empty(t, audit, "a draft is nothing that was done")
}

// A replay is counted before it is begun.
func TestReplayPage(t *testing.T) {
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) { w.RateLimit = 1 })
	path := "/webhooks/" + decimal(w.ID) + "/replay"
	for range 3 {
		b.delivery(w, "message.received", models.Failed, rejected)
	}
	b.delivery(w, "order.created", models.Succeeded, delivered)
	since := url.QueryEscape(b.clock.now().UTC().Add(-time.Hour).Format("2006-01-02T15:04"))
	for query, says := range map[string]string{
		"?since=" + since: "Replay 3 deliveries", "?since=" + since + "&status=any": "Replay 4 deliveries", "?since=" + since + "&status=any&event=order.created": "Replay 1 delivery",
		"?since=" + since + "&status=held": "nothing that ended matches",
	} {
		status, got := b.page(path + query)
		require.Equal(t, 200, status, query)
		require.Contains(t, got, says, query)
	}
	_, got := b.page(path + "?since=" + since)
	require.Contains(t, got, "At the rate limit they take at least 3 seconds.")
	status, got, _ := b.form(path, "since=2020-01-01T00:00")
	require.Equal(t, 400, status)
	require.Contains(t, got, "Must lie within the last 30 days.")
	status, _, head := b.form(path, "since="+since)
	require.Equal(t, 303, status)
	require.Equal(t, path+"?done=replaying", head.Get("Location"))
	_, got = b.page(path)
	require.Contains(t, got, "Replay is running")
	require.Contains(t, got, "0 of 3")
	status, got, _ = b.form(path, "since="+since)
	require.Equal(t, 409, status)
	require.Contains(t, got, "Another job of this webhook is running")
}

// A check is told of while it runs, and one at a time.
func TestCheckPage(t *testing.T) {
	b := setup(t)
	receiver := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) {
		_, _ = io.WriteString(w, `<script>alert(1)</script> تم`)
	})
	w := b.webhook(func(w *models.Webhook) { w.URL = receiver.URL })
	path := "/webhooks/" + decimal(w.ID) + "/check"
	status, got, head := b.form(path, "")
	require.Equal(t, 200, status)
	require.Contains(t, head.Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, got, "<h2>Grade F</h2>", "it takes forged events")
	require.Contains(t, got, "What to do:")
	require.Contains(t, got, "&lt;script&gt;alert(1)&lt;/script&gt; تم")
	require.NotContains(t, got, "<script>alert")
	require.NotContains(t, got, w.Secret.Text())
	require.Less(t, strings.Index(got, `class="finding"`), strings.Index(got, "Grade F"), "findings come as they are made")
	require.True(t, strings.HasSuffix(strings.TrimSpace(got), "</html>"))
	status, got = b.page(path)
	require.Equal(t, 200, status)
	require.NotContains(t, got, "Grade F", "nothing is kept of it")
}

// Who may only look sees no buttons, and no secret.
func TestReadersSeeWebhooksWithoutButtons(t *testing.T) {
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) { w.Active = false })
	b.delivery(w, "message.received", models.Held)
	_, reader := b.user("reader@example.com", models.RoleReader)
	one := "/webhooks/" + decimal(w.ID)
	for _, path := range []string{"/webhooks", one, one + "/deliveries", one + "/replay", one + "/signing", one + "/check", one + "/edit", one + "/danger", one + "?done=created"} {
		status, got, _ := b.call("GET", path, "", "Cookie", reader, "Accept", "text/html")
		require.Equal(t, 200, status, path)
		require.NotContains(t, got, w.Secret.Text())
		for _, button := range []string{"Add webhook", "Enable", "Send test event", "Rotate the secret", "Check the receiver", "Save changes", "Delete this webhook"} {
			require.NotContains(t, got, button+"</", path)
		}
	}
}

// The pages of webhooks in a browser, with whatever people and receivers write.
func TestWebhookPagesFit(t *testing.T) {
	b := setup(t)
	base := b.listen()
	hostile := "<b>\u202egnp.exe</b> " + strings.Repeat("متجر", 15)
	long := strings.Repeat("x", 1500) + "<script>alert(1)</script>" + strings.Repeat("رد ", 500)
	busy := b.webhook(func(w *models.Webhook) {
		w.Name, w.Description, w.Dialect, w.NumberID, w.RateLimit = "متجر الرياض CRM", "Orders and questions of the main number", "twabot", &b.number.ID, 50
		w.URL, w.Events = "https://crm.example.com/hooks/whatsapp/incoming?tenant=42", []string{"message.received", "message.report", "contact.*", "conversation.created", "template.*", "group.created", "order.*", "form.submitted"}
		w.Filter = []byte(`{"all":[{"field":"message.type","in":["image","document"]},{"not":{"field":"conversation.labels","eq":"vip"}}]}`)
		w.Headers = map[string]string{"X-Api-Key": "k"}
		w.PreviousSecret, w.PreviousUntil = "old", time.Now().Add(26*time.Hour)
	})
	broken := b.webhook(func(w *models.Webhook) {
		w.Name, w.Description, w.URL = hostile, long[:490], "https://203.0.113.7/"+strings.Repeat("very-long-path/", 100)
	})
	off := b.webhook(func(w *models.Webhook) {
		w.Name, w.Active, w.DisabledBy, w.DisabledReason = "Old ERP", false, models.ByReceiver, "answered 410 Gone: the receiver wants no more deliveries"
	})
	failing := rejected
	failing.Reason, failing.Answer = "answered 500: "+hostile, long
	for i := range 24 {
		switch {
		case i%9 == 4:
			b.delivery(busy, "message.received", models.Failed, rejected, rejected)
		case i%7 == 3:
			b.delivery(busy, "message.report", models.Pending, rejected)
		default:
			b.delivery(busy, []string{"message.received", "message.report", "contact.created"}[i%3], models.Succeeded, delivered)
		}
	}
	for range 3 {
		b.delivery(broken, "message.received", models.Failed, failing)
		b.delivery(off, "message.received", models.Held)
	}
	receiver := fanouttest.NewReceiver(t, func(w http.ResponseWriter, r *http.Request, _ fanouttest.Delivery) {
		if r.Header.Get("X-Wabagate-Test") == "no_signature" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, long)
	})
	checked := b.webhook(func(w *models.Webhook) { w.Name, w.URL = "Receiver", receiver.URL })
	require.NoError(t, refresh(b))

	ctx := browser(t)
	b.enter(ctx, base)
	one, bad := "/webhooks/"+decimal(busy.ID), "/webhooks/"+decimal(broken.ID)
	visit(t, ctx, base, stop{name: "hooks", path: "/webhooks"}, stop{name: "hook", path: one}, stop{name: "hook-week", path: one + "?range=7d"}, stop{name: "hook-bad", path: bad},
		stop{name: "hook-deliveries", path: one + "/deliveries"}, stop{name: "hook-deliveries-bad", path: bad + "/deliveries"}, stop{name: "hook-deliveries-none", path: one + "/deliveries?status=skipped"},
		stop{name: "hook-replay", path: one + "/replay?since=" + b.clock.now().UTC().Add(-time.Hour).Format("2006-01-02T15:04")},
		stop{name: "hook-signing", path: one + "/signing"}, stop{name: "hook-signing-shut", path: bad + "/signing"},
		stop{name: "hook-check", path: "/webhooks/" + decimal(checked.ID) + "/check"},
		stop{name: "hook-checked", path: "/webhooks/" + decimal(checked.ID) + "/check", do: `document.querySelector(".card form").requestSubmit()`, ready: ".grade"},
		stop{name: "hook-edit", path: one + "/edit", do: `document.querySelectorAll("#main details").forEach((d) => { if (!d.dataset.fetch) d.open = true })`},
		stop{name: "hook-edit-bad", path: bad + "/edit"},
		stop{name: "hook-danger", path: bad + "/danger", do: `document.querySelector(".zone summary").click()`}, stop{name: "hook-off", path: "/webhooks/" + decimal(off.ID)},
		stop{name: "event-type", path: "/webhooks/events/order.created?dialect=platform"})
}

// The form shows what it does while somebody fills it in.
func TestWebhookFormInBrowser(t *testing.T) {
	b := setup(t)
	base := b.listen()
	w := b.webhook(func(w *models.Webhook) { w.Events = []string{"*"} })
	b.delivery(w, "order.created", models.Pending)
	b.delivery(w, "message.received", models.Pending)
	ctx := browser(t)
	b.enter(ctx, base)
	one := base + "/webhooks/" + decimal(w.ID)
	do(t, ctx, chromedp.Navigate(one+"/edit"), chromedp.WaitVisible(`#preview pre[data-pane=pretty]`),
		chromedp.SendKeys(`input[name=description]`, "typed"))
	_, err := chromedp.Run(ctx, chromedp.Evaluate[any](`const d = document.querySelector("[name=dialect]"); d.value = "platform"; d.dispatchEvent(new Event("input", { bubbles: true }))`))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(text(t, ctx, "#preview"), "message.incoming") }, 10*time.Second, 50*time.Millisecond)
	do(t, ctx, chromedp.SendKeys(`[name=filter]`, `{"field":"type","eq":"order.created"}`), chromedp.WaitVisible(`#matches meter`))
	require.Contains(t, text(t, ctx, "#matches"), "1 of the last 2 events")
	do(t, ctx, chromedp.SendKeys(`[name=filter]`, `}`), chromedp.WaitVisible(`#matches .wrong`))
	require.Contains(t, text(t, ctx, "#matches"), "not valid JSON")
	typed, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("[name=description]").value`))
	require.NoError(t, err)
	require.Equal(t, "typed", typed, "the rest of the form stays")

	// Finding an event, and looking at its sample.
	do(t, ctx, chromedp.SendKeys(`[data-picker]`, "join request revoked"), chromedp.WaitNotVisible(`.pick input[value="message.received"]`),
		chromedp.WaitVisible(`.pick input[value="group.join_request.revoked"]`))
	require.Equal(t, "1 found", text(t, ctx, "[data-found]"))
	do(t, ctx, chromedp.Click(`.pick:has([value="group.join_request.revoked"]) summary`), chromedp.WaitVisible(`.pick details[open] pre[data-pane=pretty]`))

	// The button does the same where there is no script, and keeps what was typed.
	do(t, ctx, chromedp.Click(`button[value=preview]`), chromedp.WaitVisible(`#preview pre[data-pane=pretty]`))
	typed, err = chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("[name=description]").value`))
	require.NoError(t, err)
	require.Equal(t, "typed", typed)
}
