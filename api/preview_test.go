package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
)

type preview struct {
	Event, Dialect, Name, Note, Method, URL string
	Spoken, Subscribed                      bool
	ContentType                             string `json:"content_type"`
	Headers                                 []struct{ Name, Value string }
	Body                                    *string
}

func (p preview) header() http.Header {
	h := http.Header{}
	for _, one := range p.Headers {
		h.Add(one.Name, one.Value)
	}
	return h
}

func TestPreview(t *testing.T) {
	b := setup(t)
	for _, name := range dialect.Names() {
		w := b.webhook(func(w *models.Webhook) {
			w.Dialect, w.Secret, w.Headers = name, "hush-hush", map[string]string{"X-Tenant": "confidential"}
			w.Auth = models.Auth{Kind: models.AuthBearer, Token: "tok-tok"}
		})
		d, _ := dialect.Lookup(name)
		path := "/webhooks/" + decimal(w.ID) + "/preview"
		for _, typ := range event.Catalogue() {
			status, got := b.api("GET", path+"?event="+typ.Name, "")
			require.Equal(t, 200, status, got)
			for _, secret := range []string{"hush-hush", "confidential", "tok-tok"} {
				require.NotContains(t, got, secret)
			}
			p := decode[preview](t, got)
			require.Equal(t, d.Speaks(typ.Name) && p.Spoken, p.Spoken, "%s %s", name, typ.Name)
			if !p.Spoken {
				require.Nil(t, p.Body)
				require.Contains(t, p.Note, "has no form in the dialect "+name)
				continue
			}
			require.Equal(t, "application/json", p.ContentType)
			require.Equal(t, d.EventName(typ.Name), p.Name)
			require.Equal(t, typ.Name == event.MessageReceived, p.Subscribed)
			require.True(t, json.Valid([]byte(*p.Body)))
			results := signature.Verify(p.header(), []byte(*p.Body), []signature.Secret{signature.NewSecret("hush-hush")}, b.clock.now())
			require.NotEmpty(t, results)
			for _, r := range results {
				require.True(t, r.OK, "%s %s: %s", name, r.Scheme, r.Reason)
			}
			require.Equal(t, "<secret>", p.header().Get("X-Tenant"))
			require.Equal(t, "<secret>", p.header().Get("Authorization"))
		}
		status, got := b.foreign("GET", path, "")
		require.Equal(t, 404, status, got)
		status, got = b.api("GET", path+"?event=message.recieved", "")
		require.Equal(t, 400, status)
		require.Contains(t, got, "did you mean message.received")
	}
	require.Zero(t, b.courier.posts.Load(), "nothing is posted")
}

func TestPreviewOfADraft(t *testing.T) {
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) { w.Events = []string{"order.created"} })
	for _, c := range []struct {
		name, body string
		status     int
		says       []string
	}{
		{"nothing said", `{}`, 200, []string{`"event":"message.received","dialect":"wabagate"`, "made up for this preview", "v1,", `"subscribed":true`}},
		{"a dialect", `{"dialect":"platform","event":"message.incoming","secret":"s"}`, 200, []string{`"name":"message.incoming"`, `X-Webhook-Signature`, `"note":""`}},
		{"unsigned", `{"secret":null}`, 200, []string{"Unsigned: the webhook has no secret."}},
		{"headers", `{"headers":{"x-tenant":"42"}}`, 200, []string{`{"name":"X-Tenant","value":"<secret>"}`}},
		{"unspoken", `{"dialect":"onprem","event":"conversation.created"}`, 200, []string{`"body":null`, "passes on what WhatsApp sent"}},
		{"unspoken digest", `{"dialect":"digest","event":"message.report"}`, 200, []string{`"body":null`, "incoming messages alone"}},
		{"a change of one", `{"webhook_id":` + decimal(w.ID) + `,"dialect":"twabot"}`, 200, []string{`"subscribed":false`, "X-Twabot-Signature", `"url":"https://203.0.113.7/hook"`, `"note":""`}},
		{"events of its own", `{"events":["order.*"],"event":"order.created"}`, 200, []string{`"subscribed":true`}},
		{"no such dialect", `{"dialect":"klingon"}`, 400, []string{`"field":"dialect"`}},
		{"no such event", `{"event":"message.*"}`, 400, []string{"event_unknown"}},
		{"a header of ours", `{"headers":{"Webhook-Id":"1"}}`, 400, []string{"set by the gateway"}},
		{"an empty secret", `{"secret":" "}`, 400, []string{`"field":"secret"`}},
		{"another field", `{"name":"x"}`, 400, []string{"unknown_field"}},
		{"nobody's", `{"webhook_id":99}`, 404, nil},
	} {
		status, got := b.api("POST", "/webhooks/preview", c.body)
		require.Equal(t, c.status, status, "%s: %s", c.name, got)
		for _, says := range c.says {
			require.Contains(t, got, says, c.name)
		}
	}
	status, got := b.foreign("POST", "/webhooks/preview", `{"webhook_id":`+decimal(w.ID)+`}`)
	require.Equal(t, 404, status, got)
	kept, err := b.store.Webhook(t.Context(), b.ours.ID, w.ID)
	require.NoError(t, err)
	require.Equal(t, w.Dialect, kept.Dialect, "a preview changes nothing")
}
