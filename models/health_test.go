package models_test

import (
	"testing"
	"time"

	"wabagate/models"
)

func TestDisabling(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, c := range []struct {
		what    string
		failing time.Duration // ago; negative: not failing
		spread  int
		percent int
		disable bool
	}{
		{"not failing", -1, 0, 0, false},
		{"not failing, whatever was counted", -1, 99, 0, false},
		{"just now", 0, 1, 0, false},
		{"a clock that is behind", -2, 1, 0, false},
		{"an hour", time.Hour, 1, 0, false},
		{"a day of failures", day, 3, 20, false},
		{"half of the way", 60 * time.Hour, 5, 50, false},
		{"one minute less", 60*time.Hour - time.Minute, 5, 49, false},
		{"70 of 100", 84 * time.Hour, 7, 70, false},
		{"90 of 100", 108 * time.Hour, 9, 90, false},
		{"a minute before", 5*day - time.Minute, 10, 99, false},
		{"five days", 5 * day, 10, 100, true},
		{"long after", 50 * day, 30, 100, true},
		{"one bad event and its retries", 5 * day, 4, 40, false},
		{"two bad days, a week apart", 8 * day, 8, 80, false},
		{"two bad days, a year apart", 366 * day, 8, 80, false},
		{"one failure, then silence", 90 * day, 1, 10, false},
	} {
		h := models.Health{Spread: c.spread}
		switch {
		case c.failing == -2:
			h.FailingSince = now.Add(time.Hour)
		case c.failing >= 0:
			h.FailingSince = now.Add(-c.failing)
		}
		if percent, disable := h.Disabling(now); percent != c.percent || disable != c.disable {
			t.Errorf("%s: %d %%, %v; want %d %%, %v", c.what, percent, disable, c.percent, c.disable)
		}
	}
}
