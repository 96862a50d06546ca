package event

import (
	"slices"
	"strings"
)

// Resolve turns what a person subscribes to into the name under which the subscription is kept, and reports whether
// it means anything. Understood are: a type of the catalogue or one of its aliases, which gives the type; "*"; a
// wildcard such as "message.*" over any part of the catalogue; and, for raw dialects, an upstream field such as
// "messages", however the platform spells it.
func Resolve(subscription string) (canonical string, ok bool) {
	if subscription == "*" {
		return subscription, true
	}
	if field, ok := spellings[subscription]; ok {
		return field, true
	}
	prefix, wild := wildcard(subscription)
	for _, t := range catalogue {
		switch {
		case slices.Contains(t.Aliases, subscription):
			return t.Name, true
		case t.Name == subscription,
			t.Field == subscription && t.Field != "",
			wild && strings.HasPrefix(t.Name, prefix):
			return subscription, true
		}
	}
	return "", false
}

// wildcard is what the types that a subscription such as "message.*" stands for begin with, the last dot included.
func wildcard(subscription string) (prefix string, ok bool) {
	prefix, ok = strings.CutSuffix(subscription, "*")
	return prefix, ok && len(prefix) > 1 && strings.HasSuffix(prefix, ".")
}

// Set is what a webhook is subscribed to, prepared for many questions. The zero Set has nothing. It is safe for
// concurrent use.
type Set struct {
	all   bool
	types map[string]struct{}
}

// NewSet prepares subscriptions, canonical or not. Those that Resolve does not know select nothing.
func NewSet(subscriptions []string) Set {
	s := Set{types: make(map[string]struct{})}
	for _, sub := range subscriptions {
		name, ok := Resolve(sub)
		switch {
		case !ok:
		case name == "*":
			s.all = true
		default:
			s.add(name)
		}
	}
	return s
}

func (s *Set) add(name string) {
	prefix, wild := wildcard(name)
	for _, t := range catalogue {
		if t.Name == name || t.Field == name || wild && strings.HasPrefix(t.Name, prefix) {
			s.types[t.Name] = struct{}{}
		}
	}
}

// Has reports whether an event of the type is wanted. Events carry canonical types; aliases are for subscribing only.
func (s Set) Has(eventType string) bool {
	if s.all {
		return true
	}
	_, ok := s.types[eventType]
	return ok
}

// Matches answers one question about subscriptions. Whoever asks more than once keeps a Set.
func Matches(subscriptions []string, eventType string) bool {
	return NewSet(subscriptions).Has(eventType)
}
