//go:build unix

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"wabagate/waba"
)

// allowance is what a fault explains.
type allowance struct {
	// refusals: a store is away, so callbacks may be answered 503.
	refusals bool
	// silence: an ingress dies, so callbacks may stay without an answer.
	silence bool
	// takeovers is how many workers' work in hand others may do again.
	takeovers int
	// waits: no result of an attempt is forgotten, so every wait is kept whatever is taken over.
	waits bool
}

// forgotten is how many attempts of a delivery the gateway may not know of.
func (a allowance) forgotten() int {
	if a.waits {
		return 0
	}
	return a.takeovers
}

// inFlight bounds what one worker can have in hand for one webhook: the requests under way (32) and a group of results
// that are not committed yet (100).
const inFlight = 132

// verdict is one cell of the matrix.
type verdict struct {
	broken []string // by id, what the invariant does not hold for
	none   string   // why there was nothing to judge; empty: there was
	count  string   // what was judged
}

// invariant is one column of the matrix: a promise, and how a ledger is held to it.
type invariant struct {
	name, promise string
	judge         func(*ledger, allowance) verdict
}

func invariants() []invariant {
	return []invariant{
		{"nothing lost", "every fact of every callback that was answered 200 arrived at every webhook it is for; a callback is answered 200, or 503 while a store is away", nothingLost},
		{"one body", "a fact has one event id, and every delivery of an event to a webhook has the same bytes", oneBody},
		{"in order", "first deliveries of a conversation come in the order of their sequences where the webhook asked for it, except those announced as stepped aside", inOrder},
		{"on schedule", "no delivery has more attempts than 1 + its schedule, and none comes before its wait less the jitter, but for work taken over", onSchedule},
		{"status forward", "a message's stored status never turns back and ends where the accepted statuses lead", statusForward},
		{"nobody in", "no connection reached a forbidden address, and every attempt at one was refused by the guard", nobodyIn},
		{"nothing left", "no due work, no ready task, nothing in refuge, no active task without a lease", nothingLeft},
		{"doubles bounded", "a webhook gets no more acknowledged events again than the workers concerned can have had in hand", doublesBounded},
	}
}

func nothingLost(l *ledger, a allowance) verdict {
	v := verdict{}
	first := l.first()
	for _, f := range sorted(l.accepted) {
		for i, h := range l.hooks {
			if _, arrived := first[delivery{i, f}]; h.owed(l.side[f]) && !arrived {
				v.broken = append(v.broken, fmt.Sprintf("%s did not arrive at webhook %d (%s)", f, h.id, h.name))
			}
		}
	}
	for _, status := range slices.Sorted(maps.Keys(l.answers)) {
		if status == 0 && a.silence || status == 503 && a.refusals {
			continue
		}
		v.broken = append(v.broken, fmt.Sprintf("callbacks answered %d: %d of them", status, l.answers[status]))
	}
	if l.stuck > 0 {
		v.broken = append(v.broken, fmt.Sprintf("callbacks not accepted to the end: %d of them", l.stuck))
	}
	if l.callbacks == 0 {
		v.broken = append(v.broken, "no callback was accepted")
	}
	v.count = fmt.Sprintf("%d of %d", len(first), l.owed())
	return v
}

func oneBody(l *ledger, _ allowance) verdict {
	v := verdict{}
	type key struct {
		hook  int
		event string
	}
	sums, ids := map[key][8]byte{}, map[fact]string{}
	for _, a := range l.arrivals {
		k := key{a.hook, a.event}
		if sum, seen := sums[k]; seen && sum != a.sum {
			v.broken = append(v.broken, fmt.Sprintf("%s has two bodies at webhook %d", a.event, l.hooks[a.hook].id))
		}
		sums[k] = a.sum
		if id, seen := ids[a.fact]; seen && id != a.event {
			v.broken = append(v.broken, fmt.Sprintf("%s is both %s and %s", a.fact, id, a.event))
		}
		ids[a.fact] = a.event
	}
	v.count = fmt.Sprintf("%d events", len(ids))
	return v
}

