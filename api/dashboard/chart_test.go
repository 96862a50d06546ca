package dashboard_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/api/dashboard"
)

func TestChart(t *testing.T) {
	c := dashboard.NewChart("Deliveries", [3]string{"Delivered", "Failed", ""}, []dashboard.Bar{{Label: "10:00"}, {Label: "11:00", Succeeded: 1_000_000, Failed: 1}, {Label: "12:00", Failed: 500_000}})
	require.Equal(t, []dashboard.Rect{{"none", "0", "99", "10", "1"}, {"ok", "13", "1.5", "10", "98.5"}, {"no", "13", "0", "10", "1.5"}, {"no", "26", "50", "10", "50"}}, c.Rects)
	require.Equal(t, "10:00", c.First)
	require.Equal(t, "12:00", c.Last)
	require.Equal(t, "1000001", c.Peak)
	require.Equal(t, "Deliveries: Delivered 1000000, Failed 500001", c.Sum())
	for _, r := range c.Rects {
		for _, text := range []string{r.X, r.Y, r.W, r.H} {
			n, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			require.GreaterOrEqual(t, n, 0.0)
			require.LessOrEqual(t, n, 100.0)
		}
		require.NotEqual(t, "0", r.H, "what is not nothing is never invisible")
	}
	require.Empty(t, dashboard.NewChart("None", [3]string{"Events"}, nil).Rects)
}

func TestSpark(t *testing.T) {
	require.Equal(t, "0,25 48,1 96,13", dashboard.NewSpark("x", []int64{0, 10, 5}).Points)
	require.Equal(t, "0,25 96,25", dashboard.NewSpark("x", []int64{0, 0}).Points)
	require.Empty(t, dashboard.NewSpark("x", []int64{3}).Points)
	require.Len(t, strings.Fields(dashboard.NewSpark("x", make([]int64, 96)).Points), 96)
}
