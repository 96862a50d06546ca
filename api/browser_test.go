package api_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// browser starts the Chromium that WABAGATE_TEST_CHROMIUM names. Whatever the pages complain about fails the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("WABAGATE_TEST_CHROMIUM")
	if path == "" {
		t.Skip("WABAGATE_TEST_CHROMIUM names no browser")
	}
	limit, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	allocator, cancel := chromedp.NewExecAllocator(limit, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Headless,
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1280, 900))...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	complaints := collect(ctx)
	t.Cleanup(func() { require.Empty(t, complaints(), "the browser complained") })
	return ctx
}

// missing is a page that is not there, and is asked for all the same.
const missing = "/webhooks/999999"

// collect gathers what the browser logs: policy violations, missing files, failed scripts.
func collect(ctx context.Context) func() []string {
	var mu sync.Mutex
	var texts []string
	entries := chromedp.Events(ctx, cdplog.EntryAdded)
	go func() {
		for e, err := range entries {
			if err != nil {
				return
			}
			if strings.HasSuffix(e.Entry.URL, missing) {
				continue
			}
			mu.Lock()
			texts = append(texts, e.Entry.Text+" "+e.Entry.URL)
			mu.Unlock()
		}
	}()
	return func() []string { mu.Lock(); defer mu.Unlock(); return texts }
}

func logIn(t *testing.T, ctx context.Context, base string) {
	t.Helper()
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Navigate(base+"/"),
		chromedp.SendKeys(`input[name=email]`, "we@example.com"),
		chromedp.SendKeys(`input[name=password]`, password),
		chromedp.Click(`form[action="/login"] button`),
		chromedp.WaitVisible(`header .brand`)))
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
	require.Contains(t, text(t, ctx, "#main"), "No webhooks yet")

	// A webhook that points at the inspector, made by hand.
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(`a[href="/webhooks/new"]`),
		chromedp.SendKeys(`input[name=name]`, "متجر 1"),
		chromedp.Click(`button[data-fill=url]`),
		chromedp.Click(`form.wide button.primary`),
		chromedp.WaitVisible(`#fresh-secret`)))
	secret := text(t, ctx, "#fresh-secret")
	require.True(t, strings.HasPrefix(secret, "whsec_"))
	hook, err := b.store.Webhook(t.Context(), b.ours.ID, 1)
	require.NoError(t, err)
	require.Equal(t, "متجر 1", hook.Name)

	require.NoError(t, chromedp.Do(ctx, chromedp.Click(`button[data-reveal]`), chromedp.WaitNotPresent(`button[data-reveal]:not([data-shown])`)))
	require.Equal(t, secret, text(t, ctx, "[data-secret]"))

	// The inspector is live before anything arrives.
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(`a[href^="/inspect/"]`), chromedp.WaitVisible(`.live.on`), chromedp.WaitVisible(`[data-waiting]`)))
	status, got := b.api("POST", "/webhooks/1/test", `{}`)
	require.Equal(t, 200, status, got)
	require.NoError(t, chromedp.Do(ctx, chromedp.WaitVisible(`article.arrival .badge.succeeded`), chromedp.WaitNotVisible(`[data-waiting]`)))
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
	require.NoError(t, chromedp.Do(ctx, chromedp.WaitVisible(`article.arrival .badge.failed`)))
	first := text(t, ctx, "article.arrival:first-child")
	require.Contains(t, first, "forged")
	require.Contains(t, first, "more than five minutes old")
	require.Contains(t, first, "<img src=x")

	// The test button, the tabs, and the way out.
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Navigate(base+"/webhooks/1"),
		chromedp.Click(`form.inline button`),
		chromedp.WaitVisible(`.trial.good`),
		chromedp.Click(`.trial details:last-child summary`),
		chromedp.Click(`.trial details[open] [data-tab=raw]`),
		chromedp.WaitVisible(`.trial details[open] pre[data-pane=raw]`)))
	require.Contains(t, text(t, ctx, ".trial details[open] pre[data-pane=raw]"), `"type":"message.received"`)
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(`aside section:last-child summary`),
		chromedp.Click(`form[action$="/delete"] button`),
		chromedp.WaitVisible(`.empty a`), // of the list, which is empty again
		chromedp.Click(`form.who button`),
		chromedp.WaitVisible(`.gate`)))
}

// TestEveryPageFits opens every page, light, dark and on a phone, and leaves pictures for looking at in the directory that
// WABAGATE_TEST_SCREENSHOTS names.
func TestEveryPageFits(t *testing.T) {
	dir := os.Getenv("WABAGATE_TEST_SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	require.NoError(t, os.MkdirAll(dir, 0o755))
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
	require.NoError(t, refresh(b))
	for _, body := range []string{`{}`, `{"event":"message.report"}`} {
		_, _ = b.api("POST", "/webhooks/"+decimal(inspector)+"/test", body)
	}
	_, _ = http.Post(base+"/inspect/demo", "application/json", strings.NewReader(`{"type":"note","text":"مرحبا، هل طلبي (1042) في الطريق؟","n":12.5,"ok":true,"list":[1,null]}`))

	ctx := browser(t)
	one := base + "/webhooks/" + decimal(busy.ID)
	pages := []struct{ name, url, before string }{
		{"login", base + "/login", ""}, {"webhooks", base + "/", ""}, {"new", base + "/webhooks/new", ""}, {"webhook", one, ""}, {"edit", one + "/edit", ""},
		{"created", base + "/webhooks/" + decimal(inspector) + "?done=created", `document.querySelector("form.inline").requestSubmit()`},
		{"off", base + "/webhooks/" + decimal(off.ID), ""}, {"catching", base + "/webhooks/" + decimal(catching.ID), ""}, {"unverified", base + "/webhooks/" + decimal(unverified.ID), ""}, {"delivery", base + "/deliveries/" + failed, ""}, {"inspector", base + "/inspect/demo", ""}, {"missing", base + missing, ""},
	}
	shoot := func(look string, width int64) {
		for _, p := range pages {
			if p.name != "login" && p.name == "webhooks" {
				logIn(t, ctx, base)
			}
			require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), media(look), chromedp.Navigate(p.url), chromedp.WaitVisible("#main")))
			if p.before != "" {
				_, _ = chromedp.Run(ctx, chromedp.Evaluate[any](p.before))
				require.NoError(t, chromedp.Do(ctx, chromedp.WaitVisible(".trial")))
			}
			time.Sleep(300 * time.Millisecond)
			overflow, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
			require.NoError(t, err)
			require.False(t, overflow, "%s is wider than %d", p.name, width)
			picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, p.name+"-"+look+"-"+decimal(width)+".png"), picture, 0o600))
		}
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(base+"/"), chromedp.Click(`form.who button`), chromedp.WaitVisible(`.gate`)))
	}
	shoot("light", 1280)
	shoot("dark", 1280)
	shoot("light", 390)
}

func media(look string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look}}})
		return err
	})
}
