//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func judged(f fault, l *ledger) row {
	r := row{fault: f, ledger: *l}
	for _, one := range invariants() {
		r.verdicts = append(r.verdicts, one.judge(l, f.explains))
	}
	return r
}

func TestMatrix(t *testing.T) {
	lost := whole()
	lost.arrivals = lost.arrivals[3:]
	lost.answers = map[int]int{0: 2, 503: 1}
	m := matrix{command: "chaos -quick", setting: "somewhere", leftActive: -1, rows: []row{judged(faults()[0], whole())}}
	require.False(t, m.broken())
	m.rows = append(m.rows, judged(faults()[1], lost))
	require.True(t, m.broken())
	var b strings.Builder
	require.NoError(t, m.write(&b))
	text := b.String()
	require.Contains(t, text, "`chaos -quick`: somewhere.\n")
	require.Contains(t, text, "| none (control) | 3 | 0 | ✓ 7 of 7 | ✓ 3 events | ✓ 3 in 1 lanes, 0 aside |")
	require.Contains(t, text, "| kill -9 a worker | 3 | none came: 2, 503: 1 | ✗ 5 (4 of 7) |")
	require.Contains(t, text, "✗ kill -9 a worker, nothing lost: 5\n\n- wamid.1 did not arrive at webhook 11 (healthy)\n")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") {
			require.Equal(t, 3+len(invariants())+1, strings.Count(line, "|"), line)
		}
	}
	require.NotContains(t, text, "left active")

	m = matrix{rows: m.rows[:1]}
	b.Reset()
	require.NoError(t, m.write(&b))
	require.Contains(t, b.String(), "✓ No task was left active")
	m.leftActive = 2
	require.True(t, m.broken())
}
