package dialect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
)

// Every golden file satisfies the schema of its dialect and type, and no longer does without one of the envelope's
// members.
func TestSchema(t *testing.T) {
	all := fixtures(t)
	for _, name := range dialect.Names() {
		d := mustLookup(t, name)
		schemas := map[string]*jsonschema.Schema{}
		for _, typ := range event.Catalogue() {
			raw, err := d.Schema(typ.Name)
			if !d.Speaks(typ.Name) {
				if !errors.Is(err, dialect.ErrNoShape) {
					t.Errorf("%s does not speak %s, and its schema is %s, %v", name, typ.Name, raw, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if again, err := d.Schema(typ.Name); err != nil || !bytes.Equal(again, raw) {
				t.Errorf("%s of %s the second time: %s, %v", typ.Name, name, again, err)
			}
			schemas[typ.Name] = mustCompile(t, raw)
		}
		for _, f := range all {
			body, err := os.ReadFile(filepath.Join("testdata", name, f.Name+".json"))
			if errors.Is(err, os.ErrNotExist) {
				continue // TestRender knows which there are
			}
			if err != nil {
				t.Fatal(err)
			}
			mustSatisfy(t, name+" "+f.Name, schemas[f.Type], body)
		}
	}
}

func mustSatisfy(t *testing.T, what string, schema *jsonschema.Schema, body []byte) {
	t.Helper()
	read := func(body []byte) any {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if err := schema.Validate(read(body)); err != nil {
		t.Errorf("%s: %v\n%s", what, err, body)
	}
	whole := read(body).(map[string]any)
	for key := range whole {
		if key == "contacts" {
			continue // of onprem: there for the sake of the rest
		}
		less := maps.Clone(whole)
		delete(less, key)
		if schema.Validate(less) == nil {
			t.Errorf("%s: does not miss %s", what, key)
		}
	}
	if schema.Validate([]any{whole}) == nil {
		t.Errorf("%s: takes a list of them", what)
	}
}

// A schema tells one type from another, and a form with a member missing or of the wrong type from one that is right.
func TestSchemaRefuses(t *testing.T) {
	const twabot = `{"event":"message.sent","timestamp":"2026-11-01T12:00:00.000Z","data":`
	for name, c := range map[string]struct{ dialect, typ, body string }{
		"another type":        {"twabot", event.MessageReceived, twabot + `{"message_id":"m","to":"1","type":"text","sent_by":"ai","conversation_id":1,"business_id":1}}`},
		"no sent_by":          {"twabot", event.MessageSent, twabot + `{"message_id":"m","to":"1","type":"text","conversation_id":1,"business_id":1}}`},
		"a text for a number": {"twabot", event.MessageSent, twabot + `{"message_id":"m","to":"1","type":"text","sent_by":"ai","conversation_id":"1","business_id":1}}`},
		"another name":        {"awalchat", event.MessageReport, `{"event":"message.report","timestamp":"2026-11-01T12:00:00Z","data":{"message_id":"m","status":"read","timestamp":"t"}}`},
		"no recipient": {"platform", event.MessageReport, `{"id":"evt_00000000000000000000000000000000","type":"message.report","api_version":"2026-02-04","created_at":1,` +
			`"liveMode":true,"data":{"object":{"status":"READ","reported_at":"t","timestamp":"t"}}}`},
		"another field":  {"cloud", event.MessageReport, `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"calls","value":{}}]}]}`},
		"only contacts":  {"onprem", event.MessageReceived, `{"contacts":[{}]}`},
		"no array":       {"onprem", event.MessageReceived, `{"messages":{}}`},
		"a null summary": {"digest", event.MessageReceived, `{"summary":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := mustLookup(t, c.dialect).Schema(c.typ)
			if err != nil {
				t.Fatal(err)
			}
			var v any
			if err := json.Unmarshal([]byte(c.body), &v); err != nil {
				t.Fatal(err)
			}
			if mustCompile(t, raw).Validate(v) == nil {
				t.Errorf("%s satisfies %s", c.body, raw)
			}
		})
	}
	if _, err := mustLookup(t, dialect.Default).Schema("nonsense"); !errors.Is(err, dialect.ErrNoShape) {
		t.Errorf("a schema of nonsense: %v", err)
	}
}

func mustCompile(t *testing.T, raw json.RawMessage) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return s
}
