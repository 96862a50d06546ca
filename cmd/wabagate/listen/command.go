package listen

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"wabagate/cmd/wabagate/complete"
	"wabagate/cmd/wabagate/remote"
	"wabagate/fanout/dialect"
	"wabagate/fanout/signature"
)

// agent names this program to gateways.
const agent = "wabagate-listen"

// flags are those of listen and of resend.
type flags struct {
	at      remote.Flags
	o       Options
	secret  string
	headers []string
	timeout time.Duration
}

// Command is `wabagate listen`.
func Command() *cobra.Command {
	var (
		f             flags
		number, since string
	)
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Forward the events of a running gateway to a receiver on this machine",
		Long: `Prints the events of a business as they happen and, with --forward, posts each to a local address exactly as a webhook of the
chosen dialect gets it: the same body, the same headers, signed with --secret or with a secret made for you and printed. No webhook is
needed, and nothing has to reach this machine.

Events come one after the other, in the order in which they were committed. While the receiver is down they wait; whatever else it
answers is shown, and the next one comes. While the gateway is restarted or gone, listen waits for it, and goes on with the event
after the last: none is lost and none comes twice. Ctrl-C says where to go on; with --state that is kept in a file.`,
		Example: `  export ` + remote.KeyVariable + `=wbk_…
  wabagate listen
  wabagate listen --forward localhost:3000/hook --events message.received,order.*
  wabagate listen --forward localhost:3000/hook --dialect twabot --secret my_secret --state .listen.json
  wabagate listen --since 2h --json | jq -r .type
  wabagate listen resend evt_6b1f0c9e4d2a4f7c8e3b5a1d9c7f2e04 --forward localhost:3000/hook`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kept, err := f.read(cmd)
			if err != nil {
				return err
			}
			o := f.o
			if kept.Place != "" {
				if o.After != "" || since != "" {
					return fmt.Errorf("--state %s has a place to go on from already: leave --after and --since out, or delete the file", o.State)
				}
				o.After = kept.Place
			}
			if o.Since, err = parseSince(since, time.Now()); err != nil {
				return err
			}
			if number != "" {
				if o.Number, err = FindNumber(cmd.Context(), o.Gateway, number); err != nil {
					return err
				}
			}
			f.greet(o, kept)
			tally, err := Run(cmd.Context(), o)
			if tally.Place != "" {
				farewell(o, tally)
			}
			return named(err)
		},
	}
	f.add(cmd)
	own := cmd.Flags()
	own.StringVar(&f.o.Types, "events", "", "event types, separated by commas; message.* for all that begin so (default: all)")
	own.StringVar(&number, "number", "", "only events of this number: its id, the platform's id, or the number itself")
	own.StringVar(&since, "since", "", "begin with what was made since: 10m, 2h, 3d, or a moment such as 2026-11-20T10:00:00Z (default: now)")
	own.StringVar(&f.o.After, "after", "", "go on after this place, as printed at the end of a run; "+FromOldest+": with the oldest event there is")
	complete.Flag(cmd, "events", complete.Listed(complete.Subscriptions))
	complete.Flag(cmd, "since", complete.Of("10m", "1h", "24h", "7d"))
	complete.Flag(cmd, "after", complete.Of(FromOldest))
	complete.Flag(cmd, "number", complete.Nothing)
	cmd.AddCommand(resendCommand(&f))
	return cmd
}

func resendCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "resend EVENT_ID…",
		Short: "Forward events once more",
		Long: `Forwards events of the gateway's history once more, as listen did, under the same webhook-id. With the --state of a run it goes
where that run forwards to, in its dialect and signed with its secret. Exits with 1 when the receiver did not accept one.`,
		Example: `  wabagate listen resend evt_6b1f0c9e4d2a4f7c8e3b5a1d9c7f2e04 --forward localhost:3000/hook --secret whsec_…
  wabagate listen resend evt_6b1f0c9e4d2a4f7c8e3b5a1d9c7f2e04 --state .listen.json`,
		Args: func(_ *cobra.Command, ids []string) error {
			if len(ids) == 0 {
				return errors.New("which event? Give its id, as listen prints it: wabagate listen resend evt_…")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, ids []string) error {
			kept, err := f.read(cmd)
			if err != nil {
				return err
			}
			if f.o.Receiver.URL == "" {
				return errors.New("where to? Give --forward http://localhost:3000/hook, or the --state of a run that forwards")
			}
			if f.secret == "" && kept.Secret == "" {
				fmt.Fprintf(f.o.Notes, "Signed with the secret %s, made for this once; --secret gives another.\n", f.o.Receiver.Secret.Text())
			}
			failed, err := Resend(cmd.Context(), f.o, ids)
			if err == nil && failed > 0 {
				err = fmt.Errorf("%d of %d were not accepted", failed, len(ids))
			}
			return named(err)
		},
	}
}

