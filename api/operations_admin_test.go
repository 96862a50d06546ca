package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestBusinessesAreLookedAfter(t *testing.T) {
	b := setup(t, operating)
	say := func(method, path, body string, want int) string {
		t.Helper()
		status, got := b.admin(method, path, body)
		require.Equal(t, want, status, got)
		return got
	}
	made := say("POST", "/businesses", `{"name":" متجر "}`, 201)
	require.Contains(t, made, `"name":"متجر"`)
	id := decode[struct{ Business struct{ ID int64 } }](t, made).Business.ID
	one := "/businesses/" + decimal(id)
	for body, code := range map[string]string{`{}`: "required", `{"name":"` + strings.Repeat("x", 300) + `"}`: "too_long", `{"other":1}`: "unknown_field", `[`: "malformed_json"} {
		require.Contains(t, say("POST", "/businesses", body, 400), `"code":"`+code+`"`)
		require.Contains(t, say("PUT", one, body, 400), `"code":"`+code+`"`)
	}
	say("PUT", one, `{"name":"Shop"}`, 200)
	say("PUT", "/businesses/999", `{"name":"Shop"}`, 404)
	require.Contains(t, say("GET", one, "", 200), `"name":"Shop"`)
	say("GET", "/businesses/999", "", 404)
	require.Equal(t, 1, strings.Count(say("GET", "/businesses?search=shop", "", 200), `"id":`))
	first := say("GET", "/businesses?limit=1", "", 200)
	require.Contains(t, first, `"numbers":1,"users":1`)
	next := decode[struct {
		Next string `json:"next_cursor"`
	}](t, first).Next
	require.Contains(t, say("GET", "/businesses?limit=1&cursor="+next, "", 200), `"name":"Theirs"`)
	status, got, _ := b.form("/operations/businesses", "name=")
	require.Equal(t, 400, status)
	require.Contains(t, got, "Is required.")
	own, err := b.store.Audit(t.Context(), id, models.AuditFilter{})
	require.NoError(t, err)
	require.Equal(t, []any{2, "business.updated", []models.Change{{Field: "name", Before: "متجر", After: "Shop"}}}, []any{len(own), own[0].Action, own[0].Changes})
}

func TestAppsAreLookedAfter(t *testing.T) {
	b := setup(t, operating)
	say := func(method, path, body string, want int) string {
		t.Helper()
		status, got := b.admin(method, path, body)
		require.Equal(t, want, status, got)
		for _, secret := range []string{"hush-one", "hush-two", "hush-token", "hush-other"} {
			require.NotContains(t, got, secret)
		}
		return got
	}
	require.Contains(t, say("POST", "/apps", `{"name":"main","business_id":1,"verify_token":"hush-token","secret":"hush-one"}`, 201), `"callback_path":"/webhooks/cloud/main"`)
	say("POST", "/apps", `{"name":"main","verify_token":"hush-token","secret":"hush-one"}`, 409)
	for body, field := range map[string]string{`{"name":"a b"}`: "name", `{"name":"x","business_id":99}`: "business", `{"name":"x"}`: "verify_token", `{"name":"x","verify_token":"v"}`: "secret"} {
		require.Contains(t, say("POST", "/apps", body, 400), `"field":"`+field+`"`)
	}
	say("POST", "/apps/main/secrets", `{"secret":"hush-two"}`, 200)
	require.Contains(t, say("POST", "/apps/main/secrets", `{"secret":" "}`, 400), `"field":"secret"`)
	say("POST", "/apps/nobody/secrets", `{"secret":"x"}`, 404)
	routes, err := b.store.LoadRoutes(t.Context())
	require.NoError(t, err)
	require.Len(t, routes.Apps["main"].Secrets, 2, "both are live")
	say("POST", "/apps/main/secrets/old", "", 200)
	say("PUT", "/apps/main/token", `{"verify_token":"hush-other"}`, 200)
	routes, err = b.store.LoadRoutes(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{"hush-two", 1, "hush-other"}, []any{routes.Apps["main"].Secrets[0].Text(), len(routes.Apps["main"].Secrets), routes.Apps["main"].VerifyToken.Text()})
	require.Contains(t, say("GET", "/apps/main", "", 200), `"business":"Ours"`)
	say("GET", "/apps", "", 200)
	status, got, _ := b.form("/operations/apps/main/token", "verify_token=")
	require.Equal(t, 400, status)
	require.Contains(t, got, "Is required.")
	status, _, head := b.form("/operations/apps/main/secrets", "secret=hush-three")
	require.Equal(t, 303, status)
	require.Equal(t, "/operations/apps/main?done=app-secret-added", head.Get("Location"))
	log := say("GET", "/audit?action=app.*", "", 200)
	for _, want := range []string{"app.created", "app.secret_added", "app.old_secrets_ended", "app.token_rotated", `"kind":"operator"`, `"business_id":1`} {
		require.Contains(t, log, want)
	}
}

// The console shows what businesses are told by their operational events.
func TestTroublesAreShown(t *testing.T) {
	b := setup(t, operating)
	say := func(path string) string {
		t.Helper()
		status, got := b.admin("GET", path, "")
		require.Equal(t, 200, status, got)
		return got
	}
	require.Equal(t, `{"disabled":[],"failing":[],"slow":[],"breakers":[]}`, say("/webhooks"))
	w, off := b.webhook(), b.webhook(func(w *models.Webhook) { w.BusinessID, w.Name = b.theirs.ID, "Old ERP" })
	slow := rejected
	slow.Duration = 3 * time.Second
	b.delivery(w, "message.received", models.Pending, slow)
	require.NoError(t, b.store.FoldCounts(t.Context()))
	_, err := b.store.DisableWebhook(t.Context(), off.ID, models.ByFailures, "failed for five days")
	require.NoError(t, err)
	b.redis.HSet("wabagate:breakers", decimal(w.ID), "open "+decimal(time.Now().UnixMilli())+" "+decimal(time.Now().Add(time.Minute).UnixMilli())+" 1")
	got := say("/webhooks")
	for _, want := range []string{`"disabled_reason":"failed for five days"`, `"mean_ms":3000`, `"breaker":"open"`, `"business":"Theirs"`, `"failing_since":"`} {
		require.Contains(t, got, want)
	}
	_, page := b.page("/operations/webhooks")
	for _, want := range []string{"Old ERP", "after failures", "failed for five days", "open", "3.0 s in the mean", "1 delivery failed in a row"} {
		require.Contains(t, page, want)
	}

	require.Contains(t, say("/gateway"), `"last_at":null`)
	_, err = b.store.Maintain(t.Context(), b.clock.now(), models.Retention{})
	require.NoError(t, err)
	require.NoError(t, b.store.BeginSilence(t.Context(), b.number.ID, b.clock.now().Add(-time.Hour), b.clock.now()))
	_, err = b.redis.Lpush("wabagate:reconciled", `{"at":"2026-11-21T10:00:00Z","found":"lost","kind":"deliveries","pieces":12}`)
	require.NoError(t, err)
	got = say("/gateway")
	for _, want := range []string{`"running":false`, `"pieces":12`, `"display_number":"15550100200"`, `"table":"events"`} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, `"last_at":null`)
	_, page = b.page("/operations/gateway")
	for _, want := range []string{"not running", "12 pieces of work of deliveries put in again", "on time", "Shop"} {
		require.Contains(t, page, want)
	}
}
