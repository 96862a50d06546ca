package event_test

import (
	"strings"
	"testing"

	"wabagate/fanout/event"
)

func TestCatalogueIsUnambiguous(t *testing.T) {
	seen := make(map[string]string)
	for _, typ := range event.Catalogue() {
		if typ.Description == "" || typ.Name == "" {
			t.Errorf("%q is not described", typ.Name)
		}
		for _, name := range append(typ.Aliases, typ.Name) {
			if other, ok := seen[name]; ok {
				t.Errorf("%q means both %s and %s", name, other, typ.Name)
			}
			seen[name] = typ.Name
			if got, ok := event.Resolve(name); !ok || got != typ.Name {
				t.Errorf("Resolve(%q) = %q, %v, want %q", name, got, ok, typ.Name)
			}
		}
		if got, ok := event.Lookup(typ.Name); !ok || got.Name != typ.Name {
			t.Errorf("Lookup(%q) = %q, %v", typ.Name, got.Name, ok)
		}
	}
}

func TestCatalogueKnowsWhatIsEmitted(t *testing.T) {
	emitted := map[string]bool{event.MessageReceived: true, event.MessageReport: true, event.ConversationCreated: true,
		event.ContactCreated: true, event.ContactUpdated: true, event.ErrorReported: true, event.UpstreamUnrecognized: true}
	for _, typ := range event.Catalogue() {
		if typ.Emitted != emitted[typ.Name] {
			t.Errorf("%s: emitted %v", typ.Name, typ.Emitted)
		}
		delete(emitted, typ.Name)
	}
	if len(emitted) > 0 {
		t.Errorf("not listed: %v", emitted)
	}
}

func TestCatalogueIsACopy(t *testing.T) {
	event.Catalogue()[0].Aliases[0] = "changed"
	if a := event.Catalogue()[0].Aliases[0]; a == "changed" {
		t.Error("a caller changed the catalogue")
	}
}

func TestResolve(t *testing.T) {
	for in, want := range map[string]string{
		"*":                        "*",
		"message.incoming":         "message.received",
		"message.status.updated":   "message.report",
		"message.received":         "message.received",
		"message.*":                "message.*",
		"order.status.*":           "order.status.*",
		"template.*":               "template.*",
		"user.preferences.updated": "user.preferences.updated",
		"messages":                 "messages",
		"":                         "",
		".*":                       "",
		"**":                       "",
		"mess*":                    "",
		"message":                  "",
		"message.":                 "",
		"message.unheard":          "",
		"messages.*":               "",
		"template.anything":        "",
		"MESSAGE.RECEIVED":         "",
		" message.received":        "",
	} {
		got, ok := event.Resolve(in)
		if got != want || ok != (want != "") {
			t.Errorf("Resolve(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
}

func TestSet(t *testing.T) {
	for _, c := range []struct{ subscriptions, has, hasNot string }{
		{"", "", "message.received webhook.disabled"},
		{"*", "message.received webhook.disabled template.paused upstream.unrecognized", ""},
		{"message.*", "message.received message.report message.sent", "conversation.created messages.x"},
		{"message.incoming", "message.received", "message.report message.incoming"},
		{"message.status.updated contact.created", "message.report contact.created", "message.received contact.updated"},
		{"template.*", "template.paused template.sample", "templates flow.sample"},
		{"messages", "message.received message.report message.edited error.reported upstream.unrecognized", "conversation.created order.created message.sent"},
		{"nonsense message.unheard", "", "nonsense message.unheard message.received"},
		{"order.status.*", "order.status.updated", "order.created"},
	} {
		subscriptions := strings.Fields(c.subscriptions)
		set := event.NewSet(subscriptions)
		for want, types := range map[bool]string{true: c.has, false: c.hasNot} {
			for _, typ := range strings.Fields(types) {
				if set.Has(typ) != want || event.Matches(subscriptions, typ) != want {
					t.Errorf("%q has %s: %v", c.subscriptions, typ, !want)
				}
			}
		}
	}
	if new(event.Set).Has("message.received") {
		t.Error("the zero Set has something")
	}
}

func BenchmarkSetHas(b *testing.B) {
	set := event.NewSet([]string{"message.received", "message.report", "order.*"})
	b.ReportAllocs()
	for b.Loop() {
		set.Has("contact.updated")
	}
}
