package wabatest_test

import (
	"strings"
	"testing"

	"wabagate/waba/wabatest"
)

// atProvider starts a simulator whose number is at the provider, with its callbacks coming to the gateway.
func atProvider(t *testing.T, onPremises bool) *bench {
	t.Helper()
	b := start(t, wabatest.Options{OpenWindow: true, Keys: []wabatest.Key{{Value: "key-1", PhoneNumberID: wabatest.DefaultNumberID, OnPremises: onPremises}}})
	b.unsigned = true
	path := b.URL
	if onPremises {
		path += "/onprem"
	}
	got := b.call("POST", "/v1/configs/webhook", map[string]any{"url": path, "headers": map[string]string{"Authorization": "Basic abc"}}, keyed...)
	if got.status != 200 || got.member("url") != path {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return b
}

var keyed = []string{wabatest.KeyHeader, "key-1", "Authorization", ""}

func TestProviderOfTheCloud(t *testing.T) {
	t.Parallel()
	b := atProvider(t, false)
	for _, path := range []string{"/messages", "/v1/messages"} {
		got := b.call("POST", path, text(customer, "Hi"), keyed...)
		if got.status != 200 || got.member("contacts.0.wa_id") != customer {
			t.Fatalf("%d %s", got.status, got.body)
		}
		b.settle()
		if s := b.statuses()[got.member("messages.0.id")]; words(s) != "sent delivered read" {
			t.Errorf("%s", words(s))
		}
	}
	for _, h := range b.headers {
		if h.Get("Authorization") != "Basic abc" {
			t.Errorf("%v", h)
		}
	}
	b.wants(b.call("POST", "/messages", `{"messaging_product":"whatsapp","to":"15550177321","type":"poll"}`, keyed...), 400, "131051")
	b.wants(b.call("POST", messages, text(customer, "not through the platform")), 400, "100")

	got := b.call("POST", "/messages", text(customer, "Hi"), wabatest.KeyHeader, "wrong")
	if got.status != 401 || got.member("meta.developer_message") != "Invalid api_key" || got.member("meta.success") != "false" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.call("GET", "/v1/secret", nil, keyed...); got.status != 403 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.call("GET", "/health_status", nil, keyed...); got.member("health_status.can_send_message") != "AVAILABLE" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestProviderWebhook(t *testing.T) {
	t.Parallel()
	b := atProvider(t, false)
	get := func(key string) answer { return b.call("GET", "/v1/configs/webhook", nil, wabatest.KeyHeader, key) }
	if got := get("key-1"); got.member("url") != b.URL || got.member("headers.Authorization") != "Basic abc" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.call("DELETE", "/v1/configs/webhook", nil, keyed...); got.status != 405 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.call("POST", "/v1/configs/webhook", `{"url":"http://bad_name/"}`, keyed...); got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.call("POST", "/v1/configs/webhook", `{"url":""}`, keyed...); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := get("key-1"); got.status != 404 || got.member("meta.http_code") != "404" {
		t.Errorf("%d %s", got.status, got.body)
	}
	b.call("POST", "/v1/configs/webhook", map[string]string{"url": b.URL}, keyed...)
	fresh := b.sim.SetKey(wabatest.Key{PhoneNumberID: wabatest.DefaultNumberID})
	if got := get("key-1"); got.status != 401 {
		t.Errorf("the old key still opens: %d", got.status)
	}
	if got := get(fresh); got.status != 404 {
		t.Errorf("the webhook outlived its key: %d %s", got.status, got.body)
	}

	allows := start(t, wabatest.Options{ProviderDelete: true, Keys: []wabatest.Key{{Value: "key-1", PhoneNumberID: wabatest.DefaultNumberID}}})
	allows.call("POST", "/v1/configs/webhook", map[string]string{"url": allows.URL}, keyed...)
	if got := allows.call("DELETE", "/v1/configs/webhook", nil, keyed...); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := allows.call("GET", "/v1/configs/webhook", nil, keyed...); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestProviderMedia(t *testing.T) {
	t.Parallel()
	b := atProvider(t, false)
	if _, err := b.sim.Receive(wabatest.Inbound{From: customer, Media: &wabatest.Media{Size: 3000}}); err != nil {
		t.Fatal(err)
	}
	b.settle()
	m := b.messages()[0].Media
	about := b.call("GET", "/"+m.ID, nil, keyed...)
	for _, address := range []string{m.URL, about.member("url")} {
		path, ok := strings.CutPrefix(address, "https://lookaside.fbsbx.com")
		if !ok {
			t.Fatalf("the address is %s", address)
		}
		if file := b.call("GET", path, nil, keyed...); file.status != 200 || len(file.body) != 3000 {
			t.Errorf("%d, %d bytes", file.status, len(file.body))
		}
		if page := b.call("GET", path, nil, wabatest.KeyHeader, "wrong"); page.status != 401 {
			t.Errorf("%d with a wrong key", page.status)
		}
	}
	body, contentType := form(t, "image/png", "x.png", []byte("png"))
	up := b.call("POST", "/media", body, append([]string{"Content-Type", contentType}, keyed...)...)
	if up.status != 200 {
		t.Fatalf("%d %s", up.status, up.body)
	}
	if got := b.call("DELETE", "/"+up.member("id"), nil, keyed...); string(got.body) != `{"success":true}` {
		t.Errorf("%d %s", got.status, got.body)
	}
	b.wants(b.call("GET", "/"+up.member("id"), nil, keyed...), 400, "100")
}

func TestProviderOnPremises(t *testing.T) {
	t.Parallel()
	b := atProvider(t, true)
	got := b.call("POST", "/v1/messages", `{"to":"15550177321","type":"text","text":{"body":"Hi"}}`, keyed...)
	id := got.member("messages.0.id")
	if got.status != 200 || strings.HasPrefix(id, "wamid") || got.member("contacts") != "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	in, err := b.sim.Receive(wabatest.Inbound{From: customer, Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	b.settle()
	if s := b.statuses()[id]; words(s) != "sent delivered read" || s[0].RecipientUserID != "" {
		t.Errorf("%+v", s)
	}
	if m := b.messages(); len(m) != 1 || m[0].Text != "hello" || m[0].FromUserID != "" {
		t.Errorf("%+v", m)
	}
	for _, body := range b.bodies {
		if strings.Contains(string(body), `"entry"`) {
			t.Errorf("an envelope: %s", body)
		}
	}
	bad := b.call("POST", "/v1/messages", `{"to":"15550177321","type":"text"}`, keyed...)
	if bad.status != 400 || bad.member("errors.0.code") != "1008" || bad.member("errors.0.details") == "" || bad.member("meta.api_status") == "" {
		t.Errorf("%d %s", bad.status, bad.body)
	}
	if err := b.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultFail, Code: 131047, Next: 1}); err != nil {
		t.Fatal(err)
	}
	failing := b.call("POST", "/v1/messages", `{"to":"15550177321","type":"text","text":{"body":"Hi"}}`, keyed...).member("messages.0.id")
	b.settle()
	if s := b.statuses()[failing]; len(s) != 1 || s[0].Status != "failed" || s[0].Errors[0].Code != "470" {
		t.Errorf("%+v", s)
	}
	if got := b.call("PUT", "/v1/messages/"+in, `{"status":"read"}`, keyed...); got.status != 200 || b.sim.Tally().Read != 1 {
		t.Errorf("%d %s", got.status, got.body)
	}
	up := b.call("POST", "/v1/media", "a picture", append([]string{"Content-Type", "image/jpeg"}, keyed...)...)
	if file := b.call("GET", "/v1/media/"+up.member("media.0.id"), nil, keyed...); up.status != 200 || string(file.body) != "a picture" {
		t.Errorf("%d %s, %s", up.status, up.body, file.body)
	}
}
