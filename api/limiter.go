package api

import (
	"sync"
	"time"
)

const (
	loginFailures = 10
	loginWindow   = 15 * time.Minute
	// loginsKnown bounds the memory: beyond it some window is forgotten for a new one.
	loginsKnown = 10_000
)

// limiter counts failed logins per key in windows of fixed length. An attempt is counted before it is judged, so that
// many at once do not slip through, and forgotten when it succeeds.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex
	windows map[string]window
}

type window struct {
	began time.Time
	count int
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, windows: map[string]window{}}
}

// take counts an attempt. It returns how long to wait when there were too many, and 0 when the attempt may be made.
func (l *limiter) take(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	w, known := l.windows[key]
	if end := w.began.Add(loginWindow); !known || !now.Before(end) {
		if !known {
			l.makeRoom(now)
		}
		w = window{began: now}
	} else if w.count >= loginFailures {
		return end.Sub(now)
	}
	w.count++
	l.windows[key] = w
	return 0
}

// forget clears a key after a success.
func (l *limiter) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.windows, key)
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
