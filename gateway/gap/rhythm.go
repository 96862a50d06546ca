package gap

import (
	"math/bits"
	"time"

	"wabagate/models"
)

// Rhythm is when callbacks usually come for a number, as its past hours show. It counts the five minutes in which any came and
// not the callbacks: a broadcast brings thousands in one minute, and says nothing about the next hour.
//
// The share of five minutes with callbacks is taken from the same hour of the week, of up to four weeks. Of a number that is
// younger than a week it is taken from the same hour of all days. Hours in which nothing ever came are not expected to bring
// anything, however long they last: nights, Sundays, numbers that are hardly used.
type Rhythm struct {
	first time.Time // hour of the first callback
	known map[time.Time]uint16
	heard int64
}

const (
	week = 7 * 24 * time.Hour
	// rhythmOver is of how much of the past a rhythm is made.
	rhythmOver = 4 * week
	slot       = time.Hour / models.SlotsPerHour

	// implausible is the chance below which a silence is no accident any more. A number with callbacks all day reaches it in
	// 20 minutes when it is a week old, and once in 10,000 silences it is one.
	implausible = 1e-4
	// shortest is the least time that is called a silence.
	shortest = 15 * time.Minute
	// A number is judged once it has been known for a week, or for a day with so many callbacks.
	enoughCallbacks = 100
)

// NewRhythm is the rhythm of a number whose first callback came at a moment, from its hours.
func NewRhythm(first time.Time, hours []models.NumberHour) Rhythm {
	r := Rhythm{first: first.UTC().Truncate(time.Hour), known: make(map[time.Time]uint16, len(hours))}
	for _, h := range hours {
		r.known[h.Hour.UTC()] = h.Slots
		r.heard += h.Callbacks
	}
	return r
}

// Settled says whether there is enough of a past to judge by.
func (r Rhythm) Settled(now time.Time) bool {
	age := now.Sub(r.first)
	return age >= week || age >= 24*time.Hour && r.heard >= enoughCallbacks
}

// Chance is how likely it is that nothing comes from one moment to another, if the number is as it was. Only whole slots of
// five minutes count.
func (r Rhythm) Chance(from, to time.Time) float64 {
	chance := 1.0
	for at := from.UTC().Add(slot - 1).Truncate(slot); !at.Add(slot).After(to) && chance > 0; at = at.Add(slot) {
		chance *= 1 - r.share(at.Truncate(time.Hour), from)
		if at.Sub(from) > rhythmOver { // of so long ago nothing is known
			break
		}
	}
	return chance
}

// share is the share of five minutes of an hour in which something comes, by the past before a moment. It stays a little
// below one however often something came.
func (r Rhythm) share(hour, before time.Time) float64 {
	every := 24 * time.Hour
	if before.Sub(r.first) >= week {
		every = week
	}
	busy, all := 0, 0
	for past := hour.Add(-every); !past.Before(r.first) && hour.Sub(past) <= rhythmOver; past = past.Add(-every) {
		if !past.Before(before.Truncate(time.Hour)) {
			continue // it lies in the silence itself
		}
		busy += bits.OnesCount16(r.known[past])
		all += models.SlotsPerHour
	}
	return float64(busy) / float64(all+1)
}

// silent says whether a number is silent now whose last callback came, or the listening began, at a moment.
func (r Rhythm) silent(since, now time.Time) bool {
	return now.Sub(since) >= shortest && r.Settled(since) && r.Chance(since, now) < implausible
}
