package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

// metricsTable is made by TestMetricsTable -update.
const metricsTable = "../../deploy/observability/METRICS.md"

// openLabels are those whose values no list of this program bounds, with what does.
var openLabels = map[string]string{
	"webhook_id": "of the twenty webhooks for which most waits",
	"version":    "of the process",
	"roles":      "of the process",
}

// ours are the families of this program, by name; Go's own and the process's are left out.
func ours(t testing.TB, g prometheus.Gatherer) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	own := map[string]*dto.MetricFamily{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "wabagate_") {
			own[f.GetName()] = f
		}
	}
	return own
}

// labelValues are the values of each label of a family.
func labelValues(f *dto.MetricFamily) map[string][]string {
	values := map[string][]string{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			if !slices.Contains(values[l.GetName()], l.GetValue()) {
				values[l.GetName()] = append(values[l.GetName()], l.GetValue())
			}
		}
	}
	return values
}

// series are all that a scrape has of this program, but for open labels.
func series(t testing.TB, g prometheus.Gatherer) map[string]bool {
	all := map[string]bool{}
	for name, f := range ours(t, g) {
		for _, m := range f.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				if _, open := openLabels[l.GetName()]; !open {
					key += fmt.Sprintf(" %s=%q", l.GetName(), l.GetValue())
				}
			}
			all[key] = true
		}
	}
	return all
}

// startMeasured runs a gateway that has something of everything: a webhook that works, and one for which much waits.
func startMeasured(t *testing.T, cfg Config) *whole {
	w := startWhole(t, cfg)
	r := fanouttest.NewReceiver(t, nil)
	w.webhook(models.Webhook{Name: "crm", URL: r.URL})
	w.webhook(models.Webhook{Name: "away", URL: "http://127.0.0.1:1/"})
	return w
}

// traffic posts a message and a callback that is refused, tries to log in, and waits until both webhooks were tried.
func (w *whole) traffic() {
	require.Equal(w.t, http.StatusOK, w.post("a", textCallback(testPNID, "15551230001", "wamid.metrics1", "hello")))
	status, err := postSigned(w.t.Context(), w.url+"/webhooks/cloud/a", "another secret", []byte("{}"))
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusUnauthorized, status)
	for _, password := range []string{"wrong", "correct horse"} {
		res, err := http.Post(w.url+"/api/client/login", "application/json", strings.NewReader(`{"email":"owner@example.com","password":"`+password+`"}`))
		require.NoError(w.t, err)
		_ = res.Body.Close()
	}
	require.Eventually(w.t, func() bool {
		m := ours(w.t, w.registry)
		return valueOf(m["wabagate_deliveries_total"], "delivered") > 0 && valueOf(m["wabagate_deliveries_total"], "to_retry") > 0 && m["wabagate_webhook_waiting_deliveries"] != nil &&
			valueOf(m["wabagate_keeper_runs_total"], "history", "done") > 0 && valueOf(m["wabagate_leader"]) == 1
	}, 20*time.Second, 50*time.Millisecond)
}

// valueOf is a counter's or a gauge's value by its labels' values; 0 when there is none.
func valueOf(f *dto.MetricFamily, labels ...string) float64 {
	for _, m := range f.GetMetric() {
		var has []string
		for _, l := range m.GetLabel() {
			has = append(has, l.GetValue())
		}
		if slices.Equal(slices.Sorted(slices.Values(has)), slices.Sorted(slices.Values(labels))) {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return 0
}

// Every metric has a unit in its name where it has one, and a help; its labels have their values from the start, so that a rule
// that waits for a rise sees it; and what happens adds none.
func TestMetrics(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			w := startMeasured(t, config(t))
			before := series(t, w.registry)
			w.traffic()
			for s := range series(t, w.registry) {
				if !strings.HasPrefix(s, "wabagate_webhook_waiting_deliveries") && !strings.HasPrefix(s, "wabagate_webhook_overdue_seconds") {
					require.True(t, before[s], "%s is not there from the start", s)
				}
			}
			m := ours(t, w.registry)
			problems, err := testutil.GatherAndLint(w.registry, slices.Collect(maps.Keys(m))...)
			require.NoError(t, err)
			require.Empty(t, problems)
			for name, least := range map[string][]string{"wabagate_callbacks_total": {"200", "401"}, "wabagate_logins_total": {"logged_in", "wrong"}} {
				for _, value := range least {
					require.Positive(t, valueOf(m[name], value), "%s %s", name, value)
				}
			}
			require.Positive(t, valueOf(m["wabagate_events_total"], "message.received"))
			require.Positive(t, valueOf(m["wabagate_events_total"], "contact.created"))
			require.Equal(t, 1.0, valueOf(m["wabagate_database_up"]))
			require.Equal(t, 1.0, valueOf(m["wabagate_redis_up"]))
			require.Zero(t, valueOf(m["wabagate_delivery_requests_in_flight"]))
			if room, ok := m["wabagate_database_partition_room_seconds"]; ok {
				require.Greater(t, valueOf(room), (6 * 24 * time.Hour).Seconds())
			} else {
				require.True(t, w.store.Embedded(), "PostgreSQL has partitions")
			}
			for _, f := range m {
				for label, values := range labelValues(f) {
					if _, open := openLabels[label]; !open {
						require.LessOrEqual(t, len(values), 120, "%s %s", f.GetName(), label)
					}
				}
			}
		})
	}
}

