package line

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba/graph"
	"wabagate/waba/wabatest"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	well := func(change func(*facts)) facts {
		f := facts{subscribed: true, now: now, number: graph.PhoneNumber{Status: "CONNECTED", QualityRating: "GREEN"}, health: graph.Health{CanSend: "AVAILABLE"}}
		change(&f)
		return f
	}
	for _, c := range []struct {
		name   string
		change func(*facts)
		ok     bool
		says   []string // nil: nothing
	}{
		{"well", func(*facts) {}, true, nil},
		{"a provider, which says less", func(f *facts) { f.number, f.health = graph.PhoneNumber{}, graph.Health{} }, true, nil},
		{"not subscribed", func(f *facts) { f.subscribed = false }, false, []string{"Nothing that happens on the number is posted"}},
		{"callbacks elsewhere", func(f *facts) { f.elsewhere = "https://crm.example/…" }, true, []string{"go to https://crm.example/…"}},
		{"not registered", func(f *facts) { f.number.Status = "PENDING" }, false, []string{"is PENDING and not CONNECTED"}},
		{"low quality", func(f *facts) { f.number.QualityRating = "RED" }, true, []string{"quality of the number is low"}},
		{"the token ends in 8 days", func(f *facts) { f.expires = now.Add(8 * 24 * time.Hour) }, true, nil},
		{"in exactly 7", func(f *facts) { f.expires = now.Add(7 * 24 * time.Hour) }, true, nil},
		{"in less", func(f *facts) { f.expires = now.Add(7*24*time.Hour - time.Second) }, true, []string{"The token ends on 28 November 2026, 11:59 UTC: replace it before."}},
		{"now", func(f *facts) { f.expires = now }, false, []string{"The token ended on 21 November 2026, 12:00 UTC: replace it."}},
		{"blocked", func(f *facts) {
			f.health = graph.Health{CanSend: "BLOCKED", Entities: []graph.HealthEntity{{Type: "PHONE_NUMBER", CanSend: "AVAILABLE"},
				{Type: "WABA", CanSend: "BLOCKED", Errors: []graph.HealthError{{Code: 141006, Description: "There is an error with your payment method.", Solution: "Add one."}}}}}
		}, false, []string{"The platform says BLOCKED of the WhatsApp account: There is an error with your payment method. Add one."}},
		{"blocked, and nobody says why", func(f *facts) { f.health.CanSend = "BLOCKED" }, false, []string{"cannot send: see WhatsApp Manager"}},
		{"limited", func(f *facts) {
			f.health = graph.Health{CanSend: "LIMITED", Entities: []graph.HealthEntity{{Type: "MESSAGE_TEMPLATE", CanSend: "LIMITED"}}}
		}, true, []string{"LIMITED of the message template"}},
		{"limited, and nobody says why", func(f *facts) { f.health.CanSend = "LIMITED" }, true, []string{"limits what the number can send"}},
		{"several at once, what is wrong first", func(f *facts) { f.subscribed, f.expires = false, now.Add(time.Hour) }, false, []string{"Nothing that happens", "The token ends"}},
	} {
		ok, got := well(c.change).judge()
		require.Equal(t, c.ok, ok, c.name)
		require.Equal(t, c.says == nil, got == "", c.name+": "+got)
		at := 0
		for _, want := range c.says {
			i := strings.Index(got[at:], want)
			require.GreaterOrEqual(t, i, 0, "%s: %q is not in %q", c.name, want, got)
			at += i
		}
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	require.True(t, due(1, time.Time{}, now))
	spread := map[time.Duration]bool{}
	for id := range int64(200) {
		require.False(t, due(id, now.Add(-checkEvery+checkSpread), now))
		require.True(t, due(id, now.Add(-checkEvery-checkSpread), now))
		for ago := checkEvery - checkSpread; ; ago += time.Second {
			if due(id, now, now.Add(ago)) {
				spread[ago.Truncate(time.Minute)] = true
				require.True(t, due(id, now, now.Add(ago+time.Hour)), "once due it stays so")
				break
			}
		}
	}
	require.Greater(t, len(spread), 4, "they do not come at once")
}

