package doctor

import (
	"fmt"
	"time"
)

// The differences of clocks that are worth a word, and a stop.
const (
	clockAdrift = 2 * time.Second
	clockWrong  = 30 * time.Second
)

// judgeClock compares a server's clock with this process's. Receivers refuse signatures whose time is five minutes off.
func judgeClock(check, whose string, theirs, ours time.Time) Finding {
	off := theirs.Sub(ours)
	if off < 0 {
		off = -off
	}
	direction := "ahead of"
	if theirs.Before(ours) {
		direction = "behind"
	}
	says := fmt.Sprintf("the clock of %s is %s %s this machine's", whose, off.Round(10*time.Millisecond), direction)
	remedy := "run chrony or another NTP client on both machines; due times and the timestamps of signatures go by the database's clock"
	switch {
	case off >= clockWrong:
		return wrong(check, says, remedy)
	case off >= clockAdrift:
		return warning(check, says, remedy)
	}
	return fine(check, "that of %s agrees with this machine's", whose)
}
