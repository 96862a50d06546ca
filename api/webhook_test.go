package api_test

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// The bodies of the page that moved customers' scripts were written against, byte for byte.
func TestTwaBotContract(t *testing.T) {
	b := setup(t)
	login, _, head := b.call("POST", "/api/client/login", `{"email":"we@example.com","password":"`+password+`"}`)
	require.Equal(t, 200, login)
	cookie, _, _ := strings.Cut(head.Get("Set-Cookie"), ";")
	require.True(t, strings.HasPrefix(cookie, "token="), cookie)
	call := func(method, path, body string) (int, string) {
		status, got, _ := b.call(method, path, body, "Content-Type", "application/json", "Cookie", cookie)
		return status, got
	}

	// The page's own example; its secret comes back beside what the page promises.
	status, got := call("POST", "/api/client/webhooks", `{
    "name": "My CRM Webhook",
    "url": "https://203.0.113.7/webhooks/twabot",
    "events": ["message.received", "conversation.created"],
    "secret": "my_secret_key_123"
  }`)
	require.Equal(t, 201, status)
	require.Equal(t, `{"id":1,"message":"Webhook created.","secret":"my_secret_key_123"}`, got)
	status, got = call("POST", "/api/client/webhooks", `{"name":"x","url":"https://203.0.113.7/x","events":["*"],"secret":null}`)
	require.Equal(t, 201, status)
	require.Equal(t, `{"id":2,"message":"Webhook created."}`, got)

	status, got = call("GET", "/api/client/webhooks", "")
	require.Equal(t, 200, status)
	require.Regexp(t, regexp.MustCompile(`^\{"webhooks":\[\{"id":1,"name":"My CRM Webhook","url":"https://203.0.113.7/webhooks/twabot","events":\["message.received","conversation.created"\],`+
		`"is_active":1,"last_triggered_at":null,"fail_count":0,"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",`), got)
	require.NotContains(t, got, "next_cursor")

	status, got = call("PUT", "/api/client/webhooks/1", `{"is_active":false}`)
	require.Equal(t, 200, status)
	require.Equal(t, `{"message":"Webhook updated."}`, got)
	_, got = call("GET", "/api/client/webhooks", "")
	require.Contains(t, got, `"is_active":0`)

	status, got = call("DELETE", "/api/client/webhooks/1", "")
	require.Equal(t, 200, status)
	require.Equal(t, `{"message":"Webhook deleted."}`, got)
	status, _ = call("DELETE", "/api/client/webhooks/1", "")
	require.Equal(t, 404, status)
}

