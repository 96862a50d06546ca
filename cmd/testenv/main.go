//go:build unix

// Command testenv runs a command, usually go test, with everything that the tests of this repository talk to:
//
//	go run ./cmd/testenv [-install] -- go test -race ./...
//
// It uses the servers that TEST_DATABASE_URL and TEST_REDIS_ADDR name; where one is unset it starts a throw-away
// server and sets the variable for the command. WABAGATE_TEST_CHROMIUM is set to a Chromium or Chrome when one is
// found; set to nothing by the caller, it stays so, and the browser tests skip. What is not installed is installed
// with apt-get (with -install, as root on Debian or Ubuntu; no system service is started), else testenv says what to
// install and exits 2. Without the languages of deploy/samples it runs the command all the same: the tests there fail, and
// say what to install.
//
// The throw-away servers prefer the same ports every time. The go command keys its cache of test results on the
// variables that a test reads, so a second run of unchanged packages is answered from the cache.
//
// Standard output is the command's own, and testenv exits as it does. An interrupt or SIGTERM goes to the command
// and all that it started, which have ten seconds to end; then the servers are stopped. Signals have to reach testenv
// itself: go run does not pass on SIGTERM, so a built binary is the better choice in scripts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// exitUsage is for what a person has to change before anything can run, as with flag and the go command.
const exitUsage = 2

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		cancel(signalled((<-signals).(syscall.Signal))) // further ones change nothing: the end is bounded
	}()
	t := testenv{environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(t.main(ctx, os.Args[1:]))
}

// signalled is the cause of a context that a signal ended.
type signalled syscall.Signal

func (s signalled) Error() string { return syscall.Signal(s).String() }

// testenv is one run.
type testenv struct {
	environ        []string // as from os.Environ
	stdout, stderr io.Writer
}

// main runs the command in args and returns the exit code.
func (t *testenv) main(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("testenv", flag.ContinueOnError)
	flags.SetOutput(t.stderr)
	install := flags.Bool("install", false, "install what is missing (as root, on Debian or Ubuntu)")
	flags.Usage = func() {
		fmt.Fprintln(t.stderr, "usage: testenv [-install] -- command [argument ...]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return exitUsage
	}
	command := flags.Args()
	if len(command) == 0 {
		flags.Usage()
		return exitUsage
	}

	if err := t.provide(ctx, needs(t.lookup, command), *install); err != nil {
		return t.fail(ctx, err, exitUsage)
	}
	servers, err := t.start(ctx)
	if err != nil {
		return t.fail(ctx, err, 1)
	}
	t.printf("%s", servers.summary)
	env := append(slices.Clone(t.environ), servers.environ...)
	if slices.Contains(command, "-race") {
		env = append(env, "CGO_ENABLED=1") // the race detector is the one reason for a C compiler
	}
	code, err := runCommand(ctx, command, env, t.stdout, t.stderr)
	if err != nil {
		t.printf("%v", err)
	}
	if err := servers.stop(); err != nil {
		t.printf("%v", err)
	}
	return code
}

// lookup is os.LookupEnv on the run's environment.
func (t *testenv) lookup(key string) (string, bool) {
	for _, kv := range slices.Backward(t.environ) {
		if len(kv) > len(key) && kv[len(key)] == '=' && kv[:len(key)] == key {
			return kv[len(key)+1:], true
		}
	}
	return "", false
}

func (t *testenv) printf(format string, args ...any) {
	fmt.Fprintf(t.stderr, "testenv: "+format+"\n", args...)
}

// fail reports err and returns the exit code: that of the signal, if one is the reason.
func (t *testenv) fail(ctx context.Context, err error, code int) int {
	t.printf("%v", err)
	if sig, ok := errors.AsType[signalled](context.Cause(ctx)); ok {
		return 128 + int(sig)
	}
	return code
}
