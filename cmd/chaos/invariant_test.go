//go:build unix

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// whole is the ledger of a row in which all went well: a message and two statuses of another one, at a healthy webhook,
// an ordered one and a stubborn one, and an attempt that the guard refused.
func whole() *ledger {
	schedule := []time.Duration{4 * time.Second, 10 * time.Second}
	message, sent, read := fact{"wamid.1", ""}, fact{"wamid.2", "sent"}, fact{"wamid.2", "read"}
	l := &ledger{
		hooks: []hook{
			{id: 11, name: "healthy", schedule: schedule},
			{id: 12, name: "ordered", ordered: true, schedule: schedule},
			{id: 13, name: "stubborn", kind: stubborn, side: true, schedule: schedule},
			{id: 14, name: "forbidden", kind: forbidden},
		},
		callbacks: 3,
		answers:   map[int]int{},
		accepted:  map[fact]bool{message: true, sent: true, read: true},
		side:      map[fact]bool{message: true},
		tries:     []tries{{hook: 2, event: "evt_1", n: 2, outcomes: []string{"delivered", "rejected"}}, {hook: 3, event: "evt_1", n: 1, outcomes: []string{"forbidden"}}},
		attempts:  9,
		sightings: []sighting{{"wamid.2", "sent"}, {"wamid.2", "read"}},
	}
	for hook := range 2 {
		for i, f := range []fact{message, sent, read} {
			l.arrivals = append(l.arrivals, arrival{hook: hook, event: "evt_" + string(rune('1'+i)), fact: f, conversation: 5, sequence: int64(2 + i), sum: [8]byte{byte(hook), byte(i)}, at: start})
		}
	}
	for i, what := range []answer{failed, acknowledged} {
		l.arrivals = append(l.arrivals, arrival{hook: 2, event: "evt_1", fact: message, conversation: 5, sequence: 2, at: start.Add(time.Duration(i) * 4 * time.Second), answer: what})
	}
	return l
}

