package openapi

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"wabagate/fanout/jsonschema"
)

// Types describes types for a document. Structs that have a name are described once and referred to by it. The zero value is
// not usable; see NewTypes.
//
// Beside its json tag a field may have a tag enum, which lists the only values it has, or the least and the greatest of a number as in
// 1-200; and one format. What a field is, Words says.
type Types struct {
	describer jsonschema.Describer
	home      string
	own       map[reflect.Type]map[string]any
	values    map[string][]string
	words     func(of reflect.Type, field string) string
	named     map[string]map[string]any
	taken     map[string]reflect.Type
	names     map[reflect.Type]string
	err       error
}

// TypesOptions is what somebody knows of types that they do not say themselves.
type TypesOptions struct {
	// Home is a type of the package whose types go by their own names, without JSON at the end. Those of others have the name of their
	// package before it.
	Home reflect.Type
	// Names are those of types that are called otherwise.
	Names map[reflect.Type]string
	// Own are types that are described as given here: those that marshal themselves.
	Own map[reflect.Type]map[string]any
	// Values are lists for the tag enum, which names them with an @.
	Values map[string][]string
	// Words says what a field of a type is; nil: nothing is said.
	Words func(of reflect.Type, field string) string
}

// NewTypes makes a Types that has described nothing yet.
func NewTypes(o TypesOptions) *Types {
	t := &Types{home: o.Home.PkgPath(), names: o.Names, own: o.Own, values: o.Values, words: o.Words, named: map[string]map[string]any{}, taken: map[string]reflect.Type{}}
	t.describer = jsonschema.Describer{Known: t.known, Tell: t.tell}
	return t
}

// Of describes the type of a value, which may be a pointer to nothing.
func (t *Types) Of(v any) map[string]any { return t.describer.Of(reflect.TypeOf(v)) }

// Declared is Of for a type that is used once: it gets no name.
func (t *Types) Declared(v any) map[string]any { return t.describer.Declared(reflect.TypeOf(v)) }

// Named are the types that were referred to, by name. It is an error when two of them have one name.
func (t *Types) Named() (map[string]map[string]any, error) { return t.named, t.err }

func (t *Types) known(of reflect.Type) map[string]any {
	if own, ok := t.own[of]; ok {
		return own
	}
	if of.Kind() != reflect.Struct || of.Name() == "" || jsonschema.Moment(of) {
		return nil
	}
	name := t.nameOf(of)
	if other, ok := t.taken[name]; ok && other != of {
		t.err = fmt.Errorf("openapi: %v and %v are both called %s", of, other, name)
	} else if !ok {
		t.taken[name] = of
		t.named[name] = t.describer.Declared(of)
	}
	return map[string]any{"$ref": "#/components/schemas/" + name}
}

// nameOf is what a type is called.
func (t *Types) nameOf(of reflect.Type) string {
	if name, ok := t.names[of]; ok {
		return name
	}
	name := capital(strings.TrimSuffix(of.Name(), "JSON"))
	if of.PkgPath() == t.home {
		return name
	}
	return capital(path.Base(of.PkgPath())) + name
}

func capital(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

// tell adds what a field's tags say.
func (t *Types) tell(of reflect.Type, f reflect.StructField, schema map[string]any) {
	if t.words != nil {
		if said := t.words(of, f.Name); said != "" {
			schema["description"] = said
		}
	}
	if format := f.Tag.Get("format"); format != "" {
		schema["format"] = format
	}
	list := f.Tag.Get("enum")
	if list == "" {
		return
	}
	var least, most int
	if n, _ := fmt.Sscanf(list, "%d-%d", &least, &most); n == 2 {
		schema["minimum"], schema["maximum"] = least, most
		return
	}
	values, ok := t.values[strings.TrimPrefix(list, "@")]
	if !ok {
		values = strings.Split(list, ",")
	}
	to := schema
	if items, ok := schema["items"].(map[string]any); ok {
		to = items
	}
	var all []any
	for _, v := range values {
		all = append(all, v)
	}
	if types, ok := to["type"].([]any); ok && slices.Contains(types, any("null")) {
		all = append(all, nil)
	}
	to["enum"] = all
}

// Query are the parameters that a query may have: the fields of a struct.
func (t *Types) Query(v any) []Parameter {
	schema := t.Declared(v)
	properties, _ := schema["properties"].(map[string]any)
	list := make([]Parameter, 0, len(properties))
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		of, ok := properties[name].(map[string]any)
		if !ok || f.Anonymous {
			continue
		}
		p := Parameter{Name: name, In: "query", Schema: of}
		p.Description, _ = of["description"].(string)
		delete(of, "description")
		list = append(list, p)
	}
	return list
}
