package dialect

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"wabagate/fanout/canon"
	"wabagate/fanout/event"
	"wabagate/fanout/jsonschema"
)

// form is what a product says about one type of event: the Go type that is written, for its schema, and how one is made.
type form struct {
	of    reflect.Type
	write func(f *facts) any
}

// formed is a form that is written as a T.
func formed[T any](write func(f *facts) T) form {
	return form{reflect.TypeFor[T](), func(f *facts) any { return write(f) }}
}

// forms are a product's, by event type.
type forms struct {
	own map[string]form
	// other is for the types that own does not have: what the platform's many fields say.
	other form
}

func (s forms) of(typ string) form {
	if own, ok := s.own[typ]; ok {
		return own
	}
	return s.other
}

// shared gives several types one form.
func shared(f form, types ...string) map[string]form {
	all := make(map[string]form, len(types))
	for _, typ := range types {
		all[typ] = f
	}
	return all
}

// with adds entries to a map.
func with(all map[string]form, more ...map[string]form) map[string]form {
	for _, m := range more {
		maps.Copy(all, m)
	}
	return all
}

// envelope is what a product writes around its forms.
type envelope struct {
	open  func(dst []byte, name string, e event.Event, f *facts) []byte
	close string
	// describe is the schema of the envelope, given that of the form.
	describe func(name string, form map[string]any) map[string]any
}

// product is a dialect of forms in an envelope: how it renders, and its schemas.
func (d Dialect) product(v envelope, s forms) Dialect {
	d.render = func(dst []byte, name string, e event.Event) ([]byte, error) {
		f, err := read(e)
		if err != nil {
			return dst, renderError(d.Name, e, err)
		}
		data, err := canon.Marshal(s.of(e.Type).write(f))
		if err != nil {
			return dst, renderError(d.Name, e, err)
		}
		dst = append(v.open(dst, name, e, f), data...)
		return append(dst, v.close...), nil
	}
	d.schema = func(t event.Type, name string) (json.RawMessage, error) {
		return describe(t, v.describe(name, jsonschema.Of(s.of(t.Name).of)))
	}
	return d
}

// describe makes a schema a document of its own.
func describe(t event.Type, schema map[string]any) (json.RawMessage, error) {
	schema["$schema"], schema["title"], schema["description"] = jsonschema.Dialect, t.Name, t.Description
	return canon.Marshal(schema)
}

// object is the schema of an object that has all of the properties, and maybe more.
func object(properties map[string]any) map[string]any {
	return map[string]any{"type": "object", "properties": properties, "required": slices.Sorted(maps.Keys(properties)), "additionalProperties": true}
}
