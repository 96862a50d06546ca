package api

import (
	"slices"
	"strings"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
)

// family is a part of the catalogue under one heading: types that begin with one of the words.
type family struct {
	name  string
	words []string
	// rare families are folded: most businesses never choose from them.
	rare bool
}

// families is the catalogue as people choose from it. What is in none of them goes into the last.
func families() []family {
	return []family{
		{name: "Messages", words: []string{"message", "ai", "media"}},
		{name: "Conversations and contacts", words: []string{"conversation", "contact"}},
		{name: "Orders and forms", words: []string{"order", "form"}},
		{name: "Broadcasts", words: []string{"broadcast"}},
		{name: "Templates", words: []string{"template"}, rare: true},
		{name: "Numbers", words: []string{"number"}, rare: true},
		{name: "Account", words: []string{"account"}, rare: true},
		{name: "Flows", words: []string{"flow"}, rare: true},
		{name: "Calls", words: []string{"call"}, rare: true},
		{name: "Groups", words: []string{"group"}, rare: true},
		{name: "Customers and marketing", words: []string{"user", "tracking", "conversion", "campaign"}, rare: true},
		{name: "History and standby", words: []string{"history", "standby"}, rare: true},
		{name: "Gateway and errors", words: []string{"webhook", "delivery", "upstream", "error"}, rare: true},
	}
}

// eventGroups lays the catalogue out for choosing, with a box for a whole family where it has several types; more are
// the chosen that have no box.
func eventGroups(chosen []string) (groups []dashboard.EventGroup, more []string) {
	groups = []dashboard.EventGroup{{Name: "Everything", Events: []dashboard.Choice{{Value: "*", Label: "All events", Hint: "Those of later versions too.", Whole: true}}}}
	byFamily := make([][]event.Type, len(families()))
	for _, t := range event.Catalogue() {
		word, _, _ := strings.Cut(t.Name, ".")
		i := slices.IndexFunc(families(), func(f family) bool { return slices.Contains(f.words, word) })
		if i < 0 {
			i = len(byFamily) - 1
		}
		byFamily[i] = append(byFamily[i], t)
	}
	for i, f := range families() {
		group := dashboard.EventGroup{Name: f.name, Folded: f.rare}
		group.Events = append(wholes(f, byFamily[i]), choices(byFamily[i])...)
		groups = append(groups, group)
	}
	for _, name := range chosen {
		if !choose(groups, name) {
			more = append(more, name)
		}
	}
	return groups, more
}

// wholes are the wildcards of a family: one for each of its words that stands for several types.
func wholes(f family, types []event.Type) []dashboard.Choice {
	var found []dashboard.Choice
	for _, word := range f.words {
		n := 0
		for _, t := range types {
			if strings.HasPrefix(t.Name, word+".") {
				n++
			}
		}
		if n > 1 {
			found = append(found, dashboard.Choice{Value: word + ".*", Label: word + ".*", Hint: "All of them, those of later versions too.", Whole: true})
		}
	}
	return found
}

func choices(types []event.Type) []dashboard.Choice {
	var found []dashboard.Choice
	for _, t := range types {
		hint := t.Description
		if !t.Emitted {
			hint += " Not sent yet: a later version will."
		}
		found = append(found, dashboard.Choice{Value: t.Name, Label: t.Name, Hint: hint})
	}
	return found
}

// choose ticks the box of a name and says whether there is one.
func choose(groups []dashboard.EventGroup, name string) bool {
	for g := range groups {
		for e := range groups[g].Events {
			if groups[g].Events[e].Value == name {
				groups[g].Events[e].Chosen = true
				groups[g].Chosen++
				return true
			}
		}
	}
	return false
}
