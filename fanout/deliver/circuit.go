package deliver

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The rule of the breaker.
const (
	window    = 60 * time.Second // attempts are judged over
	slot      = 10 * time.Second // the grain they are counted in
	least     = 10               // attempts in the window, below which nothing is judged
	failShare = 0.7              // of them that opens it
	openFor   = 10 * time.Second // the first time; twice as long after each probe that fails
	openMost  = 5 * time.Minute
	probeFor  = 35 * time.Second // a probe's worker that says nothing for so long is dead: the longest timeout is 30 s
	probeLook = 2 * time.Second  // when those who are refused during a probe come back
	forgotten = time.Hour        // an open breaker that nobody tried for so long is closed
)

// settle is how long a webhook is watched before it is judged. Workers for which it works hear of the trouble meanwhile
// and say how much of it works: the failures of one are not all that happens.
const settle = 600 * time.Millisecond

// phase is where a circuit stands.
type phase string

// The phases.
const (
	closed   phase = ""
	watched  phase = "watched" // closed, but some attempts fail: every worker counts
	open     phase = "open"
	halfOpen phase = "half-open" // somebody probes
)

// circuit is the breaker of one webhook. The zero value is closed.
type circuit struct {
	phase phase
	since time.Time // when it was first watched, or opened
	until time.Time // watched: unless it fails again; open: before the next probe; half-open: of the probe
	trips int       // how often it opened in a row
}

// counts are attempts.
type counts struct{ total, failed int }

func (n counts) plus(m counts) counts { return counts{n.total + m.total, n.failed + m.failed} }

// String is the circuit as it stands in Redis, times in milliseconds; "" when closed.
func (c circuit) String() string {
	if c.phase == closed {
		return ""
	}
	return fmt.Sprintf("%s %d %d %d", c.phase, c.since.UnixMilli(), c.until.UnixMilli(), c.trips)
}

// parseCircuit reads what String wrote. What it cannot read is closed.
func parseCircuit(s string) circuit {
	var c circuit
	var since, until int64
	if n, err := fmt.Sscanf(s, "%s %d %d %d", &c.phase, &since, &until, &c.trips); n != 4 || err != nil || c.phase != watched && c.phase != open && c.phase != halfOpen {
		return circuit{}
	}
	c.since, c.until = time.UnixMilli(since), time.UnixMilli(until)
	return c
}

// at is what is left of the circuit at a time. What reaches further ahead than it can is left from before a clock was
// set back, and closed.
func (c circuit) at(now time.Time) circuit {
	switch left := c.until.Sub(now); {
	case c.phase == watched && (left <= 0 || left > window+slot), left > openMost+slot, left < -forgotten:
		return circuit{}
	}
	return c
}

// counted is the circuit after the attempts of the window were counted.
func (c circuit) counted(n counts, now time.Time) circuit {
	switch {
	case c.phase == closed && n.failed > 0:
		return circuit{phase: watched, since: now, until: now.Add(window)}
	case c.phase != watched:
		return c
	case now.Sub(c.since) >= settle && n.total >= least && float64(n.failed) >= failShare*float64(n.total):
		return circuit{phase: open, since: now, until: now.Add(openFor), trips: 1}
	case n.failed > 0 && c.until.Sub(now) < window/2:
		c.until = now.Add(window)
	}
	return c
}

// admits says whether an attempt may be made. When it may not, until is when to ask again; probe says that it may if the
// caller is the one who gets the probe.
func (c circuit) admits(now time.Time) (ok, probe bool, until time.Time) {
	switch {
	case c.phase != open && c.phase != halfOpen:
		return true, false, time.Time{}
	case !now.Before(c.until):
		return false, true, time.Time{}
	case c.phase == halfOpen:
		return false, false, now.Add(min(probeLook, c.until.Sub(now)))
	}
	return false, false, c.until
}

// probing is the circuit while a caller probes.
func (c circuit) probing(now time.Time) circuit {
	c.phase, c.until = halfOpen, now.Add(probeFor)
	return c
}

// probed is the circuit after a probe.
func (c circuit) probed(r result, now time.Time) circuit {
	switch r {
	case success:
		return circuit{}
	case failure:
		c.trips++
		c.until = now.Add(min(openFor<<min(c.trips-1, 10), openMost))
	case unused:
		c.until = now
	}
	c.phase = open
	return c
}

// result is what became of a probe.
type result int

// The results of a probe.
const (
	failure result = iota
	success
	unused // no attempt was made
)

// slotOf is the slot of the window that a time lies in.
func slotOf(t time.Time) int64 { return t.UnixMilli() / slot.Milliseconds() }

// inWindow says whether a slot counts at a time.
func inWindow(s int64, now time.Time) bool {
	d := slotOf(now) - s
	return d >= 0 && d < int64(window/slot)
}

// samples are attempts by slot.
type samples [window / slot]struct {
	slot int64
	counts
}

func (s *samples) add(at time.Time, n counts) {
	e := &s[slotOf(at)%int64(len(s))]
	if e.slot != slotOf(at) {
		e.slot, e.counts = slotOf(at), counts{}
	}
	e.counts = e.plus(n)
}

// sum are the attempts in the window.
func (s *samples) sum(now time.Time) (n counts) {
	for _, e := range s {
		if inWindow(e.slot, now) {
			n = n.plus(e.counts)
		}
	}
	return n
}

// failedMark ends the name of a field that counts failures.
const failedMark = "f"

// sumFields are the attempts in the window, of a hash whose fields are slots.
func sumFields(fields map[string]string, now time.Time) (n counts) {
	for name, value := range fields {
		v, err := strconv.Atoi(value)
		if err != nil {
			continue
		}
		number, ofFailures := strings.CutSuffix(name, failedMark)
		s, err := strconv.ParseInt(number, 10, 64)
		switch {
		case err != nil || !inWindow(s, now):
		case ofFailures:
			n.failed += v
		default:
			n.total += v
		}
	}
	return n
}