func TestWebhookRefusals(t *testing.T) {
	b := setup(t)
	const url = `"url":"https://203.0.113.7/h"`
	long := strings.Repeat("x", 5000)
	for _, c := range []struct{ name, body, code, field, says string }{
		{"not JSON", `{"name":`, "malformed_json", "", "byte"},
		{"not an object", `[1]`, "malformed_json", "", ""},
		{"nothing", ``, "required", "name", ""},
		{"no url", `{"name":"a"}`, "required", "url", ""},
		{"no events", `{"name":"a",` + url + `}`, "required", "events", ""},
		{"blank name", `{"name":" ",` + url + `,"events":["*"]}`, "required", "name", ""},
		{"null name", `{"name":null,` + url + `,"events":["*"]}`, "required", "name", ""},
		{"long name", `{"name":"` + long + `",` + url + `,"events":["*"]}`, "too_long", "name", ""},
		{"name of another type", `{"name":5,` + url + `,"events":["*"]}`, "invalid", "name", "text"},
		{"unknown field", `{"name":"a",` + url + `,"events":["*"],"evnts":1}`, "unknown_field", "evnts", "known are"},
		{"relative url", `{"name":"a","url":"/h","events":["*"]}`, "invalid", "url", ""},
		{"reserved range", `{"name":"a","url":"http://198.51.100.1/","events":["*"]}`, "url_forbidden", "url", ""},
		{"plain http to a public place", `{"name":"a","url":"http://8.8.8.8/","events":["*"]}`, "invalid", "url", "https"},
		{"private url", `{"name":"a","url":"https://10.0.0.1/","events":["*"]}`, "url_forbidden", "url", "private network"},
		{"metadata url", `{"name":"a","url":"http://169.254.169.254/latest","events":["*"]}`, "url_forbidden", "url", ""},
		{"odd loopback", `{"name":"a","url":"https://2130706433/","events":["*"]}`, "url_forbidden", "url", ""},
		{"no event in the list", `{"name":"a",` + url + `,"events":[]}`, "events_empty", "events", ""},
		{"unknown event", `{"name":"a",` + url + `,"events":["message.recieved"]}`, "event_unknown", "events", "message.received"},
		{"event far from all", `{"name":"a",` + url + `,"events":["zzz"]}`, "event_unknown", "events", "event-types"},
		{"events of another type", `{"name":"a",` + url + `,"events":"*"}`, "invalid", "events", "list"},
		{"event the dialect never has", `{"name":"a",` + url + `,"events":["conversation.created"],"dialect":"cloud"}`, "event_unspoken", "events", "cloud"},
		{"unknown dialect", `{"name":"a",` + url + `,"events":["*"],"dialect":"klingon"}`, "invalid", "dialect", "twabot"},
		{"empty secret", `{"name":"a",` + url + `,"events":["*"],"secret":""}`, "invalid", "secret", "null"},
		{"long secret", `{"name":"a",` + url + `,"events":["*"],"secret":"` + long + `"}`, "too_long", "secret", ""},
		{"their number", `{"name":"a",` + url + `,"events":["*"],"number_id":99}`, "invalid", "number_id", ""},
		{"negative rate", `{"name":"a",` + url + `,"events":["*"],"rate_limit":-1}`, "invalid", "rate_limit", ""},
		{"long timeout", `{"name":"a",` + url + `,"events":["*"],"timeout":31}`, "invalid", "timeout", "30"},
		{"no timeout", `{"name":"a",` + url + `,"events":["*"],"timeout":0}`, "invalid", "timeout", ""},
		{"wait of nothing", `{"name":"a",` + url + `,"events":["*"],"retry_schedule":[0]}`, "invalid", "retry_schedule", ""},
		{"wait of weeks", `{"name":"a",` + url + `,"events":["*"],"retry_schedule":[604801]}`, "invalid", "retry_schedule", ""},
		{"schedule in words", `{"name":"a",` + url + `,"events":["*"],"retry_schedule":"often"}`, "invalid", "retry_schedule", "none"},
		{"long schedule", `{"name":"a",` + url + `,"events":["*"],"retry_schedule":[` + strings.TrimSuffix(strings.Repeat("1,", 21), ",") + `]}`, "too_long", "retry_schedule", ""},
		{"our header", `{"name":"a",` + url + `,"events":["*"],"headers":{"Webhook-Signature":"x"}}`, "invalid", "headers", "gateway"},
		{"framing header", `{"name":"a",` + url + `,"events":["*"],"headers":{"content-length":"1"}}`, "invalid", "headers", "Content-Length"},
		{"no header name", `{"name":"a",` + url + `,"events":["*"],"headers":{"a b":"1"}}`, "invalid", "headers", ""},
		{"smuggled header", `{"name":"a",` + url + `,"events":["*"],"headers":{"A":"1\r\nB: 2"}}`, "invalid", "headers", "control"},
		{"long header", `{"name":"a",` + url + `,"events":["*"],"headers":{"A":"` + long + `"}}`, "too_long", "headers", ""},
		{"header twice", `{"name":"a",` + url + `,"events":["*"],"headers":{"a":"1","A":"2"}}`, "invalid", "headers", "twice"},
		{"ordering", `{"name":"a",` + url + `,"events":["*"],"ordering":"strict"}`, "invalid", "ordering", "conversation"},
		{"filter", `{"name":"a",` + url + `,"events":["*"],"filter":{"a":1}}`, "filter_invalid", "filter", `filter has "a"`},
		{"filter of another type", `{"name":"a",` + url + `,"events":["*"],"filter":"message.type"}`, "filter_invalid", "filter", "must be an object"},
		{"filter on a field that is not there", `{"name":"a",` + url + `,"events":["*"],"filter":{"all":[{"field":"sequence","gt":1},{"field":"mesage.type","eq":"text"}]}}`,
			"filter_invalid", "filter", `filter.all[1].field: there is no field "mesage.type"; did you mean message.type`},
		{"active in words", `{"name":"a",` + url + `,"events":["*"],"is_active":"yes"}`, "invalid", "is_active", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, got := b.api("POST", "/webhooks", c.body)
			require.Equal(t, 400, status, got)
			e := decode[struct {
				Error struct{ Code, Message, Field string }
			}](t, got).Error
			require.Equal(t, c.code, e.Code, got)
			require.Equal(t, c.field, e.Field, got)
			require.Contains(t, e.Message, c.says)
			require.NotContains(t, got, `"field":""`)
		})
	}
	_, got := b.api("GET", "/webhooks", "")
	require.Equal(t, `{"webhooks":[]}`, got)
}

