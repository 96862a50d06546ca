package simulate

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"wabagate/waba/wabatest"
)

// GraphOptions say which platform is simulated where.
type GraphOptions struct {
	Address  string // to listen at, such as "127.0.0.1:8090"
	Platform wabatest.Options
	Faults   []wabatest.Fault
	Personas []wabatest.Persona

	Out      io.Writer // gets what to put where; nil → nothing
	Progress io.Writer // gets the tally while it grows: a line that changes, or lines unless Terminal; nil → nothing
	Terminal bool      // Progress is a terminal
}

// RunGraph simulates the platform until the context ends, and returns what came of it.
func RunGraph(ctx context.Context, o GraphOptions) (wabatest.Tally, error) {
	platform := wabatest.New(o.Platform)
	defer platform.Close()
	if err := platform.AddFaults(o.Faults...); err != nil {
		return wabatest.Tally{}, fmt.Errorf("--fault: %w", err)
	}
	platform.AddPersonas(o.Personas...)
	base, err := platform.Start(o.Address)
	if err != nil {
		return wabatest.Tally{}, fmt.Errorf("--addr: %w", err)
	}
	if o.Out != nil {
		if err := o.introduce(base, platform.MediaURL()); err != nil {
			return wabatest.Tally{}, err
		}
	}
	every := 5 * time.Second
	if o.Terminal {
		every = 500 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	said := ""
	last := platform.Tally()
	for {
		select {
		case <-ctx.Done():
			if o.Progress != nil && o.Terminal {
				fmt.Fprint(o.Progress, "\r\x1b[K")
			}
			return platform.Tally(), nil
		case <-tick.C:
		}
		if o.Progress == nil {
			continue
		}
		now := platform.Tally()
		line := progressLine(now, float64(now.Accepted-last.Accepted)/every.Seconds())
		last = now
		switch {
		case line == said:
		case o.Terminal:
			fmt.Fprintf(o.Progress, "\r%s\x1b[K", line)
		default:
			fmt.Fprintln(o.Progress, line)
		}
		said = line
	}
}

// introduce says what to put where.
func (o GraphOptions) introduce(base, media string) error {
	p := o.Platform
	w := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	row := func(what, where, more string) { fmt.Fprintf(w, "  %s\t%s\t%s\n", what, where, more) }
	fmt.Fprintln(w)
	row("Graph API", base, "Authorization: Bearer "+p.Tokens[0].Value)
	row("Media", media, "with the same token")
	row("App", p.Apps[0].ID, "secret "+p.Apps[0].Secret)
	row("WABA", p.WABAs[0].ID, p.WABAs[0].Name)
	for _, n := range p.Numbers {
		row("Number", n.ID, n.Display)
	}
	for _, k := range p.Keys {
		row("Provider", base, wabatest.KeyHeader+": "+k.Value+" for the number "+k.PhoneNumberID)
	}
	row("Language model", base+"/v1", "any key, any model")
	switch {
	case len(p.Keys) > 0:
		row("Callbacks", "as set there", "POST /v1/configs/webhook, unsigned and with the headers set there")
	case p.CallbackURL != "":
		row("Callbacks", p.CallbackURL, "signed with the secret of the app")
	default:
		row("Callbacks", "as subscribed", "signed with the secret of the app; --callback sets where they go from the start")
	}
	row("Control", base+wabatest.ControlPrefix, "what was sent, faults, customers who write")
	if err := w.Flush(); err != nil {
		return err
	}
	address, header := base+"/v26.0/"+p.Numbers[0].ID+"/messages", "Authorization: Bearer "+p.Tokens[0].Value
	if len(p.Keys) > 0 {
		address, header = base+"/v1/messages", wabatest.KeyHeader+": "+p.Keys[0].Value
	}
	_, err := fmt.Fprintf(o.Out, `
  Let a customer write a message, and answer it:

  curl %[1]s/_sim/inbound -d '{"from":"15550177321","name":"Ada","text":"Is it open today?"}'
  curl -H '%[3]s' -H 'Content-Type: application/json' %[2]s \
    -d '{"messaging_product":"whatsapp","to":"15550177321","type":"text","text":{"body":"Hello"}}'

`, base, address, header)
	return err
}

// progressLine is the tally on one line.
func progressLine(t wabatest.Tally, rate float64) string {
	n := func(i int) string { return humanize.Comma(int64(i)) }
	line := fmt.Sprintf("accepted %s (%.0f/s), refused %s; callbacks: %s facts acknowledged, %s pending; received %s", n(t.Accepted), rate, n(sum(t.Refused)),
		n(t.Callbacks.Facts), n(t.Callbacks.Pending), n(t.Received))
	if t.Dropped > 0 {
		line += "; dropped " + n(t.Dropped)
	}
	if t.Prompts > 0 {
		line += "; prompts " + n(t.Prompts)
	}
	return line
}

// PrintGraphTally writes for people what came of a simulated platform.
func PrintGraphTally(w io.Writer, t wabatest.Tally) {
	n := func(i int) string { return humanize.Comma(int64(i)) }
	codes := map[string]int{}
	for code, times := range t.Refused {
		codes[fmt.Sprint(code)] = times
	}
	fmt.Fprintf(w, "requests    %s, busiest second %s\n", n(t.Requests), n(t.PeakAsked))
	fmt.Fprintf(w, "accepted    %s to %s recipients, %s duplicates, busiest second %s\n", n(t.Accepted), n(t.Recipients), n(t.Duplicates), n(t.Peak))
	fmt.Fprintf(w, "refused     %s\n", list(codes, "none"))
	fmt.Fprintf(w, "unanswered  %s\n", n(t.Unanswered))
	fmt.Fprintf(w, "statuses    %s\n", list(t.Statuses, "none"))
	fmt.Fprintf(w, "received    %s, %s marked as read, %s typing indicators\n", n(t.Received), n(t.Read), n(t.Typing))
	fmt.Fprintf(w, "callbacks   %s posted, %s acknowledged with %s facts, %s facts pending, %s dropped\n", n(t.Callbacks.Posted), n(t.Callbacks.Acknowledged),
		n(t.Callbacks.Facts), n(t.Callbacks.Pending), n(t.Dropped))
	fmt.Fprintf(w, "            refused: %s\n", list(t.Callbacks.Refused, "none"))
	fmt.Fprintf(w, "prompts     %s\n", n(t.Prompts))
	fmt.Fprintf(w, "faults      %s\n", list(t.Faults, "none"))
}

func sum(counts map[int]int) int {
	total := 0
	for n := range maps.Values(counts) {
		total += n
	}
	return total
}

// The ways of customers that have a name.
var customers = map[string]wabatest.Persona{
	"echo":   {},
	"person": {Replies: []string{"Thanks!", "When will it arrive?", "ok", "Can I talk to somebody?"}, Taps: true, Share: 0.6, Think: 3 * time.Second},
	"bot":    {Bot: true, Replies: []string{"I am a bot. You said: {{text}}"}},
}

// PersonaOf returns how customers of a name answer; none for nobody who does.
func PersonaOf(name string) ([]wabatest.Persona, error) {
	if name == "none" {
		return nil, nil
	}
	p, known := customers[name]
	if !known {
		return nil, fmt.Errorf("--customer %s: expected none or %s", name, strings.Join(slices.Sorted(maps.Keys(customers)), ", "))
	}
	return []wabatest.Persona{p}, nil
}
