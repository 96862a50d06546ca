package throwaway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// PostgresOptions say how to start a Postgres. The zero value is a fast one on a free port that forgets everything.
type PostgresOptions struct {
	// Dir holds the cluster and the log, and is kept; a cluster found there is used. Empty: a temporary directory that
	// Stop removes. When we are root the server runs as postgres or nobody, who must be able to reach Dir.
	Dir string
	// Durable leaves Postgres its own durability: a commit is on disk before it is answered. False: no fsync, no
	// synchronous commit, no full page writes, which is several times faster and survives Halt, but perhaps not Kill.
	Durable bool
	// Port on loopback; 0: a free one.
	Port int
	// Settings are further server settings, such as max_connections; they win over the ones made here.
	Settings map[string]string
	// Environ is added to the server's environment, as "KEY=value".
	Environ []string
}

// Postgres is a running throw-away Postgres.
type Postgres struct{ server }

// StartPostgres makes a cluster and starts a server on it, and returns once that accepts connections. ctx bounds the
// start only: the server runs until Stop.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	initdb, postgres, err := findPostgres()
	if err != nil {
		return nil, err
	}
	if err := checkPort(o.Port); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	as, err := unprivileged()
	if err != nil {
		return nil, fmt.Errorf("start postgres: root may not run it, and no other user was found: %w", err)
	}
	dir, temp, err := openDir(o.Dir, "postgres", as)
	if err != nil {
		return nil, err
	}

	p := &Postgres{server{name: "postgres", dir: dir, temp: temp, stop: syscall.SIGINT}}
	p.ready = p.answer
	p.command = func(port int) *exec.Cmd {
		cmd := exec.Command(postgres, o.arguments(filepath.Join(dir, "data"), port)...)
		cmd.Env = append(environment(), o.Environ...)
		// SIGQUIT ends Postgres at once, too, but lets it release its shared memory.
		cmd.SysProcAttr = attributes(as, syscall.SIGQUIT)
		return cmd
	}
	if err := makeCluster(ctx, initdb, dir, as); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	if err := p.start(ctx, o.Port); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// URL addresses the maintenance database as its superuser.
func (p *Postgres) URL() string {
	return "postgres://postgres@" + p.Addr() + "/postgres?sslmode=disable"
}

// answer connects once. A server that is still recovering listens already but refuses the session. Whose server it is
// that answers, the lock file says: Postgres writes it before it listens, and gives up if it cannot listen.
func (p *Postgres) answer(ctx context.Context, pid int) error {
	lock, err := os.ReadFile(filepath.Join(p.dir, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(lock)), "\n")
	if status := strings.TrimSpace(lines[len(lines)-1]); lines[0] != strconv.Itoa(pid) || status != "ready" {
		return fmt.Errorf("postgres %s is %q", lines[0], status)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, p.URL())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// arguments is the command line of the server. No file of the cluster is edited, so that another start on the same
// directory may choose otherwise.
func (o PostgresOptions) arguments(data string, port int) []string {
	settings := map[string]string{
		"listen_addresses":        host,
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": "",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
	}
	if !o.Durable {
		settings["fsync"] = "off"
		settings["synchronous_commit"] = "off"
		settings["full_page_writes"] = "off"
	}
	maps.Copy(settings, o.Settings)
	args := []string{"-D", data}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", key+"="+settings[key])
	}
	return args
}

// makeCluster runs initdb unless dir holds a cluster already.
func makeCluster(ctx context.Context, initdb, dir string, as *identity) error {
	data := filepath.Join(dir, "data")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return nil
	}
	var output strings.Builder
	// --no-sync: what initdb writes is gone anyway if the machine goes down during a test.
	cmd := exec.Command(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.Dir = dir
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = attributes(as, syscall.SIGKILL)
	if err := run(ctx, cmd); err != nil {
		return fmt.Errorf("initdb in %s: %w\n%s", data, err, strings.TrimSpace(output.String()))
	}
	return nil
}

// environment is ours without what would steer Postgres (PGPORT, PGDATA, PGTZ, …) and with a locale that every
// system has.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "PG") })
	return append(env, "LC_ALL=C", "TZ=UTC")
}
