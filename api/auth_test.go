package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models"
)

func TestLogin(t *testing.T) {
	b := setup(t, func(o *api.Options) { o.SecureCookies = true })
	status, got, head := b.call("POST", "/api/client/login", `{"email":"We@Example.com ","password":"`+password+`"}`)
	require.Equal(t, 200, status)
	require.Equal(t, `{"user":{"id":1,"email":"we@example.com","business_id":1,"is_operator":true,"name":"","role":"owner"}}`, got)
	set := head.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "secure", "path=/", "expires="} {
		require.Contains(t, set, want)
	}
	cookie, _, _ := strings.Cut(set, ";")
	_, got, _ = b.call("GET", "/api/client/me", "", "Cookie", cookie)
	require.Equal(t, `{"user":{"id":1,"email":"we@example.com","business_id":1,"is_operator":true,"name":"","role":"owner"},"business":{"id":1,"name":"Ours"}}`, got)

	status, _, head = b.call("POST", "/api/client/logout", "", "Cookie", cookie)
	require.Equal(t, 200, status)
	require.Contains(t, head.Get("Set-Cookie"), "token=;")
	status, _, _ = b.call("GET", "/api/client/me", "", "Cookie", cookie)
	require.Equal(t, 401, status)

	for _, body := range []string{`{"email":"we@example.com","password":"wrong"}`, `{"email":"nobody@example.com","password":"` + password + `"}`} {
		status, got, head = b.call("POST", "/api/client/login", body)
		require.Equal(t, 401, status)
		require.Contains(t, got, `"code":"invalid_credentials"`)
		require.Empty(t, head.Get("Set-Cookie"))
	}
	for body, field := range map[string]string{`{}`: "email", `{"email":"a"}`: "password", `{"email":"a","password":"b","x":1}`: "x"} {
		status, got, _ = b.call("POST", "/api/client/login", body)
		require.Equal(t, 400, status)
		require.Contains(t, got, `"field":"`+field+`"`)
	}
}

func TestLoginLimit(t *testing.T) {
	b := setup(t)
	try := func(email, with string) (int, string) {
		status, _, head := b.call("POST", "/api/client/login", `{"email":"`+email+`","password":"`+with+`"}`)
		return status, head.Get("Retry-After")
	}
	for range 10 {
		status, _ := try("we@example.com", "wrong")
		require.Equal(t, 401, status)
	}
	status, wait := try("we@example.com", password)
	require.Equal(t, 429, status, "the right password waits too")
	require.NotEmpty(t, wait)
	status, _ = try("they@example.com", password)
	require.Equal(t, 200, status, "others do not")
	status, page, head := b.call("POST", "/login", "email=we@example.com&password=x", "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, 429, status, "the form has the same limit")
	require.Contains(t, page, "Too many failed logins")
	require.NotEmpty(t, head.Get("Retry-After"))

	b.clock.advance(15 * time.Minute)
	status, _ = try("we@example.com", password)
	require.Equal(t, 200, status)
	for range 15 { // successes do not count
		status, _ = try("we@example.com", password)
		require.Equal(t, 200, status)
	}
}

func TestWhoMayCall(t *testing.T) {
	b := setup(t)
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		code    string
	}{
		{"nobody", nil, 401, "unauthenticated"},
		{"a key", []string{"Authorization", "Bearer " + b.key.Text()}, 200, ""},
		{"a key, scheme in small letters", []string{"Authorization", "bearer " + b.key.Text()}, 200, ""},
		{"a wrong key", []string{"Authorization", "Bearer wbk_nonsense"}, 401, "unauthenticated"},
		{"a wrong key beside a session", []string{"Authorization", "Bearer wbk_nonsense", "Cookie", b.session}, 401, "unauthenticated"},
		{"another scheme", []string{"Authorization", "Basic YTpi"}, 401, "unauthenticated"},
		{"a number's key", []string{"Authorization", "Bearer " + b.numberKey.Text()}, 403, "number_key"},
		{"a session", []string{"Cookie", b.session}, 200, ""},
		{"a wrong session", []string{"Cookie", "token=nonsense"}, 401, "unauthenticated"},
	} {
		status, got, head := b.call("GET", "/api/client/webhooks", "", c.headers...)
		require.Equal(t, c.status, status, c.name)
		require.Equal(t, "no-store", head.Get("Cache-Control"))
		if c.code != "" {
			require.Contains(t, got, `"code":"`+c.code+`"`, c.name)
		}
	}
	status, got := b.api("GET", "/me", "")
	require.Equal(t, 200, status)
	require.Equal(t, `{"user":null,"business":{"id":1,"name":"Ours"}}`, got)
}

