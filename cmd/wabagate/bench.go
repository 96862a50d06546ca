package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"wabagate/cmd/wabagate/bench"
	"wabagate/cmd/wabagate/complete"
)

func benchCommand() *cobra.Command {
	var o bench.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the whole path on this machine, beside what the machine can do",
		Long: `Measures acknowledging, draining, the whole path, its latency, idling, and what one hanging webhook costs the others,
each beside a limit measured in the same run. Takes up to four minutes, --quick up to one.

With --mix all it measures something else: text messages and everything that WhatsApp sends, end to end and in turns, to
show what translating the rest costs. That takes about a minute and a half, with --quick half a minute.

With --fairness it measures what others' trouble costs, on 100 numbers with a webhook each: 20 live messages a second
alone; beside the statuses of a broadcast to 20,000; and beside the same with one webhook dead and one that takes 2 s to
answer. The three take turns, on empty stores each. That takes up to ten minutes, with --quick one.

With --sending it measures a number that sends 500 voice messages a second through a simulated platform, whose four statuses
each come back: 2,000 callbacks a second, and 2,500 events. That takes a minute and a half, with --quick half a minute.

With --replies it measures what numbers that answer by a model cost the delivery of messages while the model hangs or is down:
50 messages a second, in turns on empty stores. That takes five minutes, with --quick one and a half.

With --history N it measures what a long history costs: it starts stores of its own, with a production server's settings,
writes 100,000 events of the last 30 days straight into the database, measures adding to them and reading them, and
does the same with N. Ten million take some 25 GB of disk and a quarter of an hour.

With --pages N it measures how long the pages of the dashboard take with N deliveries of the last 30 days, which it writes
straight into the database: on stores of its own, with a production server's settings, unless DATABASE_URL names some. A
million take two minutes.

It works on the stores that DATABASE_URL and REDIS_URL name (in a database of its own, which it drops, and in a logical
Redis database that is empty), with --throwaway on a PostgreSQL and a Redis that it starts, else on the embedded default.
WABAGATE_TRANSLATORS, WABAGATE_COURIERS, WABAGATE_IN_FLIGHT and WABAGATE_DB_CONNS reach the gateway that is measured.
Exits with 1 when anything was lost.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(os.Environ())
			if err != nil {
				return err
			}
			if o.Runs < 1 || o.Runs > 100 {
				return fmt.Errorf("--runs %d: expected a number from 1 to 100", o.Runs)
			}
			if o.Connections < 1 || o.Connections > 1024 {
				return fmt.Errorf("--connections %d: expected a number from 1 to 1024", o.Connections)
			}
			if o.Rounds < 0 || o.Rounds > 100 {
				return fmt.Errorf("--rounds %d: expected a number up to 100", o.Rounds)
			}
			o.DatabaseURL, o.RedisURL, o.Progress = cfg.DatabaseURL, cfg.RedisURL, cmd.ErrOrStderr()
			report, err := bench.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				err = e.Encode(report)
			} else {
				err = report.Print(cmd.OutOrStdout())
			}
			if err == nil && report.Lost() > 0 {
				err = fmt.Errorf("%d events were lost", report.Lost())
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print every figure with its limit and target as JSON")
	f.BoolVar(&o.Quick, "quick", false, "smaller numbers, without the hanging webhook: up to a minute")
	f.StringVar(&o.Mix, "mix", bench.MixText, "what callbacks say: text, or all for text beside everything that WhatsApp sends")
	complete.Flag(cmd, "mix", complete.Of(bench.MixText, bench.MixAll))
	f.BoolVar(&o.Fairness, "fairness", false, "measure what a broadcast, a dead webhook and a slow one cost the others")
	f.BoolVar(&o.Sending, "sending", false, "measure messages that leave, and their statuses")
	f.BoolVar(&o.Replies, "replies", false, "measure what a model in trouble costs the delivery of messages")
	f.IntVar(&o.History, "history", 0, "measure how time changes with so many events in the history, from 200000 on")
	f.IntVar(&o.Pages, "pages", 0, "measure the pages of the dashboard with so many deliveries, from 2000 on")
	f.IntVar(&o.Connections, "connections", 64, "requests under way at a time, in figures and limits alike")
	f.IntVar(&o.Rounds, "rounds", 0, "of turns, with --fairness and --replies; 0 is three, with --quick two")
	f.IntVar(&o.Runs, "runs", 1, "measure so often and print medians")
	f.BoolVar(&o.Throwaway, "throwaway", false, "start a PostgreSQL and a Redis, with the durability of production, and measure on them")
	f.StringVar(&o.Profile, "profile", "", "directory that gets a CPU profile of each gateway process")
	cmd.AddCommand(limitCommand())
	return cmd
}

// limitCommand is what the benchmark starts to compare with.
func limitCommand() *cobra.Command {
	var o bench.LimitOptions
	cmd := &cobra.Command{Use: "limit KIND", Hidden: true, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		o.Port, o.RedisURL = os.Getenv("PORT"), os.Getenv("REDIS_URL")
		r, err := bench.Limit(cmd.Context(), args[0], o)
		if err != nil || r.Seconds == 0 {
			return err
		}
		return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
	}}
	f := cmd.Flags()
	f.StringVar(&o.URL, "url", "", "posted to")
	f.IntVar(&o.Connections, "connections", 64, "under way at a time")
	f.IntVar(&o.Count, "count", 0, "tasks")
	f.DurationVar(&o.For, "for", time.Second, "time to post for")
	return cmd
}
