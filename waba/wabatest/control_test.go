package wabatest_test

import (
	"net/http"
	"strings"
	"testing"

	"wabagate/waba/wabatest"
)

func TestControl(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{OpenWindow: true})
	ok := func(method, path string, body any) answer {
		t.Helper()
		got := b.call(method, "/_sim/"+path, body, "Authorization", "")
		if got.status != http.StatusOK {
			t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
		}
		return got
	}
	ok("POST", "faults", `{"kind":"refuse","code":131056,"next":1}`)
	ok("POST", "faults", `{"kind":"slow","delay":"5ms","at":"model","next":1}`)
	if got := ok("GET", "faults", nil); got.member("faults.0.code") != "131056" || got.member("faults.1.delay") != "5ms" {
		t.Errorf("%s", got.body)
	}
	b.wants(b.call("POST", messages, text(customer, "Hi")), 400, "131056")
	ok("DELETE", "faults", nil)
	id := b.send(text(customer, "Hi", "biz_opaque_callback_data", "order-7"))
	b.send(text(customer, "Hi again"))
	b.send(text("15550170001", "Hi"))
	b.settle()
	sent := ok("GET", "sent?tracking=order", nil)
	if sent.member("messages.0.id") != id || sent.member("messages.1") != "" || sent.member("tally.accepted") != "3" || sent.member("tally.refused.131056") != "1" ||
		sent.member("tally.duplicates") != "1" || sent.member("count.messages") != "1" || sent.member("tally.peak") == "0" {
		t.Errorf("%s", sent.body)
	}
	if got := ok("GET", "sent?after=1&limit=1", nil); got.member("messages.0.to") != customer || got.member("messages.1") != "" {
		t.Errorf("%s", got.body)
	}
	if got := ok("GET", "recipients?at_least=2", nil); got.member("recipients.0.to") != customer || got.member("recipients.1") != "" {
		t.Errorf("%s", got.body)
	}
	if got := ok("GET", "callbacks", nil); got.member("facts") != "9" || got.member("pending") != "0" {
		t.Errorf("%s", got.body)
	}
	if got := ok("GET", "dropped", nil); string(got.body) != `{"dropped":[]}` {
		t.Errorf("%s", got.body)
	}
	in := ok("POST", "inbound", map[string]any{"from": customer, "name": "Ada", "text": "hello"}).member("id")
	b.settle()
	if m := b.messages(); len(m) != 1 || m[0].ID != in {
		t.Errorf("%+v", m)
	}
	ok("POST", "window", map[string]any{"phone_number_id": wabatest.DefaultNumberID, "customer": customer, "hours_ago": 30})
	ok("POST", "media", map[string]any{"mime_type": "image/png", "file_size": 10})
	ok("POST", "apps", wabatest.App{ID: "9", Secret: "s"})
	ok("POST", "wabas", wabatest.WABA{ID: "8", Apps: []string{"9"}})
	ok("POST", "numbers", wabatest.Number{ID: "7", WABAID: "8", Display: "15550100300"})
	ok("POST", "tokens", `{"value":"t7","app_id":"9","wabas":["8"]}`)
	ok("POST", "templates", `{"waba_id":"8","name":"n","language":"de"}`)
	ok("POST", "groups", wabatest.Group{ID: "G", PhoneNumberID: "7", Participants: []string{"15550170001"}})
	if got := b.call("GET", "/v26.0/8/message_templates", nil, "Authorization", "Bearer t7"); got.member("data.0.language") != "de" {
		t.Errorf("%s", got.body)
	}
	if got := b.call("POST", "/v26.0/7/messages", text("G", "Hi", "recipient_type", "group"), "Authorization", "Bearer t7"); got.status != 200 {
		t.Errorf("%s", got.body)
	}
	ok("POST", "personas", `{"bot":true,"limit":1,"think":"1ms"}`)
	ok("DELETE", "personas", nil)
	if got := b.call("POST", chat, conversation); got.status != 200 {
		t.Errorf("%s", got.body)
	}
	if got := ok("GET", "prompts", nil); got.member("prompts.0.model") != "demo-1" {
		t.Errorf("%s", got.body)
	}
	if key := ok("POST", "keys", `{"phone_number_id":"7","on_premises":true}`).member("key"); key == "" {
		t.Error("no key")
	}
	b.settle()
	ok("POST", "reset", nil)
	if tally := b.sim.Tally(); tally.Accepted != 0 || tally.Requests != 0 || tally.Callbacks.Posted != 0 || tally.Recipients != 0 {
		t.Errorf("%+v", tally)
	}
	b.send(text(customer, "Hi"))
	b.settle()
	if tally := b.sim.Tally(); tally.Accepted != 1 || tally.Duplicates != 0 || tally.Callbacks.Facts != 3 {
		t.Errorf("%+v", tally)
	}
	if got := ok("GET", "", nil); !strings.Contains(string(got.body), "POST /_sim/inbound") {
		t.Errorf("%s", got.body)
	}
	for call, body := range map[string]any{
		"POST faults": `{"kind":"explode"}`, "POST inbound": `{"frm":"1"}`, "POST keys": `{"phone_number_id":"404"}`, "POST window": `{}`,
		"GET sent?limit=x": nil, "GET recipients?at_least=-1": nil, "POST personas": `{"think":"soon"}`, "POST tokens": `{`,
	} {
		method, path, _ := strings.Cut(call, " ")
		if got := b.call(method, "/_sim/"+path, body); got.status != 400 || got.member("error") == "" {
			t.Errorf("%s: %d %s", call, got.status, got.body)
		}
	}
	if got := b.call("GET", "/_sim/nothing", nil); got.status != 404 || !strings.Contains(got.member("error"), "lists") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{})
	for _, path := range []string{"/", "/v26.0", "/v26.0/a/b/c"} {
		if got := b.call("GET", path, nil); got.status != 400 || got.member("error.code") != "2500" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	b.wants(b.call("GET", number+"/messages", nil), 400, "100")
	if got := b.call("GET", b.sim.MediaURL()+"/v26.0/"+wabatest.DefaultNumberID, nil); got.status != 404 {
		t.Errorf("the host of media answers %d", got.status)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{})
	for _, address := range []string{"8090", strings.TrimPrefix(b.base, "http://")} {
		other := wabatest.New(wabatest.Options{})
		if _, err := other.Start(address); err == nil {
			t.Errorf("%s: listens", address)
		}
		other.Close()
		other.Close() // does no harm
	}
}
