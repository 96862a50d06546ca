package simulator

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"

	"wabagate/waba"
)

// The kinds of facts.
const (
	KindMessage = "message"
	KindStatus  = "status"
	KindError   = "error"
)

// Fact is one thing that WhatsApp has to say.
type Fact struct {
	Kind    string
	ID      string          // a message: its wamid; a status: "wamid:status"; an error: unique within the run
	Body    json.RawMessage // the element of messages[], statuses[] or errors[], escaped as the platform does
	Contact waba.Contact    // who it is about, Raw being the element of contacts[]; zero on errors and failed statuses
}

// Simulator makes facts. It is for one goroutine.
type Simulator struct {
	options   Options
	metadata  []byte
	rng       *rand.Rand
	now       time.Time
	serial    uint64 // of the last wamid or error
	customers []customer
	travels   []travel // outbound messages on their way
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
	for i := range o.Contacts {
		s.customers = append(s.customers, s.makeUp(i))
	}
	return s
}

// Next returns the next fact of an endless stream.
func (s *Simulator) Next() Fact {
	s.now = s.now.Add(time.Duration(s.rng.Int64N(int64(80 * time.Millisecond))))
	mix := s.options.Mix
	if mix.Errors > 0 && s.rng.Float64() < mix.Errors {
		return s.outOfBand()
	}
	if s.rng.Float64()*(mix.Messages+mix.Statuses) < mix.Messages {
		return s.inbound()
	}
	return s.status()
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

// wamid makes the next message id: the prefix, then, as on the platform, base64 over a number and a serial.
func (s *Simulator) wamid(digits string, outbound bool) string {
	s.serial++
	var payload [64]byte
	raw := append(payload[:0], digits...)
	raw = append(raw, 0x15, 0x02, 0x00, 0x12)
	if outbound {
		raw[len(raw)-1] = 0x11
	}
	raw = binary.BigEndian.AppendUint64(raw, s.serial)
	return "wamid." + s.options.Prefix + base64.StdEncoding.EncodeToString(raw)
}

// outOfBand makes an error that belongs to no message.
func (s *Simulator) outOfBand() Fact {
	s.serial++
	return Fact{
		Kind: KindError,
		ID:   "error." + s.options.Prefix + strconv.FormatUint(s.serial, 10),
		Body: appendProblem(nil, pick(s.rng, s.script.outages)),
	}
}

// unix writes the present time as the platform does in messages and statuses: seconds, as text.
func (s *Simulator) unix(dst []byte) []byte {
	return append(strconv.AppendInt(append(dst, '"'), s.now.Unix(), 10), '"')
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }
