package wabatest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestAgendaKeepsOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var a agenda
	var want []int64
	for range 2000 {
		at := rng.Int64N(300)
		want = append(want, at)
		a.add(step{at: at})
	}
	slices.Sort(want)
	var last step
	for i, at := range want {
		got, ok := a.take(at)
		if !ok || got.at != at || i > 0 && got.at == last.at && got.serial < last.serial {
			t.Fatalf("step %d: %+v after %+v, not at %d", i, got, last, at)
		}
		last = got
	}
	if _, ok := a.take(math.MaxInt64); ok {
		t.Error("a step came twice")
	}
	a.add(step{at: 10})
	if _, ok := a.take(9); ok {
		t.Error("a step came before its time")
	}
}

func TestThroughputIsOfAnySecond(t *testing.T) {
	t.Parallel()
	limit := newThroughput(3)
	at := time.Unix(1_800_000_000, 0)
	for _, test := range []struct {
		after time.Duration
		full  bool
	}{{0, false}, {100 * time.Millisecond, false}, {200 * time.Millisecond, false}, {300 * time.Millisecond, true}, {999 * time.Millisecond, true},
		{time.Second, false}, {1050 * time.Millisecond, true}, {1100 * time.Millisecond, false}, {1150 * time.Millisecond, true}} {
		now := at.Add(test.after)
		if full := limit.full(now); full != test.full {
			t.Errorf("after %v: full %v", test.after, full)
		} else if !full {
			limit.add(now)
		}
	}
}

func TestPair(t *testing.T) {
	t.Parallel()
	const every, burst = 6 * time.Second, 45
	now := time.Unix(1_800_000_000, 0)
	var due time.Time
	send := func() (ok bool) { due, ok = pair(due, now, every, burst); return ok }
	for i := range burst {
		if !send() {
			t.Fatalf("message %d of the burst was refused", i+1)
		}
	}
	for range 3 {
		if send() {
			t.Fatal("one more than the burst")
		}
		now = now.Add(every - time.Millisecond)
		if send() {
			t.Fatal("too early")
		}
		now = now.Add(time.Millisecond)
		if !send() {
			t.Fatal("refused after its time")
		}
	}
	now = now.Add(burst * every)
	for range burst {
		if !send() {
			t.Fatal("the burst did not come back")
		}
	}
	if _, ok := pair(due, now, -1, burst); !ok {
		t.Error("a limit that is off refused")
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	if d := (Delay{Median: -1, Spread: 1}).of(0.3, 0.7); d != 0 {
		t.Errorf("none at all is %v", d)
	}
	d := Delay{Median: time.Second, Spread: 0.5}
	var list []time.Duration
	for i := range uint64(5000) {
		list = append(list, d.of(draw(1, "d", "a", i), draw(1, "d", "b", i)))
	}
	slices.Sort(list)
	if m := list[2500]; m < 950*time.Millisecond || m > 1050*time.Millisecond {
		t.Errorf("the median is %v", m)
	}
	if p := list[4950]; p < 2700*time.Millisecond || p > 3800*time.Millisecond { // exp(0.5 × 2.33) is 3.2
		t.Errorf("one in a hundred takes %v", p)
	}
}

func TestDrawIsEvenAndRepeats(t *testing.T) {
	t.Parallel()
	var buckets [10]int
	for i := range uint64(10_000) {
		v := draw(7, "what", "15550177321", i)
		if v < 0 || v >= 1 || v != draw(7, "what", "15550177321", i) {
			t.Fatal(v)
		}
		buckets[int(v*10)]++
	}
	for i, n := range buckets {
		if n < 850 || n > 1150 {
			t.Errorf("%d of 10,000 in the tenth %d", n, i)
		}
	}
}

func TestRetryIntervalsGrow(t *testing.T) {
	t.Parallel()
	r := Retry{First: time.Second, Longest: time.Minute, For: time.Hour}
	for tries, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
		if wait, patient := r.next(tries, time.Minute); wait != want || !patient {
			t.Errorf("after %d attempts: %v, %v", tries, wait, patient)
		}
	}
	if _, patient := r.next(70, time.Hour-30*time.Second); patient {
		t.Error("it goes on beyond its time")
	}
}

func TestFormatted(t *testing.T) {
	t.Parallel()
	for display, want := range map[string]string{"15550100200": "+1 555-010-0200", "4915550100": "+4915550100", "+55 11 9": "+55 11 9"} {
		if got := formatted(display); got != want {
			t.Errorf("%s: %s", display, got)
		}
	}
}
