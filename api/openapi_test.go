package api_test

import (
	"bytes"
	"embed"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models/modelstest"
	"wabagate/waba/wabatest"
)

//go:embed testdata/openapi-3.1.json
var testdata embed.FS

// described is the document as the server gives it out, with what is needed to judge answers by it.
type described struct {
	t        testing.TB
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
	// operations are those of the document, by their ids.
	operations map[string]*describedOperation
	ids        []string
}

type describedOperation struct {
	Method, Path string
	ID           string `json:"operationId"`
	Description  string
	Parameters   []struct {
		Name, In string
		Schema   struct {
			Type             any
			Minimum, Maximum *int
			Enum             []any
		}
	}
	RequestBody *struct {
		Required bool
		Content  map[string]struct {
			Example json.RawMessage
			Schema  map[string]any
		}
	} `json:"requestBody"`
	Responses map[string]struct {
		Content map[string]struct{ Schema json.RawMessage }
	}
	Security []map[string][]string
}

// streams says whether the operation's answer does not end.
func (o *describedOperation) streams() bool {
	_, ok := o.Responses["200"].Content["text/event-stream"]
	return ok
}

// document asks the server for its document, and sees that it is one.
func document(t testing.TB, b *bundle) *described {
	t.Helper()
	status, got, head := b.call("GET", "/openapi.json", "")
	require.Equal(t, 200, status, b.log)
	require.Equal(t, "application/json", head.Get("Content-Type"))
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]*describedOperation
	}
	require.NoError(t, json.Unmarshal([]byte(got), &doc))
	d := &described{t: t, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}, operations: map[string]*describedOperation{}}
	d.compiler.AssertFormat()
	for path, methods := range doc.Paths {
		for method, o := range methods {
			o.Method, o.Path = strings.ToUpper(method), path
			require.Nil(t, d.operations[o.ID], "%s is the id of two operations", o.ID)
			d.operations[o.ID] = o
		}
	}
	d.ids = slices.SortedFunc(maps.Keys(d.operations), func(a, b string) int {
		return strings.Compare(d.operations[a].Path+" "+a, d.operations[b].Path+" "+b)
	})
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(closed(got)))
	require.NoError(t, err)
	require.NoError(t, d.compiler.AddResource("openapi.json", parsed))
	return d
}

// closed is a document whose objects have no other members than those that it tells of, so that an answer shows what is missing in
// it. Bodies that are anybody's stay as they are.
func closed(doc string) string {
	return strings.ReplaceAll(doc, `"additionalProperties":true`, `"unevaluatedProperties":false`)
}

// The document is one of OpenAPI 3.1, by the schema that the specification gives, and its schemas are ones of JSON Schema.
func TestOpenAPIIsValid(t *testing.T) {
	b := setup(t)
	_, got, _ := b.call("GET", "/openapi.json", "")
	specification, err := testdata.ReadFile("testdata/openapi-3.1.json")
	require.NoError(t, err)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(specification))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("specification.json", parsed))
	schema, err := compiler.Compile("specification.json")
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(got))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(doc))
	require.Error(t, schema.Validate(map[string]any{"openapi": "3.1.0"}), "the schema refuses what is no document")

	d := document(t, b)
	require.Greater(t, len(d.operations), 100)
	mark := d.schema(d.operations["updateMe"], "200", "application/json")
	require.NoError(t, mark.Validate(map[string]any{"message": "Name changed."}))
	require.Error(t, mark.Validate(map[string]any{"message": "Name changed.", "more": 1}), "an answer with a member that nobody told of is refused")
	for _, id := range d.ids {
		o := d.operations[id]
		for status, answer := range o.Responses {
			for typ := range answer.Content {
				require.NotNil(t, d.schema(o, status, typ), id)
			}
		}
		if o.RequestBody != nil { // the samples are what they are samples of
			content := o.RequestBody.Content["application/json"]
			if content.Example != nil {
				require.NoError(t, d.sample(o).Validate(parse(t, content.Example)), "%s: the sample", id)
			}
		}
	}
}

func parse(t testing.TB, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err, string(text))
	return v
}

func pointer(text string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "*", "%2A").Replace(text)
}

// schema is what the document says of an answer with a body.
func (d *described) schema(o *describedOperation, status, typ string) *jsonschema.Schema {
	return d.compiled("openapi.json#/paths/" + pointer(o.Path) + "/" + strings.ToLower(o.Method) + "/responses/" + status + "/content/" + pointer(typ) + "/schema")
}

// sample is what it says of a body of JSON.
func (d *described) sample(o *describedOperation) *jsonschema.Schema {
	return d.compiled("openapi.json#/paths/" + pointer(o.Path) + "/" + strings.ToLower(o.Method) + "/requestBody/content/" + pointer("application/json") + "/schema")
}

func (d *described) compiled(at string) *jsonschema.Schema {
	d.t.Helper()
	if d.schemas[at] == nil {
		s, err := d.compiler.Compile(at)
		require.NoError(d.t, err)
		d.schemas[at] = s
	}
	return d.schemas[at]
}

