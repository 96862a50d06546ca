package simulator

import (
	"strconv"

	"wabagate/waba"
)

// travelling is how many outbound messages are on their way at a time, so that the statuses of different messages
// interleave.
const travelling = 32

// travel is an outbound message on its way to a customer.
type travel struct {
	id       string
	to       customer
	reached  string // the last status, blank before sent
	tracking string // biz_opaque_callback_data, blank when the business attached none
	voice    bool   // is played after it was read
	fails    bool   // instead of being delivered
}

// status moves one outbound message a step further.
func (s *Simulator) status() Fact {
	i := len(s.travels)
	if i < travelling {
		s.travels = append(s.travels, s.depart())
	} else {
		i = s.rng.IntN(i)
	}
	t := &s.travels[i]
	next, last := t.next()
	t.reached = next
	fact := s.report(*t)
	if last {
		end := len(s.travels) - 1
		s.travels[i] = s.travels[end]
		s.travels = s.travels[:end]
	}
	return fact
}

// depart makes the business write to a customer.
func (s *Simulator) depart() travel {
	who := s.someone()
	t := travel{to: *who}
	t.id = s.wamid(t.to.digits, true)
	s.remember(out, t.id, who, "")
	t.fails = s.rng.Float64() < s.options.Mix.Failed
	t.voice = s.rng.IntN(50) == 0
	if s.rng.IntN(4) == 0 {
		t.tracking = s.tracking()
	}
	return t
}

// tracking is what the business attached to a message: a reference of its own or, in a mix of all kinds, who sent it.
func (s *Simulator) tracking() string {
	n := 1000 + s.rng.IntN(9000)
	if !s.options.Mix.All || n%2 == 0 {
		return "order-" + strconv.Itoa(n)
	}
	return s.script.origins[n/2%len(s.script.origins)]
}

// next returns the status that follows, and whether it is the last.
func (t travel) next() (status string, last bool) {
	switch t.reached {
	case "":
		return waba.StatusSent, false
	case waba.StatusSent:
		if t.fails {
			return waba.StatusFailed, true
		}
		return waba.StatusDelivered, false
	case waba.StatusDelivered:
		return waba.StatusRead, !t.voice
	}
	return waba.StatusPlayed, true
}

// report makes the element of statuses[] for the status a message has reached.
func (s *Simulator) report(t travel) Fact {
	r := Report{ID: t.id, Status: t.reached, At: s.now, Recipient: t.to.contact, Tracking: t.tracking}
	if t.reached == waba.StatusFailed {
		r.Problem = pick(s.rng, s.script.failures)
	}
	fact := r.fact()
	switch t.reached { // written once for each customer instead of for each fact
	case waba.StatusSent:
		fact.Contact = t.to.onSent
	case waba.StatusFailed:
	default:
		fact.Contact = t.to.contact
	}
	return fact
}
