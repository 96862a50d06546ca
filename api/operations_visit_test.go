package api_test

import (
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// The pages for operations, with something on each of them.
func TestOperationsFit(t *testing.T) {
	b := setup(t, operating)
	base := b.listen()
	ctx := t.Context()
	slow := rejected
	slow.Reason, slow.Duration = "answered 503 Service Unavailable", 2*time.Second
	crm := b.webhook(func(w *models.Webhook) { w.Name = "متجر الرياض CRM" })
	_, first := b.queued(crm, slow)
	_, _ = b.queued(crm)
	_, _ = b.queued(b.webhook(func(w *models.Webhook) { w.BusinessID, w.Name = b.theirs.ID, "Warehouse" }))
	require.NoError(t, b.store.FoldCounts(ctx))
	off := b.webhook(func(w *models.Webhook) { w.Name = "Old ERP" })
	_, err := b.store.DisableWebhook(ctx, off.ID, models.ByReceiver, "answered 410 Gone: the receiver wants no more deliveries")
	require.NoError(t, err)
	require.NoError(t, b.store.BeginSilence(ctx, b.number.ID, b.clock.now().Add(-26*time.Hour), b.clock.now().Add(-time.Hour)))
	_, err = b.store.Maintain(ctx, b.clock.now(), models.Retention{})
	require.NoError(t, err)
	_, err = b.store.CreateApp(ctx, models.App{Name: "main", VerifyToken: "v", Secrets: []models.Secret{"old", "new"}})
	require.NoError(t, err)
	_, err = b.store.CreateApp(ctx, models.App{Name: "riyadh", BusinessID: &b.ours.ID, VerifyToken: "v", Secrets: []models.Secret{"s"}})
	require.NoError(t, err)
	require.NoError(t, refresh(b))
	at := "/operations/tasks/deliveries-live/" + decimal(first.ID)
	status, _, _ := b.form(at+"/archive", "")
	require.Equal(t, 303, status)
	status, _, _ = b.form("/operations/queues/sends/pause", "")
	require.Equal(t, 303, status)

	for pages := range slices.Chunk([]stop{{name: "operations", path: "/operations", do: `document.querySelector(".sure").open = true`}, {name: "operations-tasks", path: "/operations/tasks"},
		{name: "operations-found", path: "/operations/tasks?state=pending&queue=deliveries-live", do: `for (const d of document.querySelectorAll(".zone details")) d.open = true`},
		{name: "operations-refused", path: "/operations/tasks?q=odd", refused: true}, {name: "operations-task", path: at, do: `for (const d of document.querySelectorAll(".zone details")) d.open = true`},
		{name: "operations-revealed", path: at, do: `document.querySelector("#reveal").click()`, ready: ".code"}, {name: "operations-webhooks", path: "/operations/webhooks"}, {name: "operations-gateway", path: "/operations/gateway"},
		{name: "operations-businesses", path: "/operations/businesses"}, {name: "operations-business", path: "/operations/businesses/1"}, {name: "operations-apps", path: "/operations/apps"},
		{name: "operations-app", path: "/operations/apps/main"}, {name: "operations-audit", path: "/operations/audit"}, {name: "operations-missing", path: missing}}, 5) { // a browser has its time
		tab := browser(t)
		b.enter(tab, base)
		visit(t, tab, base, pages...)
	}
}

// What operators do in the console with their hands.
func TestOperationsByHand(t *testing.T) {
	b := setup(t, operating)
	base := b.listen()
	_, gone := b.queued(b.webhook())
	tab := browser(t)
	b.enter(tab, base)

	// A queue is paused and goes on; a task is deleted after a word of warning; a business is made.
	do(t, tab, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(base+"/operations"),
		chromedp.Click(`tr:has(#pause-replies) summary`), chromedp.Click(`#pause-replies`), chromedp.WaitVisible(`#resume-replies`), chromedp.Click(`#resume-replies`), chromedp.WaitReady(`#pause-replies`),
		chromedp.Navigate(base+"/operations/tasks/deliveries-live/"+decimal(gone.ID)), chromedp.Click(`.zone details:last-of-type summary`), chromedp.WaitVisible(`#do-delete`), chromedp.Click(`#do-delete`), chromedp.WaitVisible(`.notice`))
	require.Contains(t, text(t, tab, ".notice"), "put into the queue again when it is due")
	do(t, tab, chromedp.Navigate(base+"/operations/businesses"), chromedp.SendKeys(`#field-name`, "متجر جدة"), chromedp.Click(`aside button.primary`), chromedp.WaitVisible(`.notice`))
	require.Contains(t, text(t, tab, "h1"), "متجر جدة")

	// asynq's own page works behind the login; what its fonts complain about is not listened to in this tab.
	monitor, cancel := chromedp.NewContext(tab)
	defer cancel()
	do(t, monitor, chromedp.Navigate(base+"/monitor/"), chromedp.WaitVisible(`a[href="/monitor/queues/deliveries-live"]`))
}
