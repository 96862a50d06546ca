package models

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	// latencyParts is how many durations are told apart, latencyFloor where the second part begins. Each part but the first
	// and the last ends at the square root of two times its beginning.
	latencyParts = 32
	latencyFloor = time.Millisecond
)

// latencyBounds are where the parts but the first begin, in microseconds. The schema names them too.
var latencyBounds = func() (bounds [latencyParts - 1]int64) {
	for i := range bounds {
		bounds[i] = int64(math.Round(float64(latencyFloor.Microseconds()) * math.Pow(2, float64(i)/2)))
	}
	return bounds
}()

func latencyColumns() []string {
	names := make([]string, latencyParts)
	for i := range names {
		names[i] = fmt.Sprintf("l%02d", i)
	}
	return names
}

// latencyPart is the part that a duration falls into.
func latencyPart(d time.Duration) int {
	part, begins := slices.BinarySearch(latencyBounds[:], d.Microseconds())
	if begins {
		part++
	}
	return part
}

// Latencies is how long attempts took. The zero value is of none.
type Latencies struct {
	// N is how many they are, Sum how long they took together, Least and Most the shortest and the longest.
	N                int64
	Sum, Least, Most time.Duration
	parts            [latencyParts]int64
}

// Mean is exact; 0 of none.
func (l Latencies) Mean() time.Duration {
	if l.N == 0 {
		return 0
	}
	return l.Sum / time.Duration(l.N)
}

// Quantile is a duration that a share of the attempts, from 0 to 1, did not exceed: at most a fifth off from 1 ms to 32 s,
// and never outside of the shortest and the longest. It is exact where all took the same, and 0 of none.
func (l Latencies) Quantile(share float64) time.Duration {
	if l.N == 0 {
		return 0
	}
	rank := int64(math.Ceil(share * float64(l.N)))
	part := 0
	for below := l.parts[0]; below < rank && part < latencyParts-1; below += l.parts[part] {
		part++
	}
	if part == latencyParts-1 {
		return l.Most
	}
	// The geometric middle: the beginning of the part times the fourth root of two.
	middle := time.Duration(float64(latencyFloor) * math.Pow(2, float64(part-1)/2+0.25))
	return min(max(middle, l.Least), l.Most)
}

// Add counts other attempts too.
func (l *Latencies) Add(o Latencies) {
	if o.N == 0 {
		return
	}
	if l.N == 0 || o.Least < l.Least {
		l.Least = o.Least
	}
	l.Most = max(l.Most, o.Most)
	l.N, l.Sum = l.N+o.N, l.Sum+o.Sum
	for i, n := range o.parts {
		l.parts[i] += n
	}
}

// add counts one attempt.
func (l *Latencies) add(d time.Duration) {
	one := Latencies{N: 1, Sum: d, Least: d, Most: d}
	one.parts[latencyPart(d)] = 1
	l.Add(one)
}
