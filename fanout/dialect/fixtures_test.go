package dialect_test

import (
	"encoding/json"
	"testing"
	"time"

	"wabagate/fanout/event"
)

// noon is when all fixtures happen.
var noon = time.Date(2026, 11, 1, 12, 0, 0, 719e6, time.UTC)

// awkward is text that careless writers of JSON spoil.
const awkward = "مرحبا 👋🏽 <b>\"R&D\"</b> it's \\ 100%\n\u2028next\ttab\u2029é\x7f"

type fixture struct {
	name string
	event.Event
}

// fixtures are one event of each emitted type, and the variants that renderers treat differently.
func fixtures(t testing.TB) []fixture {
	t.Helper()
	var all []fixture
	for _, typ := range event.Catalogue() {
		if typ.Emitted {
			all = append(all, fixture{typ.Name, mustSample(t, typ.Name)})
		}
	}
	for _, v := range []struct {
		name, typ string
		change    func(d *event.Data)
	}{
		{"message.received.awkward", event.MessageReceived, func(d *event.Data) {
			d.Contact.Name = "ليلى <\"&'\u2028>"
			d.Message.Text = awkward
			b, err := json.Marshal(map[string]string{"body": awkward})
			if err != nil {
				t.Fatal(err)
			}
			d.Message.Content = b
		}},
		{"message.received.image", event.MessageReceived, func(d *event.Data) {
			d.Message.Type, d.Message.Text = "image", ""
			d.Message.Media = &event.Media{ID: "900001", Kind: "image", MimeType: "image/jpeg", SHA256: "q83vEjRWeJA="}
			d.Message.Content = json.RawMessage(`{"id":"900001","mime_type":"image/jpeg","sha256":"q83vEjRWeJA="}`)
		}},
		{"message.received.document", event.MessageReceived, func(d *event.Data) {
			d.Message.Type, d.Message.Text = "document", "signed & sent"
			d.Message.Media = &event.Media{ID: "900004", Kind: "document", MimeType: "application/pdf", Filename: "quote.pdf", Caption: "signed & sent"}
			d.Message.Content = json.RawMessage(`{"id":"900004","mime_type":"application/pdf","filename":"quote.pdf","caption":"signed & sent"}`)
		}},
		{"message.received.location", event.MessageReceived, func(d *event.Data) {
			d.Message.Type, d.Message.Text = "location", ""
			d.Message.Content = json.RawMessage(`{"latitude":-23.550500,"longitude":-46.6333,"name":"Office"}`)
		}},
		{"message.received.withheld", event.MessageReceived, func(d *event.Data) {
			d.Contact.WaID, d.Contact.Name, d.Contact.Username = "", "", "layla.h"
			d.Message.From = ""
		}},
		{"message.report.failed", event.MessageReport, func(d *event.Data) {
			d.Status.Status, d.Status.Current, d.Status.Pricing = "failed", "failed", nil
			d.Status.Errors = []event.Error{{Code: "131026", Title: "Message undeliverable", Message: "Message undeliverable", Details: "Message <undeliverable>."}}
		}},
		{"conversation.created.awkward", event.ConversationCreated, func(d *event.Data) { d.Message.Text = awkward }},
		{"upstream.unrecognized.numbers", event.UpstreamUnrecognized, func(d *event.Data) {
			d.Raw = json.RawMessage(`{"b":1200000000000001,"10":12345678901234567890,"2":1.50,"lone":"\ud83d","a":1e999}`)
		}},
	} {
		s := mustSample(t, v.typ)
		d, err := s.Decode()
		if err != nil {
			t.Fatal(err)
		}
		v.change(&d)
		e, err := event.New(event.NewKey("fixture", v.name), v.typ, d, nil, noon)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fixture{v.name, e})
	}
	return all
}

func mustSample(t testing.TB, typ string) event.Event {
	t.Helper()
	e, err := event.Sample(typ, noon)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