func TestOtherSitesAreTurnedAway(t *testing.T) {
	b := setup(t, func(o *api.Options) { o.PublicURL = "https://gate.example.com/" })
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"no browser", nil, 200},
		{"same origin", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"typed by hand", []string{"Sec-Fetch-Site", "none"}, 200},
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a sibling", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"own origin", []string{"Origin", "http://example.com"}, 200},
		{"public origin", []string{"Origin", "https://gate.example.com"}, 200},
		{"other origin", []string{"Origin", "https://evil.example"}, 403},
		{"hidden origin", []string{"Origin", "null"}, 403},
		{"other origin with a key", []string{"Origin", "https://app.example", "Authorization", "Bearer " + b.key.Text()}, 200},
	} {
		w := b.webhook()
		status, got, _ := b.call("DELETE", "/api/client/webhooks/"+decimal(w.ID), "", append([]string{"Cookie", b.session}, c.headers...)...)
		require.Equal(t, c.status, status, c.name+got)
	}
	status, _, _ := b.call("GET", "/api/client/webhooks", "", "Cookie", b.session, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 200, status, "reading is the browser's affair")
	for _, path := range []string{"/webhooks/new", "/login", "/logout", "/webhooks/1/delete", "/deliveries/dlv_1_1/resend", "/monitor/api/queues/x:pause"} {
		status, _, _ := b.call("POST", path, "", "Cookie", b.session, "Origin", "https://evil.example")
		require.Equal(t, 403, status, path)
	}
}

func TestAnothersThingsAreNotFound(t *testing.T) {
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) { w.URL = "https://203.0.113.7/inspect/ours" })
	delivery := b.delivery(w, "message.received", models.Succeeded, models.Attempt{Outcome: models.Delivered, Status: 200})
	require.NoError(t, refresh(b))
	k, _, err := b.store.CreateAPIKey(t.Context(), b.ours.ID, nil, "k")
	require.NoError(t, err)
	one := "/webhooks/" + decimal(w.ID)
	for _, c := range []struct{ method, path, body string }{
		{"GET", one, ""}, {"PUT", one, `{"name":"x"}`}, {"DELETE", one, ""}, {"GET", one + "/secret", ""}, {"POST", one + "/secret/rotate", ""}, {"POST", one + "/secret/rotate/finish", ""},
		{"POST", one + "/test", `{}`}, {"POST", "/webhooks/test", `{"webhook_id":` + decimal(w.ID) + `}`},
		{"GET", one + "/deliveries", ""}, {"GET", one + "/stats", ""}, {"GET", "/deliveries/" + delivery, ""}, {"POST", "/deliveries/" + delivery + "/resend", ""},
		{"DELETE", "/keys/" + decimal(k.ID), ""},
	} {
		status, got := b.foreign(c.method, c.path, c.body)
		require.Equal(t, 404, status, c.method+" "+c.path+" "+got)
	}
	for _, path := range []string{one, one + "/edit", "/deliveries/" + delivery, "/inspect/ours", "/inspect/ours/stream"} {
		status, _, _ := b.call("GET", path, "", "Cookie", b.theirUser)
		require.Equal(t, 404, status, path)
		if !strings.HasSuffix(path, "stream") {
			status, _ = b.page(path)
			require.Equal(t, 200, status, path)
		}
	}
	for _, path := range []string{one + "/edit", one + "/active", one + "/delete", one + "/test", one + "/secret/rotate", one + "/secret/rotate/finish", "/deliveries/" + delivery + "/resend"} {
		status, _, _ := b.call("POST", path, "name=x&url=https://203.0.113.7/&events=*&dialect=wabagate", "Cookie", b.theirUser, "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, 404, status, path)
	}
	for path, want := range map[string]string{"/webhooks": `{"webhooks":[]}`, "/numbers": `{"numbers":[]}`} {
		_, got := b.foreign("GET", path, "")
		require.Equal(t, want, got)
	}
	require.Zero(t, b.courier.posts.Load())
	after, err := b.store.Webhook(t.Context(), b.ours.ID, w.ID)
	require.NoError(t, err)
	require.Equal(t, w.Name, after.Name)
	require.Equal(t, w.Secret.Text(), after.Secret.Text())
}

