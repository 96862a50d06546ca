package observability_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"wabagate/deploy/observability/promtool"
)

// rule is an alert of alerts.yaml.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t testing.TB) []rule {
	t.Helper()
	b, err := os.ReadFile("alerts.yaml")
	require.NoError(t, err)
	var f struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal(b, &f))
	var all []rule
	for _, g := range f.Groups {
		all = append(all, g.Rules...)
	}
	require.Greater(t, len(all), 30)
	return all
}

// Whoever is woken is told what it is, what it means and what to do.
func TestAlertsSayWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules(t) {
		require.False(t, seen[r.Alert], "%s twice", r.Alert)
		seen[r.Alert] = true
		require.Regexp(t, `^Wabagate[A-Z][A-Za-z]+$`, r.Alert)
		require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		for _, what := range []string{"summary", "description", "runbook"} {
			require.Greater(t, len(r.Annotations[what]), 20, "%s %s", r.Alert, what)
		}
	}
	promtool.Check(t, "check", "rules", "alerts.yaml")
	promtool.Check(t, "check", "config", "--syntax-only", "prometheus.yaml")
}

// values are series with their values, without the labels that every target has.
type values map[string]string

// trial plants the condition of one alert, and its neighbour just below. Both are looked at after two hours.
type trial struct{ fires, quiet values }

const (
	never = "0x130"
	// Per minute, for more than two hours: 0.1, 1 and 10 a second.
	tenth, one, ten = "0+6x130", "0+60x130", "0+600x130"
)

var trials = map[string]trial{
	"WabagateCallbacksRefused":       {fires: values{`wabagate_callbacks_total{status="503"}`: "0x110 1+1x20"}, quiet: values{`wabagate_callbacks_total{status="503"}`: "7x130"}},
	"WabagateAcknowledgingSlow":      {fires: latencies("98"), quiet: latencies("99.5")},
	"WabagateSignaturesRefused":      {fires: signatures("0+60x130", "0+59x130"), quiet: signatures("0+60x130", "0+61x130")},
	"WabagateCallbacksNotTranslated": {fires: values{`wabagate_backlog_overdue_seconds{kind="callbacks"}`: "61x130"}, quiet: values{`wabagate_backlog_overdue_seconds{kind="callbacks"}`: "60x130", `wabagate_backlog_overdue_seconds{kind="deliveries"}`: "4000x130"}},
	"WabagateTranslationFailing":     {fires: values{`wabagate_translation_failures_total`: "0+2.1x130"}, quiet: values{`wabagate_translation_failures_total`: "0+1.9x130"}},
	"WabagateRefugeNotEmptied":       {fires: values{`wabagate_refuge_groups`: "1x130", `wabagate_database_up`: "1x130"}, quiet: values{`wabagate_refuge_groups`: "0x130", `wabagate_database_up`: "1x130"}},
	"WabagateUpstreamStopped":        {fires: values{`wabagate_callbacks_total{status="200"}`: "0+30x90 2700x40"}, quiet: values{`wabagate_callbacks_total{status="200"}`: "0+30x90 2700+0.1x40"}},
	"WabagateNumberSilent":           {fires: values{`wabagate_gap_silent_numbers`: "1x130"}, quiet: values{`wabagate_gap_silent_numbers`: "0x130"}},
	"WabagateLiveDeliveriesLate":     {fires: values{`wabagate_queue_oldest_seconds{queue="deliveries-live-3"}`: "61x130"}, quiet: values{`wabagate_queue_oldest_seconds{queue="deliveries-live"}`: "60x130", `wabagate_queue_oldest_seconds{queue="deliveries-slow"}`: "5000x130"}},
	"WabagateOtherDeliveriesLate":    {fires: values{`wabagate_queue_oldest_seconds{queue="deliveries-reports"}`: "901x130"}, quiet: values{`wabagate_queue_oldest_seconds{queue="deliveries-reports"}`: "900x130"}},
	"WabagateDeliveriesFailing":      {fires: attempts("delivered", "0+59x130", "timeout", "0+61x130"), quiet: attempts("delivered", "0+61x130", "timeout", "0+59x130")},
	"WabagateEgressBroken":           {fires: attempts("delivered", "0+74x130", "no_name", "0+26x130"), quiet: attempts("delivered", "0+76x130", "no_name", "0+24x130")},
	"WabagateCircuitsOpen":           {fires: values{`wabagate_webhook_circuits{state="open"}`: "11x130"}, quiet: values{`wabagate_webhook_circuits{state="open"}`: "10x130"}},
	"WabagateResultsNotKept":         {fires: values{`wabagate_delivery_settle_failures_total`: "0+2.1x130"}, quiet: values{`wabagate_delivery_settle_failures_total`: "0+1.9x130"}},
	"WabagateWorkLost":               {fires: values{`wabagate_work_reconciled_total{kind="callbacks",why="lost"}`: "0+5.1x130"}, quiet: values{`wabagate_work_reconciled_total{kind="callbacks",why="lost"}`: "0+4.9x130", `wabagate_work_reconciled_total{kind="deliveries",why="came_due"}`: ten}},
	"WabagateReconcilerStopped":      {fires: values{`wabagate_reconciler_rounds_total{outcome="done"}`: "9x130", `wabagate_reconciler_rounds_total{outcome="failed"}`: one}, quiet: values{`wabagate_reconciler_rounds_total{outcome="done"}`: "0+1x130"}},
	"WabagateWorkerStoodStill":       {fires: values{`wabagate_worker_lapses_total`: "0x110 1x20"}, quiet: values{`wabagate_worker_lapses_total`: "3x130"}},
	"WabagateQueuePaused":            {fires: values{`wabagate_queue_paused{queue="sends"}`: "0x80 1x50"}, quiet: values{`wabagate_queue_paused{queue="sends"}`: "0x100 1x30"}},
	"WabagateDatabaseDown":           {fires: values{`wabagate_database_up`: "1x118 0x12"}, quiet: values{`wabagate_database_up`: "1x130"}},
	"WabagateRedisDown":              {fires: values{`wabagate_redis_up`: "1x118 0x12"}, quiet: values{`wabagate_redis_up`: "1x130"}},
	"WabagateDatabasePoolExhausted":  {fires: values{`wabagate_database_pool_wait_seconds_total{pool="hot"}`: "0+306x130"}, quiet: values{`wabagate_database_pool_wait_seconds_total{pool="hot"}`: "0+294x130"}},
	"WabagateRedisMemoryNearLimit":   {fires: values{`wabagate_redis_memory_bytes`: "86x130", `wabagate_redis_memory_limit_bytes`: "100x130"}, quiet: values{`wabagate_redis_memory_bytes`: "84x130", `wabagate_redis_memory_limit_bytes`: "100x130"}},
	"WabagatePartitionsMissing":      {fires: values{`wabagate_database_partition_room_seconds`: "172799x130"}, quiet: values{`wabagate_database_partition_room_seconds`: "172800x130"}},
	"WabagateRetentionFailing":       {fires: values{`wabagate_keeper_runs_total{duty="history",outcome="failed"}`: "0x30 1x30 2x30 3x40"}, quiet: values{`wabagate_keeper_runs_total{duty="history",outcome="failed"}`: "0x30 1x60 2x40"}},
	"WabagateUpkeepFailing":          {fires: values{`wabagate_keeper_runs_total{duty="jobs",outcome="failed"}`: "0+0.8x130"}, quiet: values{`wabagate_keeper_runs_total{duty="jobs",outcome="failed"}`: "0+0.6x130", `wabagate_keeper_runs_total{duty="jobs",outcome="done"}`: one}},
	"WabagateUntranslatedKept":       {fires: values{`wabagate_retention_untranslated_groups`: "0x50 1x80"}, quiet: values{`wabagate_retention_untranslated_groups`: "0x70 1x60"}},
	"WabagateSequenceHoles":          {fires: values{`wabagate_gap_sequence_holes_total`: "0x110 1x20"}, quiet: values{`wabagate_gap_sequence_holes_total`: "1x130"}},
	"WabagateTokenEnding":            {fires: values{`wabagate_number_tokens{state="ending"}`: "1x130"}, quiet: values{`wabagate_number_tokens{state="ending"}`: never, `wabagate_number_tokens{state="lasting"}`: "9x130"}},
	"WabagateTokenEnded":             {fires: values{`wabagate_number_tokens{state="ended"}`: "1x130"}, quiet: values{`wabagate_number_tokens{state="ended"}`: never, `wabagate_send_stopped_numbers`: never}},
	"WabagateSendingFailing":         {fires: sends("0+31x130", "0+69x130"), quiet: sends("0+29x130", "0+71x130")},
	"WabagateBroadcastStuck":         {fires: values{`wabagate_broadcasts_stuck`: "0x100 1x30"}, quiet: values{`wabagate_broadcasts_stuck`: "0x110 1x20"}},
	"WabagateRepliesFailing":         {fires: values{`wabagate_replies_total{outcome="hand_over",reason="failure"}`: "0+0.8x130"}, quiet: values{`wabagate_replies_total{outcome="hand_over",reason="failure"}`: "0+0.6x130", `wabagate_replies_total{outcome="hand_over",reason="agent"}`: one}},
	"WabagateMediaFailing":           {fires: fetches("0+51x130", "0+49x130"), quiet: fetches("0+49x130", "0+51x130")},
	"WabagateTargetsAbsent":          {fires: values{`up`: ""}, quiet: values{`up`: "1x130"}},
	"WabagateTargetDown":             {fires: values{`up`: "1x117 0x13"}, quiet: values{`up`: "1x118 0x12"}},
	"WabagateRestarting":             {fires: values{`process_start_time_seconds`: "1x95 2x5 3x5 4x5 5x20"}, quiet: values{`process_start_time_seconds`: "1x95 2x5 3x5 4x25"}},
	"WabagateMemoryNearLimit":        {fires: values{`process_resident_memory_bytes`: "91x130", `wabagate_memory_limit_bytes`: "100x130"}, quiet: values{`process_resident_memory_bytes`: "89x130", `wabagate_memory_limit_bytes`: "100x130"}},
	"WabagateFilesNearLimit":         {fires: values{`process_open_fds`: "81x130", `process_max_fds`: "100x130"}, quiet: values{`process_open_fds`: "79x130", `process_max_fds`: "100x130"}},
	"WabagateLoginsRefused":          {fires: values{`wabagate_logins_total{outcome="wrong"}`: "0+61x130"}, quiet: values{`wabagate_logins_total{outcome="wrong"}`: "0+59x130", `wabagate_logins_total{outcome="logged_in"}`: ten}},
}