// add gives a command, and those below it, the flags that they share.
func (f *flags) add(cmd *cobra.Command) {
	f.at.Add(cmd)
	p := cmd.PersistentFlags()
	p.StringVar(&f.o.Receiver.URL, "forward", "", "address to post events to, such as http://localhost:3000/hook or localhost:3000 (default: print only)")
	p.StringVar(&f.o.Receiver.Dialect, "dialect", "", "dialect of the payloads and signatures: "+strings.Join(dialect.Names(), ", ")+" (default "+dialect.Default+")")
	p.StringVar(&f.secret, "secret", "", "secret to sign with (default: one is made and printed)")
	p.StringArrayVar(&f.headers, "header", nil, "send 'Name: value' too; repeatable")
	p.DurationVar(&f.timeout, "timeout", usualTimeout, "how long the receiver may take to answer")
	p.BoolVar(&f.o.Receiver.SkipVerify, "skip-verify", false, "take whatever TLS certificate the receiver shows")
	p.StringVar(&f.o.State, "state", "", "file that keeps where to go on, and the secret, from one run to the next")
	p.BoolVar(&f.o.JSON, "json", false, "print JSON, one object a line, with the payload byte for byte")
	p.BoolVar(&f.o.Payloads, "payload", false, "print the payloads below the events")
	complete.Flag(cmd, "dialect", complete.Dialects)
	complete.Flag(cmd, "forward", complete.Of("http://localhost:3000", "http://localhost:8000"))
	for _, name := range []string{"secret", "header", "timeout"} {
		complete.Flag(cmd, name, complete.Nothing)
	}
}

// read makes options of the flags, the state of the last run and the environment.
func (f *flags) read(cmd *cobra.Command) (kept State, err error) {
	f.o.Out, f.o.Notes = cmd.OutOrStdout(), cmd.ErrOrStderr()
	f.o.Colour = colourful(f.o.Out)
	if f.o.Gateway, err = f.at.Client(agent); err != nil {
		return kept, err
	}
	if f.o.State != "" {
		if kept, err = readState(f.o.State); err != nil {
			return kept, err
		}
		if kept.URL != "" && kept.URL != f.o.Gateway.URL() {
			return kept, fmt.Errorf("--state %s is of the gateway at %s, and places of one mean nothing to another: name another file for %s", f.o.State, kept.URL, f.o.Gateway.URL())
		}
	}
	r := &f.o.Receiver
	r.URL, r.Dialect, r.Timeout = cmp.Or(r.URL, kept.Forward), cmp.Or(r.Dialect, kept.Dialect, dialect.Default), f.timeout
	if f.timeout <= 0 {
		return kept, fmt.Errorf("--timeout %s: expected a time such as 30s", f.timeout)
	}
	if r.Secret = signature.NewSecret(cmp.Or(f.secret, kept.Secret)); r.Secret.IsZero() {
		r.Secret = signature.NewRandomSecret()
	}
	r.Headers = map[string]string{}
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(h, "\r\n") {
			return kept, fmt.Errorf("--header %q: expected 'Name: value'", h)
		}
		r.Headers[name] = strings.TrimSpace(value)
	}
	return kept, f.checkReceiver()
}

// checkReceiver finds what is wrong with where events go before anything is listened to.
func (f *flags) checkReceiver() error {
	if _, ok := dialect.Lookup(f.o.Receiver.Dialect); !ok {
		return fmt.Errorf("--dialect %q is none: there are %s", f.o.Receiver.Dialect, strings.Join(dialect.Names(), ", "))
	}
	if f.o.Receiver.URL == "" {
		return nil
	}
	var err error
	f.o.Receiver.URL, err = receiverURL(f.o.Receiver.URL)
	return err
}

// greet says what is listened to, and what the receiver needs to know.
func (f *flags) greet(o Options, kept State) {
	where := "printing only; --forward posts them to a receiver"
	if o.Receiver.URL != "" {
		where = fmt.Sprintf("forwarding to %s as a webhook of the dialect %s", o.Receiver.URL, o.Receiver.Dialect)
	}
	fmt.Fprintf(o.Notes, "Listening to %s, %s.\n", o.Gateway.URL(), where)
	if o.Receiver.URL != "" && f.secret == "" {
		from := "made for this run; --secret or --state keeps one"
		switch {
		case kept.Secret != "":
			from = "that of " + o.State
		case o.State != "":
			from = "kept in " + o.State
		}
		fmt.Fprintf(o.Notes, "Signed with the secret %s (%s).\n", o.Receiver.Secret.Text(), from)
	}
	fmt.Fprintln(o.Notes, "Ctrl-C ends.")
}

// farewell says how to go on.
func farewell(o Options, t Tally) {
	events := "events"
	if t.Events == 1 {
		events = "event"
	}
	fmt.Fprintf(o.Notes, "\n%d %s, %d of them not accepted. ", t.Events, events, t.Failed)
	if o.State != "" {
		fmt.Fprintf(o.Notes, "The same command goes on from here: the place is in %s.\n", o.State)
		return
	}
	fmt.Fprintf(o.Notes, "To go on from here: --after %s\n", t.Place)
}

// named calls the gateway's parameters by the names of the flags that they come from.
func named(err error) error {
	var refused *remote.RefusalError
	if !errors.As(err, &refused) {
		return err
	}
	if refused.Status == http.StatusNotFound && refused.Message != "" {
		return errors.New("this gateway has no stream of events: it is older than this program; bring both to one version")
	}
	name, ok := map[string]string{"types": "--events", "after": "--after", "since": "--since", "number_id": "--number", "dialect": "--dialect"}[refused.Field]
	if ok {
		return fmt.Errorf("%s: %s", name, refused.Message)
	}
	return err
}

// parseSince reads a moment, or how long ago it was.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since %q: expected how long ago, such as 10m, 2h or 3d, or a moment such as 2026-11-20T10:00:00Z", text)
}

// colourful says whether to print in colour: on a terminal, unless its owner wants none.
func colourful(out any) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
