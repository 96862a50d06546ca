package sending

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what the package does. Make it with NewMetrics.
type Metrics struct {
	attempts *prometheus.CounterVec
	putOff   *prometheus.CounterVec
	request  prometheus.Histogram
	waited   prometheus.Histogram
	inFlight prometheus.Gauge
	stopped  prometheus.Gauge
	doubted  prometheus.Counter
}

// reason is why messages were put off without an attempt.
type reason string

// The reasons.
const (
	forPace reason = "pace" // the number has enough to do
	forPair reason = "pair" // the recipient had too many
	forRest reason = "rest" // the upstream asked for a pause, or is in trouble
	forStop reason = "stop" // the token was refused
)

// NewMetrics registers the package's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_send_attempts_total",
			Help: "Messages given to the platform, by what became of it: accepted, failed, given_back, retried, unauthorized, undecided."}, []string{"outcome"}),
		putOff: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_send_put_off_total",
			Help: "Messages put off without an attempt, by reason: pace, pair, rest, stop."}, []string{"reason"}),
		request: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wabagate_send_request_seconds", Help: "Time from the request to the platform's answer.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wabagate_send_pace_wait_seconds", Help: "Time that a message, once it was in line, waited to leave.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "wabagate_send_requests_in_flight", Help: "Requests under way to the platform."}),
		stopped:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "wabagate_send_stopped_numbers", Help: "Numbers that wait for another token."}),
		doubted:  prometheus.NewCounter(prometheus.CounterOpts{Name: "wabagate_send_doubted_total", Help: "Messages whose process was gone before it had kept the answer."}),
	}
	r.MustRegister(m.attempts, m.putOff, m.request, m.waited, m.inFlight, m.stopped, m.doubted)
	for _, o := range outcomes {
		m.attempts.WithLabelValues(string(o))
	}
	for _, why := range []reason{forPace, forPair, forRest, forStop} {
		m.putOff.WithLabelValues(string(why))
	}
	return m
}
