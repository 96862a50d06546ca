package trigger

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"wabagate/models"
)

// Command is `wabagate trigger`.
func Command() *cobra.Command {
	var (
		o            Options
		key          string
		list, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "trigger EVENT",
		Short: "Fire one sample event at a webhook of a running gateway",
		Long: `Has a running gateway send one realistic sample of any event type to a webhook, now, in the webhook's dialect and with its
signature, and says what the receiver answered. The webhook need not be subscribed to the event, nor active.
Exits with 1 when the receiver did not accept it.`,
		Example: `  export ` + KeyVariable + `=wbk_…
  wabagate trigger message.received
  wabagate trigger order.created --webhook 7 --gateway https://gateway.example.com
  wabagate trigger --list`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Key = models.Secret(key); key == "" {
				o.Key = models.Secret(os.Getenv(KeyVariable))
			}
			switch {
			case list && len(args) > 0:
				return fmt.Errorf("--list lists the events and sends none: leave %s out, or --list", args[0])
			case list:
				return List(cmd.Context(), cmd.OutOrStdout(), o.Gateway, o.Key)
			case len(args) == 0:
				return fmt.Errorf("which event? For example: wabagate trigger message.received (--list shows all)")
			case cmd.Flags().Changed("webhook") && o.Webhook < 1:
				return fmt.Errorf("--webhook %d: ids begin at 1; without --webhook the webhooks there are get listed", o.Webhook)
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
	f := cmd.Flags()
	f.Int64Var(&o.Webhook, "webhook", 0, "id of the webhook (default the only one)")
	f.StringVar(&o.Gateway, "gateway", "http://localhost:8080", "address of the gateway")
	f.StringVar(&key, "key", "", "API key of the business (default what "+KeyVariable+" holds)")
	f.BoolVar(&list, "list", false, "list every event type; send nothing")
	f.BoolVar(&asJSON, "json", false, "print what came of it as JSON, the payload byte for byte")
	return cmd
}
