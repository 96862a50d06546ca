package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerStats(r fiber.Router) {
	r.Get("/webhooks/:id<int>/stats", s.client(s.handleStats))
	r.Get("/stats", s.client(s.handleBusinessStats))
}

const (
	statsHours    = 24
	maxStatsHours = 30 * 24
)

func (s *Server) handleStats(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	hours, err := number("hours", c.Query("hours"), statsHours, 1, maxStatsHours)
	if err != nil {
		return err
	}
	if _, err := s.store.Webhook(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	st, err := s.store.Stats(c.UserContext(), id, s.now().Add(-time.Duration(hours)*time.Hour))
	if err != nil {
		return err
	}
	v := statsView(st, hours)
	waiting, err := s.store.WaitingOf(c.UserContext(), id)
	if err != nil {
		return err
	}
	v.Waiting, v.Circuit = waitingView(waiting, s.now()), s.circuit(c.UserContext(), id)
	return reply(c, http.StatusOK, v)
}

type statsJSON struct {
	Hours       int          `json:"hours"`
	Total       int64        `json:"total"`
	Successful  int64        `json:"successful"`
	Failed      int64        `json:"failed"`
	Pending     int64        `json:"pending"`
	Held        int64        `json:"held"`
	Attempts    int64        `json:"attempts"`
	SuccessRate *float64     `json:"success_rate"` // from 0 to 1, of what is decided; null while nothing is
	Latency     quantiles    `json:"latency_ms"`
	Waiting     waitingJSON  `json:"waiting"` // now, whatever the hours
	Circuit     *circuitJSON `json:"circuit"` // null where it is not known
}

func statsView(st models.Stats, hours int) statsJSON {
	v := statsJSON{Hours: hours, Total: st.Total, Successful: st.Succeeded, Failed: st.Failed, Pending: st.Pending, Held: st.Held, Attempts: st.Attempts}
	if rate, ok := successRate(st); ok {
		v.SuccessRate = &rate
	}
	v.Latency = quantiles{milliseconds(st.P50), milliseconds(st.P95), milliseconds(st.P99)}
	return v
}

// quantiles are latencies in milliseconds, at most a fifth off.
type quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// successRate is the share of successes among the decided, to four places and never rounded up to all.
func successRate(st models.Stats) (float64, bool) {
	decided := st.Succeeded + st.Failed
	if decided == 0 {
		return 0, false
	}
	return float64(st.Succeeded*10_000/decided) / 10_000, true
}

// countJSON is what became of deliveries in some hours. A delivery that failed and was delivered later counts as both, each
// in the hour in which it ended.
type countJSON struct {
	Total          int64     `json:"total"` // made then
	Successful     int64     `json:"successful"`
	Failed         int64     `json:"failed"`
	Skipped        int64     `json:"skipped"`
	SuccessRate    *float64  `json:"success_rate"` // from 0 to 1, of what was decided; null: nothing was
	Attempts       int64     `json:"attempts"`
	FailedAttempts int64     `json:"failed_attempts"`
	Latency        quantiles `json:"latency_ms"`
	MeanLatency    float64   `json:"mean_latency_ms"`
}

func countView(c models.Count) countJSON {
	v := countJSON{Total: c.Made, Successful: c.Succeeded, Failed: c.Failed, Skipped: c.Skipped, Attempts: c.Attempts(), FailedAttempts: c.AttemptsFailed,
		Latency:     quantiles{milliseconds(c.Latencies.Quantile(0.5)), milliseconds(c.Latencies.Quantile(0.95)), milliseconds(c.Latencies.Quantile(0.99))},
		MeanLatency: milliseconds(c.Latencies.Mean())}
	if rate, ok := successRate(models.Stats{Succeeded: c.Succeeded, Failed: c.Failed}); ok {
		v.SuccessRate = &rate
	}
	return v
}

// pointJSON is one interval of a series.
type pointJSON struct {
	At event.Time `json:"at"` // its beginning
	countJSON
}

// seriesJSON is what became of a business's deliveries over a time, in all and interval by interval.
type seriesJSON struct {
	From      event.Time  `json:"from"` // the first interval's beginning
	To        event.Time  `json:"to"`   // the last one's end
	Interval  string      `json:"interval"`
	WebhookID *int64      `json:"webhook_id"` // null: all
	Totals    countJSON   `json:"totals"`
	Pending   int64       `json:"pending"` // now, whatever the time
	Held      int64       `json:"held"`
	Series    []pointJSON `json:"series"` // every interval, the oldest first
}

// chart is a time cut into intervals.
type chart struct {
	webhook  int64 // 0: all
	from, to time.Time
	interval string // hour or day
	step     time.Duration
}

const (
	day = 24 * time.Hour
	// mostHours and mostDays bound a chart.
	mostHours = 31 * 24
	mostDays  = 400
)

// parseChart reads what a chart is asked for. Its bounds are moved out to those of hours or days (UTC).
func parseChart(query func(key string, defaults ...string) string, now time.Time) (c chart, err error) {
	usual, most := day, mostHours
	switch c.interval = query("interval", "hour"); c.interval {
	case "hour":
		c.interval, c.step = "hour", time.Hour
	case "day":
		c.interval, c.step, usual, most = "day", day, 30*day, mostDays
	default:
		return c, invalid("interval", codeInvalid, "must be hour or day")
	}
	if c.webhook, err = queryID("webhook_id", query("webhook_id")); err != nil {
		return c, err
	}
	if c.to, err = moment("to", query("to")); err != nil {
		return c, err
	}
	if c.to.IsZero() {
		c.to = now
	}
	if c.from, err = moment("from", query("from")); err != nil {
		return c, err
	}
	if c.from.IsZero() {
		c.from = c.to.Add(-usual)
	}
	if !c.from.Before(c.to) {
		return c, invalid("from", codeInvalid, "must be before to")
	}
	c.from, c.to = c.from.UTC().Truncate(c.step), c.to.Add(c.step-1).UTC().Truncate(c.step)
	if c.to.Sub(c.from) > time.Duration(most+1)*c.step { // one more, because the ends are parts
		return c, invalid("from", codeInvalid, "must be at most %d %ss before to", most, c.interval)
	}
	return c, nil
}

func (s *Server) handleBusinessStats(c *fiber.Ctx, who caller) error {
	ch, err := parseChart(c.Query, s.now())
	if err != nil {
		return err
	}
	v, err := s.series(c.UserContext(), who.Business, ch)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, v)
}

// series counts what a chart shows.
func (s *Server) series(ctx context.Context, businessID int64, ch chart) (v seriesJSON, err error) {
	v = seriesJSON{From: event.Time{Time: ch.from}, To: event.Time{Time: ch.to}, Interval: ch.interval, Series: []pointJSON{}}
	if ch.webhook != 0 {
		if _, err := s.store.Webhook(ctx, businessID, ch.webhook); err != nil {
			return v, err
		}
		v.WebhookID = &ch.webhook
	}
	counts, err := s.store.Counts(ctx, models.CountFilter{BusinessID: businessID, WebhookID: ch.webhook, From: ch.from, To: ch.to}, ch.step)
	if err != nil {
		return v, err
	}
	var all models.Count
	for at := ch.from; at.Before(ch.to); at = at.Add(ch.step) {
		all.Add(counts[at])
		v.Series = append(v.Series, pointJSON{event.Time{Time: at}, countView(counts[at])})
	}
	v.Totals = countView(all)
	owed, err := s.store.Owed(ctx, businessID, ch.webhook)
	v.Pending, v.Held = owed.Pending, owed.Held
	return v, err
}
