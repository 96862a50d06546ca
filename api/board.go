package api

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"wabagate/fanout/task"
	"wabagate/models"
)

const (
	// boardFresh is how old what was counted may be before it is counted again.
	boardFresh = time.Second
	// boardPatience is how long somebody waits for the counting; then they are shown what was counted before.
	boardPatience = 120 * time.Millisecond
	// boardTimeout bounds one counting.
	boardTimeout = time.Minute
	// ratesOver is the time over which throughput is measured.
	ratesOver = time.Minute
)

// counted is what waits, by webhook and by business, as of a moment.
type counted struct {
	models.WaitingAll
	At         time.Time // zero: it has not been counted yet
	Businesses []businessWaiting
}

// businessWaiting is how much waits for all webhooks of a business.
type businessWaiting struct {
	ID         int64
	Name       string
	Deliveries int64
	Webhooks   int
	Failing    int // of those webhooks
	OldestDue  time.Time
}

// board keeps what operations look at all the time. Counting millions of rows takes a second, and a page must not: one counting
// at a time goes on beside the requests, which get what it last found.
type board struct {
	count func(ctx context.Context) (models.WaitingAll, error)
	now   func() time.Time
	log   *slog.Logger
	tail  *tail
	// closing ends a counting that is under way.
	closing <-chan struct{}

	mu       sync.Mutex
	last     counted
	running  chan struct{} // closed when the counting that is under way is over; nil: none is
	readings map[string][]reading
}

// reading is how much a queue had done at a moment.
type reading struct {
	at                time.Time
	processed, failed int
}

// waiting is what was counted last, at most a second ago if that can be had in time.
func (b *board) waiting(ctx context.Context) counted {
	b.mu.Lock()
	last := b.last
	if b.running == nil && (last.At.IsZero() || b.now().Sub(last.At).Abs() >= boardFresh) {
		done := make(chan struct{})
		b.running = done
		b.tail.within(boardTimeout, func(ctx context.Context) { b.recount(ctx, done) })
	}
	running := b.running
	b.mu.Unlock()
	if running == nil {
		return last
	}
	patience := time.NewTimer(boardPatience)
	defer patience.Stop()
	select {
	case <-running:
	case <-patience.C:
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

func (b *board) recount(ctx context.Context, done chan struct{}) {
	at := b.now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-b.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	all, err := b.count(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = nil
	close(done)
	if err != nil {
		b.log.Warn("what waits could not be counted", "error", err)
		return
	}
	b.last = counted{WaitingAll: all, At: at, Businesses: byBusiness(all)}
}

// byBusiness adds up what waits for webhooks, the most first. Webhooks that are gone are nobody's.
func byBusiness(all models.WaitingAll) []businessWaiting {
	of := map[int64]*businessWaiting{}
	for _, w := range all.Webhooks {
		name, ok := all.Names[w.WebhookID]
		if !ok {
			continue
		}
		b := of[name.BusinessID]
		if b == nil {
			b = &businessWaiting{ID: name.BusinessID, Name: name.Business}
			of[name.BusinessID] = b
		}
		b.Deliveries += w.Deliveries
		b.Webhooks++
		if name.FailCount > 0 {
			b.Failing++
		}
		if !w.OldestDue.IsZero() && (b.OldestDue.IsZero() || w.OldestDue.Before(b.OldestDue)) {
			b.OldestDue = w.OldestDue
		}
	}
	list := make([]businessWaiting, 0, len(of))
	for _, b := range of {
		list = append(list, *b)
	}
	slices.SortFunc(list, func(a, b businessWaiting) int {
		return cmp.Or(cmp.Compare(b.Deliveries, a.Deliveries), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// rate is how much a queue does in a second.
type rate struct {
	Known             bool // somebody looked at the queue a little while before
	Processed, Failed float64
}

// rates notes how much queues have done and says how fast they do it, measured since somebody first looked in the last minute.
func (b *board) rates(ds []task.Depth) map[string]rate {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if b.readings == nil {
		b.readings = map[string][]reading{}
	}
	out := make(map[string]rate, len(ds))
	for _, d := range ds {
		b.readings[d.Queue], out[d.Queue] = measured(b.readings[d.Queue], reading{now, d.Processed, d.Failed})
	}
	return out
}

// measured adds a reading to those of the last minute, and says what they tell. Two looks within a second are one.
func measured(list []reading, s reading) ([]reading, rate) {
	list = slices.DeleteFunc(list, func(old reading) bool {
		return s.at.Sub(old.at) > ratesOver || old.processed > s.processed || old.at.After(s.at) // or Redis was emptied
	})
	var r rate
	if len(list) > 0 {
		first := list[0]
		if span := s.at.Sub(first.at).Seconds(); span >= 1 {
			r = rate{Known: true, Processed: float64(s.processed-first.processed) / span, Failed: float64(max(0, s.failed-first.failed)) / span}
		}
	}
	if n := len(list); n == 0 || s.at.Sub(list[n-1].at) >= time.Second {
		list = append(list, s)
	}
	return list, r
}
