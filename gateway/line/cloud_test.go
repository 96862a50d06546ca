package line

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba/wabatest"
)

func TestConnect(t *testing.T) {
	t.Parallel()
	ends := time.Now().Add(60 * 24 * time.Hour).Truncate(time.Second).UTC()
	b := setup(t, wabatest.Options{Tokens: []wabatest.Token{{Value: wabatest.DefaultToken, Expires: ends}},
		Numbers: []wabatest.Number{{ID: wabatest.DefaultNumberID, Display: "15550100200", VerifiedName: "Demo Bakery", Throughput: 1000, Quality: "YELLOW"}}})
	r := request()
	r.Rate = 200
	c := b.connect(r)
	require.True(t, c.New)
	require.Equal(t, models.Number{ID: c.Number.ID, BusinessID: b.ours.ID, PhoneNumberID: wabatest.DefaultNumberID, Display: "15550100200", WABAID: wabatest.DefaultWABAID,
		Name: "Demo Bakery", CreatedAt: c.Number.CreatedAt}, c.Number)

	u, err := b.store.UpstreamOf(t.Context(), c.Number.ID)
	require.NoError(t, err)
	require.Equal(t, wabatest.DefaultToken, u.Token.Text())
	require.True(t, u.TokenExpiresAt.Equal(ends), "%s, not %s", u.TokenExpiresAt, ends)
	require.Equal(t, []any{StyleCloud, b.base, wabatest.DefaultAppID, 200}, []any{u.Style, u.Base, u.AppID, u.Rate})
	h := u.Checked
	require.WithinDuration(t, time.Now(), h.At, time.Minute)
	h.At = time.Time{}
	require.Equal(t, models.UpstreamHealth{OK: true, Subscribed: true, VerifiedName: "Demo Bakery", Quality: "YELLOW", Throughput: "HIGH"}, h)
	require.Equal(t, h, func() models.UpstreamHealth { c.Upstream.Checked.At = time.Time{}; return c.Upstream.Checked }())

	// What a customer writes arrives, signed, at the app's address.
	_, err = b.sim.Receive(wabatest.Inbound{From: customer, Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, 1, b.callbacks())

	// Connected again it is brought up to date, and stays one number. What it was called here, and its rate, stay.
	b.sim.SetNumber(wabatest.Number{ID: wabatest.DefaultNumberID, Display: "15550100999", VerifiedName: "Demo Bakery and Sons"})
	again := b.connect(request())
	require.False(t, again.New)
	require.Equal(t, 200, again.Upstream.Rate)
	require.Len(t, b.numbers(), 1)
	require.Equal(t, "15550100999", b.numbers()[0].Display)
	require.Equal(t, "Demo Bakery", b.numbers()[0].Name)
	require.Equal(t, "Demo Bakery and Sons", again.Upstream.Checked.VerifiedName)
	require.NotContains(t, b.log.String(), wabatest.DefaultToken)
}

// news remembers what it was told.
type news struct {
	told []string
	err  error
}

func (n *news) TellConnected(_ context.Context, number models.Number, at time.Time) error {
	if number.ID == 0 || at.IsZero() {
		return errors.New("told of nothing")
	}
	n.told = append(n.told, number.PhoneNumberID)
	return n.err
}

// Whoever is interested hears of a number when it is connected, and not when it is brought up to date.
func TestConnectTells(t *testing.T) {
	t.Parallel()
	heard := &news{}
	b := setup(t, wabatest.Options{}, func(o *Options) { o.News = heard })
	c := b.connect(request())
	b.connect(request())
	require.Equal(t, []string{wabatest.DefaultNumberID}, heard.told)
	require.NoError(t, b.Disconnect(t.Context(), b.ours.ID, c.Number.ID))
	heard.err = errors.New("the database is away")
	require.True(t, b.connect(request()).Upstream.Checked.OK, "that nobody could be told is no reason to fail")
	require.Len(t, heard.told, 2)
	require.Contains(t, b.log.String(), "nobody was told that a number was connected")
}

// A token for one account says which it is, and an app that is known here need not be named.
func TestConnectFindsOut(t *testing.T) {
	t.Parallel()
	b := setup(t, wabatest.Options{Tokens: []wabatest.Token{{Value: wabatest.DefaultToken, WABAs: []string{wabatest.DefaultWABAID}}}})
	c := b.connect(Request{Token: wabatest.DefaultToken, PhoneNumberID: wabatest.DefaultNumberID, Override: true})
	require.Equal(t, wabatest.DefaultWABAID, c.Number.WABAID)
	require.Equal(t, wabatest.DefaultAppID, c.Upstream.AppID)
	require.Empty(t, c.Upstream.Checked.Trouble)
}

// Where the platform tells nothing of the token, calls tell.
func TestConnectWithoutWordOfTheToken(t *testing.T) {
	t.Parallel()
	b := setup(t, wabatest.Options{})
	require.NoError(t, b.sim.AddFaults(wabatest.Fault{At: wabatest.AtManage, Kind: wabatest.FaultError, Status: 400, Code: 100, Next: 2})) // as the app, and as itself
	c := b.connect(request())
	require.Equal(t, wabatest.DefaultAppID, c.Upstream.AppID)
	require.True(t, c.Upstream.TokenExpiresAt.IsZero())
}

// Without an override callbacks go where the app says, and the owner is told when that is not here.
func TestConnectWithoutOverride(t *testing.T) {
	t.Parallel()
	b := setup(t, wabatest.Options{CallbackURL: "http://127.0.0.1:1/crm/secret-path"})
	r := request()
	r.Override = false
	c := b.connect(r)
	require.True(t, c.Upstream.Checked.OK)
	require.Equal(t, "The number's callbacks go to http://127.0.0.1:1/…: unless they are passed on to this gateway, connect the number again with override.", c.Upstream.Checked.Trouble)

	// An account's own address that somebody set is not taken away by connecting.
	client, account := newClient(), Account(c.Upstream, c.Number)
	require.NoError(t, client.Subscribe(t.Context(), account, b.public+cloudPath+appName, verifyToken))
	c = b.connect(r)
	require.Empty(t, c.Upstream.Checked.Trouble)
	apps, err := client.SubscribedApps(t.Context(), account)
	require.NoError(t, err)
	require.Equal(t, b.public+cloudPath+appName, apps[0].Override)
}

// Every step can fail. Each failure names the step, says what the platform answered and what to do, holds no secret and
// leaves nothing behind.
func TestConnectTroubles(t *testing.T) {
	t.Parallel()
	const good = wabatest.DefaultToken
	manage := func(kind string, f wabatest.Fault) []wabatest.Fault {
		f.At, f.Kind = wabatest.AtManage, kind
		return []wabatest.Fault{f}
	}
	for _, c := range []struct {
		name    string
		tokens  []wabatest.Token
		options func(*wabatest.Options)
		faults  []wabatest.Fault
		change  func(*Request)
		step    Step
		field   string
		code    int // of the answer; 0: there is none
		says    string
		advises string
	}{
		{name: "a style that there is not", change: func(r *Request) { r.Style = "baileys" }, step: StepRequest, field: "style", says: "style is missing or wrong", advises: "cloud, 360dialog, onprem"},
		{name: "no token", change: func(r *Request) { r.Token = "" }, step: StepRequest, field: "token", advises: "system user"},
		{name: "no number", change: func(r *Request) { r.PhoneNumberID = "" }, step: StepRequest, field: "phone_number_id", advises: "WhatsApp Manager"},
		{name: "no account, and a token for all", change: func(r *Request) { r.WABAID = "" }, step: StepRequest, field: "waba_id", advises: "WhatsApp Manager"},
		{name: "an address that is none", change: func(r *Request) { r.Base = "graph" }, step: StepNumber, field: "phone_number_id", says: "its base must be an absolute address"},
		{name: "an app that is not here", change: func(r *Request) { r.App = "emca" }, step: StepApp, field: "app", says: `no app "emca"`, advises: "wabagate admin app"},
		{name: "a wrong app secret", change: func(r *Request) { r.AppSecret = "0123not-the-secret" }, step: StepApp, field: "app_secret", code: 190,
			says: "The token could not be checked with the app's own: the answer is 190", advises: "Check app_id and app_secret"},
		{name: "another app's token", tokens: []wabatest.Token{{Value: good, AppID: "700999"}}, change: func(r *Request) { r.AppID = wabatest.DefaultAppID }, step: StepApp, field: "app_id",
			says: "made for the app 700999 Other, not for " + wabatest.DefaultAppID, advises: "token's own app"},
		{name: "a token that never was", tokens: []wabatest.Token{{Value: "another"}}, step: StepToken, field: "token", says: "not valid: Invalid OAuth access token", advises: "Make a new token"},
		{name: "a token that ended", tokens: []wabatest.Token{{Value: good, Expires: time.Now().Add(-time.Hour)}}, step: StepToken, field: "token", says: "Session has expired", advises: "Make a new token"},
		{name: "a revoked token, asked about itself", tokens: []wabatest.Token{{Value: good, Revoked: true}}, change: func(r *Request) { r.AppID = "" }, step: StepToken, field: "token", code: 190,
			says: "session has been invalidated", advises: "Make a new token"},
		{name: "a token that may only send", tokens: []wabatest.Token{{Value: good, Scopes: []string{wabatest.ScopeMessaging}}}, step: StepPermissions, field: "token",
			says: "lacks the permission whatsapp_business_management.", advises: "tick whatsapp_business_messaging and whatsapp_business_management"},
		{name: "a token that may not send", tokens: []wabatest.Token{{Value: good, Scopes: []string{wabatest.ScopeManagement}}}, step: StepPermissions, field: "token", says: "whatsapp_business_messaging."},
		{name: "a token for another account", tokens: []wabatest.Token{{Value: good, WABAs: []string{"501"}}}, step: StepPermissions, field: "waba_id", says: "for other WhatsApp accounts (501), not for " + wabatest.DefaultWABAID},
		{name: "a number that there is not", change: func(r *Request) { r.PhoneNumberID = "404404" }, step: StepNumber, field: "phone_number_id", code: 100,
			says: "The number could not be read: the answer is 100, Unsupported get request. Object with ID '404404' does not exist", advises: "Check phone_number_id"},
		{name: "an account that there is not", change: func(r *Request) { r.WABAID = "404" }, step: StepAccount, field: "waba_id", code: 100, advises: "Check waba_id"},
		{name: "a number of another account", options: func(o *wabatest.Options) { o.WABAs = []wabatest.WABA{{ID: wabatest.DefaultWABAID}, {ID: "502"}} }, change: func(r *Request) { r.WABAID = "502" },
			step: StepAccount, field: "waba_id", says: "not one of the WhatsApp account 502", advises: "the number belongs to"},
		{name: "no proof", change: func(r *Request) { r.Base = strings.Replace(r.Base, "127.0.0.1", "localhost", 1) }, step: StepClaim, field: "phone_number_id", says: "Nothing proves", advises: "operator"},
		{name: "an address that the platform cannot reach", change: func(r *Request) { r.PublicURL = "http://127.0.0.1:1" }, step: StepOverride, field: "override", code: 2200,
			says: "could not be directed here: the answer is 2200", advises: "reachable from the internet over https"},
		{name: "an address that is too long", change: func(r *Request) { r.PublicURL = "http://127.0.0.1:1/" + strings.Repeat("x", 200) }, step: StepOverride, field: "override", says: "at most 200 are allowed"},
		{name: "the platform is down", faults: manage(wabatest.FaultError, wabatest.Fault{Status: 500, Code: 1}), step: StepNumber, field: "phone_number_id", code: 1, says: "the answer is 1, API Unknown", advises: "try again"},
		{name: "the platform hangs up", faults: manage(wabatest.FaultClose, wabatest.Fault{}), step: StepNumber, field: "phone_number_id", says: "The number could not be read: ", advises: "Try again"},
		{name: "a page instead of an answer", faults: manage(wabatest.FaultHTML, wabatest.Fault{}), step: StepNumber, field: "phone_number_id", says: "status 502 Bad Gateway, the answer is an HTML page"},
		{name: "rubbish instead of an answer", faults: manage(wabatest.FaultGarbage, wabatest.Fault{}), step: StepNumber, field: "phone_number_id", says: "the answer is not JSON", advises: "base address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := wabatest.Options{Apps: []wabatest.App{{ID: wabatest.DefaultAppID, Secret: wabatest.DefaultAppSecret, Name: "Gateway"}, {ID: "700999", Name: "Other"}}, Tokens: c.tokens}
			if c.options != nil {
				c.options(&o)
			}
			b := setup(t, o)
			require.NoError(t, b.sim.AddFaults(c.faults...))
			r := request()
			if c.name == "no proof" {
				r.Base = b.base // under another name it is another address, and could be anybody's
			}
			if c.change != nil {
				c.change(&r)
			}
			_, err := b.Connect(t.Context(), b.ours.ID, r)
			got := trouble(t, err)
			t.Log(err)
			require.Equal(t, c.step, got.Step)
			require.Equal(t, c.field, got.Field)
			require.Contains(t, got.Message, c.says)
			require.Contains(t, got.Advice, c.advises)
			require.NotEmpty(t, got.Advice)
			if c.code != 0 {
				require.NotNil(t, got.Answer)
				require.Equal(t, c.code, got.Answer.Code)
			}
			leaksNothing(t, got, r)
			require.Empty(t, b.numbers(), "nothing is kept")
			us, err := b.store.Upstreams(t.Context())
			require.NoError(t, err)
			require.Empty(t, us)
		})
	}
}

