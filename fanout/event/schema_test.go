package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	checker "github.com/santhosh-tekuri/jsonschema/v6"

	"wabagate/fanout/event"
)

func TestSchemaAcceptsSamples(t *testing.T) {
	schemas := compiled(t)
	for _, s := range event.Samples(noon) {
		t.Run(s.Name, func(t *testing.T) {
			schema, payload := schemas[s.Type], payload(t, s.Event)
			if err := schema.Validate(payload); err != nil {
				t.Fatalf("%v in %s", err, s.Data)
			}
			described := schema.Properties["data"].Properties
			for part := range payload["data"].(map[string]any) {
				if described[part] == nil {
					t.Errorf("data.%s is not described", part)
				} else if described[part].Description == "" {
					t.Errorf("data.%s has no words", part)
				}
			}
		})
	}
}

// The schema of data alone is that part of the whole, and holds by itself.
func TestDataSchema(t *testing.T) {
	wholes := compiled(t)
	for _, s := range event.Samples(noon) {
		raw, err := event.DataSchema(s.Type)
		if err != nil {
			t.Fatal(err)
		}
		schema := compile(t, raw)
		data := payload(t, s.Event)["data"].(map[string]any)
		if err := schema.Validate(data); err != nil {
			t.Errorf("%s: %v in %s", s.Name, err, s.Data)
		}
		whole := wholes[s.Type].Properties["data"]
		if !slices.Equal(slices.Sorted(maps.Keys(schema.Properties)), slices.Sorted(maps.Keys(whole.Properties))) || !slices.Equal(schema.Required, whole.Required) {
			t.Errorf("%s: describes other members than its payload", s.Type)
		}
		for _, key := range schema.Required {
			without := maps.Clone(data)
			delete(without, key)
			if schema.Validate(without) == nil {
				t.Errorf("%s: data without %s passes", s.Name, key)
			}
		}
	}
	if _, err := event.DataSchema("message.*"); !errors.Is(err, event.ErrUnknownType) {
		t.Errorf("of no type: %v", err)
	}
}

func TestSchemaRefuses(t *testing.T) {
	for typ, schema := range compiled(t) {
		t.Run(typ, func(t *testing.T) {
			e, err := event.Sample(typ, noon)
			if err != nil {
				t.Fatal(err)
			}
			whole := payload(t, e)
			mustNeed(t, schema, whole, whole, schema.Required)
			data := whole["data"].(map[string]any)
			mustNeed(t, schema, whole, data, schema.Properties["data"].Required)
			for name, part := range schema.Properties["data"].Properties {
				if inner, ok := data[name].(map[string]any); ok {
					mustNeed(t, schema, whole, inner, part.Required)
				}
			}
			for key, wrong := range map[string]any{"id": "evt_1", "type": "message.unheard", "created_at": "yesterday", "live_mode": 1, "data": []any{}} {
				mustRefuse(t, schema, whole, whole, key, wrong)
			}
			for key, wrong := range map[string]any{"business_id": "1", "sequence": 1.5, "number": []any{}, "contact": map[string]any{"id": "456"},
				"conversation": "open"} {
				mustRefuse(t, schema, whole, data, key, wrong)
			}
			data["of_a_later_version"] = true
			if err := schema.Validate(whole); err != nil {
				t.Errorf("an addition: %v", err)
			}
		})
	}
}

// Which parts must be there is a promise.
func TestSchemaRequires(t *testing.T) {
	schemas := compiled(t)
	for typ, want := range map[string][]string{
		event.MessageReceived:         {"business_id", "occurred_at", "message"},
		event.MessageReport:           {"business_id", "occurred_at", "status"},
		event.ConversationCreated:     {"business_id", "occurred_at", "sequence", "number", "contact", "conversation"},
		event.OrderCreated:            {"business_id", "occurred_at", "order"},
		event.TemplateCategoryUpdated: {"business_id", "occurred_at", "field", "value"},
		event.DeliveryExhausted:       {"business_id", "occurred_at", "webhook", "delivery"},
		event.UpstreamUnrecognized:    {"business_id", "occurred_at", "reason", "raw"},
	} {
		if got := schemas[typ].Properties["data"].Required; !slices.Equal(got, want) {
			t.Errorf("%s requires %v, want %v", typ, got, want)
		}
	}
}

func TestSchemaOfWhatIsNoType(t *testing.T) {
	for _, name := range []string{"", "*", "message.*", "messages", "message.unheard"} {
		if schema, err := event.Schema(name); !errors.Is(err, event.ErrUnknownType) {
			t.Errorf("Schema(%q) = %s, %v", name, schema, err)
		}
	}
}

// mustNeed takes away each of the keys of a part and expects that the whole is refused without it.
func mustNeed(t *testing.T, schema *checker.Schema, whole, part map[string]any, keys []string) {
	t.Helper()
	for _, key := range keys {
		value, ok := part[key]
		if !ok {
			t.Errorf("%s is required and not there", key)
		}
		delete(part, key)
		if schema.Validate(whole) == nil {
			t.Errorf("accepted without %s", key)
		}
		part[key] = value
	}
}

// mustRefuse puts a wrong value into a part and expects that the whole is refused with it.
func mustRefuse(t *testing.T, schema *checker.Schema, whole, part map[string]any, key string, wrong any) {
	t.Helper()
	kept := maps.Clone(part)
	part[key] = wrong
	if schema.Validate(whole) == nil {
		t.Errorf("accepted %v as %s", wrong, key)
	}
	if value, ok := kept[key]; ok {
		part[key] = value
	} else {
		delete(part, key)
	}
}

// payload is what the default dialect delivers.
func payload(t *testing.T, e event.Event) map[string]any {
	t.Helper()
	text, err := json.Marshal(map[string]any{"id": e.ID, "type": e.Type, "api_version": event.APIVersion, "created_at": event.Time{Time: e.CreatedAt},
		"live_mode": true, "data": e.Data})
	if err != nil {
		t.Fatal(err)
	}
	value, err := checker.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value.(map[string]any)
}

// compiled are the schemas of all types, with formats asserted.
func compiled(t *testing.T) map[string]*checker.Schema {
	t.Helper()
	schemas := map[string]*checker.Schema{}
	c := checker.NewCompiler()
	c.AssertFormat()
	for _, typ := range event.Catalogue() {
		text, err := event.Schema(typ.Name)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := event.Schema(typ.Name); err != nil || !bytes.Equal(again, text) {
			t.Errorf("another schema the second time: %s, %v", again, err)
		}
		doc, err := checker.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		url := "https://example.com/" + typ.Name
		if err := c.AddResource(url, doc); err != nil {
			t.Fatal(err)
		}
		if schemas[typ.Name], err = c.Compile(url); err != nil {
			t.Fatal(err)
		}
	}
	return schemas
}

func compile(t *testing.T, raw json.RawMessage) *checker.Schema {
	t.Helper()
	doc, err := checker.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := checker.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("https://example.com/data", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("https://example.com/data")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
