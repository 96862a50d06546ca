package fanout

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
)

// Metrics counts what the room does. Make it with NewMetrics. What is counted for each event has its counter at hand, so that
// nothing is looked up by label or allocated for it.
type Metrics struct {
	callbacks     prometheus.Counter
	events        map[string]prometheus.Counter // by type
	parked        prometheus.Counter
	translation   prometheus.Histogram
	translatedAge prometheus.Histogram
	untranslated  prometheus.Counter

	attempts   map[deliver.Outcome]prometheus.Counter
	inFlight   prometheus.Gauge
	duration   prometheus.Histogram
	age        prometheus.Histogram
	deliveries map[models.DeliveryState]prometheus.Counter
	postponed  *prometheus.CounterVec
	settle     prometheus.Histogram
	unsettled  prometheus.Counter

	reconciled *prometheus.CounterVec
	rounds     *prometheus.CounterVec
	round      prometheus.Histogram
	leads      prometheus.Gauge
	lapses     prometheus.Counter

	keeper    *prometheus.CounterVec
	kept      *prometheus.HistogramVec
	retention *prometheus.CounterVec
	waiting   prometheus.Gauge
	jobs      prometheus.Gauge
}

// The outcomes of what is done now and then.
const (
	done   = "done"
	failed = "failed"
)

// deliveryStates are what an attempt or a pause leaves a delivery in, as the metrics call them.
var deliveryStates = map[models.DeliveryState]string{models.Succeeded: "delivered", models.Pending: "to_retry", models.Failed: "given_up", models.Held: "held"}

// retained are the things that the retention counts.
var retained = [...]string{"rows_deleted", "contents_emptied", "leaves_dropped", "unfinished_deliveries", "parked_callbacks"}

// NewMetrics registers the room's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	histogram := func(name, help string, buckets ...float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	events := counters("wabagate_events_total", "Events made, by type.", "type")
	attempts := counters("wabagate_delivery_attempts_total", "Requests to customers' webhooks, by outcome.", "outcome")
	deliveries := counters("wabagate_deliveries_total", "What attempts and pauses left deliveries in: delivered, to_retry, given_up, held (until the webhook is on again).", "state")
	m := &Metrics{
		callbacks:     counter("wabagate_callbacks_translated_total", "Callbacks turned into events."),
		events:        map[string]prometheus.Counter{},
		parked:        counter("wabagate_callbacks_parked_total", "Callbacks kept for a number that is not connected, or that could not be read."),
		translation:   histogram("wabagate_translation_seconds", "Time of a transaction that turns callbacks into events.", .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30),
		translatedAge: histogram("wabagate_translation_age_seconds", "Time from the arrival of the oldest callback of a transaction until its events are kept.", .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 300, 3600),
		untranslated:  counter("wabagate_translation_failures_total", "Transactions that turned no callbacks into events; they are tried again."),

		attempts:   map[deliver.Outcome]prometheus.Counter{},
		inFlight:   gauge("wabagate_delivery_requests_in_flight", "Requests under way to customers' webhooks."),
		duration:   histogram("wabagate_delivery_attempt_seconds", "Time from the request to the verdict.", .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30),
		age:        histogram("wabagate_delivery_age_seconds", "Time from the event to its first successful delivery.", .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 60, 600, 3600, 86400),
		deliveries: map[models.DeliveryState]prometheus.Counter{},
		postponed:  counters("wabagate_deliveries_postponed_total", "Groups of deliveries put off without an attempt, by reason: circuit_open, lapsed, rate_limit, slow.", "reason"),
		settle:     histogram("wabagate_delivery_settle_seconds", "Time to keep the results of a group of attempts, waiting for an absent database included.", .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 30),
		unsettled:  counter("wabagate_delivery_settle_failures_total", "Tries to keep the results of attempts that failed; they go on."),

		reconciled: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_work_reconciled_total",
			Help: "Work that the reconciler put into the queue, by kind and why: came_due (as planned), lost (the queue should have had it), abandoned (its worker is gone), slept (a clock is wrong)."}, []string{"kind", "why"}),
		rounds: counters("wabagate_reconciler_rounds_total", "Rounds of the reconciler in this process, by outcome: done, failed.", "outcome"),
		round:  histogram("wabagate_reconciler_round_seconds", "Time of a round of the reconciler.", .001, .005, .01, .05, .1, .5, 1, 5, 20),
		leads:  gauge("wabagate_leader", "1: this process reconciles and looks after history, numbers and jobs; 0: another one does. All together: 1."),
		lapses: counter("wabagate_worker_lapses_total", "Times that this process stood still for so long that others took its work."),

		keeper: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_keeper_runs_total",
			Help: "What is looked after now and then, by duty (jobs, health, counts, history) and outcome (done, failed)."}, []string{"duty", "outcome"}),
		kept: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "wabagate_keeper_run_seconds", Help: "Time of looking after something, by duty: jobs, health, counts, history.",
			Buckets: []float64{.001, .01, .05, .25, 1, 5, 30, 120, 600}}, []string{"duty"}),
		retention: counters("wabagate_retention_removed_total", "What the retention let go of: rows_deleted, contents_emptied, leaves_dropped, unfinished_deliveries (nobody got them), parked_callbacks.", "what"),
		waiting:   gauge("wabagate_retention_untranslated_groups", "Groups of callbacks that are old enough to go but that nobody has translated; they are kept."),
		jobs:      gauge("wabagate_jobs_running", "Replays and catch-ups under way, as of the last look of this process."),
	}
	r.MustRegister(m.callbacks, events, m.parked, m.translation, m.translatedAge, m.untranslated, attempts, m.inFlight, m.duration, m.age, deliveries, m.postponed, m.settle, m.unsettled,
		m.reconciled, m.rounds, m.round, m.leads, m.lapses, m.keeper, m.kept, m.retention, m.waiting, m.jobs)
	for _, t := range event.Catalogue() {
		m.events[t.Name] = events.WithLabelValues(t.Name)
	}
	for _, o := range deliver.Outcomes() {
		m.attempts[o] = attempts.WithLabelValues(string(o))
	}
	for state, name := range deliveryStates {
		m.deliveries[state] = deliveries.WithLabelValues(name)
	}
	for _, why := range []string{"circuit_open", "lapsed", "rate_limit", "slow"} {
		m.postponed.WithLabelValues(why)
	}
	for _, kind := range []models.Kind{models.TranslateCallbacks, models.Deliver, models.SendMessages, models.ReplyMessages} {
		for _, why := range []string{cameDue, missed, abandoned, slept} {
			m.reconciled.WithLabelValues(kindName(kind), why)
		}
	}
	for _, outcome := range []string{done, failed} {
		m.rounds.WithLabelValues(outcome)
		for _, d := range duties {
			m.keeper.WithLabelValues(string(d), outcome)
			m.kept.WithLabelValues(string(d))
		}
	}
	for _, what := range retained {
		m.retention.WithLabelValues(what)
	}
	return m
}

