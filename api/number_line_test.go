package api_test

import (
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/gateway"
	"wabagate/gateway/line"
	"wabagate/models"
	"wabagate/waba/graph"
	"wabagate/waba/wabatest"
)

// platform is a platform on loopback at which a server connects numbers.
type platform struct {
	*wabatest.Server
	base   string
	public string // where callbacks would go: nobody listens there
}

// connecting starts a platform and has a server connect numbers there.
func connecting(t *testing.T, o wabatest.Options) (*platform, func(*api.Options)) {
	t.Helper()
	p := &platform{Server: wabatest.New(o), public: "http://127.0.0.1:1"}
	t.Cleanup(p.Close)
	var err error
	p.base, err = p.Start("127.0.0.1:0")
	require.NoError(t, err)
	return p, func(o *api.Options) {
		o.PublicURL = p.public
		o.Lines, err = line.New(line.Options{Store: o.Store, Directory: o.Directory, Client: graph.New(&http.Client{Timeout: 5 * time.Second}, "wabagate/test"),
			CloudBase: p.base, Dialog360Base: p.base, PublicURL: p.public, Log: o.Log})
		require.NoError(t, err)
	}
}

// lineAnswer is what the routes of a number's connection answer.
type lineAnswer struct {
	ID      int64
	Message string
	Health  *health
	Number  struct {
		ID            int64
		PhoneNumberID string `json:"phone_number_id"`
		Display       string `json:"display_phone_number"`
		WABAID        string `json:"waba_id"`
		Name          string
		Upstream      *struct {
			Style, Version string
			AppID          string     `json:"app_id"`
			TokenExpiresAt *time.Time `json:"token_expires_at"`
			Rate           int
			Health         *health
		}
	}
	Error struct {
		Code, Message, Advice, Field, Step string
		Platform                           *struct{ Code, Title string }
	}
}

type health struct {
	OK, Subscribed bool
	Trouble        string
	VerifiedName   string `json:"verified_name"`
	CheckedAt      time.Time
}

// line asks for something about a number's connection as our program, and sees that no answer holds a secret.
func (b *bundle) line(method, path, body string, status int) lineAnswer {
	b.t.Helper()
	got, text := b.api(method, path, body)
	return b.answer(method+" "+path, status, got, text)
}

