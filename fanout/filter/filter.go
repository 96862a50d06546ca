// Package filter decides by their content which events a webhook gets.
//
// A filter is JSON that people write by hand. One condition names a field and has exactly one operator:
//
//	{"field":"message.type","eq":"text"}
//	{"field":"message.type","in":["image","document"]}
//	{"field":"order.total","gt":100}
//	{"field":"occurred_at","gt":"2026-11-21T10:00:00Z"}
//	{"field":"message.text","prefix":"STOP"}
//	{"field":"contact.username","exists":true}
//
// Conditions are joined by {"all":[…]}, {"any":[…]} and {"not":{…}}. A field is a path into the event's data as the
// default dialect delivers it, whatever the webhook's own dialect is; "type" is the type of the event. Where the path
// leads through a list, or to one, one element that fits is enough.
//
// What is not there fits nothing but {"exists":false}, and null counts as not there. Not turns an answer around, so that
// {"not":{"field":"message.type","eq":"text"}} lets events through that have no message. Texts compare exactly, numbers
// by value, and a text is never equal to a number.
package filter

import "slices"

// Filter lets events through or holds them back. Make it with Parse; the zero Filter lets everything through. It does
// not change and is safe for concurrent use.
type Filter struct {
	root node // nil: everything
}

// Match reports whether an event goes through: its type and its data as JSON, which is read no further than the answer
// needs. Data that is not JSON gives some answer.
func (f Filter) Match(typ string, data []byte) bool {
	return f.root == nil || f.root.match(typ, data)
}

// node is one part of a filter.
type node interface {
	match(typ string, data []byte) bool
}

type (
	allOf []node
	anyOf []node
	not   struct{ inner node }
	// onType looks at the type of the event.
	onType func(typ string) bool
	// onField looks at what stands at a path of the data.
	onField struct {
		path []string
		test test
	}
	// absent is the opposite of there being something at the path.
	absent struct{ field onField }
)

func (ns allOf) match(typ string, data []byte) bool {
	return !slices.ContainsFunc(ns, func(n node) bool { return !n.match(typ, data) })
}

func (ns anyOf) match(typ string, data []byte) bool {
	return slices.ContainsFunc(ns, func(n node) bool { return n.match(typ, data) })
}

func (n not) match(typ string, data []byte) bool { return !n.inner.match(typ, data) }

func (f onType) match(typ string, _ []byte) bool { return f(typ) }

func (f onField) match(_ string, data []byte) bool {
	w := walker{src: data, test: f.test}
	return w.find(f.path)
}

func (a absent) match(typ string, data []byte) bool { return !a.field.match(typ, data) }
