//go:build unix

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// offenders is how many of each kind a report names.
const offenders = 5

// matrix is a run's result.
type matrix struct {
	rows []row
	// setting says what it ran on.
	setting string
	command string
	// leftActive is how many tasks were still active when every lease had lapsed; -1: nobody waited for that.
	leftActive int64
}

func (m matrix) broken() bool {
	return m.leftActive > 0 || slices.ContainsFunc(m.rows, row.broken)
}

// write writes the matrix as Markdown.
func (m matrix) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "`%s`: %s.\n\n", m.command, m.setting)
	list := invariants()
	b.WriteString("| fault | callbacks accepted | other answers |")
	for _, one := range list {
		fmt.Fprintf(&b, " %s |", one.name)
	}
	b.WriteString("\n| --- | --- | --- |" + strings.Repeat(" --- |", len(list)) + "\n")
	for _, r := range m.rows {
		fmt.Fprintf(&b, "| %s | %d | %s |", r.fault.title, r.ledger.callbacks, others(r.ledger.answers))
		for _, v := range r.verdicts {
			fmt.Fprintf(&b, " %s |", v)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for _, one := range list {
		fmt.Fprintf(&b, "- **%s**: %s.\n", one.name, one.promise)
	}
	switch {
	case m.leftActive > 0:
		fmt.Fprintf(&b, "\n✗ %d tasks were still active %s after the last row, when every lease had lapsed.\n", m.leftActive, leaseWithin)
	case m.leftActive == 0:
		b.WriteString("\n✓ No task was left active in the end, when every lease had lapsed.\n")
	}
	m.writeBroken(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeBroken names the first offenders of every cell that does not hold.
func (m matrix) writeBroken(b *strings.Builder) {
	for _, r := range m.rows {
		for i, one := range invariants() {
			broken := r.verdicts[i].broken
			if len(broken) == 0 {
				continue
			}
			fmt.Fprintf(b, "\n✗ %s, %s: %d\n\n", r.fault.title, one.name, len(broken))
			for _, text := range broken[:min(len(broken), offenders)] {
				fmt.Fprintf(b, "- %s\n", text)
			}
		}
	}
}

// String is the cell.
func (v verdict) String() string {
	switch {
	case len(v.broken) > 0:
		return fmt.Sprintf("✗ %d (%s)", len(v.broken), v.count)
	case v.none != "":
		return "– " + v.none
	}
	return "✓ " + v.count
}

// others counts the answers that were not 200, by status.
func others(answers map[int]int) string {
	if len(answers) == 0 {
		return "0"
	}
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(answers)) {
		name := fmt.Sprint(status)
		if status == 0 {
			name = "none came"
		}
		parts = append(parts, fmt.Sprintf("%s: %d", name, answers[status]))
	}
	return strings.Join(parts, ", ")
}
