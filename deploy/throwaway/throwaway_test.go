package throwaway

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// setup skips where a server is not installed and bounds the test.
func setup(t *testing.T, program string) context.Context {
	t.Helper()
	t.Parallel()
	if _, err := Find(program); errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// openTempDir is a directory that the user of Postgres can reach too, which t.TempDir is not when we are root.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wabagate-throwaway-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func listening(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// downs are the ways to take a server away such that Resume can bring it back.
var downs = []struct {
	name string
	do   func(*server) error
}{
	{"halt", (*server).Halt},
	{"kill", (*server).Kill},
}
