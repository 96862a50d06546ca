package media

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the package does. Make it with NewMetrics.
type Metrics struct {
	fetched *prometheus.CounterVec
	seconds prometheus.Histogram
	bytes   *prometheus.CounterVec
	removed prometheus.Counter
}

// kept is the outcome of a fetch that is no refusal.
const kept = "kept"

// NewMetrics registers the package's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		fetched: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_media_fetches_total",
			Help: "Attempts to fetch a file from the platform, by what became of it: kept, or why not."}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wabagate_media_fetch_seconds", Help: "Time to fetch a file and keep it.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_media_bytes_total",
			Help: "Bytes of files, by where they went: fetched from the platform, uploaded to it."}, []string{"direction"}),
		removed: prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_media_files_removed_total", Help: "Files that nobody had any more."}),
	}
	r.MustRegister(m.fetched, m.seconds, m.bytes, m.removed)
	for _, outcome := range []string{kept, Gone, TooLarge, TypeRefused, TypeDiffers, Corrupt, Unreachable, NoAccess} {
		m.fetched.WithLabelValues(outcome)
	}
	for _, direction := range []string{"fetched", "uploaded"} {
		m.bytes.WithLabelValues(direction)
	}
	return m
}

func (m *Metrics) attempt(outcome string, took time.Duration) {
	m.fetched.WithLabelValues(outcome).Inc()
	if outcome == kept {
		m.seconds.Observe(took.Seconds())
	}
}
