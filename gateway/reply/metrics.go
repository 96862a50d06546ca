package reply

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what the package does. Make it with NewMetrics.
type Metrics struct {
	turns *prometheus.CounterVec
	asked prometheus.Histogram
}

// NewMetrics registers the package's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		turns: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_replies_total",
			Help: "Messages of customers that an AI was to answer, by what became of it (answer, silence, hand_over) and why."}, []string{"outcome", "reason"}),
		asked: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wabagate_reply_answer_seconds", Help: "Time from the question to the answer, or to its failure.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 20, 40, 60}}),
	}
	r.MustRegister(m.turns, m.asked)
	m.turns.WithLabelValues(string(answer), "")
	for _, why := range []reason{isOff, isTaken, isAnswered, isGone, isNewer, isClosed, isMute} {
		m.turns.WithLabelValues(string(silence), string(why))
	}
	for _, why := range []reason{byAgent, byKeyword, byRepeats, bySpeed, byPingPong, byHour, byDay, byFailure, byRequest} {
		m.turns.WithLabelValues(string(handOver), string(why))
	}
	return m
}

func (m *Metrics) count(d decision) {
	m.turns.WithLabelValues(string(d.verdict), string(d.reason)).Inc()
}