func leaksNothing(t *testing.T, got *Trouble, r Request) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %s", got, *got, got.Text())
	if got.Answer != nil {
		text += fmt.Sprintf("%+v", *got.Answer)
	}
	for _, secret := range []string{r.Token.Text(), r.AppSecret.Text(), wabatest.DefaultAppSecret, verifyToken} {
		if secret != "" {
			require.NotContains(t, text, secret)
		}
	}
}

// Each call after the first can fail by itself.
func TestConnectFailsAtEachCall(t *testing.T) {
	t.Parallel()
	for before, want := range []Step{StepNumber, StepAccount, StepSubscription, StepSubscription, StepOverride} {
		t.Run(fmt.Sprint(before, " ", want), func(t *testing.T) {
			t.Parallel()
			// The token is asked about first; subscribed apps are read and then changed; a list ends with an empty page.
			calls := []int{1, 2, 4, 5, 6}[before]
			b := setup(t, wabatest.Options{})
			b.o.Client = newClient(failing(calls))
			_, err := b.Connect(t.Context(), b.ours.ID, request())
			got := trouble(t, err)
			require.Equal(t, want, got.Step, got.Error())
			require.True(t, got.Unreached)
			require.Empty(t, b.numbers())
			b.o.Client = newClient()
			require.Empty(t, b.connect(request()).Upstream.Checked.Trouble, "the second try goes through")
		})
	}
}

