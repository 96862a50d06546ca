package event

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Fields are the paths of everything that Data may say, such as "message.type", in its order: what a content filter can
// name. A part, such as "message", is a path of its own; a path through a list is one through each of its elements. Below
// a path of FreeForm there are more.
func Fields() []string { return paths(nil, "", reflect.TypeFor[Data]()) }

func paths(list []string, prefix string, t reflect.Type) []string {
	for i := range t.NumField() {
		f := t.Field(i)
		path := prefix + jsonName(f)
		list = append(list, path)
		if part := inner(f.Type); isPart(part) {
			list = paths(list, path+".", part)
		}
	}
	return list
}

// FreeForm reports whether a path leads into a part that somebody else gives its shape, such as "message.content.body" or
// "value.event": any name is good there.
func FreeForm(path string) bool {
	t := reflect.TypeFor[Data]()
	for {
		name, rest, below := strings.Cut(path, ".")
		f, ok := field(t, name)
		if !ok || !below {
			return false
		}
		if f.Type == reflect.TypeFor[json.RawMessage]() {
			return rest != ""
		}
		if t = inner(f.Type); !isPart(t) {
			return false
		}
		path = rest
	}
}

func field(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); jsonName(f) == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// isPart says whether a type has fields of its own on the wire. A moment is a struct, and a text there.
func isPart(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[Time]()
}

// inner is the type of what a pointer points to, or of a list's elements.
func inner(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return t
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
