package filter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"wabagate/fanout/canon"
	"wabagate/fanout/event"
	"wabagate/fanout/near"
)

// The limits of a filter, so that asking it about an event costs little.
const (
	MaxDepth      = 8         // of conditions within combinators
	MaxConditions = 50        // in all
	MaxList       = 100       // values of one "in"
	MaxText       = 1000      // characters of a value, a path or a prefix
	MaxSize       = 128 << 10 // bytes of JSON
)

const example = `{"field":"message.type","eq":"text"}`

var (
	combinators = []string{"all", "any", "not"}
	operators   = []string{"eq", "in", "gt", "prefix", "exists"}
)

// Parse reads a filter. Nothing at all and null give the zero Filter. An error is a sentence for whoever wrote the
// filter: it says where in it something is wrong, such as "filter.all[1].field", and what to write instead.
func Parse(raw json.RawMessage) (Filter, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return Filter{}, nil
	}
	switch {
	case len(raw) > MaxSize:
		return Filter{}, fmt.Errorf("filter is longer than %d KiB; use fewer or shorter values", MaxSize>>10)
	case !json.Valid(raw):
		return Filter{}, fmt.Errorf("filter is not valid JSON; it must be an object such as %s", example)
	}
	p := parser{fields: event.Fields()}
	root, err := p.node(raw, "filter", 1)
	if err != nil {
		return Filter{}, err
	}
	return Filter{root}, nil
}

// parser counts what has been read so far.
type parser struct {
	fields     []string
	conditions int
}

// member is one name of an object with its value.
type member struct {
	name  string
	value json.RawMessage
}

// node reads the condition or combinator that stands at a place.
func (p *parser) node(raw json.RawMessage, at string, depth int) (node, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%s is nested more than %d deep; write it flatter", at, MaxDepth)
	}
	ms, err := members(raw, at)
	if err != nil {
		return nil, err
	}
	for _, m := range ms {
		if slices.Contains(combinators, m.name) {
			if len(ms) > 1 {
				return nil, fmt.Errorf("%s has %s beside %s; put each into an object of its own and list them in one all or any", at, others(ms, m.name), m.name)
			}
			return p.combinator(m, at+"."+m.name, depth)
		}
	}
	return p.condition(ms, at)
}

// members takes an object apart, in its order, and refuses what would be dropped in silence.
func members(raw json.RawMessage, at string) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, fmt.Errorf("%s must be an object such as %s", at, example)
	}
	var ms []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", at, err)
		}
		m := member{name: name.(string)} // JSON has nothing else there
		if err := d.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", at, err)
		}
		if slices.ContainsFunc(ms, func(other member) bool { return other.name == m.name }) {
			return nil, fmt.Errorf("%s has %q twice; keep one", at, clip(m.name))
		}
		if known := slices.Concat([]string{"field"}, operators, combinators); !slices.Contains(known, m.name) {
			return nil, fmt.Errorf("%s has %q, which is not known; %s", at, clip(m.name), meant(m.name, known, "known are "+strings.Join(known, ", ")))
		}
		ms = append(ms, m)
	}
	if len(ms) == 0 {
		return nil, fmt.Errorf("%s is empty; it must be an object such as %s", at, example)
	}
	return ms, nil
}

func others(ms []member, name string) string {
	var names []string
	for _, m := range ms {
		if m.name != name {
			names = append(names, m.name)
		}
	}
	return strings.Join(names, ", ")
}

