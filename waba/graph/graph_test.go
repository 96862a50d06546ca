package graph_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"wabagate/waba/graph"
)

const (
	token  = "EAAGsecretTOKEN"
	secret = "0123appsecret"
)

// upstream is a server that answers by method and path, and remembers what it was asked.
type upstream struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []string      // method, path, query
	bodies  []string      // one for each
	headers []http.Header // one for each
}

// answering starts an upstream. A route is "POST /messages?limit=100"; what it answers begins with a status, 200 when it does
// not. Several answers are given one after the other, the last of them for good.
func answering(t *testing.T, routes map[string][]string) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		route := r.Method + " " + r.URL.RequestURI()
		u.mu.Lock()
		defer u.mu.Unlock()
		u.asked, u.bodies, u.headers = append(u.asked, route), append(u.bodies, string(body)), append(u.headers, r.Header.Clone())
		answers, ok := routes[route]
		if !ok {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		if len(answers) > 1 {
			routes[route] = answers[1:]
		}
		answer := strings.ReplaceAll(answers[0], "UPSTREAM", u.URL)
		status := http.StatusOK
		if n, _ := fmt.Sscanf(answer, "%d", &status); n == 1 {
			_, answer, _ = strings.Cut(answer, " ")
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(u.Close)
	return u
}

// one is an upstream with a single route.
func one(t *testing.T, route, answer string) *upstream {
	t.Helper()
	return answering(t, map[string][]string{route: {answer}})
}

func (u *upstream) account(style graph.Style) graph.Account {
	return graph.Account{
		Style: style, Base: u.URL, Token: token, PhoneNumberID: "600700800900100", WABAID: "500100200300400", AppID: "700100", AppSecret: secret,
	}
}

// said asserts what the upstream was asked, request by request.
func (u *upstream) said(t *testing.T, asked ...string) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if got, want := strings.Join(u.asked, "\n"), strings.Join(asked, "\n"); got != want {
		t.Errorf("asked\n%s\nnot\n%s", got, want)
	}
}

// last is the last request's body and header.
func (u *upstream) last(t *testing.T) (string, http.Header) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.bodies) == 0 {
		t.Fatal("nothing was asked")
	}
	return u.bodies[len(u.bodies)-1], u.headers[len(u.headers)-1]
}

func newClient() *graph.Client {
	return graph.New(&http.Client{Timeout: 5 * time.Second}, "wabagate/test")
}

// must fails a test on an error, and on one that holds a secret all the more.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// leaksNothing asserts that an error shows no secret, however it is printed.
func leaksNothing(t *testing.T, err error) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	var answer *graph.Error
	if errors.As(err, &answer) {
		text += fmt.Sprintf("%+v", *answer)
	}
	for _, s := range []string{token, secret} {
		if strings.Contains(text, s) {
			t.Errorf("a secret stands in %s", text)
		}
	}
}

func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if json.Unmarshal([]byte(got), &g) != nil || json.Unmarshal([]byte(want), &w) != nil || fmt.Sprint(g) != fmt.Sprint(w) {
		t.Errorf("%s is not %s", got, want)
	}
}

func TestStyles(t *testing.T) {
	t.Parallel()
	for style, want := range map[graph.Style]struct{ path, header, value string }{
		"":               {"/v26.0/600700800900100/messages", "Authorization", "Bearer " + token},
		graph.Cloud:      {"/v26.0/600700800900100/messages", "Authorization", "Bearer " + token},
		graph.Dialog360:  {"/messages", "D360-API-KEY", token},
		graph.OnPremises: {"/v1/messages", "D360-API-KEY", token},
	} {
		u := one(t, "POST "+want.path, `{"messages":[{"id":"wamid.OUT1"}]}`)
		accepted, err := newClient().Send(t.Context(), u.account(style), []byte(`{"x":1.0}`))
		if err != nil || accepted.Wamid != "wamid.OUT1" {
			t.Errorf("%s: %+v, %v", style, accepted, err)
			continue
		}
		body, header := u.last(t)
		if body != `{"x":1.0}` || header.Get(want.header) != want.value || header.Get("User-Agent") != "wabagate/test" || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s was asked with %s and %s", style, body, header)
		}
	}
	u := one(t, "POST /sub/v19.0/a%2Fb%3F/messages", `{"messages":[{"id":"w"}]}`)
	a := u.account(graph.Cloud)
	a.Base, a.Version, a.PhoneNumberID = a.Base+"/sub/", "v19.0", "a/b?"
	_, err := newClient().Send(t.Context(), a, nil)
	must(t, err)
}

func TestSend(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]graph.Accepted{
		`{"messaging_product":"whatsapp","contacts":[{"input":"+15550177321","wa_id":"15550177321","user_id":"US.1"}],"messages":[{"id":"wamid.OUT1","message_status":"accepted"}]}`: {
			Wamid: "wamid.OUT1", Input: "+15550177321", WaID: "15550177321", UserID: "US.1", MessageStatus: "accepted"},
		`{"messages":[{"id":"wamid.OUT1","group_id":"GRP01"}]}`:                           {Wamid: "wamid.OUT1", GroupID: "GRP01"},
		`{"messages":[{"id":"gBGGFlA5"}],"contacts":"none","meta":{"version":"2.53"}}`:    {Wamid: "gBGGFlA5"},
		`{"messages":[{"id":"wamid.OUT1"}],"contacts":[{"input":15550177321,"wa_id":7}]}`: {Wamid: "wamid.OUT1", Input: "15550177321", WaID: "7"},
	} {
		u := one(t, "POST /v26.0/600700800900100/messages", answer)
		got, err := newClient().Send(t.Context(), u.account(graph.Cloud), []byte(`{}`))
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v", answer, got, err)
		}
	}
}

