package sending

import (
	"slices"
	"time"

	"wabagate/models"
)

const (
	// lineFor is how much of a number's time may stand in its line.
	lineFor = 3 * time.Second
	// linePatience is how long work stands in a line before what is left of it is put off: the upstream hangs.
	linePatience = 5 * time.Second
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

// line are messages that wait to be taken; those that people wait for come first. Its number guards it.
type line struct{ live, rest []*place }

func (l *line) len() int { return len(l.live) + len(l.rest) }

func (l *line) of(p models.Priority) *[]*place {
	if p == models.Live {
		return &l.live
	}
	return &l.rest
}

// join puts the messages of a job at the end.
func (l *line) join(j *job, now time.Time) {
	of := l.of(j.work.Priority)
	for _, id := range j.work.Members {
		*of = append(*of, &place{id: id, job: j, since: now})
	}
}

// back puts places at the front again, in their order.
func (l *line) back(ps []*place) {
	for _, p := range slices.Backward(ps) {
		of := l.of(p.job.work.Priority)
		*of = slices.Insert(*of, 0, p)
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
	l.live = slices.DeleteFunc(l.live, take)
	l.rest = slices.DeleteFunc(l.rest, take)
	return picked
}

// leave takes out the places of a job.
func (l *line) leave(j *job) []*place {
	var left []*place
	of := l.of(j.work.Priority)
	*of = slices.DeleteFunc(*of, func(p *place) bool {
		if p.job == j {
			left = append(left, p)
		}
		return p.job == j
	})
	return left
}

// room says whether work of so many messages may join a line. free is how many pieces of work the process can still take in,
// those of this line not counted: half of it is for others. A line that is empty always takes work.
func room(inLine, jobs, members, rate, free int) bool {
	if jobs == 0 {
		return true
	}
	return jobs < free/2 && inLine+members <= max(int(lineFor.Seconds()*float64(rate)), 1)
}
