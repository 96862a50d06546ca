package fanouttest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

var listening = regexp.MustCompile(`listening on (\d+)|\(http://127\.0\.0\.1:(\d+)\) started`)

// Program runs a receiver written in another language until the test ends and returns its address: the command, in a
// directory, with the secret as WEBHOOK_SECRET in its environment. It has to print "listening on PORT" (as PHP's own server
// does in its words). The test is skipped where the interpreter is missing.
func Program(t *testing.T, dir, secret string, command ...string) string {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skipf("%s is not on PATH: the receiver %s is not run", command[0], command[len(command)-1])
	}
	return Start(t, dir, []string{"WEBHOOK_SECRET=" + secret}, command...).URL
}

// Running is a receiver in a process of its own.
type Running struct {
	URL string // with the path /webhooks

	mu   sync.Mutex
	said bytes.Buffer
}

// Start runs a receiver as Program does, with more in its environment than this process has. It fails the test when the
// receiver does not start.
func Start(t *testing.T, dir string, environ []string, command ...string) *Running {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1"), environ...)
	output, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = input, input
	err = cmd.Start()
	_ = input.Close() // the receiver has its own
	if err != nil {
		t.Fatal(err)
	}
	r := &Running{}
	drained := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Wait() // the end of the test's context killed it
		<-drained
		_ = output.Close()
		if t.Failed() {
			said := r.Printed()
			t.Logf("%v printed:\n%s", command, said[max(0, len(said)-2000):])
		}
	})
	port := make(chan string, 1)
	go func() {
		defer close(drained)
		lines := bufio.NewScanner(io.TeeReader(output, r))
		for lines.Scan() {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case port <- m[1] + m[2]:
				default:
				}
			}
		}
		close(port)
		_, _ = io.Copy(r, output) // what a scanner does not take: endless lines
	}()
	p, ok := <-port
	if !ok {
		t.Fatalf("%v did not start", command)
	}
	r.URL = "http://127.0.0.1:" + p + "/webhooks"
	return r
}

// Write takes what the receiver prints.
func (r *Running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.Write(p)
}

// Printed is all that the receiver has printed so far, on both outputs.
func (r *Running) Printed() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.String()
}

// WaitPrinted returns once the receiver has printed a text, and fails the test after the limit.
func (r *Running) WaitPrinted(t testing.TB, text string, limit time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(limit); !strings.Contains(r.Printed(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the receiver did not print %q within %s", text, limit)
		}
	}
}
