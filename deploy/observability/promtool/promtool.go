// Package promtool lets tests evaluate alert rules as Prometheus does, with the promtool that comes with it.
package promtool

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Case is a stretch of time in which metrics have values, and the alerts that fire at its end.
type Case struct {
	Name string
	// Series are values of a minute each, in promtool's notation ("0+6x60", "1 1 _ 2"), by metric with its labels.
	Series map[string]string
	// At is the moment that is looked at, from the beginning.
	At time.Duration
	// Firing are the alerts that fire then; all others must not.
	Firing []string
}

// The words of promtool's files. JSON is YAML.
type (
	file struct {
		RuleFiles []string `json:"rule_files"`
		Interval  string   `json:"evaluation_interval"`
		Tests     []group  `json:"tests"`
	}
	group struct {
		Name     string   `json:"name"`
		Interval string   `json:"interval"`
		Series   []series `json:"input_series"`
		Expect   []expect `json:"promql_expr_test"`
	}
	series struct {
		Series string `json:"series"`
		Values string `json:"values"`
	}
	expect struct {
		Expr    string   `json:"expr"`
		At      string   `json:"eval_time"`
		Samples []sample `json:"exp_samples"`
	}
	sample struct {
		Labels string  `json:"labels"`
		Value  float64 `json:"value"`
	}
)

// Check has promtool look at a file, as its command (check rules, check config …) says. It skips the test where there is no
// promtool.
func Check(t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), find(t), args...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

// Test evaluates a file of rules over each case, and skips the test where there is no promtool.
func Test(t testing.TB, rules string, cases []Case) {
	t.Helper()
	rules, err := filepath.Abs(rules)
	if err != nil {
		t.Fatal(err)
	}
	f := file{RuleFiles: []string{rules}, Interval: "1m"}
	for _, c := range cases {
		g := group{Name: c.Name, Interval: "1m", Expect: []expect{{Expr: `group by (alertname) (ALERTS{alertstate="firing"})`, At: c.At.String(), Samples: []sample{}}}}
		for name, values := range c.Series {
			g.Series = append(g.Series, series{name, values})
		}
		firing := slices.Sorted(slices.Values(c.Firing))
		for _, alert := range firing {
			g.Expect[0].Samples = append(g.Expect[0].Samples, sample{`{alertname="` + alert + `"}`, 1})
		}
		f.Tests = append(f.Tests, g)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cases.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	Check(t, "test", "rules", path)
}

func find(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian: prometheus); make test installs it")
	}
	return path
}