func TestWebhookLife(t *testing.T) {
	b := setup(t)
	status, got := b.api("POST", "/webhooks", `{"name":"شركة","url":"https://203.0.113.7/h?a=1&b=2","events":["message.incoming","message.incoming","template.*"],"description":"d","number_id":`+decimal(b.number.ID)+
		`,"dialect":"twabot","rate_limit":50,"retry_schedule":[5,60],"timeout":7,"headers":{"x-api-key":"hush hush"},"is_active":1,"ordering":"none","filter":null}`)
	require.Equal(t, 201, status, got)
	made := decode[struct {
		ID     int64
		Secret string
	}](t, got)
	require.True(t, strings.HasPrefix(made.Secret, "whsec_"))

	one := fmt.Sprintf("/webhooks/%d", made.ID)
	status, got = b.api("GET", one, "")
	require.Equal(t, 200, status)
	require.Contains(t, got, `{"webhook":{"id":1,"name":"شركة","url":"https://203.0.113.7/h?a=1&b=2","events":["message.incoming","template.*"],`)
	require.Contains(t, got, `"dialect":"twabot","rate_limit":50,"retry_schedule":[5,60],"timeout":7,"headers":{"X-Api-Key":"<secret>"},"disabled_reason":"","filter":null,"verified":null,"verify_reason":"","disabled_by":"","disabled_at":null,"catching_up":false,"failing_since":null,"ordering":"none","auth":null,"client_certificate":null}`)

	// A listing sent back does not spoil what it does not show.
	status, got = b.api("PUT", one, `{"headers":{"X-Api-Key":"<secret>","X-Other":"o"},"retry_schedule":"none","timeout":null,"number_id":null,"rate_limit":null,"is_active":0}`)
	require.Equal(t, 200, status, got)
	w, err := b.store.Webhook(t.Context(), b.ours.ID, made.ID)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"X-Api-Key": "hush hush", "X-Other": "o"}, w.Headers)
	require.Equal(t, []time.Duration{}, w.RetrySchedule)
	require.Zero(t, w.Timeout)
	require.Nil(t, w.NumberID)
	require.False(t, w.Active)
	require.Equal(t, made.Secret, w.Secret.Text(), "an update that says nothing of the secret leaves it")
	_, got = b.api("GET", one, "")
	require.Contains(t, got, `"retry_schedule":[],"timeout":10`)

	// Going on again clears the reason; no secret is unsigned.
	_, err = b.store.DisableWebhook(t.Context(), made.ID, models.ByReceiver, "gone")
	require.NoError(t, err)
	_, _ = b.api("PUT", one, `{"is_active":true,"secret":null,"headers":null,"retry_schedule":null}`)
	w, err = b.store.Webhook(t.Context(), b.ours.ID, made.ID)
	require.NoError(t, err)
	require.True(t, w.Active)
	require.Empty(t, w.DisabledReason)
	require.Empty(t, w.Secret.Text())
	require.Nil(t, w.Headers)
	require.Nil(t, w.RetrySchedule)

	status, got = b.api("PUT", one, `{"dialect":"cloud","events":["contact.created"]}`)
	require.Equal(t, 400, status, got)
	status, _ = b.api("PUT", "/webhooks/999", `{"name":""}`)
	require.Equal(t, 404, status, "whether it is there comes first")
	for _, path := range []string{"/webhooks/x", "/webhooks/0", "/webhooks/99999999999999999999", "/nonsense"} {
		status, got = b.api("GET", path, "")
		require.Equal(t, 404, status, path)
		require.Contains(t, got, `"code":"not_found"`)
	}
}

