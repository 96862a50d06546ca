package throwaway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const orphanEnv = "WABAGATE_THROWAWAY_PARENT"

// TestServersDieWithTheirParent runs this test again in a process of its own, which starts both servers, prints
// their addresses and waits to be killed.
func TestServersDieWithTheirParent(t *testing.T) {
	if dir := os.Getenv(orphanEnv); dir != "" {
		parent(t, dir)
		return
	}
	ctx := setup(t, "initdb")
	setupRedis(t)
	program, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(ctx, program, "-test.run=^TestServersDieWithTheirParent$")
	cmd.Env = append(os.Environ(), orphanEnv+"="+openTempDir(t))
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())

	lines := bufio.NewScanner(out)
	var addrs []string
	for len(addrs) < 2 && lines.Scan() {
		if addr, found := strings.CutPrefix(lines.Text(), "started "); found {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) < 2 {
		t.Fatal("the parent did not start its servers")
	}
	for _, addr := range addrs {
		if !listening(addr) {
			t.Errorf("nothing listens on %s", addr)
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	deadline := time.Now().Add(20 * time.Second)
	for _, addr := range addrs {
		for listening(addr) {
			if time.Now().After(deadline) {
				t.Fatalf("%s outlived its parent", addr)
			}
			time.Sleep(pollEvery)
		}
	}
}

func setupRedis(t *testing.T) {
	t.Helper()
	if _, err := Find("redis-server"); errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
}

func parent(t *testing.T, dir string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := StartPostgres(ctx, PostgresOptions{Dir: filepath.Join(dir, "pg")})
	must(t, err)
	defer p.Stop()
	r, err := StartRedis(ctx, RedisOptions{Dir: filepath.Join(dir, "redis")})
	must(t, err)
	defer r.Stop()
	fmt.Printf("started %s\nstarted %s\n", address(p.port), r.Addr())
	<-ctx.Done()
}
