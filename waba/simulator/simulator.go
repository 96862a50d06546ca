package simulator

import (
	"encoding/json"
	"math/rand/v2"
	"time"

	"wabagate/waba"
)

// The kinds of facts, by where they stand in a callback.
const (
	KindMessage = "message"
	KindStatus  = "status"
	KindPayment = "payment" // stands among the statuses and is none
	KindError   = "error"
	KindChange  = "change" // anything else; a change of its own
)

// Fact is one thing that WhatsApp has to say.
type Fact struct {
	Kind string
	// ID tells it from every other: a message's wamid; a status's "wamid:status"; a payment's "wamid:status:…"; a
	// change's "name:" and what identifies it; an error's is unique within the run. It is made of what stands in the body,
	// except an error's and that of a change which nothing but its time identifies.
	ID      string
	Name    string          // of its [Kind]; empty on the plain texts, media and statuses that [Simulator.Next] makes
	Field   string          // of the change; empty in the On-Premises style
	Body    json.RawMessage // the element of messages[], statuses[] or errors[], or a change's value; escaped as the platform does
	Contact waba.Contact    // who it is about, Raw being the element of contacts[]; zero where none stands beside it, and on changes

	EntryID    string    // entry[].id of a change; empty for the account
	At         time.Time // entry[].time of a change, seconds; zero for none
	OnPremises bool      // the body that carries it has no envelope
}

// Simulator makes facts. It is for one goroutine.
type Simulator struct {
	options   Options
	metadata  []byte
	rng       *rand.Rand
	now       time.Time
	stamped   time.Time // of the last change that only its time identifies
	serial    uint64    // of the last id
	scatter   uint64    // tells the numbers of this run from others
	moved     int       // numbers given to customers who changed theirs
	customers []customer
	groups    []string
	travels   []travel // outbound messages on their way
	memories  [roleCount]memory
	choices   choices
	script    script
}

// New returns a simulator at the start of its stream.
func New(o Options) *Simulator {
	o = o.withDefaults()
	s := &Simulator{
		options: o,
		rng:     rand.New(rand.NewPCG(o.Seed, o.Seed)),
		now:     o.Start,
		script:  newScript(),
	}
	s.metadata = appendText(s.metadata, `{"display_phone_number":`, o.DisplayPhoneNumber)
	s.metadata = append(appendText(s.metadata, `,"phone_number_id":`, o.PhoneNumberID), '}')
	s.scatter = scatterOf(o.Prefix)
	s.choices = choose(o.OnPremises)
	for range groups {
		s.groups = append(s.groups, "GRP"+s.number())
	}
	for i := range o.Contacts {
		s.customers = append(s.customers, s.makeUp(i))
	}
	return s
}

// Next returns the next fact of an endless stream.
func (s *Simulator) Next() Fact {
	s.pass()
	mix := s.options.Mix
	switch {
	case s.options.OnPremises:
		return s.produce(s.choices.all.pick(s.rng))
	case mix.Other > 0 && s.rng.Float64() < mix.Other:
		return s.produce(s.choices.all.pick(s.rng))
	case mix.Echoes > 0 && s.rng.Float64() < mix.Echoes:
		return s.produce(s.choices.echoes.pick(s.rng))
	case mix.History > 0 && s.rng.Float64() < mix.History:
		return s.produce(s.choices.history.pick(s.rng))
	}
	if mix.Errors > 0 && s.rng.Float64() < mix.Errors {
		return s.outOfBand()
	}
	if s.rng.Float64()*(mix.Messages+mix.Statuses) < mix.Messages {
		return s.inbound()
	}
	return s.status()
}

// pass lets time pass, 40 ms on average.
func (s *Simulator) pass() {
	s.now = s.now.Add(time.Duration(s.rng.Int64N(int64(80 * time.Millisecond))))
}

// Text returns a message that a chosen customer writes now. From is a number, with or without a plus sign; the
// customer has the user id that this number has throughout. The stream of Next is the same with and without it,
// except for the numbering inside the wamids.
func (s *Simulator) Text(from, name, text string) Fact {
	c := newCustomer(from, name, "")
	return s.message(c, "text", func(dst []byte) []byte {
		return append(appendText(dst, `{"body":`, text), '}')
	})
}

// wamid makes the next message id.
func (s *Simulator) wamid(digits string, outbound bool) string {
	s.serial++
	return Wamid(s.options.Prefix, digits, s.serial, outbound)
}

// outOfBand makes an error that belongs to no message.
func (s *Simulator) outOfBand() Fact {
	return Fact{Kind: KindError, ID: s.errorID(), Field: waba.FieldMessages, Body: appendProblem(nil, pick(s.rng, s.script.outages))}
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }
