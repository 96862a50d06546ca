package models_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

func TestMigratePostgres(t *testing.T) {
	t.Parallel()
	s, ctx := open(t, models.Options{DatabaseURL: models.Secret(modelstest.EmptyPostgresURL(t)), MasterKey: "m"}), t.Context()
	if pending := must[bool](t)(s.Pending(ctx)); !pending {
		t.Fatal("nothing pending in an empty database")
	}
	applied := must[[]string](t)(s.Migrate(ctx))
	if len(applied) == 0 || !strings.HasSuffix(applied[0], ".sql") {
		t.Fatalf("applied %v", applied)
	}
	if pending := must[bool](t)(s.Pending(ctx)); pending {
		t.Fatal("still pending")
	}
	if again := must[[]string](t)(s.Migrate(ctx)); len(again) != 0 {
		t.Fatalf("applied again %v", again)
	}
	furnish(t, s, 1) // usable without being opened again
	if !s.KeysProtected() {
		t.Error("the master key was forgotten")
	}
}

func TestMigrateSQLite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "da#ta?x %41", "deeper")
	for range 2 {
		s := open(t, models.Options{Dir: dir})
		if pending := must[bool](t)(s.Pending(t.Context())); pending {
			t.Fatal("the embedded database is not migrated")
		}
		if again := must[[]string](t)(s.Migrate(t.Context())); len(again) != 0 {
			t.Fatalf("applied again %v", again)
		}
		furnish(t, s, 1)
		ok(t, s.Close())
	}
	if _, err := os.Stat(filepath.Join(dir, "wabagate.db")); err != nil {
		t.Errorf("the file is not where it should be: %v", err)
	}
}

func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]func(t *testing.T) models.Options{
		"Postgres": func(t *testing.T) models.Options {
			return models.Options{DatabaseURL: models.Secret(modelstest.EmptyPostgresURL(t))}
		},
		"SQLite": func(t *testing.T) models.Options { return models.Options{Dir: t.TempDir()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := where(t)
			var wg sync.WaitGroup
			for range 4 { // as processes: each with connections of its own
				wg.Go(func() {
					s, err := models.Open(t.Context(), o)
					if err != nil {
						t.Errorf("open: %v", err)
						return
					}
					defer func() { _ = s.Close() }()
					if _, err := s.Migrate(t.Context()); err != nil {
						t.Errorf("migrate: %v", err)
					}
					if _, err := s.CreateApp(t.Context(), models.App{Name: models.RandomToken().Text(), Secrets: []models.Secret{"s"}}); err != nil {
						t.Errorf("use: %v", err)
					}
				})
			}
			wg.Wait()
			s := open(t, o)
			if n := len(must[*models.Routes](t)(s.LoadRoutes(t.Context())).Apps); n != 4 {
				t.Errorf("%d apps can be read", n)
			}
		})
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const password = "pa55w0rd"
	for address, want := range map[string]string{
		"postgres://u:" + password + "@127.0.0.1:1/db":                "refused",
		"postgres://u:" + password + "@localhost:1/db":                "refused",
		"postgres://u:" + password + "@nowhere.invalid/db":            "nowhere.invalid",
		"mysql://u:" + password + "@h/db":                             "is not a PostgreSQL address",
		"postgres://u:" + password + "/x@h/db":                        "percent-encoded",
		"postgres://u:123/" + password + "@h/db":                      "percent-encoded",
		"postgres://u:" + password + "#@h/db":                         "percent-encoded",
		"postgres://u:" + password + "@h/db?sslmode=what":             "is not a PostgreSQL address",
		"host=127.0.0.1 port=1 user=u password=" + password + "@":     "refused",
		"host=127.0.0.1 port=one user=u password=" + password + "@":   "is not a PostgreSQL address",
		"postgres://u:" + password + "@127.0.0.1:1/db?sslmode=prefer": "refused",
		password: "is not a PostgreSQL address",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := models.Open(ctx, models.Options{DatabaseURL: models.Secret(address)})
			if err == nil {
				t.Fatal("opened")
			}
			text := err.Error()
			if !strings.Contains(text, "DATABASE_URL") || !strings.Contains(text, want) || strings.Contains(text, password) || strings.Contains(text, "\n") {
				t.Errorf("%s: %s", strings.ReplaceAll(address, password, "…"), text)
			}
			t.Log(text)
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	ok(t, os.WriteFile(file, nil, 0o600))
	if _, err := models.Open(t.Context(), models.Options{Dir: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file for a directory: %v", err)
	}
}

func TestOpenNamesWhatTheServerRefuses(t *testing.T) {
	t.Parallel()
	address := modelstest.EmptyPostgresURL(t) + "_not_there"
	address = strings.Replace(address, "?sslmode=disable_not_there", "_not_there?sslmode=disable", 1)
	_, err := models.Open(t.Context(), models.Options{DatabaseURL: models.Secret(address)})
	if err == nil || !strings.Contains(err.Error(), "does not exist") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error: %v", err)
	}
}
