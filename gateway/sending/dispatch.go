package sending

import (
	"context"
	"time"

	"wabagate/models"
)

// storeTimeout bounds one question to the database, so that one that hangs is met by another try.
const storeTimeout = 10 * time.Second

// candidate is a message that waits, with its place and, once it has one, the slot in which it is to leave.
type candidate struct {
	*place
	send models.Send
	slot time.Time
}

// dispatch gives a portion to the platform: it looks at the messages and reserves their slots. Taking them, shortly before
// the first, and letting them leave goes on beside the next portion.
func (n *number) dispatch(portion []*place) {
	waiting, err := n.look(portion)
	if err != nil {
		n.fail(portion, err)
		return
	}
	if waiting = n.claim(waiting); len(waiting) == 0 {
		return
	}
	a, err := n.account(n.s.life, waiting[0].send.BusinessID, accountFor)
	if err != nil {
		n.release(waiting)
		n.fail(placesOf(waiting), err)
		return
	}
	if a.cannot != "" {
		now := n.s.now()
		for i := range waiting {
			waiting[i].slot = now // to fail, without a slot of the pace
		}
	} else {
		waiting = n.reserve(waiting, a)
	}
	if len(waiting) == 0 {
		return
	}
	n.last = waiting[len(waiting)-1].slot
	n.s.busy.Go(func() {
		for _, c := range n.take(waiting, a) {
			n.s.m.inFlight.Inc()
			n.s.m.waited.Observe(max(0, c.slot.Sub(c.since).Seconds()))
			n.s.busy.Go(func() { n.post(c.send, c.job.work.Priority, a, c.slot) })
		}
	})
}

// early is how long before it is due a message may be taken, see [models.Store.TakeSends].
const early = 2 * time.Second

// look reads the messages of a portion and answers those that wait. The others are somebody else's, or settled, or wait for
// a later time, for which there is other work.
func (n *number) look(portion []*place) ([]candidate, error) {
	ctx, cancel := context.WithTimeout(n.s.life, storeTimeout)
	defer cancel()
	sends, err := n.s.store.Sends(ctx, idsOf(portion))
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]models.Send, len(sends))
	for _, v := range sends {
		byID[v.ID] = v
	}
	var waiting []candidate
	soon := n.s.now().Add(early)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range portion {
		v, there := byID[p.id]
		if !there || v.State != models.SendWaiting || v.DueAt.After(soon) || !p.job.held() {
			n.leave(p.job, 1)
			continue
		}
		p.to = recipient(v)
		waiting = append(waiting, candidate{place: p, send: v})
	}
	return waiting, nil
}

// reserve gives messages their slots. Those that may not leave now, because of their recipient or their number, are put off.
func (n *number) reserve(waiting []candidate, a account) []candidate {
	if until, why := n.atRest(a); why != "" {
		n.putBack(waiting, until, why)
		return nil
	}
	to := make([]string, len(waiting))
	for i, c := range waiting {
		to[i] = c.to
	}
	n.mu.Lock()
	lead := n.lead
	n.mu.Unlock()
	r := n.pace.reserve(n.s.life, a.rate, lead, a.token, to)
	switch {
	case r.stopped:
		n.stop(a, "another process was told so")
		until, _ := n.atRest(a)
		n.putBack(waiting, until, forStop)
		return nil
	case r.hold > 0:
		n.restFor(r.hold)
		n.putBack(waiting, n.s.now().Add(r.hold), forRest)
		return nil
	}
	var leaving []candidate
	for i, c := range waiting {
		if wait := r.turns[i].wait; wait > 0 {
			n.putBack(waiting[i:i+1], n.s.now().Add(wait), forPair)
			continue
		}
		c.slot = r.turns[i].at
		leaving = append(leaving, c)
	}
	return leaving
}

// putBack puts messages off that were claimed.
func (n *number) putBack(cs []candidate, due time.Time, why reason) {
	n.release(cs)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range cs {
		n.putOff(c.job, []int64{c.id}, due, why)
		n.leave(c.job, 1)
	}
}

// take waits until shortly before the first slot and marks the messages as underway. It answers those that are ours now, as
// they were committed. Those of a number that rests by now are put off without an attempt.
func (n *number) take(leaving []candidate, a account) []candidate {
	n.mu.Lock()
	lead := n.lead
	n.mu.Unlock()
	if !n.s.sleep(leaving[0].slot.Add(-lead)) {
		n.release(leaving)
		n.fail(placesOf(leaving), errClosed)
		return nil
	}
	if until, why := n.atRest(a); why != "" { // since their slots were reserved
		n.putBack(leaving, until, why)
		return nil
	}
	ctx, cancel := context.WithTimeout(n.s.life, storeTimeout)
	defer cancel()
	var ids []int64
	for _, c := range leaving {
		if c.job.held() {
			ids = append(ids, c.id)
		}
	}
	began := n.s.now()
	sends, err := n.s.store.TakeSends(ctx, ids)
	if err != nil {
		n.release(leaving) // those that were taken all the same are doubted by a sweep
		n.fail(placesOf(leaving), err)
		return nil
	}
	byID := make(map[int64]models.Send, len(sends))
	for _, v := range sends {
		byID[v.ID] = v
	}
	var ours, others []candidate
	for _, c := range leaving {
		v, taken := byID[c.id]
		if !taken {
			others = append(others, c)
			continue
		}
		c.send = v
		ours = append(ours, c)
	}
	n.release(others)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lead = min(max(n.s.now().Sub(began)*3/2, leastLead), mostLead)
	for _, c := range leaving {
		n.leave(c.job, 1)
	}
	return ours
}

// sleep waits for a moment, and returns false when the sender ends first.
func (s *Sender) sleep(until time.Time) bool {
	d := until.Sub(s.now())
	if d <= 0 {
		return s.life.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.life.Done():
		return false
	}
}
