package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func logIn(t *testing.T, ctx context.Context, base string) {
	t.Helper()
	do(t, ctx,
		chromedp.Navigate(base+"/"),
		chromedp.SendKeys(`input[name=email]`, "we@example.com"),
		chromedp.SendKeys(`input[name=password]`, password),
		chromedp.Click(`form[action="/login"] button`),
		chromedp.WaitVisible(`.side .brand`))
}

func text(t *testing.T, ctx context.Context, selector string) string {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Text(selector))
	require.NoError(t, err)
	return got
}

func TestInBrowser(t *testing.T) {
	b := setup(t)
	base := b.listen()
	ctx := browser(t)
	logIn(t, ctx, base)
	require.Contains(t, text(t, ctx, "#main"), "Four steps to your first event")

	// A webhook that points at the inspector, made by hand.
	do(t, ctx,
		chromedp.Click(`.side a[href="/webhooks"]`),
		chromedp.Click(`.empty a[href="/webhooks/new"]`),
		chromedp.SendKeys(`input[name=name]`, "متجر 1"),
		chromedp.Click(`button[data-value*="/inspect/"]`),
		chromedp.Click(`form.wide button.primary`),
		chromedp.WaitVisible(`#fresh-secret`))
	secret := text(t, ctx, "#fresh-secret")
	require.True(t, strings.HasPrefix(secret, "whsec_"))
	hook, err := b.store.Webhook(t.Context(), b.ours.ID, 1)
	require.NoError(t, err)
	require.Equal(t, "متجر 1", hook.Name)

	do(t, ctx, chromedp.Navigate(base+"/webhooks/1/signing"), chromedp.Click(`button[data-reveal]`), chromedp.WaitNotPresent(`button[data-reveal]:not([data-shown])`))
	require.Equal(t, secret, text(t, ctx, "[data-secret]"))

	// The inspector is live before anything arrives.
	do(t, ctx, chromedp.Click(`a[href^="/inspect/"]`), chromedp.WaitVisible(`.live.on`), chromedp.WaitVisible(`[data-waiting]`))
	status, got := b.api("POST", "/webhooks/1/test", `{}`)
	require.Equal(t, 200, status, got)
	do(t, ctx, chromedp.WaitVisible(`article.arrival .badge.succeeded`), chromedp.WaitNotVisible(`[data-waiting]`))
	require.Contains(t, text(t, ctx, "article.arrival"), "standard verified")

	// Another arrival, forged, goes on top.
	forged, err := http.NewRequest(http.MethodPost, hook.URL, strings.NewReader(`{"type":"forged","text":"<img src=x onerror=alert(1)>"}`))
	require.NoError(t, err)
	forged.Header.Set("Webhook-Id", "evt_1")
	forged.Header.Set("Webhook-Timestamp", "1")
	forged.Header.Set("Webhook-Signature", "v1,AAAA")
	res, err := http.DefaultClient.Do(forged)
	require.NoError(t, err)
	_ = res.Body.Close()
	do(t, ctx, chromedp.WaitVisible(`article.arrival .badge.failed`))
	first := text(t, ctx, "article.arrival:first-child")
	require.Contains(t, first, "forged")
	require.Contains(t, first, "more than five minutes old")
	require.Contains(t, first, "<img src=x")

	// The test button, the tabs, and the way out.
	do(t, ctx,
		chromedp.Navigate(base+"/webhooks/1"),
		chromedp.Click(`form.inline button`),
		chromedp.WaitVisible(`.trial.good`),
		chromedp.Click(`.trial details:last-child summary`),
		chromedp.Click(`.trial details[open] [data-tab=raw]`),
		chromedp.WaitVisible(`.trial details[open] pre[data-pane=raw]`))
	require.Contains(t, text(t, ctx, ".trial details[open] pre[data-pane=raw]"), `"type":"message.received"`)
	do(t, ctx,
		chromedp.Click(`.tabs a[href$="/danger"]`),
		chromedp.Click(`.zone summary`),
		chromedp.SendKeys(`input[name=confirm]`, "متجر 1"),
		chromedp.Click(`form[action$="/delete"] button`),
		chromedp.WaitVisible(`.empty a`), // of the list, which is empty again
		chromedp.Click(`.side form.who button`),
		chromedp.WaitVisible(`.gate`))
}

