//go:build unix

package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// slowDisk makes every flush of the database take long. On Linux with a C compiler, a library loaded before the C library sleeps
// in fsync and fdatasync for as long as a file is there; else the database itself delays its commits (commit_delay).
type slowDisk struct {
	library string // empty: none
	marker  string
}

//go:embed inject/slowdisk.c
var slowDiskSource []byte

// newSlowDisk compiles the library into dir, if there is a compiler.
func newSlowDisk(ctx context.Context, dir string) (slowDisk, error) {
	compiler, err := exec.LookPath("cc")
	if err != nil || runtime.GOOS != "linux" {
		return slowDisk{}, nil
	}
	d := slowDisk{library: filepath.Join(dir, "slowdisk.so"), marker: filepath.Join(dir, "slow")}
	source := filepath.Join(dir, "slowdisk.c")
	if err := os.WriteFile(source, slowDiskSource, 0o644); err != nil {
		return slowDisk{}, err
	}
	out, err := exec.CommandContext(ctx, compiler, "-shared", "-fPIC", "-O1", "-o", d.library, source, "-ldl").CombinedOutput()
	if err != nil {
		return slowDisk{}, fmt.Errorf("compile the slow disk: %w\n%s", err, out)
	}
	return d, os.Chmod(d.library, 0o755)
}

// environ lets the database have the disk.
func (d slowDisk) environ() []string {
	if d.library == "" {
		return nil
	}
	return []string{"LD_PRELOAD=" + d.library, "SLOWDISK=" + d.marker}
}

// how says which of the two ways it is.
func (d slowDisk) how() string {
	if d.library == "" {
		return "commit_delay 100 ms"
	}
	return "fsync and fdatasync take 200 ms longer"
}

// set makes the disk slow, and makes sure that the database feels it.
func (d slowDisk) set(ctx context.Context, db *database) error {
	if err := d.slow(ctx, db); err != nil {
		return err
	}
	began := time.Now()
	if _, err := db.pool.Exec(ctx, "SELECT pg_logical_emit_message(true, 'chaos', '')"); err != nil { // a commit that has to be flushed
		return err
	}
	if took := time.Since(began); took < 100*time.Millisecond {
		return fmt.Errorf("a commit took %s: the disk is not slow", took)
	}
	return nil
}

func (d slowDisk) slow(ctx context.Context, db *database) error {
	if d.library != "" {
		return os.WriteFile(d.marker, nil, 0o644)
	}
	return db.configure(ctx, "ALTER SYSTEM SET commit_delay = 100000", "ALTER SYSTEM SET commit_siblings = 0")
}

func (d slowDisk) fast(ctx context.Context, db *database) error {
	if d.library != "" {
		return os.Remove(d.marker)
	}
	return db.configure(ctx, "ALTER SYSTEM RESET commit_delay", "ALTER SYSTEM RESET commit_siblings")
}
