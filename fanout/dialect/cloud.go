package dialect

import (
	"encoding/json"

	"wabagate/fanout/event"
	"wabagate/fanout/signature"
)

// cloud passes on the platform's own envelope around the one fact, so that a receiver written for the Cloud API works
// unchanged, signature included. The platform escapes non-ASCII text in what it sends and we do not; receivers that
// verify raw bytes or parse JSON do not notice.
//
// It speaks what an upstream field brings. Of some of those types the platform sends only a part, such as the sent
// messages that come as echoes of the phone app; the others have no form.
//
// To the platform only 200 acknowledges. Here any 2xx does: a receiver that answers 202 or 204 has taken the event and
// means no retry, and one that works with the platform answers 200 anyway.
func cloud() Dialect {
	return Dialect{
		Name:    "cloud",
		Manners: usual(),
		scheme:  signature.Hub,
		raw:     true,
		speaks:  func(t event.Type) bool { return t.Field != "" },
		render:  renderCloud,
		schema:  schemaCloud,
	}
}

func renderCloud(dst []byte, _ string, e event.Event) ([]byte, error) {
	if len(e.Upstream) == 0 {
		return dst, renderError("cloud", e, ErrNoShape)
	}
	return append(dst, e.Upstream...), nil
}

// schemaCloud is the envelope with one change of the type's field. What the value holds is the platform's to say.
func schemaCloud(t event.Type, name string) (json.RawMessage, error) {
	field := map[string]any{"type": "string"}
	if name != "" {
		field = map[string]any{"const": name}
	}
	change := object(map[string]any{"field": field})
	change["properties"].(map[string]any)["value"] = map[string]any{}
	one := func(items map[string]any) map[string]any {
		return map[string]any{"type": "array", "minItems": 1, "maxItems": 1, "items": items}
	}
	return describe(t, object(map[string]any{
		"object": map[string]any{"type": "string"},
		"entry":  one(object(map[string]any{"id": map[string]any{"type": "string"}, "changes": one(change)})),
	}))
}