// refresh has the server see what the test put into the store by itself.
func refresh(b *bundle) error {
	status, _, _ := b.call("POST", "/api/client/numbers", `{"phone_number_id":"`+decimal(b.store.NextID())+`"}`, "Cookie", b.session, "Content-Type", "application/json")
	if status != 201 {
		b.t.Fatalf("refresh: %d", status)
	}
	return nil
}

func TestKeys(t *testing.T) {
	b := setup(t)
	status, got := b.api("POST", "/keys", `{"name":"CI"}`)
	require.Equal(t, 201, status)
	made := decode[struct {
		ID  int64
		Key string
	}](t, got)
	require.True(t, strings.HasPrefix(made.Key, "wbk_"))
	call := func() int {
		status, _, _ := b.call("GET", "/api/client/webhooks", "", "Authorization", "Bearer "+made.Key)
		return status
	}
	require.Equal(t, 200, call())
	_, got = b.api("GET", "/keys", "")
	require.NotContains(t, got, made.Key)
	require.Contains(t, got, made.Key[:10])
	status, _ = b.api("DELETE", "/keys/"+decimal(made.ID), "")
	require.Equal(t, 200, status)
	require.Equal(t, 401, call(), "a deleted key ends at once")

	// Deleted elsewhere it ends within seconds.
	k, token, err := b.store.CreateAPIKey(t.Context(), b.ours.ID, nil, "k")
	require.NoError(t, err)
	made.Key = token.Text()
	require.Equal(t, 200, call())
	require.NoError(t, b.store.DeleteAPIKey(t.Context(), b.ours.ID, k.ID))
	b.clock.advance(3 * time.Second)
	require.Equal(t, 401, call())

	status, got = b.api("POST", "/keys", `{"name":"n","number_id":`+decimal(b.number.ID)+`}`)
	require.Equal(t, 201, status)
	require.Contains(t, got, `"key":"wbn_`)
	for body, field := range map[string]string{`{}`: "name", `{"name":"n","number_id":99}`: "number_id"} {
		status, got = b.api("POST", "/keys", body)
		require.Equal(t, 400, status)
		require.Contains(t, got, `"field":"`+field+`"`)
	}
	status, _ = b.foreign("POST", "/keys", `{"name":"n","number_id":`+decimal(b.number.ID)+`}`)
	require.Equal(t, 400, status, "another's number")
}

func TestNumbers(t *testing.T) {
	b := setup(t)
	operator := func(body string) (int, string) {
		status, got, _ := b.call("POST", "/api/client/numbers", body, "Cookie", b.session, "Content-Type", "application/json")
		return status, got
	}
	status, got := operator(`{"phone_number_id":"700","display_phone_number":"+1 (555) 010-0300","waba_id":"500","name":"فرع"}`)
	require.Equal(t, 201, status)
	require.Equal(t, `{"id":2,"message":"Number connected."}`, got)
	_, got = b.api("GET", "/numbers", "")
	require.Contains(t, got, `{"id":2,"phone_number_id":"700","display_phone_number":"15550100300","waba_id":"500","name":"فرع","created_at":"`)
	status, got = operator(`{"phone_number_id":"700"}`)
	require.Equal(t, 409, status)
	require.Contains(t, got, `"code":"conflict"`)
	for _, call := range []func(string, string, string) (int, string){b.api, b.foreign} {
		status, got = call("POST", "/numbers", `{"phone_number_id":"701"}`)
		require.Equal(t, 403, status, "a key claims no number")
		require.Contains(t, got, `"code":"operators_only"`)
	}
	for body, field := range map[string]string{`{}`: "phone_number_id", `{"phone_number_id":"12a"}`: "phone_number_id", `{"phone_number_id":"1","display_phone_number":"x"}`: "display_phone_number", `{"phone_number_id":"1","waba_id":"x"}`: "waba_id"} {
		status, got = operator(body)
		require.Equal(t, 400, status)
		require.Contains(t, got, `"field":"`+field+`"`)
	}
}
