package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/deploy/observability/promtool"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

// scraped asks for the metrics as Prometheus does: the values by metric with its labels.
func (w *whole) scraped(token string) map[string]float64 {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/metrics", nil)
	require.NoError(w.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(w.t, http.StatusOK, res.StatusCode)
	body, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	all := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[0] == '#' {
			continue
		}
		v, err := strconv.ParseFloat(line[i+1:], 64)
		require.NoError(w.t, err, line)
		if !math.IsNaN(v) {
			all[line[:i]] = v
		}
	}
	return all
}

// A gateway that is well wakes nobody: what it tells, going on for two hours as it did in the seconds that it was watched,
// fires no rule.
func TestHealthyFiresNoAlert(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			cfg.MetricsToken = "scrape-token"
			w := startWhole(t, cfg)
			r := fanouttest.NewReceiver(t, nil)
			w.webhook(models.Webhook{Name: "crm", URL: r.URL})
			n := 0
			message := func() {
				n++
				require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15551230001", fmt.Sprintf("wamid.healthy%d", n), "hello")))
			}
			message()
			settled := func(least int) map[string]float64 {
				var now map[string]float64
				require.Eventually(t, func() bool {
					now = w.scraped("scrape-token")
					return now[`wabagate_deliveries_total{state="delivered"}`] >= float64(least) && now["wabagate_backlog_delivery_groups"] == 0 && now["wabagate_leader"] == 1 &&
						now[`wabagate_keeper_runs_total{duty="history",outcome="done"}`] > 0 && now[`wabagate_reconciler_rounds_total{outcome="done"}`] > 0
				}, 20*time.Second, 100*time.Millisecond)
				return now
			}
			before := settled(3) // the message, and that the contact and the conversation are new
			for range 5 {
				message()
			}
			after := settled(8)
			if rounds := `wabagate_reconciler_rounds_total{outcome="done"}`; after[rounds] == before[rounds] {
				require.Eventually(t, func() bool { after = settled(8); return after[rounds] > before[rounds] }, 10*time.Second, 100*time.Millisecond)
			}
			series := map[string]string{`up{job="wabagate",instance="a"}`: "1x130"}
			number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
			for name, v := range after {
				metric, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
				if labels != "" {
					labels += ","
				}
				values := number(v) + "x130"
				if last := metric[strings.LastIndexByte(metric, '_')+1:]; last == "total" || last == "count" || last == "sum" || last == "bucket" {
					values = number(before[name]) + "+" + number(v-before[name]) + "x130"
				}
				series[metric+"{"+labels+`job="wabagate",instance="a"}`] = values
			}
			promtool.Test(t, "../../deploy/observability/alerts.yaml", []promtool.Case{{Name: "healthy", Series: series, At: 2 * time.Hour}})
		})
	}
}
