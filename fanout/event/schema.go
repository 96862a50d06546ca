package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"wabagate/fanout/jsonschema"
)

// payload is what the default dialect delivers.
type payload struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	APIVersion string `json:"api_version"`
	CreatedAt  Time   `json:"created_at"`
	LiveMode   bool   `json:"live_mode"`
	Data       Data   `json:"data"`
}

// Schema is a JSON Schema (draft 2020-12) of the default dialect's payload for one event type: the parts of data that its
// events have or may have, and what is always there. It allows additions everywhere, as receivers must. It is the same
// bytes every time, and wraps ErrUnknownType for a name that is not in the catalogue.
func Schema(typ string) (json.RawMessage, error) {
	t, ok := Lookup(typ)
	if !ok {
		return nil, fmt.Errorf("schema of %q: %w", typ, ErrUnknownType)
	}
	schema := jsonschema.Of(reflect.TypeFor[payload]())
	schema["$schema"], schema["title"], schema["description"] = jsonschema.Dialect, t.Name, t.Description
	whole := properties(schema)
	whole["id"] = map[string]any{"type": "string", "pattern": "^evt_[0-9a-f]{32}$",
		"description": "The same for ever for the same fact, on every delivery and replay."}
	whole["type"] = map[string]any{"const": t.Name}
	whole["data"] = dataOf(t)
	return schemaText(typ, schema)
}

// DataSchema is the part of Schema that describes data, by itself: what filters look at.
func DataSchema(typ string) (json.RawMessage, error) {
	t, ok := Lookup(typ)
	if !ok {
		return nil, fmt.Errorf("schema of %q: %w", typ, ErrUnknownType)
	}
	schema := dataOf(t)
	schema["$schema"], schema["title"], schema["description"] = jsonschema.Dialect, t.Name, t.Description
	return schemaText(typ, schema)
}

func schemaText(typ string, schema map[string]any) (json.RawMessage, error) {
	text, err := json.Marshal(schema)
	if err != nil {
		return nil, fmt.Errorf("schema of %q: %w", typ, err)
	}
	return text, nil
}

// dataOf describes the data of a type's events.
func dataOf(t Type) map[string]any {
	p := partsOf(t)
	data := jsonschema.Of(reflect.TypeFor[Data]())
	known, required := properties(data), data["required"].([]string)
	for name, part := range known {
		if !slices.Contains(required, name) && !slices.Contains(p.always, name) && !slices.Contains(p.sometimes, name) {
			delete(known, name)
		} else if text := descriptions[name]; text != "" {
			part.(map[string]any)["description"] = text
		}
	}
	data["required"] = append(required, p.always...)
	return data
}

// properties are those of an object's schema.
func properties(schema map[string]any) map[string]any { return schema["properties"].(map[string]any) }

// parts name members of data.
type parts struct{ always, sometimes []string }

// common is what any event may have: it depends on where the fact belongs.
const common = "sequence number contact conversation"

// partsOf says what the events of a type have besides what all have.
func partsOf(t Type) parts {
	always, sometimes := "field value", "error" // what a field of the platform says, in its own words
	switch t.Name {
	case MessageReceived, MessageDeleted, MessageSent, AIReplied, HistoryMessage:
		always, sometimes = "message", "" // a callback without metadata names no number
	case MessageEdited:
		always, sometimes = "message", "previous"
	case MessageReport:
		always, sometimes = "status", ""
	case MediaReady:
		always, sometimes = "file", ""
	case MediaFailed:
		always, sometimes = "file reason", ""
	case ConversationCreated:
		always, sometimes = common, "message"
	case ConversationUpdated:
		always, sometimes = common, "previous"
	case ContactCreated:
		always, sometimes = "contact", ""
	case ContactUpdated:
		always, sometimes = "contact", "previous"
	case OrderCreated:
		always, sometimes = "order", ""
	case OrderStatusUpdated:
		always, sometimes = "order", "previous"
	case FormSubmitted:
		always, sometimes = "form", ""
	case BroadcastProgress, BroadcastCompleted:
		always, sometimes = "broadcast", ""
	case ErrorReported:
		always, sometimes = "error", ""
	case WebhookFailing, WebhookDisabled, WebhookRecovered:
		always, sometimes = "webhook", "reason"
	case DeliveryExhausted:
		always, sometimes = "webhook delivery", "reason"
	case NumberConnected:
		always, sometimes = "number", ""
	case UpstreamSilent, MessageUnreported:
		always, sometimes = "reason gap", ""
	case UpstreamUnrecognized:
		always, sometimes = "reason raw", "field"
	}
	return parts{strings.Fields(always), strings.Fields(sometimes + " " + common)}
}

// descriptions are of the members of data, for people who read the schema.
var descriptions = map[string]string{
	"business_id":  "Whose event it is.",
	"occurred_at":  "When it happened, by the platform's clock.",
	"sequence":     "The place of the event in its conversation: 1, 2, 3 and so on.",
	"number":       "The business's WhatsApp number.",
	"contact":      "The customer, under every name that is known.",
	"conversation": "The thread of this contact on this number, as it stood after the event.",
	"message":      "The message, in either direction.",
	"status":       "What became of a message of the business.",
	"error":        "What went wrong, and what to do about it.",
	"order":        "The order, as it stood after the event.",
	"form":         "The completed form, with its fields.",
	"broadcast":    "The broadcast, and how far it is.",
	"webhook":      "The webhook that this is about.",
	"delivery":     "The delivery that this is about.",
	"file":         "The file of a message, and what became of it.",
	"gap":          "What should have come from the platform and did not.",
	"previous":     "What changed, by name, and what it was before.",
	"field":        "The field of the platform that brought it.",
	"value":        "What the platform said, in its own shape.",
	"reason":       "Why, for people to read.",
	"raw":          "What was not recognized, as it came.",
}
