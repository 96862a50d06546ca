package bench

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
)

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	if err := r.head(w); err != nil {
		return err
	}
	var table bytes.Buffer
	t := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
	stage := ""
	for _, f := range r.Figures() {
		if f.Stage != stage {
			stage = f.Stage
			// Tabs keep the columns of all stages in line.
			fmt.Fprintf(t, "\t\t\t\t\n%s\t\t\t\t\n", stage)
		}
		first := true
		for _, row := range rowsOf(f) {
			label, value := "", ""
			if first {
				label, value, first = f.Label, format(f.Value, f.Unit), false
			}
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", label, value, row.limit, row.target, row.mark)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, "\n"+n)
	}
	return nil
}

// head says what was measured on and with.
func (r *Report) head(w io.Writer) error {
	what, size, runs := "", "", ""
	callbacks, remark := fmt.Sprintf("callbacks of %d bytes with one message each", bodySize), fmt.Sprintf("Latencies leave out the first %.0f %% of the posts.", 100*warmUp)
	switch {
	case r.Fairness:
		what, callbacks = " --fairness", "callbacks with one fact each"
		remark = fmt.Sprintf("Each turn began on empty stores: medians of %d rounds, of losses the worst. %s", r.Rounds, remark)
	case r.Replies:
		what = " --replies"
		remark = fmt.Sprintf("Each turn began on empty stores: medians of %d rounds, of losses the worst. %s", r.Rounds, remark)
	case r.Sending:
		what, callbacks = " --sending", "a callback for each status, four of each message"
	case r.History > 0:
		what = " --history " + strconv.Itoa(r.History)
		remark = fmt.Sprintf("The history is of %d days. Reads go through the API, one at a time, each for something else, %d days old on average; their medians count.", pastDays, int(askedAge.Hours()/24))
	case r.Pages > 0:
		what, callbacks = " --pages "+strconv.Itoa(r.Pages), "one event in each delivery"
		remark = fmt.Sprintf("The deliveries are of %d days, half of them one business's, whose pages these are: asked for one at a time, about things %d days old on average.", pastDays, int(askedAge.Hours()/24))
	case r.Mix == MixAll:
		what, callbacks, remark = " --mix "+MixAll, "callbacks with one fact each", fmt.Sprintf("The mixes took turns: medians of %d rounds.", r.Rounds)
	}
	if r.Quick {
		size = ", quick"
	}
	if r.Runs > 1 {
		runs = fmt.Sprintf("; medians of %d runs", r.Runs)
	}
	_, err := fmt.Fprintf(w, "wabagate bench%s%s: %s; %d connections, %s%s\nEverything shares this machine. %s\n", what, size, r.Stores, r.Connections, callbacks, runs, remark)
	return err
}

type row struct{ limit, target, mark string }

// rowsOf has a row for each comparison, and one for a figure without any.
func rowsOf(f Figure) []row {
	if len(f.Against) == 0 {
		return []row{{}}
	}
	var rows []row
	for _, c := range f.Against {
		x := row{target: c.Target}
		if c.Limit != nil {
			x.limit = fmt.Sprintf("%.2f × %s (%s)", c.Limit.Ratio, format(c.Limit.Value, f.Unit), c.Limit.Label)
		}
		if c.Met != nil {
			x.mark = "short"
			if *c.Met {
				x.mark = "pass"
			}
		}
		rows = append(rows, x)
	}
	return rows
}

// format writes three significant digits or so.
func format(v float64, unit string) string {
	var s string
	switch {
	case v == math.Trunc(v) || v >= 100:
		s = humanize.Comma(int64(math.Round(v)))
	case v >= 10:
		s = fmt.Sprintf("%.1f", v)
	case v >= 1:
		s = fmt.Sprintf("%.2f", v)
	default:
		s = fmt.Sprintf("%.3f", v)
	}
	switch unit {
	case "":
		return s
	case "/s":
		return s + "/s"
	}
	return s + " " + unit
}

func perSecond(v float64) string { return format(v, "/s") }