func TestMarkRead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		style  graph.Style
		typing bool
		route  string
		body   string
	}{
		{graph.Cloud, false, "POST /v26.0/600700800900100/messages", `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.IN1"}`},
		{graph.Cloud, true, "POST /v26.0/600700800900100/messages", `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.IN1","typing_indicator":{"type":"text"}}`},
		{graph.Dialog360, true, "POST /messages", `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.IN1","typing_indicator":{"type":"text"}}`},
		{graph.OnPremises, true, "PUT /v1/messages/wamid.IN1", `{"status":"read"}`},
	} {
		u := one(t, tc.route, `{"success":true}`)
		must(t, newClient().MarkRead(t.Context(), u.account(tc.style), "wamid.IN1", tc.typing))
		body, _ := u.last(t)
		sameJSON(t, body, tc.body)
	}
	u := one(t, "POST /v26.0/600700800900100/messages", `{"success":false}`)
	if err := newClient().MarkRead(t.Context(), u.account(graph.Cloud), "wamid.IN1", false); err == nil {
		t.Error("a refusal with a good status is none")
	}
}

// TestAccountCannot has calls that end before anything is sent.
func TestAccountCannot(t *testing.T) {
	t.Parallel()
	u := answering(t, nil)
	c, ctx := newClient(), t.Context()
	good := u.account(graph.Cloud)
	send := func(change func(*graph.Account)) error {
		a := good
		change(&a)
		_, err := c.Send(ctx, a, []byte(`{}`))
		return err
	}
	_, noNumber := c.PhoneNumber(ctx, u.account(graph.Dialog360))
	_, noNumbers := c.PhoneNumbers(ctx, u.account(graph.OnPremises))
	_, noTemplates := c.Templates(ctx, u.account(graph.Dialog360))
	_, noToken := c.DebugToken(ctx, u.account(graph.Dialog360))
	_, noApps := c.SubscribedApps(ctx, u.account(graph.Dialog360))
	_, noCallbacks := c.Callbacks(ctx, u.account(graph.Dialog360))
	_, noHealth := c.HealthStatus(ctx, u.account(graph.OnPremises))
	_, noMedia := c.Media(ctx, u.account(graph.OnPremises), "1")
	_, noWebhook := c.Webhook(ctx, good)
	_, noMediaID := c.Media(ctx, good, "")
	_, upwards := c.Media(ctx, good, "..")
	_, elsewhere := c.Download(ctx, good, graph.Media{URL: "https://fbsbx.com.evil.example/x"})
	_, plain := c.Download(ctx, good, graph.Media{URL: "http://lookaside.fbsbx.com/x"})
	for name, err := range map[string]error{
		"no token":             send(func(a *graph.Account) { a.Token = "" }),
		"token with a newline": send(func(a *graph.Account) { a.Token = token + "\n" }),
		"no number":            send(func(a *graph.Account) { a.PhoneNumberID = "" }),
		"no base":              send(func(a *graph.Account) { a.Style, a.Base = graph.OnPremises, "" }),
		"base without scheme":  send(func(a *graph.Account) { a.Base = "graph.facebook.com" }),
		"base with a user":     send(func(a *graph.Account) { a.Base = "https://" + token + "@graph.facebook.com" }),
		"number of 360dialog":  noNumber, "numbers": noNumbers, "templates": noTemplates, "token": noToken, "apps": noApps, "callbacks": noCallbacks, "health": noHealth,
		"media": noMedia, "webhook": noWebhook, "set webhook": c.ConfigureWebhook(ctx, good, "x", nil), "delete webhook": c.DeleteWebhook(ctx, good),
		"subscribe": c.Subscribe(ctx, u.account(graph.OnPremises), "", ""), "unsubscribe": c.Unsubscribe(ctx, u.account(graph.OnPremises)),
		"override": c.SetOverride(ctx, u.account(graph.OnPremises), "", ""), "long override": c.SetOverride(ctx, good, "https://"+strings.Repeat("a", 193), "T"),
		"no media id": noMediaID, "upwards": upwards, "another host": elsewhere, "no TLS": plain,
	} {
		if !errors.Is(err, graph.ErrAccount) || graph.Judge(err).Decision != graph.Refused {
			t.Errorf("%s: %v", name, err)
		}
		leaksNothing(t, err)
	}
	u.said(t)
}

func TestAccountPrintsNoSecret(t *testing.T) {
	t.Parallel()
	a := graph.Account{Token: token, AppSecret: secret, PhoneNumberID: "600700800900100"}
	leaksNothing(t, fmt.Errorf("%v %+v %#v %s %q", a, a, a, &a, a.LogValue()))
}
