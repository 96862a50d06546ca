package modelstest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"wabagate/models"
)

// pages goes through all pages of a business's deliveries; each is described.
func (w *world) pages(f models.HistoryFilter) (places []models.DeliveryPlace) {
	w.t.Helper()
	for n := 0; ; n++ {
		page, err := w.BusinessDeliveries(w.ctx, w.business, f)
		w.ok(err)
		for _, r := range page.Rows {
			if len(r.Key) != 16 || r.Type == "" || r.CreatedAt.IsZero() {
				w.t.Fatalf("not described: %+v", r)
			}
			places = append(places, models.DeliveryPlace{EventID: r.EventID, WebhookID: r.WebhookID})
		}
		if page.Next == (models.DeliveryPlace{}) {
			return places
		}
		if f.After = page.Next; n == 200 {
			w.t.Fatal("it does not end")
		}
	}
}

func testHistoryOfAll(_ *testing.T, w *world) {
	w.equal("none yet", len(w.pages(models.HistoryFilter{})), 0)
	second, foreign := w.newWebhook(w.business), w.newWebhook(w.otherBusiness())
	hooks := []int64{w.webhook.ID, second.ID}
	var c models.Changes
	var all, rare, failed, held []models.DeliveryPlace
	now := time.Now()
	w.ok(w.MakeLeaves(w.ctx, now.Add(-11*day), now))
	for i := range 60 {
		e := w.event(fmt.Sprint("one of all ", i))
		if i < 30 { // some are days old
			e.ID = w.ago(time.Duration(i/5) * 2 * day)
		}
		if i%20 == 3 {
			e.Type = "order.created"
		}
		c.Events = append(c.Events, e)
		for _, h := range hooks {
			d := models.Delivery{EventID: e.ID, WebhookID: h}
			if i%15 == 0 {
				d.State = models.Held
				held = append(held, models.DeliveryPlace{EventID: e.ID, WebhookID: h})
			}
			c.Deliveries = append(c.Deliveries, d)
			all = append(all, models.DeliveryPlace{EventID: e.ID, WebhookID: h})
			if i%20 == 3 {
				rare = append(rare, all[len(all)-1])
			}
		}
		c.Deliveries = append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: foreign.ID})
	}
	w.write(c)
	for i, e := range c.Events {
		if i%7 == 1 && i%15 != 0 {
			w.settle(w.ended(e.ID, 1, 500, models.Failed))
			failed = append(failed, models.DeliveryPlace{EventID: e.ID, WebhookID: w.webhook.ID})
		}
	}
	newest := func(places []models.DeliveryPlace) []models.DeliveryPlace {
		places = slices.Clone(places)
		slices.SortFunc(places, func(a, b models.DeliveryPlace) int {
			return cmp.Or(cmp.Compare(b.EventID, a.EventID), cmp.Compare(b.WebhookID, a.WebhookID))
		})
		return places
	}
	state := func(s models.DeliveryState) *models.DeliveryState { return &s }
	for _, limit := range []int{1, 7, 200} {
		w.equal("all", w.pages(models.HistoryFilter{Limit: limit}), newest(all))
		w.equal("of a type", w.pages(models.HistoryFilter{Limit: limit, Types: []string{"order.created"}}), newest(rare))
		w.equal("failed", w.pages(models.HistoryFilter{Limit: limit, State: state(models.Failed)}), newest(failed))
		w.equal("held", w.pages(models.HistoryFilter{Limit: limit, State: state(models.Held)}), newest(held))
		w.equal("pending", len(w.pages(models.HistoryFilter{Limit: limit, State: state(models.Pending)})), len(all)-len(failed)-len(held))
	}
	w.equal("of one webhook", len(w.pages(models.HistoryFilter{WebhookID: second.ID})), 60)
	w.equal("of another's webhook", len(w.pages(models.HistoryFilter{WebhookID: foreign.ID})), 0)
	w.equal("retrying", len(w.pages(models.HistoryFilter{State: state(models.Pending), Retrying: true})), 0)
	young := 0
	for _, p := range all {
		if !models.IDTime(p.EventID).Before(now.Add(-time.Hour).Truncate(time.Millisecond)) {
			young++
		}
	}
	w.equal("from and to", []int{len(w.pages(models.HistoryFilter{From: now.Add(-time.Hour)})), len(w.pages(models.HistoryFilter{To: now.Add(-time.Hour)}))}, []int{young, len(all) - young})

	key := c.Events[4].Key
	w.equal("by event", w.pages(models.HistoryFilter{Search: &models.EventSearch{Key: &key}}),
		[]models.DeliveryPlace{{EventID: c.Events[4].ID, WebhookID: second.ID}, {EventID: c.Events[4].ID, WebhookID: w.webhook.ID}})
	w.equal("by event, one at a time", len(w.pages(models.HistoryFilter{Limit: 1, Search: &models.EventSearch{Key: &key}})), 2)
	w.equal("by an event that failed", len(w.pages(models.HistoryFilter{State: state(models.Failed), Search: &models.EventSearch{Key: &c.Events[1].Key}})), 1)
	w.equal("by nothing there is", len(w.pages(models.HistoryFilter{Search: &models.EventSearch{WaID: "4711"}})), 0)
}

