package throwaway

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func contains(err error, part string) bool { return err != nil && strings.Contains(err.Error(), part) }

// install makes empty programs that count as executable.
func install(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, nil, 0o755))
	}
}

// system pretends that root is where programs are installed: root/bin is PATH, root/pg/*/bin has Postgres.
func system(t *testing.T) (root string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	t.Setenv("PATH", filepath.Join(root, "bin"))
	before := versioned
	versioned = []string{filepath.Join(root, "pg/*/bin")}
	t.Cleanup(func() { versioned = before })
	return root
}

func TestFindSaysWhatToInstall(t *testing.T) {
	system(t)
	for name, hint := range map[string]string{"initdb": "postgresql", "redis-server": "redis"} {
		_, err := Find(name)
		if !errors.Is(err, ErrMissing) || !contains(err, "install") || !contains(err, hint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Find("no-such-program"); !errors.Is(err, ErrMissing) {
		t.Errorf("got %v", err)
	}
	if _, _, err := findPostgres(); !errors.Is(err, ErrMissing) {
		t.Errorf("got %v", err)
	}
}

func TestFindPrefersPathThenTheNewestVersion(t *testing.T) {
	root := system(t)
	old, recent := filepath.Join(root, "pg/9/bin/initdb"), filepath.Join(root, "pg/17/bin/initdb")
	// The digits of the temporary directory are not the version, so the pattern is made relative.
	t.Chdir(root)
	versioned = []string{"./pg/*/bin"}
	install(t, old, recent)
	if got, err := Find("initdb"); err != nil || got != "pg/17/bin/initdb" {
		t.Errorf("found %s, %v", got, err)
	}
	onPath := filepath.Join(root, "bin/initdb")
	install(t, onPath)
	if got, err := Find("initdb"); err != nil || got != onPath {
		t.Errorf("found %s, %v", got, err)
	}
}

func TestFindPostgresTakesBothFromOnePlace(t *testing.T) {
	root := system(t)
	dir := filepath.Join(root, "pg/15/bin")
	install(t, filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres"), filepath.Join(root, "bin/postgres"))
	want := []string{filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres")}

	initdb, postgres, err := findPostgres()
	if got := []string{initdb, postgres}; err != nil || !slices.Equal(got, want) {
		t.Errorf("only postgres on PATH: %s, %v", got, err)
	}
	must(t, os.Symlink(want[0], filepath.Join(root, "bin/initdb")))
	initdb, postgres, err = findPostgres()
	if got := []string{initdb, postgres}; err != nil || !slices.Equal(got, want) {
		t.Errorf("initdb linked from PATH: %s, %v", got, err)
	}
}
