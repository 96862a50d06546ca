package verify

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"wabagate/fanout/canon"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
)

// node is a JSON value whose members keep their order.
type node struct {
	names    []string
	members  map[string]*node
	elements []*node
	array    bool
	scalar   []byte // nil: an object or an array
}

// parseNode reads canonical JSON; nil where it is none.
func parseNode(text []byte) *node {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	n, err := nextNode(d)
	if err != nil {
		return nil
	}
	return n
}

func nextNode(d *json.Decoder) (*node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		n := &node{array: t == '[', members: map[string]*node{}}
		for d.More() {
			name := ""
			if !n.array {
				key, err := d.Token()
				if err != nil {
					return nil, err
				}
				name = key.(string) // what stands before a value in an object is a string
			}
			child, err := nextNode(d)
			if err != nil {
				return nil, err
			}
			if n.array {
				n.elements = append(n.elements, child)
			} else {
				n.names, n.members[name] = append(n.names, name), child
			}
		}
		_, err := d.Token() // the end of it
		return n, err
	case string:
		return &node{scalar: canon.AppendString(nil, t)}, nil
	case json.Number:
		return &node{scalar: []byte(t)}, nil
	case bool:
		if t {
			return &node{scalar: []byte("true")}, nil
		}
		return &node{scalar: []byte("false")}, nil
	}
	return &node{scalar: []byte("null")}, nil
}

func (n *node) append(dst []byte) []byte {
	if n.scalar != nil {
		return append(dst, n.scalar...)
	}
	open, end := byte('{'), byte('}')
	if n.array {
		open, end = '[', ']'
	}
	dst = append(dst, open)
	for i, e := range n.elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.append(dst)
	}
	for i, name := range n.names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = n.members[name].append(append(canon.AppendString(dst, name), ':'))
	}
	return append(dst, end)
}

// reorder writes the members of canonical JSON in the order of a template, those that it does not have behind those that they were
// behind. ok says that something has changed.
func reorder(text []byte, template *node) (ordered []byte, ok bool) {
	n := parseNode(text)
	if n == nil {
		return nil, false
	}
	n.arrange(template)
	ordered = n.append(nil)
	return ordered, !bytes.Equal(ordered, text)
}

func (n *node) arrange(t *node) {
	if t == nil {
		return
	}
	if n.array && len(t.elements) > 0 {
		for _, e := range n.elements {
			e.arrange(t.elements[0])
		}
	}
	place := func(name string) int {
		if i := slices.Index(t.names, name); i >= 0 {
			return i
		}
		return len(t.names)
	}
	slices.SortStableFunc(n.names, func(a, b string) int { return place(a) - place(b) })
	for name, m := range n.members {
		m.arrange(t.members[name])
	}
}

// merge adds to a template what another has besides, each member behind the one that it follows there.
func (n *node) merge(other *node) {
	if n.scalar != nil && other.scalar == nil { // null in one, an object in the other
		*n = *other
		return
	}
	for i, name := range other.names {
		if mine, ok := n.members[name]; ok {
			mine.merge(other.members[name])
			continue
		}
		at := 0
		if i > 0 {
			at = slices.Index(n.names, other.names[i-1]) + 1
		}
		n.names = slices.Insert(n.names, at, name)
		n.members[name] = other.members[name]
	}
	for _, e := range other.elements {
		if len(n.elements) == 0 {
			n.elements = []*node{e}
		} else {
			n.elements[0].merge(e)
		}
	}
}

// templates are, for each of the dialects, all its samples in one: the order in which it writes members.
func templates(dialects []dialect.Dialect) (all []*node) {
	samples := event.Samples(time.Unix(0, 0))
	for _, d := range dialects {
		var merged *node
		for _, s := range samples {
			body, err := d.Render(nil, s.Event)
			if err != nil {
				continue // no form for it
			}
			switch n := parseNode(body); {
			case n == nil:
			case merged == nil:
				merged = n
			default:
				merged.merge(n)
			}
		}
		if merged != nil {
			all = append(all, merged)
		}
	}
	return all
}
