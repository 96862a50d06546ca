package dialect

import (
	"net/http"
	"time"
)

// Manners are how a product delivers: the defaults of a webhook, which may have its own timeout and schedule.
type Manners struct {
	// Timeout is how long an attempt may take in all.
	Timeout time.Duration
	// Success reports whether a status acknowledges the delivery.
	Success func(status int) bool
	// Final reports whether a failing status ends the delivery at once. That 410 disables a webhook is a rule for all
	// dialects and not said here.
	Final func(status int) bool
	// Schedule is the wait before each retry; after the last the delivery is exhausted. It is shared: read it only.
	Schedule []time.Duration
	// Challenge is true where a receiver has to answer a challenge before it gets events.
	Challenge bool
}

// usual are the manners where a product says nothing else: retries for about three days.
func usual() Manners {
	return Manners{
		Timeout: 10 * time.Second,
		Success: any2xx,
		Final:   never,
		Schedule: []time.Duration{5 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute,
			time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour},
	}
}

func any2xx(status int) bool  { return status >= 200 && status <= 299 }
func only200(status int) bool { return status == http.StatusOK }
func never(int) bool          { return false }
