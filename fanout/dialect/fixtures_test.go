package dialect_test

import (
	"encoding/json"
	"testing"
	"time"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
)

// noon is when all fixtures happen.
var noon = time.Date(2026, 11, 1, 12, 0, 0, 719e6, time.UTC)

// awkward is text that careless writers of JSON spoil.
const awkward = "مرحبا 👋🏽 <b>\"R&D\"</b> it's \\ 100%\n\u2028next\ttab\u2029é\x7f"

// half is an event with half a surrogate pair in it, as a text has that was cut in the middle of an emoji.
const half = "upstream.unrecognized.half"

// fixtures are the samples of every event type with their variants, and events that are hard to write.
func fixtures(t testing.TB) []event.NamedSample {
	t.Helper()
	all := event.Samples(noon)
	for _, v := range []struct {
		name, typ string
		change    func(d *event.Data)
	}{
		{"message.received.awkward", event.MessageReceived, func(d *event.Data) {
			d.Contact.Name = "ليلى <\"&'\u2028>"
			d.Message.Text = awkward
			d.Message.Content = mustJSON(t, map[string]string{"body": awkward})
		}},
		{"message.received.index_keys", event.MessageReceived, func(d *event.Data) {
			d.Message.Type, d.Message.Text = "location", ""
			d.Message.Content = json.RawMessage(`{"latitude":-23.550500,"name":"Office","10":1,"2":1e21}`)
		}},
		{"message.report.awkward", event.MessageReport, func(d *event.Data) {
			d.Status.Status, d.Status.Current = "failed", "failed"
			d.Status.Errors = []event.Error{{Code: "131026", Title: awkward, Message: awkward, Details: "Message <undeliverable>."}}
		}},
		{"message.sent.unknown", event.MessageSent, func(d *event.Data) {
			d.Contact, d.Conversation, d.Sequence, d.Message.To = nil, nil, 0, ""
		}},
		{"conversation.created.awkward", event.ConversationCreated, func(d *event.Data) { d.Message.Text = awkward }},
		{"conversation.updated.awkward", event.ConversationUpdated, func(d *event.Data) {
			d.Conversation.Labels, d.Conversation.Note, d.Conversation.WindowExpiresAt = nil, awkward, nil
			d.Previous = json.RawMessage(`"a text where an object was expected"`)
		}},
		{"order.created.fraction", event.OrderCreated, func(d *event.Data) { d.Order.Total = 1e-7 }},
		{"order.status.updated.both", event.OrderStatusUpdated, func(d *event.Data) {
			d.Order.PaymentStatus = "captured"
			d.Previous = json.RawMessage(`{"payment_status":"pending","status":"accepted"}`)
			d.Order.Status = "processing"
		}},
		{"order.status.updated.late", event.OrderStatusUpdated, func(d *event.Data) {
			d.Order.PaymentStatus, d.Order.Payment, d.Previous = "captured", json.RawMessage(`{"reference_id":"order-1042"}`), nil
		}},
		{"form.submitted.awkward", event.FormSubmitted, func(d *event.Data) {
			d.Form.Fields = mustJSON(t, map[string]any{"10": 1, "2": awkward, "rating": 4.50})
		}},
		{"broadcast.completed.named", event.BroadcastCompleted, func(d *event.Data) { d.Broadcast.Reference = "spring" }},
		{"upstream.unrecognized.numbers", event.UpstreamUnrecognized, func(d *event.Data) {
			d.Raw = json.RawMessage(`{"b":1200000000000001,"10":12345678901234567890,"2":1.50,"a":1e999}`)
		}},
		{half, event.UpstreamUnrecognized, func(d *event.Data) { d.Raw = json.RawMessage(`{"half":"\ud83d"}`) }},
	} {
		all = append(all, event.NamedSample{Name: v.name, Event: changed(t, v.name, v.typ, v.change)})
	}
	talk := mustSample(t, event.MessageReceived)
	talk.Digest = mustDigest(t, talk)
	return append(all, event.NamedSample{Name: "message.received.talk", Event: talk})
}

// changed is a sample in which something is different. It has no envelope, which would tell another story.
func changed(t testing.TB, name, typ string, change func(d *event.Data)) event.Event {
	t.Helper()
	d, err := mustSample(t, typ).Decode()
	if err != nil {
		t.Fatal(err)
	}
	change(&d)
	e, err := event.New(event.NewKey("fixture", name), typ, d, nil, noon)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// mustDigest is a conversation of yesterday and today that ends with the event's message.
func mustDigest(t testing.TB, e event.Event) json.RawMessage {
	t.Helper()
	d, err := e.Decode()
	if err != nil {
		t.Fatal(err)
	}
	now := noon.Unix()
	b, err := dialect.NewDigest(dialect.Digest{
		Messages: []dialect.DigestMessage{
			{ID: d.Message.ID, Direction: "inbound", Type: "text", Text: d.Message.Text, Timestamp: now},
			{ID: "wamid.1", Direction: "inbound", Type: "text", Text: awkward, Timestamp: now - 90000},
			{ID: "wamid.2", Direction: "outbound", Type: "text", Text: "Order 1042 is on its way.", Timestamp: now - 7200, Status: "read"},
			{ID: "wamid.3", Direction: "inbound", Type: "voice", Timestamp: now - 60},
		},
		Note: "Prefers to be called <after> five", Labels: []string{"billing", "vip"}, AutomationNotes: "Greeted",
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustJSON(t testing.TB, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustSample(t testing.TB, typ string) event.Event {
	t.Helper()
	e, err := event.Sample(typ, noon)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
