package trigger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wabagate/cmd/wabagate/remote"
)

const key = "wbk_1"

// gateway speaks as much of the API as trigger uses: webhooks in pages of two, the catalogue, and trials. Webhook 7
// accepts, webhook 8 does not, and nobody answers for webhook 9.
type gateway struct {
	webhooks []int64
	asked    []string // methods and paths, in order
	event    string   // of the last trial
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.asked = append(g.asked, r.Method+" "+r.URL.RequestURI())
	switch path := r.URL.Path; {
	case r.Header.Get("Authorization") != "Bearer "+key:
		refuse(w, http.StatusUnauthorized, "unauthenticated", "", "log in, or send a key as Authorization: Bearer wbk_…")
	case r.Method == http.MethodGet && path == "/api/client/webhooks":
		g.list(w, r.URL.Query().Get("cursor"))
	case r.Method == http.MethodGet && path == "/api/client/event-types":
		_, _ = io.WriteString(w, `{"event_types":[{"name":"message.received","description":"A customer sent anything.","aliases":["message.incoming"],"emitted":true,"sample":{}},`+
			`{"name":"order.created","description":"A customer sent a cart.","aliases":[],"emitted":true,"sample":null}]}`)
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/test"):
		g.try(w, r, strings.TrimSuffix(strings.TrimPrefix(path, "/api/client/webhooks/"), "/test"))
	default:
		refuse(w, http.StatusNotFound, "not_found", "", "not found")
	}
}

func (g *gateway) list(w http.ResponseWriter, cursor string) {
	from := 0
	if cursor != "" {
		_, _ = fmt.Sscan(cursor, &from)
	}
	var parts []string
	for _, id := range g.webhooks[from:min(from+2, len(g.webhooks))] {
		parts = append(parts, fmt.Sprintf(`{"id":%d,"name":"CRM \u001b[31m%d","url":"https://crm.example.com/%d","events":["*"],"is_active":1,"dialect":"twabot"}`, id, id, id))
	}
	next := ""
	if from+2 < len(g.webhooks) {
		next = fmt.Sprintf(`,"next_cursor":"%d"`, from+2)
	}
	fmt.Fprintf(w, `{"webhooks":[%s]%s}`, strings.Join(parts, ","), next)
}

func (g *gateway) try(w http.ResponseWriter, r *http.Request, id string) {
	var in struct{ Event string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "malformed_json", "", err.Error())
		return
	}
	g.event = in.Event
	if in.Event != "message.received" {
		refuse(w, http.StatusBadRequest, "unknown_event", "event", "nothing is called "+in.Event+"; did you mean message.received?")
		return
	}
	outcome, status, reason := "delivered", 200, ""
	switch id {
	case "8":
		outcome, status, reason = "rejected", 500, "answered 500 Internal Server Error"
	case "9":
		outcome, status, reason = "refused", 0, "connection refused: nothing listens at this address"
	case "404":
		refuse(w, http.StatusNotFound, "not_found", "", "there is no such thing, or it is not yours")
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "outcome": outcome, "reason": reason, "latency_ms": 34, "answer": "thank you\x1b[2J\nsir",
		"payload": `{"event":"message.received","data":{"text":"مرحبا"}}`, "event_id": "evt_1", "event": in.Event})
}

func refuse(w http.ResponseWriter, status int, code, field, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "message": message, "field": field}})
}

// run runs the command as a shell would.
func run(t *testing.T, g http.Handler, args ...string) (string, error) {
	t.Helper()
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	return execute(t, append(args, "--url", s.URL)...)
}

func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := Command()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	g := &gateway{webhooks: []int64{7}}
	out, err := run(t, g, "message.received", "--key", key)
	if err != nil {
		t.Fatal(err)
	}
	want := `event    message.received  evt_1
webhook  7
status   200  (delivered)
latency  34 ms
answer   thank you` + "\ufffd" + `[2J
         sir
payload
{
  "event": "message.received",
  "data": {
    "text": "مرحبا"
  }
}
`
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	if len(g.asked) != 2 || g.asked[1] != "POST /api/client/webhooks/7/test" {
		t.Errorf("asked %v", g.asked)
	}
}

