package throwaway

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// identity is the user that a server runs as; nil stands for ourselves.
type identity struct{ uid, gid uint32 }

// child is one server process. It is reaped as soon as it ends, whoever ended it.
type child struct {
	process *os.Process
	done    chan struct{} // closed once the process is reaped
	err     error         // how it ended; read only after done
}

// startChild starts cmd such that it dies with this process.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ties the child to this thread, so the thread has to stay until the child is gone: see doc.go.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		c.process = cmd.Process
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

func (c *child) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// ended reports whether the child ends within d.
func (c *child) ended(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-timer.C:
		return false
	}
}

// signal sends sig to the process alone. A process that has ended already is no error.
func (c *child) signal(sig os.Signal) error {
	if err := c.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// kill ends the process and everything it started, at once, and waits until it is reaped.
func (c *child) kill() {
	if c.running() {
		killTree(c.process.Pid)
	}
	<-c.done
}

// run starts cmd and waits for its end, or kills it when ctx ends.
func run(ctx context.Context, cmd *exec.Cmd) error {
	c, err := startChild(cmd)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		c.kill()
		return context.Cause(ctx)
	}
}
