package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Field is a member of an object, for people to read.
type Field struct {
	// Name has those of the objects around it before it, such as webhook.url, and [] behind what there may be many of.
	Name, Type, About string
	Required          bool
	Values            []string // the only ones; none: any
}

// deepest is how far objects within objects are told of.
const deepest = 4

// Fields are the members of what a schema describes, and of what is in them. What is one of several has the fields of them all.
func (d Document) Fields(schema map[string]any) []Field { return d.fields(schema, "", 0) }

func (d Document) fields(schema map[string]any, above string, depth int) (list []Field) {
	schema = d.resolved(schema)
	for _, one := range alternatives(schema) {
		for _, f := range d.fields(one, above, depth) {
			if !slices.ContainsFunc(list, func(known Field) bool { return known.Name == f.Name }) {
				list = append(list, f)
			}
		}
	}
	if items, ok := schema["items"].(map[string]any); ok && above == "" {
		return d.fields(items, "[].", depth)
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		of, _ := properties[name].(map[string]any)
		f := Field{Name: above + name, Type: d.typeOf(of), Required: slices.Contains(texts(schema["required"]), name)}
		f.About, _ = of["description"].(string)
		inner := d.resolved(of)
		if items, ok := inner["items"].(map[string]any); ok {
			f.Name, inner = f.Name+"[]", d.resolved(items)
		}
		for _, v := range anys(inner["enum"]) {
			if v != nil {
				f.Values = append(f.Values, fmt.Sprint(v))
			}
		}
		list = append(list, f)
		if depth < deepest {
			list = append(list, d.fields(inner, f.Name+".", depth+1)...)
		}
	}
	return list
}

// resolved is a schema, or the one that it refers to; of one that may be null it is the other.
func (d Document) resolved(schema map[string]any) map[string]any {
	if ref, ok := schema["$ref"].(string); ok {
		return d.Schemas[ref[strings.LastIndexByte(ref, '/')+1:]]
	}
	if list := alternatives(schema); len(list) == 1 {
		return d.resolved(list[0])
	}
	return schema
}

// alternatives are the schemas of which what is described fits one, but for null.
func alternatives(schema map[string]any) (list []map[string]any) {
	for _, key := range []string{"anyOf", "oneOf"} {
		for _, v := range anys(schema[key]) {
			if one, ok := v.(map[string]any); ok && one["type"] != "null" {
				list = append(list, one)
			}
		}
	}
	return list
}

func anys(v any) []any { list, _ := v.([]any); return list }

func texts(v any) []string { list, _ := v.([]string); return list }

// typeOf is what a schema is in a word or two.
func (d Document) typeOf(schema map[string]any) string {
	null := ""
	for _, v := range anys(schema["anyOf"]) {
		if one, ok := v.(map[string]any); ok && one["type"] == "null" {
			null = " or null"
		}
	}
	schema = d.resolved(schema)
	switch t := schema["type"].(type) {
	case string:
		if format, ok := schema["format"].(string); ok {
			t = format
		}
		return t + null
	case []any:
		var words []string
		for _, one := range t {
			words = append(words, fmt.Sprint(one))
		}
		return strings.Join(words, " or ")
	}
	if list := alternatives(schema); len(list) > 0 {
		return "one of several" + null
	}
	return "any" + null
}

// Sample is an example of what a schema describes.
func (d Document) Sample(schema map[string]any) any { return d.sample(schema, "", 0) }

func (d Document) sample(schema map[string]any, name string, depth int) any {
	if list := alternatives(schema); len(list) > 0 {
		return d.sample(list[0], name, depth)
	}
	schema = d.resolved(schema)
	if list := anys(schema["enum"]); len(list) > 0 {
		return list[0]
	}
	typ, _ := schema["type"].(string)
	if list := anys(schema["type"]); len(list) > 0 {
		typ, _ = list[0].(string)
	}
	switch typ {
	case "object":
		all := map[string]any{}
		properties, _ := schema["properties"].(map[string]any)
		for key, of := range properties {
			if one, ok := of.(map[string]any); ok && depth <= deepest {
				all[key] = d.sample(one, key, depth+1)
			}
		}
		return all
	case "array":
		if items, ok := schema["items"].(map[string]any); ok && depth <= deepest {
			return []any{d.sample(items, name, depth+1)}
		}
		return []any{}
	case "integer", "number":
		return 7
	case "boolean":
		return true
	case "string":
		if schema["format"] == "date-time" {
			return "2026-11-21T10:00:00Z"
		}
		return "…"
	}
	return nil
}

// SampleText is a body of a request as it is sent: the document's own sample, or one of its schema.
func (d Document) SampleText(c Content) string {
	switch sample := c.Sample.(type) {
	case string:
		return sample
	case json.RawMessage:
		return string(sample)
	}
	return ""
}