// byPerson asks for it as our user, who is an operator.
func (b *bundle) byPerson(method, path, body string, status int) lineAnswer {
	b.t.Helper()
	got, text, _ := b.call(method, "/api/client"+path, body, "Cookie", b.session, "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
	return b.answer(method+" "+path, status, got, text)
}

func (b *bundle) answer(asked string, want, status int, text string) lineAnswer {
	b.t.Helper()
	b.t.Log(asked, status, text)
	require.Equal(b.t, want, status, text)
	for _, secret := range []string{wabatest.DefaultToken, wabatest.DefaultAppSecret, "providers-key-1", "second-token"} {
		require.NotContains(b.t, text, secret)
	}
	return decode[lineAnswer](b.t, text)
}

const connectBody = `{"phone_number_id":"` + wabatest.DefaultNumberID + `","waba_id":"` + wabatest.DefaultWABAID + `","token":"` + wabatest.DefaultToken + `"}`

// An owner connects a number with the token that proves it, looks at it, and sees what became of it.
func TestConnectNumber(t *testing.T) {
	ends := time.Now().Add(3 * 24 * time.Hour).Truncate(time.Second).UTC()
	sim, lines := connecting(t, wabatest.Options{Tokens: []wabatest.Token{{Value: wabatest.DefaultToken}, {Value: "second-token", Expires: ends}}})
	b := setup(t, lines)
	made := b.line("POST", "/numbers", strings.Replace(connectBody, "{", `{"rate":200,"app_id":"`+wabatest.DefaultAppID+`",`, 1), 201)
	require.Equal(t, "Number connected.", made.Message)
	require.Equal(t, []string{wabatest.DefaultNumberID, wabatest.DefaultDisplay, wabatest.DefaultWABAID, wabatest.DefaultName},
		[]string{made.Number.PhoneNumberID, made.Number.Display, made.Number.WABAID, made.Number.Name})
	require.Equal(t, []any{"cloud", wabatest.DefaultAppID, 200}, []any{made.Number.Upstream.Style, made.Number.Upstream.AppID, made.Number.Upstream.Rate})
	require.True(t, made.Number.Upstream.Health.OK)
	one := "/numbers/" + decimal(made.ID)
	require.Equal(t, made.Number, b.line("GET", one, "", 200).Number)
	require.Equal(t, "Number connected again.", b.line("POST", "/numbers", connectBody, 200).Message)

	// The token is replaced without a gap: one that is no good leaves the one before.
	e := b.line("PUT", one, `{"token":"made-up-token"}`, 422).Error
	require.Equal(t, []string{"connect_token", "token", "token"}, []string{e.Code, e.Field, e.Step})
	require.Contains(t, e.Message, "Invalid OAuth access token")
	require.Contains(t, e.Advice, "Make a new token")
	require.True(t, b.line("POST", one+"/check", "", 200).Health.OK)
	got := b.line("PUT", one, `{"token":" second-token\n","rate":500}`, 200)
	require.Contains(t, got.Message, "Number updated. It needs attention: The token ends on ")
	require.True(t, got.Number.Upstream.TokenExpiresAt.Equal(ends))
	require.Equal(t, 500, got.Number.Upstream.Rate)
	require.Equal(t, got.Number, b.line("GET", one, "", 200).Number)
	require.Zero(t, b.line("PUT", one, `{"rate":null}`, 200).Number.Upstream.Rate)

	// The platform takes the token back: a check says so and what to do, and it stays said.
	sim.SetToken(wabatest.Token{Value: "second-token", Revoked: true})
	h := b.line("POST", one+"/check", "", 200).Health
	require.False(t, h.OK)
	require.Contains(t, h.Trouble, "Make a new token")
	require.Equal(t, h.Trouble, b.line("GET", one, "", 200).Number.Upstream.Health.Trouble)

	require.Contains(t, b.line("DELETE", one+"/upstream", "", 200).Message, "received as before")
	require.Nil(t, b.line("GET", one, "", 200).Number.Upstream)
	for _, c := range [][3]string{{"PUT", one, `{"rate":1}`}, {"POST", one + "/check", ""}, {"DELETE", one + "/upstream", ""}} {
		e = b.line(c[0], c[1], c[2], 409).Error
		require.Equal(t, []string{"no_token", "the number has no token yet: connect it with POST /api/client/numbers"}, []string{e.Code, e.Message})
	}
	require.NotContains(t, b.log.String(), "second-token")
	require.NotContains(t, b.log.String(), wabatest.DefaultToken)
}

// With override the platform posts the number's callbacks to this gateway, which proves its address.
func TestConnectNumberWithOverride(t *testing.T) {
	sim, lines := connecting(t, wabatest.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	sim.public = "http://" + l.Addr().String()
	var directory *models.Directory
	b := setup(t, lines, func(o *api.Options) { directory = o.Directory })
	_, err = b.store.CreateApp(t.Context(), models.App{BusinessID: &b.ours.ID, Name: "acme", VerifyToken: "the verify token", Secrets: []models.Secret{wabatest.DefaultAppSecret}})
	require.NoError(t, err)
	require.NoError(t, directory.Refresh(t.Context()))
	metrics := gateway.NewMetrics(prometheus.NewRegistry())
	acceptor := gateway.NewAcceptor(b.store, nil, b.queue, nil, slog.New(slog.DiscardHandler), metrics)
	t.Cleanup(acceptor.Close)
	front := fiber.New(fiber.Config{DisableStartupMessage: true})
	gateway.Register(front, directory, acceptor, slog.New(slog.DiscardHandler), metrics)
	go func() { _ = front.Listener(l) }()
	t.Cleanup(func() { _ = front.ShutdownWithTimeout(5 * time.Second) })
	made := b.line("POST", "/numbers", strings.Replace(connectBody, "{", `{"override":true,"app":"acme",`, 1), 201)
	require.Equal(t, "Number connected.", made.Message)
	require.Empty(t, made.Number.Upstream.Health.Trouble)
}

// What fails is said with what was answered and what to do.
func TestConnectNumberTroubles(t *testing.T) {
	sim, lines := connecting(t, wabatest.Options{Tokens: []wabatest.Token{{Value: wabatest.DefaultToken}, {Value: "sends-only", Scopes: []string{wabatest.ScopeMessaging}}}})
	b := setup(t, lines)
	with := func(members string) string { return strings.Replace(connectBody, "{", "{"+members+",", 1) }
	number := `"phone_number_id":"` + wabatest.DefaultNumberID + `"`
	for _, c := range []struct {
		name, body  string
		status      int
		code, field string
		says        string
	}{
		{"another style", with(`"style":"baileys"`), 400, "invalid", "style", "must be one of cloud, 360dialog, onprem"},
		{"a version that is none", with(`"version":"26"`), 400, "invalid", "version", "such as v26.0"},
		{"an app id that is none", with(`"app_id":"my app"`), 400, "invalid", "app_id", "digits only"},
		{"a rate that no number has", with(`"rate":1001`), 400, "invalid", "rate", "from 1 to 1000 messages per second"},
		{"a token that was copied badly", `{` + number + `,"token":"two words"}`, 400, "invalid", "token", "copy it again"},
		{"a token that is too long", `{` + number + `,"token":"` + strings.Repeat("x", 5000) + `"}`, 400, "too_long", "token", "at most 4096"},
		{"no token", `{` + number + `,"override":true}`, 400, "required", "token", "together with override"},
		{"neither token nor operator", `{` + number + `}`, 403, "operators_only", "", "send token and waba_id, which prove that it is yours"},
		{"a field that there is not", with(`"tokens":1`), 400, "unknown_field", "tokens", "known are"},
		{"no account, and a token for all", `{` + number + `,"token":"` + wabatest.DefaultToken + `"}`, 400, "invalid", "waba_id", "it stands above the number in WhatsApp Manager"},
		{"a token that may only send", strings.Replace(connectBody, wabatest.DefaultToken, "sends-only", 1), 422, "connect_permissions", "token", "whatsapp_business_management"},
		{"a number that there is not", strings.Replace(connectBody, wabatest.DefaultNumberID, "404404", 1), 422, "connect_number", "phone_number_id", "does not exist"},
		{"an app that is not here", with(`"app":"emca"`), 422, "connect_app", "app", `no app \"emca\"`},
		{"no app to direct callbacks to", with(`"override":true`), 422, "connect_app", "app", "No app of this gateway serves the business"},
		{"an address, by a key", with(`"base_url":"https://203.0.113.7"`), 403, "session_only", "", "log in"},
		{"a provider, by a key", `{"style":"360dialog","token":"providers-key-1"}`, 403, "session_only", "", "log in"},
	} {
		status, text := b.api("POST", "/numbers", c.body)
		e := b.answer(c.name, c.status, status, text).Error
		require.Equal(t, []string{c.code, c.field}, []string{e.Code, e.Field}, c.name)
		require.Contains(t, text, c.says, c.name)
	}
	for body, code := range map[string]string{with(`"base_url":"http://10.0.0.1"`): "url_forbidden", with(`"base_url":"nowhere"`): "invalid"} {
		e := b.byPerson("POST", "/numbers", body, 400).Error
		require.Equal(t, []string{code, "base_url"}, []string{e.Code, e.Field})
	}

	// What the platform answered comes along; where it has a problem of its own, the same may work later.
	e := b.line("POST", "/numbers", strings.Replace(connectBody, wabatest.DefaultNumberID, "404404", 1), 422).Error
	require.Equal(t, "100", e.Platform.Code)
	require.NoError(t, sim.AddFaults(wabatest.Fault{At: wabatest.AtManage, Kind: wabatest.FaultError, Status: 500, Code: 1}))
	require.Equal(t, "1", b.line("POST", "/numbers", connectBody, 502).Error.Platform.Code)
	sim.ClearFaults()
	require.NoError(t, sim.AddFaults(wabatest.Fault{At: wabatest.AtManage, Kind: wabatest.FaultClose}))
	e = b.line("POST", "/numbers", connectBody, 502).Error
	require.Contains(t, e.Message, "no answer came")
	require.Nil(t, e.Platform)
	sim.ClearFaults()

	ns, err := b.store.Numbers(t.Context(), b.ours.ID)
	require.NoError(t, err)
	require.Len(t, ns, 1, "nothing is kept of what failed")
	require.NotContains(t, b.log.String(), wabatest.DefaultToken)
}

// A number is its business's alone: another cannot see, change or take it.
func TestAnothersNumber(t *testing.T) {
	_, lines := connecting(t, wabatest.Options{})
	b := setup(t, lines)
	made := b.line("POST", "/numbers", connectBody, 201)
	one := "/numbers/" + decimal(made.ID)
	calls := [][3]string{{"GET", one, ""}, {"PUT", one, `{"rate":1}`}, {"PUT", one, `{"token":"second-token"}`}, {"POST", one + "/check", ""}, {"DELETE", one + "/upstream", ""}}
	for _, c := range calls {
		status, got := b.foreign(c[0], c[1], c[2])
		require.Equal(t, 404, status, c[0]+" "+c[1]+got)
		status, got, _ = b.call(c[0], "/api/client"+c[1], c[2], "Authorization", "Bearer "+b.numberKey.Text())
		require.Equal(t, 403, status, got)
		require.Contains(t, got, `"code":"number_key"`)
		status, _, _ = b.call(c[0], "/api/client"+c[1], c[2])
		require.Equal(t, 401, status)
	}
	status, got := b.foreign("POST", "/numbers", connectBody)
	require.Equal(t, 409, status, got)
	require.Contains(t, got, `"code":"conflict"`)
	require.Contains(t, got, "connected to another business")
	for _, c := range calls {
		b.line(c[0], strings.Replace(c[1], one, "/numbers/99", 1), c[2], 404)
	}
	require.True(t, b.line("GET", one, "", 200).Number.Upstream.Health.OK)
}

func TestUpdateNumberRefuses(t *testing.T) {
	_, lines := connecting(t, wabatest.Options{})
	b := setup(t, lines)
	one := "/numbers/" + decimal(b.line("POST", "/numbers", connectBody, 201).ID)
	for body, field := range map[string]string{``: "token", `{}`: "token", `{"token":""}`: "token", `{"token":null}`: "token", `{"token":"a b"}`: "token", `{"rate":-1}`: "rate", `{"rate":"80"}`: "rate",
		`{"name":"x"}`: "name"} {
		require.Equal(t, field, b.line("PUT", one, body, 400).Error.Field, body)
	}
	require.Equal(t, "x", b.line("POST", one+"/check", `{"x":1}`, 400).Error.Field)
}

// A provider is told the number's secret address, and so takes a person.
func TestConnectAtProvider(t *testing.T) {
	sim, lines := connecting(t, wabatest.Options{Keys: []wabatest.Key{{Value: "providers-key-1", PhoneNumberID: wabatest.DefaultNumberID}}})
	b := setup(t, lines)
	made := b.byPerson("POST", "/numbers", `{"style":"360dialog","token":"providers-key-1"}`, 201)
	require.Equal(t, wabatest.DefaultNumberID, made.Number.PhoneNumberID)
	require.True(t, made.Number.Upstream.Health.Subscribed)
	one := "/numbers/" + decimal(made.ID)
	fresh := sim.SetKey(wabatest.Key{PhoneNumberID: wabatest.DefaultNumberID})
	require.Equal(t, "session_only", b.line("PUT", one, `{"token":"`+fresh+`"}`, 403).Error.Code)
	require.Equal(t, "connect_token", b.byPerson("PUT", one, `{"token":"providers-key-1"}`, 422).Error.Code)
	require.True(t, b.byPerson("PUT", one, `{"token":"`+fresh+`"}`, 200).Number.Upstream.Health.OK)
	require.Equal(t, 7, b.line("PUT", one, `{"rate":7}`, 200).Number.Upstream.Rate)

	ns, err := b.store.Numbers(t.Context(), b.ours.ID)
	require.NoError(t, err)
	at := slices.IndexFunc(ns, func(n models.Number) bool { return n.ID == made.ID })
	_, list := b.api("GET", "/numbers", "")
	require.NotContains(t, list, ns[at].OnpremToken.Text())
}

func TestWithoutLines(t *testing.T) {
	b := setup(t)
	one := "/numbers/" + decimal(b.number.ID)
	require.Nil(t, b.line("GET", one, "", 200).Number.Upstream, "what is kept can be read")
	for _, c := range [][3]string{{"POST", "/numbers", connectBody}, {"PUT", one, `{"rate":1}`}, {"POST", one + "/check", ""}, {"DELETE", one + "/upstream", ""}} {
		require.Equal(t, "no part of this gateway connects numbers by their token: ask its operator", b.line(c[0], c[1], c[2], 501).Error.Message)
	}
}
