package models_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// A store that was opened for looking reads everything, secrets included, and changes nothing: not even the key that a
// master key would protect.
func TestLookOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, o models.Options) {
		ctx := t.Context()
		s := open(t, o)
		business := must[models.Business](t)(s.CreateBusiness(ctx, "Bakery"))
		hook := must[models.Webhook](t)(s.CreateWebhook(ctx, models.Webhook{BusinessID: business.ID, Name: "CRM", URL: "https://crm.example.com", Dialect: "wabagate", Secret: "s", Active: true}))

		o.LookOnly, o.MasterKey = true, "a master key that nobody else has"
		looking := open(t, o)
		if got := must[models.Webhook](t)(looking.Webhook(ctx, business.ID, hook.ID)); got.Secret != "s" {
			t.Errorf("the secret reads %q", got.Secret.Text())
		}
		if _, err := looking.CreateBusiness(ctx, "Butcher"); err == nil {
			t.Error("wrote")
		}
		if _, err := looking.Migrate(ctx); err == nil {
			t.Error("migrated")
		}
		ok(t, looking.Close())
		o.LookOnly, o.MasterKey = false, ""
		open(t, o) // fails if the key had been put under the master key
	})
}

func TestLookOnlyAtNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	if _, err := models.Open(t.Context(), models.Options{Dir: dir, LookOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened what is not there: %v", err)
	}
	o := models.Options{DatabaseURL: models.Secret(modelstest.EmptyPostgresURL(t)), LookOnly: true}
	empty := open(t, o)
	for range 2 { // the first look makes no table either
		state := must[models.Schema](t)(empty.Schema(t.Context()))
		if state.Applied != 0 || state.Known == 0 || len(state.Pending) == 0 {
			t.Errorf("an empty database: %+v", state)
		}
	}
}

func TestSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, o models.Options) {
		s := open(t, o)
		state := must[models.Schema](t)(s.Schema(t.Context()))
		if state.Applied != state.Known || len(state.Pending) != 0 {
			t.Errorf("a migrated database: %+v", state)
		}
		ok(t, s.DB().Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)").Error)
		if state = must[models.Schema](t)(s.Schema(t.Context())); state.Applied != 99999 || len(state.Pending) != 0 {
			t.Errorf("a database of a newer program: %+v", state)
		}
		last := state.Known
		ok(t, s.DB().Exec("DELETE FROM goose_db_version WHERE version_id IN (99999, ?)", last).Error)
		if state = must[models.Schema](t)(s.Schema(t.Context())); state.Applied >= last || len(state.Pending) != 1 {
			t.Errorf("a database with one migration to go: %+v", state)
		}
	})
}

func TestMissingLeaves(t *testing.T) {
	t.Parallel()
	s, ctx := modelstest.Postgres(t), t.Context()
	from := time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC)
	if missing := must[[]string](t)(s.MissingLeaves(ctx, from, from.AddDate(0, 0, 1))); len(missing) < 10 {
		t.Errorf("missing: %v", missing)
	}
	ok(t, s.MakeLeaves(ctx, from, from.AddDate(0, 0, 1)))
	if missing := must[[]string](t)(s.MissingLeaves(ctx, from, from.AddDate(0, 0, 1))); len(missing) != 0 {
		t.Errorf("missing after they were made: %v", missing)
	}
}
