package models_test

import (
	"fmt"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// BenchmarkDelivering is what a delivery costs the database: made by a translation and settled after its first attempt, in
// groups of one webhook's and of many webhooks'.
func BenchmarkDelivering(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *models.Store{"Postgres": modelstest.Postgres, "SQLite": modelstest.SQLite} {
		for _, hooks := range []int{1, 20} {
			b.Run(fmt.Sprintf("%s/%d webhooks", name, hooks), func(b *testing.B) { deliver(b, open(b), hooks) })
		}
	}
}

func deliver(b *testing.B, s *models.Store, hooks int) {
	ctx := b.Context()
	okay := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	business, err := s.CreateBusiness(ctx, "Acme")
	okay(err)
	ids := make([]int64, hooks)
	for i := range ids {
		w, err := s.CreateWebhook(ctx, models.Webhook{BusinessID: business.ID, URL: "https://crm.example", Events: []string{"*"}, Active: true})
		okay(err)
		ids[i] = w.ID
	}
	const group = 100
	n := 0
	round := func() {
		var c models.Changes
		results := make([]models.Result, hooks)
		for i := range group {
			n++
			e := models.Event{ID: s.NextID(), BusinessID: business.ID, Type: "message.received", CreatedAt: time.Now(), Data: []byte(`{"message":{"id":"wamid","text":"Could you send a new cup, please?"}}`)}
			copy(e.Key[:], fmt.Sprintf("%016x", n))
			hook := ids[i%hooks]
			c.Events, c.Deliveries = append(c.Events, e), append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: hook})
			r := &results[i%hooks]
			r.WebhookID = hook
			r.Attempts = append(r.Attempts, models.Attempt{EventID: e.ID, WebhookID: hook, N: 1, StartedAt: time.Now(), Duration: time.Duration(1+i) * time.Millisecond, Status: 200, Outcome: models.Delivered, Answer: "ok"})
			r.Updates = append(r.Updates, models.DeliveryUpdate{EventID: e.ID, State: models.Succeeded, Attempts: 1, DueAt: time.Now()})
		}
		for i, id := range ids {
			w := models.Work{ID: s.NextID(), Kind: models.Deliver, WebhookID: id, DueAt: time.Now(), Members: []int64{1}}
			c.Work, results[i].Done = append(c.Work, w), w.ID
		}
		okay(s.Translate(ctx, func(tx models.Translation) error {
			keys := make([][16]byte, len(c.Events))
			for i, e := range c.Events {
				keys[i] = e.Key
			}
			if _, err := tx.Known(ctx, keys); err != nil {
				return err
			}
			return tx.Write(ctx, c)
		}))
		_, err := s.Settle(ctx, results)
		okay(err)
	}
	for range 20 { // the first make plans
		round()
	}
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/group, "µs/delivery")
}
