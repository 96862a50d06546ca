package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"wabagate/cmd/wabagate/remote"
	"wabagate/fanout/deliver"
)

// Options say what is listened to and where it goes. Gateway, Out and Notes must be set.
type Options struct {
	Gateway *remote.Client
	// Receiver is where events are forwarded to; without a URL they are printed only.
	Receiver Receiver
	Types    string    // event types and wildcards, separated by commas; empty: all
	Number   int64     // 0: all
	Since    time.Time // zero: not narrowed
	// After is the place to begin after: a cursor, or FromOldest; empty: Since, or now.
	After string
	// State keeps the place from one run to the next, together with Receiver.Secret; empty: nothing is kept.
	State string

	JSON     bool
	Payloads bool
	Colour   bool
	Out      io.Writer // gets the events
	Notes    io.Writer // gets what there is to say besides
}

// FromOldest begins with the oldest event that the gateway has.
const FromOldest = "oldest"

// stopWithin is how long a request that is under way may still be answered after listening was ended: its event would come again.
const stopWithin = 3 * time.Second

// Tally is what a run has done.
type Tally struct {
	Events, Failed int
	Place          string // to go on from
}

// listener is a run.
type listener struct {
	o         Options
	forwarder *forwarder // nil: print only
	printer   printer
	tally     Tally
}

// Run listens until ctx ends.
func Run(ctx context.Context, o Options) (Tally, error) {
	l := &listener{o: o, printer: printer{out: o.Out, json: o.JSON, payloads: o.Payloads, colour: o.Colour, now: time.Now}}
	if o.Receiver.URL != "" {
		var err error
		if l.forwarder, err = newForwarder(o.Receiver); err != nil {
			return l.tally, err
		}
	}
	s := &source{gateway: o.Gateway, query: o.query(), place: o.After, say: l.say}
	switch {
	case o.After == FromOldest, o.After == "" && !o.Since.IsZero():
		s.place = ""
	case o.After == "":
		s.place = "now"
	default:
		l.tally.Place = o.After
	}
	listening, end := context.WithCancel(ctx)
	defer end()
	events, ended := make(chan heard, 16), make(chan error, 1)
	go func() {
		err := s.run(listening, events)
		close(events)
		ended <- err
	}()
	var err error
	for h := range events {
		if err = l.take(ctx, h); err != nil {
			break
		}
	}
	end()
	for range events { // what is not done comes again
	}
	if heardErr := <-ended; err == nil {
		err = heardErr
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	return l.tally, err
}

// query is what a stream is asked for.
func (o Options) query() url.Values {
	q := url.Values{"dialect": {o.Receiver.Dialect}}
	if o.Types != "" {
		q.Set("types", o.Types)
	}
	if o.Number != 0 {
		q.Set("number_id", strconv.FormatInt(o.Number, 10))
	}
	if !o.Since.IsZero() {
		q.Set("since", o.Since.UTC().Format(time.RFC3339))
	}
	return q
}

func (l *listener) say(format string, args ...any) {
	fmt.Fprintln(l.o.Notes, l.printer.paint(grey, remote.Plain(fmt.Sprintf(format, args...))))
}

// take does what was heard and moves the place behind it.
func (l *listener) take(ctx context.Context, h heard) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if h.event != nil {
		printed, err := l.forward(ctx, h.event, h.place)
		if err != nil {
			return err
		}
		l.tally.Events++
		if printed.Forwarded && !printed.accepted() {
			l.tally.Failed++
		}
		if err := l.printer.print(printed); err != nil {
			return err
		}
	}
	l.tally.Place = h.place
	if l.o.State == "" {
		return nil
	}
	return State{URL: l.o.Gateway.URL(), Place: h.place, Secret: l.o.Receiver.Secret.Text(), Forward: l.o.Receiver.URL, Dialect: l.o.Receiver.Dialect}.write(l.o.State)
}

// forward posts an event until the receiver has answered it, whatever it answers.
func (l *listener) forward(ctx context.Context, e *Event, place string) (line, error) {
	made := newLine(e, place)
	if l.forwarder == nil || e.Body == nil {
		return made, nil
	}
	// An answer that is on its way when listening ends is waited for.
	posting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopWithin, cancel) })()
	began, wait := time.Now(), 250*time.Millisecond
	for tries := 1; ; tries++ {
		a, err := l.forwarder.post(posting, e.ID, []byte(*e.Body))
		switch {
		case err != nil:
			return made, err
		case a.outcome == deliver.BadTLS:
			return made, fmt.Errorf("%s; give --skip-verify to take it all the same", a.reason)
		case !a.down():
			if tries > 1 {
				l.say("The receiver is back, after %s.", time.Since(began).Round(100*time.Millisecond))
			}
			return made.answered(a, tries), nil
		case ctx.Err() != nil:
			return made, ctx.Err()
		case tries == 1:
			l.say("The receiver is down: %s. %s waits, and what comes after it; trying again until it is there.", strings.TrimSuffix(a.reason, "."), e.ID)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return made, ctx.Err()
		}
		wait = min(wait*3/2, latest)
	}
}
