package models_test

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"wabagate/models"
)

// TestFindingWalksIndexes: pull, search and timeline read what they answer and never a whole table of the history.
func TestFindingWalksIndexes(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		s, ctx := open(t, where), t.Context()
		webhook, events := furnish(t, s, 1)
		first := must[[]models.Due](t)(s.LoadGroup(ctx, models.Work{WebhookID: webhook, Members: events}, time.Now().Add(time.Hour)))[0].Event
		n := must[models.Number](t)(s.CreateNumber(ctx, models.Number{BusinessID: first.BusinessID, PhoneNumberID: "1", Display: "1"}))
		for part := range 6 {
			callbacks := make([]models.Callback, 500)
			for i := range callbacks {
				callbacks[i] = models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: []byte(strings.Repeat("x", 300))}
			}
			ok(t, s.Accept(ctx, s.NewCallbackGroup(callbacks), callbacks))
			r := models.Result{WebhookID: webhook}
			ok(t, s.Translate(ctx, func(tx models.Translation) error {
				var refs []models.PersonRef
				for i := range 500 {
					refs = append(refs, models.PersonRef{BusinessID: first.BusinessID, NumberID: n.ID, WaID: fmt.Sprint(15550000 + part*500 + i), Create: true})
				}
				people, err := tx.People(ctx, refs)
				if err != nil {
					return err
				}
				var c models.Changes
				for i, p := range people {
					wamid := fmt.Sprint("wamid.", part*500+i)
					e := models.Event{ID: s.NextID(), BusinessID: first.BusinessID, NumberID: n.ID, Type: "message.received", ConversationID: p.Conversation.ID, CallbackID: callbacks[i].ID, CreatedAt: time.Now(),
						Data: []byte(`{"business_id":1,"message":{"id":"` + wamid + `","text":"` + strings.Repeat("x", 300) + `"}}`)}
					copy(e.Key[:], wamid)
					c.Events, c.Deliveries = append(c.Events, e), append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: webhook})
					c.Messages = append(c.Messages, models.Message{NumberID: n.ID, Wamid: wamid, ConversationID: p.Conversation.ID, Type: "text", SentAt: time.Now()})
				}
				r.Attempts = nil
				for _, e := range c.Events {
					r.Attempts = append(r.Attempts, models.Attempt{EventID: e.ID, WebhookID: webhook, N: 1, StartedAt: time.Now(), Outcome: models.Delivered, Status: 200, Answer: "thanks"})
				}
				return tx.Write(ctx, c)
			}))
			must[[]models.Work](t)(s.Settle(ctx, []models.Result{r}))
		}
		ok(t, s.DB().Exec("ANALYZE").Error)

		var queries []*gorm.Statement
		keep := func(tx *gorm.DB) {
			if text := tx.Statement.SQL.String(); strings.HasPrefix(text, "SELECT") {
				queries = append(queries, &gorm.Statement{SQL: tx.Statement.SQL, Vars: tx.Statement.Vars})
			}
		}
		ok(t, s.DB().Callback().Query().After("gorm:query").Register("keep", keep))
		ok(t, s.DB().Callback().Row().After("gorm:row").Register("keep", keep))
		page := must[models.FeedPage](t)(s.Feed(ctx, first.BusinessID, models.FeedFilter{Limit: 10}))
		page = must[models.FeedPage](t)(s.Feed(ctx, first.BusinessID, models.FeedFilter{Limit: 10, After: page.Next, Types: []string{"message.received"}}))
		for _, f := range []models.EventSearch{{WaID: "15550007"}, {WaID: "15550007", Before: page.Next.ID, Types: []string{"message.received"}}, {UserID: "US.1"}, {Wamid: "wamid.7"}, {Wamid: "wamid.7", Before: page.Next.ID}, {Key: &first.Key}} {
			must[[]models.Event](t)(s.SearchEvents(ctx, first.BusinessID, f))
		}
		line := must[models.Timeline](t)(s.Timeline(ctx, first.BusinessID, "wamid.7"))
		if len(line.Events) != 1 || len(line.Callbacks) != 1 || len(line.Deliveries) != 1 || len(line.Deliveries[0].Attempts) != 1 {
			t.Fatalf("%+v", line)
		}
		must[models.EventDetail](t)(s.EventDetail(ctx, first.BusinessID, first.Key))
		asked := queries
		if len(asked) < 15 {
			t.Fatalf("only %d queries seen", len(asked))
		}
		whole := regexp.MustCompile(`Seq Scan on (events|deliveries|attempts|callbacks|messages|identities|contacts|conversations)|^SCAN (events|deliveries|d|attempts|a|callbacks|messages|m|identities|contacts|conversations)$`)
		leaf := regexp.MustCompile(`Seq Scan on \w+_(\d{8})\b`)
		for _, q := range asked {
			text, explain := q.SQL.String(), "EXPLAIN "
			if s.Embedded() {
				explain = "EXPLAIN QUERY PLAN "
			}
			db, err := s.DB().DB()
			ok(t, err)
			rows, err := db.QueryContext(ctx, explain+text, q.Vars...)
			ok(t, err)
			for rows.Next() {
				var plan string
				var skip any
				dest := []any{&plan}
				if s.Embedded() {
					dest = []any{&skip, &skip, &skip, &plan}
				}
				ok(t, rows.Scan(dest...))
				if ahead := leaf.FindStringSubmatch(plan); len(ahead) > 0 && ahead[1] > time.Now().UTC().Format("20060102") {
					continue // a day to come, still empty
				}
				if whole.MatchString(plan) {
					t.Errorf("%s\n%s", text, plan)
				}
			}
			ok(t, rows.Err())
			ok(t, rows.Close())
		}
	})
}

// A delivery that is from before deliveries kept what lists show is listed like the others.
func TestDeliveriesFromBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		s := open(t, where)
		webhook, events := furnish(t, s, 3)
		at := time.Now().UTC().Truncate(time.Millisecond)
		for i, e := range events[:2] {
			must[[]models.Work](t)(s.Settle(t.Context(), []models.Result{{WebhookID: webhook, Attempts: []models.Attempt{
				{EventID: e, WebhookID: webhook, N: 1, StartedAt: at, Duration: 25 * time.Millisecond, Status: 500 + i, Outcome: "rejected", Reason: "the answer was no"}},
				Updates: []models.DeliveryUpdate{{EventID: e, State: models.Failed, Attempts: 1, DueAt: at, FailedAt: at}}}}))
		}
		listed := must[[]models.DeliveryRow](t)(s.Deliveries(t.Context(), webhook, models.DeliveryFilter{}))
		ok(t, s.DB().Exec("UPDATE deliveries SET key = NULL, type = NULL, created_at = NULL, last_status = NULL, last_reason = NULL, last_us = NULL, last_at = NULL WHERE event_id = ?", events[0]).Error)
		if again := must[[]models.DeliveryRow](t)(s.Deliveries(t.Context(), webhook, models.DeliveryFilter{})); !reflect.DeepEqual(listed, again) {
			t.Errorf("listed %+v, then %+v", listed, again)
		}
		for i, want := range []int{0, 501, 500} {
			r := listed[i]
			if (want == 0) != (r.LastAt == nil) || want != 0 && (*r.LastStatus != want || *r.LastUS != 25000 || *r.LastReason != "the answer was no" || !r.LastAt.Equal(at)) {
				t.Errorf("delivery %d: %+v", i, r)
			}
		}
	})
}
