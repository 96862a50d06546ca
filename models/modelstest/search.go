package modelstest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"wabagate/models"
)

// said makes an event of a conversation that is about a message, laid out as fanout/event lays them out.
func (w *world) said(conversation int64, typ, data string) models.Event {
	e := w.event(fmt.Sprint("said ", w.NextID()))
	e.ConversationID, e.Type, e.Data = conversation, typ, []byte(data)
	return e
}

func testSearch(_ *testing.T, w *world) {
	people := w.people(w.ref("5511987654321", "", true), w.ref("15550002", "US.2", true))
	ada, bob := people[0].Conversation.ID, people[1].Conversation.ID
	hello := w.said(ada, "message.received", `{"business_id":1,"message":{"id":"wamid.A/1=","text":"\"message\":{\"id\":\"wamid.B\""}}`)
	read := w.said(0, "message.report", `{"business_id":1,"status":{"message_id":"wamid.A/1=","status":"read"}}`) // of nobody's conversation
	cart := w.said(ada, "order.created", `{"business_id":1,"order":{"id":3,"message_id":"wamid.C"}}`)
	reply := w.said(bob, "message.received", `{"business_id":1,"message":{"id":"wamid.B","reaction":{"message_id":"wamid.A/1="}}}`)
	note := w.said(0, "error.reported", `{"business_id":1}`)
	w.write(models.Changes{Events: []models.Event{hello, read, cart, reply, note}})
	find := func(f models.EventSearch) (ids []int64) {
		w.t.Helper()
		events, err := w.SearchEvents(w.ctx, w.business, f)
		w.ok(err)
		for _, e := range events {
			ids = append(ids, e.ID)
		}
		return ids
	}
	w.equal("by number", find(models.EventSearch{WaID: "+55 (11) 98765-4321"}), []int64{cart.ID, hello.ID})
	w.equal("by its other spelling", find(models.EventSearch{WaID: "551187654321"}), []int64{cart.ID, hello.ID})
	w.equal("by user id", find(models.EventSearch{UserID: "US.2"}), []int64{reply.ID})
	w.equal("by wamid", find(models.EventSearch{Wamid: "wamid.A/1="}), []int64{read.ID, hello.ID})
	w.equal("by the wamid of an order", find(models.EventSearch{Wamid: "wamid.C"}), []int64{cart.ID})
	w.equal("not by what a text says", find(models.EventSearch{Wamid: "wamid.B"}), []int64{reply.ID})
	w.equal("by event", find(models.EventSearch{Key: &note.Key}), []int64{note.ID})
	w.equal("page", find(models.EventSearch{WaID: "5511987654321", Limit: 1}), []int64{cart.ID})
	w.equal("next page", find(models.EventSearch{WaID: "5511987654321", Limit: 1, Before: cart.ID}), []int64{hello.ID})
	w.equal("older messages", find(models.EventSearch{Wamid: "wamid.A/1=", Before: read.ID}), []int64{hello.ID})
	w.equal("newest message", find(models.EventSearch{Wamid: "wamid.A/1=", Limit: 1}), []int64{read.ID})
	w.equal("type", find(models.EventSearch{WaID: "5511987654321", Types: []string{"message.received"}}), []int64{hello.ID})
	w.equal("type of an event", find(models.EventSearch{Key: &note.Key, Types: []string{"message.received"}}), []int64{})
	w.equal("nobody", find(models.EventSearch{WaID: "999"}), []int64{})
	w.equal("empty", find(models.EventSearch{WaID: " "}), []int64{})
	absent := eventKey("never")
	for name, f := range map[string]models.EventSearch{"number": {WaID: "15550002"}, "user id": {UserID: "US.2"}, "wamid": {Wamid: "wamid.B"}, "event": {Key: &note.Key}, "no event": {Key: &absent}} {
		events, err := w.SearchEvents(w.ctx, w.otherBusiness(), f)
		w.ok(err)
		w.equal(name+" of another business", len(events), 0)
	}
	// One person under two names, who turns out to be one: both conversations are the survivor's.
	w.people(w.ref("", "US.9", true))
	both := w.ref("5511987654321", "US.9", true)
	merged := w.people(both)[0]
	late := w.said(merged.Conversation.ID, "message.received", `{"message":{"id":"wamid.D"}}`)
	w.write(models.Changes{Events: []models.Event{late}})
	w.equal("after a merge", find(models.EventSearch{UserID: "US.9"}), []int64{late.ID, cart.ID, hello.ID})
}

