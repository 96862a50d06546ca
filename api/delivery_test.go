package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

var (
	delivered = models.Attempt{Outcome: models.Delivered, Status: 200, Duration: 12 * time.Millisecond, Answer: "ok"}
	rejected  = models.Attempt{Outcome: "rejected", Status: 500, Duration: 30 * time.Millisecond, Reason: "answered 500 Internal Server Error", Answer: `{"error":"boom"}`}
)

type listed struct {
	Deliveries []struct {
		ID, Event, Status string
		EventID           string `json:"event_id"`
		Attempts          int
		LastStatusCode    *int    `json:"last_status_code"`
		NextAttemptAt     *string `json:"next_attempt_at"`
		LatencyMS         *int64  `json:"latency_ms"`
	}
	NextCursor string `json:"next_cursor"`
}

func TestDeliveryList(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	ok := b.delivery(w, "message.received", models.Succeeded, rejected, delivered)
	failed := b.delivery(w, "message.report", models.Failed, rejected)
	retrying := b.delivery(w, "message.received", models.Pending, rejected)
	pending := b.delivery(w, "contact.created", models.Pending)
	held := b.delivery(w, "contact.updated", models.Held)
	b.delivery(b.webhook(), "message.received", models.Succeeded, delivered) // another webhook's

	path := "/webhooks/" + decimal(w.ID) + "/deliveries"
	for query, want := range map[string][]string{
		"":                                      {held, pending, retrying, failed, ok},
		"?status=succeeded":                     {ok},
		"?status=failed":                        {failed},
		"?status=retrying":                      {retrying},
		"?status=pending":                       {pending, retrying},
		"?status=held":                          {held},
		"?event=message.incoming":               {retrying, ok},
		"?event=contact.*":                      {held, pending},
		"?event=message.report,contact.created": {pending, failed},
		"?event=*&limit=200":                    {held, pending, retrying, failed, ok},
		"?from=2020-01-01T00:00:00Z":            {held, pending, retrying, failed, ok},
		"?from=3000000000":                      {},
		"?to=2020-01-01T00:00:00Z":              {},
	} {
		status, got := b.api("GET", path+query, "")
		require.Equal(t, 200, status, got)
		ids := []string{}
		for _, d := range decode[listed](t, got).Deliveries {
			ids = append(ids, d.ID)
		}
		require.Equal(t, want, ids, query)
	}
	for _, query := range []string{"?status=odd", "?event=nonsense", "?from=yesterday", "?from=4000000000", "?from=-1", "?to=x", "?cursor=x", "?limit=500"} {
		status, _ := b.api("GET", path+query, "")
		require.Equal(t, 400, status, query)
	}

	var seen []string
	for cursor, more := "", true; more; {
		_, got := b.api("GET", path+"?limit=2&cursor="+cursor, "")
		page := decode[listed](t, got)
		for _, d := range page.Deliveries {
			seen = append(seen, d.Status)
		}
		cursor, more = page.NextCursor, page.NextCursor != ""
	}
	require.Equal(t, []string{"held", "pending", "retrying", "failed", "succeeded"}, seen)

	_, got := b.api("GET", path+"?status=retrying", "")
	d := decode[listed](t, got).Deliveries[0]
	require.Equal(t, 500, *d.LastStatusCode)
	require.Equal(t, int64(30), *d.LatencyMS)
	require.NotNil(t, d.NextAttemptAt)
	require.True(t, strings.HasPrefix(d.EventID, "evt_"))
}

