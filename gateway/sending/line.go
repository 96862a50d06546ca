package sending

import (
	"slices"
	"time"

	"wabagate/models"
)

const (
	// lineFor is how much of a number's time may stand in its line.
	lineFor = 5 * time.Second
	// comeEarly is how long before its turn work that was put off is due, so that the line never runs dry: the queue counts
	// whole seconds, and looks once a second for what is due.
	comeEarly = 3 * time.Second
	// leastPutOff keeps work that finds no room from asking again and again.
	leastPutOff = time.Second
	// linePatience is how long work stands in a line before what is left of it is put off: the upstream hangs, or several
	// processes share the pace.
	linePatience = 20 * time.Second
)

// job is a piece of work in a number's line.
type job struct {
	work models.Work
	held func() bool
	over chan struct{} // closed when none of its messages is in line any more
	// The number's lock guards the rest, until it is over.
	left  int // messages in line or about to be taken
	again []again
	err   error
}

// place is a message's place in the line.
type place struct {
	id    int64
	job   *job
	to    string // its recipient, once it was looked up
	since time.Time
}

// line are messages that wait to be taken, in two lanes: those that people wait for come first. Its number guards it.
type line struct{ live, rest lane }

// lane is one half of a line.
type lane struct {
	places []*place
	jobs   int // that are not over
	// horizon is when the last work that was put off for the pace has its turn.
	horizon time.Time
}

func (l *line) len() int { return len(l.live.places) + len(l.rest.places) }

// of is the lane of a priority.
func (l *line) of(p models.Priority) *lane {
	if p == models.Live {
		return &l.live
	}
	return &l.rest
}

// join puts the messages of a job at the end.
func (l *line) join(j *job, now time.Time) {
	of := l.of(j.work.Priority)
	of.jobs++
	for _, id := range j.work.Members {
		of.places = append(of.places, &place{id: id, job: j, since: now})
	}
}

// turn is when so many messages that are put off now may come again, behind those in line and those put off before: shortly
// before it is their turn.
func (l *lane) turn(members, rate int, now time.Time) time.Time {
	every := interval(rate, 1) // a slower pace puts them off once more; a faster one would run dry
	if soonest := now.Add(time.Duration(len(l.places)) * every); l.horizon.Before(soonest) {
		l.horizon = soonest
	}
	due := l.horizon.Add(-comeEarly)
	l.horizon = l.horizon.Add(time.Duration(members) * every)
	if soonest := now.Add(leastPutOff); due.Before(soonest) {
		return soonest
	}
	return due
}

// back puts places at the front again, in their order.
func (l *line) back(ps []*place) {
	for _, p := range slices.Backward(ps) {
		of := l.of(p.job.work.Priority)
		of.places = slices.Insert(of.places, 0, p)
	}
}

// pick takes out up to most places, in order, but none whose recipient is busy.
func (l *line) pick(most int, busy map[string]bool) []*place {
	var picked []*place
	take := func(p *place) bool {
		if len(picked) == most || p.to != "" && busy[p.to] {
			return false
		}
		picked = append(picked, p)
		return true
	}
	l.live.places = slices.DeleteFunc(l.live.places, take)
	l.rest.places = slices.DeleteFunc(l.rest.places, take)
	return picked
}

// leave takes out the places of a job.
func (l *line) leave(j *job) []*place {
	var left []*place
	of := l.of(j.work.Priority)
	of.places = slices.DeleteFunc(of.places, func(p *place) bool {
		if p.job == j {
			left = append(left, p)
		}
		return p.job == j
	})
	return left
}

// room says whether work of so many messages may join a lane. free is how many pieces of work the process can still take in,
// those of this lane not counted: half of it is for others. A lane that is empty always takes work.
func (l *lane) room(members, rate, free int) bool {
	if l.jobs == 0 {
		return true
	}
	return l.jobs < (free+l.jobs)/2 && len(l.places)+members <= max(int(lineFor.Seconds()*float64(rate)), 1)
}
