package models

import (
	"sync/atomic"
	"time"
)

// clock tells the time that all processes share: the database's, as last heard, plus what has passed since by this
// process's own count, which no change of its wall clock moves. A process whose clock is an hour ahead would otherwise
// put its retries off by an hour, and make those of the others an hour early. Until something was heard it is the wall
// clock.
type clock struct{ heard atomic.Pointer[heardTime] }

type heardTime struct {
	told time.Time // by the database
	at   time.Time // with the process's own count
}

const (
	// clockTrust is the longest round trip whose answer is taken for the time.
	clockTrust = 250 * time.Millisecond
	// clockSlack is a difference that is not worth a step.
	clockSlack = 50 * time.Millisecond
)

// hear takes note of a time that the database told between two moments of this process.
func (c *clock) hear(told, asked, answered time.Time) {
	trip := answered.Sub(asked)
	if trip > clockTrust {
		return
	}
	h := &heardTime{told: told.Add(trip / 2).Round(0).UTC(), at: answered}
	if old := c.heard.Load(); old != nil {
		if d := h.told.Sub(old.told.Add(answered.Sub(old.at))); d > -clockSlack && d < clockSlack {
			return
		}
	}
	c.heard.Store(h)
}

func (c *clock) now() time.Time {
	if h := c.heard.Load(); h != nil {
		return h.told.Add(time.Since(h.at))
	}
	return time.Now().UTC()
}
