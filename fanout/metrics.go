package fanout

import (
	"github.com/prometheus/client_golang/prometheus"

	"wabagate/fanout/deliver"
	"wabagate/models"
)

// Metrics counts what the room does. Make it with NewMetrics.
type Metrics struct {
	callbacks  prometheus.Counter
	events     *prometheus.CounterVec
	parked     prometheus.Counter
	attempts   *prometheus.CounterVec
	duration   prometheus.Histogram
	age        prometheus.Histogram
	postponed  *prometheus.CounterVec
	reconciled *prometheus.CounterVec
}

// NewMetrics registers the room's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		callbacks: prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_callbacks_translated_total", Help: "Callbacks turned into events."}),
		events:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_events_total", Help: "Events made, by type."}, []string{"type"}),
		parked:    prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_callbacks_parked_total", Help: "Callbacks kept for a number that is not connected, or that could not be read."}),
		attempts:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_delivery_attempts_total", Help: "Requests to customers' webhooks, by outcome."}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wabagate_delivery_attempt_seconds", Help: "Time from the request to the verdict.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wabagate_delivery_age_seconds", Help: "Time from the event to its first successful delivery.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 60, 600, 3600, 86400}}),
		postponed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_deliveries_postponed_total",
			Help: "Groups of deliveries put off without an attempt, by reason: circuit_open, lapsed, rate_limit, slow."}, []string{"reason"}),
		reconciled: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_work_reconciled_total", Help: "Work that the queue had lost and that was put in again, by kind."}, []string{"kind"}),
	}
	r.MustRegister(m.callbacks, m.events, m.parked, m.attempts, m.duration, m.age, m.postponed, m.reconciled)
	for _, o := range deliver.Outcomes() {
		m.attempts.WithLabelValues(string(o))
	}
	for _, why := range []string{"circuit_open", "lapsed", "rate_limit", "slow"} {
		m.postponed.WithLabelValues(why)
	}
	m.reconciled.WithLabelValues("callbacks")
	m.reconciled.WithLabelValues("deliveries")
	m.reconciled.WithLabelValues("sends")
	m.reconciled.WithLabelValues("replies")
	return m
}

func (m *Metrics) translated(callbacks int, c models.Changes) {
	m.callbacks.Add(float64(callbacks))
	m.parked.Add(float64(len(c.Parked)))
	for _, e := range c.Events {
		m.events.WithLabelValues(e.Type).Inc()
	}
}
