package models_test

import (
	"fmt"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// TestSettlingStaysOnThePage: deliveries change once in the ordinary case, and that change must not touch an index.
func TestSettlingStaysOnThePage(t *testing.T) {
	t.Parallel()
	where, ctx := models.Options{DatabaseURL: models.Secret(modelstest.PostgresURL(t))}, t.Context()
	s := open(t, where)
	webhook, events := furnish(t, s, 600)
	for part := range 6 {
		var r models.Result
		r.WebhookID = webhook
		for _, e := range events[part*100 : part*100+100] {
			r.Attempts = append(r.Attempts, models.Attempt{EventID: e, WebhookID: webhook, N: 1, StartedAt: time.Now(), Outcome: models.Delivered, Status: 200})
			r.Updates = append(r.Updates, models.DeliveryUpdate{EventID: e, State: models.Succeeded, Attempts: 1, DueAt: time.Now()})
		}
		must[[]models.Work](t)(s.Settle(ctx, []models.Result{r}))
	}
	ok(t, s.Close()) // the server's processes tell their counts when they end
	s = open(t, where)
	var n struct{ Updated, Hot int64 }
	for range 100 {
		ok(t, s.DB().Raw("SELECT sum(n_tup_upd) AS updated, sum(n_tup_hot_upd) AS hot FROM pg_stat_user_tables WHERE relname LIKE 'deliveries_%'").Scan(&n).Error)
		if n.Updated >= 600 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n.Updated != 600 || n.Hot < 570 {
		t.Errorf("%d of %d updates were heap-only", n.Hot, n.Updated)
	}
}

// TestAllOrNothing: a statement that fails undoes those before it.
func TestAllOrNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		s, ctx := open(t, where), t.Context()
		webhook, events := furnish(t, s, 2)
		refuse := func(table string) {
			if s.Embedded() {
				ok(t, s.DB().Exec(fmt.Sprintf("CREATE TRIGGER no_%[1]s BEFORE INSERT ON %[1]s BEGIN SELECT RAISE(ABORT, 'no'); END", table)).Error)
				return
			}
			ok(t, s.DB().Exec(fmt.Sprintf("ALTER TABLE %s ADD CHECK (false) NOT VALID", table)).Error)
		}
		sends, _, err := s.CreateSends(ctx, []models.Send{{Body: []byte("{}")}, {Body: []byte("{}")}})
		ok(t, err)
		must[[]models.Send](t)(s.TakeSends(ctx, []int64{sends[0].ID}))
		ok(t, s.DB().Exec("DELETE FROM outbox").Error)
		refuse("outbox")
		if _, _, err := s.CreateSends(ctx, []models.Send{{Key: "k", Body: []byte("{}")}}); err == nil {
			t.Fatal("sends created")
		}
		told := []models.Callback{{AppID: models.OwnApp, ReceivedAt: time.Now()}}
		if err := s.SettleSends(ctx, models.SendSettlement{Callbacks: told, Work: []models.Work{s.NewCallbackGroup(told)}, Results: []models.SendResult{
			{ID: sends[0].ID, State: models.SendAccepted, Wamid: "w"}, {ID: sends[1].ID, State: models.SendFailed}}}); err == nil {
			t.Fatal("sends settled")
		}
		after := must[[]models.Send](t)(s.Sends(ctx, []int64{sends[0].ID, sends[1].ID}))
		if after[0].State != models.SendUnderway || after[0].Wamid != "" || after[1].State != models.SendWaiting {
			t.Errorf("half of a settlement was kept: %+v", after)
		}
		cs := []models.Callback{{ReceivedAt: time.Now(), Body: []byte("x")}}
		work := s.NewCallbackGroup(cs)
		if err := s.Accept(ctx, work, cs); err == nil || !models.Permanent(err) {
			t.Fatalf("accept: %v", err)
		}
		if got := must[[]models.Callback](t)(s.Callbacks(ctx, cs[0].ID, cs[0].ID)); len(got) != 0 {
			t.Error("a callback without its work was kept")
		}
		r := models.Result{WebhookID: webhook, Attempts: []models.Attempt{{EventID: events[0], WebhookID: webhook, N: 1, StartedAt: time.Now(), Outcome: "refused"}},
			Updates: []models.DeliveryUpdate{{EventID: events[0], State: models.Failed, Attempts: 1, DueAt: time.Now(), FailedAt: time.Now()}},
			Next:    []models.Work{{ID: s.NextID(), Kind: models.Deliver, WebhookID: webhook, DueAt: time.Now(), Members: events}}}
		if _, err := s.Settle(ctx, []models.Result{r}); err == nil {
			t.Fatal("settled")
		}
		refuse("webhook_health") // the last statement of all
		r.Next = nil
		if _, err := s.Settle(ctx, []models.Result{r}); err == nil {
			t.Fatal("settled")
		}
		for _, table := range []string{"attempts", "deliveries WHERE state <> 0", "webhook_health", "outbox", "callbacks", "sends WHERE key IS NOT NULL"} {
			var n int64
			ok(t, s.DB().Raw("SELECT count(*) FROM "+table).Scan(&n).Error)
			if n != 0 {
				t.Errorf("%s: %d rows kept", table, n)
			}
		}
	})
}

func TestCommits(t *testing.T) {
	t.Parallel()
	s := modelstest.Postgres(t)
	n, err := s.Commits(t.Context())
	ok(t, err)
	if n <= 0 {
		t.Errorf("%d commits", n)
	}
}
