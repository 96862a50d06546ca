package broadcast

import (
	"github.com/prometheus/client_golang/prometheus"

	"wabagate/models"
)

// Metrics counts what the package does. Make it with NewMetrics.
type Metrics struct {
	running, stuck prometheus.Gauge
	released       prometheus.Counter
	skipped        prometheus.Counter
	ended          *prometheus.CounterVec
}

// NewMetrics registers the package's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		running:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "wabagate_broadcasts_running", Help: "Broadcasts that this process works on."}),
		stuck:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "wabagate_broadcasts_stuck", Help: "Those among them that do not go on: their number has no token, or something fails."}),
		released: prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_broadcast_messages_total", Help: "Messages of broadcasts that were put in line to be sent."}),
		skipped:  prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_broadcast_opted_out_total", Help: "Recipients of broadcasts that were passed over because they want none."}),
		ended:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_broadcasts_ended_total", Help: "Broadcasts that ended, by state: finished, cancelled."}, []string{"state"}),
	}
	r.MustRegister(m.running, m.stuck, m.released, m.skipped, m.ended)
	for _, state := range []string{"finished", "cancelled"} {
		m.ended.WithLabelValues(state)
	}
	return m
}

// The methods do nothing on nil Metrics.

func (m *Metrics) atHand(running, stuck int) {
	if m != nil {
		m.running.Set(float64(running))
		m.stuck.Set(float64(stuck))
	}
}

func (m *Metrics) release(r models.Release) {
	if m != nil {
		m.released.Add(float64(len(r.Sends)))
		m.skipped.Add(float64(len(r.OptedOut)))
	}
}

func (m *Metrics) end(cancelled bool) {
	if m == nil {
		return
	}
	state := "finished"
	if cancelled {
		state = "cancelled"
	}
	m.ended.WithLabelValues(state).Inc()
}
