package line

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wabagate/models"
)

// Metrics says how the numbers are, as the process that leads sees them; in the others it is all zero. Make it with
// NewMetrics.
type Metrics struct {
	numbers *prometheus.GaugeVec
	tokens  *prometheus.GaugeVec
}

// How a number is.
const (
	well      = "well"
	troubled  = "troubled"
	unchecked = "unchecked"
)

// How the token of a number is.
const (
	lasting = "lasting"
	ending  = "ending" // within warnAhead
	ended   = "ended"
)

// NewMetrics registers the package's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		numbers: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "wabagate_numbers",
			Help: "Numbers with a token, by how they were at their last check: well, troubled (they do not work, or will not for long), unchecked."}, []string{"health"}),
		tokens: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "wabagate_number_tokens", Help: "Tokens of numbers, by when they end: lasting, ending (within seven days), ended."}, []string{"state"}),
	}
	r.MustRegister(m.numbers, m.tokens)
	m.show(nil, time.Time{})
	return m
}

// show sets how the numbers are; nil Metrics show nothing.
func (m *Metrics) show(us []models.Upstream, now time.Time) {
	if m == nil {
		return
	}
	numbers, tokens := map[string]int{well: 0, troubled: 0, unchecked: 0}, map[string]int{lasting: 0, ending: 0, ended: 0}
	for _, u := range us {
		numbers[healthOf(u.Checked)]++
		tokens[lifeOf(u.TokenExpiresAt, now)]++
	}
	for health, n := range numbers {
		m.numbers.WithLabelValues(health).Set(float64(n))
	}
	for state, n := range tokens {
		m.tokens.WithLabelValues(state).Set(float64(n))
	}
}

func healthOf(h models.UpstreamHealth) string {
	switch {
	case h.At.IsZero():
		return unchecked
	case !h.OK || h.Trouble != "":
		return troubled
	}
	return well
}

// lifeOf says how long a token lasts; a zero end is none.
func lifeOf(end, now time.Time) string {
	switch {
	case end.IsZero() || end.Sub(now) >= warnAhead:
		return lasting
	case now.Before(end):
		return ending
	}
	return ended
}
