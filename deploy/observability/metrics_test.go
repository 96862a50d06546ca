package observability_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/deploy/observability/promtool"
)

// metric is a line of METRICS.md, which a test of the gateway keeps true.
type metric struct {
	kind   string
	labels map[string][]string // nil values: any
}

// foreign are the metrics that others make: Prometheus, Go and the operating system.
var foreign = map[string]metric{
	"up": {kind: "gauge"}, "ALERTS": {kind: "gauge", labels: map[string][]string{"alertname": nil, "alertstate": nil}},
	"process_resident_memory_bytes": {kind: "gauge"}, "process_cpu_seconds_total": {kind: "counter"}, "process_start_time_seconds": {kind: "gauge"},
	"process_open_fds": {kind: "gauge"}, "process_max_fds": {kind: "gauge"}, "go_goroutines": {kind: "gauge"}, "go_gc_duration_seconds_sum": {kind: "counter"},
}

// targetLabels are what Prometheus adds to every series.
var targetLabels = []string{"job", "instance"}

var (
	tableLine   = regexp.MustCompile("^\\| `(wabagate_[a-z0-9_]+)` \\| ([a-z]+) \\| (.*) \\| (.+) \\|$")
	tableLabels = regexp.MustCompile("`([a-z_]+)`: ([^;]+)")
)

// metrics reads METRICS.md: what there is, as a query names it.
func metrics(t testing.TB) map[string]metric {
	b, err := os.ReadFile("METRICS.md")
	require.NoError(t, err)
	all := map[string]metric{}
	for name, m := range foreign {
		all[name] = m
	}
	for line := range strings.Lines(string(b)) {
		found := tableLine.FindStringSubmatch(strings.TrimSpace(line))
		if found == nil {
			continue
		}
		m := metric{kind: found[2], labels: map[string][]string{}}
		for _, l := range tableLabels.FindAllStringSubmatch(found[3], -1) {
			m.labels[l[1]] = nil
			if values := strings.Split(l[2], ", "); !strings.HasPrefix(l[2], "of the") && !strings.HasPrefix(l[2], "the [") {
				m.labels[l[1]] = values
			}
		}
		if m.kind != "histogram" {
			all[found[1]] = m
			continue
		}
		for _, suffix := range []string{"_sum", "_count"} {
			all[found[1]+suffix] = metric{kind: "counter", labels: m.labels}
		}
		withLe := map[string][]string{"le": nil}
		for l, v := range m.labels {
			withLe[l] = v
		}
		all[found[1]+"_bucket"] = metric{kind: "counter", labels: withLe}
	}
	require.Greater(t, len(all), 100)
	return all
}

var (
	// A selector: a metric's name, and its labels if any.
	selector = regexp.MustCompile(`\b((?:wabagate|process|go)_[a-z0-9_]+|up|ALERTS)\b(?:\{([^}]*)\})?(\[[^\]]+\])?`)
	matcher  = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
	grouping = regexp.MustCompile(`\bby \(([a-z_, ]+)\)`)
	counted  = regexp.MustCompile(`\b(?:rate|increase)\(([a-z0-9_]+)`)
	named    = regexp.MustCompile(`\{\{ ?\$?(?:labels\.)?([a-z_]+) ?\}\}`)
)

