package models_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// TestSQLiteIsNeverLocked: eight writers through the engine, as many through GORM, and readers beside them. None is
// told that the database is locked, and none starves.
func TestSQLiteIsNeverLocked(t *testing.T) {
	t.Parallel()
	s, ctx := modelstest.SQLite(t), t.Context()
	b := must[models.Business](t)(s.CreateBusiness(ctx, "Acme"))
	u := must[models.User](t)(s.CreateUser(ctx, b.ID, "a@example.com", "correct horse", false))
	webhook, events := furnish(t, s, 50)
	const rounds = 15
	var wg sync.WaitGroup
	run := func(name string, fn func(i int) error) {
		wg.Go(func() {
			var longest time.Duration
			for i := range rounds {
				began := time.Now()
				if err := fn(i); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				longest = max(longest, time.Since(began))
			}
			if longest > 8*time.Second { // SQLite itself gives up after ten
				t.Errorf("%s: once took %v", name, longest)
			}
		})
	}
	for worker := range 4 {
		run("accept", func(int) error {
			cs := []models.Callback{{ReceivedAt: time.Now(), Body: []byte(strings.Repeat("x", 2000))}}
			return s.Accept(ctx, s.NewCallbackGroup(cs), cs)
		})
		run("translate", func(i int) error {
			return s.Translate(ctx, func(tx models.Translation) error {
				_, err := tx.People(ctx, []models.PersonRef{{BusinessID: b.ID, NumberID: 1, WaID: fmt.Sprint(worker, " ", i), Create: true}})
				return err
			})
		})
		run("session", func(int) error { _, err := s.StartSession(ctx, u.ID, time.Hour); return err })
		run("webhook", func(i int) error {
			_, err := s.UpdateWebhook(ctx, 2, webhook, func(w *models.Webhook) error { w.Name = fmt.Sprint(i); return nil })
			return err
		})
		run("read", func(int) error {
			if _, err := s.LoadRoutes(ctx); err != nil {
				return err
			}
			if _, err := s.Backlog(ctx); err != nil {
				return err
			}
			_, err := s.LoadGroup(ctx, models.Work{WebhookID: webhook, Members: events}, time.Now())
			return err
		})
	}
	wg.Wait()
}

// TestSQLiteTimes pins how times are kept: as text in UTC, whose order is the order of time.
func TestSQLiteTimes(t *testing.T) {
	t.Parallel()
	s, ctx := modelstest.SQLite(t), t.Context()
	webhook, events := furnish(t, s, 3)
	at := time.Date(2026, 11, 21, 23, 30, 0, 0, time.FixedZone("west", -8*3600))
	for i, d := range []time.Duration{0, 10 * time.Millisecond, 500 * time.Millisecond} {
		must[[]models.Work](t)(s.Settle(ctx, []models.Result{{WebhookID: webhook, Updates: []models.DeliveryUpdate{{EventID: events[i], DueAt: at.Add(d)}}}}))
	}
	var kept []string
	ok(t, s.DB().Raw("SELECT CAST(due_at AS text) FROM deliveries ORDER BY due_at").Scan(&kept).Error)
	want := []string{"2026-11-22 07:30:00+00:00", "2026-11-22 07:30:00.01+00:00", "2026-11-22 07:30:00.5+00:00"}
	if fmt.Sprint(kept) != fmt.Sprint(want) {
		t.Errorf("kept %v", kept)
	}
	due := must[[]models.Due](t)(s.LoadGroup(ctx, models.Work{WebhookID: webhook, Members: events}, time.Now()))
	if len(due) != 0 && time.Now().Before(at) {
		t.Error("due early")
	}
}

// TestSQLiteWaitsWithItsContext: who waits for the writer's turn gives up when its context ends.
func TestSQLiteWaitsWithItsContext(t *testing.T) {
	t.Parallel()
	s, ctx := modelstest.SQLite(t), t.Context()
	entered, leave, left := make(chan bool), make(chan bool), make(chan error)
	go func() {
		left <- s.Translate(ctx, func(models.Translation) error { close(entered); <-leave; return nil })
	}()
	<-entered
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := s.CreateBusiness(short, "B"); err == nil {
		t.Error("written beside another writer")
	}
	close(leave)
	ok(t, <-left)
	must[models.Business](t)(s.CreateBusiness(ctx, "B"))
}
