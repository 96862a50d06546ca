package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/cmd/wabagate/doctor"
	"wabagate/fanout/fanouttest"
	"wabagate/models/modelstest"
)

// examine runs wabagate doctor in a process's environment.
func (p *process) examine(env ...string) (report doctor.Report, exit int) {
	p.t.Helper()
	cmd := exec.Command(p.path, "doctor", "--json")
	cmd.Env = append(p.env, env...)
	out, err := cmd.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		exit = failed.ExitCode()
	} else {
		require.NoError(p.t, err)
	}
	require.NoError(p.t, json.Unmarshal(out, &report), "%s", out)
	return report, exit
}

func finding(t *testing.T, r doctor.Report, check string) doctor.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("nothing is said of %q: %+v", check, r.Findings)
	return doctor.Finding{}
}

func only(r doctor.Report, _ int) doctor.Report { return r }

// Of the embedded default nothing is wrong, while it runs and while it does not.
func TestDoctorEmbedded(t *testing.T) {
	t.Parallel()
	p := newProcess(t, nil)
	report, exit := p.examine()
	require.Zero(t, exit)
	require.Equal(t, doctor.Warning, finding(t, report, "database").Level, "there is none yet")
	p.start()
	p.bootstrap()
	report, exit = p.examine()
	require.Zero(t, exit, "%+v", report)
	require.Equal(t, doctor.OK, finding(t, report, "schema").Level)
	require.Equal(t, doctor.OK, finding(t, report, "numbers").Level)

	report, exit = p.examine("WABAGATE_MEDIA=/dev/null/media")
	require.Equal(t, 1, exit)
	require.Equal(t, doctor.Wrong, finding(t, report, "media").Level)
	require.Equal(t, doctor.Wrong, finding(t, only(p.examine("WABAGATE_PUBLIC_URL=http://gateway.test")), "public url").Level)
	report, exit = p.examine("WABAGATE_COURIER=64")
	require.Equal(t, 1, exit)
	require.Contains(t, finding(t, report, "configuration").Says, "WABAGATE_COURIER is not a setting")
	require.Len(t, report.Findings, 1)
}

// The servers of the tests are made to be fast: what is wrong with that is found, and the workers are.
func TestDoctorOnServers(t *testing.T) {
	t.Parallel()
	p := newProcess(t, []string{"DATABASE_URL=" + modelstest.PostgresURL(t), "REDIS_URL=" + fanouttest.RedisURL(t), "WABAGATE_METRICS_TOKEN=metrics"})
	p.start()
	report, exit := p.examine()
	require.Equal(t, 1, exit)
	require.False(t, report.OK)
	require.Equal(t, doctor.OK, finding(t, report, "workers").Level, "%+v", report.Findings)
	require.Contains(t, finding(t, report, "stores").Says, "PostgreSQL and Redis")
	require.Equal(t, doctor.Wrong, finding(t, report, "public url").Level, "it is localhost")

	// The metrics by which the manifests scale are there.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url()+"/metrics", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer metrics")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	metrics, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	for _, path := range []string{"../../deploy/kubernetes/base/autoscaling.yaml", "../../deploy/kubernetes/prometheus-adapter.yaml"} {
		manifest, err := os.ReadFile(path)
		require.NoError(t, err)
		named := regexp.MustCompile(`wabagate_\w+`).FindAllString(string(manifest), -1)
		require.NotEmpty(t, named)
		for _, name := range named {
			require.Contains(t, string(metrics), "\n"+name+" ")
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	p := newProcess(t, nil)
	health := func() error {
		cmd := exec.Command(p.path, "health")
		cmd.Env = p.env
		return cmd.Run()
	}
	require.Error(t, health())
	p.start()
	require.NoError(t, health())
	p.kill()
	require.Error(t, health())
}
