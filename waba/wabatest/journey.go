package wabatest

import (
	"time"

	"wabagate/waba"
	"wabagate/waba/simulator"
)

// event is a fact that is due: a status of a message, or what a customer wrote.
type event struct {
	at      time.Time
	message *message
	to      *customer
	status  string
	fact    *simulator.Fact // what a customer wrote; nil for a status
	from    *number         // that it was written to; nil for a status
}

// recipients are those whose statuses a message has: one, or every participant of the group.
func (s *Server) recipients(m *message) []*customer {
	if m.group == nil {
		return []*customer{m.to}
	}
	list := make([]*customer, len(m.group.Participants))
	for i, digits := range m.group.Participants {
		list[i] = s.customer(m.number, digits, "")
	}
	return list
}

// depart sends an accepted message on its way.
func (s *Server) depart(m *message, out outgoing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := waba.StatusSent
	if m.fails != 0 {
		first = waba.StatusFailed
	}
	for _, who := range s.recipients(m) {
		from := first
		if m.reached == waba.StatusSent { // it arrived before the answer did
			from = s.after(m, waba.StatusSent)
		}
		s.travel(m, who, from)
	}
	s.answerLater(m, out)
	s.arm()
}

// early lets the first status of a message arrive before the answer.
func (s *Server) early(m *message) {
	if m.fails != 0 || m.silent {
		return
	}
	s.mu.Lock()
	m.reached = waba.StatusSent
	s.ledger.reached[waba.StatusSent]++
	b := &batch{number: m.number, began: time.Now(), run: s.run}
	for _, who := range s.recipients(m) {
		b.events = append(b.events, event{at: b.began, message: m, to: who, status: waba.StatusSent})
	}
	s.ledger.waiting += len(b.events)
	s.flying++
	s.mu.Unlock()
	s.deliver(b)
}

// travel puts down when a message reaches its next status. The caller holds the lock.
func (s *Server) travel(m *message, who *customer, status string) {
	if status == "" {
		return
	}
	s.ledger.waiting++
	s.agenda.add(step{at: time.Now().Add(s.delay(m, status)).UnixNano(), message: m, to: who, status: status})
}

// delay is how long a message takes to its next status.
func (s *Server) delay(m *message, status string) time.Duration {
	d := s.o.Latency.Sent
	switch status {
	case waba.StatusDelivered:
		d = s.o.Latency.Delivered
	case waba.StatusRead:
		d = s.o.Latency.Read
	case waba.StatusPlayed:
		d = s.o.Latency.Played
	}
	return d.of(draw(s.o.Seed, status, "a", m.serial), draw(s.o.Seed, status, "b", m.serial))
}

// after is the status that follows; empty for none.
func (s *Server) after(m *message, status string) string {
	switch status {
	case waba.StatusSent:
		if draw(s.o.Seed, waba.StatusDelivered, "share", m.serial) < s.o.Delivered {
			return waba.StatusDelivered
		}
	case waba.StatusDelivered:
		if draw(s.o.Seed, waba.StatusRead, "share", m.serial) < s.o.Read {
			return waba.StatusRead
		}
	case waba.StatusRead:
		if s.o.Played && m.kind == "audio" {
			return waba.StatusPlayed
		}
	}
	return ""
}

// arrive lets a message reach a status. The caller holds the lock.
func (s *Server) arrive(m *message, who *customer, status string, now time.Time) {
	if next := waba.Advance(m.reached, status); next == status {
		m.reached = status
	}
	s.ledger.reached[status]++
	s.travel(m, who, s.after(m, status))
	switch {
	case m.silent:
		s.ledger.waiting--
		s.lose(event{message: m, to: who, status: status, at: now}, LostSilent)
	case s.drops(m.number.ID, m.recipient(), m.id(s.prefix)+who.id(), status):
		s.ledger.waiting--
		s.lose(event{message: m, to: who, status: status, at: now}, LostDropped)
	default:
		s.post(m.number, event{at: now, message: m, to: who, status: status})
	}
}

// fact is the event as callbacks have it.
func (s *Server) fact(e event) simulator.Fact {
	if e.fact != nil {
		return *e.fact
	}
	m := e.message
	r := simulator.Report{ID: m.id(s.prefix), Status: e.status, At: e.at, Recipient: e.to.contact(), Tracking: m.tracking, OnPremises: m.number.onPremises()}
	if m.group != nil {
		r.GroupID = m.group.ID
	}
	r.Pricing = m.pricing()
	if e.status == waba.StatusFailed {
		t := titleOf(m.fails)
		r.Problem = simulator.Problem{Code: t.code, Title: t.text, Details: detailsOf(t)}
		if r.OnPremises {
			r.Problem.Code = t.onPremises
		}
	}
	return r.Fact()
}

// detailsOf is what the platform adds to the title of a code on a failed status.
func detailsOf(t title) string {
	switch t.code {
	case 131047:
		return "Message failed to send because more than 24 hours have passed since the customer last replied to this number."
	case 131026:
		return "Message Undeliverable."
	}
	return t.text
}

// pricing is what a message costs: nothing inside the service window, marketing and authentication apart.
func (m *message) pricing() simulator.Pricing {
	switch {
	case m.category == "":
		return simulator.Pricing{Type: "free_customer_service", Category: "service"}
	case m.category == "utility" && m.free:
		return simulator.Pricing{Type: "free_customer_service", Category: m.category}
	}
	return simulator.Pricing{Category: m.category}
}
