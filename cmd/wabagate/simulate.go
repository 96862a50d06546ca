package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"wabagate/cmd/wabagate/simulate"
	"wabagate/models"
	"wabagate/waba/simulator"
)

func simulateCommand() *cobra.Command {
	var (
		o                               simulate.Options
		secret, facts                   string
		retry, messages, asJSON, silent bool
		retryFor                        time.Duration
	)
	cmd := &cobra.Command{
		Use:   "simulate --url ADDRESS --secret APP_SECRET",
		Short: "Play WhatsApp: post signed callbacks to a gateway",
		Long: `Posts signed callbacks of made-up messages, statuses and errors, as WhatsApp does, and says what was acknowledged.
What is not answered 200 is sent again at growing intervals. Exits with 1 when anything stayed unacknowledged.`,
		Example: `  wabagate simulate --url http://localhost:8080/webhooks/cloud/demo --secret … --phone-number-id 600700800900100
  wabagate simulate --url … --secret … --count 100000 --rate 200 --batch 20 --duplicates 0.2 --shuffle --facts acknowledged.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Secret = models.Secret(secret)
			if retry {
				o.RetryFor = retryFor
			}
			if messages {
				o.Simulator.Mix = simulator.Mix{Messages: 1}
			}
			if !silent {
				o.Progress, o.Terminal = cmd.ErrOrStderr(), term.IsTerminal(int(os.Stderr.Fd()))
			}
			var file *os.File
			if facts != "" {
				var err error
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
	f.StringVar(&o.URL, "url", "", "callback address, such as http://localhost:8080/webhooks/cloud/APP (required)")
	f.StringVar(&secret, "secret", "", "app secret that signs the callbacks (required)")
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
	f.BoolVar(&messages, "messages-only", false, "no statuses and errors")
	f.BoolVar(&retry, "retry", true, "send again what is not answered 200")
	f.DurationVar(&retryFor, "retry-for", time.Minute, "how long one callback is sent again")
	f.StringVar(&facts, "facts", "", "file that gets one JSON line for each acknowledged fact, at once")
	f.BoolVar(&silent, "quiet", false, "no progress")
	f.BoolVar(&asJSON, "json", false, "print the tally as JSON")
	for _, name := range []string{"url", "secret"} {
		_ = cmd.MarkFlagRequired(name) // fails only for a flag that is not there
	}
	return cmd
}

func sayTally(w io.Writer, t simulate.Tally, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(t)
	}
	t.Print(w)
	return nil
}
