package main

import (
	"encoding/json"
	"errors"
	"os/exec"
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

	report, exit = p.examine("WABAGATE_COURIER=64")
	require.Equal(t, 1, exit)
	require.Contains(t, finding(t, report, "configuration").Says, "WABAGATE_COURIER is not a setting")
	require.Len(t, report.Findings, 1)
}

// The servers of the tests are made to be fast: what is wrong with that is found, and the workers are.
func TestDoctorOnServers(t *testing.T) {
	t.Parallel()
	p := newProcess(t, []string{"DATABASE_URL=" + modelstest.PostgresURL(t), "REDIS_URL=" + fanouttest.RedisURL(t)})
	p.start()
	report, exit := p.examine()
	require.Equal(t, 1, exit)
	require.False(t, report.OK)
	require.Equal(t, doctor.OK, finding(t, report, "workers").Level, "%+v", report.Findings)
	require.Contains(t, finding(t, report, "stores").Says, "PostgreSQL and Redis")
	require.Equal(t, doctor.Wrong, finding(t, report, "public url").Level, "it is localhost")
}
