package simulate

import (
	"fmt"

	"wabagate/waba/simulator"
)

// What is added to a mix that has no echoes or history by itself, as shares of all facts.
const (
	echoShare    = 0.05
	historyShare = 0.01
)

// MixOf returns the mix of a name: text is messages of customers, live is what a live number sees, all is everything
// that WhatsApp sends, echoes and history included. To the first two, either can be added.
func MixOf(name string, echoes, history bool) (simulator.Mix, error) {
	var mix simulator.Mix
	switch name {
	case "text":
		mix.Messages = 1
	case "live":
	case "all":
		mix.All = true
	default:
		return mix, fmt.Errorf("--mix %s: expected text (messages of customers), live (as on a live number) or all (every kind)", name)
	}
	if echoes {
		mix.Echoes = echoShare
	}
	if history {
		mix.History = historyShare
	}
	return mix, nil
}