func TestClaim(t *testing.T) {
	t.Parallel()
	b := setup(t, wabatest.Options{})
	r := request()
	r.Override = false
	stranger := func(r Request) error { _, err := b.Connect(t.Context(), b.theirs.ID, r); return err }

	// Who confirms it matters: the address could be the asker's own.
	elsewhere := r
	elsewhere.Base = strings.Replace(b.base, "127.0.0.1", "localhost", 1)
	require.Equal(t, StepClaim, trouble(t, stranger(elsewhere)).Step)
	elsewhere.Operator = true
	require.NoError(t, stranger(elsewhere))

	got := trouble(t, func() error { _, err := b.Connect(t.Context(), b.ours.ID, r); return err }())
	require.Equal(t, StepClaim, got.Step)
	require.True(t, got.Taken)
	require.Empty(t, b.numbers())
	r.Operator = true
	_, err := b.Connect(t.Context(), b.ours.ID, r)
	require.True(t, trouble(t, err).Taken, "an operator does not take it away either")
}

// An address that a business chose could be its own: it gets no secret of the gateway's, and its word on whose a WhatsApp
// account is counts for nothing.
func TestConnectAtAnAddressOfOnesOwn(t *testing.T) {
	t.Parallel()
	b := setup(t, wabatest.Options{WABAs: []wabatest.WABA{{ID: wabatest.DefaultWABAID}, {ID: "502"}}})
	heard := &tap{to: b.base}
	own := httptest.NewServer(heard)
	t.Cleanup(own.Close)
	kept, err := b.store.CreateNumber(t.Context(), models.Number{BusinessID: b.ours.ID, PhoneNumberID: wabatest.DefaultNumberID, WABAID: wabatest.DefaultWABAID})
	require.NoError(t, err)

	r := request()
	r.Base = own.URL
	_, err = b.Connect(t.Context(), b.ours.ID, r)
	got := trouble(t, err)
	require.Equal(t, []any{StepOverride, "override"}, []any{got.Step, got.Field})
	require.Contains(t, got.Text(), "at the platform's own address only. Leave base_url out")
	r.Override = false
	require.Equal(t, kept.ID, b.connect(r).Number.ID)
	for _, secret := range []string{wabatest.DefaultAppSecret, url.QueryEscape(verifyToken), verifyToken} {
		require.NotContains(t, heard.text(), secret)
	}
	require.Contains(t, heard.text(), wabatest.DefaultToken, "it was asked")

	// The account of another.
	_, err = b.store.CreateNumber(t.Context(), models.Number{BusinessID: b.ours.ID, PhoneNumberID: "601", WABAID: "501"})
	require.NoError(t, err)
	b.sim.SetNumber(wabatest.Number{ID: "601", Display: "15550100201"})
	r.PhoneNumberID = "601"
	_, err = b.Connect(t.Context(), b.ours.ID, r)
	got = trouble(t, err)
	require.Equal(t, []any{StepClaim, "waba_id"}, []any{got.Step, got.Field})
	require.Contains(t, got.Text(), "Nothing proves that the WhatsApp account is yours")
	r.Operator, r.Override = true, true
	require.Equal(t, wabatest.DefaultWABAID, b.connect(r).Number.WABAID)
	require.Contains(t, heard.text(), wabatest.DefaultAppSecret, "an operator says that the address is good")
}