// What the platform says is kept, and told in the log once.
func TestCheck(t *testing.T) {
	t.Parallel()
	b := setup(t, wabatest.Options{})
	ctx := t.Context()
	c := b.connect(request())
	check := func() models.UpstreamHealth {
		t.Helper()
		h, err := b.Check(ctx, c.Number)
		require.NoError(t, err)
		u, err := b.store.UpstreamOf(ctx, c.Number.ID)
		require.NoError(t, err)
		require.Equal(t, h.Trouble, u.Checked.Trouble)
		require.Equal(t, h.OK, u.Checked.OK)
		return h
	}
	require.Empty(t, check().Trouble)
	require.NotContains(t, b.log.String(), "number_id")

	b.sim.SetToken(wabatest.Token{Value: wabatest.DefaultToken, Revoked: true})
	h := check()
	require.False(t, h.OK)
	require.Contains(t, h.Trouble, "session has been invalidated")
	require.Contains(t, h.Trouble, "Make a new token")
	check()
	require.Equal(t, 1, strings.Count(b.log.String(), "number needs attention"), "told once")
	require.NotContains(t, b.log.String(), wabatest.DefaultToken)
	b.sim.SetToken(wabatest.Token{Value: wabatest.DefaultToken})
	require.Empty(t, check().Trouble)
	require.Equal(t, 1, strings.Count(b.log.String(), "number is well again"))

	u, err := b.store.UpstreamOf(ctx, c.Number.ID)
	require.NoError(t, err)
	require.NoError(t, b.o.Client.Unsubscribe(ctx, Account(u, c.Number)))
	h = check()
	require.False(t, h.OK)
	require.False(t, h.Subscribed)
	b.connect(request())
	require.True(t, check().OK)

	for kind, says := range map[string]string{wabatest.FaultClose: "could not be read: no answer came", wabatest.FaultHTML: "an HTML page"} {
		require.NoError(t, b.sim.AddFaults(wabatest.Fault{At: wabatest.AtManage, Kind: kind}))
		h = check()
		require.False(t, h.OK)
		require.Contains(t, h.Trouble, says)
		b.sim.ClearFaults()
	}
	_, err = b.Check(ctx, models.Number{ID: 404})
	require.ErrorIs(t, err, models.ErrNotFound)

	over, cancel := context.WithCancel(ctx)
	cancel()
	_, err = b.Check(over, c.Number)
	require.ErrorIs(t, err, context.Canceled, "a check that was stopped says nothing of the number")
	require.NotContains(t, check().Trouble, "canceled")
}

// What was found with a token that has been replaced meanwhile is not kept.
func TestCheckWhileReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t, wabatest.Options{Tokens: []wabatest.Token{{Value: wabatest.DefaultToken}, {Value: "second-token"}}})
	c := b.connect(request())
	b.sim.SetToken(wabatest.Token{Value: wabatest.DefaultToken, Revoked: true})
	require.NoError(t, b.sim.AddFaults(wabatest.Fault{At: wabatest.AtManage, Kind: wabatest.FaultSlow, Delay: 100 * time.Millisecond, Next: 1}))
	checked := make(chan models.UpstreamHealth, 1)
	go func() { h, _ := b.Check(t.Context(), c.Number); checked <- h }()
	time.Sleep(30 * time.Millisecond)
	_, err := b.change(t.Context(), b.ours.ID, c.Number.ID, func(u *models.Upstream) { u.Token = "second-token" })
	require.NoError(t, err)
	require.True(t, (<-checked).OK)
}

func TestRun(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var leads bool
	b := setup(t, wabatest.Options{Numbers: []wabatest.Number{{ID: wabatest.DefaultNumberID, Display: "15550100200"}, {ID: "601", Display: "15550100201"}}},
		func(o *Options) { o.Now, o.Leads = func() time.Time { return now }, func() bool { return leads } })
	ctx := t.Context()
	first := b.connect(request())
	r := request()
	r.PhoneNumberID = "601"
	second := b.connect(r)
	at := func(c Connected) time.Time {
		u, err := b.store.UpstreamOf(ctx, c.Number.ID)
		require.NoError(t, err)
		return u.Checked.At
	}
	before := at(first)
	now = now.Add(checkEvery - checkSpread - time.Second)
	require.NoError(t, b.round(ctx))
	require.Equal(t, before, at(first), "it is nobody's turn")
	now = now.Add(2*checkSpread + time.Second)
	require.NoError(t, b.round(ctx))
	for _, c := range []Connected{first, second} {
		require.WithinDuration(t, now, at(c), time.Millisecond)
	}

	// Only the process that leads looks.
	now = now.Add(time.Hour)
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { b.Run(running); close(ended) }()
	time.Sleep(100 * time.Millisecond)
	stop()
	<-ended
	require.NotEqual(t, now.UnixMilli(), at(first).UnixMilli())
	leads = true
	running, stop = context.WithCancel(ctx)
	ended = make(chan struct{})
	go func() { b.Run(running); close(ended) }()
	require.Eventually(t, func() bool {
		return at(second).UnixMilli() == now.UnixMilli() && at(first).UnixMilli() == now.UnixMilli()
	}, 5*time.Second, 10*time.Millisecond)
	stop()
	<-ended
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	_, err := New(Options{})
	require.ErrorContains(t, err, "Store, Directory and Client")
}
