package fanouttest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

var listening = regexp.MustCompile(`listening on (\d+)|\(http://127\.0\.0\.1:(\d+)\) started`)

// Program runs a receiver written in another language until the test ends and returns its address: the command, in a
// directory, with the secret as WEBHOOK_SECRET in its environment. It has to print "listening on PORT" (as PHP's own server
// does in its words). The test is skipped where the interpreter is missing.
func Program(t *testing.T, dir, secret string, command ...string) string {
	t.Helper()
	program, err := exec.LookPath(command[0])
	if err != nil {
		t.Skipf("%s is not on PATH: the receiver %s is not run", command[0], command[len(command)-1])
	}
	cmd := exec.CommandContext(t.Context(), program, command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret, "PYTHONDONTWRITEBYTECODE=1")
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
	var said bytes.Buffer
	drained := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Wait() // the end of the test's context killed it
		<-drained
		_ = output.Close()
		if t.Failed() {
			t.Logf("%v printed:\n%s", command, said.Bytes()[max(0, said.Len()-2000):])
		}
	})
	port := make(chan string, 1)
	go func() {
		defer close(drained)
		lines := bufio.NewScanner(io.TeeReader(output, &said))
		for lines.Scan() {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case port <- m[1] + m[2]:
				default:
				}
			}
		}
		close(port)
		_, _ = io.Copy(&said, output) // what a scanner does not take: endless lines
	}()
	p, ok := <-port
	if !ok {
		t.Fatalf("%v did not start", command)
	}
	return "http://127.0.0.1:" + p + "/webhooks"
}
