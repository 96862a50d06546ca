package api_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba/wabatest"
)

// twisted is what a stranger may put into a name.
var twisted = "\u202e" + strings.Repeat("مرحبا", 10) + `<script>alert("x")</script>` + strings.Repeat("0123456789", 20)

// An owner connects a number on the page, sees what the platform says of a wrong token beside the field, and disconnects it.
func TestNumberPages(t *testing.T) {
	sim, lines := connecting(t, wabatest.Options{Tokens: []wabatest.Token{{Value: wabatest.DefaultToken}, {Value: "second-token"}}})
	b := setup(t, lines)
	_, got := b.page("/numbers/new")
	require.Contains(t, got, `action="/numbers/new"`)
	typed := url.Values{"style": {"cloud"}, "phone_number_id": {wabatest.DefaultNumberID}, "waba_id": {wabatest.DefaultWABAID}, "token": {"made-up-token"}, "rate": {"90"}}
	status, got, _ := b.form("/numbers/new", typed.Encode())
	require.Equal(t, 422, status)
	require.Contains(t, got, "Invalid OAuth access token")
	require.Contains(t, got, "Make a new token for the system user")
	require.Contains(t, got, `value="`+wabatest.DefaultNumberID+`"`, "what was typed is there")
	require.NotContains(t, got, "made-up-token")
	require.Contains(t, got, `aria-describedby="field-token-wrong"`)

	typed.Set("token", "")
	status, got, _ = b.form("/numbers/new", typed.Encode())
	require.Equal(t, 400, status)
	require.Contains(t, got, "Is required")
	typed.Set("token", wabatest.DefaultToken)
	status, _, head := b.form("/numbers/new", typed.Encode())
	require.Equal(t, 303, status)
	one, _, _ := strings.Cut(head.Get("Location"), "?")
	_, got = b.page(head.Get("Location"))
	require.Contains(t, got, "Number connected.")
	require.Contains(t, got, "90 messages per second")
	require.NotContains(t, got, wabatest.DefaultToken)

	status, got, _ = b.form(one+"/token", "token=made-up-token")
	require.Equal(t, 422, status)
	require.Contains(t, got, "Invalid OAuth access token")
	status, _, head = b.form(one+"/token", "token=second-token")
	require.Equal(t, 303, status, got)
	require.Equal(t, one+"?done=token-replaced", head.Get("Location"))
	status, _, head = b.form(one+"/check", "")
	require.Equal(t, 303, status)
	require.Contains(t, head.Get("Location"), "number-well")
	sim.SetToken(wabatest.Token{Value: "second-token", Revoked: true})
	_, _, head = b.form(one+"/check", "to=list")
	require.Equal(t, "/numbers?done=number-unwell", head.Get("Location"))
	_, got = b.page("/numbers")
	require.Contains(t, got, "not working")
	require.Contains(t, got, "Make a new token")

	status, _, _ = b.form(one+"/upstream/delete", "confirm=yes")
	require.Equal(t, 400, status)
	status, _, _ = b.form(one+"/upstream/delete", "confirm="+wabatest.DefaultNumberID)
	require.Equal(t, 303, status)
	_, got = b.page(one)
	require.Contains(t, got, "receives only")
	require.Contains(t, got, "Give it a token")
}

