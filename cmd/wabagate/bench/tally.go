package bench

import (
	"sync"
	"time"
)

// tally counts deliveries by the id of their event. Safe for concurrent use.
type tally struct {
	mu         sync.Mutex
	seen       map[string]bool
	duplicates int
	last       time.Time // first arrival of the latest event
}

// count counts from now on what arrives at the counting address.
func (r *receiver) count() *tally {
	t := &tally{seen: map[string]bool{}}
	r.tally.Store(t)
	return t
}

func (t *tally) arrived(id string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen[id] {
		t.duplicates++
		return
	}
	t.seen[id] = true
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
	return len(t.seen), t.duplicates
}

// lost is how many of the owed events, by id, did not arrive.
func (t *tally) lost(owed map[string]string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for id := range owed {
		if !t.seen[id] {
			n++
		}
	}
	return n
}
