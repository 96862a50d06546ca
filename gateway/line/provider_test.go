package line

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba/wabatest"
)

// atProvider is a platform whose number is at a provider of 360dialog's or of the On-Premises style.
func atProvider(onPremises bool) wabatest.Options {
	return wabatest.Options{OpenWindow: true, Keys: []wabatest.Key{{Value: providerKey, PhoneNumberID: wabatest.DefaultNumberID, OnPremises: onPremises}}}
}

func TestConnectAt360dialog(t *testing.T) {
	t.Parallel()
	b := setup(t, atProvider(false))
	c := b.connect(Request{Style: Style360dialog, Token: providerKey, Display: "15550100200", Name: "Shop"})
	require.Equal(t, wabatest.DefaultNumberID, c.Number.PhoneNumberID, "the key says it")
	require.Equal(t, []string{"15550100200", "Shop"}, []string{c.Number.Display, c.Number.Name})
	require.True(t, c.Upstream.Checked.OK, c.Upstream.Checked.Trouble)
	require.True(t, c.Upstream.Checked.Subscribed)
	require.Empty(t, c.Upstream.Checked.Trouble)
	_, err := b.sim.Receive(wabatest.Inbound{From: customer, Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, 1, b.callbacks())

	// Connected again it keeps its address.
	before := b.numbers()[0].OnpremToken
	require.False(t, b.connect(Request{Style: Style360dialog, Token: providerKey}).New)
	require.Equal(t, before.Text(), b.numbers()[0].OnpremToken.Text())
}

func TestConnectOnPremises(t *testing.T) {
	t.Parallel()
	b := setup(t, atProvider(true))
	r := Request{Style: StyleOnPremises, Base: b.base, Token: providerKey, PhoneNumberID: "15550100200", Display: "15550100200"}
	_, err := b.Connect(t.Context(), b.ours.ID, r)
	require.Equal(t, StepClaim, trouble(t, err).Step, "such a provider proves no number")
	require.Empty(t, b.numbers())

	r.Operator = true
	c := b.connect(r)
	require.True(t, c.Upstream.Checked.OK, c.Upstream.Checked.Trouble)
	_, err = b.sim.Receive(wabatest.Inbound{From: customer, Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, 1, b.callbacks())

	// One that has no address yet, because it was made by hand, gets one.
	require.NoError(t, b.store.SetNumberToken(t.Context(), b.ours.ID, c.Number.ID, ""))
	r.Operator = false
	c = b.connect(r)
	require.False(t, c.New)
	require.NotEmpty(t, b.numbers()[0].OnpremToken)
	require.True(t, c.Upstream.Checked.OK)
}

func TestProviderTroubles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		style   string
		faults  []wabatest.Fault
		calls   int // let through; 0: all
		change  func(*Request)
		step    Step
		says    string
		advises string
	}{
		{name: "no address of the provider", style: StyleOnPremises, change: func(r *Request) { r.Base = "" }, step: StepRequest, says: "base_url", advises: "without /v1"},
		{name: "no address of the gateway", style: Style360dialog, change: func(r *Request) { r.PublicURL = "" }, step: StepRequest, says: "public_url", advises: "WABAGATE_PUBLIC_URL"},
		{name: "no key", style: Style360dialog, change: func(r *Request) { r.Token = "" }, step: StepRequest, says: "token", advises: "API key"},
		{name: "a wrong key", style: Style360dialog, change: func(r *Request) { r.Token = "not-the-key" }, step: StepToken, says: "did not accept the key: status 401 Unauthorized, Invalid api_key", advises: "present API key"},
		{name: "a key of another number", style: Style360dialog, change: func(r *Request) { r.PhoneNumberID = "601" }, step: StepNumber, says: "The key is of the number with the id 600700800900100, not 601", advises: "leave it out"},
		{name: "no number, and a provider that does not say it", style: StyleOnPremises, change: func(r *Request) { r.PhoneNumberID = "" }, step: StepRequest, says: "phone_number_id"},
		{name: "an address that the provider does not take", style: Style360dialog, change: func(r *Request) { r.PublicURL = "http://bad_name" }, step: StepWebhook,
			says: "does not take the address for the number's callbacks: status 400 Bad Request, The url is not valid", advises: "without an underscore"},
		{name: "a provider that is down", style: StyleOnPremises, faults: []wabatest.Fault{{At: wabatest.AtManage, Kind: wabatest.FaultError}}, step: StepToken, says: "The key could not be checked", advises: "try again"},
		{name: "a page instead of an answer", style: StyleOnPremises, faults: []wabatest.Fault{{At: wabatest.AtManage, Kind: wabatest.FaultHTML}}, step: StepToken, says: "an HTML page"},
		{name: "gone before the webhook is set", style: StyleOnPremises, calls: 1, step: StepWebhook, says: "does not take"},
		{name: "gone before it is read back", style: StyleOnPremises, calls: 2, step: StepWebhook, says: "could not be read back"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, atProvider(c.style == StyleOnPremises), func(o *Options) {
				if strings.HasPrefix(c.name, "no address of the gateway") {
					o.PublicURL = ""
				}
			})
			require.NoError(t, b.sim.AddFaults(c.faults...))
			if c.calls > 0 {
				b.o.Client = newClient(failing(c.calls))
			}
			r := Request{Style: c.style, Base: b.base, Token: providerKey, PhoneNumberID: wabatest.DefaultNumberID, Operator: true}
			if c.change != nil {
				c.change(&r)
			}
			_, err := b.Connect(t.Context(), b.ours.ID, r)
			got := trouble(t, err)
			t.Log(err)
			require.Equal(t, c.step, got.Step)
			require.Contains(t, got.Message, c.says)
			require.Contains(t, got.Advice, c.advises)
			leaksNothing(t, got, r)
			require.NotRegexp(t, onpremPath+`[\w-]`, got.Error(), "the address is a secret")
			require.Empty(t, b.numbers())
		})
	}
}