// judge sees that an answer is one that the document tells of.
func (d *described) judge(o *describedOperation, status int, head http.Header, body string) {
	d.t.Helper()
	name := decimal(int64(status))
	answer, ok := o.Responses[name]
	if !ok && status >= 500 {
		name = "5XX"
		answer, ok = o.Responses[name]
	}
	require.True(d.t, ok, "%s answers %d, which is not in the document: %s", o.ID, status, body)
	if len(answer.Content) == 0 {
		require.Empty(d.t, body, o.ID)
		return
	}
	typ, _, _ := strings.Cut(head.Get("Content-Type"), ";")
	if _, ok := answer.Content[typ]; !ok {
		typ = "*/*"
	}
	require.Contains(d.t, answer.Content, typ, "%s answers %d with %q", o.ID, status, head.Get("Content-Type"))
	if typ != "application/json" {
		return
	}
	require.NoError(d.t, d.schema(o, name, typ).Validate(parse(d.t, []byte(body))), "%s %d %s", o.ID, status, body)
}

// documented are the routes that the document is to tell of, as it writes them.
func (b *bundle) documented() (list []string) {
	for _, r := range b.app.GetRoutes(true) {
		prefixed := slices.ContainsFunc([]string{"/api/", "/v1/"}, func(p string) bool { return strings.HasPrefix(r.Path, p) })
		if r.Method != "HEAD" && r.Method != "OPTIONS" && (prefixed || slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, r.Path)) {
			list = append(list, r.Method+" "+api.PathOf(r.Path))
		}
	}
	slices.Sort(list)
	return list
}

// Every route of programs is in the document, and everything in the document is a route.
func TestOpenAPIIsWhatIsRegistered(t *testing.T) {
	b := setup(t)
	d := document(t, b)
	var told []string
	for _, o := range d.operations {
		told = append(told, o.Method+" "+o.Path)
	}
	slices.Sort(told)
	require.Equal(t, b.documented(), told, "tell of new routes in the topics of api/operation_*.go")
}

// refused is a refusal of the API.
type refused struct {
	Error struct{ Code, Field, Message string }
}

// Every body that the document tells of has the members that its handler reads and no others, each of the type that it reads; and
// what a query may be within bounds is.
func TestOpenAPITellsWhatHandlersRead(t *testing.T) {
	b, _ := whole(t, modelstest.SQLite(t), wabatest.Options{})
	d := document(t, b)
	things := b.things()
	bodies := 0
	for _, id := range d.ids {
		o := d.operations[id]
		ask := func(query, body string) (int, refused) {
			status, got, _ := b.call(o.Method, things.path(t, o)+query, body, append(b.opening(o), "Content-Type", "application/json")...)
			require.NotEqual(t, 500, status, id)
			if status < 400 || !strings.HasPrefix(got, "{") {
				return status, refused{}
			}
			return status, decode[refused](t, got)
		}
		for _, p := range o.Parameters {
			if p.In == "query" && p.Schema.Maximum != nil {
				most := int64(*p.Schema.Maximum)
				status, no := ask("?"+p.Name+"="+decimal(most+1), things.body(o))
				require.Equal(t, []any{400, p.Name}, []any{status, no.Error.Field}, "%s: %s of more than %d", id, p.Name, most)
				if p.Name != "wait" {
					_, no = ask("?"+p.Name+"="+decimal(most), things.body(o))
					require.NotEqual(t, p.Name, no.Error.Field, "%s: %s of %d", id, p.Name, most)
				}
			}
		}
		if o.RequestBody == nil {
			continue
		}
		schema := o.RequestBody.Content["application/json"].Schema
		if schema["additionalProperties"] != false {
			continue // the platform's, or a list
		}
		bodies++
		properties, _ := schema["properties"].(map[string]any)
		status, no := ask("", `{"no_such_member":1}`)
		require.Equal(t, []any{400, "unknown_field", "no_such_member"}, []any{status, no.Error.Code, no.Error.Field}, id)
		_, list, _ := strings.Cut(no.Error.Message, "known are ")
		read := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
		if id == "createBroadcast" { // which is two
			_, no = ask("", `{"template":{},"no_such_member":1}`)
			_, list, _ = strings.Cut(no.Error.Message, "known are ")
			read = append(read, strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })...)
			slices.Sort(read)
			read = slices.Compact(read)
		}
		require.ElementsMatch(t, read, slices.Collect(maps.Keys(properties)), "%s: its body", id)
		for name, of := range properties {
			wrong := `[[1]]`
			if text, err := json.Marshal(of); err == nil && strings.Contains(string(text), `"array"`) {
				wrong = `{"x":[1]}`
			}
			status, no := ask("", `{"`+name+`":`+wrong+`}`)
			if id == "createBroadcast" && status == 400 || len(of.(map[string]any)) == 0 || describedOnly(of) {
				continue
			}
			require.Equal(t, 400, status, "%s: %s of a wrong type", id, name)
			require.Equal(t, name, no.Error.Field, "%s: %s of a wrong type: %s", id, name, no.Error.Message)
		}
	}
	require.Greater(t, bodies, 25)
}

// describedOnly says that a schema takes anything.
func describedOnly(schema any) bool {
	s, _ := schema.(map[string]any)
	return len(s) == 0 || len(s) == 1 && s["description"] != nil
}
