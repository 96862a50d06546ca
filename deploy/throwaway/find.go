package throwaway

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
)

// ErrMissing says that a program is not installed. The error that wraps it says how to install it.
var ErrMissing = errors.New("not installed")

// versioned are the folders where distributions keep each major version of Postgres, away from PATH.
var versioned = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // Fedora, RHEL
	"/opt/homebrew/opt/postgresql*/bin", // Homebrew on Apple silicon
	"/usr/local/opt/postgresql*/bin",    // Homebrew on Intel
}

// packages are what installs the programs this package needs.
var packages = map[string]struct{ debian, homebrew string }{
	"initdb":       {"postgresql", "postgresql@16"},
	"postgres":     {"postgresql", "postgresql@16"},
	"redis-server": {"redis-server", "redis"},
}

// Find returns the path of a server program: from PATH, else from where distributions keep Postgres, newest version
// first. An error wraps ErrMissing and says what to install.
func Find(name string) (string, error) {
	for _, path := range candidates(name) {
		return path, nil
	}
	return "", missing(name)
}

// findPostgres returns an initdb and the postgres beside it. A postgres on PATH may be of another version than the
// initdb found elsewhere, and would then refuse the cluster.
func findPostgres() (initdb, postgres string, err error) {
	for _, initdb := range candidates("initdb") {
		if real, err := filepath.EvalSymlinks(initdb); err == nil {
			initdb = real
		}
		if postgres, err := exec.LookPath(filepath.Join(filepath.Dir(initdb), "postgres")); err == nil {
			return initdb, postgres, nil
		}
	}
	return "", "", missing("initdb")
}

// candidates lists the executables called name, best first.
func candidates(name string) []string {
	var found []string
	if path, err := exec.LookPath(name); err == nil {
		found = append(found, path)
	}
	var rest []string
	for _, pattern := range versioned {
		dirs, _ := filepath.Glob(pattern) // fails on a malformed pattern only
		for _, dir := range dirs {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				rest = append(rest, path)
			}
		}
	}
	slices.SortStableFunc(rest, func(a, b string) int { return cmp.Compare(major(b), major(a)) })
	return append(found, rest...)
}

var digits = regexp.MustCompile(`\d+`)

// major is the Postgres version in a path such as /usr/lib/postgresql/15/bin/initdb; 0 where there is none.
func major(path string) int {
	n, _ := strconv.Atoi(digits.FindString(path))
	return n
}

func missing(name string) error {
	pkg, known := packages[name]
	switch {
	case !known:
		return fmt.Errorf("%s is %w", name, ErrMissing)
	case runtime.GOOS == "darwin":
		return fmt.Errorf("%s is %w: brew install %s", name, ErrMissing, pkg.homebrew)
	default:
		return fmt.Errorf("%s is %w: apt-get install -y --no-install-recommends %s", name, ErrMissing, pkg.debian)
	}
}
