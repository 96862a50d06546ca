// Package jsonschema describes Go types as JSON Schema (draft 2020-12), so that what is written and what is promised
// about it come from the same declarations.
package jsonschema

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Dialect is the value of $schema: the version that Of writes.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// Of describes what encoding/json writes of any value of a type; the map is the caller's to extend, and marshals to the
// same bytes every time. A type must not contain itself.
//
// A struct is an object of its exported fields under their json tags, those of embedded structs included. Fields without
// omitempty or omitzero are required; if such a field is a pointer, a slice or a map, it may be null. More properties than
// the described ones are allowed everywhere: receivers must tolerate additions.
//
// A moment (time.Time, or a struct that embeds it) is a string with the format date-time, and anything else that
// marshals itself is not described further, as is json.RawMessage: any value.
func Of(t reflect.Type) map[string]any { return Describer{}.Of(t) }

// Describer describes types with what somebody knows of them besides. The zero value knows nothing.
type Describer struct {
	// Known is asked before a type is described, pointers and embedded structs apart, and may answer for it: with a reference, or
	// with what a type that marshals itself comes to. nil, or nothing answered: it is described as it is declared.
	Known func(t reflect.Type) map[string]any
	// Tell may add to what is said of a struct's field, such as a description. nil: nothing is added.
	Tell func(of reflect.Type, f reflect.StructField, schema map[string]any)
}

// Of is the function of the same name with what d knows.
func (d Describer) Of(t reflect.Type) map[string]any {
	if t.Kind() == reflect.Pointer {
		return d.Of(t.Elem())
	}
	if d.Known != nil {
		if s := d.Known(t); s != nil {
			return s
		}
	}
	return d.Declared(t)
}

// Declared describes a type as it is declared, whatever Known would say of it; what it holds is described by Of.
func (d Describer) Declared(t reflect.Type) map[string]any {
	switch {
	case Moment(t):
		return map[string]any{"type": "string", "format": "date-time"}
	case has[json.Marshaler](t):
		return map[string]any{}
	case has[encoding.TextMarshaler](t):
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return map[string]any{"type": "string", "contentEncoding": "base64"}
		}
		return map[string]any{"type": "array", "items": d.element(t.Elem())}
	case reflect.Array:
		return map[string]any{"type": "array", "items": d.element(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": d.element(t.Elem())}
	case reflect.Struct:
		o := object{Describer: d, properties: map[string]any{}}
		o.add(t, true)
		return o.schema()
	}
	return map[string]any{}
}

// element is what a list, a map or a required field holds: nil is written as null.
func (d Describer) element(t reflect.Type) map[string]any {
	s := d.Of(t)
	if !slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map}, t.Kind()) {
		return s
	}
	if typ, ok := s["type"]; ok {
		s["type"] = []any{typ, "null"}
	} else if _, ok := s["$ref"]; ok {
		s = map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
	}
	return s
}

func has[M any](t reflect.Type) bool {
	m := reflect.TypeFor[M]()
	return t.Kind() != reflect.Interface && (t.Implements(m) || reflect.PointerTo(t).Implements(m))
}

// Moment says whether a type is described as a date-time: time.Time, or a struct that embeds it and nothing else.
func Moment(t reflect.Type) bool {
	stamp := reflect.TypeFor[time.Time]()
	return t == stamp || t.Kind() == reflect.Struct && t.NumField() == 1 && t.Field(0).Anonymous && t.Field(0).Type == stamp
}

// object collects the fields of a struct and of those that it embeds.
type object struct {
	Describer
	properties map[string]any
	required   []string
}

// add takes the fields of a struct, its own before those that it embeds: as in Go, the outer one wins.
func (o *object) add(t reflect.Type, present bool) {
	var embedded []reflect.StructField
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-":
		case f.Anonymous && name == "" && inner(f.Type).Kind() == reflect.Struct && !Moment(inner(f.Type)):
			embedded = append(embedded, f)
		case f.IsExported():
			if name == "" {
				name = f.Name
			}
			o.field(t, f, name, strings.Split(options, ","), present)
		}
	}
	for _, f := range embedded {
		o.add(inner(f.Type), present && f.Type.Kind() != reflect.Pointer)
	}
}

func (o *object) field(of reflect.Type, f reflect.StructField, name string, options []string, present bool) {
	if _, ok := o.properties[name]; ok {
		return
	}
	var s map[string]any
	switch {
	case slices.Contains(options, "string"):
		s = map[string]any{"type": "string"}
	case slices.Contains(options, "omitempty"), slices.Contains(options, "omitzero"):
		s, present = o.Of(f.Type), false
	default:
		s = o.element(f.Type)
	}
	if o.Tell != nil {
		o.Tell(of, f, s)
	}
	o.properties[name] = s
	if present {
		o.required = append(o.required, name)
	}
}

func (o *object) schema() map[string]any {
	s := map[string]any{"type": "object", "properties": o.properties, "additionalProperties": true}
	if len(o.required) > 0 {
		s["required"] = o.required
	}
	return s
}

func inner(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
