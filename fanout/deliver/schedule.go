package deliver

import "time"

// jitter is how far a wait may differ from the schedule, as a share of it, so that what failed together does not come
// back together.
const jitter = 0.2

// Next decides whether and when a failed delivery is tried again. attempts is how many were made (at least 1);
// schedule holds the waits after the first, second, … attempt; random is in [0,1). A receiver's Retry-After makes the
// wait longer, never shorter.
func Next(schedule []time.Duration, attempts int, v Verdict, random float64) (wait time.Duration, again bool) {
	if v.Final || attempts < 1 || attempts > len(schedule) {
		return 0, false
	}
	wait = time.Duration(float64(schedule[attempts-1]) * (1 - jitter + 2*jitter*random))
	return max(wait, v.MinWait, v.RetryAfter), true
}
