package listen

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"wabagate/cmd/wabagate/remote"
	"wabagate/fanout/deliver"
)

// line is what is printed of an event.
type line struct {
	Time      time.Time `json:"time"` // when the gateway made it
	Type      string    `json:"type"`
	ID        string    `json:"id"`
	NumberID  int64     `json:"number_id,omitempty"`
	Place     string    `json:"place,omitempty"` // to go on from after it; empty for one that was sent again
	Forwarded bool      `json:"forwarded"`
	Status    int       `json:"status,omitempty"` // the receiver's
	Outcome   string    `json:"outcome,omitempty"`
	Reason    string    `json:"reason,omitempty"` // of a failure, or why it was not forwarded
	LatencyMS int64     `json:"latency_ms,omitempty"`
	Tries     int       `json:"tries,omitempty"`
	Signed    []string  `json:"signed,omitempty"` // the schemes
	Payload   string    `json:"payload"`          // the exact bytes
}

func newLine(e *Event, place string) line {
	l := line{Time: e.CreatedAt, Type: e.Type, ID: e.ID, NumberID: e.NumberID, Place: place, Reason: e.Note}
	if e.Body != nil {
		l.Payload = *e.Body
	}
	return l
}

func (l line) answered(a answer, tries int) line {
	l.Forwarded, l.Status, l.Outcome, l.Reason, l.LatencyMS, l.Tries, l.Signed = true, a.status, string(a.outcome), a.reason, a.took.Milliseconds(), tries, a.schemes
	return l
}

// accepted says that the receiver took it.
func (l line) accepted() bool { return l.Outcome == string(deliver.Delivered) }

// printer writes events for people, or for programs.
type printer struct {
	out      io.Writer
	json     bool
	payloads bool // for people: on lines of their own, below the event
	colour   bool
	now      func() time.Time
}

// The colours of a terminal.
const (
	plain = "\x1b[0m"
	grey  = "\x1b[90m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
)

func (p *printer) paint(colour, text string) string {
	if !p.colour {
		return text
	}
	return colour + text + plain
}

// print fails where nobody reads any more.
func (p *printer) print(l line) error {
	if p.json {
		e := json.NewEncoder(p.out)
		e.SetEscapeHTML(false)
		return e.Encode(l)
	}
	clock := "15:04:05.000"
	if p.now().Sub(l.Time).Abs() > 12*time.Hour {
		clock = "2006-01-02 15:04:05"
	}
	text := fmt.Sprintf("%s  %s  %s", p.paint(grey, l.Time.Local().Format(clock)), remote.Plain(fmt.Sprintf("%-24s", l.Type)), p.paint(grey, remote.Plain(l.ID)))
	switch {
	case !l.Forwarded && l.Reason != "":
		text += "  " + p.paint(grey, "not forwarded: "+remote.Plain(l.Reason))
	case l.accepted():
		text += "  " + p.paint(green, fmt.Sprintf("→ %d %s", l.Status, http.StatusText(l.Status))) + fmt.Sprintf("  %d ms", l.LatencyMS)
	case l.Forwarded:
		text += "  " + p.paint(red, "→ "+remote.Plain(l.Reason)) + fmt.Sprintf("  %d ms", l.LatencyMS)
	}
	if p.payloads && l.Payload != "" {
		text += "\n    " + strings.ReplaceAll(remote.Plain(remote.Indented(l.Payload)), "\n", "\n    ")
	}
	_, err := fmt.Fprintln(p.out, text)
	return err
}
