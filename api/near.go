package api

import (
	"wabagate/fanout/event"
	"wabagate/fanout/near"
)

// nearEvents are up to three names of the catalogue that look most like a wrong one.
func nearEvents(wrong string) []string {
	var known []string
	for _, t := range event.Catalogue() {
		known = append(append(known, t.Aliases...), t.Name)
	}
	return near.Names(wrong, known)
}
