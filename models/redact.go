package models

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// ErasedData stands where something was erased.
const ErasedData = `{"erased":true}`

// Erased says whether what the event told was erased with its contact.
func (e Event) Erased() bool { return string(e.Data) == ErasedData }

// personNames are the names of somebody who is to be erased.
type personNames struct {
	Contacts []int64  `json:"contacts"` // the contact and those merged into it
	Numbers  []string `json:"numbers"`  // canonical
	IDs      []string `json:"ids"`      // user ids and parent ids
}

// is says whether a text is one of the names: whole, a number in any spelling.
func (p personNames) is(text string) bool {
	if slices.Contains(p.IDs, text) {
		return true
	}
	digits := digitsOf(text)
	return digits != "" && slices.Contains(p.Numbers, canonical(digits))
}

// needles are what a text that holds one of the names has in it somewhere. More texts have them: a longer number may
// begin like a shorter one.
func (p personNames) needles() []string {
	needles := slices.Clone(p.IDs)
	for _, n := range p.Numbers {
		needles = append(needles, spellings(n)...)
	}
	return needles
}

// spellings are those that upstream gives a canonical number; see waba.CanonicalNumber.
func spellings(number string) []string {
	all := []string{number}
	for _, other := range []string{cutDigit(number, "55", 4, '9'), strings.Replace(number, "52", "521", 1), strings.Replace(number, "54", "549", 1)} {
		if other != number && canonical(other) == number {
			all = append(all, other)
		}
	}
	return all
}

// cutDigit is a number without the digit at a place, if it is this one.
func cutDigit(number, prefix string, at int, digit byte) string {
	if !strings.HasPrefix(number, prefix) || len(number) <= at || number[at] != digit {
		return number
	}
	return number[:at] + number[at+1:]
}

// mentions says whether JSON has one of the names as a text of its own, or is about one of the contacts.
func (p personNames) mentions(data []byte) bool {
	var about struct{ Contact struct{ ID int64 } }
	if json.Unmarshal(data, &about) == nil && slices.Contains(p.Contacts, about.Contact.ID) {
		return true
	}
	v, err := decodeJSON(data)
	return err == nil && p.within(v)
}

func (p personNames) within(v any) bool {
	switch v := v.(type) {
	case string:
		return p.is(v)
	case []any:
		return slices.ContainsFunc(v, p.within)
	case map[string]any:
		for _, member := range v {
			if p.within(member) {
				return true
			}
		}
	}
	return false
}

// redact takes out of a callback what belongs to the person: of every list the elements that name the person, the
// innermost ones, so that what others wrote stays. foreign says of the phone number id of a change that it is not to be
// touched. A body that cannot be taken apart is replaced as a whole. Changed is false when there was nothing to take out.
func (p personNames) redact(body []byte, foreign func(phoneNumberID string) bool) (redacted []byte, changed bool) {
	v, err := decodeJSON(body)
	if err != nil {
		return []byte(ErasedData), true
	}
	if root, ok := v.(map[string]any); ok && root["erased"] == true {
		return body, false
	}
	r := redactor{personNames: p, foreign: foreign}
	kept, named := r.walk(v)
	switch {
	case named:
		return []byte(ErasedData), true
	case !r.changed:
		return body, false
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(kept) // what was decoded encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), true
}

type redactor struct {
	personNames
	foreign func(phoneNumberID string) bool
	changed bool
}

// walk returns the value without what belongs to the person; named says that the value itself does.
func (r *redactor) walk(v any) (kept any, named bool) {
	switch v := v.(type) {
	case string:
		return v, r.is(v)
	case []any:
		list := make([]any, 0, len(v))
		for _, element := range v {
			if one, named := r.walk(element); named {
				r.changed = true
			} else {
				list = append(list, one)
			}
		}
		return list, false
	case map[string]any:
		if r.foreign(changeOf(v)) {
			return v, false
		}
		for key, member := range v {
			if quoted, ok := member.(map[string]any); ok && key == "context" && v["from"] != nil { // another's message that answers the person
				if from, ok := quoted["from"].(string); ok && r.is(from) {
					quoted["from"], r.changed = "", true
				}
			}
			one, is := r.walk(member)
			v[key], named = one, named || is
		}
		return v, named
	}
	return v, false
}

// changeOf is the phone number id of a change of a callback; empty for other objects.
func changeOf(object map[string]any) string {
	value, _ := object["value"].(map[string]any)
	metadata, _ := value["metadata"].(map[string]any)
	id, _ := metadata["phone_number_id"].(string)
	return id
}

// decodeJSON reads JSON without changing its numbers.
func decodeJSON(data []byte) (any, error) {
	if !json.Valid(data) {
		return nil, errors.New("not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	return v, d.Decode(&v)
}
