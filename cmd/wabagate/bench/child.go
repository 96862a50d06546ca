package bench

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is this program run as another process. It dies with ours where the system can arrange that.
type child struct {
	name    string
	process *os.Process
	log     string // file with its error output
	done    chan struct{}
	err     error // how it ended; read only after done
}

// tuning are the settings of the gateway that a run passes on; all others are its own.
var tuning = []string{"WABAGATE_TRANSLATORS", "WABAGATE_COURIERS", "WABAGATE_IN_FLIGHT", "WABAGATE_DB_CONNS"}

// environment is ours without the gateway's settings, plus the given ones.
func environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return key == "DATABASE_URL" || key == "REDIS_URL" || key == "PORT" || strings.HasPrefix(key, "WABAGATE_") && !slices.Contains(tuning, key)
	})
	return append(env, more...)
}

// start runs the program with arguments; out gets its standard output. The wait is in start's goroutine: the kernel
// ties the child to the thread that started it.
func (b *bench) start(name string, out io.Writer, env []string, args ...string) (*child, error) {
	c := &child{name: name, log: filepath.Join(b.dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(b.executable, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.SysProcAttr = environment(env...), out, log, b.dir, attributes()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = log.Close() }()
		err := cmd.Start()
		c.process = cmd.Process
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return c, nil
}

// run runs the program to its end and returns what it printed.
func (b *bench) run(ctx context.Context, name string, env []string, args ...string) (string, error) {
	var out strings.Builder
	c, err := b.start(name, &out, env, args...)
	if err != nil {
		return "", err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		c.kill()
		return "", context.Cause(ctx)
	}
	if c.err != nil {
		return "", c.failure("failed")
	}
	return out.String(), nil
}

func (c *child) pid() int { return c.process.Pid }

func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop asks for an orderly end, and insists after a while.
func (c *child) stop(patience time.Duration) error {
	if c.process.Signal(syscall.SIGTERM) != nil && !c.ended() {
		c.kill() // the system has no such signal
	}
	select {
	case <-c.done:
		if c.err != nil {
			return c.failure("did not end well")
		}
		return nil
	case <-time.After(patience):
		c.kill()
		return c.failure(fmt.Sprintf("had to be killed after %v", patience))
	}
}

func (c *child) kill() {
	_ = c.process.Kill() // ended meanwhile: all the better
	<-c.done
}

// failure says what went wrong, with the end of the log. Call it only once the child ended.
func (c *child) failure(what string) error {
	const tail = 4 << 10
	log, _ := os.ReadFile(c.log)
	if log = log[max(0, len(log)-tail):]; len(log) > 0 {
		return fmt.Errorf("%s %s (%v):\n%s", c.name, what, c.err, strings.TrimSpace(string(log)))
	}
	return fmt.Errorf("%s %s: %v", c.name, what, c.err)
}

// freePort finds a port below the range that outgoing connections get theirs from, of which a run opens many.
func freePort() (string, error) {
	for range 200 {
		port := strconv.Itoa(25_000 + rand.IntN(5_000))
		if l, err := net.Listen("tcp4", net.JoinHostPort(loopback, port)); err == nil {
			return port, l.Close()
		}
	}
	return "", fmt.Errorf("no free port between 25000 and 29999 on %s", loopback)
}

const loopback = "127.0.0.1"