// testSearchOverDays: what is said of a message on other days is found, however the message came to be known.
func testSearchOverDays(_ *testing.T, w *world) {
	days := func(n int) int64 { return models.FirstID(time.Now().AddDate(0, 0, -n)) + w.NextID()%1000 }
	about := func(wamid string, id int64) models.Event {
		e := w.said(0, "message.report", `{"status":{"message_id":"`+wamid+`"}}`)
		e.ID = id
		return e
	}
	message := func(wamid string) []models.Message {
		return []models.Message{{NumberID: w.number.ID, Wamid: wamid, Type: "text", SentAt: time.Now()}}
	}
	find := func(wamid string) int {
		events, err := w.SearchEvents(w.ctx, w.business, models.EventSearch{Wamid: wamid})
		w.ok(err)
		for _, e := range events {
			got, err := w.EventByKey(w.ctx, w.business, e.Key)
			w.ok(err)
			w.equal("the event itself", got.ID, e.ID)
		}
		return len(events)
	}
	w.write(models.Changes{Messages: message("wamid.1"), Events: []models.Event{about("wamid.1", days(9))}})
	w.equal("once", find("wamid.1"), 1)
	w.write(models.Changes{Messages: message("wamid.1"), Events: []models.Event{about("wamid.1", days(5)), about("wamid.1", days(2))}})
	w.equal("with the message again", find("wamid.1"), 3)
	w.write(models.Changes{Messages: message("wamid.2"), Events: []models.Event{about("wamid.1", days(14)), about("wamid.1", days(0)), about("wamid.2", days(1))}})
	w.equal("without the message, before and after", find("wamid.1"), 5)
	w.equal("beside another one", find("wamid.2"), 1)

	w.write(models.Changes{Messages: message("wamid.3")})
	w.write(models.Changes{Events: []models.Event{about("wamid.3", days(6))}})
	w.write(models.Changes{Messages: message("wamid.3"), Events: []models.Event{about("wamid.3", days(3))}})
	w.equal("the message first, by itself", find("wamid.3"), 2)
	w.write(models.Changes{Events: []models.Event{about("wamid.4", days(4)), about("wamid.4", days(7))}})
	w.equal("no message at all", find("wamid.4"), 2)
}

func testTimeline(_ *testing.T, w *world) {
	cs := []models.Callback{{AppID: 3, ReceivedAt: time.Now(), Body: []byte("hello")}, {AppID: 3, ReceivedAt: time.Now(), Body: []byte("ça")}}
	w.ok(w.Accept(w.ctx, w.NewCallbackGroup(cs), cs))
	p := w.people(w.ref("15550001", "", true))[0]
	sent := w.said(p.Conversation.ID, "message.sent", `{"message":{"id":"wamid.X"}}`)
	read := w.said(p.Conversation.ID, "message.report", `{"status":{"message_id":"wamid.X"}}`)
	sent.CallbackID, read.CallbackID = cs[0].ID, cs[1].ID
	hook := w.newWebhook(w.business)
	at := time.Now().UTC().Truncate(time.Second)
	w.write(models.Changes{Events: []models.Event{sent, read}, Messages: []models.Message{{NumberID: w.number.ID, Wamid: "wamid.X", ConversationID: p.Conversation.ID, Type: "text", SentAt: at}},
		Deliveries: []models.Delivery{{EventID: sent.ID, WebhookID: w.webhook.ID}, {EventID: sent.ID, WebhookID: hook.ID, State: models.Held}, {EventID: read.ID, WebhookID: w.webhook.ID}}})
	w.settle(models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{w.attempt(sent.ID, 1, 500), w.attempt(sent.ID, 2, 200)},
		Updates: []models.DeliveryUpdate{{EventID: sent.ID, State: models.Succeeded, Attempts: 2, DueAt: at}}})

	t, err := w.Timeline(w.ctx, w.business, "wamid.X")
	w.ok(err)
	w.equal("message", []any{t.Message.Type, t.Message.SentAt, t.Cut}, []any{"text", at, false})
	w.equal("callbacks", []any{len(t.Callbacks), t.Callbacks[0].ID, t.Callbacks[0].AppID, t.Callbacks[0].Size, t.Callbacks[1].Size}, []any{2, cs[0].ID, int64(3), int64(5), int64(3)})
	w.equal("events", []int64{t.Events[0].ID, t.Events[1].ID}, []int64{sent.ID, read.ID})
	var got []string
	for _, d := range t.Deliveries {
		got = append(got, fmt.Sprint(d.Row.EventID == sent.ID, d.Row.WebhookID == hook.ID, d.Row.State, len(d.Attempts)))
	}
	w.equal("deliveries", strings.Join(got, "; "), "true false 1 2; true true 3 0; false false 0 0")
	w.equal("attempts in order", []int{t.Deliveries[0].Attempts[0].Status, t.Deliveries[0].Attempts[1].Status}, []int{500, 200})
	_, err = w.Timeline(w.ctx, w.business, "wamid.unknown")
	w.is(err, models.ErrNotFound)
	_, err = w.Timeline(w.ctx, w.otherBusiness(), "wamid.X")
	w.is(err, models.ErrNotFound)

	d, err := w.EventDetail(w.ctx, w.business, sent.Key)
	w.ok(err)
	w.equal("detail", []any{d.ID, d.Callback.ID, len(d.Deliveries), len(d.Deliveries[0].Attempts)}, []any{sent.ID, cs[0].ID, 2, 2})
	_, err = w.EventDetail(w.ctx, w.otherBusiness(), sent.Key)
	w.is(err, models.ErrNotFound)

	var many models.Changes
	for range models.MaxTimeline + 1 {
		many.Events = append(many.Events, w.said(0, "message.report", `{"status":{"message_id":"wamid.group"}}`))
	}
	w.write(many)
	t, err = w.Timeline(w.ctx, w.business, "wamid.group")
	w.ok(err)
	w.equal("a long one", []any{len(t.Events), t.Cut, t.Message, t.Events[0].ID < t.Events[1].ID, t.Events[models.MaxTimeline-1].ID}, []any{models.MaxTimeline, true, nil, true, many.Events[models.MaxTimeline].ID})
}
