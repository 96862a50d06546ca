//go:build unix

package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// steppedClock is the wall clock of a program that was built to have one: all of the process sees it, libraries
// included, while the monotonic clock goes on as it does when a machine's clock is set.
type steppedClock struct {
	program string
	file    string // says by how many seconds the clock is ahead
}

//go:embed inject/step.go.txt
var stepSource []byte

// nowLine is where package time reads the wall clock.
const nowLine = "	sec, nsec, mono := runtimeNow()\n	if mono == 0 {"

// newSteppedClock builds the program with a package time that adds the step. The program's own code has no such switch:
// the compiler is shown other files in place of two of the standard library's (go build -overlay).
func newSteppedClock(ctx context.Context, dir string) (steppedClock, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return steppedClock{}, fmt.Errorf("build a program with a clock of its own: %w", err)
	}
	library := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	source, err := os.ReadFile(filepath.Join(library, "time.go"))
	if err != nil {
		return steppedClock{}, err
	}
	changed, err := withStep(source)
	if err != nil {
		return steppedClock{}, err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(library, "time.go"): filepath.Join(dir, "time.go"), filepath.Join(library, "step.go"): filepath.Join(dir, "step.go")}})
	if err != nil {
		return steppedClock{}, err
	}
	for name, content := range map[string][]byte{"time.go": changed, "step.go": stepSource, "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return steppedClock{}, err
		}
	}
	c := steppedClock{program: filepath.Join(dir, "wabagate-stepped"), file: filepath.Join(dir, "clock")}
	if err := build(ctx, c.program, "-overlay", filepath.Join(dir, "overlay.json")); err != nil {
		return steppedClock{}, err
	}
	return c, c.step(0)
}

// withStep puts the step into the source of package time.
func withStep(source []byte) ([]byte, error) {
	if bytes.Count(source, []byte(nowLine)) != 1 {
		return nil, errors.New("this version of Go reads the wall clock in another way than expected: the clock rows need a look at nowLine")
	}
	first, rest, _ := strings.Cut(nowLine, "\n")
	return bytes.Replace(source, []byte(nowLine), []byte(first+"\n	sec += step.Load()\n"+rest), 1), nil
}

func (c steppedClock) environ() []string { return []string{"WABAGATE_TEST_CLOCK=" + c.file} }

// step sets the clock ahead of the real time, or behind it. It shows within a moment.
func (c steppedClock) step(by time.Duration) error {
	next := c.file + ".next"
	if err := os.WriteFile(next, []byte(strconv.FormatInt(int64(by/time.Second), 10)), 0o600); err != nil {
		return err
	}
	return os.Rename(next, c.file)
}

// build builds the product's program.
func build(ctx context.Context, path string, flags ...string) error {
	args := append(append([]string{"build"}, flags...), "-o", path, "wabagate/cmd/wabagate")
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build wabagate (the harness builds it from the repository that it runs in): %w\n%s", err, out)
	}
	return nil
}
