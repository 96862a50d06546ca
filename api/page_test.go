package api_test

import (
	"html"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestPagesRender(t *testing.T) {
	b := setup(t)
	status, got := b.page("/webhooks")
	require.Equal(t, 200, status)
	require.Contains(t, got, "No webhooks yet")

	const evil = `<script>alert("x")</script>`
	id := b.create("http://127.0.0.1:1/inspect/demo")
	w := b.webhook(func(w *models.Webhook) {
		w.Name, w.Description, w.URL = evil, evil, "https://203.0.113.7/?a="+url.QueryEscape(evil)
		w.NumberID, w.Headers, w.RetrySchedule, w.RateLimit = &b.number.ID, map[string]string{"X-Key": "hush"}, []time.Duration{5 * time.Second, 26 * time.Hour}, 9
	})
	_, err := b.store.DisableWebhook(t.Context(), w.ID, models.ByReceiver, "answered 410 Gone "+evil)
	require.NoError(t, err)
	delivery := b.delivery(w, "message.received", models.Failed, models.Attempt{Outcome: "rejected", Status: 500, Reason: "answered 500", Answer: evil + ` مرحبا`, Duration: time.Second})
	retrying := b.delivery(w, "message.received", models.Pending, rejected)
	require.NoError(t, refresh(b))
	one := "/webhooks/" + decimal(w.ID)
	for path, want := range map[string][]string{
		"/webhooks":                {"&lt;script&gt;", "disabled", `href="/inspect/demo"`, "inspector"},
		"/webhooks?done=deleted":   {"Webhook deleted."},
		"/":                        {"Getting started"},
		"/guide":                   {"Create a webhook"},
		"/webhooks/new":            {"message.received", "Use the built-in inspector", "http://example.com/inspect/", "Shop (&#43;15550100200)"},
		one:                        {"answered 410 Gone", "Success rate", "0 %", "9 per second", "5s, 26h", "X-Key", "Shop", "retrying", "next "},
		one + "?status=failed":     {delivery},
		one + "?status=held":       {"No deliveries here."},
		one + "?done=off":          {"Webhook disabled."},
		one + "?done=nonsense":     {"Danger zone"},
		one + "/edit":              {"Edit webhook", "X-Key: &lt;secret&gt;", "5s, 26h"},
		"/deliveries/" + delivery:  {"answered 500", "&lt;script&gt;", "Payload", "مرحبا"},
		"/deliveries/" + retrying:  {"next attempt"},
		"/inspect/demo":            {"Waiting for the first request"},
		"/webhooks/" + decimal(id): {"Open inspector", "/inspect/demo"},
	} {
		status, got := b.page(path)
		require.Equal(t, 200, status, path)
		require.NotContains(t, got, "<script>", path)
		require.NotContains(t, got, "hush", path)
		for _, text := range want {
			require.Contains(t, got, text, path)
		}
	}
	for path, want := range map[string]int{"/webhooks/999": 404, "/deliveries/dlv_1_1": 404, "/deliveries/x": 404, "/inspect/none": 404, one + "?status=odd": 400, "/webhooks?cursor=x": 400, "/static/none": 404} {
		status, got := b.page(path)
		require.Equal(t, want, status, path)
		require.Contains(t, got, "<!doctype html>", path)
	}
}

func TestPageHeaders(t *testing.T) {
	b := setup(t)
	for path, cookie := range map[string]string{"/": b.session, "/login": ""} {
		_, got, head := b.call("GET", path, "", "Cookie", cookie, "Accept", "text/html")
		policy := head.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} {
			require.Contains(t, policy, want)
		}
		require.NotContains(t, policy, "unsafe")
		require.Equal(t, "nosniff", head.Get("X-Content-Type-Options"))
		require.Equal(t, "same-origin", head.Get("Referrer-Policy"))
		require.Equal(t, "no-store", head.Get("Cache-Control"))
		require.NotContains(t, got, " style=")
		require.NotContains(t, got, " onclick=")
		require.NotContains(t, got, "https://")

		_, after, _ := strings.Cut(got, `src="/static/app.js`)
		query, _, _ := strings.Cut(after, `"`)
		status, script, head := b.call("GET", "/static/app.js"+query, "")
		require.Equal(t, 200, status)
		require.Contains(t, head.Get("Content-Type"), "javascript")
		require.Contains(t, head.Get("Cache-Control"), "immutable")
		require.Less(t, strings.Count(script, "\n"), 400)
	}
}

