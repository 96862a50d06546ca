// Package openapi writes documents of the OpenAPI Specification, version 3.1: what an HTTP interface takes and answers, for
// programs to read. Types are described by reflection, from the declarations that the interface itself uses.
//
// It knows nothing of routes, rows or rights, and checks nothing: whoever makes a document sees to it that it is true.
package openapi

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Version is that of the specification.
const Version = "3.1.0"

// Document describes an interface.
type Document struct {
	Title, Description string
	// Version is the interface's own.
	Version string
	// Tags group the operations, in the order in which they are to be shown.
	Tags []Tag
	// Schemes are the ways to say who one is, by name.
	Schemes map[string]Scheme
	// Operations are written in their order.
	Operations []Operation
	// Schemas are the types that the operations refer to, by name.
	Schemas map[string]map[string]any
}

// Tag is a group of operations.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// Scheme is a way to say who one is.
type Scheme struct {
	Type        string `json:"type"`             // apiKey or http
	In          string `json:"in,omitempty"`     // of an apiKey: header or cookie
	Name        string `json:"name,omitempty"`   // of the header or cookie
	Scheme      string `json:"scheme,omitempty"` // of http: bearer
	Description string `json:"description,omitempty"`
}

// Operation is a method of a path.
type Operation struct {
	// Method is in capitals, and Path has its parameters in braces, such as /things/{id}.
	Method, Path string
	// ID names the operation among all of the document.
	ID, Summary, Description string
	// Tag is the name of its group.
	Tag        string
	Parameters []Parameter
	Body       *Body // nil: none
	// Answers are by status, in the order of the statuses.
	Answers []Answer
	// Schemes are the names of those of which one is needed; none: it is open.
	Schemes []string
}

// Parameter is a part of the path, the query or the head of a request.
type Parameter struct {
	Name        string         `json:"name"`
	In          string         `json:"in"` // path, query or header
	Description string         `json:"description,omitempty"`
	Required    bool           `json:"required,omitempty"`
	Schema      map[string]any `json:"schema"`
}

// Body is what a request carries.
type Body struct {
	Required bool
	Content  []Content
}

// Answer is what comes with a status, such as 200, or 5XX for all of a kind.
type Answer struct {
	Status, Description string
	Content             []Content // none: no body
}

// Content is a body of a type.
type Content struct {
	Type   string         // of the Content-Type
	Schema map[string]any // nil: it is not described
	Sample any            // nil: none
}

// JSON is the document as bytes, the same every time.
func (d Document) JSON() ([]byte, error) {
	paths := map[string]map[string]any{}
	for _, o := range d.Operations {
		if paths[o.Path] == nil {
			paths[o.Path] = map[string]any{}
		}
		paths[o.Path][strings.ToLower(o.Method)] = o.object()
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(map[string]any{
		"openapi": Version, "info": given(map[string]any{"title": d.Title, "version": d.Version, "description": d.Description}), "tags": d.Tags, "paths": paths,
		"components": map[string]any{"schemas": d.Schemas, "securitySchemes": d.Schemes},
	})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (o Operation) object() map[string]any {
	answers := map[string]any{}
	for _, a := range o.Answers {
		answers[a.Status] = given(map[string]any{"description": a.Description, "content": contents(a.Content)})
	}
	v := map[string]any{"operationId": o.ID, "tags": []string{o.Tag}, "summary": o.Summary, "description": o.Description, "responses": answers}
	if len(o.Parameters) > 0 {
		v["parameters"] = o.Parameters
	}
	if o.Body != nil {
		v["requestBody"] = map[string]any{"required": o.Body.Required, "content": contents(o.Body.Content)}
	}
	security := []map[string][]string{}
	for _, name := range o.Schemes {
		security = append(security, map[string][]string{name: {}})
	}
	v["security"] = security
	return given(v)
}

func contents(list []Content) any {
	if len(list) == 0 {
		return nil
	}
	v := map[string]any{}
	for _, c := range list {
		one := map[string]any{}
		if c.Schema != nil {
			one["schema"] = c.Schema
		}
		if c.Sample != nil {
			one["example"] = c.Sample
		}
		v[c.Type] = one
	}
	return v
}

// given is an object without the members that say nothing.
func given(v map[string]any) map[string]any {
	for name, value := range v {
		if value == nil || value == "" {
			delete(v, name)
		}
	}
	return v
}
