package line

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestMetrics(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	m := NewMetrics(prometheus.NewRegistry())
	m.show([]models.Upstream{
		{},
		{TokenExpiresAt: now, Checked: models.UpstreamHealth{At: now}},
		{TokenExpiresAt: now.Add(warnAhead - time.Second), Checked: models.UpstreamHealth{At: now, OK: true, Trouble: "The token ends."}},
		{TokenExpiresAt: now.Add(warnAhead), Checked: models.UpstreamHealth{At: now, OK: true}},
	}, now)
	for health, want := range map[string]float64{well: 1, troubled: 2, unchecked: 1} {
		require.Equal(t, want, testutil.ToFloat64(m.numbers.WithLabelValues(health)), health)
	}
	for state, want := range map[string]float64{lasting: 2, ending: 1, ended: 1} {
		require.Equal(t, want, testutil.ToFloat64(m.tokens.WithLabelValues(state)), state)
	}
	m.show(nil, now)
	require.Zero(t, testutil.ToFloat64(m.tokens.WithLabelValues(ended)), "another process leads")
}
