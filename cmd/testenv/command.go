//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// grace is what the command has to end after a signal.
const grace = 10 * time.Second

// runCommand runs the command in a process group of its own and returns its exit code. When ctx ends, the group gets
// the signal that is the cause (else SIGTERM), and SIGKILL after the grace. Nothing of the group is left afterwards.
// The error is for a command that did not run or had to be ended.
func runCommand(ctx context.Context, command, env []string, stdout, stderr io.Writer) (int, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	sig := syscall.SIGTERM
	cmd.Cancel = func() error {
		if s, ok := errors.AsType[signalled](context.Cause(ctx)); ok {
			sig = syscall.Signal(s)
		}
		return syscall.Kill(-cmd.Process.Pid, sig)
	}
	cmd.WaitDelay = grace
	if err := cmd.Start(); err != nil {
		return exitUsage, err
	}
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what the command left running, usually nothing
	if ctx.Err() != nil {
		return 128 + int(sig), fmt.Errorf("%s: ended by a signal: %w", command[0], context.Cause(ctx))
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case ok && status.Signaled():
		return 128 + int(status.Signal()), fmt.Errorf("%s: %w", command[0], err)
	case cmd.ProcessState.ExitCode() != 0:
		return cmd.ProcessState.ExitCode(), nil // the command has said why
	case err != nil:
		return 1, err // its output could not be passed on, or never ended
	default:
		return 0, nil
	}
}
