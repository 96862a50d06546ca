package broadcast

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestAllowance(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		plan models.BroadcastPlan
		open models.OpenSends
		rate int
		want int
	}{
		"an empty window":                 {models.BroadcastPlan{Recipients: 1000}, models.OpenSends{}, 80, 240},
		"some of it":                      {models.BroadcastPlan{Recipients: 1000}, models.OpenSends{Ready: 200}, 80, 40},
		"a full one":                      {models.BroadcastPlan{Recipients: 1000}, models.OpenSends{Ready: 300}, 80, 0},
		"a slow number":                   {models.BroadcastPlan{Recipients: 1000}, models.OpenSends{}, 1, 20},
		"the last":                        {models.BroadcastPlan{Recipients: 1000, Place: 995}, models.OpenSends{}, 80, 5},
		"what is tried again":             {models.BroadcastPlan{Recipients: 1000}, models.OpenSends{Later: 4000, Undecided: 799}, 80, 240},
		"too much of it":                  {models.BroadcastPlan{Recipients: 1000}, models.OpenSends{Later: 4000, Undecided: 800}, 80, 0},
		"a pace that begins":              {models.BroadcastPlan{Recipients: 1000, Pace: 10}, models.OpenSends{}, 80, 15},
		"the slowest":                     {models.BroadcastPlan{Recipients: 1000, Pace: 1}, models.OpenSends{}, 80, 1},
		"a pace that is kept":             {models.BroadcastPlan{Recipients: 1000, Pace: 10, PacedAt: now}, models.OpenSends{}, 80, 5},
		"one that is ahead":               {models.BroadcastPlan{Recipients: 1000, Pace: 10, PacedAt: now.Add(time.Second)}, models.OpenSends{}, 80, 0},
		"one that fell behind":            {models.BroadcastPlan{Recipients: 1000, Pace: 10, PacedAt: now.Add(-time.Hour)}, models.OpenSends{}, 80, 15},
		"a pace beyond what a number may": {models.BroadcastPlan{Recipients: 1000, Pace: 1000}, models.OpenSends{}, 80, 240},
	} {
		n, _ := allowance(c.plan, c.open, c.rate, now)
		require.Equal(t, c.want, n, name)
	}
}

// Over a minute a broadcast keeps its pace, whenever it is looked at.
func TestPaceIsKept(t *testing.T) {
	for _, pace := range []int{1, 7, 50, 240} {
		p := models.BroadcastPlan{Recipients: 1_000_000, Pace: pace}
		start := time.Unix(1_800_000_000, 0)
		for now := start; now.Before(start.Add(time.Minute)); now = now.Add(lookEvery + 3*time.Millisecond) {
			n, due := allowance(p, models.OpenSends{}, 1000, now)
			p.Place, p.PacedAt = p.Place+int64(n), paced(p, due, n)
		}
		require.InEpsilon(t, 60*pace, p.Place, 0.05, "pace %d", pace)
	}
}

func TestEnd(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	p := models.BroadcastPlan{Recipients: 1000, Place: 300}
	require.Equal(t, now.Add(10*time.Second), End(p, models.OpenSends{Ready: 100}, 80, now))
	p.Pace, p.ScheduledAt = 8, now.Add(time.Hour)
	require.Equal(t, now.Add(time.Hour+100*time.Second), End(p, models.OpenSends{Ready: 100}, 80, now))
}