// A provider's new key takes the webhook away: it is set again with the key.
func TestReplaceKey(t *testing.T) {
	t.Parallel()
	b := setup(t, atProvider(false))
	ctx := t.Context()
	c := b.connect(Request{Style: Style360dialog, Token: providerKey})
	fresh := models.Secret(b.sim.SetKey(wabatest.Key{PhoneNumberID: wabatest.DefaultNumberID}))
	h, err := b.Check(ctx, c.Number)
	require.NoError(t, err)
	require.False(t, h.OK)
	require.Equal(t, "The provider did not accept the key: status 401 Unauthorized, Invalid api_key. Give the number's present API key: making a new one ends the one before.", h.Trouble)

	_, err = b.Replace(ctx, b.ours.ID, c.Number.ID, "another-wrong-key")
	require.Equal(t, StepToken, trouble(t, err).Step)
	u, err := b.Replace(ctx, b.ours.ID, c.Number.ID, fresh)
	require.NoError(t, err)
	require.True(t, u.Checked.OK, u.Checked.Trouble)
	_, err = b.sim.Receive(wabatest.Inbound{From: customer, Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, 1, b.callbacks())

	b.sim.SetNumber(wabatest.Number{ID: "601", Display: "15550100201"})
	others := models.Secret(b.sim.SetKey(wabatest.Key{PhoneNumberID: "601"}))
	_, err = b.Replace(ctx, b.ours.ID, c.Number.ID, others)
	require.Contains(t, trouble(t, err).Message, "of another number")

	// Somebody else sets the webhook: the check says so, and not to which address.
	account := Account(u, c.Number)
	require.NoError(t, b.o.Client.ConfigureWebhook(ctx, account, "http://127.0.0.1:1/secret-path", nil))
	h, err = b.Check(ctx, c.Number)
	require.NoError(t, err)
	require.False(t, h.OK)
	require.Equal(t, "Nothing that happens on the number is posted to this gateway: connect the number again, with its token.", h.Trouble)
}
