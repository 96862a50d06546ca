package throwaway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startLimit = time.Minute            // from start to ready, recovery after a crash included
	stopLimit  = 10 * time.Second       // from the stop signal to the end; killed after that
	pollEvery  = 5 * time.Millisecond   // between two looks whether a server is ready
	relaunch   = 100 * time.Millisecond // between two starts on Resume
	patience   = 10 * time.Second       // how long Resume waits for what a crashed server still holds
	portTries  = 5                      // free ports tried, in case another process takes one before the server
	tailBytes  = 2 << 10                // of the server's log in an error
)

var (
	errExited  = errors.New("ended before it was ready")
	errStopped = errors.New("was stopped for good")
	errRunning = errors.New("is running already")
)

// server is what Postgres and Redis have in common: a directory, a port and a process that comes and goes.
type server struct {
	name    string
	dir     string
	temp    bool // dir is ours, to be removed by Stop
	command func(port int) *exec.Cmd
	ready   func(ctx context.Context, pid int) error // one look; nil once the process pid, and no other, answers
	stop    syscall.Signal                           // asks for an orderly end

	port int // set once, by start

	mu      sync.Mutex
	child   *child // nil while down
	stopped bool   // by Stop
}

// Addr is the host and port of the server; it stays the same over Halt, Kill and Resume.
func (s *server) Addr() string { return address(s.port) }

// Stop ends the server in order and removes its directory if that is a temporary one. Stopping again does nothing.
func (s *server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	err := s.halt()
	if s.temp {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// Halt ends the server in order and keeps its directory, so that Resume can start it again. Halting a server that is
// down does nothing.
func (s *server) Halt() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.halt()
}

// Kill crashes the server (SIGKILL for it and all its processes) and keeps its directory for Resume. Killing a server
// that is down does nothing.
func (s *server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		s.child.kill()
		s.child = nil
	}
	return nil
}

// Signal sends sig to the server's first process. A server that is down gets nothing, which is no error.
func (s *server) Signal(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil {
		return nil
	}
	return s.child.signal(sig)
}

// Running says whether the server runs: it was not ended, and did not end by itself.
func (s *server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child != nil && s.child.running()
}

// Resume starts a halted or killed server again, on the same port and directory, and returns once it is ready.
func (s *server) Resume(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return fmt.Errorf("%s %w", s.name, errStopped)
	}
	if s.child != nil && s.child.running() {
		return fmt.Errorf("%s %w", s.name, errRunning)
	}
	// The backends of a crashed Postgres may hold its shared memory for a moment longer, and it refuses to start
	// until they are gone.
	for deadline := time.Now().Add(patience); ; {
		err := s.launch(ctx)
		if err == nil || !errors.Is(err, errExited) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(relaunch):
		}
	}
}

// start launches the server for the first time; port 0 picks a free one.
func (s *server) start(ctx context.Context, port int) error {
	if port != 0 {
		s.port = port
		err := s.launch(ctx)
		if errors.Is(err, errExited) {
			err = errors.Join(err, checkPort(port)) // taken since it was checked first
		}
		return err
	}
	var err error
	for range portTries {
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.launch(ctx); !errors.Is(err, errExited) {
			return err
		}
	}
	return err
}

// launch starts the process and waits until it is ready. On failure nothing keeps running.
func (s *server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	defer log.Close()
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}

	cmd := s.command(s.port)
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = log, log
	c, err := startChild(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	for {
		look := s.ready(ctx, c.process.Pid)
		if look == nil && c.running() {
			s.child = c
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s on port %d %w: %v%s", s.name, s.port, errExited, c.err, s.logSince(before))
		case <-ctx.Done():
			c.kill()
			return fmt.Errorf("%s on port %d is not ready: %w: %v%s",
				s.name, s.port, context.Cause(ctx), look, s.logSince(before))
		case <-time.After(pollEvery):
		}
	}
}

func (s *server) halt() error {
	c := s.child
	if c == nil {
		return nil
	}
	s.child = nil
	if err := c.signal(s.stop); err != nil {
		c.kill()
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	if !c.ended(stopLimit) {
		c.kill()
		return fmt.Errorf("stop %s: had to be killed after %s%s", s.name, stopLimit, s.logSince(0))
	}
	return nil
}

func (s *server) logPath() string { return filepath.Join(s.dir, s.name+".log") }

// logSince returns the end of what the server logged after an offset, ready to be appended to an error.
func (s *server) logSince(offset int64) string {
	log, err := os.ReadFile(s.logPath())
	if err != nil || int64(len(log)) <= offset {
		return ""
	}
	log = log[offset:]
	return "\n" + strings.TrimSpace(string(log[max(0, len(log)-tailBytes):]))
}

// openDir prepares a server's directory: dir, else a new temporary one. Either is private to the identity.
func openDir(dir, name string, as *identity) (path string, temp bool, err error) {
	if temp = dir == ""; temp {
		dir, err = os.MkdirTemp("", "wabagate-"+name+"-")
	} else if dir, err = filepath.Abs(dir); err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", false, fmt.Errorf("directory of %s: %w", name, err)
	}
	if as == nil {
		return dir, temp, nil
	}
	if err := os.Chown(dir, int(as.uid), int(as.gid)); err != nil {
		if temp {
			_ = os.RemoveAll(dir) // the first error tells more
		}
		return "", false, fmt.Errorf("directory of %s: %w", name, err)
	}
	return dir, temp, nil
}
