package sending

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"wabagate/models"
)

// number is what this process has in hand of one number. One goroutine takes what stands in its line, a portion at a time.
type number struct {
	s    *Sender
	id   int64
	pace *pace

	mu      sync.Mutex
	moved   *sync.Cond // the line, the requests in flight or the busy recipients changed
	line    line
	jobs    map[int64]*job // by work
	running bool
	closing bool
	flying  int             // messages taken and not answered
	busy    map[string]bool // recipients of those
	known   account
	owner   int64 // the business
	// lead is how long it takes to take messages.
	lead      time.Duration
	restUntil time.Time // nothing leaves before
	troubles  int       // answers in a row that decided nothing
	stopped   string    // the fingerprint of the token that was refused; empty: none
	stoppedAt time.Time

	last time.Time // the last slot that was reserved; run's own
}

const (
	leastLead, mostLead = 20 * time.Millisecond, 250 * time.Millisecond
	// ahead is how far slots are reserved ahead: a process that has to wait for its turn or for the database loses none. What
	// is more urgent comes in behind them.
	ahead = 200 * time.Millisecond
)

func newNumber(s *Sender, id int64) *number {
	n := &number{s: s, id: id, pace: newPace(s.redis, id, s.now), jobs: map[int64]*job{}, busy: map[string]bool{}, lead: leastLead}
	n.moved = sync.NewCond(&n.mu)
	return n
}

// admit lets work into the line, or puts it off when the number has enough to do or rests. free is how many pieces of work
// the process can still take in. It answers nil when the work is in line already.
func (n *number) admit(w models.Work, held func() bool, free int) *job {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.jobs[w.ID] != nil {
		return nil
	}
	now := n.s.now()
	j := &job{work: w, held: held, over: make(chan struct{}), left: len(w.Members)}
	lane, rate := n.line.of(w.Priority), cmp.Or(n.known.rate, highRate) // nobody waits because a rate is not known yet
	switch {
	case len(w.Members) == 0:
		close(j.over)
		return j
	case now.Before(n.restUntil):
		n.putOff(j, w.Members, n.restUntil, forRest)
	case !lane.room(len(w.Members), rate, free):
		n.putOff(j, w.Members, lane.turn(len(w.Members), rate, now), forPace)
	default:
		n.jobs[w.ID] = j
		n.line.join(j, now)
		n.moved.Broadcast()
		if !n.running {
			n.running = true
			n.s.busy.Go(n.run)
		}
		return j
	}
	n.leave(j, len(w.Members))
	return j
}

// putOff lets messages of a job come again. The caller holds the lock.
func (n *number) putOff(j *job, ids []int64, due time.Time, why reason) {
	j.again = append(j.again, again{n.id, j.work.Priority, due, ids})
	n.s.m.putOff.WithLabelValues(string(why)).Add(float64(len(ids)))
}

// leave takes note that so many messages of a job are no longer in line. The caller holds the lock.
func (n *number) leave(j *job, messages int) {
	if j.left -= messages; j.left > 0 {
		return
	}
	if n.jobs[j.work.ID] == j {
		delete(n.jobs, j.work.ID)
		n.line.of(j.work.Priority).jobs--
	}
	close(j.over)
}

// withdraw takes what is left of a job out of the line: for an error, or put off without one.
func (n *number) withdraw(j *job, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	left := n.line.leave(j)
	if len(left) == 0 {
		return
	}
	if j.err = err; err == nil {
		n.putOff(j, idsOf(left), n.line.of(j.work.Priority).turn(len(left), cmp.Or(n.known.rate, highRate), n.s.now()), forPace)
	}
	n.leave(j, len(left))
}

// close empties the line; what is with the platform is waited for by the sender.
func (n *number) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closing = true
	for _, j := range n.jobs {
		if left := n.line.leave(j); len(left) > 0 {
			j.err = errClosed
			n.leave(j, len(left))
		}
	}
	n.moved.Broadcast()
}

// run takes portions until the line is empty.
func (n *number) run() {
	for {
		portion := n.next()
		if portion == nil {
			return
		}
		n.dispatch(portion)
		if !n.s.sleep(n.last.Add(-ahead)) {
			n.close()
		}
	}
}

// next waits for a portion that may be taken: about a tenth of a second's worth, and no more than there may be in flight.
func (n *number) next() []*place {
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		if n.closing || n.line.len() == 0 {
			n.running = false
			return nil
		}
		most := min(portion(n.known.rate, n.pace.share()), width(n.known.rate)-n.flying)
		if most > 0 {
			if picked := n.line.pick(most, n.busy); len(picked) > 0 {
				return picked
			}
		}
		n.moved.Wait()
	}
}

// claim marks recipients as busy, so that one message at a time is with the platform for each; what has to wait for another
// goes back into the line.
func (n *number) claim(waiting []candidate) []candidate {
	n.mu.Lock()
	defer n.mu.Unlock()
	var back []*place
	claimed := slices.DeleteFunc(waiting, func(c candidate) bool {
		if c.to != "" && n.busy[c.to] {
			back = append(back, c.place)
			return true
		}
		if c.to != "" {
			n.busy[c.to] = true
		}
		return false
	})
	n.flying += len(claimed)
	n.line.back(back)
	return claimed
}

// release gives back what claim took for messages that do not leave now.
func (n *number) release(cs []candidate) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range cs {
		delete(n.busy, c.to)
	}
	n.flying -= len(cs)
	n.moved.Broadcast()
}

// landed takes note that a message is no longer with the platform.
func (n *number) landed(v models.Send) {
	n.s.m.inFlight.Dec()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.busy, recipient(v))
	n.flying--
	n.moved.Broadcast()
}

// fail ends the jobs of places with an error: the work comes again.
func (n *number) fail(ps []*place, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range ps {
		p.job.err = err
		n.leave(p.job, 1+len(n.line.leave(p.job)))
	}
}

func idsOf(ps []*place) []int64 {
	ids := make([]int64, len(ps))
	for i, p := range ps {
		ids[i] = p.id
	}
	return ids
}

func placesOf(cs []candidate) []*place {
	ps := make([]*place, len(cs))
	for i, c := range cs {
		ps[i] = c.place
	}
	return ps
}
