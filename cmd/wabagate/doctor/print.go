package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Report is what a run found.
type Report struct {
	OK       bool      `json:"ok"` // nothing is wrong; there may be warnings
	Wrong    int       `json:"wrong"`
	Warnings int       `json:"warnings"`
	Findings []Finding `json:"findings"`
}

// NewReport counts findings.
func NewReport(fs []Finding) Report {
	r := Report{OK: true, Findings: fs}
	if fs == nil {
		r.Findings = []Finding{}
	}
	for _, f := range fs {
		switch f.Level {
		case Wrong:
			r.OK = false
			r.Wrong++
		case Warning:
			r.Warnings++
		}
	}
	return r
}

// JSON writes the report for programs.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Text writes the report for people, a line for each check.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-8s %-20s %s", f.Level, f.Check, f.Says)
		if f.Remedy != "" {
			fmt.Fprintf(&b, ". Fix: %s", f.Remedy)
		}
		b.WriteByte('\n')
	}
	// What strangers named or answered is shown, not obeyed.
	text := strings.Map(func(c rune) rune {
		if c != '\n' && !unicode.IsPrint(c) {
			return '�'
		}
		return c
	}, b.String())
	_, err := fmt.Fprintf(w, "%s\n%s, %s, %d ok\n", text, plural(r.Wrong, "thing is wrong", "things are wrong"), plural(r.Warnings, "warning", "warnings"),
		len(r.Findings)-r.Wrong-r.Warnings)
	return err
}