// What is shown once is shown once, and only on the pages of one's own numbers.
func TestNumberSecrets(t *testing.T) {
	b := setup(t)
	one := "/numbers/" + decimal(b.number.ID)
	status, got, _ := b.form(one+"/onprem-token", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, "/webhooks/onprem/")
	_, got = b.page(one)
	require.NotContains(t, got, "/webhooks/onprem/")
	require.Contains(t, got, "End the address")

	status, got, _ = b.form(one+"/keys/new", "name=%D9%85%D8%AA%D8%AC%D8%B1")
	require.Equal(t, 200, status)
	require.Contains(t, got, `id="fresh-key"`)
	_, got = b.page(one)
	require.NotContains(t, got, "fresh-key")
	require.Contains(t, got, "متجر")
	status, got, _ = b.form(one+"/keys/new", "name=")
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-name-wrong"`)
	keys, err := b.store.APIKeys(t.Context(), b.ours.ID)
	require.NoError(t, err)
	var whole, own models.APIKey
	for _, k := range keys {
		if k.NumberID == nil {
			whole = k
		} else {
			own = k
		}
	}
	status, _, _ = b.form(one+"/keys/"+decimal(whole.ID)+"/delete", "")
	require.Equal(t, 404, status, "it is a key of the business")
	status, got, _ = b.form(one+"/keys/"+decimal(own.ID)+"/regenerate", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, "The one before has ended.")
	for _, path := range []string{one, one + "/replies", one + "/report"} {
		status, _, _ := b.call("GET", path, "", "Cookie", b.theirUser, "Accept", "text/html")
		require.Equal(t, 404, status, path)
	}
	for _, path := range []string{"/keys/new", "/onprem-token", "/check", "/replies/edit", "/replies/try", "/media/edit"} {
		status, _, _ := b.call("POST", one+path, "name=x", "Cookie", b.theirUser, "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
		require.Equal(t, 404, status, path)
	}
}

func TestRepliesPage(t *testing.T) {
	b := setup(t)
	path := "/numbers/" + decimal(b.number.ID) + "/replies"
	_, got := b.page(path)
	require.Contains(t, got, "The number does not answer by itself.")
	typed := url.Values{"kind": {"model"}, "url": {"https://203.0.113.7/v1/chat/completions"}, "history": {"many"}, "keywords": {"موظف\r\nhuman\r\n"}, "credential": {"sk-hush"}, "prompt": {"<b>Be kind</b>"}}
	status, got, _ := b.form(path+"/edit", typed.Encode())
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-history-wrong"`)
	require.Contains(t, got, "&lt;b&gt;Be kind")
	require.NotContains(t, got, "sk-hush")
	typed.Set("history", "20")
	status, got, _ = b.form(path+"/edit", typed.Encode())
	require.Equal(t, 400, status)
	require.Contains(t, got, `id="field-model-wrong"`)
	typed.Set("model", "gpt")
	typed.Set("active", "1")
	status, got, _ = b.form(path+"/edit", typed.Encode())
	require.Equal(t, 303, status, got)
	r, err := b.store.RepliesOf(t.Context(), b.number.ID)
	require.NoError(t, err)
	require.Equal(t, []any{"https://203.0.113.7/v1", "gpt", "sk-hush", true, []string{"موظف", "human"}}, []any{r.URL, r.Model, r.Key.Text(), r.Active, r.Keywords})

	// A blank key stays, a switch that is off is one; a server of one's own gets a secret, which is shown once.
	typed.Set("credential", "")
	typed.Del("active")
	status, _, _ = b.form(path+"/edit", typed.Encode())
	require.Equal(t, 303, status)
	r, err = b.store.RepliesOf(t.Context(), b.number.ID)
	require.NoError(t, err)
	require.Equal(t, []any{"sk-hush", false}, []any{r.Key.Text(), r.Active})
	typed.Set("kind", "responder")
	status, got, _ = b.form(path+"/edit", typed.Encode())
	require.Equal(t, 200, status)
	require.Contains(t, got, "whsec_")
	_, got = b.page(path)
	require.NotContains(t, got, "whsec_")
	status, _, _ = b.form(path+"/delete", "")
	require.Equal(t, 303, status)
	_, err = b.store.RepliesOf(t.Context(), b.number.ID)
	require.ErrorIs(t, err, models.ErrNotFound)
}

func TestReportPage(t *testing.T) {
	b := setup(t)
	path := "/numbers/" + decimal(b.number.ID) + "/report"
	status, got := b.page(path)
	require.Equal(t, 200, status)
	require.Contains(t, got, "the day is not over")
	require.NotContains(t, got, "Day after")
	status, _ = b.page(path + "?day=2099-01-01")
	require.Equal(t, 400, status)
	status, got = b.page(path + "?day=" + time.Now().UTC().Add(-24*time.Hour).Format(time.DateOnly))
	require.Equal(t, 200, status)
	require.Contains(t, got, "Day after")
}

// Every page of numbers fits, with names of every kind and troubles to tell.
func TestNumberPagesFit(t *testing.T) {
	_, lines := connecting(t, wabatest.Options{})
	b := setup(t, lines)
	base := b.listen()
	ctx := t.Context()
	app := models.App{BusinessID: &b.ours.ID, Name: "our-app", VerifyToken: "verify-me-1234", Secrets: []models.Secret{"s"}}
	_, err := b.store.CreateApp(ctx, app)
	require.NoError(t, err)
	now := time.Now()
	number := func(name string, u models.Upstream) string {
		n, err := b.store.CreateNumber(ctx, models.Number{BusinessID: b.ours.ID, PhoneNumberID: decimal(b.store.NextID()), Display: "966500000001", WABAID: "500", Name: name})
		require.NoError(t, err)
		u.NumberID, u.Token, u.Style = n.ID, "t", "cloud"
		require.NoError(t, b.store.SetUpstream(ctx, b.ours.ID, u))
		_, _, err = b.store.AddAPIKey(ctx, models.APIKey{BusinessID: b.ours.ID, NumberID: &n.ID, Name: name, CreatedBy: "we@example.com"})
		require.NoError(t, err)
		return "/numbers/" + decimal(n.ID)
	}
	well := models.UpstreamHealth{At: now.Add(-time.Minute), OK: true, Subscribed: true, Quality: "GREEN", Throughput: "STANDARD", MessagesLimit: "TIER_10K"}
	one := number("متجر الرياض", models.Upstream{Checked: well, AppID: "1", Rate: 200})
	ill := well
	ill.OK, ill.Trouble, ill.Quality, ill.Subscribed = false, "The token has ended on 3 March. "+twisted, "RED", false
	number("فرع جدة", models.Upstream{Checked: ill, TokenExpiresAt: now.Add(-time.Hour)})
	hostile := number(twisted, models.Upstream{Checked: ill, TokenExpiresAt: now.Add(100 * time.Hour), Base: "https://203.0.113.7/" + strings.Repeat("x", 300)})
	_, err = b.store.SetReplies(ctx, b.ours.ID, b.number.ID, func(r *models.Replies) error {
		r.Kind, r.URL, r.Model, r.Prompt, r.History, r.Timeout, r.PerHour, r.PerDay, r.Keywords = "model", "https://203.0.113.7/v1", "gpt", twisted, 20, 20*time.Second, 30, 1000, []string{"موظف"}
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, refresh(b))
	tab := browser(t)
	b.enter(tab, base)
	visit(t, tab, base, stop{name: "numbers", path: "/numbers"}, stop{name: "number", path: one}, stop{name: "number-hostile", path: hostile},
		stop{name: "number-new", path: "/numbers/new"}, stop{name: "number-token", path: one + "/token"},
		stop{name: "number-replies", path: "/numbers/" + decimal(b.number.ID) + "/replies"}, stop{name: "number-report", path: one + "/report"})
}
