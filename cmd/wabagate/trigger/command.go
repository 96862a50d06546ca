package trigger

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"wabagate/cmd/wabagate/complete"
	"wabagate/cmd/wabagate/remote"
)

// agent names this program to gateways.
const agent = "wabagate-trigger"

// Command is `wabagate trigger`.
func Command() *cobra.Command {
	var (
		o            Options
		at           remote.Flags
		dialect      string
		list, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "trigger EVENT",
		Short: "Fire one sample event at a webhook of a running gateway",
		Long: `Has a running gateway send one realistic sample of any event type to a webhook, now, in the webhook's dialect and with its
signature, and says what the receiver answered. The webhook need not be subscribed to the event, nor active.
Exits with 1 when the receiver did not accept it.`,
		Example: `  export ` + remote.KeyVariable + `=wbk_…
  wabagate trigger message.received
  wabagate trigger order.created --webhook 7 --url https://gateway.example.com
  wabagate trigger --list
  wabagate trigger --list --dialect cloud`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: complete.First(complete.Events),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case list && len(args) > 0:
				return fmt.Errorf("--list lists the events and sends none: leave %s out, or --list", args[0])
			case !list && len(args) == 0:
				return fmt.Errorf("which event? For example: wabagate trigger message.received (--list shows all)")
			case !list && dialect != "":
				return fmt.Errorf("--dialect narrows --list; an event is sent in the dialect of its webhook, which --webhook names")
			case cmd.Flags().Changed("webhook") && o.Webhook < 1:
				return fmt.Errorf("--webhook %d: ids begin at 1; without --webhook the webhooks there are get listed", o.Webhook)
			}
			var err error
			if o.Gateway, err = at.Client(agent); err != nil {
				return err
			}
			if list {
				return List(cmd.Context(), cmd.OutOrStdout(), o.Gateway, dialect)
			}
			o.Event = args[0]
			trial, err := Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(trial); err != nil {
					return err
				}
			} else {
				trial.Print(cmd.OutOrStdout())
			}
			if !trial.Accepted() {
				return fmt.Errorf("the receiver did not accept the event: %s", trial.Outcome)
			}
			return nil
		},
	}
	at.Add(cmd)
	f := cmd.Flags()
	f.Int64Var(&o.Webhook, "webhook", 0, "id of the webhook (default the only one)")
	f.BoolVar(&list, "list", false, "list every event type; send nothing")
	f.StringVar(&dialect, "dialect", "", "with --list: only the types that this dialect has a form for")
	f.BoolVar(&asJSON, "json", false, "print what came of it as JSON, the payload byte for byte")
	at.AddFormer(cmd, "gateway")
	complete.Flag(cmd, "dialect", complete.Dialects)
	complete.Flag(cmd, "webhook", complete.Nothing)
	return cmd
}