func TestAccount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, kept, asked, said string
		believed, operator      bool
		want                    string
		step                    Step
	}{
		{name: "nobody says", kept: "500", want: "500"},
		{name: "nobody knows"},
		{name: "the platform says", asked: "500", said: "500", believed: true, want: "500"},
		{name: "the platform says it alone", said: "500", believed: true, want: "500"},
		{name: "the platform says another than was kept", kept: "501", said: "500", believed: true, want: "500"},
		{name: "the platform says another than was asked", asked: "501", said: "500", believed: true, step: StepAccount},
		{name: "only the asker says", asked: "500", believed: true, step: StepClaim},
		{name: "the asker and an address of theirs say", asked: "500", said: "500", step: StepClaim},
		{name: "as was kept", kept: "500", asked: "500", want: "500"},
		{name: "an operator says", kept: "501", asked: "500", operator: true, want: "500"},
	} {
		got, err := account(models.Number{WABAID: c.kept}, Request{WABAID: c.asked, Operator: c.operator}, c.said, c.believed)
		require.Equal(t, c.want, got, c.name)
		if c.step == "" {
			require.NoError(t, err, c.name)
		} else {
			require.Equal(t, c.step, trouble(t, err).Step, c.name)
		}
	}
}

// The platform's own address proves a number whether it is named or not; another style's is no address of this one.
func TestAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ style, base, want string }{
		{StyleCloud, "", ""},
		{StyleCloud, "https://graph.facebook.com", ""},
		{StyleCloud, "https://graph.facebook.com/", ""},
		{StyleCloud, "https://graph.facebook.com.example", "https://graph.facebook.com.example"},
		{StyleCloud, "http://graph.facebook.com", "http://graph.facebook.com"},
		{StyleCloud, "https://waba-v2.360dialog.io", "https://waba-v2.360dialog.io"},
		{Style360dialog, "https://waba-v2.360dialog.io/", ""},
		{Style360dialog, "https://graph.facebook.com", "https://graph.facebook.com"},
		{StyleOnPremises, "https://waba-v2.360dialog.io", "https://waba-v2.360dialog.io"},
		{StyleOnPremises, "https://waba.example/base/", "https://waba.example/base"},
	} {
		require.Equal(t, c.want, Request{Style: c.style, Base: c.base}.address(), "%s %s", c.style, c.base)
	}
}

