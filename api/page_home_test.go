package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models"
)

// player is a simulator that remembers the numbers that were written to.
type player struct {
	to  []string
	err error
}

func (p *player) Receive(_ context.Context, n models.Number) error {
	p.to = append(p.to, n.PhoneNumberID)
	return p.err
}

func (p *player) Command(n models.Number, base string) string {
	return "simulate --url " + base + " --phone-number-id " + n.PhoneNumberID
}

// The guide ticks off what is done and offers what is next, until an event has arrived.
func TestFirstRun(t *testing.T) {
	p := &player{}
	b := setup(t, func(o *api.Options) { o.Simulator = p })
	steps := func(path string) []string {
		_, got := b.page(path)
		var list []string
		for _, li := range strings.Split(got, `<li class="card `)[1:] {
			state, _, _ := strings.Cut(li, `"`)
			list = append(list, state)
		}
		return list
	}
	require.Equal(t, []string{"done", "now", "", ""}, steps("/"))
	_, got := b.page("/")
	require.Contains(t, got, "Welcome, <bdi>Ours</bdi>")
	require.Contains(t, got, "simulate --url http://example.com --phone-number-id 600")
	require.Contains(t, got, `href="/webhooks/new?url=http://localhost:3000/"`)
	require.Contains(t, got, `data-refresh="/guide"`)
	_, form := b.page("/webhooks/new?url=http://localhost:3000/")
	require.Contains(t, form, `value="http://localhost:3000/"`)
	require.Contains(t, form, "A receiver on this machine?")

	w := b.webhook()
	require.Equal(t, []string{"done", "done", "now", ""}, steps("/"))
	status, _, head := b.form("/simulate", "")
	require.Equal(t, 303, status)
	require.Equal(t, "/guide?done=simulated", head.Get("Location"))
	require.Equal(t, []string{"600"}, p.to)
	_, got = b.page("/guide?done=simulated")
	require.Contains(t, got, "A made-up customer has written to your number.")

	failed := b.delivery(w, "message.received", models.Failed, rejected)
	require.Equal(t, []string{"done", "done", "done", "now"}, steps("/guide"))
	_, got = b.page("/guide")
	require.Contains(t, got, "answered 500 Internal Server Error")
	require.Contains(t, got, "/deliveries/"+failed)
	b.delivery(w, "message.received", models.Succeeded, delivered)
	require.Equal(t, []string{"done", "done", "done", "done"}, steps("/guide"))
	require.Empty(t, steps("/"), "the first page has more to tell by now")

	p.err = errors.New("internal words")
	status, got, _ = b.form("/simulate", "")
	require.Equal(t, 500, status)
	require.NotContains(t, got, "internal words")
	status, _, _ = b.call("POST", "/simulate", "", "Cookie", b.session, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, status)
	require.Len(t, p.to, 2)
}

// Without a simulator there is no button, and a business without numbers is told to connect one.
func TestFirstRunOnAPhone(t *testing.T) {
	b := setup(t)
	_, got := b.page("/")
	require.NotContains(t, got, "/simulate")
	require.Contains(t, got, "Send a WhatsApp message from any phone to <bdi dir=\"auto\">Shop (&#43;15550100200)</bdi>")
	status, _, _ := b.form("/simulate", "")
	require.Equal(t, 404, status)
	_, got, _ = b.call("GET", "/", "", "Cookie", b.theirUser, "Accept", "text/html")
	require.Contains(t, got, "Connect yours with its token")
	require.NotContains(t, got, "Shop")
}

func TestHome(t *testing.T) {
	b := setup(t)
	fine := b.webhook(func(w *models.Webhook) { w.Name = "Fine" })
	b.delivery(fine, "message.received", models.Succeeded, delivered)
	_, got := b.page("/")
	require.Contains(t, got, "Every webhook and number is well.")
	require.Contains(t, got, "1 delivery · 100 %")

	bad := b.webhook(func(w *models.Webhook) { w.Name = "<b>Bad" })
	b.delivery(bad, "message.received", models.Failed, rejected)
	off := b.webhook(func(w *models.Webhook) { w.Name, w.Active = "Off", false })
	b.delivery(off, "message.received", models.Held)
	b.webhook(func(w *models.Webhook) { w.Name, w.Active = "Quiet", false })
	require.NoError(t, b.store.SetUpstream(t.Context(), b.ours.ID, models.Upstream{NumberID: b.number.ID, Style: "cloud", Token: "t"}))
	require.NoError(t, b.store.KeepUpstreamHealth(t.Context(), b.number.ID, models.UpstreamHealth{At: b.clock.now(), Trouble: "the token has expired; make another"}))
	_, got = b.page("/")
	attention, _, found := strings.Cut(got, "<h2 id=\"webhooks\">")
	require.True(t, found)
	require.NotContains(t, got, "Every webhook and number is well.")
	for _, want := range []string{"&lt;b&gt;Bad", "1 failed in a row", "1 delivery is held", "the token has expired; make another"} {
		require.Contains(t, attention, want)
	}
	require.NotContains(t, attention, "Quiet", "nothing waits for one that its owner switched off")
	require.Contains(t, got, "message.received")

	_, got, _ = b.call("GET", "/", "", "Cookie", b.theirUser, "Accept", "text/html")
	require.NotContains(t, got, "Fine")
	require.NotContains(t, got, "message.received")
}
