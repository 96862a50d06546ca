package simulate

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/dustin/go-humanize"
)

// Tally is what came of a run.
type Tally struct {
	Posts          int            `json:"posts"`           // requests made
	Callbacks      int            `json:"callbacks"`       // posted at least once, copies included
	Copies         int            `json:"copies"`          // of them carrying only facts sent before
	Acknowledged   int            `json:"acknowledged"`    // callbacks answered 200
	Unacknowledged int            `json:"unacknowledged"`  // callbacks posted and never answered 200
	Retries        int            `json:"retries"`         // requests that repeated an unacknowledged callback
	Refused        map[string]int `json:"refused"`         // requests not answered 200, by status or reason
	Facts          map[string]int `json:"facts"`           // acknowledged, each counted once, by kind
	DuplicateFacts int            `json:"duplicate_facts"` // acknowledged again
	MissingFacts   int            `json:"missing_facts"`   // posted and in no acknowledged callback
	Seconds        float64        `json:"seconds"`         // from the first post to the last answer
	PerSecond      float64        `json:"per_second"`      // acknowledged callbacks
	P50            float64        `json:"ack_p50_ms"`      // from the post, or when it was due, to the 200
	P99            float64        `json:"ack_p99_ms"`
}

// Print writes the tally for people.
func (t Tally) Print(w io.Writer) {
	n := func(i int) string { return humanize.Comma(int64(i)) }
	fmt.Fprintf(w, "callbacks   %s posted, %s acknowledged, %s not", n(t.Callbacks), n(t.Acknowledged), n(t.Unacknowledged))
	fmt.Fprintf(w, "  (%s copies, %s sent again)\n", n(t.Copies), n(t.Retries))
	fmt.Fprintf(w, "facts       %s", list(t.Facts, "none"))
	fmt.Fprintf(w, "  (%s acknowledged again, %s missing)\n", n(t.DuplicateFacts), n(t.MissingFacts))
	fmt.Fprintf(w, "refused     %s\n", list(t.Refused, "none"))
	fmt.Fprintf(w, "ack         p50 %.1f ms, p99 %.1f ms, %s/s over %.1f s\n", t.P50, t.P99, humanize.CommafWithDigits(t.PerSecond, 1), t.Seconds)
}

func list(counts map[string]int, none string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %s", k, humanize.Comma(int64(counts[k]))))
	}
	if len(parts) == 0 {
		return none
	}
	return strings.Join(parts, ", ")
}

// counts is the tally while it grows.
type counts struct {
	mu        sync.Mutex
	t         Tally
	factsSent int // distinct ones
	originals int // finished, acknowledged or not
	latency   *hdrhistogram.Histogram
	began     time.Time
	last      time.Time
}

func newCounts() *counts {
	return &counts{
		t:       Tally{Refused: map[string]int{}, Facts: map[string]int{}},
		latency: hdrhistogram.New(1, (5 * time.Minute).Microseconds(), 3),
	}
}

func (c *counts) begin() { c.began = time.Now(); c.last = c.began }

func (c *counts) callback(cb callback) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Callbacks++
	c.t.Posts++
	if cb.again {
		c.t.Copies++
	}
	for _, f := range cb.facts {
		if !f.posted.Swap(true) { // a copy may overtake its original
			c.factsSent++
		}
	}
}

func (c *counts) retried() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Posts++
	c.t.Retries++
}

func (c *counts) refused(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Refused[why]++
	c.last = time.Now()
}

func (c *counts) acknowledged(cb callback, took time.Duration, fresh []*fact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Acknowledged++
	for _, f := range fresh {
		c.t.Facts[f.Kind]++
	}
	c.t.DuplicateFacts += len(cb.facts) - len(fresh)
	_ = c.latency.RecordValue(min(max(took.Microseconds(), 1), c.latency.HighestTrackableValue()))
	c.last = time.Now()
}

// done ends a callback, whatever came of it.
func (c *counts) done(cb callback) {
	if cb.again {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.originals++
}

func (c *counts) anyAcknowledged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t.Acknowledged > 0
}

// progress is how many originals are done and how many callbacks were acknowledged and refused so far.
func (c *counts) progress() (originals, acknowledged, refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.t.Refused {
		refused += n
	}
	return c.originals, c.t.Acknowledged, refused
}

func (c *counts) tally() Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.t
	t.Unacknowledged = t.Callbacks - t.Acknowledged
	t.MissingFacts = c.factsSent
	for _, n := range t.Facts {
		t.MissingFacts -= n
	}
	t.Seconds = c.last.Sub(c.began).Seconds()
	if t.Seconds > 0 {
		t.PerSecond = float64(t.Acknowledged) / t.Seconds
	}
	t.P50 = float64(c.latency.ValueAtQuantile(50)) / 1000
	t.P99 = float64(c.latency.ValueAtQuantile(99)) / 1000
	return t
}
