package gateway

import (
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the room does. Make it with NewMetrics.
type Metrics struct {
	acks    *prometheus.CounterVec
	seconds prometheus.Histogram
	group   prometheus.Histogram
	refuge  prometheus.Counter
	// byStatus spares the lookup by label for the statuses there are.
	byStatus map[int]prometheus.Counter
}

// NewMetrics registers the room's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		acks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_callbacks_total", Help: "Callbacks answered, by status."}, []string{"status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wabagate_callback_seconds", Help: "Time from the arrival of a callback to its acknowledgement.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}}),
		group:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wabagate_callback_group_size", Help: "Callbacks per commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 10)}),
		refuge:   prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_callbacks_refuge_total", Help: "Callbacks that Redis kept because the database was away."}),
		byStatus: map[int]prometheus.Counter{},
	}
	r.MustRegister(m.acks, m.seconds, m.group, m.refuge)
	for _, s := range []int{fiber.StatusOK, fiber.StatusUnauthorized, fiber.StatusServiceUnavailable} {
		m.byStatus[s] = m.acks.WithLabelValues(strconv.Itoa(s))
	}
	return m
}

func (m *Metrics) acknowledged(status int, took time.Duration) {
	m.byStatus[status].Inc()
	m.seconds.Observe(took.Seconds())
}
