package wabatest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"wabagate/waba/wabatest"
)

const (
	number  = "/v26.0/" + wabatest.DefaultNumberID
	account = "/v26.0/" + wabatest.DefaultWABAID
)

func TestTokens(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{Tokens: []wabatest.Token{
		{Value: wabatest.DefaultToken},
		{Value: "expired", Expires: time.Now().Add(-time.Hour)},
		{Value: "revoked", Revoked: true},
		{Value: "reads", Scopes: []string{wabatest.ScopeManagement}},
		{Value: "sends", Scopes: []string{wabatest.ScopeMessaging}},
		{Value: "other", WABAs: []string{"1"}},
	}})
	for token, want := range map[string]struct {
		send, read int
		code       string
	}{
		"":                    {401, 401, "190"},
		"made up":             {401, 401, "190"},
		"expired":             {401, 401, "190"},
		"revoked":             {401, 401, "190"},
		"reads":               {403, 200, "200"},
		"sends":               {200, 403, "200"},
		"other":               {400, 400, "100"},
		wabatest.DefaultToken: {200, 200, ""},
	} {
		header := "Bearer " + token
		if token == "" {
			header = ""
		}
		send := b.call("POST", messages, text(customer, "Hi"), "Authorization", header)
		read := b.call("GET", number, nil, "Authorization", header)
		if send.status != want.send || read.status != want.read {
			t.Errorf("%q: sends %d %s, reads %d %s", token, send.status, send.body, read.status, read.body)
		}
		for _, got := range []answer{send, read} {
			if got.status != 200 && got.member("error.code") != want.code {
				t.Errorf("%q: %s", token, got.body)
			}
		}
	}
	if got := b.call("GET", number, nil, "Authorization", "Bearer expired"); got.member("error.error_subcode") != "463" {
		t.Errorf("%s", got.body)
	}

	app := wabatest.DefaultAppID + "|" + wabatest.DefaultAppSecret
	debug := func(input string) answer {
		return b.call("GET", "/debug_token?"+url.Values{"input_token": {input}, "access_token": {app}}.Encode(), nil, "Authorization", "")
	}
	if got := debug("reads"); got.member("data.is_valid") != "true" || got.member("data.app_id") != wabatest.DefaultAppID || got.member("data.expires_at") != "0" ||
		got.member("data.scopes.0") != wabatest.ScopeManagement || got.member("data.scopes.1") != "" {
		t.Errorf("%s", got.body)
	}
	if got := debug("other"); got.member("data.granular_scopes.0.target_ids.0") != "1" {
		t.Errorf("%s", got.body)
	}
	if got := debug("expired"); got.member("data.is_valid") != "false" || got.member("data.error.code") != "190" || got.member("data.expires_at") == "0" {
		t.Errorf("%s", got.body)
	}
	if got := debug("made up"); got.status != 200 || got.member("data.is_valid") != "false" {
		t.Errorf("%d %s", got.status, got.body)
	}
	b.wants(b.call("GET", "/v26.0/debug_token?input_token=reads", nil, "Authorization", "Bearer 700100|wrong"), 401, "190")
}

