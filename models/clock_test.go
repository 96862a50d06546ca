package models

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	start := time.Now()
	var c clock
	near := func(want time.Time) {
		t.Helper()
		if d := c.now().Sub(want); d < -20*time.Millisecond || d > 20*time.Millisecond {
			t.Errorf("%s away", d)
		}
	}
	near(start) // nothing heard yet
	told := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	c.hear(told, start, start.Add(10*time.Millisecond))
	near(told.Add(time.Since(start) - 5*time.Millisecond))

	before := c.heard.Load()
	c.hear(told.Add(time.Second+20*time.Millisecond), start.Add(time.Second), start.Add(time.Second)) // jitter
	c.hear(told.Add(time.Hour), start, start.Add(time.Second))                                        // a slow answer says nothing
	if c.heard.Load() != before {
		t.Error("the clock stepped for nothing")
	}
	c.hear(told.Add(time.Hour), start, start)
	near(told.Add(time.Hour + time.Since(start)))
}