func TestWhichApp(t *testing.T) {
	t.Parallel()
	b := setup(t, wabatest.Options{})
	ctx := t.Context()
	app := func(name string, business *int64) {
		_, err := b.store.CreateApp(ctx, models.App{BusinessID: business, Name: name, VerifyToken: "v-" + models.Secret(name), Secrets: []models.Secret{"s-" + models.Secret(name)}})
		require.NoError(t, err)
		require.NoError(t, b.directory.Refresh(ctx))
	}
	which := func(business int64, r Request) string {
		got, err := b.appOf(business, r)
		if err != nil {
			return trouble(t, err).Message
		}
		return got.Name
	}
	with := Request{Override: true}
	require.Contains(t, which(b.theirs.ID, with), "No app of this gateway serves the business")
	require.Empty(t, which(b.theirs.ID, Request{}))
	require.Contains(t, which(b.theirs.ID, Request{App: appName}), "no app", "another business's app is none")
	app("shared", nil)
	require.Equal(t, "shared", which(b.theirs.ID, with))
	require.Equal(t, appName, which(b.ours.ID, with), "one's own comes first")
	require.Equal(t, "shared", which(b.ours.ID, Request{App: "shared"}))
	app("second", &b.ours.ID)
	require.Equal(t, "Several apps serve the business: acme, second.", which(b.ours.ID, with))
	require.Empty(t, which(b.ours.ID, Request{}), "without an override it does not matter")
	require.Equal(t, "second", which(b.ours.ID, Request{App: "second"}))
}

