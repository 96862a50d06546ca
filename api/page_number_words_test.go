package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestNumberHealth(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	well := models.UpstreamHealth{At: now, OK: true, Subscribed: true, Quality: "GREEN", MessagesLimit: "TIER_10K"}
	ill, odd := well, well
	ill.OK, ill.Trouble = false, "The token was taken back."
	odd.Trouble, odd.Quality, odd.Subscribed = "The quality is low.", "RED", false
	for _, c := range []struct {
		name                  string
		u                     models.Upstream
		reached               bool
		silent                time.Time
		badge, token, quality string
		texts                 int
	}{
		{"no token", models.Upstream{}, false, time.Time{}, "receives only", "none", "not known", 1},
		{"never checked", models.Upstream{}, true, time.Time{}, "not checked yet", "not known", "not known", 0},
		{"well", models.Upstream{Checked: well}, true, time.Time{}, "well", "does not end", "high", 0},
		{"ends later", models.Upstream{Checked: well, TokenExpiresAt: now.Add(30 * day)}, true, time.Time{}, "well", "valid", "high", 0},
		{"ends soon", models.Upstream{Checked: well, TokenExpiresAt: now.Add(day)}, true, time.Time{}, "token ends soon", "ends soon", "high", 0},
		{"ended", models.Upstream{Checked: well, TokenExpiresAt: now}, true, time.Time{}, "token ended", "ended", "high", 1},
		{"does not work", models.Upstream{Checked: ill}, true, time.Time{}, "not working", "does not end", "high", 1},
		{"works, with trouble", models.Upstream{Checked: odd}, true, time.Time{}, "needs attention", "does not end", "low", 1},
		{"silent", models.Upstream{Checked: well}, true, now.Add(-time.Hour), "silent", "does not end", "high", 1},
	} {
		h := numberHealth(c.u, c.reached, time.Time{}, c.silent, now)
		require.Equal(t, []any{c.badge, c.token, c.quality, c.texts}, []any{h.Badge.Text, h.Token.Text, h.Quality.Text, len(h.Texts)}, c.name)
	}
	for limit, want := range map[string]string{"TIER_10K": "10\u202f000 customers a day", "TIER_250": "250 customers a day", "TIER_UNLIMITED": "unlimited", "": "", "MANY": "MANY", "TIER_X": "TIER_X"} {
		require.Equal(t, want, limitText(limit))
	}
}

func TestFindings(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	require.Empty(t, findings(Report{}, now))
	found := findings(Report{Parked: 1, Unreported: 2, Awaited: 3, Silences: []silence{{}}, Holes: make([]hole, 9)}, now)
	require.Len(t, found, 1+1+1+1+5+1)
	require.Equal(t, "1 callback is kept for this number and not processed yet.", found[1].Title)
	require.Equal(t, "4 more gaps in conversations.", found[len(found)-1].Title)
	v := reportPageOf(Report{Day: "2026-11-20", Complete: true, Traffic: traffic{Received: 1, Sent: 2, Callbacks: 3, Events: 4}}, now)
	require.Equal(t, "1 message of customers came in, and 2 messages went out. WhatsApp told of them in 3 callbacks, which became 4 events.", v.Summary)
	require.Equal(t, "nothing is missing", v.Verdict.Text)
}
