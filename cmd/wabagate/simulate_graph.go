package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"wabagate/cmd/wabagate/simulate"
	"wabagate/waba/wabatest"
)

func simulateGraphCommand() *cobra.Command {
	var (
		o                              simulate.GraphOptions
		app                            wabatest.App
		waba                           wabatest.WABA
		number                         wabatest.Number
		token, provider, key, customer string
		faults                         []string
		latency                        time.Duration
		instant, noPairRate            bool
		asJSON, silent                 bool
	)
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Play WhatsApp's other half: a Graph API, media, a provider and a language model",
		Long: `Listens on loopback as the Graph API does: messages are checked, accepted and limited as there, and travel; their statuses come
back as signed callbacks, at once or after a while. Beside it stand the host of media, a provider of the 360dialog style and a language
model with the API of OpenAI. It prints what to put where, counts, and prints the tally when it is interrupted.

Callbacks go to --callback, or wherever a gateway subscribes through the API. By itself the service window is that of WhatsApp: to
write first, let the customer write (see the control address), send a template, or give --open-window.

--fault KIND[@PLACE][=SHARE][,MEMBER=VALUE…] makes things go wrong, repeatedly:
  refuse, error  answers code=… (status=…)
  fail           accepts, then reports the status failed with code=…
  close, half    closes the connection, or does so in the middle of the answer
  hang, slow     answers after delay=…, or not at all
  html, garbage  answers a page, or what is no JSON
  early          the status arrives before the answer
  drop, silence  a status (only=…) is never posted, or none of a message
  empty, say     at the model: answers nothing, or text=… (a hand-over)
With after the message was accepted before the answer went wrong. Places are messages (when none is named), media, download, manage and
model. Further members are next=N (so often in all), times=N (so often for each recipient), recipient=… and number=….`,
		Example: `  wabagate simulate graph --callback http://localhost:8080/webhooks/cloud/demo --secret …
  wabagate simulate graph --fault fail=0.03,code=131026 --fault refuse=0.05,code=130429 --fault close=0.01,after
  wabagate simulate graph --throughput 1000 --open-window --instant --fault drop=0.01
  wabagate simulate graph --customer bot --fault slow@model,delay=30s
  wabagate simulate graph --provider cloud`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := &o.Platform
			p.Apps, p.WABAs, p.Numbers = []wabatest.App{app}, []wabatest.WABA{waba}, []wabatest.Number{number}
			p.Tokens = []wabatest.Token{{Value: token}}
			switch provider {
			case "":
				if key != "" {
					return fmt.Errorf("--key is that of a provider: name its style with --provider cloud or --provider onprem")
				}
			case "cloud", "onprem":
				if key == "" {
					key = "simulated-key"
				}
				p.Keys = []wabatest.Key{{Value: key, PhoneNumberID: number.ID, OnPremises: provider == "onprem"}}
			default:
				return fmt.Errorf("--provider %s: expected cloud or onprem", provider)
			}
			switch {
			case instant && latency > 0:
				return fmt.Errorf("--instant does not go with --latency: statuses come at once, or after a while")
			case instant:
				p.Latency = wabatest.At(0)
			case latency > 0:
				each := wabatest.Delay{Median: latency, Spread: 0.5}
				p.Latency = wabatest.Latency{Sent: each, Delivered: each, Read: each, Played: each}
			}
			if noPairRate {
				p.PairEvery = -1
			}
			for _, text := range faults {
				f, err := simulate.ParseFault(text)
				if err != nil {
					return err
				}
				o.Faults = append(o.Faults, f)
			}
			var err error
			if o.Personas, err = simulate.PersonaOf(customer); err != nil {
				return err
			}
			if o.Out = cmd.OutOrStdout(); asJSON {
				o.Out = cmd.ErrOrStderr()
			}
			if !silent {
				o.Progress, o.Terminal = cmd.ErrOrStderr(), term.IsTerminal(int(os.Stderr.Fd()))
			}
			tally, err := simulate.RunGraph(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(tally)
			}
			simulate.PrintGraphTally(cmd.OutOrStdout(), tally)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Address, "addr", "127.0.0.1:8090", "where to listen; media get another port of the same host")
	f.StringVar(&o.Platform.CallbackURL, "callback", "", "callback address of the app, such as http://localhost:8080/webhooks/cloud/APP (default: as subscribed through the API)")
	f.StringVar(&app.ID, "app-id", wabatest.DefaultAppID, "the app")
	f.StringVar(&app.Name, "app-name", "Gateway", "its name")
	f.StringVar(&app.Secret, "secret", wabatest.DefaultAppSecret, "app secret that signs the callbacks")
	f.StringVar(&waba.ID, "waba-id", wabatest.DefaultWABAID, "the WhatsApp business account")
	f.StringVar(&waba.Name, "waba-name", wabatest.DefaultName, "its name")
	f.StringVar(&number.ID, "phone-number-id", wabatest.DefaultNumberID, "the platform's id of the number")
	f.StringVar(&number.Display, "display-number", wabatest.DefaultDisplay, "the number itself, digits")
	f.StringVar(&number.VerifiedName, "verified-name", wabatest.DefaultName, "name of the number")
	f.StringVar(&token, "token", wabatest.DefaultToken, "access token")
	f.StringVar(&provider, "provider", "", "put the number at a provider of the 360dialog style instead: cloud, or onprem for bodies without an envelope")
	f.StringVar(&key, "key", "", "the provider's key (default simulated-key)")
	f.StringVar(&o.Platform.ModelKey, "model-key", "", "key that the language model wants (default: any)")
	f.IntVar(&o.Platform.Throughput, "throughput", 80, "messages a second that the number takes")
	f.IntVar(&o.Platform.LimitStatus, "limit-status", 400, "HTTP status beside 130429; 429 is met as well")
	f.BoolVar(&noPairRate, "no-pair-rate", false, "no limit to messages to one user")
	f.BoolVar(&o.Platform.OpenWindow, "open-window", false, "count every service window as open")
	f.DurationVar(&latency, "latency", 0, "median time of each step: sent, delivered, read (default 150 ms, 600 ms, 2 s)")
	f.BoolVar(&instant, "instant", false, "statuses come at once")
	f.IntVar(&o.Platform.Batch, "batch", 100, "facts in a callback at most")
	f.StringVar(&customer, "customer", "none", "customers who answer: echo, person (now and then, and taps buttons), bot (at once and for ever)")
	f.StringArrayVar(&faults, "fault", nil, "something that goes wrong, see above; repeatable")
	f.Uint64Var(&o.Platform.Seed, "seed", 1, "of everything that is left to chance")
	f.BoolVar(&silent, "quiet", false, "no tally while it runs")
	f.BoolVar(&asJSON, "json", false, "print the final tally as JSON; everything else goes to stderr")
	return cmd
}
