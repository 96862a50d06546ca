//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"wabagate/deploy/throwaway"
)

const (
	ingressCount = 2
	workerCount  = 3
	// connectionsEach is WABAGATE_DB_CONNS of each process; all together stay below what the database gives.
	connectionsEach = 6
	maxConnections  = 100
)

// environment is everything that runs: stores, processes, receivers and traps. All rows share one.
type environment struct {
	dir     string // holds all that goes to disk
	program string
	disk    slowDisk
	clock   steppedClock // zero when no row steps it

	postgres  *throwaway.Postgres
	redis     *throwaway.Redis
	db        *database
	queue     queue
	ingresses []*throwaway.Program
	api       *throwaway.Program
	workers   []*throwaway.Program

	receivers []*receiver
	traps     *traps
	hooks     []hook
	walls     []wall    // one for each row
	orderless bool      // the gateway keeps no order, whoever asks
	numbers   [2]string // phone number ids: the main and the side one
	business  int64
	secret    string
	key       string // of the API

	closers []func() error
}

// newEnvironment starts everything. Whatever was started ends with close, also when this fails.
func newEnvironment(ctx context.Context, o options) (e *environment, err error) {
	e = &environment{program: o.program, numbers: [2]string{"600700800900100", "600700800900200"}, secret: "app-secret-of-the-matrix"}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if e.dir, err = os.MkdirTemp("", "wabagate-chaos-"); err != nil {
		return e, err
	}
	e.onClose(func() error { return os.RemoveAll(e.dir) })
	if err := os.Chmod(e.dir, 0o755); err != nil { // when we are root, the database runs as someone else
		return e, err
	}
	if e.program == "" {
		e.program = filepath.Join(e.dir, "wabagate")
		if err := build(ctx, e.program); err != nil {
			return e, err
		}
	}
	if slices.ContainsFunc(o.faults, func(f fault) bool { return f.clock }) {
		o.say("building a worker whose clock can be stepped")
		if e.clock, err = newSteppedClock(ctx, e.dir); err != nil {
			return e, err
		}
	}
	for _, step := range []func(context.Context, options) error{e.startStores, e.startPrograms, e.startReceivers} {
		if err := step(ctx, o); err != nil {
			return e, err
		}
	}
	return e, nil
}

func (e *environment) onClose(fn func() error) { e.closers = append(e.closers, fn) }

// close ends everything, last made first.
func (e *environment) close() error {
	var errs []error
	for _, fn := range slices.Backward(e.closers) {
		errs = append(errs, fn())
	}
	e.closers = nil
	return errors.Join(errs...)
}

func (e *environment) startStores(ctx context.Context, _ options) (err error) {
	if e.disk, err = newSlowDisk(ctx, e.dir); err != nil {
		return err
	}
	e.postgres, err = throwaway.StartPostgres(ctx, throwaway.PostgresOptions{Durable: true, Environ: e.disk.environ(),
		Settings: map[string]string{"max_connections": strconv.Itoa(maxConnections)}})
	if err != nil {
		return err
	}
	e.onClose(e.postgres.Stop)
	if e.redis, err = throwaway.StartRedis(ctx, throwaway.RedisOptions{AOF: true}); err != nil {
		return err
	}
	e.onClose(e.redis.Stop)
	if e.db, err = openDatabase(ctx, e.postgres.URL()); err != nil {
		return err
	}
	e.onClose(func() error { e.db.pool.Close(); return nil })
	if e.queue, err = openQueue(e.redis.URL()); err != nil {
		return err
	}
	e.onClose(e.queue.client.Close)
	return nil
}

// environ is the environment of a process of the gateway. Nothing of ours gets in but what Go programs need.
func (e *environment) environ(port int) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "PORT=" + strconv.Itoa(port), "WABAGATE_HOST=" + loopback,
		"DATABASE_URL=" + e.postgres.URL(), "REDIS_URL=" + e.redis.URL(), "WABAGATE_ALLOW_PRIVATE=" + loopback + "/32",
		"WABAGATE_DB_CONNS=" + strconv.Itoa(connectionsEach), "WABAGATE_LOG_LEVEL=warn", "WABAGATE_MASTER_KEY=master key of the matrix"}
}

func (e *environment) startPrograms(ctx context.Context, o options) error {
	if _, err := e.command(ctx, "migrate"); err != nil {
		return err
	}
	out, err := e.command(ctx, "admin", "bootstrap", "--json", "--business", "Matrix", "--email", "owner@example.com", "--password", "correct horse",
		"--app", "matrix", "--app-secret", e.secret, "--verify-token", "token", "--phone-number-id", e.numbers[0], "--display-number", "15550100200")
	if err != nil {
		return err
	}
	var made struct {
		BusinessID int64  `json:"business_id"`
		APIKey     string `json:"api_key"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		return fmt.Errorf("admin bootstrap printed something else than expected: %w", err)
	}
	e.key, e.business = made.APIKey, made.BusinessID
	serve := func(name, role, program string, environ ...string) (*throwaway.Program, error) {
		p, err := throwaway.StartProgram(ctx, throwaway.ProgramOptions{Name: name, Path: program, Args: []string{"serve", "--roles", role}, Ready: "/readyz",
			Dir: o.logs, Environ: func(port int) []string { return append(e.environ(port), environ...) }})
		if err == nil {
			e.onClose(func() error { return errors.Join(p.Kill(), p.Stop()) }) // nothing of it is wanted any more
		}
		return p, err
	}
	for i := range ingressCount {
		p, err := serve(fmt.Sprintf("ingress-%d", i), "ingress", e.program)
		if err != nil {
			return err
		}
		e.ingresses = append(e.ingresses, p)
	}
	if e.api, err = serve("api", "api", e.program); err != nil {
		return err
	}
	for i := range workerCount {
		program, environ := e.program, []string(nil)
		if i == workerCount-1 && e.clock.program != "" {
			program, environ = e.clock.program, e.clock.environ()
		}
		p, err := serve(fmt.Sprintf("worker-%d", i), "worker", program, environ...)
		if err != nil {
			return err
		}
		e.workers = append(e.workers, p)
	}
	return nil
}

// programs are all processes of the gateway.
func (e *environment) programs() []*throwaway.Program {
	return slices.Concat(e.ingresses, []*throwaway.Program{e.api}, e.workers)
}

// ended names the processes that do not run.
func (e *environment) ended() []string {
	var names []string
	for _, p := range e.programs() {
		if !p.Running() {
			names = append(names, p.Name())
		}
	}
	return names
}

// revive starts the processes that do not run.
func (e *environment) revive(ctx context.Context) error {
	for _, p := range e.programs() {
		if !p.Running() {
			if err := p.Resume(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// command runs another command of the program and returns what it printed.
func (e *environment) command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, e.program, args...)
	cmd.Env = e.environ(8080)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("wabagate %s: %w: %s", strings.Join(args[:min(2, len(args))], " "), err, stderr.String())
	}
	return out, nil
}

// sleep waits, unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
