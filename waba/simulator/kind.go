package simulator

import (
	"fmt"
	"strconv"
	"time"

	"wabagate/waba"
)

// Kind is one sort of thing that WhatsApp sends.
type Kind struct {
	Name       string
	Field      string // of the change; empty in the On-Premises style, which has none
	About      string // one line for people
	OnPremises bool   // comes as a bare body of the On-Premises style
}

// Kinds lists every kind that can be made. The list is the caller's to keep.
func Kinds() []Kind {
	fixtures := library()
	kinds := make([]Kind, len(fixtures))
	for i, f := range fixtures {
		kinds[i] = f.Kind
	}
	return kinds
}

// Kind returns the next fact of a kind. It is about one of the simulator's customers and refers, where it refers to
// anything, to what was sent before, if anything was. An unknown name is an error.
func (s *Simulator) Kind(name string) (Fact, error) {
	for _, f := range library() {
		if f.Name != name {
			continue
		}
		if s.options.OnPremises && !f.OnPremises {
			return Fact{}, fmt.Errorf("kind %s has no On-Premises form", name)
		}
		s.pass()
		return s.produce(f), nil
	}
	return Fact{}, fmt.Errorf("there is no kind %q", name)
}

// produce makes a fact of a fixture.
func (s *Simulator) produce(f *fixture) Fact {
	c := cast{at: s.now, shown: f.digits}
	if f.stamped {
		c.at = s.stamp()
	}
	var room [16]string
	values := append(room[:0], make([]string, len(f.gaps))...)
	for i, g := range f.gaps { // first what was sent before, as it decides whom the fact is about
		if g.source == recalled {
			values[i] = s.recall(&c, g)
		}
	}
	for i, g := range f.gaps {
		if g.source != recalled {
			values[i] = s.value(&c, g)
		}
	}
	fact := Fact{Kind: f.shape, Name: f.Name, Field: f.Field, OnPremises: f.OnPremises}
	fact.ID = string(f.id.appendPlain(nil, values))
	fact.Body = f.body.appendJSON(make([]byte, 0, 768), values)
	if f.contact != nil {
		fact.Contact = f.contactShows.of(s.person(&c, 1), f.contact.appendJSON(nil, values))
	}
	switch f.shape {
	case KindError:
		fact.ID = s.errorID()
	case KindChange:
		if f.Field != waba.FieldMessages {
			fact.At = c.at
		}
		if f.portfolio {
			fact.EntryID = s.options.PortfolioID
		}
	}
	for i, g := range f.gaps {
		if g.role != nothing {
			s.remember(g.role, values[i], s.person(&c, g.n), f.status)
		}
	}
	if f.newUserID || f.newNumber {
		s.person(&c, 1).become(c.newNumber[1])
	}
	return fact
}

// of is the contact as far as it is shown.
func (w shows) of(who *customer, raw []byte) waba.Contact {
	contact := waba.Contact{Raw: raw}
	if w.number {
		contact.WaID = who.contact.WaID
	}
	if w.digits {
		contact.WaID = who.digits
	}
	if w.userID {
		contact.UserID = who.contact.UserID
	}
	if w.name {
		contact.Name = who.contact.Name
	}
	if w.username {
		contact.Username = who.contact.Username
	}
	return contact
}

// stamp is the present second, or the first after the last stamp: no two are equal.
func (s *Simulator) stamp() time.Time {
	t := s.now.Truncate(time.Second)
	if !t.After(s.stamped) {
		t = s.stamped.Add(time.Second)
	}
	s.stamped = t
	return t
}

// errorID numbers what has no id upstream.
func (s *Simulator) errorID() string {
	s.serial++
	return "error." + s.options.Prefix + strconv.FormatUint(s.serial, 10)
}
