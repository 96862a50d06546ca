package api

import (
	"sync"
	"time"
)

// How many logins may fail in a window. Those of one address from one place are few; the wider bounds are for who tries many
// addresses, or one from many places, and are such that people who forgot a password do not meet them together.
const (
	loginFailures       = 10
	loginFailuresSource = 100
	loginFailuresOf     = 100
	loginWindow         = 15 * time.Minute
	// loginsKnown bounds the memory: beyond it some window is forgotten for a new one.
	loginsKnown = 30_000
)

// limiter counts failures per key in windows of fixed length. An attempt is counted before it is judged, so that many at
// once do not slip through, and taken back when it succeeds.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex
	windows map[string]window
}

type window struct {
	began time.Time
	count int
}

// allowance is how many attempts with a key may fail in a window.
type allowance struct {
	key  string
	most int
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, windows: map[string]window{}}
}

// take counts an attempt with each of the keys. It returns how long to wait when there were too many with one of them, and
// counts nothing then; 0 when the attempt may be made.
func (l *limiter) take(all ...allowance) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	var wait time.Duration
	for _, a := range all {
		if w, known := l.live(a.key, now); known && w.count >= a.most {
			wait = max(wait, w.began.Add(loginWindow).Sub(now))
		}
	}
	if wait > 0 {
		return wait
	}
	for _, a := range all {
		w, known := l.live(a.key, now)
		if !known {
			l.makeRoom(now)
			w = window{began: now}
		}
		w.count++
		l.windows[a.key] = w
	}
	return 0
}

func (l *limiter) live(key string, now time.Time) (window, bool) {
	w, known := l.windows[key]
	return w, known && now.Before(w.began.Add(loginWindow))
}

// forget clears a key after a success that shows who it was.
func (l *limiter) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.windows, key)
}

// giveBack takes one attempt of a key back after a success. What others failed at with it still counts.
func (l *limiter) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w, known := l.live(key, l.now()); known && w.count > 0 {
		w.count--
		l.windows[key] = w
	}
}

// makeRoom looks at a few windows once the map is full and drops those that have expired, or one of them if none has.
// Looking at all would make every attempt of a flood expensive.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.windows) < loginsKnown {
		return
	}
	const few = 64
	looked, any := 0, ""
	for key, w := range l.windows {
		if !now.Before(w.began.Add(loginWindow)) {
			delete(l.windows, key)
		}
		any = key
		if looked++; looked == few {
			break
		}
	}
	if len(l.windows) >= loginsKnown {
		delete(l.windows, any)
	}
}
