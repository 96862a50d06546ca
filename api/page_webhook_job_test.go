package api_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// hidden are the hidden fields of a page's form that posts to an address, as a browser sends them.
func hidden(t *testing.T, page, action string) string {
	t.Helper()
	_, form, found := strings.Cut(page, `method="post" action="`+action+`"`)
	require.True(t, found, "there is no form to %s", action)
	form, _, _ = strings.Cut(form, "</form>")
	v := url.Values{}
	for _, m := range regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(form, -1) {
		v.Add(m[1], html.UnescapeString(m[2]))
	}
	return v.Encode()
}

// A replay is chosen in the viewer's words, and what begins is what was counted.
func TestReplayInWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) { w.Name, w.RateLimit = "متجر <b>", 2 })
	path := "/webhooks/" + decimal(w.ID) + "/replay"
	for range 5 {
		b.delivery(w, "message.received", models.Failed, rejected)
	}
	b.delivery(w, "order.created", models.Failed, rejected)
	for query, want := range map[string]string{"since=1+hour+ago": "Replay 6 deliveries", "since=1h&event=order.*": "Replay 1 delivery", "since=1h&event=order.created,message.received": "Replay 6 deliveries",
		"since=1h&until=30+min+ago": "nothing that ended matches", "since=yesterday": "Failed deliveries from"} {
		status, got := b.page(path + "?" + query)
		require.Equal(t, 200, status, query)
		require.Contains(t, got, want, query)
	}
	_, got := b.page(path + "?since=1h&event=order.*")
	require.Contains(t, got, `<option value="order.*" selected>`, "what a link says stays")
	for query, want := range map[string]string{"since=soon": `id="field-since-wrong"`, "since=60+days+ago": "within the last 30 days", "since=1h&until=2h": `id="field-until-wrong"`, "since=1h&status=odd": `id="field-status-wrong"`,
		"since=1h&event=order.made": `id="field-event-wrong"`} {
		status, got := b.page(path + "?" + query)
		require.Equal(t, 400, status, query)
		require.Contains(t, got, want, query)
	}
	riyadh, err := time.LoadLocation("Asia/Riyadh")
	require.NoError(t, err)
	_, got, _ = b.call("GET", path+"?since=2026-11-21T10:00:00Z", "", "Cookie", b.session+"; tz=Asia/Riyadh", "Accept", "text/html")
	require.Contains(t, got, "in your time zone, Asia/Riyadh.")
	require.Contains(t, got, `value="`+time.Date(2026, 11, 21, 13, 0, 0, 0, riyadh).Format("2 Jan"))

	_, got = b.page(path + "?since=1h&event=message.received")
	body := hidden(t, got, path)
	b.delivery(w, "message.received", models.Failed, rejected) // after it was counted
	status, _, _ := b.form(path, body)
	require.Equal(t, 303, status)
	jobs, err := b.store.Jobs(t.Context(), b.ours.ID, w.ID, 0, 0)
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	require.EqualValues(t, 5, jobs[0].Total)
	_, got = b.page(path)
	require.Contains(t, got, "Failed deliveries of message.received from")
	require.NotContains(t, got, "Choose the same again", "it is running")

	other := b.webhook()
	cancel := "/jobs/" + decimal(jobs[0].ID) + "/cancel"
	status, _, _ = b.form("/webhooks/"+decimal(other.ID)+cancel, "")
	require.Equal(t, 404, status, "a job of another webhook")
	_, _, head := b.form("/webhooks/"+decimal(w.ID)+cancel, "")
	require.Contains(t, head.Get("Location"), "done=cancelled")
	_, got = b.page(path)
	require.Contains(t, got, "Choose the same again")
	again := regexp.MustCompile(`href="([^"]*)">Choose the same again`).FindStringSubmatch(got)
	_, got = b.page(html.UnescapeString(again[1]))
	require.Contains(t, got, "Replay 5 deliveries")
	_, got = b.pageAs(models.RoleReader, path+"?since=1h")
	require.NotContains(t, got, `method="post" action="/webhooks`)
	require.NotContains(t, got, "Choose the same again")
}

// From the list of what failed to a replay that is seen to progress and to end.
func TestReplayInBrowser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	base := b.listen()
	w := b.webhook(func(w *models.Webhook) {
		w.Name, w.RateLimit = "متجر الرياض \u202Egnp <b>"+strings.Repeat("W", 60), 5
	})
	path := "/webhooks/" + decimal(w.ID)
	for range 30 {
		b.delivery(w, "message.received", models.Failed, rejected)
	}
	ctx := browser(t)
	b.enter(ctx, base)
	do(t, ctx, chromedp.Navigate(base+"/messages?status=failed&webhook_id="+decimal(w.ID)), chromedp.Click(`a[href^="`+path+`/replay"]`), chromedp.WaitVisible(`#count form button`))
	require.Contains(t, text(t, ctx, "#count"), "Replay 30 deliveries")
	visit(t, ctx, base, stop{name: "replay-counted", path: path + "/replay?since=1h&event=message.*"})
	do(t, ctx, chromedp.Click(`#count form button`), chromedp.WaitVisible(`#job progress`))
	jobs, err := b.store.Jobs(t.Context(), b.ours.ID, w.ID, 0, 1)
	require.NoError(t, err)
	_, _, err = b.store.StepJob(t.Context(), jobs[0].ID, 12)
	require.NoError(t, err)
	do(t, ctx, chromedp.WaitVisible(`#job progress[value="40"]`)) // by itself
	require.Contains(t, text(t, ctx, "#job"), "12 of 30")
	visit(t, ctx, base, stop{name: "replay-running", path: path + "/replay"})
	do(t, ctx, chromedp.Click(`#cancel-job`), chromedp.WaitNotPresent(`#cancel-job`))
	visit(t, ctx, base, stop{name: "replay-over", path: path + "/replay"})
}
