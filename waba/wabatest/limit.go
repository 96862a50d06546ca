package wabatest

import "time"

// throughput is a limit in a sliding second. It is not safe for concurrent use.
type throughput struct {
	times []time.Time // of the latest messages, a ring
	next  int
}

// newThroughput allows perSecond messages in any second.
func newThroughput(perSecond int) *throughput {
	return &throughput{times: make([]time.Time, max(perSecond, 1))}
}

// full says whether another message now would be one too many.
func (t *throughput) full(now time.Time) bool {
	oldest := t.times[t.next]
	return !oldest.IsZero() && now.Sub(oldest) < time.Second
}

// add counts a message.
func (t *throughput) add(now time.Time) {
	t.times[t.next] = now
	t.next = (t.next + 1) % len(t.times)
}

// pair allows one message in each interval, and burst of them at once. due is when the last of what was sent would have
// been due at that pace, and what comes next is due no earlier than now. The result is the new due time.
func pair(due, now time.Time, every time.Duration, burst int) (time.Time, bool) {
	if every < 0 {
		return due, true
	}
	if due.Before(now) {
		due = now
	}
	if due.Sub(now) > time.Duration(burst-1)*every {
		return due, false
	}
	return due.Add(every), true
}

// peak is the most that came in one second of the clock.
type peak struct {
	second int64
	n      int
	most   int
}

func (p *peak) add(now time.Time) {
	if second := now.Unix(); second != p.second {
		p.second, p.n = second, 0
	}
	p.n++
	p.most = max(p.most, p.n)
}