// The table for operators lists what there is, no more and no less.
func TestMetricsTable(t *testing.T) {
	cfg := stores["postgres and redis"](t)
	cfg.Tracing = Tracing{Endpoint: startCollector(t).URL, Share: 1} // it has metrics of its own
	w := startMeasured(t, cfg)
	w.traffic()
	m := ours(t, w.registry)
	var b strings.Builder
	b.WriteString("# Metrics\n\nWhat `/metrics` tells of wabagate, made by a test (`go test ./cmd/wabagate -run TestMetricsTable -update`). Go's own and the process's metrics\n" +
		"(`go_…`, `process_…`) come with it. Every value of a label is there from the start, at zero. What is the same in every\n" +
		"process (the stores' state, the backlog, queues, circuits) is to be taken once: `max(…)`, not `sum(…)`.\n\n" +
		"| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(m)) {
		f := m[name]
		var labels []string
		values := labelValues(f)
		for _, label := range slices.Sorted(maps.Keys(values)) {
			labels = append(labels, "`"+label+"`: "+spellValues(label, values[label]))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(labels, "; "), f.GetHelp())
	}
	if *updateTable {
		require.NoError(t, os.WriteFile(metricsTable, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(metricsTable)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "run: go run ./cmd/testenv -- go test ./cmd/wabagate -run TestMetricsTable -update")
}

func spellValues(label string, values []string) string {
	if what, open := openLabels[label]; open {
		return what
	}
	slices.Sort(values)
	if label == "type" {
		return "the [event types](../../fanout/EVENTS.md)"
	}
	for i, v := range values {
		if v == "" {
			values[i] = "(none)"
		}
	}
	return strings.Join(values, ", ")
}

// What Prometheus gets by its token is what there is.
func TestMetricsAreServed(t *testing.T) {
	cfg := stores["embedded"](t)
	cfg.MetricsToken = "scrape-token"
	w := startWhole(t, cfg)
	get := func(token string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/metrics", nil)
		require.NoError(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(body)
	}
	status, _ := get("")
	require.Equal(t, http.StatusUnauthorized, status)
	status, body := get("scrape-token")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `wabagate_callbacks_total{status="200"} 0`)
	require.Contains(t, body, "go_goroutines ")
}

func TestLeastLimit(t *testing.T) {
	const none = 1<<63 - 1
	for name, c := range map[string]struct {
		goLimit                   int64
		cgroup2, cgroup1, meminfo string
		want                      int64
	}{
		"nothing says":     {none, "", "", "", 0},
		"no limit":         {none, "max\n", "9223372036854771712\n", "", 9223372036854771712},
		"the machine's":    {none, "max\n", "", "MemTotal:        2048 kB\nMemFree:          100 kB\n", 2 << 20},
		"the container's":  {none, "1048576\n", "", "MemTotal:        2048 kB\n", 1 << 20},
		"an old one":       {none, "", "1048576\n", "MemTotal:        2048 kB\n", 1 << 20},
		"Go's":             {4096, "1048576\n", "", "MemTotal:        2048 kB\n", 4096},
		"what is no limit": {none, "0\n", "-1", "MemTotal: many\n", 0},
	} {
		require.Equal(t, c.want, leastLimit(c.goLimit, c.cgroup2, c.cgroup1, c.meminfo), name)
	}
	used, limit := memoryOf("# Memory\r\nused_memory:1234\r\nused_memory_human:1.2K\r\nmaxmemory:4096\r\n")
	require.Equal(t, []int64{1234, 4096}, []int64{used, limit})
}
