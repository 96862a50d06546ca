package modelstest

import (
	"testing"
	"time"

	"wabagate/models"
)

func testUpstreams(_ *testing.T, w *world) {
	other := w.otherBusiness()
	_, err := w.UpstreamOf(w.ctx, w.number.ID)
	w.is(err, models.ErrNotFound)
	u := models.Upstream{NumberID: w.number.ID, Style: "cloud", Base: "https://graph.example", Version: "v24.0", Token: "s3cret", AppID: "7", TokenExpiresAt: second(5), Rate: 250}
	w.is(w.SetUpstream(w.ctx, other, u), models.ErrNotFound)
	w.is(w.SetUpstream(w.ctx, w.business, models.Upstream{NumberID: 4711}), models.ErrNotFound)
	w.is(w.KeepUpstreamHealth(w.ctx, w.number.ID, models.UpstreamHealth{OK: true}), models.ErrNotFound)
	w.is(w.DropUpstream(w.ctx, w.business, w.number.ID), models.ErrNotFound)
	read := func() models.Upstream {
		w.t.Helper()
		got, err := w.UpstreamOf(w.ctx, w.number.ID)
		w.ok(err)
		return got
	}
	// Tokens print alike.
	same := func(what string, want models.Upstream) {
		w.t.Helper()
		got := read()
		w.equal(what, []any{got, got.Token.Text()}, []any{want, want.Token.Text()})
	}
	w.ok(w.SetUpstream(w.ctx, w.business, u))
	same("kept", u)
	health := models.UpstreamHealth{At: second(9), OK: true, Trouble: "none\x00", Subscribed: true, VerifiedName: "Acme", Quality: "GREEN", Throughput: "HIGH", MessagesLimit: "TIER_1K"}
	w.ok(w.KeepUpstreamHealth(w.ctx, w.number.ID, health))
	health.Trouble = "none\uFFFD"
	u.Checked = health
	same("checked", u)

	// A new token: what was found stays, until a check finds something else, if only nothing.
	u.Token, u.Style, u.Base, u.Version, u.AppID, u.TokenExpiresAt, u.Rate = "n3w", "onprem", "", "", "", time.Time{}, 0
	w.ok(w.SetUpstream(w.ctx, w.business, models.Upstream{NumberID: w.number.ID, Style: "onprem", Token: "n3w"}))
	same("replaced", u)
	u.Checked = models.UpstreamHealth{At: second(10), Trouble: "replace the token"}
	w.ok(w.KeepUpstreamHealth(w.ctx, w.number.ID, u.Checked))
	same("checked again", u)
	u.Checked = models.UpstreamHealth{At: second(11), OK: true}
	w.ok(w.SetUpstream(w.ctx, w.business, u))
	same("with what was found on the way", u)

	second, err := w.CreateNumber(w.ctx, models.Number{BusinessID: other, PhoneNumberID: "101"})
	w.ok(err)
	w.ok(w.SetUpstream(w.ctx, other, models.Upstream{NumberID: second.ID, Style: "360dialog"}))
	us, err := w.Upstreams(w.ctx)
	w.ok(err)
	w.equal("of all", us, []models.Upstream{u, {NumberID: second.ID, Style: "360dialog"}})
	w.is(w.DropUpstream(w.ctx, w.business, second.ID), models.ErrNotFound)
	w.ok(w.DropUpstream(w.ctx, other, second.ID))
	_, err = w.UpstreamOf(w.ctx, second.ID)
	w.is(err, models.ErrNotFound)
	same("the other stays", u)
}
