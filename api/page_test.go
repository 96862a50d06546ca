package api_test

import (
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
		"/webhooks":              {"&lt;script&gt;", "disabled", `href="/inspect/demo"`, "inspector", "switched off by the gateway: answered 410"},
		"/webhooks?done=deleted": {"Webhook deleted."},
		"/":                      {"Getting started"},
		"/guide":                 {"Create a webhook"},
		"/webhooks/new":          {"message.received", "Use the built-in inspector", "http://example.com/inspect/", "Shop (&#43;15550100200)"},
		one:                      {"answered 410 Gone", "Success rate", "0 %", "9 per second", "5s, 26h", "X-Key", "Shop", "retrying", "next "},
		one + "?range=7d":        {"Success rate", `aria-current="true">7 days`},
		one + "/deliveries":      {delivery, retrying, "/messages?webhook_id=" + decimal(w.ID)},
		one + "/deliveries?status=failed&event=message.received": {delivery},
		one + "/deliveries?status=held":                          {"No deliveries here"},
		one + "/replay":                                          {"There was none yet.", "Last hour"},
		one + "/signing":                                         {"data-reveal", "Rotate the secret"},
		one + "/check":                                           {"Check the receiver"},
		one + "/danger":                                          {"Delete this webhook"},
		one + "?done=off":                                        {"Webhook disabled."},
		one + "?done=nonsense":                                   {"Danger zone"},
		"/webhooks/events/message.received?dialect=twabot":       {"Sample", "Schema", `aria-current="true">twabot`},
		"/webhooks/events/conversation.created?dialect=cloud":    {"has no form in the dialect cloud"},
		one + "/edit":                                            {"Save changes", "X-Key: &lt;secret&gt;", "5s, 26h"},
		"/deliveries/" + delivery:                                {"answered 500", "&lt;script&gt;", "Payload", "مرحبا"},
		"/deliveries/" + retrying:                                {"Attempt 2 is planned"},
		"/inspect/demo":                                          {"Waiting for the first request"},
		"/webhooks/" + decimal(id):                               {"Open inspector", "/inspect/demo"},
	} {
		status, got := b.page(path)
		require.Equal(t, 200, status, path)
		require.NotContains(t, got, "<script>", path)
		require.NotContains(t, got, "hush", path)
		for _, text := range want {
			require.Contains(t, got, text, path)
		}
	}
	for path, want := range map[string]int{"/webhooks/999": 404, "/deliveries/dlv_1_1": 404, "/deliveries/x": 404, "/inspect/none": 404, one + "/deliveries?status=odd": 400, one + "/deliveries?event=odd": 400, one + "/replay?since=soon": 400, "/webhooks/999/check": 404, "/webhooks/events/odd": 404, "/webhooks?cursor=x": 400, "/static/none": 404} {
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
	require.Regexp(t, `name="password"[^>]* autofocus`, got)
	for _, want := range []string{`autocomplete="username"`, `autocomplete="current-password"`, "wabagate admin password"} {
		require.Contains(t, got, want)
	}
	status, got, _ = post("/", "")
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-password-wrong" role="alert">Is required.`)
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
