//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	names := func(fs []fault) (list []string) {
		for _, f := range fs {
			list = append(list, f.name)
		}
		return list
	}
	all := faults()
	full, err := choose(all, false, "")
	require.NoError(t, err)
	require.NotContains(t, names(full), "receivers-mixed")
	require.Len(t, full, len(all)-1)
	quick, err := choose(all, true, "")
	require.NoError(t, err)
	require.Equal(t, []string{"none", "worker-killed", "redis-flushed", "postgres-restarted", "receivers-mixed"}, names(quick))
	two, err := choose(all, false, "redis-down, none")
	require.NoError(t, err)
	require.Equal(t, []string{"redis-down", "none"}, names(two))
	_, err = choose(all, false, "redis-dwn")
	require.ErrorContains(t, err, `"redis-dwn"`)
	require.ErrorContains(t, err, "redis-down")
	seen := map[string]bool{}
	for _, f := range all {
		require.False(t, seen[f.name], f.name)
		seen[f.name] = true
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-h"}, 0, "-quick"},
		{[]string{"-no"}, exitUsage, "-no"},
		{[]string{"-only", "nothing-such"}, exitUsage, "worker-killed"},
		{[]string{"-rate", "0"}, exitUsage, "-rate"},
		{[]string{"quick"}, exitUsage, "no arguments"},
	} {
		var out, errs strings.Builder
		require.Equal(t, tt.code, command(t.Context(), tt.args, &out, &errs), tt.args)
		require.Contains(t, errs.String(), tt.says)
		require.Empty(t, out.String())
	}
}

// The step fits the package time of the Go that runs this test. Whether a program follows it, the clock rows show.
func TestStepFitsThisGo(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go"))
	require.NoError(t, err)
	changed, err := withStep(source)
	require.NoError(t, err)
	require.Contains(t, string(changed), "sec += step.Load()")
	_, err = withStep([]byte("package time"))
	require.ErrorContains(t, err, "nowLine")
}

// The slow disk takes its time while its marker is there, and only then.
func TestSlowDisk(t *testing.T) {
	d, err := newSlowDisk(t.Context(), t.TempDir())
	require.NoError(t, err)
	if d.library == "" {
		t.Skip("there is no C compiler; the matrix uses commit_delay")
	}
	flush := func() time.Duration {
		cmd := exec.Command("sync", "--data", d.library)
		cmd.Env = append(os.Environ(), d.environ()...)
		began := time.Now()
		require.NoError(t, cmd.Run())
		return time.Since(began)
	}
	require.NoError(t, d.slow(t.Context(), nil))
	require.GreaterOrEqual(t, flush(), 200*time.Millisecond)
	require.NoError(t, d.fast(t.Context(), nil))
	fastest := time.Hour
	for range 10 { // the disk may be slow by itself for a moment
		fastest = min(fastest, flush())
	}
	require.Less(t, fastest, 200*time.Millisecond)
}