func TestWebhookFilter(t *testing.T) {
	b := setup(t)
	status, got := b.api("POST", "/webhooks", `{"name":"a","url":"https://203.0.113.7/h","events":["*"],"filter": { "field" : "message.text", "prefix" : "<أ" } }`)
	require.Equal(t, 201, status, got)
	_, got = b.api("GET", "/webhooks/1", "")
	require.Contains(t, got, `"filter":{"field":"message.text","prefix":"<أ"},`)
	_, got = b.page("/webhooks/1/edit")
	require.Contains(t, html.UnescapeString(got), `"prefix": "<أ"`)

	status, got = b.api("PUT", "/webhooks/1", `{"name":"b"}`)
	require.Equal(t, 200, status, got)
	w, err := b.store.Webhook(t.Context(), b.ours.ID, 1)
	require.NoError(t, err)
	require.NotNil(t, w.Filter, "an update that says nothing of the filter leaves it")

	status, got = b.api("PUT", "/webhooks/1", `{"filter":null}`)
	require.Equal(t, 200, status, got)
	_, got = b.api("GET", "/webhooks", "")
	require.Contains(t, got, `"filter":null`)
}

func TestWebhookListPages(t *testing.T) {
	b := setup(t)
	for range 5 {
		b.webhook()
	}
	var seen []int64
	cursor := ""
	for range 3 {
		status, got := b.api("GET", "/webhooks?limit=2&cursor="+cursor, "")
		require.Equal(t, 200, status)
		list := decode[struct {
			Webhooks   []struct{ ID int64 }
			NextCursor string `json:"next_cursor"`
		}](t, got)
		for _, w := range list.Webhooks {
			seen = append(seen, w.ID)
		}
		cursor = list.NextCursor
	}
	require.Equal(t, []int64{1, 2, 3, 4, 5}, seen)
	require.Empty(t, cursor)
	for _, q := range []string{"limit=0", "limit=201", "limit=x", "cursor=x"} {
		status, _ := b.api("GET", "/webhooks?"+q, "")
		require.Equal(t, 400, status, q)
	}
}

func TestListsShowNoSecret(t *testing.T) {
	b := setup(t)
	const secret, header = "whsec_dGhpcyBpcyBzZWNyZXQ=", "Bearer very-private"
	w := b.webhook(func(w *models.Webhook) { w.Secret, w.Headers = secret, map[string]string{"Authorization": header} })
	for _, path := range []string{"/webhooks", "/webhooks/" + decimal(w.ID), "/keys", "/numbers", "/me", "/webhooks/" + decimal(w.ID) + "/stats"} {
		status, got := b.api("GET", path, "")
		require.Equal(t, 200, status, path)
		for _, hidden := range []string{secret, header, b.key.Text(), b.numberKey.Text()} {
			require.NotContains(t, got, hidden, path)
		}
	}
	for _, path := range []string{"/", "/webhooks", "/webhooks/" + decimal(w.ID), "/webhooks/" + decimal(w.ID) + "/edit", "/webhooks/" + decimal(w.ID) + "?done=created"} {
		b.clock.advance(time.Hour)
		status, got := b.page(path)
		require.Equal(t, 200, status, path)
		require.NotContains(t, html.UnescapeString(got), secret, path)
		require.NotContains(t, html.UnescapeString(got), header, path)
	}
	require.NotContains(t, b.log.String(), secret)
}