// testHistoryBounded: a page that finds little reads no more than it may, and the next goes on.
func testHistoryBounded(_ *testing.T, w *world) {
	const n = 4000
	var c models.Changes
	for i := range n {
		e := w.event(fmt.Sprint("many ", i))
		if i == 0 {
			e.Type = "order.created"
		}
		c.Events, c.Deliveries = append(c.Events, e), append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: w.webhook.ID})
	}
	w.write(c)
	f := models.HistoryFilter{Types: []string{"order.created"}}
	page, err := w.BusinessDeliveries(w.ctx, w.business, f)
	w.ok(err)
	w.equal("nothing in the first", []any{len(page.Rows), page.Next.EventID > c.Events[0].ID}, []any{0, true})
	f.After = page.Next
	page, err = w.BusinessDeliveries(w.ctx, w.business, f)
	w.ok(err)
	w.equal("all in the second", []any{len(page.Rows), page.Next}, []any{1, models.DeliveryPlace{}})
}

// testHistoryOfCustomer: a search finds the deliveries of a customer's events, page by page.
func testHistoryOfCustomer(_ *testing.T, w *world) {
	second := w.newWebhook(w.business)
	p := w.people(w.ref("491701", "", true), w.ref("491702", "", true))
	var c models.Changes
	var want []models.DeliveryPlace
	for i := range 250 {
		e := w.event(fmt.Sprint("said ", i))
		e.ConversationID, e.Sequence = p[i%2].Conversation.ID, int64(i/2+1)
		e.Data = []byte(fmt.Sprintf(`{"message":{"id":"wamid.%d"}}`, i))
		c.Events = append(c.Events, e)
		for _, h := range []int64{w.webhook.ID, second.ID} {
			c.Deliveries = append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: h})
			if i%2 == 0 {
				want = append(want, models.DeliveryPlace{EventID: e.ID, WebhookID: h})
			}
		}
		c.Messages = append(c.Messages, models.Message{NumberID: w.number.ID, Wamid: fmt.Sprint("wamid.", i), ConversationID: e.ConversationID, Type: "text", SentAt: time.Now()})
	}
	w.write(c)
	slices.Reverse(want)
	for _, limit := range []int{3, 50, 200} {
		w.equal("of a customer", w.pages(models.HistoryFilter{Limit: limit, Search: &models.EventSearch{WaID: "+49 1701"}}), want)
	}
	w.equal("of a message", w.pages(models.HistoryFilter{WebhookID: second.ID, Search: &models.EventSearch{Wamid: "wamid.8"}}), []models.DeliveryPlace{{EventID: c.Events[8].ID, WebhookID: second.ID}})

	newest, err := w.NewestEvents(w.ctx, w.business, 40)
	w.ok(err)
	if len(newest) != 40 || !slices.ContainsFunc(newest, func(e models.Event) bool { return e.ID == c.Events[249].ID }) {
		w.t.Errorf("newest events: %d", len(newest))
	}
	newest, err = w.NewestEvents(w.ctx, w.otherBusiness(), 40)
	w.ok(err)
	w.equal("another's", len(newest), 0)
}

// testUsage: deliveries and attempts by day, traffic by day and number.
func testUsage(_ *testing.T, w *world) {
	hour := w.Now().Add(-26 * time.Hour).Truncate(time.Hour)
	w.ok(w.MakeLeaves(w.ctx, hour, w.Now()))
	first := w.callback(1, hour.Add(time.Minute))
	events := []models.Event{w.heard("message.received", first), w.heard("message.sent", first)}
	w.write(models.Changes{Events: events, Deliveries: []models.Delivery{{EventID: events[0].ID, WebhookID: w.webhook.ID}}})
	w.count(hour.Add(time.Hour))
	from := hour.Truncate(24 * time.Hour)
	days, through, err := w.Usage(w.ctx, w.business, from, from.Add(24*time.Hour))
	w.ok(err)
	w.equal("usage", []any{days, through}, []any{[]models.DayUse{{Day: from, Deliveries: 1, Numbers: map[int64]models.NumberUse{w.number.ID: {Callbacks: 1, Events: 2, Received: 1, Sent: 1}}}}, hour.Add(time.Hour)})
	days, _, err = w.Usage(w.ctx, w.otherBusiness(), from, from.Add(24*time.Hour))
	w.ok(err)
	w.equal("another's", len(days), 0)
	days, _, err = w.Usage(w.ctx, w.business, from.Add(-24*time.Hour), from)
	w.ok(err)
	w.equal("the day before", len(days), 0)
}