// The guide ticks its steps off while somebody looks at it, and disturbs nothing that is unfolded or has the focus.
func TestGuideInBrowser(t *testing.T) {
	b := setup(t)
	base := b.listen()
	ctx := browser(t)
	b.enter(ctx, base)
	do(t, ctx, chromedp.Navigate(base+"/"), chromedp.WaitVisible(`.guide > li:nth-child(2).now`),
		chromedp.Click(`.guide summary`), chromedp.WaitVisible(`.guide details[open] .command`))
	w := b.webhook(func(w *models.Webhook) { w.Name = "متجر" })
	do(t, ctx, chromedp.WaitVisible(`.guide > li:nth-child(2).done`), chromedp.WaitVisible(`.guide > li:nth-child(3).now`))
	kept, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.activeElement.matches(".guide details[open] > summary")`))
	require.NoError(t, err)
	require.True(t, kept, "what was unfolded is, and has the focus")
	b.delivery(w, "message.received", models.Succeeded, delivered)
	do(t, ctx, chromedp.WaitVisible(`.guide > li:nth-child(4).done`))
	require.Contains(t, text(t, ctx, ".guide"), "Everything works.")

	// The choice of a look stays, and the menu of a phone opens by keyboard and closes with Escape.
	do(t, ctx, chromedp.Click(`.side button[value=dark]`), chromedp.WaitVisible(`html[data-theme=dark] .side`),
		chromedp.Click(`.side button[value=rtl]`), chromedp.WaitVisible(`html[dir=rtl][data-theme=dark] .side`),
		chromedp.EmulateViewport(390, 800), chromedp.Navigate(base+"/webhooks"), chromedp.WaitVisible(`html[dir=rtl] .top`),
		chromedp.Focus(`.menu > summary`), chromedp.KeyEvent("\r"), chromedp.WaitVisible(`.menu[open] .nav [aria-current]`),
		chromedp.KeyEvent("\u001b"), chromedp.WaitNotPresent(`.menu[open]`))
}

// Every page, with names and messages of every kind in them.
func TestEveryPageFits(t *testing.T) {
	b := setup(t)
	base := b.listen()
	inspector := b.create(base + "/inspect/demo")
	busy := b.webhook(func(w *models.Webhook) {
		w.Name, w.Description, w.Dialect, w.NumberID, w.RateLimit = "متجر الرياض CRM", "Orders and questions of the main number", "twabot", &b.number.ID, 50
		w.URL, w.Events = "https://crm.example.com/hooks/whatsapp/incoming?tenant=42", []string{"message.received", "message.report", "contact.*", "conversation.created", "template.*", "group.created"}
		w.Filter = []byte(`{"all":[{"field":"message.type","in":["image","document"]},{"not":{"field":"conversation.labels","eq":"vip"}}]}`)
		w.Headers = map[string]string{"X-Api-Key": "k"}
	})
	off := b.webhook(func(w *models.Webhook) {
		w.Name, w.Active, w.DisabledReason = "Old ERP", false, "answered 410 Gone: the receiver wants no more deliveries"
	})
	unverified := b.webhook(func(w *models.Webhook) {
		w.Name, w.Dialect, w.VerifyReason = "Awal receiver", "awalchat", unanswered
	})
	slow := rejected
	slow.Status, slow.Outcome, slow.Reason, slow.Answer, slow.Duration = 0, "timeout", "no answer within 10s", "", 10*time.Second
	var failed string
	for i := range 22 {
		switch {
		case i%9 == 4:
			failed = b.delivery(busy, "message.received", models.Failed, slow, rejected, rejected)
		case i%7 == 3:
			b.delivery(busy, "message.report", models.Pending, rejected)
		default:
			b.delivery(busy, []string{"message.received", "message.report", "contact.created"}[i%3], models.Succeeded, delivered)
		}
	}
	b.delivery(off, "message.received", models.Held)
	catching := b.webhook(func(w *models.Webhook) { w.Name, w.Active = "Warehouse", false })
	for range 3 {
		b.delivery(catching, "message.received", models.Held)
	}
	_, _ = b.api("POST", "/webhooks/"+decimal(catching.ID)+"/catch-up", `{"from":"gap"}`)
	long, turned := strings.Repeat("0123456789", 1000), "\u202e"+strings.Repeat("مرحبا", 10)+`<script>alert("x")</script>`
	hostile := b.webhook(func(w *models.Webhook) {
		w.Name, w.Description, w.URL, w.DisabledReason = turned, strings.Repeat(turned, 4)+long[:200], "https://203.0.113.7/"+long[:2000], turned+long
		w.Events, w.Active = []string{"message.received", "messages." + long[:60]}, false
	})
	wordy := rejected
	wordy.Reason, wordy.Answer = turned+long[:400], long+turned
	worded := b.delivery(hostile, "message.received", models.Failed, wordy)
	require.NoError(t, refresh(b))
	for _, body := range []string{`{}`, `{"event":"message.report"}`} {
		_, _ = b.api("POST", "/webhooks/"+decimal(inspector)+"/test", body)
	}
	_, _ = http.Post(base+"/inspect/demo", "application/json", strings.NewReader(`{"type":"note","text":"مرحبا، هل طلبي (1042) في الطريق؟","n":12.5,"ok":true,"list":[1,null]}`))

	ctx := browser(t)
	visit(t, ctx, base, stop{name: "login", path: "/login?next=/webhooks/3", do: `document.querySelector("details").open = true`})
	b.enter(ctx, base)
	one := "/webhooks/" + decimal(busy.ID)
	visit(t, ctx, base, stop{name: "guide", path: "/guide"}, stop{name: "webhooks", path: "/webhooks"}, stop{name: "new", path: "/webhooks/new"},
		stop{name: "webhook", path: one}, stop{name: "edit", path: one + "/edit"},
		stop{name: "created", path: "/webhooks/" + decimal(inspector) + "?done=created", do: `document.querySelector("form.inline").requestSubmit()`, ready: ".trial"},
		stop{name: "off", path: "/webhooks/" + decimal(off.ID)}, stop{name: "catching", path: "/webhooks/" + decimal(catching.ID)},
		stop{name: "hostile", path: "/webhooks/" + decimal(hostile.ID)}, stop{name: "hostile-delivery", path: "/deliveries/" + worded},
		stop{name: "hostile-form", path: "/webhooks/" + decimal(hostile.ID) + "/edit"},
		stop{name: "unverified", path: "/webhooks/" + decimal(unverified.ID)}, stop{name: "delivery", path: "/deliveries/" + failed},
		stop{name: "inspector", path: "/inspect/demo"}, stop{name: "missing", path: missing},
		stop{name: "home", path: "/"}, stop{name: "menu", path: "/webhooks", do: `document.querySelector("details.menu").open = true`})
}
