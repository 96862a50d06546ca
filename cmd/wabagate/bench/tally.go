package bench

import (
	"context"
	"sync"
	"time"
)

// tally counts deliveries by the id of their event. Safe for concurrent use.
type tally struct {
	mu         sync.Mutex
	at         map[string]time.Time // of the first arrival
	duplicates int
	last       time.Time // first arrival of the latest event
}

// count counts from now on what arrives at the counting address.
func (r *receiver) count() *tally {
	t := &tally{at: map[string]time.Time{}}
	r.tally.Store(t)
	return t
}

func (t *tally) arrived(id string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, again := t.at[id]; again {
		t.duplicates++
		return
	}
	t.at[id] = now
	if now.After(t.last) {
		t.last = now
	}
}

// latest is when the last event arrived that had not arrived before; zero when none did.
func (t *tally) latest() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// events are how many arrived, and how many arrivals there were beyond one each.
func (t *tally) events() (unique, duplicates int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.at), t.duplicates
}

// when an event arrived first; false: it did not.
func (t *tally) when(id string) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, here := t.at[id]
	return at, here
}

// await waits until the events with these ids have arrived, at most for the given time; errSlow says that they have not.
func (t *tally) await(ctx context.Context, ids []string, atMost time.Duration) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(atMost); len(ids) > 0; {
		if _, here := t.when(ids[0]); here {
			ids = ids[1:]
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-tick.C:
			if now.After(deadline) {
				return errSlow
			}
		}
	}
	return nil
}

// lost is how many of the owed events, by id, did not arrive.
func (t *tally) lost(owed map[string]string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for id := range owed {
		if _, here := t.at[id]; !here {
			n++
		}
	}
	return n
}
