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
	samples := "nodejs python3 php-cli ruby ruby-webrick default-jdk-headless " + strings.Join(csharp, " ")
	for _, tt := range []struct {
		name    string
		environ []string
		command string
		want    string
	}{
		{"everything", nil, "go test -race ./...", "postgresql redis-server chromium " + samples + " prometheus nginx-light gcc libc6-dev"},
		{"no race detector", nil, "go test ./...", "postgresql redis-server chromium " + samples + " prometheus nginx-light"},
		{"empty is unset", []string{databaseVar + "=", redisVar + "="}, "env", "postgresql redis-server chromium " + samples + " prometheus nginx-light"},
		{"own servers", []string{databaseVar + "=x", redisVar + "=x"}, "env", "chromium " + samples + " prometheus nginx-light"},
		{"no browser wanted", []string{databaseVar + "=x", redisVar + "=x", chromiumVar + "="}, "env", samples + " prometheus nginx-light"},
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
		{why: "a store", packages: []string{"store-server"}, missing: func() bool { return true }},
		{why: "a store at hand", packages: []string{"gadget"}, missing: func() bool { return false }},
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

// What its own tests miss aloud keeps the others from nothing.
func TestMissingLanguage(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	run := testenv{stderr: &said}
	language := need{why: "a language", packages: []string{"linguistics"}, missing: func() bool { return true }, told: true}
	if err := run.provide(t.Context(), []need{language}, false); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"a language", "linguistics", "fail"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is missing in: %s", want, said.String())
		}
	}
	store := need{why: "a store", packages: []string{"store-server"}, missing: func() bool { return true }}
	if err := run.provide(t.Context(), []need{language, store}, false); err == nil || !strings.Contains(err.Error(), "linguistics store-server") {
		t.Errorf("with a store missing too: %v", err)
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