// inOrder looks at the first acknowledged arrival of each event. One that comes after a later one of its lane must have
// been announced by it.
func inOrder(l *ledger, _ allowance) verdict {
	v := verdict{none: "not asked"}
	type lane struct {
		hook         int
		conversation int64
	}
	lanes, seen := map[lane][]arrival{}, map[delivery]bool{}
	aside := 0
	for _, a := range l.arrivals {
		d := delivery{a.hook, a.fact}
		if !l.hooks[a.hook].ordered || a.answer != acknowledged || a.sequence == 0 || seen[d] {
			continue
		}
		seen[d] = true
		k := lane{a.hook, a.conversation}
		late := false
		for _, before := range lanes[k] {
			if before.sequence <= a.sequence {
				continue
			}
			late = true
			if !slices.Contains(before.skipped, a.sequence) {
				v.broken = append(v.broken, fmt.Sprintf("%s, %d of conversation %d, came to webhook %d after %d", a.event, a.sequence, a.conversation, l.hooks[a.hook].id, before.sequence))
				break
			}
		}
		if late {
			aside++
		}
		lanes[k] = append(lanes[k], a)
	}
	if len(lanes) > 0 {
		v.none = ""
		v.count = fmt.Sprintf("%d in %d lanes, %d aside", len(seen), len(lanes), aside)
	}
	return v
}

const (
	jitter = 0.2
	// queueClock is the resolution of the queue's clock, by which a retry may come early.
	queueClock = time.Second
	// atOnce is how soon the gateway tries a broken connection again within the same attempt.
	atOnce = time.Second
)

func onSchedule(l *ledger, a allowance) verdict {
	v := verdict{}
	most := 0
	for _, t := range l.tries {
		h := l.hooks[t.hook]
		if most = max(most, t.n); t.n > 1+len(h.schedule) {
			v.broken = append(v.broken, fmt.Sprintf("%s has %d attempts at webhook %d, which allows %d", t.event, t.n, h.id, 1+len(h.schedule)))
		}
	}
	for i, h := range l.hooks {
		var early []string
		requests := attemptsAt(l, i)
		for _, event := range slices.Sorted(maps.Keys(requests)) {
			list := requests[event]
			if n := len(list); n > 1+len(h.schedule)+a.takeovers {
				v.broken = append(v.broken, fmt.Sprintf("%s was posted %d times to webhook %d, which allows %d", event, n, h.id, 1+len(h.schedule)))
			}
			for k := 1; k < len(list); k++ {
				if list[k-1].answer == acknowledged || k > len(h.schedule)+a.forgotten() || len(h.schedule) == 0 {
					continue // a double, or too many: both are judged elsewhere
				}
				wait := leastWait(h.schedule, k-1, a.forgotten())
				if gap := list[k].at.Sub(list[k-1].at); gap < wait {
					early = append(early, fmt.Sprintf("attempt %d of %s at webhook %d came after %s, not %s", k+1, event, h.id, gap.Round(time.Millisecond), wait))
				}
			}
		}
		if len(early) > a.forgotten()*inFlight {
			v.broken = append(v.broken, early...)
		}
	}
	v.count = fmt.Sprintf("%d attempts, at most %d of one", l.attempts, max(most, 1))
	return v
}

// leastWait is the shortest wait after attempt k, counted from 0, when some attempts before it may have been forgotten.
func leastWait(schedule []time.Duration, k, forgotten int) time.Duration {
	k = min(k, len(schedule)-1)
	wait := slices.Min(schedule[max(0, k-forgotten) : k+1])
	return time.Duration(float64(wait)*(1-jitter)) - queueClock
}

// attemptsAt are the requests to a webhook by event, without those that repeat a broken connection within an attempt.
func attemptsAt(l *ledger, hook int) map[string][]arrival {
	requests := map[string][]arrival{}
	for _, a := range l.arrivals {
		if a.hook != hook {
			continue
		}
		list := requests[a.event]
		if n := len(list); n > 0 && list[n-1].answer == broken && a.at.Sub(list[n-1].at) < atOnce {
			list[n-1] = a
			continue
		}
		requests[a.event] = append(list, a)
	}
	return requests
}

