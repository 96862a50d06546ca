package event_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"wabagate/fanout/event"
)

func TestFields(t *testing.T) {
	fields := event.Fields()
	for _, path := range []string{"business_id", "occurred_at", "sequence", "message", "message.type", "message.media.mime_type", "message.choice.id",
		"message.reaction.emoji", "message.errors.code", "message.content", "contact.wa_id", "conversation.labels", "conversation.window_expires_at",
		"status.errors", "status.errors.action", "order.total", "form.fields", "broadcast.completed_at", "webhook.url", "delivery.attempts", "previous",
		"field", "value", "raw"} {
		if !slices.Contains(fields, path) {
			t.Errorf("%s is missing", path)
		}
	}
	for _, path := range []string{"", "type", "message.Type", "message.content.body", "occurred_at.Time", "conversation.labels.0", "status."} {
		if slices.Contains(fields, path) {
			t.Errorf("%q should not be there", path)
		}
	}
	if fields[0] != "business_id" || fields[len(fields)-1] != "raw" {
		t.Errorf("from %s to %s", fields[0], fields[len(fields)-1])
	}
	if sorted := slices.Compact(slices.Sorted(slices.Values(fields))); len(sorted) != len(fields) {
		t.Errorf("%d paths, %d different ones", len(fields), len(sorted))
	}
}

func TestFreeForm(t *testing.T) {
	for path, want := range map[string]bool{
		"value.event":                     true,
		"raw.a.b.c":                       true,
		"previous.status":                 true,
		"message.content.body":            true,
		"message.context.id":              true,
		"message.referral.ctwa_clid":      true,
		"form.fields.rating":              true,
		"order.items.product_retailer_id": true,
		"order.payment.amount.value":      true,
		"status.pricing.category":         true,
		"status.conversation.origin.type": true,
		"value":                           false,
		"value.":                          false,
		"message.content":                 false,
		"message.type.x":                  false,
		"message.media.content.x":         false,
		"conversation.created_at.x":       false,
		"conversation.labels.x":           false,
		"status.errors.code.x":            false,
		"content.body":                    false,
		"nonsense.body":                   false,
		"":                                false,
		".":                               false,
	} {
		if got := event.FreeForm(path); got != want {
			t.Errorf("FreeForm(%q) = %v", path, got)
		}
	}
}

// Whatever an event says, a filter can name it.
func TestEverythingThatIsSaidHasAPath(t *testing.T) {
	fields := event.Fields()
	for _, s := range event.Samples(noon) {
		var data any
		if err := json.Unmarshal(s.Data, &data); err != nil {
			t.Fatal(err)
		}
		walk(data, "", func(path string) {
			if !slices.Contains(fields, path) && !event.FreeForm(path) {
				t.Errorf("%s says %s", s.Name, path)
			}
		})
	}
}

func walk(value any, path string, found func(path string)) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			below := strings.TrimPrefix(path+"."+name, ".")
			found(below)
			walk(member, below, found)
		}
	case []any:
		for _, element := range v {
			walk(element, path, found)
		}
	}
}
