package api_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout/event"
	"wabagate/fanout/fanouttest"
	keeping "wabagate/gateway/media"
	replies "wabagate/gateway/reply"
	"wabagate/models"
	"wabagate/models/modelstest"
	"wabagate/waba/graph"
	"wabagate/waba/wabatest"
)

// driver makes the requests that the document tells of, and holds what it says against what comes.
type driver struct {
	*bundle
	*described
	t   *testing.T
	sim *platform
	// answered are the statuses that each operation has answered with.
	answered map[string]map[string]bool
}

// whole is a server that has everything it can have, beside a platform on loopback.
func whole(t *testing.T, store *models.Store, o wabatest.Options, changes ...func(*api.Options)) (*bundle, *platform) {
	t.Helper()
	p, lines := connecting(t, o)
	keep, err := keeping.OpenDirectory(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = keep.Close() })
	b := setupOn(t, store, append(changes, lines, sending, operating, func(o *api.Options) {
		o.Replies = replies.New(replies.Options{Store: o.Store, HTTP: &http.Client{}, Log: slog.New(slog.DiscardHandler), Metrics: replies.NewMetrics(prometheus.NewRegistry())})
		key, err := o.Store.LinkKey(t.Context())
		require.NoError(t, err)
		files, err := keeping.New(keeping.Options{Store: o.Store, Client: graph.New(&http.Client{}, "wabagate/test"), Keep: keep, Links: keeping.NewLinks("", key), Limit: 1 << 20,
			Metrics: keeping.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		t.Cleanup(files.Close)
		o.Media = files
	})...)
	require.NoError(t, b.store.SetUpstream(t.Context(), b.ours.ID, models.Upstream{NumberID: b.number.ID, Style: "cloud", Base: p.base, Token: wabatest.DefaultToken, Rate: 80}))
	return b, p
}

// does asks for an operation as our owner, or with the key that it needs; the values of its path come in their order. It is
// answered with a status and a body that the document tells of.
func (d *driver) does(id string, status int, body string, values ...any) string {
	d.t.Helper()
	return d.asks(id, "", status, body, nil, values...)
}

// seeks is does with a query, and asks does with headers too.
func (d *driver) seeks(id, query string, status int, values ...any) string {
	d.t.Helper()
	return d.asks(id, query, status, "", nil, values...)
}

func (d *driver) asks(id, query string, status int, body string, more []string, values ...any) string {
	t := d.t
	t.Helper()
	o := d.operations[id]
	require.NotNil(t, o, "the document has no operation %s", id)
	path := o.Path
	for _, v := range values {
		from := strings.Index(path, "{")
		path = path[:from] + fmt.Sprint(v) + path[from+strings.Index(path[from:], "}")+1:]
	}
	headers := []string{"Content-Type", "application/json"}
	switch {
	case strings.HasPrefix(path, "/v1/"):
		headers = append(headers, "D360-API-KEY", d.numberKey.Text())
	case len(o.Security) > 0:
		headers = append(headers, "Cookie", d.session)
	}
	if query != "" {
		path += "?" + query
	}
	got, answer, head := d.call(o.Method, path, body, append(headers, more...)...)
	require.Equal(t, status, got, "%s %s", id, answer)
	d.judge(o, got, head, answer)
	if d.answered[id] == nil {
		d.answered[id] = map[string]bool{}
	}
	d.answered[id][decimal(int64(got))] = true
	return answer
}

// Every operation of the document is asked for on a real server, and each success that it tells of comes, in the shape it tells of.
func TestOpenAPIEveryOperationAnswersAsDocumented(t *testing.T) {
	receiver := fanouttest.NewReceiver(t, func(http.ResponseWriter, *http.Request, fanouttest.Delivery) {})
	b, sim := whole(t, modelstest.SQLite(t), wabatest.Options{WABAs: []wabatest.WABA{{ID: "500"}, {ID: "501"}}, Numbers: []wabatest.Number{{ID: "600", WABAID: "500", Display: "15550100200"}, {ID: "601", WABAID: "501", Display: "15550100201"}},
		Tokens: []wabatest.Token{{Value: wabatest.DefaultToken}, {Value: "second-token"}}})
	d := &driver{t: t, bundle: b, described: document(t, b), sim: sim, answered: map[string]map[string]bool{}}

	d.operationsOfAll()
	d.console()
	w := d.webhooks(receiver.URL)
	d.figures(w)
	d.jobs(w)
	d.customers()
	d.broadcasts()
	d.numbers()
	d.messages(receiver.URL)
	d.does("deleteWebhook", 200, "", w)
	d.account()

	for _, id := range d.ids {
		for status := range d.operations[id].Responses {
			if status < "4" && id+" "+status != "eraseContact 202" { // that takes eight seconds of erasing
				require.True(t, d.answered[id][status], "%s never answered %s: drive it here", id, status)
			}
		}
	}
}

func (d *driver) operationsOfAll() {
	for _, id := range []string{"getHealth", "getReady", "getMetrics", "getQueues", "listDialects", "getTeam", "getUsage"} {
		d.does(id, 200, "")
	}
	d.seeks("listEventTypes", "dialect=platform", 200)
	d.seeks("getEventType", "", 200, "message.incoming")
	d.seeks("getEventType", "dialect=nonsense", 400, "message.incoming")
}

// webhooks drives what is done to webhooks, and answers the id of one that is left.
func (d *driver) webhooks(url string) int64 {
	t := d.t
	got := d.does("createWebhook", 201, `{"name":"CRM","url":"`+url+`/hook","events":["message.*"],"number_id":`+decimal(d.number.ID)+`,"headers":{"X-Key":"k"},"retry_schedule":[5,60],"auth":{"type":"basic","username":"u","password":"p"},"filter":{"field":"message.type","eq":"text"}}`)
	w := idOf(t, got)
	d.does("createWebhook", 201, `{"name":"Asked","url":"`+url+`/asked","events":["*"],"dialect":"awalchat"}`)
	d.does("createWebhook", 400, `{"name":"CRM","url":"nonsense","events":["*"]}`)
	d.does("createWebhook", 400, `{"name":"CRM","url":"http://10.0.0.1/","events":["*"]}`)
	d.seeks("listWebhooks", "limit=1", 200)
	d.does("getWebhook", 200, "", w)
	d.does("getWebhook", 404, "", 987654)
	d.does("updateWebhook", 200, `{"filter":null,"auth":null,"description":"The shop's"}`, w)
	d.does("testWebhook", 200, `{"event":"message.received"}`, w)
	d.does("testWebhookNamed", 200, `{"webhook_id":`+decimal(w)+`}`)
	d.does("checkWebhook", 200, "", w)
	d.does("updateWebhook", 200, `{"dialect":"awalchat"}`, w)
	d.does("verifyWebhook", 200, "", w)
	d.does("updateWebhook", 200, `{"dialect":"wabagate"}`, w)
	d.seeks("previewWebhook", "event=message.received", 200, w)
	d.does("previewDraft", 200, `{"event":"message.received","dialect":"platform"}`)
	d.does("previewFilter", 200, `{"filter":{"field":"message.type","eq":"text"}}`)
	d.does("getSecret", 200, "", w)
	d.does("rotateSecret", 200, `{"overlap_seconds":60}`, w)
	d.does("finishRotation", 200, "", w)
	return w
}

func (d *driver) figures(w int64) {
	t := d.t
	row, err := d.store.Webhook(t.Context(), d.ours.ID, w)
	require.NoError(t, err)
	delivery := d.delivery(row, "message.received", models.Failed, models.Attempt{Outcome: "failed", Status: 500, Reason: "answered 500"})
	d.delivery(row, "message.received", models.Succeeded, models.Attempt{Outcome: models.Delivered, Status: 200, Answer: "ok"})
	d.delivery(row, "order.created", models.Pending)
	d.seeks("getWebhookStats", "hours=2", 200, w)
	d.seeks("getStats", "interval=day", 200)
	d.seeks("listDeliveries", "status=failed", 200)
	d.seeks("listDeliveries", "webhook_id=987654", 404)
	d.seeks("listWebhookDeliveries", "limit=1", 200, w)
	d.does("getDelivery", 200, "", delivery)
	d.does("resendDelivery", 202, "", delivery)
	events := decode[struct{ Events []struct{ ID string } }](t, d.seeks("listEvents", "limit=10", 200))
	d.seeks("listEvents", "event_id="+events.Events[0].ID, 200)
	d.seeks("listEvents", "q=nothing", 200)
	d.does("getEvent", 200, "", events.Events[0].ID)
	d.seeks("getPayload", "dialect=platform", 200, events.Events[0].ID)
	d.streamed()
}

func (d *driver) jobs(w int64) {
	t := d.t
	row, err := d.store.Webhook(t.Context(), d.ours.ID, w)
	require.NoError(t, err)
	since := d.clock.now().Add(-time.Hour).UTC().Format(time.RFC3339)
	d.delivery(row, "message.received", models.Failed, models.Attempt{Outcome: "failed", Status: 500})
	d.does("replay", 200, `{"since":"`+since+`","dry_run":true}`, w)
	job := decode[jobAnswer](t, d.does("replay", 202, `{"since":"`+since+`"}`, w)).Job.ID
	d.does("replay", 409, `{"since":"`+since+`"}`, w)
	d.does("getJob", 200, "", job)
	d.seeks("listJobs", "limit=1", 200)
	d.does("listWebhookJobs", 200, "", w)
	d.does("cancelJob", 200, "", job)
	d.does("updateWebhook", 200, `{"is_active":false}`, w)
	d.delivery(row, "message.received", models.Held)
	d.does("catchUp", 200, `{"from":"count"}`, w)
	d.does("catchUp", 202, `{"from":"gap"}`, w)
	d.does("cancelJob", 200, "", decode[struct{ Jobs []struct{ ID int64 } }](t, d.does("listJobs", 200, "")).Jobs[0].ID)
	d.does("updateWebhook", 200, `{"is_active":false}`, w)
	d.does("catchUp", 200, `{"from":"now"}`, w)
	require.NoError(t, refresh(d.bundle))
}

func (d *driver) customers() {
	p := d.chat()
	order := d.order(p, "wamid.1")
	d.tell(event.FormSubmitted, p.Conversation.ID, event.Data{Form: &event.Form{Name: "survey", Fields: []byte(`{"size":"L"}`)}})
	d.does("getContact", 200, "", p.Contact.ID)
	d.seeks("listContacts", "search=lay", 200)
	d.seeks("listConversations", "limit=1&status=open", 200)
	d.does("getConversation", 200, "", p.Conversation.ID)
	d.does("updateConversation", 200, `{"status":"closed","labels":["vip"],"note":"n","assignee":"Nour","ai":false}`, p.Conversation.ID)
	d.seeks("listMessages", "limit=2", 200, p.Conversation.ID)
	d.does("listForms", 200, "")
	d.seeks("listOrders", "status=pending", 200)
	d.does("getOrder", 200, "", order.ID)
	d.does("updateOrder", 200, `{"status":"shipped"}`, order.ID)
	d.does("eraseContact", 200, "", p.Contact.ID)
	d.does("listErasures", 200, "")
}

// streamed begins the stream of events and leaves it.
func (d *driver) streamed() {
	o := d.operations["streamEvents"]
	r, err := http.NewRequestWithContext(d.t.Context(), o.Method, d.listen()+o.Path, nil)
	require.NoError(d.t, err)
	r.Header.Set("Authorization", "Bearer "+d.key.Text())
	res, err := http.DefaultClient.Do(r)
	require.NoError(d.t, err)
	require.NoError(d.t, res.Body.Close())
	d.judge(o, res.StatusCode, res.Header, "")
	d.answered[o.ID] = map[string]bool{decimal(int64(res.StatusCode)): true}
}
