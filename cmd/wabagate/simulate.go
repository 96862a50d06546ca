package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"wabagate/cmd/wabagate/complete"
	"wabagate/cmd/wabagate/simulate"
	"wabagate/models"
	"wabagate/waba/simulator"
)

func simulateCommand() *cobra.Command {
	var (
		o                               simulate.Options
		secret, token, mix, facts       string
		retry, messages, asJSON, silent bool
		kinds, echoes, history          bool
		retryFor                        time.Duration
	)
	cmd := &cobra.Command{
		Use:   "simulate --url ADDRESS {--secret APP_SECRET | --onprem TOKEN}",
		Short: "Play WhatsApp: post signed callbacks to a gateway",
		Long: `Posts signed callbacks of made-up messages, statuses and errors, as WhatsApp does, and says what was acknowledged.
What is not answered 200 is sent again at growing intervals. Exits with 1 when anything stayed unacknowledged.

By itself it sends what a live number sees: texts, media and statuses. --mix all lets in every kind of thing that WhatsApp
sends, --kind sends one of a kind, and --kinds lists them.

This is WhatsApp's half that calls. The half that is called, to send messages and fetch media, is wabagate simulate graph.`,
		Example: `  wabagate simulate --url http://localhost:8080/webhooks/cloud/demo --secret … --phone-number-id 600700800900100
  wabagate simulate --url … --secret … --count 100000 --rate 200 --batch 20 --duplicates 0.2 --shuffle --facts acknowledged.jsonl
  wabagate simulate --url … --secret … --mix all --count 10000 --large
  wabagate simulate --url … --secret … --kind text --kind edit --kind template_rejected
  wabagate simulate --url http://localhost:8080 --onprem TOKEN_OF_A_NUMBER`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if kinds {
				return simulate.PrintKinds(cmd.OutOrStdout())
			}
			o.Secret, o.OnPremises = models.Secret(secret), models.Secret(token)
			if err := contradiction(cmd); err != nil {
				return err
			}
			if retry {
				o.RetryFor = retryFor
			}
			if messages {
				mix = "text"
			}
			var err error
			if o.Simulator.Mix, err = simulate.MixOf(mix, echoes, history); err != nil {
				return err
			}
			if !silent {
				o.Progress, o.Terminal = cmd.ErrOrStderr(), term.IsTerminal(int(os.Stderr.Fd()))
			}
			var file *os.File
			if facts != "" {
				if file, err = os.Create(facts); err != nil {
					return fmt.Errorf("--facts: %w", err)
				}
				o.Facts = file
			}
			tally, err := simulate.Run(cmd.Context(), o)
			if file != nil {
				if closeErr := file.Close(); err == nil && closeErr != nil {
					err = fmt.Errorf("--facts: %w", closeErr)
				}
			}
			if tally.Callbacks > 0 {
				if sayErr := sayTally(cmd.OutOrStdout(), tally, asJSON); err == nil {
					err = sayErr
				}
			}
			if err == nil && tally.Unacknowledged > 0 {
				err = fmt.Errorf("%d callbacks stayed unacknowledged", tally.Unacknowledged)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.URL, "url", "", "callback address, such as http://localhost:8080/webhooks/cloud/APP; with --onprem the gateway's address is enough (required)")
	f.StringVar(&secret, "secret", "", "app secret that signs the callbacks (required without --onprem)")
	f.StringVar(&token, "onprem", "", "token of a number: post bodies of the On-Premises style to /webhooks/onprem/TOKEN, unsigned")
	f.StringVar(&mix, "mix", "live", "text: messages of customers; live: with statuses, as on a live number; all: every kind of thing")
	f.StringArrayVar(&o.Kinds, "kind", nil, "send one of this kind instead of a mix; repeatable, in this order; all for one of each")
	f.BoolVar(&kinds, "kinds", false, "list every kind and what it is about; send nothing")
	f.BoolVar(&echoes, "echoes", false, "add what the business writes on its phone; part of --mix all")
	f.BoolVar(&history, "history", false, "add past messages of the phone; part of --mix all")
	f.BoolVar(&o.Large, "large", false, "make one callback in a hundred, the first included, a body of 3 MB")
	f.StringVar(&o.Simulator.PhoneNumberID, "phone-number-id", "", "the platform's id of the number (default that of the demo)")
	f.StringVar(&o.Simulator.DisplayPhoneNumber, "display-number", "", "the number itself, digits (default that of the demo)")
	f.StringVar(&o.Simulator.WABAID, "waba-id", "", "the WhatsApp business account (default that of the demo)")
	f.IntVar(&o.Count, "count", 100, "callbacks of new facts")
	f.Float64Var(&o.Rate, "rate", 0, "callbacks per second, however the gateway keeps up; 0: as fast as the answers come")
	f.IntVar(&o.Connections, "connections", 16, "requests under way at a time")
	f.IntVar(&o.Batch, "batch", 1, "facts in a callback at most")
	f.Float64Var(&o.Duplicates, "duplicates", 0, "share of the callbacks whose facts come again later, as they were or in other batches, 0 to 1")
	f.BoolVar(&o.Shuffle, "shuffle", false, "let callbacks overtake each other")
	f.IntVar(&o.Simulator.Contacts, "contacts", 200, "customers who write")
	f.Uint64Var(&o.Simulator.Seed, "seed", 1, "of the random numbers; the ids differ from run to run all the same")
	f.BoolVar(&messages, "messages-only", false, "the same as --mix text")
	f.BoolVar(&retry, "retry", true, "send again what is not answered 200")
	f.DurationVar(&retryFor, "retry-for", time.Minute, "how long one callback is sent again")
	f.StringVar(&facts, "facts", "", "file that gets one JSON line for each acknowledged fact, at once")
	f.BoolVar(&silent, "quiet", false, "no progress")
	f.BoolVar(&asJSON, "json", false, "print the tally as JSON")
	complete.Flag(cmd, "mix", complete.Of("text", "live", "all"))
	complete.Flag(cmd, "kind", simulatedKinds)
	cmd.AddCommand(simulateGraphCommand())
	return cmd
}

// simulatedKinds lists the kinds that --kind takes.
func simulatedKinds(string) []string {
	all := []string{"all"}
	for _, k := range simulator.Kinds() {
		all = append(all, k.Name)
	}
	return all
}

// contradiction finds flags that were given and would mean nothing beside others.
func contradiction(cmd *cobra.Command) error {
	for _, c := range []struct {
		flag, why string
		others    []string
	}{
		{"kind", "one of each kind is sent, and nothing else", []string{"count", "mix", "messages-only", "echoes", "history"}},
		{"onprem", "the On-Premises style has a mix of its own", []string{"mix", "messages-only", "echoes", "history"}},
		{"messages-only", "it stands for --mix text", []string{"mix"}},
	} {
		for _, other := range c.others {
			if given := cmd.Flags().Changed; given(c.flag) && given(other) {
				return fmt.Errorf("--%s does not go with --%s: %s", other, c.flag, c.why)
			}
		}
	}
	return nil
}

func sayTally(w io.Writer, t simulate.Tally, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(t)
	}
	t.Print(w)
	return nil
}
