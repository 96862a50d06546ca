package openapi_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/api/openapi"
)

type thingJSON struct {
	ID     int64      `json:"id"`
	Name   *string    `json:"name"`
	Mood   string     `json:"mood,omitempty" enum:"good,bad"`
	Tags   []string   `json:"tags" enum:"@tags"`
	Part   *partJSON  `json:"part"`
	Others []partJSON `json:"others,omitempty"`
}

type partJSON struct {
	Size int `json:"size" enum:"1-9"`
}

type list struct {
	Things []thingJSON `json:"things"`
}

func types() *openapi.Types {
	return openapi.NewTypes(openapi.TypesOptions{Home: reflect.TypeFor[list](), Values: map[string][]string{"tags": {"a", "b"}}, Words: func(of reflect.Type, field string) string {
		if of == reflect.TypeFor[thingJSON]() && field == "Name" {
			return "what it is called"
		}
		return ""
	}})
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestTypes(t *testing.T) {
	ts := types()
	require.Equal(t, `{"$ref":"#/components/schemas/List"}`, text(t, ts.Of(list{})))
	named, err := ts.Named()
	require.NoError(t, err)
	require.Len(t, named, 3)
	require.Equal(t, `{"additionalProperties":true,"properties":{"size":{"maximum":9,"minimum":1,"type":"integer"}},"required":["size"],"type":"object"}`, text(t, named["Part"]))
	require.Equal(t, `{"additionalProperties":true,"properties":{"id":{"type":"integer"},"mood":{"enum":["good","bad"],"type":"string"},"name":{"description":"what it is called","type":["string","null"]},`+
		`"others":{"items":{"$ref":"#/components/schemas/Part"},"type":"array"},"part":{"anyOf":[{"$ref":"#/components/schemas/Part"},{"type":"null"}]},`+
		`"tags":{"items":{"enum":["a","b"],"type":"string"},"type":["array","null"]}},"required":["id","name","tags","part"],"type":"object"}`, text(t, named["Thing"]))

	type Thing struct{ X int }
	ts.Of(Thing{})
	_, err = ts.Named()
	require.ErrorContains(t, err, "both called Thing")
}

func TestFieldsAndSample(t *testing.T) {
	ts := types()
	schema := ts.Of(list{})
	named, err := ts.Named()
	require.NoError(t, err)
	d := openapi.Document{Schemas: named}
	var fields []string
	for _, f := range d.Fields(schema) {
		fields = append(fields, f.Name+": "+f.Type)
	}
	require.Equal(t, []string{"things[]: array or null", "things[].id: integer", "things[].mood: string", "things[].name: string or null", "things[].others[]: array", "things[].others[].size: integer",
		"things[].part: object or null", "things[].part.size: integer", "things[].tags[]: array or null"}, fields)
	require.Equal(t, `{"things":[{"id":7,"mood":"good","name":"…","others":[{"size":7}],"part":{"size":7},"tags":["a"]}]}`, text(t, d.Sample(schema)))
	require.Nil(t, d.Sample(map[string]any{}))
}

func TestJSON(t *testing.T) {
	d := openapi.Document{Title: "T", Version: "1", Tags: []openapi.Tag{{Name: "Things"}}, Operations: []openapi.Operation{
		{Method: "GET", Path: "/things/{id}", ID: "getThing", Summary: "A <thing>.", Tag: "Things", Schemes: []string{"key"}, Parameters: []openapi.Parameter{{Name: "id", In: "path", Required: true, Schema: map[string]any{"type": "integer"}}},
			Answers: []openapi.Answer{{Status: "200", Description: "OK", Content: []openapi.Content{{Type: "text/plain"}}}}},
		{Method: "PUT", Path: "/things/{id}", ID: "setThing", Tag: "Things", Body: &openapi.Body{Content: []openapi.Content{{Type: "application/json", Sample: json.RawMessage(`{"a":1}`)}}}},
	}, Schemes: map[string]openapi.Scheme{"key": {Type: "http", Scheme: "bearer"}}}
	got, err := d.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"components":{"schemas":null,"securitySchemes":{"key":{"type":"http","scheme":"bearer"}}},"info":{"title":"T","version":"1"},"openapi":"3.1.0","paths":{"/things/{id}":{`+
		`"get":{"operationId":"getThing","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}}],"responses":{"200":{"content":{"text/plain":{}},"description":"OK"}},`+
		`"security":[{"key":[]}],"summary":"A <thing>.","tags":["Things"]},`+
		`"put":{"operationId":"setThing","requestBody":{"content":{"application/json":{"example":{"a":1}}},"required":false},"responses":{},"security":[],"tags":["Things"]}}},"tags":[{"name":"Things"}]}`, string(got))
}
