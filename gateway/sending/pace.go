package sending

import (
	"fmt"
	"time"

	"wabagate/models"
)

const (
	// standardRate and highRate are what a number may send per second, received messages included: the platform raises it by
	// itself.
	standardRate, highRate = 80, 1000
	// slack is by how much, in every second, slots lie further apart than the rate asks for: what leaves late, or travels
	// longer than others, does not make a second that holds more than the platform takes.
	slack = 40 * time.Millisecond
	// punctuality is how late a message may leave after its slot; a later one takes another. It is half of the slack: the way
	// to the platform needs some, too.
	punctuality = slack / 2
	// portionOf is the time whose messages are taken at once: few are underway when a process dies.
	portionOf = 100 * time.Millisecond
	// mostAtOnce bounds a portion, as a piece of work is bounded.
	mostAtOnce = 100
	// leastWidth is how many requests of a number may be in flight; at high rates it is half a second's worth.
	leastWidth = 64
	// recovery is the part of the full rate that a slowed pace gains every second.
	recovery = 0.02
	// leastShare is where slowing down ends.
	leastShare = 0.02
	// aloneShare is the part of the rate that a process takes which cannot ask the others.
	aloneShare = 0.25
)

// RateOf is how many messages per second a number may send: what was set, or what the platform gives a number like it.
func RateOf(u models.Upstream) int {
	switch {
	case u.Rate > 0:
		return u.Rate
	case u.Checked.Throughput == "HIGH":
		return highRate
	}
	return standardRate
}

// interval is the time between two slots at a share of a rate.
func interval(rate int, share float64) time.Duration {
	return time.Duration(float64(time.Second+slack) / (float64(rate) * share))
}

// portion is how many messages are taken at once.
func portion(rate int, share float64) int {
	return min(max(int(float64(rate)*share*portionOf.Seconds()), 1), mostAtOnce)
}

// width is how many requests may be in flight.
func width(rate int) int { return max(leastWidth, rate/2) }

// slowdown is what refusals for the rate have made of a number's pace. The zero value is the full pace.
type slowdown struct {
	share float64   // of the rate, right after the refusal
	at    time.Time // of the refusal
}

// now is the share of the rate at a time.
func (s slowdown) now(now time.Time) float64 {
	if s.at.IsZero() {
		return 1
	}
	return min(1, s.share+recovery*max(0, now.Sub(s.at).Seconds()))
}

// sameRefusal is how long after a slowdown requests are refused for what went before it: the platform counts a second.
const sameRefusal = time.Second

// refused is the slowdown after a request was refused for the rate. Requests that began before the pace was last slowed, or
// in the second after, say nothing new.
func (s slowdown) refused(began, now time.Time) slowdown {
	if !s.at.IsZero() && began.Before(s.at.Add(sameRefusal)) {
		return s
	}
	return slowdown{max(s.now(now)/2, leastShare), now}
}

// String is the slowdown as it stands in Redis, its time in microseconds; "" at full pace.
func (s slowdown) String() string {
	if s.at.IsZero() {
		return ""
	}
	return fmt.Sprintf("%g %d", s.share, s.at.UnixMicro())
}

// parseSlowdown reads what String wrote. What it cannot read is the full pace.
func parseSlowdown(text string) slowdown {
	var s slowdown
	var at int64
	if n, err := fmt.Sscanf(text, "%g %d", &s.share, &at); n != 2 || err != nil || !(s.share >= leastShare && s.share <= 1) {
		return slowdown{}
	}
	s.at = time.UnixMicro(at)
	return s
}

// recovers is how long a slowdown lasts.
func (s slowdown) recovers() time.Duration {
	return time.Duration((1 - s.share) / recovery * float64(time.Second))
}

// alone is the pace of a process that cannot ask the others.
type alone struct{ next time.Time }

// reserve gives out n slots that are not before the earliest.
func (a *alone) reserve(n int, every time.Duration, earliest time.Time) []time.Time {
	if a.next.Before(earliest) {
		a.next = earliest
	}
	slots := make([]time.Time, n)
	for i := range slots {
		slots[i], a.next = a.next, a.next.Add(every)
	}
	return slots
}

// mostRest is the longest rest from an upstream in trouble.
const mostRest = time.Minute

// rest is how long a number leaves its upstream alone after so many answers in a row that decided nothing, or connections
// that failed: messages are better kept than spent on it.
func rest(troubles int) time.Duration {
	const patience = 3
	if troubles < patience {
		return 0
	}
	return min(time.Second<<min(troubles-patience, 10), mostRest)
}

// stopLook is how long the messages of a stopped number wait before they look for another token.
func stopLook(stopped time.Duration) time.Duration {
	return min(max(stopped/4, 2*time.Second), time.Minute)
}