// judge says what is wrong with a query: metrics and labels that do not exist, rates of what is no counter, counters without one.
func judge(expr string, all map[string]metric) (wrong []string) {
	labels := slices.Clone(targetLabels)
	found := selector.FindAllStringSubmatch(expr, -1)
	if len(found) == 0 {
		wrong = append(wrong, "no metric in "+expr)
	}
	for _, s := range found {
		m, ok := all[s[1]]
		if !ok {
			wrong = append(wrong, "there is no metric "+s[1])
			continue
		}
		if (m.kind == "counter") != (s[3] != "") && s[1] != "process_start_time_seconds" {
			wrong = append(wrong, s[1]+" is a "+m.kind+", and read with the range "+s[3])
		}
		for l := range m.labels {
			labels = append(labels, l)
		}
		for _, l := range matcher.FindAllStringSubmatch(s[2], -1) {
			if slices.Contains(targetLabels, l[1]) {
				continue
			}
			values, ok := m.labels[l[1]]
			switch {
			case !ok:
				wrong = append(wrong, s[1]+" has no label "+l[1])
			case values != nil && !matches(values, l[2], l[3]):
				wrong = append(wrong, "no "+l[1]+" of "+s[1]+" is "+l[3])
			}
		}
		if strings.HasPrefix(s[1], "wabagate_") && !strings.Contains(s[2], `job="wabagate"`) {
			wrong = append(wrong, s[1]+" is read of every job")
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		for l := range strings.SplitSeq(g[1], ", ") {
			if !slices.Contains(labels, l) {
				wrong = append(wrong, "nothing in the query has the label "+l)
			}
		}
	}
	for _, c := range counted.FindAllStringSubmatch(expr, -1) {
		if all[c[1]].kind == "gauge" {
			wrong = append(wrong, "the rate of the gauge "+c[1])
		}
	}
	return wrong
}

// matches says whether every alternative of a matcher fits a value that there is.
func matches(values []string, op, wanted string) bool {
	if op == "=" || op == "!=" {
		return slices.Contains(values, wanted)
	}
	whole, err := regexp.Compile("^(?:" + wanted + ")$")
	return err == nil && slices.ContainsFunc(values, whole.MatchString)
}

// The rules use what there is.
func TestAlertsUseMetricsThatExist(t *testing.T) {
	all := metrics(t)
	for _, r := range rules(t) {
		require.Empty(t, judge(r.Expr, all), r.Alert)
		for _, text := range r.Annotations {
			for _, l := range named.FindAllStringSubmatch(text, -1) {
				require.Regexp(t, `by \([a-z, ]*\b`+l[1]+`\b|^(up|process_|changes)`, r.Expr, "%s: the label %s is gone", r.Alert, l[1])
			}
			for _, m := range regexp.MustCompile(`\bwabagate_[a-z_]+\b`).FindAllString(text, -1) {
				_, plain := all[m]
				_, histogram := all[m+"_bucket"]
				require.True(t, plain || histogram, "%s: there is no metric %s", r.Alert, m)
			}
			for _, name := range regexp.MustCompile(`\bWabagate[A-Z][A-Za-z]+\b`).FindAllString(text, -1) {
				require.Contains(t, trials, name, r.Alert)
			}
		}
	}
}

// The dashboard uses what there is, and its queries are PromQL.
func TestDashboard(t *testing.T) {
	b, err := os.ReadFile("grafana/dashboards/wabagate.json")
	require.NoError(t, err)
	var d struct {
		UID, Title string
		Panels     []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, LegendFormat, RefID string }
		}
		Annotations struct{ List []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(b, &d))
	require.Equal(t, "wabagate", d.UID)
	all := metrics(t)
	shown := map[string]bool{}
	ids := map[int]bool{}
	var exprs []string
	for _, p := range d.Panels {
		require.False(t, ids[p.ID], "panel %d twice", p.ID)
		ids[p.ID] = true
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		if p.Type == "row" {
			continue
		}
		require.NotEmpty(t, p.Targets, p.Title)
		for _, q := range p.Targets {
			require.Empty(t, judge(q.Expr, all), p.Title)
			exprs = append(exprs, strings.ReplaceAll(q.Expr, "$__rate_interval", "5m"))
			for _, l := range named.FindAllStringSubmatch(q.LegendFormat, -1) {
				require.True(t, slices.Contains(targetLabels, l[1]) || strings.Contains(q.Expr, l[1]), "%s: the legend's label %s is gone", p.Title, l[1])
			}
			for _, s := range selector.FindAllStringSubmatch(q.Expr, -1) {
				shown[regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(s[1], "")] = true
			}
		}
	}
	for _, a := range d.Annotations.List {
		require.Empty(t, judge(a.Expr, all))
	}
	require.Greater(t, len(shown), 60, "most of what is measured can be seen")

	var recorded strings.Builder // promtool reads queries in rules
	recorded.WriteString("groups: [{name: dashboard, rules: [")
	for i, e := range exprs {
		if i > 0 {
			recorded.WriteString(", ")
		}
		text, err := json.Marshal(map[string]string{"record": "panel:query", "expr": e, "labels": ""})
		require.NoError(t, err)
		recorded.WriteString(strings.Replace(string(text), `"labels":""`, `"labels":{"n":"`+string(rune('a'+i%26))+strings.Repeat("x", i/26)+`"}`, 1))
	}
	recorded.WriteString("]}]\n")
	path := t.TempDir() + "/dashboard.yaml"
	require.NoError(t, os.WriteFile(path, []byte(recorded.String()), 0o600))
	promtool.Check(t, "check", "rules", path)
}

// The judge knows a mistake when it sees one.
func TestJudge(t *testing.T) {
	all := metrics(t)
	require.Empty(t, judge(`sum by (status) (rate(wabagate_callbacks_total{job="wabagate",status="200"}[5m]))`, all))
	for _, wrong := range []string{
		`sum(rate(wabagate_callback_total{job="wabagate"}[5m]))`,
		`sum(rate(wabagate_callbacks_total{job="wabagate",state="200"}[5m]))`,
		`sum(rate(wabagate_callbacks_total{job="wabagate",status="201"}[5m]))`,
		`sum(rate(wabagate_callbacks_total{job="wabagate",status=~"2.1"}[5m]))`,
		`sum(wabagate_callbacks_total{job="wabagate"})`,
		`sum(rate(wabagate_database_up{job="wabagate"}[5m]))`,
		`sum(rate(wabagate_callback_seconds{job="wabagate"}[5m]))`,
		`max by (queue) (wabagate_database_up{job="wabagate"})`,
		`max(wabagate_database_up)`,
		`vector(1)`,
	} {
		require.NotEmpty(t, judge(wrong, all), wrong)
	}
}
