package dialect

import (
	"encoding/json"
	"maps"
	"slices"

	"wabagate/fanout/event"
	"wabagate/waba"
)

// onprem speaks to receivers written for the WhatsApp Business API client of On-Premises days and its providers, such as
// cBot: contacts, messages, statuses and errors at the top level, as they stand in the value of the platform's field
// messages, and nothing else. It has no signature of its own, and only 200 counts.
//
// It has no form for other fields, nor for what the field messages brings under other keys than those.
func onprem() Dialect {
	m := usual()
	m.Success = only200
	return Dialect{
		Name:    "onprem",
		Manners: m,
		raw:     true,
		speaks:  func(t event.Type) bool { return t.Field == waba.FieldMessages && !elsewhere[t.Name] },
		passes: func(field, key string) bool {
			return field == waba.FieldMessages && key != "contacts" && slices.Contains(onpremKeys[:], key)
		},
		render: renderOnprem,
		schema: schemaOnprem,
	}
}

// elsewhere are the types that the field messages brings under keys of their own.
var elsewhere = map[string]bool{event.UserActionRecorded: true, event.ConversationContext: true}

// onpremKeys are the keys of a body, in the order in which they are written. The last three say something; contacts are
// there for their sake.
var onpremKeys = [...]string{"contacts", "messages", "statuses", "errors"}

func renderOnprem(dst []byte, _ string, e event.Event) ([]byte, error) {
	value, ok := onlyValue(e.Upstream)
	if !ok || value["messages"] == nil && value["statuses"] == nil && value["errors"] == nil {
		return dst, renderError("onprem", e, ErrNoShape)
	}
	open := byte('{')
	for _, key := range onpremKeys {
		if part := value[key]; part != nil { // canonical, as Upstream is
			dst = append(dst, open, '"')
			dst = append(dst, key...)
			dst = append(dst, `":`...)
			dst = append(dst, part...)
			open = ','
		}
	}
	return append(dst, '}'), nil
}

// onlyValue is the value of an envelope's one change of the field messages, without what is null.
func onlyValue(upstream json.RawMessage) (map[string]json.RawMessage, bool) {
	var envelope struct {
		Entry []struct {
			Changes []struct {
				Field string          `json:"field"`
				Value json.RawMessage `json:"value"`
			} `json:"changes"`
		} `json:"entry"`
	}
	if json.Unmarshal(upstream, &envelope) != nil || len(envelope.Entry) != 1 || len(envelope.Entry[0].Changes) != 1 {
		return nil, false // kept as it came, and no envelope
	}
	change := envelope.Entry[0].Changes[0]
	var value map[string]json.RawMessage
	if change.Field != waba.FieldMessages || json.Unmarshal(change.Value, &value) != nil {
		return nil, false
	}
	maps.DeleteFunc(value, func(_ string, part json.RawMessage) bool { return string(part) == "null" })
	return value, true
}

// schemaOnprem leaves what is inside the arrays to the platform. Each is an array unless the event says that it was not
// understood.
func schemaOnprem(t event.Type, _ string) (json.RawMessage, error) {
	part := map[string]any{"type": "array", "items": map[string]any{"type": "object"}}
	if t.Name == event.UpstreamUnrecognized {
		part = map[string]any{}
	}
	properties := make(map[string]any)
	var something []any
	for _, key := range onpremKeys {
		properties[key] = part
		if key != "contacts" {
			something = append(something, map[string]any{"required": []string{key}})
		}
	}
	return describe(t, map[string]any{"type": "object", "properties": properties, "anyOf": something, "additionalProperties": true})
}
