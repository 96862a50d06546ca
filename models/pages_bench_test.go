package models_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

var longHistory = flag.Int64("deliveries", 1_000_000, "how many deliveries BenchmarkPages makes before it reads")

// BenchmarkPages is what the pages of the dashboard ask for, on PostgreSQL with a long history: the p95 of each question.
func BenchmarkPages(b *testing.B) {
	s := modelstest.Postgres(b)
	business, hooks := longPast(b, s, *longHistory)
	ctx, now := b.Context(), s.Now()
	state := func(v models.DeliveryState) *models.DeliveryState { return &v }
	search := func(e models.EventSearch) models.HistoryFilter { return models.HistoryFilter{Search: &e} }
	history := func(f models.HistoryFilter) func(int) error {
		return func(int) error {
			_, err := s.BusinessDeliveries(ctx, business, f)
			return err
		}
	}
	counts := func(webhook int64, since, step time.Duration) func(int) error {
		return func(int) error {
			c, err := s.Counts(ctx, models.CountFilter{BusinessID: business, WebhookID: webhook, From: now.Add(-since)}, step)
			if err == nil && len(c) == 0 {
				err = fmt.Errorf("nothing is counted")
			}
			return err
		}
	}
	for _, q := range []struct {
		name string
		ask  func(i int) error
	}{
		{"cards of a webhook, a day", func(int) error { _, err := s.Stats(ctx, hooks[0], now.Add(-24*time.Hour)); return err }},
		{"cards of a webhook, 30 days", func(int) error { _, err := s.Stats(ctx, hooks[0], now.Add(-720*time.Hour)); return err }},
		{"chart of all, a day", counts(0, 24*time.Hour, time.Hour)},
		{"chart of all, 30 days by hour", counts(0, 720*time.Hour, time.Hour)},
		{"chart of all, 30 days by day", counts(0, 720*time.Hour, 24*time.Hour)},
		{"chart of one, 30 days by hour", counts(hooks[0], 720*time.Hour, time.Hour)},
		{"owed", func(int) error { _, err := s.Owed(ctx, business, 0); return err }},
		{"usage of a month", func(int) error { _, _, err := s.Usage(ctx, business, now.AddDate(0, 0, -31), now); return err }},
		{"history, newest", history(models.HistoryFilter{})},
		{"history, of a webhook", history(models.HistoryFilter{WebhookID: hooks[1]})},
		{"history, a later page", func(i int) error {
			at := models.DeliveryPlace{EventID: models.FirstID(now.Add(-time.Duration(i%29) * 24 * time.Hour)), WebhookID: hooks[1]}
			_, err := s.BusinessDeliveries(ctx, business, models.HistoryFilter{After: at})
			return err
		}},
		{"history, a day", func(i int) error {
			from := now.Add(-time.Duration(1+i%28) * 24 * time.Hour)
			_, err := s.BusinessDeliveries(ctx, business, models.HistoryFilter{From: from, To: from.Add(24 * time.Hour)})
			return err
		}},
		{"history, failed", history(models.HistoryFilter{State: state(models.Failed)})},
		{"history, held", history(models.HistoryFilter{State: state(models.Held)})},
		{"history, pending", history(models.HistoryFilter{State: state(models.Pending)})},
		{"history, skipped, of which there are none", history(models.HistoryFilter{State: state(models.Skipped)})},
		{"history, a type", history(models.HistoryFilter{Types: []string{"message.received"}})},
		{"history, a type that never came", history(models.HistoryFilter{Types: []string{"order.created"}})},
		{"search by phone", func(i int) error {
			return history(search(models.EventSearch{WaID: fmt.Sprint(447000000001 + i*7919%5000)}))(i)
		}},
		{"search by user id", func(i int) error {
			return history(search(models.EventSearch{UserID: fmt.Sprint("GB.", 1+i*7919%5000)}))(i)
		}},
		{"search by wamid", func(i int) error {
			return history(search(models.EventSearch{Wamid: fmt.Sprint("wamid.", i*7919%10000)}))(i)
		}},
		{"filter preview, 1,000 events", func(int) error {
			_, err := s.NewestEvents(ctx, business, 1000)
			return err
		}},
	} {
		b.Run(q.name, func(b *testing.B) {
			for i := range 5 { // statements are prepared, caches warm
				if err := q.ask(i); err != nil {
					b.Fatal(err)
				}
			}
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				began := time.Now()
				if err := q.ask(i); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}

// longPast makes a business with four webhooks and so many deliveries over the last 30 days, with their events, attempts,
// counts and customers, and a neighbour that has as many webhooks and a tenth of the deliveries.
func longPast(b *testing.B, s *models.Store, n int64) (business int64, hooks []int64) {
	ctx := b.Context()
	okay := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	start := time.Now().Add(-30 * 24 * time.Hour)
	okay(s.MakeLeaves(ctx, start, time.Now()))
	for i, name := range []string{"Neighbour", "Acme"} {
		made, err := s.CreateBusiness(ctx, name)
		okay(err)
		number, err := s.CreateNumber(ctx, models.Number{BusinessID: made.ID, PhoneNumberID: fmt.Sprint(100 + i), Display: "1"})
		okay(err)
		hooks = nil
		for range 4 {
			w, err := s.CreateWebhook(ctx, models.Webhook{BusinessID: made.ID, URL: "https://crm.example", Events: []string{"*"}, Active: true})
			okay(err)
			hooks = append(hooks, w.ID)
		}
		own := n
		if i == 0 {
			own = n / 10
		}
		fill := strings.NewReplacer("@start", fmt.Sprint(models.FirstID(start)>>22), "@business", fmt.Sprint(made.ID), "@number", fmt.Sprint(number.ID),
			"@hook", fmt.Sprint(hooks[0]), "@node", fmt.Sprint(900+i), "@person", fmt.Sprint(i*1_000_000), "@n", fmt.Sprint(own))
		for from := int64(0); from < own; from += 50_000 {
			for _, statement := range pastRows {
				okay(s.DB().Exec(strings.NewReplacer("@from", fmt.Sprint(from), "@to", fmt.Sprint(min(from+50_000, own)-1)).Replace(fill.Replace(statement))).Error)
			}
		}
		for _, statement := range pastOnce {
			okay(s.DB().Exec(fill.Replace(statement)).Error)
		}
		business = made.ID
	}
	okay(s.DB().Exec("VACUUM (ANALYZE)").Error)
	return business, hooks
}

// pastRows write the k-th deliveries from one to another, each of an event of its own; pastOnce what there is once.
var (
	pastDrawn = `WITH drawn AS (SELECT k, (@start::bigint + k * 2592000000::bigint / @n) << 22 | (@node::bigint << 12) | (k % 4096) AS id, @hook + k % 4 AS hook, @person + 1 + k % 5000 AS person,
		k % 50 = 7 AS failed, k % 1000 = 3 AS held, to_timestamp((@start::bigint + k * 2592000000::bigint / @n + 1767225600000) / 1000.0) AS at FROM generate_series(@from::bigint, @to::bigint) AS k) `
	pastRows = []string{
		pastDrawn + `INSERT INTO events (id, key, business_id, number_id, type, conversation_id, sequence, callback_id, created_at, data)
			SELECT id, decode(md5('@node ' || k), 'hex'), @business, @number, CASE WHEN k % 4 = 0 THEN 'message.received' ELSE 'message.report' END, person, k / 5000 + 1, 0, at,
				'{"business_id":1,"message":{"id":"wamid.' || k || '","text":"' || repeat('Could you send a new cup, please? ', 16) || '"}}' FROM drawn`,
		pastDrawn + `INSERT INTO deliveries (event_id, webhook_id, state, attempts, due_at, failed_at, held)
			SELECT id, hook, CASE WHEN held THEN 3 WHEN failed THEN 2 ELSE 1 END, 1, at, CASE WHEN failed THEN at END, CASE WHEN held THEN true END FROM drawn`,
		pastDrawn + `INSERT INTO attempts (event_id, webhook_id, n, started_at, duration_us, status, outcome, reason, answer)
			SELECT id, hook, 1, at, 2000 + k % 30000, CASE WHEN failed THEN 500 ELSE 200 END, CASE WHEN failed THEN 'rejected' ELSE 'delivered' END, '', 'ok' FROM drawn`,
		pastDrawn + `INSERT INTO messages (number_id, wamid, conversation_id, inbound, type, text, status, sent_at, first_event, last_event)
			SELECT @number, 'wamid.' || k, person, true, 'text', 'x', '', at, id, id FROM drawn WHERE k < 10000`,
	}
	pastOnce = []string{
		`INSERT INTO contacts (id, business_id, name, username, wa_id, user_id, parent_user_id, created_at, updated_at)
			SELECT @person + p, @business, '', '', '', '', '', now(), now() FROM generate_series(1, 5000) AS p`,
		`INSERT INTO identities (business_id, kind, value, contact_id) SELECT @business, kind, CASE kind WHEN 1 THEN 'GB.' || p ELSE (447000000000 + p)::text END, @person + p
			FROM generate_series(1, 5000) AS p, unnest('{1,2}'::smallint[]) AS kind`,
		`INSERT INTO conversations (id, number_id, contact_id, sequence, created_at) SELECT @person + p, @number, @person + p, 1, now() FROM generate_series(1, 5000) AS p`,
		`INSERT INTO number_hours (number_id, hour, callbacks, slots, events, received, sent)
			SELECT @number, (extract(epoch FROM now()) / 3600)::bigint - h, 10, 1, 10, 5, 5 FROM generate_series(0, 719) AS h`,
		`INSERT INTO delivery_hours (webhook_id, hour, business_id, made, succeeded, failed, skipped, attempts, attempts_failed, us, least_us, most_us` + partColumns(", l%02d") + `)
			SELECT @hook + w, (extract(epoch FROM now()) / 3600)::bigint - h, @business, 100, 98, 2, 0, 100, 2, 1000000, 2000, 32000` + partColumns(", %d") + `
			FROM generate_series(0, 3) AS w, generate_series(0, 9599) AS h`,
	}
)

// partColumns repeats a text for each part of the latencies.
func partColumns(format string) (all string) {
	for i := range 32 {
		all += fmt.Sprintf(format, i)
	}
	return all
}
