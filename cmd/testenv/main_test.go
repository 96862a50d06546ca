//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"wabagate/deploy/throwaway"
)

// given is an environment in which nothing has to be started.
func given(extra ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), databaseVar + "=postgres://given", redisVar + "=given:1", chromiumVar + "=/given",
	}, extra...)
}

// runTestenv returns the exit code and both outputs.
func runTestenv(ctx context.Context, environ []string, args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	t := testenv{environ: environ, stdout: &out, stderr: &errs}
	return t.main(ctx, args), out.String(), errs.String()
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"success", []string{"--", "echo", "hello"}, 0, "hello\n", "Postgres TEST_DATABASE_URL"},
		{"failure", []string{"--", "sh", "-c", "echo oops >&2; exit 7"}, 7, "", "oops"},
		{"killed", []string{"--", "sh", "-c", "kill -9 $$"}, 137, "", "signal: killed"},
		{"not a program", []string{"--", "/no/such/program"}, 2, "", "no such file"},
		{"no command", []string{"-install"}, 2, "", "usage"},
		{"unknown flag", []string{"-nope"}, 2, "", "-nope"},
		{"help", []string{"-h"}, 0, "", "usage"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runTestenv(t.Context(), given(), tt.args...)
			if code != tt.code || stdout != tt.stdout || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

func TestGivenServersAreUsed(t *testing.T) {
	t.Parallel()
	_, stdout, _ := runTestenv(t.Context(), given(), "--", "env")
	for _, want := range given() {
		if !slices.Contains(strings.Split(stdout, "\n"), want) {
			t.Errorf("%s is missing in %s", want, stdout)
		}
	}
}

func TestServersAreStartedAndStopped(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"initdb", "redis-server"} {
		if _, err := throwaway.Find(program); err != nil {
			t.Skip(err)
		}
	}
	environ := []string{"PATH=" + os.Getenv("PATH"), chromiumVar + "="}
	code, stdout, stderr := runTestenv(t.Context(), environ, "--", "sh", "-c", `echo "$TEST_DATABASE_URL"; echo "$TEST_REDIS_ADDR"; exit 3`)
	if code != 3 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	lines := strings.Split(stdout, "\n")
	if !strings.HasPrefix(lines[0], "postgres://postgres@127.0.0.1:") || !strings.HasPrefix(lines[1], "127.0.0.1:") {
		t.Errorf("the command was told %q", lines)
	}
	if !strings.HasPrefix(stderr, "testenv: Postgres 127.0.0.1:") || !strings.Contains(stderr, "ready in") {
		t.Errorf("the first line is %q", stderr)
	}
}

// A signal ends the command and what it left in the background. (A shell has its background commands ignore SIGINT.)
func TestSignalEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	must(t, err)
	defer read.Close()
	must(t, read.SetReadDeadline(time.Now().Add(time.Minute)))
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)

	// Files both, as in earnest: for other writers the command's output is copied until its last writer ends.
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	must(t, err)
	defer null.Close()
	run := testenv{environ: given(), stdout: write, stderr: null}
	exited := make(chan int, 1)
	go func() {
		exited <- run.main(ctx, []string{"--", "sh", "-c", "sleep 1000 & echo started; wait"})
		_ = write.Close()
	}()
	started := make([]byte, len("started\n"))
	_, err = io.ReadFull(read, started)
	must(t, err)
	cancel(signalled(syscall.SIGINT))
	if code := <-exited; code != 130 {
		t.Errorf("exit code %d", code)
	}
	// The pipe ends once nobody is left who could write to it.
	_, err = io.ReadAll(read)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
