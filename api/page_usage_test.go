package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// traffic gives our number some, on some days of this month, as far as it has come.
func (b *bundle) traffic() {
	b.t.Helper()
	w := b.webhook()
	for range 3 {
		b.delivery(w, "message.received", models.Succeeded, delivered)
	}
	_, _, err := b.store.CountTraffic(b.t.Context(), time.Now().Add(time.Minute))
	require.NoError(b.t, err)
}

func TestUsagePage(t *testing.T) {
	b := setup(t)
	_, got := b.page("/usage")
	require.Contains(t, got, "No number had any traffic in this month.")
	b.traffic()
	month := time.Now().UTC().Format("2006-01")
	status, got := b.page("/usage?month=" + month)
	require.Equal(t, 200, status)
	require.Contains(t, got, "Shop (&#43;15550100200)")
	require.NotContains(t, got, "Month after")
	status, _ = b.page("/usage?month=2099-01")
	require.Equal(t, 400, status)

	status, got, head := b.call("GET", "/usage.csv?month="+month, "", "Cookie", b.session)
	require.Equal(t, 200, status)
	require.Equal(t, `attachment; filename="usage-`+month+`.csv"`, head.Get("Content-Disposition"))
	lines := strings.Split(strings.TrimSpace(got), "\n")
	require.Equal(t, "day,number_id,number,received,sent,events,callbacks,deliveries,attempts", lines[0])
	require.Contains(t, got, ",all,3,0,3,")
	require.True(t, strings.HasSuffix(lines[len(lines)-1], ",3,3"), lines[len(lines)-1])
	_, theirs, _ := b.call("GET", "/usage.csv?month="+month, "", "Cookie", b.theirUser)
	require.NotContains(t, theirs, "Shop")
}

func TestUsagePageFits(t *testing.T) {
	b := setup(t)
	base := b.listen()
	b.traffic()
	tab := browser(t)
	b.enter(tab, base)
	visit(t, tab, base, stop{name: "usage", path: "/usage"})
}