func TestNotAccepted(t *testing.T) {
	t.Parallel()
	for webhook, want := range map[string][]string{
		"8": {"status   500  (rejected)", "reason   answered 500"},
		"9": {"status   none, no answer came  (refused)", "reason   connection refused"},
	} {
		out, err := run(t, &gateway{}, "message.received", "--key", key, "--webhook", webhook)
		if err == nil || !strings.Contains(err.Error(), "did not accept") {
			t.Errorf("webhook %s: %v", webhook, err)
		}
		for _, part := range want {
			if !strings.Contains(out, part) {
				t.Errorf("webhook %s: no %q in\n%s", webhook, part, out)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	out, err := run(t, &gateway{}, "message.received", "--key", key, "--webhook", "7", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var trial Trial
	if err := json.Unmarshal([]byte(out), &trial); err != nil || trial.Payload != `{"event":"message.received","data":{"text":"مرحبا"}}` || trial.Webhook != 7 || !trial.Accepted() {
		t.Errorf("%v: %s", err, out)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	out, err := run(t, &gateway{}, "--list", "--key", key)
	want := `EVENT             WHEN
message.received  A customer sent anything. (also message.incoming)
order.created     A customer sent a cart.
`
	if err != nil || out != want {
		t.Errorf("%v, got\n%s", err, out)
	}
}

func TestSeveralWebhooksAreListed(t *testing.T) {
	t.Parallel()
	g := &gateway{webhooks: []int64{7, 8, 9, 10, 11}}
	_, err := run(t, g, "message.received", "--key", key)
	if err == nil {
		t.Fatal("one of five was chosen")
	}
	for _, want := range []string{"there are 5 webhooks, name one with --webhook", "  7   CRM \ufffd[31m7   twabot  https://crm.example.com/7\n", "  11  "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if g.event != "" {
		t.Error("something was sent")
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Setenv(remote.KeyVariable, "")
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>a router</html>") })
	elsewhere := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://example.com/", http.StatusMovedPermanently)
	})
	for want, test := range map[string]struct {
		gateway http.Handler
		args    []string
	}{
		"there is no webhook: create one":        {&gateway{}, []string{"message.received", "--key", key}},
		"there is no webhook 404":                {&gateway{}, []string{"message.received", "--key", key, "--webhook", "404"}},
		"did you mean message.received?":         {&gateway{}, []string{"message.recieved", "--key", key, "--webhook", "7"}},
		"the key is not accepted: check --key":   {&gateway{}, []string{"message.received", "--key", "wbk_2"}},
		"give a business's API key with --key":   {&gateway{}, []string{"message.received"}},
		"which event?":                           {&gateway{}, []string{"--key", key}},
		"ids begin at 1":                         {&gateway{}, []string{"message.received", "--key", key, "--webhook", "0"}},
		"--list lists the events and sends none": {&gateway{}, []string{"message.received", "--list", "--key", key}},
		"does not speak the gateway's API":       {page, []string{"message.received", "--key", key}},
		"give --url the final address":           {elsewhere, []string{"message.received", "--key", key}},
		"not as a gateway does":                  {http.NotFoundHandler(), []string{"message.received", "--key", key}},
	} {
		_, err := run(t, test.gateway, test.args...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if err != nil && strings.Contains(err.Error(), "wbk_2") {
			t.Errorf("the key is in %v", err)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	if _, err := execute(t, "message.received", "--key", key, "--url", s.URL); err == nil || !strings.Contains(err.Error(), "is the gateway running there?") {
		t.Error(err)
	}
	if _, err := execute(t, "message.received", "--key", key, "--gateway", "localhost"); err == nil || !strings.Contains(err.Error(), "is not an address") {
		t.Error(err)
	}
}

func TestKeyFromTheEnvironment(t *testing.T) {
	t.Setenv(remote.KeyVariable, key)
	if _, err := run(t, &gateway{webhooks: []int64{7}}, "message.received"); err != nil {
		t.Error(err)
	}
}
