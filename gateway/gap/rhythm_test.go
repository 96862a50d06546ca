package gap

import (
	"testing"
	"time"

	"wabagate/models"
)

// always is a number with callbacks in every five minutes.
const always = 1<<models.SlotsPerHour - 1

// past makes the hours of a number up to a moment, as slots says of each.
func past(first, until time.Time, slots func(hour time.Time) uint16) (hours []models.NumberHour) {
	for h := first.Truncate(time.Hour); h.Before(until); h = h.Add(time.Hour) {
		if s := slots(h); s != 0 {
			hours = append(hours, models.NumberHour{Hour: h, Slots: s, Callbacks: 12})
		}
	}
	return hours
}

func TestSilence(t *testing.T) {
	wednesday := time.Date(2026, 11, 18, 14, 0, 0, 0, time.UTC)
	every := func(slots uint16) func(time.Time) uint16 { return func(time.Time) uint16 { return slots } }
	office := func(h time.Time) uint16 {
		if h.Weekday() == time.Sunday || h.Hour() < 8 || h.Hour() >= 18 {
			return 0
		}
		return always
	}
	for _, c := range []struct {
		name  string
		age   time.Duration
		slots func(time.Time) uint16
		since time.Time
		// silent is after how long a silence is one; not before a slot less. 0: never within a week.
		silent time.Duration
	}{
		{"always busy, for a month", 4 * week, every(always), wednesday, 15 * time.Minute},
		{"always busy, for a week", week, every(always), wednesday, 20 * time.Minute},
		{"every ten minutes", 4 * week, every(0b010101010101), wednesday, 70 * time.Minute},
		{"once an hour", 4 * week, every(1), wednesday, 9*time.Hour + 5*time.Minute},
		{"once a day", 4 * week, func(h time.Time) uint16 {
			if h.Hour() == 9 {
				return 1
			}
			return 0
		}, wednesday, 0},
		{"office hours, at noon", 4 * week, office, wednesday, 15 * time.Minute},
		{"office hours, in the evening: not before the next morning", 4 * week, office, time.Date(2026, 11, 18, 18, 0, 0, 0, time.UTC), 14*time.Hour + 15*time.Minute},
		{"office hours, on Saturday evening: not before Monday", 4 * week, office, time.Date(2026, 11, 14, 18, 0, 0, 0, time.UTC), 38*time.Hour + 15*time.Minute},
		{"never before", 4 * week, every(0), wednesday, 0},
		{"a day old and busy", 24 * time.Hour, every(always), wednesday, 20 * time.Minute},
		{"too young when it fell silent", 23 * time.Hour, every(always), wednesday, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := c.since.Add(-c.age)
			r := NewRhythm(first, past(first, c.since, c.slots))
			var found time.Duration
			for d := slot; d <= week; d += slot {
				if r.silent(c.since, c.since.Add(d)) {
					found = d
					break
				}
			}
			if found != c.silent {
				t.Errorf("silent after %v, want %v; the chance was %v", found, c.silent, r.Chance(c.since, c.since.Add(found)))
			}
		})
	}
}

// A broadcast in an otherwise quiet week does not make the same hour of the next week suspicious.
func TestBroadcastIsNoRhythm(t *testing.T) {
	since := time.Date(2026, 11, 18, 14, 0, 0, 0, time.UTC)
	first := since.Add(-2 * week)
	hours := past(first, since, func(h time.Time) uint16 {
		if h.Equal(since.Add(-week)) {
			return 0b11
		}
		return 0
	})
	for i := range hours {
		hours[i].Callbacks = 100_000
	}
	if r := NewRhythm(first, hours); r.silent(since, since.Add(48*time.Hour)) {
		t.Errorf("silent, with a chance of %v", r.Chance(since, since.Add(48*time.Hour)))
	}
}

func TestChanceOfNoTime(t *testing.T) {
	since := time.Date(2026, 11, 18, 14, 1, 0, 0, time.UTC)
	r := NewRhythm(since.Add(-4*week), past(since.Add(-4*week), since, func(time.Time) uint16 { return always }))
	for _, to := range []time.Time{since, since.Add(-time.Hour), since.Add(4 * time.Minute), since.Add(8*time.Minute + 59*time.Second)} {
		if got := r.Chance(since, to); got != 1 {
			t.Errorf("chance until %v: %v, want 1, because no whole slot is over", to, got)
		}
	}
	if got := (Rhythm{}).Chance(since, since.Add(time.Hour)); got != 1 {
		t.Errorf("chance of a number without a past: %v", got)
	}
}
