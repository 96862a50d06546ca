package simulator

import (
	"math/rand/v2"
	"slices"
)

// groups is how many groups the customers are in.
const groups = 5

// choice is a set of fixtures to pick from by weight.
type choice struct {
	fixtures []*fixture
	upTo     []int // the weights, summed up
}

func (c *choice) add(f *fixture) {
	sum := f.weight
	if len(c.upTo) > 0 {
		sum += c.upTo[len(c.upTo)-1]
	}
	c.fixtures, c.upTo = append(c.fixtures, f), append(c.upTo, sum)
}

func (c *choice) pick(rng *rand.Rand) *fixture {
	n := rng.IntN(c.upTo[len(c.upTo)-1])
	i, _ := slices.BinarySearch(c.upTo, n+1)
	return c.fixtures[i]
}

// choices are the sets that a stream picks from.
type choices struct{ all, echoes, history choice }

func choose(onPremises bool) choices {
	var c choices
	for _, f := range library() {
		if f.OnPremises != onPremises {
			continue
		}
		c.all.add(f)
		switch f.Field {
		case "smb_message_echoes":
			c.echoes.add(f)
		case "history":
			c.history.add(f)
		}
	}
	return c
}