func TestNumbersAndTemplates(t *testing.T) {
	t.Parallel()
	var numbers []wabatest.Number
	for i := range 30 {
		numbers = append(numbers, wabatest.Number{ID: "6000" + string(rune('A'+i)), Display: "15550100200", VerifiedName: "Bakery", Throughput: 80})
	}
	numbers[0] = wabatest.Number{ID: wabatest.DefaultNumberID, Display: "15550100200", VerifiedName: "Demo Bakery", Throughput: 1000, Quality: "YELLOW"}
	b := start(t, wabatest.Options{Numbers: numbers})
	got := b.call("GET", number+"?fields=display_phone_number,verified_name,quality_rating,throughput,status", nil)
	if got.member("id") != wabatest.DefaultNumberID || got.member("display_phone_number") != "+1 555-010-0200" || got.member("verified_name") != "Demo Bakery" ||
		got.member("quality_rating") != "YELLOW" || got.member("throughput.level") != "HIGH" || got.member("status") != "CONNECTED" || got.member("platform_type") != "" {
		t.Errorf("%s", got.body)
	}
	b.wants(b.call("GET", number+"?fields=colour", nil), 400, "100")
	b.wants(b.call("GET", "/v26.0/404404", nil), 400, "100")
	if got := b.call("GET", "/v26.0/404404", nil); got.member("error.error_subcode") != "33" {
		t.Errorf("%s", got.body)
	}

	seen := map[string]bool{}
	next := account + "/phone_numbers"
	pages := 0
	for ; next != ""; pages++ {
		got := b.call("GET", next, nil)
		for i := range 100 {
			if id := got.member("data." + string(rune('0'+i%10)) + ".id"); i < 10 && id != "" {
				seen[id] = true
			}
		}
		if next = got.member("paging.next"); next != "" {
			next += "&limit=10"
		}
		if pages == 0 {
			next = account + "/phone_numbers?limit=10&after=" + b.call("GET", account+"/phone_numbers?limit=10", nil).member("paging.cursors.after")
		}
	}
	if len(seen) != 30 || pages != 3 {
		t.Errorf("%d numbers on %d pages", len(seen), pages)
	}
	b.wants(b.call("GET", account+"/phone_numbers?after=!", nil), 400, "131059")

	got = b.call("GET", account+"/message_templates?name=order_ready&fields=name,language,status,category,components", nil)
	if got.member("data.0.name") != "order_ready" || got.member("data.0.language") != "en_US" || got.member("data.0.status") != "APPROVED" ||
		got.member("data.0.components.0.type") != "BODY" || got.member("data.1.language") != "pt_BR" || got.member("data.2.name") != "" {
		t.Errorf("%s", got.body)
	}
	b.sim.SetTemplate(wabatest.Template{Name: "order_ready", Language: "en_US", Status: "DISABLED"})
	body := `{"messaging_product":"whatsapp","to":"15550177321","type":"template","template":{"name":"order_ready","language":{"code":"en_US"}}}`
	b.wants(b.call("POST", messages, body), 400, "132016")
	b.sim.SetNumber(wabatest.Number{ID: wabatest.DefaultNumberID, Display: "15550100200", Status: "DISCONNECTED"})
	b.wants(b.call("POST", messages, text(customer, "Hi")), 400, "133010")
}

// reaches sends a message and says which of the gateways got its statuses.
func reaches(b *bench, gateways ...*gateway) string {
	b.t.Helper()
	before := make([]int, len(gateways))
	for i, g := range gateways {
		before[i] = len(g.statuses())
	}
	b.send(text(customer, "Hi"))
	b.settle()
	var hit strings.Builder
	for i, g := range gateways {
		if len(g.statuses()) > before[i] {
			hit.WriteByte("anwx"[i])
		}
	}
	return hit.String()
}

func TestWhichAddressIsCalled(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true})
	a, w, n := b.gateway, newGateway(t), newGateway(t)
	if got := reaches(b, a, n, w); got != "a" {
		t.Errorf("the app's address: %q", got)
	}
	ok := func(got answer) {
		t.Helper()
		if got.status != 200 || string(got.body) != `{"success":true}` {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	ok(b.call("POST", account+"/subscribed_apps", map[string]string{"override_callback_uri": w.URL, "verify_token": verifyToken}))
	if got := b.call("GET", account+"/subscribed_apps", nil); got.member("data.0.override_callback_uri") != w.URL ||
		got.member("data.0.whatsapp_business_api_data.id") != wabatest.DefaultAppID {
		t.Errorf("%s", got.body)
	}
	if got := reaches(b, a, n, w); got != "w" {
		t.Errorf("the account's address: %q", got)
	}
	webhook := func(address string) any {
		return map[string]any{"webhook_configuration": map[string]string{"override_callback_uri": address, "verify_token": verifyToken}}
	}
	ok(b.call("POST", number, webhook(n.URL)))
	if got := b.call("GET", number+"?fields=webhook_configuration", nil); got.member("webhook_configuration.phone_number") != n.URL ||
		got.member("webhook_configuration.whatsapp_business_account") != w.URL || got.member("webhook_configuration.application") != a.URL {
		t.Errorf("%s", got.body)
	}
	if got := reaches(b, a, n, w); got != "n" {
		t.Errorf("the number's address: %q", got)
	}
	ok(b.call("POST", number, webhook("")))
	ok(b.call("POST", account+"/subscribed_apps", nil))
	if got := reaches(b, a, n, w); got != "a" {
		t.Errorf("without overrides: %q", got)
	}
	ok(b.call("DELETE", account+"/subscribed_apps", nil))
	if got := reaches(b, a, n, w); got != "" {
		t.Errorf("unsubscribed: %q", got)
	}
	if lost := b.sim.Dropped(); len(lost) != 3 || lost[0].Why != wabatest.LostUnsubscribed {
		t.Errorf("%+v", lost)
	}
}

func TestHandshakeThatFails(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{})
	webhook := func(address, token string) answer {
		return b.call("POST", number, map[string]any{"webhook_configuration": map[string]string{"override_callback_uri": address, "verify_token": token}})
	}
	b.wants(webhook(b.URL, "wrong"), 400, "2200")
	b.wants(webhook("http://127.0.0.1:1/", verifyToken), 400, "2200")
	b.wants(webhook(b.base+"/_sim/tally", verifyToken), 400, "2200") // answers 200, but not the challenge
	b.wants(webhook("gateway", verifyToken), 400, "100")
	b.wants(webhook(b.URL, ""), 400, "100")
	b.wants(webhook(b.URL+"/"+strings.Repeat("x", 200), verifyToken), 400, "100")
	b.wants(b.call("POST", account+"/subscribed_apps", map[string]string{"override_callback_uri": b.URL, "verify_token": "wrong"}), 400, "2200")
	if got := b.call("GET", number+"?fields=webhook_configuration", nil); got.member("webhook_configuration.phone_number") != "" {
		t.Errorf("%s", got.body)
	}
}

