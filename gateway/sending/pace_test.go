package sending

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func in(d time.Duration) time.Time { return noon.Add(d) }

func TestRateOf(t *testing.T) {
	for name, tc := range map[string]struct {
		upstream models.Upstream
		want     int
	}{
		"nobody said":                   {models.Upstream{}, 80},
		"the platform's standard":       {models.Upstream{Checked: models.UpstreamHealth{Throughput: "STANDARD"}}, 80},
		"raised by the platform":        {models.Upstream{Checked: models.UpstreamHealth{Throughput: "HIGH"}}, 1000},
		"set, as for coexistence":       {models.Upstream{Rate: 20, Checked: models.UpstreamHealth{Throughput: "HIGH"}}, 20},
		"a word that nobody knows yet":  {models.Upstream{Checked: models.UpstreamHealth{Throughput: "TURBO"}}, 80},
		"less than nothing is not said": {models.Upstream{Rate: -1}, 80},
	} {
		require.Equal(t, tc.want, RateOf(tc.upstream), name)
	}
}

func TestSizes(t *testing.T) {
	for _, tc := range []struct {
		rate           int
		share          float64
		every          time.Duration
		portion, width int
	}{
		{80, 1, 13 * time.Millisecond, 8, 64},
		{80, 0.5, 26 * time.Millisecond, 4, 64},
		{80, leastShare, 650 * time.Millisecond, 1, 64},
		{1, 1, 1040 * time.Millisecond, 1, 64},
		{200, 1, 5200 * time.Microsecond, 20, 100},
		{1000, 1, 1040 * time.Microsecond, 100, 500},
		{5000, 1, 208 * time.Microsecond, 100, 2500},
	} {
		require.Equal(t, tc.every, interval(tc.rate, tc.share).Round(time.Microsecond), tc.rate)
		require.Equal(t, tc.portion, portion(tc.rate, tc.share), tc.rate)
		require.Equal(t, tc.width, width(tc.rate), tc.rate)
	}
	require.Equal(t, []int{1, leastWidth}, []int{portion(0, 1), width(0)}, "a number whose rate is not known yet")
}

func TestSlowdown(t *testing.T) {
	half := slowdown{0.5, noon}
	for name, tc := range map[string]struct {
		before     slowdown
		began, now time.Time
		want       slowdown
	}{
		"the first refusal":                   {slowdown{}, in(-time.Second), noon, half},
		"what left before says nothing new":   {half, in(-time.Second), in(time.Second / 2), half},
		"nor what left in the second after":   {half, in(time.Second - 1), in(time.Second), half},
		"still too fast":                      {half, in(time.Second), in(time.Second), slowdown{0.26, in(time.Second)}},
		"on the way back":                     {half, in(10 * time.Second), in(10 * time.Second), slowdown{0.35, in(10 * time.Second)}},
		"recovered":                           {half, in(time.Hour), in(time.Hour), slowdown{0.5, in(time.Hour)}},
		"it ends somewhere":                   {slowdown{leastShare, noon}, in(time.Second), in(time.Second), slowdown{leastShare, in(time.Second)}},
		"a clock that was set back, in Redis": {half, in(-time.Hour), in(-time.Hour), half},
	} {
		got := tc.before.refused(tc.began, tc.now)
		require.InDelta(t, tc.want.share, got.share, 1e-9, name)
		require.Equal(t, tc.want.at, got.at, name)
	}
	for after, want := range map[time.Duration]float64{-time.Hour: 0.5, 0: 0.5, 5 * time.Second: 0.6, 25 * time.Second: 1, time.Hour: 1} {
		require.InDelta(t, want, half.now(in(after)), 1e-9, after)
	}
	require.Equal(t, 1.0, slowdown{}.now(noon))
	require.Equal(t, 25*time.Second, half.recovers())
}

func TestSlowdownInRedis(t *testing.T) {
	for _, s := range []slowdown{{}, {0.5, noon}, {leastShare, noon}, {1.0 / 3, in(time.Microsecond)}} {
		back := parseSlowdown(s.String())
		require.Equal(t, s.share, back.share)
		require.True(t, s.at.Equal(back.at))
	}
	for _, text := range []string{"", "x", "0.5", "0.5 x", "-1 5", "0 5", "NaN 5", "2 5", "+Inf 5"} {
		require.Equal(t, slowdown{}, parseSlowdown(text), text)
	}
}

func TestAlone(t *testing.T) {
	var a alone
	every := 10 * time.Millisecond
	require.Equal(t, []time.Time{noon, in(every), in(2 * every)}, a.reserve(3, every, noon))
	require.Equal(t, []time.Time{in(3 * every)}, a.reserve(1, every, in(time.Millisecond)), "it goes on behind what was given out")
	require.Equal(t, []time.Time{in(time.Second)}, a.reserve(1, every, in(time.Second)), "nothing is saved up")
	require.Empty(t, a.reserve(0, every, noon))
}

func TestRest(t *testing.T) {
	for troubles, want := range map[int]time.Duration{
		0: 0, 1: 0, 2: 0, 3: time.Second, 4: 2 * time.Second, 8: 32 * time.Second, 9: time.Minute, 10: time.Minute, 1 << 40: time.Minute,
	} {
		require.Equal(t, want, rest(troubles), troubles)
	}
	for stopped, want := range map[time.Duration]time.Duration{0: 2 * time.Second, 20 * time.Second: 5 * time.Second, time.Hour: time.Minute} {
		require.Equal(t, want, stopLook(stopped), stopped)
	}
}
