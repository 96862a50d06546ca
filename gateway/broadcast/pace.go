package broadcast

import (
	"time"

	"wabagate/models"
)

const (
	// windowFor is for how long messages wait ready to be sent: long enough that a number does not run dry between two looks,
	// short enough that little has to be stopped.
	windowFor   = 3 * time.Second
	leastWindow = 20
	// tailFor bounds what waits for another attempt, or for a status, as so many seconds' worth: a number that was stopped
	// must not take in the whole broadcast.
	tailFor   = time.Minute
	leastTail = 1000
	// releasedAtOnce bounds the messages of one transaction.
	releasedAtOnce = 500
	// catchUp is how much of its pace a broadcast that fell behind may make up for at once.
	catchUp = time.Second
)

// speed is how many messages per second a broadcast sends at most.
func speed(p models.BroadcastPlan, rate int) int {
	if p.Pace > 0 {
		return min(p.Pace, rate)
	}
	return rate
}

// allowance says how many more recipients may have their turn at a moment: as many as the window has room for and the
// broadcast's own pace allows. due is the moment from which that pace is counted on.
func allowance(p models.BroadcastPlan, open models.OpenSends, rate int, now time.Time) (n int, due time.Time) {
	perSecond := int64(speed(p, rate))
	within := func(d time.Duration, least int64) int64 { return max(least, perSecond*int64(d/time.Second)) }
	if open.Later+open.Undecided >= within(tailFor, leastTail) {
		return 0, now
	}
	room := min(within(windowFor, leastWindow)-open.Ready, p.Recipients-p.Place)
	due = now
	if p.Pace > 0 {
		if due = p.PacedAt; due.Before(now.Add(-catchUp)) {
			due = now.Add(-catchUp)
		}
		room = min(room, int64(now.Add(lookEvery).Sub(due))*int64(p.Pace)/int64(time.Second))
	}
	return int(max(0, room)), due
}

// paced is when the pace allows the next message after n that were due from a moment on.
func paced(p models.BroadcastPlan, due time.Time, n int) time.Time {
	if p.Pace == 0 {
		return time.Time{}
	}
	return due.Add(time.Duration(n) * time.Second / time.Duration(p.Pace))
}

// End estimates when a broadcast that runs will have given everybody their turn, at the rate of its number.
func End(p models.BroadcastPlan, open models.OpenSends, rate int, now time.Time) time.Time {
	if p.ScheduledAt.After(now) {
		now = p.ScheduledAt
	}
	left := p.Recipients - p.Place + open.Ready
	return now.Add(time.Duration(left) * time.Second / time.Duration(speed(p, rate)))
}
