// Package modelstest gives tests a database of their own, and holds the conformance suite that every engine passes.
package modelstest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"wabagate/models"
	"wabagate/models/migrations"
)

// DatabaseVar names the environment variable with the address of a PostgreSQL on which tests may make databases.
const DatabaseVar = "TEST_DATABASE_URL"

// SQLite is a fresh embedded store.
func SQLite(t testing.TB) *models.Store {
	t.Helper()
	return open(t, models.Options{Dir: t.TempDir()})
}

// Postgres is a store on a fresh, migrated database, which is dropped when the test ends. It skips the test when there
// is no server to make one on.
func Postgres(t testing.TB) *models.Store {
	t.Helper()
	return open(t, models.Options{DatabaseURL: models.Secret(PostgresURL(t)), ApplicationName: "test"})
}

// PostgresURL is the address of a fresh, migrated database, for tests that open it themselves; else as Postgres.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, func(ctx context.Context, admin *pgx.Conn, server *url.URL, name string) error {
		tpl, err := template(ctx, admin, server)
		if err != nil {
			return err
		}
		_, err = admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+tpl)
		return err
	})
}

// EmptyPostgresURL is the address of a fresh database in which nothing is migrated; else as Postgres.
func EmptyPostgresURL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, func(ctx context.Context, admin *pgx.Conn, _ *url.URL, name string) error {
		_, err := admin.Exec(ctx, "CREATE DATABASE "+name)
		return err
	})
}

func open(t testing.TB, o models.Options) *models.Store {
	t.Helper()
	s, err := models.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newDatabase(t testing.TB, create func(ctx context.Context, admin *pgx.Conn, server *url.URL, name string) error) string {
	t.Helper()
	address := os.Getenv(DatabaseVar)
	if address == "" {
		t.Skip(DatabaseVar + " is not set: no PostgreSQL to test on (make test starts one)")
	}
	server, err := url.Parse(address)
	if err != nil || server.Host == "" && server.RawQuery == "" {
		t.Fatalf("%s is not an address like postgres://user@host:5432/postgres", DatabaseVar)
	}
	name := fmt.Sprintf("wabagate_test_%d_%s", os.Getpid(), randomHex())
	// Not the test's context, which has ended when cleanups run.
	do := func(fn func(ctx context.Context, admin *pgx.Conn) error) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		admin, err := pgx.Connect(ctx, address)
		if err != nil {
			return err
		}
		defer func() { _ = admin.Close(ctx) }()
		return fn(ctx, admin)
	}
	if err := do(func(ctx context.Context, admin *pgx.Conn) error { return create(ctx, admin, server, name) }); err != nil {
		t.Fatalf("make a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := do(func(ctx context.Context, admin *pgx.Conn) error {
			_, err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
			return err
		}); err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	return at(server, name)
}

func at(server *url.URL, database string) string {
	u := *server
	u.Path = "/" + database
	return u.String()
}

func randomHex() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

var templateName = sync.OnceValues(func() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrations.Postgres, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := migrations.Postgres.ReadFile(path)
		_, _ = fmt.Fprintf(h, "%s\n%s\n", path, b)
		return err
	})
	return "wabagate_template_" + hex.EncodeToString(h.Sum(nil))[:16], err
})

var templateMade sync.Mutex

// template makes sure that the server has a database with the present migrations, to make others by copying its files.
// It is named after the migrations' content and stays on the server: test processes share it.
func template(ctx context.Context, admin *pgx.Conn, server *url.URL) (string, error) {
	templateMade.Lock()
	defer templateMade.Unlock()
	name, err := templateName()
	if err != nil {
		return "", err
	}
	exists := func() (ok bool, err error) {
		err = admin.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&ok)
		return ok, err
	}
	if ok, err := exists(); ok || err != nil {
		return name, err
	}
	// One process makes it, under another name until it is complete. The lock ends with the connection at the latest.
	const lock = 8_311_207_114
	if _, err := admin.Exec(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		return "", err
	}
	defer func() { _, _ = admin.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lock) }()
	if ok, err := exists(); ok || err != nil {
		return name, err
	}
	draft := strings.Replace(name, "template", "draft", 1)
	if _, err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+draft+" WITH (FORCE)"); err != nil {
		return "", err
	}
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+draft); err != nil {
		return "", err
	}
	if err := migrate(ctx, at(server, draft)); err != nil {
		return "", err
	}
	if _, err := admin.Exec(ctx, "ALTER DATABASE "+draft+" ALLOW_CONNECTIONS false"); err != nil {
		return "", err
	}
	// A backend of the connections just closed may need a moment to be gone.
	for {
		_, err := admin.Exec(ctx, "ALTER DATABASE "+draft+" RENAME TO "+name)
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "55006") {
			return name, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func migrate(ctx context.Context, address string) error {
	s, err := models.Open(ctx, models.Options{DatabaseURL: models.Secret(address)})
	if err != nil {
		return err
	}
	_, err = s.Migrate(ctx)
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	// Each copy is to make keys of its own.
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "DELETE FROM keyring")
	return err
}
