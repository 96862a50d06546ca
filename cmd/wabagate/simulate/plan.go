package simulate

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"wabagate/waba/simulator"
)

const (
	// laterBy is how many callbacks a copy lags behind its original at most.
	laterBy = 200
	// shuffled is how many callbacks wait to be picked from at random: as far as one may overtake another.
	shuffled = 64
)

// callback is one body to be posted.
type callback struct {
	facts []*fact
	again bool // a copy: its facts were all in earlier callbacks
}

// fact is shared by all callbacks that carry it.
type fact struct {
	simulator.Fact
	posted       atomic.Bool
	acknowledged atomic.Bool
}

// largeEvery is how many callbacks there are to a large one, largeMessages how many past messages that one carries: close
// to the 3 MB that the platform sends at most.
const (
	largeEvery    = 100
	largeMessages = 11_000
)

// planner decides what is posted in which order. It is for one goroutine, and holds no more than what waits to be sent
// again, however long the run.
type planner struct {
	sim    *simulator.Simulator
	rng    *rand.Rand
	batch  int     // facts in a callback, at most
	share  float64 // of the callbacks, sent again
	window int     // callbacks to pick from; 1 keeps the order
	large  bool    // some callbacks are as large as can be

	given []simulator.Fact // to be sent instead of the simulator's stream

	left   int // originals still to be made
	made   int
	copies []dueCopy
	pool   []*fact // to be sent again in other batches
	picks  []callback
}

// dueCopy is a copy and the number of originals that go first.
type dueCopy struct {
	callback
	after int
}

func newPlanner(o Options, sim *simulator.Simulator, given []simulator.Fact) *planner {
	p := &planner{sim: sim, rng: rand.New(rand.NewPCG(o.Simulator.Seed, 7)), batch: max(o.Batch, 1), share: o.Duplicates, window: 1, large: o.Large,
		left: o.Count, given: given}
	if o.Shuffle {
		p.window = shuffled
	}
	return p
}

// next returns the next callback, and false when all were returned.
func (p *planner) next() (callback, bool) {
	for len(p.picks) < p.window {
		c, ok := p.draw()
		if !ok {
			break
		}
		p.picks = append(p.picks, c)
	}
	if len(p.picks) == 0 {
		return callback{}, false
	}
	i := 0
	if p.window > 1 {
		i = p.rng.IntN(len(p.picks))
	}
	c := p.picks[i]
	p.picks = slices.Delete(p.picks, i, i+1)
	return c, true
}

func (p *planner) draw() (callback, bool) {
	for {
		due := slices.IndexFunc(p.copies, func(c dueCopy) bool { return c.after <= p.made || p.left == 0 })
		if due >= 0 {
			c := p.copies[due].callback
			p.copies = slices.Delete(p.copies, due, due+1)
			return c, true
		}
		if p.left > 0 {
			return p.original(), true
		}
		if len(p.pool) == 0 {
			return callback{}, false
		}
		p.rebatch()
	}
}

// original makes a callback of new facts and decides whether and how they come again: half of the repeated callbacks
// as they are, the other half taken apart and put together anew, except the large, two of which are too much for one
// body.
func (p *planner) original() callback {
	large := p.large && p.made%largeEvery == 0
	c := callback{facts: p.facts(large)}
	p.left--
	p.made++
	if p.rng.Float64() >= p.share {
		return c
	}
	if large || p.rng.IntN(2) == 0 {
		p.copies = append(p.copies, dueCopy{callback{facts: c.facts, again: true}, p.made + p.rng.IntN(laterBy)})
		return c
	}
	p.pool = append(p.pool, c.facts...)
	if len(p.pool) >= 4*p.batch {
		p.rebatch()
	}
	return c
}

// facts makes what goes into the next callback.
func (p *planner) facts(large bool) []*fact {
	if large {
		return []*fact{{Fact: p.sim.Large(largeMessages)}}
	}
	var list []*fact
	if p.given != nil {
		n := min(p.batch, len(p.given))
		for _, f := range p.given[:n] {
			list = append(list, &fact{Fact: f})
		}
		p.given = p.given[n:]
		return list
	}
	for range 1 + p.rng.IntN(p.batch) {
		list = append(list, &fact{Fact: p.sim.Next()})
	}
	return list
}

// rebatch turns the pool into copies.
func (p *planner) rebatch() {
	byID := make(map[string]*fact, len(p.pool))
	plain := make([]simulator.Fact, len(p.pool))
	for i, f := range p.pool {
		byID[f.ID], plain[i] = f, f.Fact
	}
	p.pool = p.pool[:0]
	for _, batch := range simulator.Rebatch(plain, p.rng, p.batch) {
		c := callback{again: true}
		for _, f := range batch {
			c.facts = append(c.facts, byID[f.ID])
		}
		p.copies = append(p.copies, dueCopy{c, p.made + p.rng.IntN(laterBy)})
	}
}
