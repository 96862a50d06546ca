//go:build unix

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNeeds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		environ []string
		command string
		want    string
	}{
		{"everything", nil, "go test -race ./...", "postgresql redis-server chromium nodejs python3 php-cli gcc libc6-dev"},
		{"no race detector", nil, "go test ./...", "postgresql redis-server chromium nodejs python3 php-cli"},
		{"empty is unset", []string{databaseVar + "=", redisVar + "="}, "env", "postgresql redis-server chromium nodejs python3 php-cli"},
		{"own servers", []string{databaseVar + "=x", redisVar + "=x"}, "env", "chromium nodejs python3 php-cli"},
		{"no browser wanted", []string{databaseVar + "=x", redisVar + "=x", chromiumVar + "="}, "env", "nodejs python3 php-cli"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			run := testenv{environ: tt.environ}
			got := strings.Join(packages(needs(run.lookup, strings.Fields(tt.command))), " ")
			if got != tt.want {
				t.Errorf("needs %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMissingIsExplained(t *testing.T) {
	t.Parallel()
	run := testenv{stderr: io.Discard}
	err := run.provide(t.Context(), []need{
		{"a store", []string{"store-server"}, func() bool { return true }},
		{"a store at hand", []string{"gadget"}, func() bool { return false }},
	}, false)
	if err == nil {
		t.Fatal("nothing is missing")
	}
	for _, want := range []string{"missing: a store\n", "store-server", databaseVar, redisVar, chromiumVar} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "gadget") {
		t.Errorf("what is there is called missing: %v", err)
	}
}

func TestServicesAreKeptFromStarting(t *testing.T) {
	t.Parallel()
	policy := filepath.Join(t.TempDir(), "policy-rc.d")
	allow, err := denyServices(policy)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(policy); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the policy cannot be run: %v, %v", info, err)
	}
	// A policy that is there already is left alone.
	leave, err := denyServices(policy)
	if err != nil {
		t.Fatal(err)
	}
	leave()
	if _, err := os.Stat(policy); err != nil {
		t.Error(err)
	}
	allow()
	if _, err := os.Stat(policy); !os.IsNotExist(err) {
		t.Errorf("the policy is left behind: %v", err)
	}
}
