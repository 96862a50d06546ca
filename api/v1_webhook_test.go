package api_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// ofNumber are the webhooks that were set by a number's key.
func (b *bundle) ofNumber(numberID int64) (found []models.Webhook) {
	b.t.Helper()
	ws, err := b.store.Webhooks(b.t.Context(), b.ours.ID, 0, 100)
	require.NoError(b.t, err)
	for _, w := range ws {
		if w.NumberID != nil && *w.NumberID == numberID {
			found = append(found, w)
		}
	}
	return found
}

// A number has one webhook of its own, which is one as any other.
func TestConfigWebhook(t *testing.T) {
	b := setup(t)
	const path = "/configs/webhook"
	status, got := b.own("GET", path, "")
	require.Equal(t, 404, status)
	require.Equal(t, `{"error":{"code":"no_webhook","message":"no webhook is set for this number: set one with POST /v1/configs/webhook"}}`, got)
	status, got = b.own("DELETE", path, "")
	require.Equal(t, 200, status)
	require.Equal(t, `{"message":"No webhook was set."}`, got)

	status, got = b.own("POST", path, `{"url":"https://203.0.113.7/first","headers":{"X-Token":"my secret"}}`)
	require.Equal(t, 200, status, got)
	require.Equal(t, `{"url":"https://203.0.113.7/first","headers":{"X-Token":"<secret>"}}`, got, "a value never leaves again")
	_, again := b.own("GET", path, "")
	require.Equal(t, got, again)
	ws := b.ofNumber(b.number.ID)
	require.Len(t, ws, 1)
	require.Equal(t, []any{"onprem", []string{"*"}, "", true, "my secret"}, []any{ws[0].Dialect, ws[0].Events, ws[0].Secret.Text(), ws[0].Active, ws[0].Headers["X-Token"]})
	_, got = b.api("GET", "/webhooks", "")
	require.Contains(t, got, "https://203.0.113.7/first", "it is in the lists")

	// Another address takes its place, and the headers of the one before do not go there.
	status, got = b.own("POST", path, `{"url":"https://203.0.113.7/second"}`)
	require.Equal(t, 200, status, got)
	require.Equal(t, `{"url":"https://203.0.113.7/second"}`, got)
	require.Equal(t, ws[0].ID, b.ofNumber(b.number.ID)[0].ID)
	require.Empty(t, b.ofNumber(b.number.ID)[0].Headers)

	// One that was switched off is on when it is set again.
	status, got = b.api("PUT", "/webhooks/"+decimal(ws[0].ID), `{"is_active":false}`)
	require.Equal(t, 200, status, got)
	_, _ = b.own("POST", path, `{"url":"https://203.0.113.7/second"}`)
	require.True(t, b.ofNumber(b.number.ID)[0].Active)

	for _, c := range []struct{ body, code, field string }{
		{``, "required", "url"}, {`{"url":null}`, "required", "url"}, {`{"url":7}`, "invalid", "url"}, {`{"url":"nowhere"}`, "invalid", "url"},
		{`{"url":"https://10.0.0.1/"}`, "url_forbidden", "url"}, {`{"url":"https://203.0.113.7/","events":["*"]}`, "unknown_field", "events"},
		{`{"url":"https://203.0.113.7/","headers":{"X Y":"z"}}`, "invalid", "headers"}, {`[]`, "malformed_json", ""},
	} {
		status, got = b.own("POST", path, c.body)
		require.Equal(t, 400, status, got)
		require.Contains(t, got, `"code":"`+c.code+`"`)
		if c.field != "" {
			require.Contains(t, got, `"field":"`+c.field+`"`)
		}
	}
	require.Equal(t, "https://203.0.113.7/second", b.ofNumber(b.number.ID)[0].URL)

	// Neither another number nor a webhook that a person made is touched.
	other := b.otherNumber(b.ours, "601")
	made := b.webhook(func(w *models.Webhook) { w.NumberID, w.Dialect = &b.number.ID, "onprem" })
	for _, key := range []models.Secret{other, b.otherNumber(b.theirs, "602")} {
		status, got, _ = b.call("GET", "/v1"+path, "", "D360-API-KEY", key.Text())
		require.Equal(t, 404, status, got)
		status, got, _ = b.call("DELETE", "/v1"+path, "", "D360-API-KEY", key.Text())
		require.Equal(t, 200, status, got)
	}
	for range 2 {
		status, _ = b.own("DELETE", path, "")
		require.Equal(t, 200, status)
		left := b.ofNumber(b.number.ID)
		require.Len(t, left, 1)
		require.Equal(t, made.ID, left[0].ID)
	}

	// An empty address takes it away too.
	_, _ = b.own("POST", path, `{"url":"https://203.0.113.7/third"}`)
	status, got = b.own("POST", path, `{"url":""}`)
	require.Equal(t, 200, status)
	require.Equal(t, `{"message":"Webhook removed."}`, got)
	require.Len(t, b.ofNumber(b.number.ID), 1)
	status, got, _ = b.call("POST", "/v1"+path, `{"url":"https://203.0.113.7/"}`, "Authorization", "Bearer "+b.key.Text())
	require.Equal(t, 403, status)
	require.Contains(t, got, `"code":"business_key"`)
}

// Several requests at the same moment make one webhook.
func TestConfigWebhookAtOnce(t *testing.T) {
	b := setup(t)
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() { _, _ = b.own("POST", "/configs/webhook", fmt.Sprintf(`{"url":"https://203.0.113.7/%d"}`, i)) })
	}
	wg.Wait()
	require.Len(t, b.ofNumber(b.number.ID), 1)
}

// A key is made anew: the one before ends at once, and the webhook that it set goes with it.
func TestRegenerateKey(t *testing.T) {
	b := setup(t)
	_, _ = b.own("POST", "/configs/webhook", `{"url":"https://203.0.113.7/"}`)
	require.Len(t, b.ofNumber(b.number.ID), 1)
	ks, err := b.store.APIKeys(t.Context(), b.ours.ID)
	require.NoError(t, err)
	type answer struct {
		ID           int64
		Message, Key string
	}
	for _, k := range ks {
		path := "/keys/" + decimal(k.ID) + "/regenerate"
		status, got := b.foreign("POST", path, "")
		require.Equal(t, 404, status, got)
		if k.NumberID == nil {
			continue
		}
		status, got = b.api("POST", path, `{"x":1}`)
		require.Equal(t, 400, status, got)
		status, got = b.api("POST", path, "")
		require.Equal(t, 200, status, got)
		made := decode[answer](t, got)
		require.Contains(t, made.Message, "The number's webhook went with it: set it again with POST /v1/configs/webhook.")
		status, _ = b.own("GET", "/configs/webhook", "")
		require.Equal(t, 401, status, "it has ended")
		b.numberKey = models.Secret(made.Key)
		status, got = b.own("GET", "/configs/webhook", "")
		require.Equal(t, 404, status, got)
		require.Empty(t, b.ofNumber(b.number.ID))
		require.NotEqual(t, k.ID, made.ID)

		status, got = b.api("POST", "/keys/"+decimal(made.ID)+"/regenerate", "")
		require.Equal(t, 200, status)
		require.NotContains(t, got, "webhook went", "there was none")
		status, _ = b.api("POST", path, "")
		require.Equal(t, 404, status, "it is gone")
	}
	after, err := b.store.APIKeys(t.Context(), b.ours.ID)
	require.NoError(t, err)
	require.Len(t, after, len(ks))
}
