package event_test

import (
	"strings"
	"testing"

	"wabagate/fanout/event"
	"wabagate/waba"
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
	silent := map[string]bool{}
	for _, typ := range event.Catalogue() {
		if typ.Emitted == silent[typ.Name] {
			t.Errorf("%s: emitted %v", typ.Name, typ.Emitted)
		}
		delete(silent, typ.Name)
	}
	if len(silent) > 0 {
		t.Errorf("not listed: %v", silent)
	}
}

// Every field that this version understands leads to an event, so that raw dialects can subscribe to it.
func TestCatalogueHasEveryField(t *testing.T) {
	for _, field := range waba.Fields() {
		if _, ok := event.Resolve(field); !ok {
			t.Errorf("no type has the field %s", field)
		}
	}
	for _, typ := range event.Catalogue() {
		if typ.Field != "" && !waba.KnownField(typ.Field) {
			t.Errorf("%s has the unknown field %s", typ.Name, typ.Field)
		}
	}
}

func TestLookupOfWhatIsNoType(t *testing.T) {
	for _, name := range []string{"", "*", "message.*", "message", "message.incoming", "messages", "template.paused"} {
		if typ, ok := event.Lookup(name); ok {
			t.Errorf("Lookup(%q) = %q", name, typ.Name)
		}
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
		"group.join_request.*":     "group.join_request.*",
		"group.join_request.c*":    "",
		"messages":                 "messages",
		"smb_message_echoes":       "smb_message_echoes",
		"flows":                    "flows",
		"business_username_update": "business_username_updates",
		"group_participant_update": "group_participants_update",
		"message_echoes":           "",
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
		{"*", "message.received webhook.disabled template.quality.updated upstream.unrecognized a.later.version", ""},
		{"message.*", "message.received message.report message.sent", "conversation.created messages.x"},
		{"message.incoming", "message.received", "message.report message.incoming"},
		{"message.status.updated contact.created", "message.report contact.created", "message.received contact.updated"},
		{"template.*", "template.status.updated template.category.announced", "templates template. template.paused flow.updated"},
		{"group.join_request.*", "group.join_request.created group.join_request.revoked", "group.created group.join_request"},
		{"messages", "message.received message.report message.edited error.reported upstream.unrecognized order.status.updated",
			"conversation.created order.created message.sent"},
		{"smb_message_echoes", "message.sent", "message.received smb_message_echoes"},
		{"flows calls", "flow.updated flow.health.updated call.connected call.status.updated", "template.status.updated group.created"},
		{"group_participant_update", "group.participants.added group.join_request.created", "group.created"},
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
