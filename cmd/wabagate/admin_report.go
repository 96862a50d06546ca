package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"wabagate/api"
	"wabagate/gateway/gap"
	"wabagate/models"
)

func adminReport() *cobra.Command {
	var number int64
	var day string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Show what came and what went out on a day, and name what should have come and did not",
		Long: `Counts, for each number and one day (UTC), callbacks, events and messages, and names every message that the platform accepted and of
which no status came; also the times in which nothing came for a number against its own rhythm, and what is kept for numbers that
nobody has connected. Traffic is counted by the running gateway every few minutes; counted_until says how far it is.

With --json each line is an object with one member: report, of one number; message, one without a status, of the number whose report
was the last; parked, what is kept for a number that nobody has connected.`,
		Example: `  wabagate admin report
  wabagate admin report --number 3 --day 2026-11-20 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(os.Environ())
			if err != nil {
				return err
			}
			return withStore(cmd.Context(), func(s *models.Store) error {
				now := s.Now()
				at, err := reportDay(day, now)
				if err != nil {
					return err
				}
				r := reporter{store: s, day: at, now: now, after: cfg.unreportedAfter(), out: cmd.OutOrStdout(), json: asJSON}
				return r.run(cmd.Context(), number)
			})
		},
	}
	f := cmd.Flags()
	f.Int64Var(&number, "number", 0, "id of the number (default: all)")
	f.StringVar(&day, "day", "", "the day (UTC), such as 2026-11-20 (default: today)")
	f.BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	return cmd
}

func reportDay(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	switch {
	case err != nil:
		return day, fmt.Errorf("--day %q: expected a day such as %s", text, now.UTC().Format(time.DateOnly))
	case day.After(now):
		return day, fmt.Errorf("--day %s has not come yet", text)
	}
	return day, nil
}

// reporter writes the reports of a day. It reads page by page: memory does not grow with what it names.
type reporter struct {
	store    *models.Store
	day, now time.Time
	after    time.Duration
	out      io.Writer
	json     bool
}

// reporterPage is how many messages or parked numbers are read at once.
const reporterPage = 200

func (r reporter) run(ctx context.Context, only int64) error {
	businesses, err := r.store.Businesses(ctx)
	if err != nil {
		return err
	}
	found := false
	for _, b := range businesses {
		numbers, err := r.store.Numbers(ctx, b.ID)
		if err != nil {
			return err
		}
		for _, n := range numbers {
			if only != 0 && n.ID != only {
				continue
			}
			found = true
			if err := r.number(ctx, n); err != nil {
				return err
			}
		}
	}
	switch {
	case only != 0 && !found:
		return fmt.Errorf("number %d: %w; wabagate admin list shows them", only, models.ErrNotFound)
	case only != 0:
		return nil
	}
	return r.parked(ctx)
}

// number writes the report of a number, and then its messages without a status.
func (r reporter) number(ctx context.Context, n models.Number) error {
	before := r.now.Add(-r.after)
	day, err := r.store.Report(ctx, n.ID, r.day, before)
	if err != nil {
		return err
	}
	parked, err := r.store.ParkedFor(ctx, n.PhoneNumberID)
	if err != nil {
		return err
	}
	report := api.ReportView(n, day, parked.Callbacks, r.now, r.after)
	if err := r.write("report", report, func() { r.print(n, report) }); err != nil {
		return err
	}
	for after := (models.UnreportedPlace{}); ; {
		page, err := r.store.Unreported(ctx, api.UnreportedOf(n.ID, r.day, after, reporterPage, before))
		if err != nil {
			return err
		}
		for _, m := range page {
			v := api.UnreportedView(m)
			if err := r.write("message", v, func() {
				fmt.Fprintf(r.out, "    no status  %s  %s  to %s, accepted %s\n", v.MessageID, v.ID, v.Recipient, m.AcceptedAt.Format(time.RFC3339))
			}); err != nil {
				return err
			}
			after = models.UnreportedPlace{At: m.AcceptedAt, SendID: m.SendID}
		}
		if len(page) < reporterPage {
			return nil
		}
	}
}

// write writes a line of JSON, or prints for people.
func (r reporter) write(name string, v any, print func()) error {
	if r.json {
		return json.NewEncoder(r.out).Encode(map[string]any{name: v})
	}
	print()
	return nil
}

func (r reporter) print(n models.Number, v api.Report) {
	complete := "complete"
	if !v.Complete {
		complete = "not complete yet"
	}
	fmt.Fprintf(r.out, "number %d  %s  %s  %s, %s\n", n.ID, n.Display, n.PhoneNumberID, v.Day, complete)
	fmt.Fprintf(r.out, "    came: %d callbacks, %d messages; went out: %d messages; %d events\n", v.Traffic.Callbacks, v.Traffic.Received, v.Traffic.Sent, v.Traffic.Events)
	fmt.Fprintf(r.out, "    accepted: %d%s; failed: %d%s; cancelled: %d\n", v.Sends.Accepted, counts(v.Sends.Statuses), v.Sends.Failed, counts(v.Sends.Failures), v.Sends.Cancelled)
	fmt.Fprintf(r.out, "    without a status: %d, and %d whose time is not over; parked callbacks: %d\n", v.Unreported, v.Awaited, v.Parked)
	for _, s := range v.Silences {
		until := "now"
		if s.Until != nil {
			until = s.Until.Format(time.RFC3339)
		}
		fmt.Fprintf(r.out, "    silent from %s to %s\n", s.Since.Format(time.RFC3339), until)
	}
	for _, h := range v.Holes {
		fmt.Fprintf(r.out, "    events %d to %d of conversation %d are missing, which is a mistake of the gateway's\n", h.First, h.Last, h.ConversationID)
	}
}

// counts are numbers by name, such as " (read 3, sent 1)"; nothing when there are none.
func counts(by map[string]int64) string {
	if len(by) == 0 {
		return ""
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		list = append(list, fmt.Sprintf("%s %d", name, by[name]))
	}
	return " (" + strings.Join(list, ", ") + ")"
}

// parkedView is what is kept for a number that nobody has connected.
type parkedView struct {
	PhoneNumberID string    `json:"phone_number_id"` // waba: and the id of an account, or empty for what names no number
	Callbacks     int64     `json:"callbacks"`
	Oldest        time.Time `json:"oldest"`
	Newest        time.Time `json:"newest"`
}

func (r reporter) parked(ctx context.Context) error {
	// What names no number has the empty name, which only the first page begins with.
	for after := ""; ; {
		page, err := r.store.ParkedNumbers(ctx, after, reporterPage)
		if err != nil {
			return err
		}
		for _, p := range page {
			after = p.PhoneNumberID
			if err := r.write("parked", parkedView(p), func() {
				name := p.PhoneNumberID
				if name == "" {
					name = "nothing that has a number"
				}
				fmt.Fprintf(r.out, "parked for %s: %d callbacks, from %s to %s\n", name, p.Callbacks, p.Oldest.Format(time.RFC3339), p.Newest.Format(time.RFC3339))
			}); err != nil {
				return err
			}
		}
		if len(page) < reporterPage {
			return nil
		}
	}
}

// unreportedAfter is how long a message may be without a status.
func (c Config) unreportedAfter() time.Duration {
	if c.GapAfter > 0 {
		return c.GapAfter
	}
	return gap.DefaultAfter
}