// Each invariant holds for the whole ledger and can fail: one planted fault each, and nobody else complains.
func TestInvariantsFail(t *testing.T) {
	const none = ""
	for _, tt := range []struct {
		name    string
		plant   func(*ledger)
		explain allowance
		breaks  string // the invariant; empty: none
		names   string // what the offender's text has
	}{
		{"nothing", func(*ledger) {}, allowance{}, none, ""},

		{"an event did not arrive", func(l *ledger) { l.arrivals = slices.Delete(l.arrivals, 0, 1) }, allowance{}, "nothing lost", "wamid.1 did not arrive at webhook 11"},
		{"a side event did not arrive at a side webhook", func(l *ledger) { l.arrivals = l.arrivals[:7] }, allowance{}, "nothing lost", "webhook 13"},
		{"it arrived and was not acknowledged", func(l *ledger) { l.arrivals[0].answer = failed }, allowance{}, "nothing lost", "wamid.1"},
		{"refused with a reason", func(l *ledger) { l.answers[503] = 2 }, allowance{refusals: true}, none, ""},
		{"refused without a reason", func(l *ledger) { l.answers[503] = 2 }, allowance{}, "nothing lost", "answered 503: 2"},
		{"refused in another way", func(l *ledger) { l.answers[500] = 1 }, allowance{refusals: true, silence: true}, "nothing lost", "500"},
		{"silence with a reason", func(l *ledger) { l.answers[0] = 1 }, allowance{silence: true}, none, ""},
		{"silence without a reason", func(l *ledger) { l.answers[0] = 1 }, allowance{refusals: true}, "nothing lost", "answered 0"},
		{"never accepted", func(l *ledger) { l.stuck = 1 }, allowance{}, "nothing lost", "not accepted"},

		{"two bodies", func(l *ledger) {
			again := l.arrivals[0]
			again.sum = [8]byte{9}
			l.arrivals = append(l.arrivals, again)
		}, allowance{takeovers: 1}, "one body", "evt_1 has two bodies at webhook 11"},
		{"two ids", func(l *ledger) { l.arrivals[3].event = "evt_9" }, allowance{}, "one body", "wamid.1 is both"},

		{"out of order", func(l *ledger) { l.arrivals[3], l.arrivals[4] = l.arrivals[4], l.arrivals[3] }, allowance{}, "in order", "2 of conversation 5, came to webhook 12 after 3"},
		{"out of order where nobody asked", func(l *ledger) { l.arrivals[0], l.arrivals[1] = l.arrivals[1], l.arrivals[0] }, allowance{}, none, ""},
		{"stepped aside", func(l *ledger) {
			l.arrivals[4].skipped = []int64{1, 2}
			l.arrivals[3], l.arrivals[4] = l.arrivals[4], l.arrivals[3]
		}, allowance{}, none, ""},
		{"stepped aside, and one later event does not say so", func(l *ledger) {
			l.arrivals[4].skipped = []int64{2}
			first := l.arrivals[3]
			l.arrivals = slices.Insert(slices.Delete(l.arrivals, 3, 4), 5, first)
		}, allowance{}, "in order", "after 4"},
		{"another conversation", func(l *ledger) {
			l.arrivals[3].conversation = 6
			l.arrivals[3], l.arrivals[4] = l.arrivals[4], l.arrivals[3]
		}, allowance{}, none, ""},

		{"too many attempts", func(l *ledger) { l.tries[0].n = 4 }, allowance{}, "on schedule", "evt_1 has 4 attempts at webhook 13, which allows 3"},
		{"too many requests", func(l *ledger) {
			refused := l.arrivals[6]
			for range 3 {
				l.arrivals = slices.Insert(l.arrivals, 6, refused)
				for i := range l.arrivals[:6+1] {
					l.arrivals[i].at = l.arrivals[i].at.Add(-20 * time.Second)
				}
			}
		}, allowance{}, "on schedule", "posted 5 times"},
		{"too early", func(l *ledger) { l.arrivals[7].at = start.Add(2 * time.Second) }, allowance{}, "on schedule", "attempt 2 of evt_1 at webhook 13 came after 2s"},
		{"early by the jitter and the queue's clock", func(l *ledger) { l.arrivals[7].at = start.Add(2200 * time.Millisecond) }, allowance{}, none, ""},
		{"early because it was taken over", func(l *ledger) { l.arrivals[7].at = start.Add(time.Millisecond) }, allowance{takeovers: 1}, none, ""},
		{"early although no result was forgotten", func(l *ledger) { l.arrivals[7].at = start.Add(time.Millisecond) }, allowance{takeovers: 1, waits: true},
			"on schedule", "came after 1ms"},
		{"a broken connection tried again at once", func(l *ledger) {
			l.arrivals[6].answer = broken
			again := l.arrivals[6]
			again.at = again.at.Add(time.Millisecond)
			l.arrivals = slices.Insert(l.arrivals, 7, again)
		}, allowance{}, none, ""},

		{"a status turned back", func(l *ledger) {
			l.sightings = append(l.sightings, sighting{"wamid.2", "delivered"}, sighting{"wamid.2", "read"})
		}, allowance{}, "status forward", "wamid.2 went from read to delivered"},
		{"a status not reached", func(l *ledger) { l.sightings = l.sightings[:1] }, allowance{}, "status forward", `wamid.2 is "sent" in the end, not "read"`},

		{"someone came in", func(l *ledger) { l.trapped = []string{"127.0.0.2:1 was reached"} }, allowance{}, "nobody in", "127.0.0.2"},
		{"an attempt got through", func(l *ledger) { l.tries[1].outcomes = []string{"refused"} }, allowance{}, "nobody in", "refused, not forbidden"},
		{"nobody tried", func(l *ledger) { l.tries = l.tries[:1] }, allowance{}, "nobody in", "nothing was judged"},

		{"due work is left", func(l *ledger) { l.remains.due = 1 }, allowance{}, "nothing left", "1 pieces of due work"},
		{"work is due later", func(l *ledger) { l.remains.later, l.remains.latest = 1, time.Hour }, allowance{}, none, ""},
		{"refuge is not empty", func(l *ledger) { l.remains.refuge = 1 }, allowance{}, "nothing left", "refuge"},
		{"a task is ready", func(l *ledger) { l.remains.pending = 1 }, allowance{}, "nothing left", "ready"},
		{"a task is stuck", func(l *ledger) { l.remains.unleased = 1 }, allowance{}, "nothing left", "lease"},
		{"a process ended", func(l *ledger) { l.troubles = []error{errSample} }, allowance{}, "nothing left", "worker-2"},

		{"a double without a reason", func(l *ledger) { l.arrivals = append(l.arrivals, l.arrivals[0]) }, allowance{}, "doubles bounded", "webhook 11 got 1 events again, such as evt_1"},
		{"a double of a killed worker", func(l *ledger) { l.arrivals = append(l.arrivals, l.arrivals[0]) }, allowance{takeovers: 1}, none, ""},
		{"more doubles than it had in hand", func(l *ledger) {
			for range inFlight + 1 {
				l.arrivals = append(l.arrivals, l.arrivals[0])
			}
		}, allowance{takeovers: 1}, "doubles bounded", "133 events again"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := whole()
			tt.plant(l)
			for _, one := range invariants() {
				v := one.judge(l, tt.explain)
				// What comes too often is judged twice on purpose: by the schedule and as doubles.
				if one.name != tt.breaks && (one.name != "on schedule" || tt.breaks != "doubles bounded") {
					require.Empty(t, v.broken, one.name)
				}
				if one.name == tt.breaks {
					require.NotEmpty(t, v.broken, one.name)
					require.Contains(t, strings.Join(v.broken, "\n"), tt.names)
					require.Contains(t, v.String(), "✗")
				}
			}
		})
	}
}

type sample string

func (s sample) Error() string { return string(s) }

const errSample = sample("worker-2 ended by itself")

func TestOrderThatNobodyAskedForIsNotJudged(t *testing.T) {
	l := whole()
	l.hooks[1].ordered = false
	v := inOrder(l, allowance{})
	require.Empty(t, v.broken)
	require.Equal(t, "– not asked", v.String())
}

func TestLeastWait(t *testing.T) {
	schedule := []time.Duration{5 * time.Second, 20 * time.Second, 10 * time.Second}
	for _, tt := range []struct {
		k, forgotten int
		want         time.Duration
	}{
		{0, 0, 3 * time.Second}, {1, 0, 15 * time.Second}, {2, 0, 7 * time.Second},
		{1, 1, 3 * time.Second}, {2, 1, 7 * time.Second}, {2, 2, 3 * time.Second}, {9, 0, 7 * time.Second},
	} {
		require.Equal(t, tt.want, leastWait(schedule, tt.k, tt.forgotten), "%+v", tt)
	}
}