func TestReplace(t *testing.T) {
	t.Parallel()
	b := setup(t, wabatest.Options{Apps: []wabatest.App{{ID: wabatest.DefaultAppID, Secret: wabatest.DefaultAppSecret}, {ID: "700999", Name: "Other"}}, Tokens: []wabatest.Token{
		{Value: wabatest.DefaultToken}, {Value: "second-token", Expires: time.Now().Add(48 * time.Hour)}, {Value: "other-app-token", AppID: "700999"}, {Value: "revoked-token", Revoked: true},
		{Value: "sends-token", Scopes: []string{wabatest.ScopeMessaging}}, {Value: "others-token", WABAs: []string{"501"}}}})
	ctx := t.Context()
	c := b.connect(request())
	kept := func() models.Upstream {
		t.Helper()
		u, err := b.store.UpstreamOf(ctx, c.Number.ID)
		require.NoError(t, err)
		return u
	}
	for token, step := range map[models.Secret]Step{"": StepRequest, "made-up-token": StepToken, "revoked-token": StepToken, "sends-token": StepPermissions, "others-token": StepPermissions} {
		_, err := b.Replace(ctx, b.ours.ID, c.Number.ID, token)
		require.Equal(t, step, trouble(t, err).Step, token.Text())
		if token != "" {
			require.NotContains(t, err.Error(), token.Text())
		}
		require.Equal(t, wabatest.DefaultToken, kept().Token.Text(), "the one before works on")
	}

	u, err := b.Replace(ctx, b.ours.ID, c.Number.ID, "second-token")
	require.NoError(t, err)
	require.Equal(t, "second-token", kept().Token.Text())
	require.Contains(t, kept().Checked.Trouble, "The token ends on ")
	require.True(t, kept().Checked.OK)
	require.Equal(t, kept().Checked.Trouble, u.Checked.Trouble)

	// The token of another app: that app is subscribed now.
	_, err = b.Replace(ctx, b.ours.ID, c.Number.ID, "other-app-token")
	require.NoError(t, err)
	require.Equal(t, "700999", kept().AppID)
	require.True(t, kept().TokenExpiresAt.IsZero())
	apps, err := b.o.Client.SubscribedApps(ctx, Account(kept(), c.Number))
	require.NoError(t, err)
	require.Len(t, apps, 2)

	_, err = b.SetRate(ctx, b.ours.ID, c.Number.ID, 500)
	require.NoError(t, err)
	require.Equal(t, 500, kept().Rate)
	require.NotZero(t, kept().Checked.At)

	for name, call := range map[string]func(business, number int64) error{
		"replace":    func(b1, n int64) error { _, err := b.Replace(ctx, b1, n, "second-token"); return err },
		"rate":       func(b1, n int64) error { _, err := b.SetRate(ctx, b1, n, 1); return err },
		"disconnect": func(b1, n int64) error { return b.Disconnect(ctx, b1, n) },
		"read":       func(b1, n int64) error { _, err := b.Upstream(ctx, b1, n); return err },
	} {
		require.ErrorIs(t, call(b.theirs.ID, c.Number.ID), models.ErrNotFound, name)
		require.ErrorIs(t, call(b.ours.ID, 404), models.ErrNotFound, name)
	}
	require.Equal(t, "700999", kept().AppID)
	require.NoError(t, b.Disconnect(ctx, b.ours.ID, c.Number.ID))
	_, err = b.Upstream(ctx, b.ours.ID, c.Number.ID)
	require.ErrorIs(t, err, models.ErrNotFound)
	require.Len(t, b.numbers(), 1)
}

// A rate that is set while a token is being examined does not bring the old token back.
func TestChangesDoNotUndoOneAnother(t *testing.T) {
	t.Parallel()
	b := setup(t, wabatest.Options{Tokens: []wabatest.Token{{Value: wabatest.DefaultToken}, {Value: "second-token"}}})
	c := b.connect(request())
	require.NoError(t, b.sim.AddFaults(wabatest.Fault{At: wabatest.AtManage, Kind: wabatest.FaultSlow, Delay: 30 * time.Millisecond}))
	replaced := make(chan error, 1)
	go func() { _, err := b.Replace(t.Context(), b.ours.ID, c.Number.ID, "second-token"); replaced <- err }()
	for rate := 1; ; rate++ {
		_, err := b.SetRate(t.Context(), b.ours.ID, c.Number.ID, rate)
		require.NoError(t, err)
		select {
		case err := <-replaced:
			require.NoError(t, err)
			u, err := b.store.UpstreamOf(t.Context(), c.Number.ID)
			require.NoError(t, err)
			require.Equal(t, "second-token", u.Token.Text())
			require.Equal(t, rate, u.Rate)
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}
