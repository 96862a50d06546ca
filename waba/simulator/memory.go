package simulator

// role is what is remembered of what was sent, so that later facts can refer to it.
type role int

const (
	nothing    role = iota
	said            // text of a customer
	pictured        // picture, video or document of a customer
	out             // message of the business
	departed        // message of the business whose further statuses are to follow
	reacted         // message that a customer reacted to
	echoed          // message that the business wrote on its phone; its statuses follow
	called          // call under way
	onpremSaid      // said, in the On-Premises style
	onpremOut       // out, in the On-Premises style
	roleCount
)

// roles are the names of roles in fixtures.
var roles = map[string]role{
	"said": said, "pictured": pictured, "out": out, "departed": departed, "reacted": reacted, "echoed": echoed, "call": called,
	"onprem_said": onpremSaid, "onprem_out": onpremOut,
}

// fresh is what is made up when nothing of a role was sent yet.
func (r role) fresh() source {
	switch r {
	case said, pictured:
		return wamid
	case called:
		return newCall
	case onpremSaid:
		return abgg
	case onpremOut:
		return gbgg
	}
	return newOut
}

// sent is something that was sent, and the customer at the other end.
type sent struct {
	id  string
	who *customer
}

// remembered is how much of each role can be referred to.
const remembered = 64

// memory keeps the latest of one role.
type memory struct {
	list []sent
	next int // to be overwritten once the list is full
}

func (m *memory) add(id string, who *customer) {
	if len(m.list) < remembered {
		m.list = append(m.list, sent{id, who})
		return
	}
	m.list[m.next] = sent{id, who}
	m.next = (m.next + 1) % remembered
}

// take removes the i-th.
func (m *memory) take(i int) {
	last := len(m.list) - 1
	m.list[i] = m.list[last]
	m.list = m.list[:last]
	m.next = 0
}

// recall returns what a gap refers to. Nothing having been sent yet, it makes up what the receiver has never seen, as
// happens after a number is connected.
func (s *Simulator) recall(c *cast, g gap) string {
	m := &s.memories[g.from]
	if len(m.list) == 0 {
		return s.value(c, gap{source: g.from.fresh(), n: g.n})
	}
	i := s.rng.IntN(len(m.list))
	it := m.list[i]
	if g.take {
		m.take(i)
	}
	c.people[g.n] = it.who
	return it.id
}

// remember keeps an id under a role, for later facts to refer to, and sends the message on its way where its statuses
// are to follow.
func (s *Simulator) remember(r role, id string, who *customer, status string) {
	switch r {
	case nothing:
		return
	case echoed:
		s.travels = append(s.travels, travel{id: id, to: *who})
		s.memories[out].add(id, who)
	case departed:
		s.travels = append(s.travels, travel{id: id, to: *who, reached: status})
		r = out
	}
	s.memories[r].add(id, who)
}
