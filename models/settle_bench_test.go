package models_test

import (
	"fmt"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// BenchmarkDelivering is what a customer's message costs the database on its way: accepted, translated for a customer who is
// known, and settled after its delivery's first attempt, in groups for one webhook and for many.
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
	number, err := s.CreateNumber(ctx, models.Number{BusinessID: business.ID, PhoneNumberID: "1", Display: "1"})
	okay(err)
	const group = 100
	n := 0
	round := func() {
		var c models.Changes
		results := make([]models.Result, hooks)
		callbacks := make([]models.Callback, group)
		refs, messages := make([]models.PersonRef, group), make([]models.MessageRef, group)
		for i := range group {
			callbacks[i] = models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: make([]byte, 600)}
			refs[i] = models.PersonRef{BusinessID: business.ID, NumberID: number.ID, WaID: fmt.Sprint(447000000000 + i), Create: true}
			messages[i] = models.MessageRef{NumberID: number.ID, Wamid: fmt.Sprint("wamid.", n+i)}
		}
		accepted := s.NewCallbackGroup(callbacks)
		okay(s.Accept(ctx, accepted, callbacks))
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
		c.Done = []int64{accepted.ID}
		okay(s.Translate(ctx, func(tx models.Translation) error {
			c.Conversations, c.Messages = nil, nil
			people, err := tx.People(ctx, refs)
			if err != nil {
				return err
			}
			if _, err := tx.Messages(ctx, messages); err != nil {
				return err
			}
			for i, p := range people {
				e := &c.Events[i]
				e.ConversationID, e.Sequence, e.CallbackID, e.NumberID = p.Conversation.ID, p.Conversation.Sequence+1, callbacks[i].ID, number.ID
				c.Conversations = append(c.Conversations, models.ConversationChange{ID: p.Conversation.ID, Sequence: e.Sequence, LastInboundAt: time.Now()})
				c.Messages = append(c.Messages, models.Message{NumberID: number.ID, Wamid: messages[i].Wamid, ConversationID: p.Conversation.ID, Inbound: true, Type: "text", Text: "Could you send a new cup, please?", SentAt: time.Now()})
			}
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
