package deliver

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrSlow is what Enter answers while a webhook hangs: its work is put off, so that nobody else waits behind it.
var ErrSlow = errors.New("the webhook is slow; its deliveries wait")

// slowAfter is how long a request may be under way before its webhook counts as slow.
const slowAfter = time.Second

// slowWidth is how many requests a slow webhook may have in flight over all workers: a receiver that is slow but sound
// gets on, one that hangs costs no more than this.
const slowWidth = 8

// slowFor is how long a webhook counts as slow after a request that took longer than slowAfter.
const slowFor = 10 * time.Second

// Lanes bounds the requests in flight for each webhook over all workers, of which this process is one: each holds an
// equal share of the width, and at least one place. A webhook that answers fast lets callers wait for their turn; one
// that hangs turns them away at once. Make it with NewLanes; safe for concurrent use.
type Lanes struct {
	width int
	now   func() time.Time

	mu      sync.Mutex
	workers int
	lanes   map[int64]*lane
}

type lane struct {
	inFlight  map[*Pass]time.Time // when each began
	waiting   []*waiter
	slowUntil time.Time
}

// waiter is a caller in line. turn gets true when its pass was entered for it, false when it is turned away.
type waiter struct {
	pass *Pass
	turn chan bool
}

// Pass is the right to one request. Leave gives it back.
type Pass struct {
	lanes   *Lanes
	webhook int64
}

// NewLanes makes lanes that hold width requests each; 0 means 32. Until SetWorkers says otherwise this process is the
// only worker. A nil now is the wall clock.
func NewLanes(width int, now func() time.Time) *Lanes {
	if width <= 0 {
		width = 32
	}
	if now == nil {
		now = time.Now
	}
	return &Lanes{width: width, now: now, workers: 1, lanes: map[int64]*lane{}}
}

// share is one worker's part of n places among all workers, rounded up so that none goes without.
func share(n, workers int) int { return (n + workers - 1) / workers }

// SetWorkers says how many workers share the lanes; less than 1 means that this is the only one. Requests under way are
// not touched: a share that became smaller is kept as they leave.
func (l *Lanes) SetWorkers(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.workers = max(1, n)
	now := l.now()
	for _, lane := range l.lanes {
		l.admit(lane, now)
	}
}

// Closed says whether Enter would turn a caller away at once.
func (l *Lanes) Closed(webhook int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lanes[webhook]
	return n != nil && l.closed(n, l.now())
}

// Slow says whether a webhook counts as slow: a request takes longer than a second, or one did in the last ten.
func (l *Lanes) Slow(webhook int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lanes[webhook]
	return n != nil && n.slow(l.now())
}

// InFlight is how many requests to a webhook this process has under way.
func (l *Lanes) InFlight(webhook int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lanes[webhook]
	if n == nil {
		return 0
	}
	return len(n.inFlight)
}

// closed: a slow webhook takes no more than its share of slowWidth requests at a time.
func (l *Lanes) closed(n *lane, now time.Time) bool {
	return len(n.inFlight) >= share(min(slowWidth, l.width), l.workers) && n.slow(now)
}

func (n *lane) slow(now time.Time) bool {
	if now.Before(n.slowUntil) {
		return true
	}
	for _, began := range n.inFlight {
		if now.Sub(began) > slowAfter {
			return true
		}
	}
	return false
}

// Enter waits for a free place. It fails with ErrSlow when the webhook hangs and its few places are taken, and with the
// context's error when that ends first.
func (l *Lanes) Enter(ctx context.Context, webhook int64) (*Pass, error) {
	p := &Pass{lanes: l, webhook: webhook}
	l.mu.Lock()
	n := l.lanes[webhook]
	if n == nil {
		n = &lane{inFlight: map[*Pass]time.Time{}}
		l.lanes[webhook] = n
	}
	now := l.now()
	if l.closed(n, now) {
		l.mu.Unlock()
		return nil, ErrSlow
	}
	if len(n.inFlight) < share(l.width, l.workers) {
		n.inFlight[p] = now
		l.mu.Unlock()
		return p, nil
	}
	w := &waiter{pass: p, turn: make(chan bool, 1)}
	n.waiting = append(n.waiting, w)
	l.mu.Unlock()

	patience := time.NewTimer(slowAfter)
	defer patience.Stop()
	entered, err := false, ErrSlow
	select {
	case entered = <-w.turn:
	case <-patience.C:
		entered = l.giveUp(n, w)
	case <-ctx.Done():
		entered, err = l.giveUp(n, w), ctx.Err()
	}
	if !entered {
		return nil, err
	}
	return p, nil
}

// giveUp stops waiting and reports whether the place was given at the same moment.
func (l *Lanes) giveUp(n *lane, w *waiter) (entered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(n.waiting, w); i >= 0 {
		n.waiting = slices.Delete(n.waiting, i, i+1)
		return false
	}
	return <-w.turn
}

// Leave gives the place to the next in line, if the share still has it. A request that took too long marks the webhook slow and turns the line
// away; one that was quick clears the mark.
func (p *Pass) Leave() {
	l := p.lanes
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lanes[p.webhook]
	now := l.now()
	took := now.Sub(n.inFlight[p])
	delete(n.inFlight, p)
	if took > slowAfter {
		n.slowUntil = now.Add(slowFor)
	} else if !n.slowUntil.IsZero() {
		n.slowUntil = time.Time{}
	}
	if n.slow(now) {
		for _, w := range n.waiting {
			w.turn <- false
		}
		n.waiting = nil
	}
	l.admit(n, now)
	if len(n.inFlight) == 0 && n.slowUntil.IsZero() {
		delete(l.lanes, p.webhook)
	}
}

// admit gives free places to those in line.
func (l *Lanes) admit(n *lane, now time.Time) {
	for len(n.waiting) > 0 && len(n.inFlight) < share(l.width, l.workers) {
		next := n.waiting[0]
		n.waiting = slices.Delete(n.waiting, 0, 1)
		n.inFlight[next.pass] = now
		next.turn <- true
	}
}

// Width is how many requests one webhook may have in flight in this process.
func (l *Lanes) Width() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return share(l.width, l.workers)
}