func TestLoginPage(t *testing.T) {
	b := setup(t)
	for path, next := range map[string]string{"/": "/", "/webhooks/3?status=failed": "/webhooks/3?status=failed"} {
		status, _, head := b.call("GET", path, "", "Accept", "text/html")
		require.Equal(t, 303, status)
		require.Equal(t, "/login?next="+url.QueryEscape(next), head.Get("Location"))
	}
	status, _, _ := b.call("GET", "/", "", "Authorization", "Bearer "+b.key.Text())
	require.Equal(t, 303, status, "a key opens no pages")

	post := func(next, with string) (int, string, string) {
		body := url.Values{"email": {"we@example.com"}, "password": {with}, "next": {next}}.Encode()
		status, got, head := b.call("POST", "/login", body, "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
		return status, got, head.Get("Location")
	}
	status, got, _ := post("/", "wrong")
	require.Equal(t, 401, status)
	require.Contains(t, got, "The address or the password is wrong.")
	require.Contains(t, got, `value="we@example.com"`)
	for next, want := range map[string]string{"/monitor/": "/monitor/", "/webhooks/3?status=failed": "/webhooks/3?status=failed", "": "/", "//evil.example": "/", "https://evil.example": "/",
		`/\evil.example`: "/", "javascript:alert(1)": "/", "/login?next=/": "/", "evil": "/"} {
		status, _, location := post(next, password)
		require.Equal(t, 303, status)
		require.Equal(t, want, location, next)
	}
	status, _, _ = b.call("GET", "/login", "", "Cookie", b.session)
	require.Equal(t, 303, status)
	status, _, head := b.form("/logout", "")
	require.Equal(t, 303, status)
	require.Equal(t, "/login", head.Get("Location"))
	status, _ = b.page("/")
	require.Equal(t, 303, status)
}

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
	_, got = b.page("/webhooks/1")
	require.NotContains(t, html.UnescapeString(got), w.Secret.Text())

	// The form of the webhook as it is changes nothing.
	_, got = b.page("/webhooks/1/edit")
	require.Contains(t, got, `value="5s, 1m, 2h, 1d"`)
	require.Contains(t, got, `name="more_events" value="messages"`)
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

	status, _, head = b.form(one+"/delete", "")
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
	require.Contains(t, got, "Held while the webhook was off: 2.")
	require.NotContains(t, got, ">Enable</button>")
	status, _, _ := b.form(path+"/catch-up", "from=later")
	require.Equal(t, 400, status)
	status, _, header := b.form(path+"/catch-up", "from=gap")
	require.Equal(t, 303, status)
	require.Contains(t, header.Get("Location"), "done=catching-up")
	_, got = b.page(path)
	require.Contains(t, got, "A catch-up is running: 0 of 2.")
	jobs, err := b.store.Jobs(t.Context(), b.ours.ID, w.ID, 0, 1)
	require.NoError(t, err)
	_, _, header = b.form(path+"/jobs/"+decimal(jobs[0].ID)+"/cancel", "")
	require.Contains(t, header.Get("Location"), "done=cancelled")
	_, _, header = b.form(path+"/catch-up", "from=now")
	require.Contains(t, header.Get("Location"), "done=from-now")
	_, got = b.page(path)
	require.NotContains(t, got, "Held while")
}