// latencies are acknowledgements of which so many of a hundred take up to a second, and the rest up to five.
func latencies(quick string) values {
	return values{`wabagate_callback_seconds_bucket{le="1"}`: "0+" + quick + "x130", `wabagate_callback_seconds_bucket{le="5"}`: "0+100x130", `wabagate_callback_seconds_bucket{le="+Inf"}`: "0+100x130"}
}

func signatures(refused, kept string) values {
	return values{`wabagate_callbacks_total{status="401"}`: refused, `wabagate_callbacks_total{status="200"}`: kept}
}

func attempts(outcomesAndValues ...string) values {
	v := values{}
	for i := 0; i+1 < len(outcomesAndValues); i += 2 {
		v[`wabagate_delivery_attempts_total{outcome="`+outcomesAndValues[i]+`"}`] = outcomesAndValues[i+1]
	}
	return v
}

func sends(failed, accepted string) values {
	return values{`wabagate_send_attempts_total{outcome="failed"}`: failed, `wabagate_send_attempts_total{outcome="accepted"}`: accepted}
}

func fetches(unreachable, kept string) values {
	return values{`wabagate_media_fetches_total{outcome="unreachable"}`: unreachable, `wabagate_media_fetches_total{outcome="kept"}`: kept}
}

// target gives series the labels of a target that answers.
func target(v values) map[string]string {
	all := map[string]string{}
	for name, vs := range v {
		metric, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
		if labels != "" {
			labels += ","
		}
		all[metric+"{"+labels+`job="wabagate",instance="10.0.0.1:8080"}`] = vs
	}
	up := `up{job="wabagate",instance="10.0.0.1:8080"}`
	switch vs, given := v["up"]; {
	case !given:
		all[up] = "1x130"
	case vs == "": // nobody is asked
		delete(all, up)
	}
	return all
}

// Each alert fires on its condition and on nothing else, and its neighbour just below wakes nobody.
func TestAlerts(t *testing.T) {
	var names []string
	for _, r := range rules(t) {
		names = append(names, r.Alert)
	}
	require.ElementsMatch(t, names, slices.Collect(maps.Keys(trials)), "every alert has a trial")
	var cases []promtool.Case
	for _, together := range apart(func(tr trial) values { return tr.fires }) {
		cases = append(cases, promtool.Case{Name: "fires", Series: target(together.values), At: 2 * time.Hour, Firing: together.alerts})
	}
	for _, together := range apart(func(tr trial) values { return tr.quiet }) {
		cases = append(cases, promtool.Case{Name: "just below " + strings.Join(together.alerts, ", "), Series: target(together.values), At: 2 * time.Hour})
	}
	promtool.Test(t, "alerts.yaml", cases)
}

// several are trials that share no metric: one does not disturb the other, and all are looked at together.
type several struct {
	alerts []string
	values values
}

// apart makes few of many trials.
func apart(pick func(trial) values) (all []several) {
	metric := func(series string) string { name, _, _ := strings.Cut(series, "{"); return name }
	for _, name := range slices.Sorted(maps.Keys(trials)) {
		mine := pick(trials[name])
		used := map[string]bool{}
		for s := range mine {
			used[metric(s)] = true
		}
		i := slices.IndexFunc(all, func(other several) bool {
			for s := range other.values {
				if used[metric(s)] {
					return false
				}
			}
			return true
		})
		if i < 0 {
			i, all = len(all), append(all, several{values: values{}})
		}
		all[i].alerts = append(all[i].alerts, name)
		maps.Copy(all[i].values, mine)
	}
	return all
}
