package gap

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the last look of this process found. Those that say how things stand are zero while another one looks.
type metrics struct {
	looks        *prometheus.CounterVec
	unreported   prometheus.Counter
	silences     prometheus.Counter
	holes        prometheus.Counter
	silent       prometheus.Gauge
	parked       prometheus.Gauge
	parkedOldest prometheus.Gauge
	behind       prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		looks:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_gap_looks_total", Help: "Looks for what did not come, by outcome: done, failed."}, []string{"outcome"}),
		unreported:   prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_gap_unreported_messages_total", Help: "Messages that the platform accepted and of which no status came in time."}),
		silences:     prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_gap_silences_total", Help: "Times that a number fell silent against its own rhythm."}),
		holes:        prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_gap_sequence_holes_total", Help: "Places in conversations where events are missing. Any is a mistake of the gateway's."}),
		silent:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "wabagate_gap_silent_numbers", Help: "Numbers for which nothing comes, against their own rhythm."}),
		parked:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "wabagate_gap_parked_callbacks", Help: "Callbacks kept for numbers that nobody has connected."}),
		parkedOldest: prometheus.NewGauge(prometheus.GaugeOpts{Name: "wabagate_gap_parked_oldest_seconds", Help: "Age of the oldest of them; 0: there are none."}),
		behind:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "wabagate_gap_uncounted_seconds", Help: "Of how much time the events are still to be counted."}),
	}
	if r != nil {
		r.MustRegister(m.looks, m.unreported, m.silences, m.holes, m.silent, m.parked, m.parkedOldest, m.behind)
	}
	for _, outcome := range []string{"done", "failed"} {
		m.looks.WithLabelValues(outcome)
	}
	return m
}

func (m *metrics) looked(err error) {
	outcome := "done"
	if err != nil {
		outcome = "failed"
	}
	m.looks.WithLabelValues(outcome).Inc()
}

func (m *metrics) counted(behind time.Duration) { m.behind.Set(max(0, behind.Seconds())) }

func (m *metrics) park(n int64, oldest, now time.Time) {
	m.parked.Set(float64(n))
	age := 0.0
	if n > 0 {
		age = max(0, now.Sub(oldest).Seconds())
	}
	m.parkedOldest.Set(age)
}

// rest is for a process that does not look.
func (m *metrics) rest() {
	for _, g := range []prometheus.Gauge{m.silent, m.parked, m.parkedOldest, m.behind} {
		g.Set(0)
	}
}
