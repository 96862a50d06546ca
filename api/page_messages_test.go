package api_test

import (
	"html"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

func TestMessagesPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, got := b.page("/messages")
	require.Contains(t, got, "Add your first webhook")
	_, got = b.pageAs(models.RoleReader, "/messages")
	require.NotContains(t, got, "Add your first webhook")

	crm, erp := b.webhook(func(w *models.Webhook) { w.Name = "متجر <b>" }), b.webhook(func(w *models.Webhook) { w.Name = "ERP" })
	_, got = b.page("/messages")
	require.Contains(t, got, "Nothing was delivered")
	ok, failed := b.delivery(crm, "message.received", models.Succeeded, delivered), b.delivery(erp, "message.received", models.Failed, rejected)
	retrying, order := b.delivery(crm, "message.report", models.Pending, rejected), b.delivery(erp, "order.created", models.Pending)
	told := b.arrive("wamid.a/b==", "Layla", arabic, models.Succeeded, []models.Attempt{delivered}, crm)
	all := []string{told.delivery, ok, failed, retrying, order}
	for query, want := range map[string][]string{
		"":                                      all,
		"?period=30d":                           all,
		"?webhook_id=" + decimal(erp.ID):        {failed, order},
		"?status=failed":                        {failed},
		"?status=retrying":                      {retrying},
		"?event=message.received&status=failed": {failed},
		"?event=order.*,message.report":         {order, retrying},
		"?from=1+hour+ago":                      all,
		"?from=2020-01-01&to=2020-02-01":        {},
		"?to=yesterday":                         {},
		"?q=%2B1+555+017+7321":                  {told.delivery},
		"?q=US.77":                              {told.delivery},
		"?q=wamid.a/b%3D%3D":                    {told.delivery},
		"?q=wamid.none":                         {},
		"?q=US.77&from=2020-01-01&to=2020-01-2": nil,
		"?q=" + event.Key(told.received.Key).EventID() + "&webhook_id=" + decimal(crm.ID): {told.delivery},
	} {
		status, got := b.page("/messages" + query)
		if want == nil {
			require.Equal(t, 400, status, query)
			continue
		}
		require.Equal(t, 200, status, query)
		for _, one := range all {
			if strings.Contains(strings.Join(want, " "), one) {
				require.Contains(t, got, `href="/deliveries/`+one+`"`, query)
			} else {
				require.NotContains(t, got, `href="/deliveries/`+one+`"`, query)
			}
		}
		if len(want) == 0 {
			require.Contains(t, got, "Nothing found", query)
			require.Contains(t, got, "Clear the filters", query)
		}
		_, theirs, _ := b.call("GET", "/messages"+strings.ReplaceAll(query, "webhook_id", "x"), "", "Cookie", b.theirUser, "Accept", "text/html")
		require.NotContains(t, theirs, "/deliveries/", query)
	}

	_, got = b.page("/messages?period=7d&event=message.received&webhook_id=" + decimal(crm.ID))
	got = html.UnescapeString(got)
	for _, want := range []string{"Last 7 days", `aria-current="true">Last 7 days`, "Deliveries by day", "Cards and chart count events of every type.", `value="message.received" selected`, `selected>متجر <b>`[:9],
		`href="/messages?event=message.received&period=7d&status=failed&webhook_id=` + decimal(crm.ID) + `"`, `<input type="hidden" name="period" value="7d">`, `href="/messages?period=7d"`,
		`href="/webhooks/` + decimal(crm.ID) + `/replay?event=message.received&since=`} {
		require.Contains(t, got, want)
	}
	_, got = b.page("/messages")
	for card, want := range map[string]string{"Total": "6", "Successful": "2", "Failed": "1", "Success rate": "66.7 %"} {
		require.Regexp(t, `<span>`+card+`</span><b( class="bad")?><bdi>`+want+`</bdi>`, got)
	}

	// What was understood is said, in the words of who asked.
	for q, want := range map[string]string{"+1 555 0177321": "events of the phone number <bdi>+1 555 0177321", "wamid.a/b==": "See its timeline", "US.77": "events of the user id"} {
		_, got = b.page("/messages?q=" + url.QueryEscape(q))
		require.Contains(t, html.UnescapeString(got), want)
		require.NotContains(t, got, "Success rate", "nobody counts by customer")
	}
	_, got, _ = b.call("GET", "/messages?from=yesterday", "", "Cookie", b.session+"; tz=Asia/Riyadh", "Accept", "text/html")
	require.Contains(t, got, "in your time zone, Asia/Riyadh.")
	riyadh, err := time.LoadLocation("Asia/Riyadh")
	require.NoError(t, err)
	require.Contains(t, got, "Since "+time.Now().In(riyadh).AddDate(0, 0, -1).Format("2 Jan")+" 00:00")
	for _, zone := range []string{"../../etc/passwd", "Local", "Nowhere/Land", strings.Repeat("x", 500)} {
		status, got, _ := b.call("GET", "/messages?from=yesterday", "", "Cookie", b.session+"; tz="+zone, "Accept", "text/html")
		require.Equal(t, 200, status)
		require.Contains(t, got, "in UTC.")
	}

	// What is wrong stands beside its field, with what was typed.
	for query, want := range map[string][]string{"from=soon": {`id="field-from-wrong"`, `value="soon"`, "yesterday 9:30"}, "from=today&to=yesterday": {`id="field-to-wrong"`}, "q=evt_7": {`id="field-q-wrong"`, "32 hex digits"},
		"status=odd": {`id="field-status-wrong"`}, "event=mesage.received": {`<option value="mesage.received" selected>`, "message.received"}, "period=year": {"24h, 7d or 30d"}, "cursor=x": {"Cursor"},
		"from=2020-01-01&to=2025-01-01": {`id="field-from-wrong"`, "400 days"}, "webhook_id=x": {`id="field-webhook_id-wrong"`}} {
		status, got := b.page("/messages?" + query)
		require.Equal(t, 400, status, query)
		for _, text := range want {
			require.Contains(t, got, text, query)
		}
	}
	status, _ := b.page("/messages?webhook_id=999")
	require.Equal(t, 404, status)
}

func TestMessagesPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.webhook()
	seen := map[string]bool{}
	for range 60 {
		b.delivery(w, "message.received", models.Failed, rejected)
	}
	path := "/messages?status=failed&period=7d"
	for page := range 3 {
		_, got := b.page(path)
		rows := strings.Split(got, `href="/deliveries/`)[1:]
		require.Len(t, rows, []int{25, 25, 10}[page])
		for _, r := range rows {
			id, _, _ := strings.Cut(r, `"`)
			require.False(t, seen[id], "once")
			seen[id] = true
		}
		require.Equal(t, page > 0, strings.Contains(got, ">Newest</a>"))
		before, _, more := strings.Cut(got, `">Older</a>`)
		require.Equal(t, page < 2, more)
		path = html.UnescapeString(before[strings.LastIndex(before, `"`)+1:])
		require.True(t, !more || strings.Contains(path, "period=7d") && strings.Contains(path, "status=failed"), path)
	}
}

func TestMessagesFit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	base := b.listen()
	ctx := browser(t)
	b.enter(ctx, base)
	visit(t, ctx, base, stop{name: "messages-none", path: "/messages"})
	w := b.webhook(func(w *models.Webhook) { w.Name = "متجر الرياض CRM" })
	evil := b.webhook(func(w *models.Webhook) { w.Name = "<script>alert(1)</script> \u202Egnp " + strings.Repeat("W", 70) })
	slow := rejected
	slow.Status, slow.Outcome, slow.Reason, slow.Answer, slow.Duration = 0, "timeout", "no answer within 10s "+rude, "", 10*time.Second
	for i := range 30 {
		switch {
		case i%7 == 3:
			b.delivery(evil, "message.received", models.Failed, slow, rejected)
		case i%11 == 5:
			b.delivery(w, "template.category.announced", models.Pending, rejected)
		default:
			b.delivery(w, []string{"message.received", "message.report", "contact.created"}[i%3], models.Succeeded, delivered)
		}
	}
	b.arrive("wamid.1", "ليلى", arabic, models.Failed, []models.Attempt{rejected}, w, evil)
	q := url.QueryEscape("<b>\u202E " + strings.Repeat("بحث", 100))
	visit(t, ctx, base, stop{name: "messages", path: "/messages"}, stop{name: "messages-month", path: "/messages?period=30d&status=failed&webhook_id=" + decimal(evil.ID)},
		stop{name: "messages-search", path: "/messages?q=%2B1-555-017-7321"}, stop{name: "messages-nothing", path: "/messages?q=" + q},
		stop{name: "messages-partly", path: "/messages?from=1+hour+ago&event=order.created"})
}