// statusForward holds the stored statuses to the platform's order: sent, failed, delivered, read, played.
func statusForward(l *ledger, _ allowance) verdict {
	v := verdict{}
	stored := map[string]string{}
	for _, s := range l.sightings {
		if before := stored[s.wamid]; waba.Advance(before, s.status) != s.status {
			v.broken = append(v.broken, fmt.Sprintf("%s went from %s to %s", s.wamid, before, s.status))
		}
		stored[s.wamid] = s.status
	}
	want := map[string]string{}
	for f := range l.accepted {
		if f.status != "" {
			want[f.wamid] = waba.Advance(want[f.wamid], f.status)
		}
	}
	for _, wamid := range slices.Sorted(maps.Keys(want)) {
		if got := stored[wamid]; waba.Advance(want[wamid], got) != got {
			v.broken = append(v.broken, fmt.Sprintf("%s is %q in the end, not %q", wamid, got, want[wamid]))
		}
	}
	v.count = fmt.Sprintf("%d messages", len(want))
	return v
}

func nobodyIn(l *ledger, _ allowance) verdict {
	v := verdict{broken: slices.Clone(l.trapped)}
	refused := 0
	for _, t := range l.tries {
		if h := l.hooks[t.hook]; h.kind == forbidden {
			refused += t.n
			for _, outcome := range t.outcomes {
				if outcome != "forbidden" {
					v.broken = append(v.broken, fmt.Sprintf("%s at webhook %d (%s) was %s, not forbidden", t.event, h.id, h.name, outcome))
				}
			}
		}
	}
	if refused == 0 {
		v.broken = append(v.broken, "no attempt at a forbidden address was seen, so that nothing was judged")
	}
	v.count = fmt.Sprintf("%d refused", refused)
	return v
}

func nothingLeft(l *ledger, _ allowance) verdict {
	v := verdict{count: "0"}
	if l.remains.later > 0 {
		v.count = fmt.Sprintf("0 due; %d due later, the last in %s", l.remains.later, l.remains.latest.Round(time.Second))
	}
	for _, one := range []struct {
		n    int64
		what string
	}{
		{l.remains.due, "pieces of due work in the outbox"}, {l.remains.refuge, "groups of callbacks in refuge"},
		{l.remains.pending, "tasks ready in the queues"}, {l.remains.unleased, "active tasks without a lease"},
	} {
		if one.n > 0 {
			v.broken = append(v.broken, fmt.Sprintf("%d %s", one.n, one.what))
		}
	}
	for _, err := range l.troubles {
		v.broken = append(v.broken, err.Error())
	}
	return v
}

func doublesBounded(l *ledger, a allowance) verdict {
	v := verdict{}
	sum, worst := 0, 0
	for i, ids := range doubles(l) {
		sum, worst = sum+len(ids), max(worst, len(ids))
		if len(ids) > a.takeovers*inFlight {
			v.broken = append(v.broken, fmt.Sprintf("webhook %d got %d events again, such as %s; in hand were %d at most", l.hooks[i].id, len(ids), ids[0], a.takeovers*inFlight))
		}
	}
	v.count = fmt.Sprintf("%d, at one webhook %d of %d", sum, worst, a.takeovers*inFlight)
	return v
}

// doubles are the events that each webhook got again although it had acknowledged them, once for each time.
func doubles(l *ledger) [][]string {
	type key struct {
		hook  int
		event string
	}
	again, known := make([][]string, len(l.hooks)), map[key]bool{}
	for _, a := range l.arrivals {
		k := key{a.hook, a.event}
		if known[k] {
			again[a.hook] = append(again[a.hook], a.event)
		}
		known[k] = known[k] || a.answer == acknowledged
	}
	return again
}

func sorted(facts map[fact]bool) []fact {
	return slices.SortedFunc(maps.Keys(facts), func(a, b fact) int {
		return cmp.Or(cmp.Compare(a.wamid, b.wamid), cmp.Compare(a.status, b.status))
	})
}
