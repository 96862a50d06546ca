package outgoing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// The members of a body that are not the caller's alone.
const (
	keyProduct  = "messaging_product"
	keyTracking = "biz_opaque_callback_data"
)

// member is one top-level member of a body, as the caller wrote it. Its bytes belong to the message.
type member struct {
	key   string
	name  []byte // the key with its quotes and escapes
	value []byte
}

// open takes a body apart twice: into values to be checked, and into the members that are passed on.
func open(body []byte, r *reading) (root node, members []member) {
	root = node{reading: r}
	if !utf8.Valid(body) {
		root.fail("the body is not UTF-8")
		return root, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&root.value); err != nil {
		root.fail("the body is not JSON: %s", reason(err))
		return root, nil
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		root.fail("the body goes on after its JSON object")
		return root, nil
	}
	if _, ok := root.value.(map[string]any); !ok {
		root.fail("the body must be a JSON object")
		return root, nil
	}
	return root, split(bytes.Clone(body), r)
}

func reason(err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("%s (at byte %d)", syntax.Error(), syntax.Offset)
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it breaks off"
	}
	return err.Error()
}

// split returns windows into a body that is a JSON object. Readers disagree on which of two equal keys counts, so a key that
// comes twice is a problem.
func split(object []byte, r *reading) []member {
	d := json.NewDecoder(bytes.NewReader(object))
	_, _ = d.Token() // the brace
	var members []member
	seen := map[string]bool{}
	for d.More() {
		from := int(d.InputOffset())
		from += bytes.IndexByte(object[from:], '"') // past the comma
		token, _ := d.Token()
		key, _ := token.(string)
		to := int(d.InputOffset())
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return members // cannot be: it has been decoded before
		}
		if seen[key] {
			r.fail(key, "is there twice")
		}
		seen[key] = true
		members = append(members, member{key, object[from:to:to], value})
	}
	return members
}

// join writes an object of members.
func join(members []member) []byte {
	size := 2
	for _, m := range members {
		size += len(m.name) + len(m.value) + 2
	}
	object := append(make([]byte, 0, size), '{')
	for i, m := range members {
		if i > 0 {
			object = append(object, ',')
		}
		object = append(object, m.name...)
		object = append(object, ':')
		object = append(object, m.value...)
	}
	return append(object, '}')
}
