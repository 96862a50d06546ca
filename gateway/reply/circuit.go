package reply

import (
	"errors"
	"maps"
	"sync"
	"time"

	"wabagate/models"
)

// The rule of a circuit.
const (
	// inARow is how many failures in a row open it: a person who writes meanwhile waits for nothing.
	inARow = 5
	// openFor is how long an open one lets nobody ask, at first; twice as long after each probe that fails, up to openMost.
	openFor  = 10 * time.Second
	openMost = time.Minute
	// forgotten is how long after its last failure a circuit is forgotten where there are more than manyCircuits.
	forgotten    = time.Hour
	manyCircuits = 1000
)

// circuit is what is known of an endpoint that failed. The zero value is closed.
type circuit struct {
	failed  int // in a row
	trips   int // how often it opened in a row
	until   time.Time
	at      time.Time // of the last failure
	said    string    // by it
	probing bool
}

// refuses says whether nobody is to ask now.
func (c circuit) refuses(now time.Time) bool {
	return c.failed >= inARow && (c.probing || now.Before(c.until))
}

// after is the circuit after one more failure. Those who asked before it opened, and fail now, do not count.
func (c circuit) after(said string, now time.Time) circuit {
	c.at = now
	if now.Before(c.until) {
		return c
	}
	c.failed, c.said, c.probing = c.failed+1, said, false
	if c.failed >= inARow {
		c.until = now.Add(min(openFor<<min(c.trips, 10), openMost))
		c.trips++
	}
	return c
}

// endpoint is a model or a responder as a business asks it: another's wrong key or impatience is no trouble of ours.
type endpoint struct {
	business        int64
	kind, url, name string
	key             models.Secret
}

func endpointOf(business int64, s models.Replies) endpoint {
	return endpoint{business, s.Kind, s.URL, s.Model, s.Key}
}

// circuits keep messages from endpoints that are bound to fail them: their conversations go to people at once. Each process
// judges for itself. Safe for concurrent use.
type circuits struct {
	mu    sync.Mutex
	known map[endpoint]circuit
}

// refusal is why nobody asks an endpoint now; nil: ask, and tell what came of it.
func (cs *circuits) refusal(e endpoint, now time.Time) *failure {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.known[e]
	switch {
	case c.refuses(now):
		return failed(false, "%s; it is not asked for a while, after %d failures in a row", c.said, c.failed)
	case c.failed >= inARow:
		c.probing = true
		cs.known[e] = c
	}
	return nil
}

// tell says what came of asking: whatever an endpoint answers to one message, it is there. opened says that it is given up for
// now, and was not before.
func (cs *circuits) tell(e endpoint, err error, now time.Time) (opened bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c, known := cs.known[e]
	var f *failure
	switch {
	case errors.As(err, &f) && f.down:
		after := c.after(f.said, now)
		cs.known[e] = after
		if len(cs.known) > manyCircuits {
			maps.DeleteFunc(cs.known, func(_ endpoint, c circuit) bool { return now.Sub(c.at) > forgotten })
		}
		return after.trips == 1 && c.trips == 0
	case err == nil || f != nil:
		delete(cs.known, e)
	case known: // nobody knows: the process ends
		c.probing = false
		cs.known[e] = c
	}
	return false
}
