package bench

import (
	"fmt"
	"strings"
	"sync/atomic"

	"wabagate/waba"
	"wabagate/waba/simulator"
)

const (
	bodySize = 600 // bytes of a callback
	contacts = 300
)

// callbacks are bodies ready to be posted.
type callbacks struct {
	bodies     [][]byte
	signatures []string
	index      map[string]int // by wamid; only read once made, nil for a mixture
	sent       []atomic.Int64 // when, or when it was due; nanoseconds since 1970, 0: never
	acked      []atomic.Bool
}

func makeCallbacks(n int) *callbacks {
	return &callbacks{bodies: make([][]byte, n), signatures: make([]string, n), sent: make([]atomic.Int64, n), acked: make([]atomic.Bool, n)}
}

func (cs *callbacks) set(i int, bz business, body []byte) {
	cs.bodies[i], cs.signatures[i] = body, waba.Sign([]byte(bz.secret), body)
}

// newCallbacks makes n callbacks of a business, each one text message of a customer, no wamid twice in the life of a machine.
func newCallbacks(bz business, n int) *callbacks {
	sim := simulator.New(simulator.Options{PhoneNumberID: bz.number})
	cs := makeCallbacks(n)
	cs.index = make(map[string]int, n)
	filler := strings.Repeat("Could you send a new cup, please? ", bodySize/30)
	texts := make([]string, contacts)
	for i := range n {
		who := i % contacts
		from, name := fmt.Sprintf("447700900%03d", who), fmt.Sprintf("Customer %03d", who)
		if texts[who] == "" {
			texts[who] = filler[:bodySize-len(sim.Callback(sim.Text(from, name, "")))]
		}
		fact := sim.Text(from, name, texts[who])
		cs.set(i, bz, sim.Callback(fact))
		cs.index[fact.ID] = i
	}
	return cs
}

// newMixture makes the next n callbacks of a business, with one fact each, as the platform mostly posts them.
func newMixture(sim *simulator.Simulator, bz business, n int) *callbacks {
	cs := makeCallbacks(n)
	for i := range n {
		cs.set(i, bz, sim.Callback(sim.Next()))
	}
	return cs
}

// averageSize of a body is in bytes.
func (cs *callbacks) averageSize() float64 {
	sum := 0
	for _, body := range cs.bodies {
		sum += len(body)
	}
	return float64(sum) / float64(len(cs.bodies))
}

func (cs *callbacks) acknowledged() int {
	n := 0
	for i := range cs.acked {
		if cs.acked[i].Load() {
			n++
		}
	}
	return n
}
