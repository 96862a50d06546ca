//go:build unix

// Command chaos breaks a running gateway in every way that it promises to survive, and counts what became of what it
// had accepted:
//
//	go run ./cmd/chaos [-quick] [-only name,name] [-o file.md]
//
// It starts a throw-away PostgreSQL (durable) and Redis (append-only file), two ingresses, an API and three workers as
// processes of their own, and receivers. For each fault it posts signed callbacks at a bounded rate, injects the fault in
// the middle, heals it, waits until all is settled, and judges a ledger of what was sent and what arrived by invariants,
// by id. The result is a matrix, fault × invariant, in Markdown; it exits 1 when any cell does not hold, and names the
// first offenders, 2 when it cannot run.
//
// A row is a value in faults, a column one in invariants, which are pure functions over the ledger. Receivers that
// misbehave stand beside healthy ones in every row, on a second number with little traffic; so do one that refuses some
// events once, and, on a number of the row's own, webhooks that lead to forbidden addresses.
//
// Everything is started on loopback and ends with the command, however that ends (on Linux also by kill -9); directories
// are removed unless it is killed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	exitBroken = 1 // an invariant does not hold
	exitUsage  = 2 // something has to be changed before it can run
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options say what to run.
type options struct {
	faults  []fault
	full    bool          // the whole matrix
	around  time.Duration // traffic before and after each fault
	rate    int           // callbacks per second
	program string        // of the gateway; empty: it is built
	logs    string        // directory that keeps what the processes log; empty: none does
	// say tells of the progress; one line.
	say func(format string, args ...any)
}

// command runs the matrix that args ask for and returns the exit code.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "the reduced matrix, in under a minute")
	only := flags.String("only", "", "only these faults, by name, separated by commas")
	out := flags.String("o", "", "write the matrix to this file, too")
	o := options{}
	flags.IntVar(&o.rate, "rate", 150, "callbacks per second")
	flags.StringVar(&o.program, "wabagate", "", "the gateway's program (default: it is built)")
	flags.StringVar(&o.logs, "logs", "", "keep what the processes log in this directory")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return exitUsage
	}
	began := time.Now()
	o.say = func(format string, args ...any) {
		fmt.Fprintf(stderr, "%7s  %s\n", time.Since(began).Round(100*time.Millisecond), fmt.Sprintf(format, args...))
	}
	m, err := prepare(&o, *quick, *only, flags.NArg())
	if err == nil {
		err = m.run(ctx, o)
	}
	if len(m.rows) > 0 {
		m.command = strings.Join(append([]string{"chaos"}, args...), " ")
		if writeErr := m.publish(stdout, *out); err == nil {
			err = writeErr
		}
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "chaos:", err)
		return exitUsage
	case m.broken():
		return exitBroken
	}
	return 0
}

func prepare(o *options, quick bool, only string, more int) (m matrix, err error) {
	if more > 0 {
		return m, errors.New("there are no arguments but flags; see -help")
	}
	if o.rate < 1 || o.rate > 10_000 {
		return m, errors.New("-rate: expected 1 to 10000 callbacks per second")
	}
	for _, path := range []*string{&o.program, &o.logs} {
		if *path != "" {
			if *path, err = filepath.Abs(*path); err != nil {
				return m, err
			}
		}
	}
	if o.around = around; quick {
		o.around = aroundQuick
	}
	o.full = !quick && only == ""
	o.faults, err = choose(faults(), quick, only)
	m.leftActive = -1
	return m, err
}

// run fills the matrix row by row. What it has when ctx ends, it keeps.
func (m *matrix) run(ctx context.Context, o options) (err error) {
	o.say("starting the stores, the gateway and the receivers")
	e, err := newEnvironment(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := e.close(); err == nil {
			err = closeErr
		}
	}()
	m.setting = e.setting(o)
	for i, f := range o.faults {
		o.say("%d of %d: %s", i+1, len(o.faults), f.title)
		r, err := e.run(ctx, o, f, e.walls[i], fmt.Sprintf("%c%s", 'a'+i, letters(5)))
		if err != nil {
			return err
		}
		o.say("  settled in %s: %s", r.settled.Round(100*time.Millisecond), r.line())
		m.rows = append(m.rows, r)
		if err := e.revive(ctx); err != nil {
			return err
		}
	}
	if !o.full {
		return nil
	}
	o.say("waiting for the leases of killed workers to lapse")
	m.leftActive, err = e.awaitLeases(ctx)
	return err
}

// line says how a row went.
func (r row) line() string {
	var parts []string
	for i, one := range invariants() {
		if v := r.verdicts[i]; len(v.broken) > 0 {
			parts = append(parts, fmt.Sprintf("✗ %s (%d, such as: %s)", one.name, len(v.broken), v.broken[0]))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("✓ (%d callbacks, %s arrived)", r.ledger.callbacks, r.verdicts[0].count)
	}
	return strings.Join(parts, "; ")
}

// setting says what a run ran on.
func (e *environment) setting(o options) string {
	return fmt.Sprintf("%d ingresses, an API and %d workers, PostgreSQL (durable) and Redis (append-only file, flushed every second) "+
		"on one machine with %d cores (%s/%s, %s), %d callbacks per second, %d webhooks in each row; slow disk: %s",
		ingressCount, workerCount, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), o.rate, len(e.hooks)+len(e.walls[0].hooks), e.disk.how())
}

// publish writes the matrix to w and, unless path is empty, to a file.
func (m matrix) publish(w io.Writer, path string) error {
	if err := m.write(w); err != nil || path == "" {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(m.write(f), f.Close())
}

// letters are n random ones.
func letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rand.IntN(26))
	}
	return string(b)
}