func (p *parser) combinator(m member, at string, depth int) (node, error) {
	if m.name == "not" {
		inner, err := p.node(m.value, at, depth+1)
		return not{inner}, err
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(m.value, &raws); err != nil || raws == nil {
		return nil, fmt.Errorf("%s must be a list of conditions, such as [%s]", at, example)
	}
	if len(raws) == 0 {
		return nil, fmt.Errorf("%s must list at least one condition, such as %s", at, example)
	}
	nodes := make([]node, len(raws))
	for i, raw := range raws {
		var err error
		if nodes[i], err = p.node(raw, fmt.Sprintf("%s[%d]", at, i), depth+1); err != nil {
			return nil, err
		}
	}
	if m.name == "all" {
		return allOf(nodes), nil
	}
	return anyOf(nodes), nil
}

// condition reads {"field": …, operator: …}.
func (p *parser) condition(ms []member, at string) (node, error) {
	if p.conditions++; p.conditions > MaxConditions {
		return nil, fmt.Errorf("filter has more than %d conditions; replace several eq by one in, or make several webhooks", MaxConditions)
	}
	var field, operator *member
	for i := range ms {
		switch m := &ms[i]; {
		case m.name == "field":
			field = m
		case operator != nil:
			return nil, fmt.Errorf("%s has both %s and %s; give each a condition of its own and join them with all or any", at, operator.name, m.name)
		default:
			operator = m
		}
	}
	switch {
	case field == nil:
		return nil, fmt.Errorf(`%s has no "field"; say which one %s is about, such as "field":"message.type"`, at, operator.name)
	case operator == nil:
		return nil, fmt.Errorf("%s has no operator; add one of %s", at, strings.Join(operators, ", "))
	}
	path, err := p.path(field.value, at+".field")
	if err != nil {
		return nil, err
	}
	at += "." + operator.name
	if path == "type" {
		return typeCondition(*operator, at)
	}
	test, exists, err := parseTest(*operator, at)
	if err != nil {
		return nil, err
	}
	on := onField{path: strings.Split(path, "."), test: test}
	if !exists {
		return absent{on}, nil
	}
	return on, nil
}

// path reads the name of a field.
func (p *parser) path(raw json.RawMessage, at string) (string, error) {
	name, err := readText(raw, at, "the path of a field, such as message.type")
	if err != nil {
		return "", err
	}
	path := strings.TrimPrefix(name, "data.")
	if name == "type" || slices.Contains(p.fields, path) || event.FreeForm(path) && !slices.Contains(strings.Split(path, "."), "") {
		return path, nil
	}
	return "", fmt.Errorf("%s: there is no field %q; %s", at, clip(name),
		meant(path, append(p.fields, "type"), "fields are paths into the data of the samples of GET /api/client/event-types, such as message.type or contact.wa_id"))
}

// parseTest reads an operator with what it compares to; exists is false for {"exists":false}.
func parseTest(m member, at string) (t test, exists bool, err error) {
	switch m.name {
	case "in":
		var raws []json.RawMessage
		if json.Unmarshal(m.value, &raws) != nil || len(raws) == 0 {
			return nil, true, fmt.Errorf(`%s must be a list of values, such as ["image","document"]`, at)
		}
		if len(raws) > MaxList {
			return nil, true, fmt.Errorf("%s lists more than %d values; use prefix, or several conditions in any", at, MaxList)
		}
		tests := make([]test, len(raws))
		for i, raw := range raws {
			if tests[i], err = parseEqual(raw, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return nil, true, err
			}
		}
		return oneOf(tests), true, nil
	case "gt":
		t, err = parseGreater(m.value, at)
		return t, true, err
	case "prefix":
		text, err := readText(m.value, at, "the text that the field begins with")
		return beginsWith(text), true, err
	case "exists":
		switch string(m.value) {
		case "true":
			return anything, true, nil
		case "false":
			return anything, false, nil
		}
		return nil, true, fmt.Errorf("%s must be true or false", at)
	}
	t, err = parseEqual(m.value, at)
	return t, true, err
}

func parseEqual(raw json.RawMessage, at string) (test, error) {
	// In stored data an integer that a double cannot hold is a text, and so it is here.
	canonical, err := canon.Append(nil, raw)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", at, err)
	}
	if n, ok := number(canonical); ok {
		return equalNumber(n), nil
	}
	switch word := string(canonical); word {
	case "true", "false":
		return equalWord(word), nil
	case "null":
		return nil, fmt.Errorf(`%s must not be null; {"exists":false} fits what is not there`, at)
	case `""`:
		return equalText(""), nil
	}
	if canonical[0] != '"' {
		return nil, fmt.Errorf("%s must be a text, a number, true or false", at)
	}
	text, err := readText(canonical, at, "a text")
	return equalText(text), err
}

func parseGreater(raw json.RawMessage, at string) (test, error) {
	if n, ok := number(raw); ok {
		return greaterNumber(n), nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if than, err := time.Parse(time.RFC3339, text); err == nil {
			return later(than), nil
		}
	}
	return nil, fmt.Errorf("%s must be a number or a time such as 2026-11-21T10:00:00Z, in quotes", at)
}

// typeCondition reads a condition on the type of the event. Aliases stand for the type that they are an alias of.
func typeCondition(m member, at string) (node, error) {
	var raws []json.RawMessage
	switch m.name {
	case "prefix":
		prefix, err := readText(m.value, at, `the beginning of event types, such as "message."`)
		return onType(func(typ string) bool { return strings.HasPrefix(typ, prefix) }), err
	case "eq":
		raws = []json.RawMessage{m.value}
	case "in":
		if json.Unmarshal(m.value, &raws) != nil || len(raws) == 0 {
			return nil, fmt.Errorf(`%s must be a list of event types, such as ["message.received","order.created"]`, at)
		}
		if len(raws) > MaxList {
			return nil, fmt.Errorf("%s lists more than %d event types; use prefix", at, MaxList)
		}
	default:
		return nil, fmt.Errorf("%s: the type of an event can be compared with eq, in or prefix only", at)
	}
	types := make([]string, len(raws))
	for i, raw := range raws {
		name, err := readText(raw, at, "an event type, such as message.received")
		if err != nil {
			return nil, err
		}
		canonical, _ := event.Resolve(name)
		if _, ok := event.Lookup(canonical); !ok {
			return nil, fmt.Errorf("%s: there is no event type %q; %s", at, clip(name), meant(name, typeNames(), "prefix compares the beginning, such as message."))
		}
		types[i] = canonical
	}
	return onType(func(typ string) bool { return slices.Contains(types, typ) }), nil
}

func typeNames() []string {
	var names []string
	for _, t := range event.Catalogue() {
		names = append(names, t.Name)
	}
	return names
}

// readText reads a text that is not empty; want says in words what it has to be.
func readText(raw json.RawMessage, at, want string) (string, error) {
	var text *string
	if json.Unmarshal(raw, &text) != nil || text == nil || *text == "" {
		return "", fmt.Errorf("%s must be %s", at, want)
	}
	if utf8.RuneCountInString(*text) > MaxText {
		return "", fmt.Errorf("%s must have at most %d characters", at, MaxText)
	}
	return *text, nil
}

// meant asks whether one of the near names was meant; without any it says otherwise.
func meant(wrong string, known []string, otherwise string) string {
	if names := near.Names(wrong, known); len(names) > 0 {
		return "did you mean " + strings.Join(names, " or ") + "?"
	}
	return otherwise
}

// clip shortens what somebody wrote for repeating it.
func clip(text string) string {
	if utf8.RuneCountInString(text) > 60 {
		return string([]rune(text)[:60]) + "…"
	}
	return text
}
