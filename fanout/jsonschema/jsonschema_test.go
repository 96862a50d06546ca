package jsonschema_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	checker "github.com/santhosh-tekuri/jsonschema/v6"

	"wabagate/fanout/event"
	"wabagate/fanout/jsonschema"
)

type base struct {
	ID   int64  `json:"id"`
	Name string `json:"name"` // hidden by the outer one
}

type Extra struct {
	Note string `json:"note"`
}

type everything struct {
	base
	*Extra
	Name     *string         `json:"name"`
	Tags     []string        `json:"tags"`
	Few      []int           `json:"few,omitempty"`
	Pair     [2]bool         `json:"pair"`
	Counts   map[string]uint `json:"counts,omitempty"`
	Bytes    []byte          `json:"bytes,omitempty"`
	Any      any             `json:"any"`
	Raw      json.RawMessage `json:"raw,omitempty"`
	At       time.Time       `json:"at"`
	Then     *event.Time     `json:"then,omitzero"`
	Address  netip.Addr      `json:"address"`
	Quoted   int64           `json:"quoted,string"`
	Ratio    float64         `json:"ratio"`
	Plain    bool
	Dash     string `json:"-"`
	private  string
	Children []base `json:"children,omitempty"`
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name string
		of   reflect.Type
		want string
	}{
		{"text", reflect.TypeFor[string](), `{"type":"string"}`},
		{"pointer", reflect.TypeFor[**int](), `{"type":"integer"}`},
		{"lists", reflect.TypeFor[[][]float32](), `{"items":{"items":{"type":"number"},"type":["array","null"]},"type":"array"}`},
		{"any", reflect.TypeFor[any](), `{}`},
		{"raw", reflect.TypeFor[json.RawMessage](), `{}`},
		{"moment", reflect.TypeFor[*event.Time](), `{"format":"date-time","type":"string"}`},
		{"nothing", reflect.TypeFor[struct{}](), `{"additionalProperties":true,"properties":{},"type":"object"}`},
		{"everything", reflect.TypeFor[everything](), `{"additionalProperties":true,"properties":{"Plain":{"type":"boolean"},"address":{"type":"string"},"any":{},` +
			`"at":{"format":"date-time","type":"string"},"bytes":{"contentEncoding":"base64","type":"string"},` +
			`"children":{"items":{"additionalProperties":true,"properties":{"id":{"type":"integer"},"name":{"type":"string"}},"required":["id","name"],"type":"object"},"type":"array"},` +
			`"counts":{"additionalProperties":{"minimum":0,"type":"integer"},"type":"object"},"few":{"items":{"type":"integer"},"type":"array"},"id":{"type":"integer"},` +
			`"name":{"type":["string","null"]},"note":{"type":"string"},"pair":{"items":{"type":"boolean"},"maxItems":2,"minItems":2,"type":"array"},` +
			`"quoted":{"type":"string"},"ratio":{"type":"number"},"raw":{},"tags":{"items":{"type":"string"},"type":["array","null"]},` +
			`"then":{"format":"date-time","type":"string"}},` +
			`"required":["name","tags","pair","any","at","address","quoted","ratio","Plain","id"],"type":"object"}`},
	} {
		got, err := json.Marshal(jsonschema.Of(c.of))
		if err != nil || string(got) != c.want {
			t.Errorf("%s\n got %s, %v\nwant %s", c.name, got, err, c.want)
		}
	}
}

// A schema accepts what encoding/json writes of its type, empty and filled, and not what lacks a required field.
func TestOfAcceptsWhatIsWritten(t *testing.T) {
	schema := compiled(t, jsonschema.Of(reflect.TypeFor[everything]()))
	name := "x"
	for _, v := range []everything{
		{},
		{Extra: &Extra{"n"}, Name: &name, Tags: []string{"a"}, Few: []int{1}, Counts: map[string]uint{"a": 1}, Bytes: []byte{1}, Any: 1, Raw: json.RawMessage(`[]`),
			Then: &event.Time{Time: time.Now()}, Address: netip.MustParseAddr("192.0.2.1"), Children: []base{{}}, private: "never written"},
	} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var whole map[string]any
		if err := json.Unmarshal(text, &whole); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(whole); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		for _, key := range []string{"id", "name", "tags", "at", "Plain"} {
			value := whole[key]
			delete(whole, key)
			if schema.Validate(whole) == nil {
				t.Errorf("accepted without %s", key)
			}
			whole[key] = map[string]any{}
			if schema.Validate(whole) == nil {
				t.Errorf("accepted an object as %s", key)
			}
			whole[key] = value
		}
	}
}

func compiled(t *testing.T, schema map[string]any) *checker.Schema {
	t.Helper()
	text, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	c := checker.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
