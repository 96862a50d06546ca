package api

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the room does. Make it with NewMetrics.
type Metrics struct {
	logins   map[string]prometheus.Counter // by outcome
	requests map[requestKind]prometheus.Observer
}

// The outcomes of a login.
const (
	loggedIn     = "logged_in"
	loginWrong   = "wrong"   // address or password
	loginLimited = "limited" // too many failures before
)

// requestKind is what requests are counted by.
type requestKind struct{ area, class string }

// areas are the parts of the customer surface, as the first part of a path has them.
var areas = [...]string{"api", "v1", "pages"}

// classes are the classes of an answer's status.
var classes = [...]string{"2xx", "3xx", "4xx", "5xx"}

// NewMetrics registers the room's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	logins := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wabagate_logins_total",
		Help: "Tries to log in, by outcome: logged_in, wrong (address or password), limited (refused after too many failures)."}, []string{"outcome"})
	requests := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "wabagate_request_seconds",
		Help:    "Time to answer people and their programs, by area (api: the business's API, v1: the numbers' own, pages: everything else) and class of status. Streams and waiting pulls count in full.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}}, []string{"area", "class"})
	r.MustRegister(logins, requests)
	m := &Metrics{logins: map[string]prometheus.Counter{}, requests: map[requestKind]prometheus.Observer{}}
	for _, o := range []string{loggedIn, loginWrong, loginLimited} {
		m.logins[o] = logins.WithLabelValues(o)
	}
	for _, a := range areas {
		for _, c := range classes {
			m.requests[requestKind{a, c}] = requests.WithLabelValues(a, c)
		}
	}
	return m
}

func (m *Metrics) login(outcome string) { m.logins[outcome].Inc() }

// observe times requests. What goes wrong has its status from the error, which is answered after this.
func (m *Metrics) observe(area string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		began := time.Now()
		err := c.Next()
		if o := m.requests[requestKind{area, classOf(finalStatus(c, err))}]; o != nil {
			o.Observe(time.Since(began).Seconds())
		}
		return err
	}
}

// finalStatus is the status that a handler's result becomes.
func finalStatus(c *fiber.Ctx, err error) int {
	if err == nil {
		return c.Response().StatusCode()
	}
	if e := public(err); e != nil {
		return e.Status
	}
	return http.StatusInternalServerError
}

// classOf is empty for what is no final answer.
func classOf(status int) string {
	if i := status/100 - 2; i >= 0 && i < len(classes) {
		return classes[i]
	}
	return ""
}
