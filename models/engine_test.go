package models_test

import (
	"fmt"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

func TestPostgres(t *testing.T) { t.Parallel(); modelstest.Exercise(t, modelstest.Postgres) }

func TestSQLite(t *testing.T) { t.Parallel(); modelstest.Exercise(t, modelstest.SQLite) }

// onBoth runs a test on a fresh database of each engine; where holds nothing but the address.
func onBoth(t *testing.T, run func(t *testing.T, where models.Options)) {
	t.Parallel()
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		run(t, models.Options{DatabaseURL: models.Secret(modelstest.PostgresURL(t))})
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		run(t, models.Options{Dir: t.TempDir()})
	})
}

func open(t *testing.T, o models.Options) *models.Store {
	t.Helper()
	s, err := models.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// furnish makes a business with a webhook and n deliveries owed to it.
func furnish(t *testing.T, s *models.Store, n int) (webhook int64, events []int64) {
	t.Helper()
	ctx := t.Context()
	b := must[models.Business](t)(s.CreateBusiness(ctx, "Acme"))
	w := must[models.Webhook](t)(s.CreateWebhook(ctx, models.Webhook{BusinessID: b.ID, URL: "https://crm.example", Events: []string{"*"}, Active: true}))
	var c models.Changes
	for i := range n {
		e := models.Event{ID: s.NextID(), BusinessID: b.ID, Type: "message.received", CreatedAt: time.Now(), Data: []byte("{}")}
		copy(e.Key[:], fmt.Sprintf("%016d", i))
		events = append(events, e.ID)
		c.Events, c.Deliveries = append(c.Events, e), append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: w.ID})
	}
	ok(t, s.Translate(ctx, func(tx models.Translation) error { return tx.Write(ctx, c) }))
	return w.ID, events
}
