package throwaway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// query runs sql and returns the first column of the last row.
func query(ctx context.Context, t *testing.T, p *Postgres, sql string) string {
	t.Helper()
	conn, err := pgconn.Connect(ctx, p.URL())
	must(t, err)
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, sql).ReadAll()
	must(t, err)
	if last := results[len(results)-1]; len(last.Rows) > 0 {
		return string(last.Rows[0][0])
	}
	return ""
}

func startPostgres(ctx context.Context, t *testing.T, o PostgresOptions) *Postgres {
	t.Helper()
	p, err := StartPostgres(ctx, o)
	must(t, err)
	t.Cleanup(func() { must(t, p.Stop()) })
	return p
}

func TestPostgresKeepsItsDataWhileDown(t *testing.T) {
	ctx := setup(t, "initdb")
	p := startPostgres(ctx, t, PostgresOptions{Durable: true})
	query(ctx, t, p, "CREATE TABLE t (v text)")
	for _, down := range downs {
		query(ctx, t, p, "TRUNCATE t; INSERT INTO t VALUES ('"+down.name+"')")
		// A session that is in the middle of something must not keep the server from ending or coming back.
		busy, err := pgconn.Connect(ctx, p.URL())
		must(t, err)
		sleeping := busy.Exec(ctx, "SELECT pg_sleep(60)")

		url := p.URL()
		must(t, down.do(&p.server))
		must(t, down.do(&p.server)) // down already: nothing to do
		if listening(address(p.port)) {
			t.Errorf("%s: something still listens", down.name)
		}
		if err := sleeping.Close(); err == nil {
			t.Errorf("%s: a session survived", down.name)
		}
		began := time.Now()
		must(t, p.Resume(ctx))
		t.Logf("resumed in %s after %s", time.Since(began).Round(time.Millisecond), down.name)
		if p.URL() != url {
			t.Errorf("%s: moved from %s to %s", down.name, url, p.URL())
		}
		if got := query(ctx, t, p, "SELECT v FROM t"); got != down.name {
			t.Errorf("%s: read %q", down.name, got)
		}
	}
	if err := p.Resume(ctx); !errors.Is(err, errRunning) {
		t.Errorf("resumed a running server: %v", err)
	}
}

func TestPostgresSettings(t *testing.T) {
	ctx := setup(t, "initdb")
	for _, tt := range []struct {
		name string
		o    PostgresOptions
		want map[string]string
	}{
		{"fast", PostgresOptions{}, map[string]string{"fsync": "off", "synchronous_commit": "off"}},
		{"durable", PostgresOptions{Durable: true}, map[string]string{"fsync": "on", "synchronous_commit": "on"}},
		{"own", PostgresOptions{Settings: map[string]string{"max_connections": "33", "fsync": "on"}},
			map[string]string{"fsync": "on", "max_connections": "33", "TimeZone": "UTC", "server_encoding": "UTF8"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := startPostgres(ctx, t, tt.o)
			for setting, want := range tt.want {
				if got := query(ctx, t, p, "SHOW "+setting); got != want {
					t.Errorf("%s is %q, want %q", setting, got, want)
				}
			}
		})
	}
}

func TestPostgresDirectory(t *testing.T) {
	ctx := setup(t, "initdb")

	t.Run("temporary", func(t *testing.T) {
		t.Parallel()
		p, err := StartPostgres(ctx, PostgresOptions{})
		must(t, err)
		must(t, p.Stop())
		if _, err := os.Stat(p.dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", p.dir, err)
		}
		must(t, p.Stop())
		if err := p.Resume(ctx); !errors.Is(err, errStopped) {
			t.Errorf("resumed after Stop: %v", err)
		}
	})

	t.Run("given", func(t *testing.T) {
		t.Parallel()
		o := PostgresOptions{Dir: filepath.Join(openTempDir(t), "pg"), Durable: true}
		p, err := StartPostgres(ctx, o)
		must(t, err)
		query(ctx, t, p, "CREATE TABLE kept (v text)")
		must(t, p.Stop())
		p = startPostgres(ctx, t, o)
		if got := query(ctx, t, p, "SELECT to_regclass('kept')"); got != "kept" {
			t.Errorf("found %q", got)
		}
	})
}

func TestPostgresFailsClearly(t *testing.T) {
	ctx := setup(t, "initdb")

	t.Run("port taken", func(t *testing.T) {
		t.Parallel()
		p := startPostgres(ctx, t, PostgresOptions{})
		if _, err := StartPostgres(ctx, PostgresOptions{Port: p.port}); !errors.Is(err, ErrPortTaken) {
			t.Errorf("got %v", err)
		}
	})

	t.Run("bad setting", func(t *testing.T) {
		t.Parallel()
		dir := openTempDir(t)
		_, err := StartPostgres(ctx, PostgresOptions{Dir: dir, Settings: map[string]string{"no_such_setting": "1"}})
		if !errors.Is(err, errExited) {
			t.Fatalf("got %v", err)
		}
		if !contains(err, "no_such_setting") {
			t.Errorf("the server's own words are missing: %v", err)
		}
	})

	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := StartPostgres(ctx, PostgresOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
