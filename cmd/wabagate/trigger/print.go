package trigger

import (
	"fmt"
	"io"
	"strings"

	"wabagate/cmd/wabagate/remote"
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
		fmt.Fprintf(w, "reason   %s\n", remote.Plain(t.Reason))
	}
	fmt.Fprintf(w, "latency  %d ms\n", t.LatencyMS)
	answer := remote.Plain(strings.TrimSpace(t.Answer))
	if answer == "" {
		answer = "(empty)"
	}
	fmt.Fprintf(w, "answer   %s\n", strings.ReplaceAll(answer, "\n", "\n         "))
	fmt.Fprintf(w, "payload\n%s\n", remote.Plain(remote.Indented(t.Payload)))
}
