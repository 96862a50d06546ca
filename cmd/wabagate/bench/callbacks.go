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

// callbacks are bodies ready to be posted: each one text message of a customer.
type callbacks struct {
	bodies     [][]byte
	signatures []string
	index      map[string]int // by wamid; only read once made
	sent       []atomic.Int64 // when, or when it was due; nanoseconds since 1970, 0: never
	acked      []atomic.Bool
}

// newCallbacks makes n callbacks of a business, no wamid twice in the life of a machine.
func newCallbacks(bz business, n int) *callbacks {
	sim := simulator.New(simulator.Options{PhoneNumberID: bz.number})
	cs := &callbacks{bodies: make([][]byte, n), signatures: make([]string, n), index: make(map[string]int, n), sent: make([]atomic.Int64, n), acked: make([]atomic.Bool, n)}
	filler := strings.Repeat("Could you send a new cup, please? ", bodySize/30)
	texts := make([]string, contacts)
	for i := range n {
		who := i % contacts
		from, name := fmt.Sprintf("447700900%03d", who), fmt.Sprintf("Customer %03d", who)
		if texts[who] == "" {
			texts[who] = filler[:bodySize-len(sim.Callback(sim.Text(from, name, "")))]
		}
		fact := sim.Text(from, name, texts[who])
		cs.bodies[i] = sim.Callback(fact)
		cs.signatures[i] = waba.Sign([]byte(bz.secret), cs.bodies[i])
		cs.index[fact.ID] = i
	}
	return cs
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
