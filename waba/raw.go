package waba

import (
	"bytes"
	"encoding/json"
	"iter"
)

// The functions of this file walk JSON text in place: a callback is checked once, by json.Valid, and then opened level
// by level without decoding or copying anything twice. They expect valid JSON. Given anything else they stop early;
// they do not panic and they do not loop.

// members yields the members of an object, in order, repeated keys included. Anything but an object has none.
func members(object json.RawMessage) iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		if !isObject(object) {
			return
		}
		i := space(object, 1)
		for i < len(object) && object[i] == '"' {
			end := skip(object, i)
			key := unquoteKey(object[i:end])
			i = space(object, space(object, end)+1) // past the colon
			end = skip(object, i)
			if !yield(key, object[i:end:end]) {
				return
			}
			if i = space(object, end); i == len(object) || object[i] != ',' {
				return
			}
			i = space(object, i+1)
		}
	}
}

// elements yields the elements of an array, in order. Anything but an array has none.
func elements(array json.RawMessage) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		if !isArray(array) {
			return
		}
		i := space(array, 1)
		for i < len(array) && array[i] != ']' {
			end := skip(array, i)
			if !yield(array[i:end:end]) {
				return
			}
			if i = space(array, end); i == len(array) || array[i] != ',' {
				return
			}
			i = space(array, i+1)
		}
	}
}

// member returns the value of the last member called name, nil when there is none or it is null.
func member(object json.RawMessage, name string) json.RawMessage {
	var found json.RawMessage
	for key, value := range members(object) {
		if string(key) == name {
			found = present(value)
		}
	}
	return found
}

// present turns a null into an absent value.
func present(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || raw[0] == 'n' {
		return nil
	}
	return raw
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }
func isArray(raw json.RawMessage) bool  { return len(raw) > 0 && raw[0] == '[' }

// describe names the JSON type of raw for a reason that people read.
func describe(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "missing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// space returns the position of the first byte at or after i that is not white space, at most len(text).
func space(text []byte, i int) int {
	for i < len(text) {
		switch text[i] {
		case ' ', '\t', '\r', '\n':
			i++
		default:
			return i
		}
	}
	return len(text)
}

// skip returns the position just after the value that begins at i.
func skip(text []byte, i int) int {
	if i >= len(text) {
		return len(text)
	}
	switch text[i] {
	case '"':
		return skipString(text, i)
	case '{', '[':
		for depth := 0; i < len(text); {
			switch text[i] {
			case '"':
				i = skipString(text, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			if i++; depth == 0 {
				return i
			}
		}
		return len(text)
	}
	for i < len(text) {
		switch text[i] {
		case ',', ']', '}', ':', ' ', '\t', '\r', '\n':
			return i
		}
		i++
	}
	return i
}

// skipString returns the position just after the string that opens at i.
func skipString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(text)
}

func unquoteKey(quoted []byte) []byte {
	if len(quoted) < 2 {
		return nil
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	return []byte(unquote(quoted))
}