func TestDeliveryDetail(t *testing.T) {
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) { w.Dialect = "twabot" })
	id := b.delivery(w, "message.received", models.Succeeded, rejected, delivered)
	status, got := b.api("GET", "/deliveries/"+id, "")
	require.Equal(t, 200, status)
	d := decode[struct {
		Delivery struct {
			ID, Status, Payload string
			Attempts            []struct {
				N          int
				StatusCode int `json:"status_code"`
				Outcome    string
				Reason     string
				Answer     string
				LatencyMS  int64 `json:"latency_ms"`
			}
		}
	}](t, got).Delivery
	require.Equal(t, id, d.ID)
	require.Equal(t, "succeeded", d.Status)
	require.True(t, strings.HasPrefix(d.Payload, `{"event":"message.received","timestamp":"`), d.Payload)
	require.Len(t, d.Attempts, 2)
	require.Equal(t, `{"error":"boom"}`, d.Attempts[0].Answer)
	require.Equal(t, int64(12), d.Attempts[1].LatencyMS)

	for _, odd := range []string{"x", "dlv_", "dlv_1", "dlv_1_1", "dlv_01_1", "dlv_+1_1", "dlv_1_1_1", "dlv_-1_1", strings.ToUpper(id)} {
		status, _ := b.api("GET", "/deliveries/"+odd, "")
		require.Equal(t, 404, status, odd)
	}
}

func TestResend(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	failed := b.delivery(w, "message.received", models.Failed, rejected)
	fresh := b.delivery(w, "message.received", models.Pending)
	status, got := b.api("POST", "/deliveries/"+failed+"/resend", "")
	require.Equal(t, 202, status, got)
	require.Len(t, b.queue.work, 1)
	work := b.queue.work[0]
	require.Equal(t, w.ID, work.WebhookID)
	require.Equal(t, models.Deliver, work.Kind)
	unfinished, err := b.store.Unfinished(t.Context(), time.Now().Add(time.Minute), 0, 10)
	require.NoError(t, err)
	require.Len(t, unfinished, 1, "the database knows it, whatever the queue does")
	require.Equal(t, work.ID, unfinished[0].ID)

	status, got = b.api("POST", "/deliveries/"+fresh+"/resend", "")
	require.Equal(t, 409, status)
	require.Contains(t, got, `"code":"in_progress"`)
	_, err = b.store.DisableWebhook(t.Context(), w.ID, models.ByReceiver, "")
	require.NoError(t, err)
	status, got = b.api("POST", "/deliveries/"+failed+"/resend", "")
	require.Equal(t, 409, status)
	require.Contains(t, got, `"code":"webhook_inactive"`)
}

func TestStats(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	path := "/webhooks/" + decimal(w.ID) + "/stats"
	_, got := b.api("GET", path, "")
	require.Equal(t, `{"hours":24,"total":0,"successful":0,"failed":0,"pending":0,"held":0,"attempts":0,"success_rate":null,"latency_ms":{"p50":0,"p95":0,"p99":0},"waiting":{"webhook_id":`+decimal(w.ID)+`,"deliveries":0,"oldest_due":null,"overdue_seconds":0},"circuit":null}`, got)
	for range 2 {
		b.delivery(w, "message.received", models.Succeeded, delivered)
	}
	b.delivery(w, "message.received", models.Failed, rejected)
	b.owed(w, b.delivery(w, "message.received", models.Pending))
	b.delivery(w, "message.received", models.Held)
	_, got = b.api("GET", path+"?hours=1", "")
	require.Contains(t, got, `{"hours":1,"total":5,"successful":2,"failed":1,"pending":1,"held":1,"attempts":3,"success_rate":0.6666,"latency_ms":{"p50":13.454,`)
	status, _ := b.api("GET", path+"?hours=0", "")
	require.Equal(t, 400, status)
}

