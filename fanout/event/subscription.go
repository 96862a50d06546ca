package event

import (
	"slices"
	"strings"
)

// Resolve turns what a person subscribes to into the name under which the subscription is kept, and reports whether
// it means anything. Understood are: a type of the catalogue or one of its aliases, which gives the type; "*"; a
// wildcard such as "message.*" over any part of the catalogue; and, for raw dialects, an upstream field such as
// "messages".
func Resolve(subscription string) (canonical string, ok bool) {
	if subscription == "*" {
		return subscription, true
	}
	prefix, wild := strings.CutSuffix(subscription, "*")
	wild = wild && len(prefix) > 1 && strings.HasSuffix(prefix, ".")
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

// Set is what a webhook is subscribed to, prepared for many questions. The zero Set has nothing. It is safe for
// concurrent use.
type Set struct {
	all      bool
	types    map[string]struct{}
	prefixes []string // of the wildcards, with their dot: types of a family are not all known
}

// NewSet prepares subscriptions, canonical or not. Those that Resolve does not know select nothing.
func NewSet(subscriptions []string) Set {
	var s Set
	for _, sub := range subscriptions {
		name, ok := Resolve(sub)
		switch {
		case !ok:
		case name == "*":
			s.all = true
		case strings.HasSuffix(name, ".*"):
			s.prefixes = append(s.prefixes, name[:len(name)-1])
		default:
			s.add(name)
		}
	}
	return s
}

func (s *Set) add(name string) {
	if s.types == nil {
		s.types = make(map[string]struct{})
	}
	for _, t := range catalogue {
		if t.Name == name || t.Field == name {
			s.types[t.Name] = struct{}{}
		}
	}
}

// Has reports whether an event of the type is wanted. Events carry canonical types; aliases are for subscribing only.
func (s Set) Has(eventType string) bool {
	if s.all {
		return true
	}
	if _, ok := s.types[eventType]; ok {
		return true
	}
	for _, p := range s.prefixes {
		if strings.HasPrefix(eventType, p) {
			return true
		}
	}
	return false
}

// Matches answers one question about subscriptions. Whoever asks more than once keeps a Set.
func Matches(subscriptions []string, eventType string) bool {
	return NewSet(subscriptions).Has(eventType)
}
