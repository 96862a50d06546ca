package trigger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Print writes a trial for people: the payload indented, what the receiver said without what would confuse a terminal.
func (t Trial) Print(w io.Writer) {
	fmt.Fprintf(w, "event    %s  %s\n", t.Event, t.EventID)
	fmt.Fprintf(w, "webhook  %d\n", t.Webhook)
	status := "none, no answer came"
	if t.Status != 0 {
		status = fmt.Sprint(t.Status)
	}
	fmt.Fprintf(w, "status   %s  (%s)\n", status, t.Outcome)
	if t.Reason != "" {
		fmt.Fprintf(w, "reason   %s\n", plain(t.Reason))
	}
	fmt.Fprintf(w, "latency  %d ms\n", t.LatencyMS)
	answer := plain(strings.TrimSpace(t.Answer))
	if answer == "" {
		answer = "(empty)"
	}
	fmt.Fprintf(w, "answer   %s\n", strings.ReplaceAll(answer, "\n", "\n         "))
	fmt.Fprintf(w, "payload\n%s\n", plain(indented(t.Payload)))
}

// indented is JSON on many lines; anything else stays as it is.
func indented(payload string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(payload), "", "  ") != nil {
		return payload
	}
	return b.String()
}

// plain replaces control characters, which come from others and could move the cursor or recolour the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
