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
	bytes   prometheus.Counter
	group   prometheus.Histogram
	refuge  prometheus.Counter
	carried prometheus.Counter
	// database and redis are the two places that take groups.
	database, redis place
	// byStatus spares the lookup by label for the statuses there are.
	byStatus map[int]prometheus.Counter
}

// place is one that takes groups of callbacks.
type place struct {
	took   prometheus.Observer
	failed prometheus.Counter
}

// NewMetrics registers the room's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	commits := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "wabagate_callback_commit_seconds", Help: "Time in which a store took a group of callbacks, by store: database, redis.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2}}, []string{"store"})
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_callback_commit_failures_total",
		Help: "Groups of callbacks that a store did not take, by store: database, redis. What neither takes is refused."}, []string{"store"})
	m := &Metrics{
		acks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_callbacks_total",
			Help: "Callbacks answered, by status: 200 kept, 401 refused for its signature or address, 503 not kept."}, []string{"status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wabagate_callback_seconds", Help: "Time from the arrival of a callback to its acknowledgement.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}}),
		bytes:    prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_callback_bytes_total", Help: "Bytes of the bodies of callbacks that were kept."}),
		group:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wabagate_callback_group_size", Help: "Callbacks per commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 10)}),
		refuge:   prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_callbacks_refuge_total", Help: "Callbacks that Redis kept because the database was away."}),
		carried:  prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_callback_groups_carried_total", Help: "Groups of callbacks carried from Redis to the database when it was back."}),
		database: place{commits.WithLabelValues("database"), failures.WithLabelValues("database")},
		redis:    place{commits.WithLabelValues("redis"), failures.WithLabelValues("redis")},
		byStatus: map[int]prometheus.Counter{},
	}
	r.MustRegister(m.acks, m.seconds, m.bytes, m.group, m.refuge, m.carried, commits, failures)
	for _, s := range []int{fiber.StatusOK, fiber.StatusUnauthorized, fiber.StatusServiceUnavailable} {
		m.byStatus[s] = m.acks.WithLabelValues(strconv.Itoa(s))
	}
	return m
}

func (m *Metrics) acknowledged(status, size int, took time.Duration) {
	m.byStatus[status].Inc()
	m.seconds.Observe(took.Seconds())
	if status == fiber.StatusOK {
		m.bytes.Add(float64(size))
	}
}

// done counts one group that a place was given.
func (p place) done(began time.Time, err error) {
	if err != nil {
		p.failed.Inc()
		return
	}
	p.took.Observe(time.Since(began).Seconds())
}