func TestTrial(t *testing.T) {
	b := setup(t)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = w.Write([]byte("hello"))
	}))
	defer receiver.Close()
	good := b.webhook(func(w *models.Webhook) { w.URL = receiver.URL + "/good" })
	bad := b.webhook(func(w *models.Webhook) { w.URL, w.Dialect = receiver.URL+"/bad", "cloud" })

	status, got := b.api("POST", "/webhooks/"+decimal(good.ID)+"/test", `{"event":"message.incoming"}`)
	require.Equal(t, 200, status, got)
	type result struct {
		Status                                           int
		Outcome, Reason, Answer, Payload, EventID, Event string
	}
	r := decode[result](t, got)
	require.Equal(t, 200, r.Status)
	require.Equal(t, "delivered", r.Outcome)
	require.Equal(t, "hello", r.Answer)
	require.Equal(t, "message.received", r.Event)
	require.Contains(t, r.Payload, `"business_id":`+decimal(b.ours.ID))
	require.Contains(t, got, `"latency_ms":`)

	status, got = b.api("POST", "/webhooks/test", `{"webhook_id":`+decimal(bad.ID)+`}`)
	require.Equal(t, 200, status, got)
	r = decode[result](t, got)
	require.Equal(t, 418, r.Status)
	require.Equal(t, "rejected", r.Outcome)

	for body, want := range map[string]string{
		`{}`: "webhook_id",
		`{"webhook_id":` + decimal(good.ID) + `,"event":"nonsense"}`:            "event_unknown",
		`{"webhook_id":` + decimal(good.ID) + `,"event":"message.*"}`:           "event_unknown",
		`{"webhook_id":` + decimal(bad.ID) + `,"event":"conversation.created"}`: "event_unspoken",
	} {
		status, got = b.api("POST", "/webhooks/test", body)
		require.Equal(t, 400, status, body)
		require.Contains(t, got, want)
	}
}

func TestEventTypes(t *testing.T) {
	b := setup(t)
	status, got := b.api("GET", "/event-types", "")
	require.Equal(t, 200, status)
	types := decode[struct {
		EventTypes []struct {
			Name, Description, When, Field string
			Aliases, Dialects              []string
			Emitted                        bool
			Sample, Schema                 map[string]any
			DataSchema                     map[string]any `json:"data_schema"`
		} `json:"event_types"`
	}](t, got).EventTypes
	require.Len(t, types, len(event.Catalogue()))
	require.Equal(t, "message.received", types[0].Name)
	require.Equal(t, []string{"message.incoming"}, types[0].Aliases)
	for _, typ := range types {
		require.NotEmpty(t, typ.Description)
		require.NotEmpty(t, typ.Sample, typ.Name)
		require.NotEmpty(t, typ.Schema, typ.Name)
		require.Equal(t, typ.Schema["properties"].(map[string]any)["data"].(map[string]any)["required"], typ.DataSchema["required"], typ.Name)
		require.NotEmpty(t, typ.When, typ.Name)
		require.Contains(t, typ.Dialects, "wabagate")
	}
	require.Equal(t, "messages", types[0].Field)
	require.Contains(t, types[0].When, "the field messages of a callback")
	require.Contains(t, types[0].Dialects, "digest")
	_, got = b.api("GET", "/event-types?dialect=cloud", "")
	require.Contains(t, got, `"sample":null,"schema":null,"data_schema":{`)
	require.Contains(t, got, `"object":"whatsapp_business_account"`)
	status, _ = b.api("GET", "/event-types?dialect=x", "")
	require.Equal(t, 400, status)

	for _, name := range []string{"order.created", "message.received", "message.incoming"} {
		status, got = b.api("GET", "/event-types/"+name, "")
		require.Equal(t, 200, status, got)
		one := decode[struct {
			EventType struct {
				Name           string
				Sample, Schema map[string]any
			} `json:"event_type"`
		}](t, got).EventType
		require.Equal(t, strings.Replace(name, "incoming", "received", 1), one.Name)
		require.Equal(t, one.Name, one.Sample["type"])
		require.NotEmpty(t, one.Schema)
	}
	_, got = b.api("GET", "/event-types/message.received?dialect=twabot", "")
	require.Contains(t, got, `"sample":{"event":"message.received","timestamp":`)
	status, got = b.api("GET", "/event-types/message.recieved", "")
	require.Equal(t, 404, status)
	require.Contains(t, got, "did you mean message.received")
	for _, name := range []string{"message.*", "messages", "%2A", "nonsense"} {
		status, _ = b.api("GET", "/event-types/"+name, "")
		require.Equal(t, 404, status, name)
	}
	_, got = b.api("GET", "/dialects", "")
	require.Contains(t, got, `{"dialects":[{"name":"wabagate","default":true,"timeout":10,"retry_schedule":[5,60,`)
}