func TestAppSubscriptions(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true})
	other := newGateway(t)
	const path = "/v26.0/" + wabatest.DefaultAppID + "/subscriptions"
	own := []string{"Authorization", "Bearer " + wabatest.DefaultAppID + "|" + wabatest.DefaultAppSecret, "Content-Type", "application/x-www-form-urlencoded"}
	form := func(token, fields string) string {
		return url.Values{"object": {"whatsapp_business_account"}, "callback_url": {other.URL}, "verify_token": {token}, "fields": {fields}}.Encode()
	}
	b.wants(b.call("POST", path, form(verifyToken, "messages")), 403, "15")
	b.wants(b.call("POST", path, form("wrong", "messages"), own...), 400, "2200")
	b.wants(b.call("POST", path, form(verifyToken, ""), own...), 400, "100")
	if got := b.call("POST", path, form(verifyToken, "messages,calls"), own...); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.call("GET", path, nil, own...); got.member("data.0.callback_url") != other.URL || got.member("data.0.fields.1.name") != "calls" {
		t.Errorf("%s", got.body)
	}
	if got := reaches(b, b.gateway, other); got != "n" {
		t.Errorf("reached %q", got)
	}
}

// Several apps on one account all hear of everything, each with its own signature; when one of them fails, all hear it again.
func TestTwoApps(t *testing.T) {
	t.Parallel()
	second := newGateway(t)
	b := start(t, wabatest.Options{OpenWindow: true, Latency: wabatest.At(0), Delivered: -1, Retry: wabatest.Retry{First: 20 * time.Millisecond},
		Apps:  []wabatest.App{{ID: "1", Secret: wabatest.DefaultAppSecret}, {ID: "2", Secret: wabatest.DefaultAppSecret, CallbackURL: second.URL}},
		WABAs: []wabatest.WABA{{ID: wabatest.DefaultWABAID, Apps: []string{"2"}}}})
	second.answers(500)
	id := b.send(text(customer, "Hi"))
	for deadline := time.Now().Add(5 * time.Second); len(b.statuses()[id]) < 3 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	second.answers(0)
	b.settle()
	if n := len(b.statuses()[id]); n < 3 {
		t.Errorf("the healthy app heard it %d times", n)
	}
	if got := words(second.statuses()[id]); got != "sent" {
		t.Errorf("the failing app: %q", got)
	}
	if c := b.sim.Callbacks(); c.Acknowledged != 1 || c.Refused["500"] < 2 || c.Facts != 1 {
		t.Errorf("%+v", c)
	}
}

func TestCallbacksAreSentAgain(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true, Retry: wabatest.Retry{First: 10 * time.Millisecond, For: 10 * time.Second}})
	b.answers(503)
	id := b.send(text(customer, "Hi"))
	time.Sleep(100 * time.Millisecond)
	if c := b.sim.Callbacks(); c.Pending == 0 || c.Acknowledged != 0 || c.Refused["503"] < 2 {
		t.Errorf("%+v", c)
	}
	b.answers(0)
	b.settle()
	if got := b.statuses()[id]; len(got) != 3 {
		t.Errorf("%q", words(got))
	}
	if len(b.sim.Dropped()) != 0 {
		t.Errorf("%+v", b.sim.Dropped())
	}
}

func TestCallbacksAreGivenUp(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true, Retry: wabatest.Retry{First: 10 * time.Millisecond, For: 50 * time.Millisecond}})
	b.answers(404)
	b.send(text(customer, "Hi"))
	b.settle()
	if lost := b.sim.Dropped(); len(lost) != 3 || lost[0].Why != wabatest.LostGivenUp {
		t.Errorf("%+v", lost)
	}
}