func (m *Metrics) translated(callbacks int, c models.Changes) {
	m.callbacks.Add(float64(callbacks))
	m.parked.Add(float64(len(c.Parked)))
}

// made counts events. A type that the catalogue lacks, which a test rules out, is not worth a panic.
func (m *Metrics) made(events []models.Event) {
	for i := range events {
		if c := m.events[events[i].Type]; c != nil {
			c.Inc()
		}
	}
}

// attempted counts a request.
func (m *Metrics) attempted(o deliver.Outcome, took time.Duration) {
	if c := m.attempts[o]; c != nil {
		c.Inc()
	}
	m.duration.Observe(took.Seconds())
}

// transaction counts one that translated callbacks, the oldest of which came at the given moment.
func (m *Metrics) transaction(began, oldest, now time.Time, err error) {
	if err != nil {
		m.untranslated.Inc()
		return
	}
	m.translation.Observe(time.Since(began).Seconds())
	if !oldest.IsZero() {
		m.translatedAge.Observe(max(0, now.Sub(oldest).Seconds()))
	}
}

func outcome(err error) string {
	if err != nil {
		return failed
	}
	return done
}

func (m *Metrics) reconcilerRound(began time.Time, err error) {
	m.rounds.WithLabelValues(outcome(err)).Inc()
	m.round.Observe(time.Since(began).Seconds())
}

func (m *Metrics) lead(leads bool) {
	if leads {
		m.leads.Set(1)
		return
	}
	m.leads.Set(0)
	m.jobs.Set(0)
	m.waiting.Set(0)
}

func (m *Metrics) keeps(d duty, began time.Time, err error) {
	m.keeper.WithLabelValues(string(d), outcome(err)).Inc()
	m.kept.WithLabelValues(string(d)).Observe(time.Since(began).Seconds())
}

func (m *Metrics) maintained(did models.Maintained) {
	for i, n := range []int64{did.Deleted, did.Emptied, int64(len(did.Dropped)), did.Unfinished, did.Parked} {
		m.retention.WithLabelValues(retained[i]).Add(float64(n))
	}
	if !did.Busy {
		m.waiting.Set(float64(did.Waiting))
	}
}
