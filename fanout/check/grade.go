package check

import (
	"fmt"
	"slices"
)

// The grades.
const (
	A Grade = "A" // nothing to change
	B Grade = "B" // works; there is advice
	C Grade = "C" // goes wrong now and then
	D Grade = "D" // something dangerous
	F Grade = "F" // takes nothing, or is dangerous in more than one way
)

// grade sums findings up. What was skipped counts for nothing: a receiver is not blamed for what does not apply to it.
func grade(findings []Finding) (Grade, string) {
	counts := map[Result]int{}
	for _, f := range findings {
		counts[f.Result]++
	}
	switch {
	case counts[Fatal] > 0:
		return F, "The receiver does not take ordinary events. " + counted(findings, Fatal)
	case counts[Serious] > 1:
		return F, "Events arrive, and so would forged ones. " + counted(findings, Serious)
	case counts[Serious] > 0:
		return D, "Events arrive, and something about them is dangerous. " + counted(findings, Serious)
	case counts[Warning] > 0:
		return C, "Events arrive, but some will be lost, late or tried again. " + counted(findings, Warning)
	case counts[Advice] > 0:
		return B, "Events arrive, and something could be better. " + counted(findings, Advice)
	}
	return A, "Events arrive, forged ones do not: nothing to change."
}

// counted names the first finding of a result and how many others call for a change.
func counted(findings []Finding, worst Result) string {
	i := slices.IndexFunc(findings, func(f Finding) bool { return f.Result == worst })
	others := 0
	for _, f := range findings {
		if f.Result != Passed && f.Result != Skipped {
			others++
		}
	}
	first := "First: " + findings[i].Change
	switch others--; others {
	case 0:
		return first
	case 1:
		return first + " One more finding has advice."
	}
	return fmt.Sprintf("%s %d more findings have advice.", first, others)
}
