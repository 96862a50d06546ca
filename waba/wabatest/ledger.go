package wabatest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Tally is what was asked of the simulator, and what came of it.
type Tally struct {
	Requests   int            `json:"requests"`   // sends and marks as read
	Accepted   int            `json:"accepted"`   // messages
	Refused    map[int]int    `json:"refused"`    // requests answered with an error, by code
	Unanswered int            `json:"unanswered"` // requests that got no answer, or another than they deserved
	Recipients int            `json:"recipients"` // distinct ones of accepted messages
	Duplicates int            `json:"duplicates"` // accepted messages beyond the first to a recipient
	Read       int            `json:"read"`       // messages of customers that were marked as read
	Typing     int            `json:"typing"`     // typing indicators
	PeakAsked  int            `json:"peak_asked"` // requests in the busiest second of the clock
	Peak       int            `json:"peak"`       // accepted messages in the busiest second of the clock
	Statuses   map[string]int `json:"statuses"`   // that messages reached
	Received   int            `json:"received"`   // messages of customers
	Dropped    int            `json:"dropped"`    // facts that were never acknowledged, see [Server.Dropped]
	Forgotten  int            `json:"forgotten"`  // messages no longer kept one by one, see [Options.Remember]
	Faults     map[string]int `json:"faults"`     // by kind, so often
	Callbacks  Callbacks      `json:"callbacks"`
	Prompts    int            `json:"prompts"` // requests to the language model
}

// Callbacks is what became of facts on their way to the subscribed apps.
type Callbacks struct {
	Posted       int            `json:"posted"`       // requests
	Acknowledged int            `json:"acknowledged"` // callbacks that everybody answered 200
	Facts        int            `json:"facts"`        // in them
	Refused      map[string]int `json:"refused"`      // requests not answered 200, by status or reason
	Pending      int            `json:"pending"`      // facts that are not due yet, or not acknowledged
}

// Message is one accepted message.
type Message struct {
	ID            string    `json:"id"`
	PhoneNumberID string    `json:"phone_number_id"`
	To            string    `json:"to"` // digits, the business-scoped user id, or the group
	Type          string    `json:"type"`
	Tracking      string    `json:"tracking,omitempty"` // biz_opaque_callback_data
	At            time.Time `json:"at"`
	Status        string    `json:"status,omitempty"`     // the furthest that was due so far
	Error         int       `json:"error,omitempty"`      // code with which it fails
	Unanswered    bool      `json:"unanswered,omitempty"` // the sender got no answer, or a wrong one
}

// Filter chooses messages. The zero value chooses all.
type Filter struct {
	PhoneNumberID string
	To            string
	Tracking      string // is part of the tracking string
	After         int    // skips so many of the messages in order of acceptance, those forgotten included
	Limit         int    // 0 → no limit
}

// Count is how many messages there are to how many recipients.
type Count struct {
	Messages   int `json:"messages"`
	Recipients int `json:"recipients"`
	Duplicates int `json:"duplicates"` // messages beyond the first to a recipient
	Most       int `json:"most"`       // messages to one recipient
}

// Recipient is somebody who was sent something.
type Recipient struct {
	PhoneNumberID string `json:"phone_number_id"`
	To            string `json:"to"`
	Messages      int    `json:"messages"`
}

// Why a fact was never acknowledged.
const (
	LostDropped      = "drop"          // by [FaultDrop]
	LostSilent       = "silence"       // by [FaultSilence]
	LostUnsubscribed = "no subscriber" // nobody wants the callbacks of the number
	LostGivenUp      = "given up"      // not answered 200 for as long as [Retry] says
)

// Dropped is a fact that the subscribed apps never acknowledged.
type Dropped struct {
	ID            string    `json:"id"` // of the message
	PhoneNumberID string    `json:"phone_number_id"`
	Status        string    `json:"status"` // or message, for what a customer wrote
	Customer      string    `json:"customer"`
	At            time.Time `json:"at"`
	Why           string    `json:"why"`
}

// receivedLimit is how many messages of customers are known, to be marked as read.
const receivedLimit = 100_000

// ledger is what is written down.
type ledger struct {
	requests, unanswered, marked, typing int
	accepted, people, duplicates         int
	asked, sent                          peak
	refused                              map[int]int
	reached                              map[string]int
	faults                               map[string]int

	messages  []*message // a ring once it is full
	oldest    int        // in the ring
	forgotten int

	received     map[string]bool // ids of what customers wrote
	receivedRing []string
	receivedNext int
	inbound      int

	dropped   []Dropped
	lost      int
	callbacks Callbacks
	waiting   int // facts that are not due yet, or not acknowledged
}

func newLedger() ledger {
	return ledger{refused: map[int]int{}, reached: map[string]int{}, faults: map[string]int{}, received: map[string]bool{},
		callbacks: Callbacks{Refused: map[string]int{}}}
}

func (l *ledger) refuse(code int) { l.refused[code]++ }

// accept writes a message down.
func (l *ledger) accept(m *message, remember int) {
	l.accepted++
	l.sent.add(m.at)
	if m.unanswered {
		l.unanswered++
	}
	switch {
	case m.to == nil:
	case m.to.accepted == 1:
		l.people++
	default:
		l.duplicates++
	}
	if len(l.messages) < remember {
		l.messages = append(l.messages, m)
		return
	}
	l.messages[l.oldest] = m
	l.oldest = (l.oldest + 1) % len(l.messages)
	l.forgotten++
}

// receive writes down what a customer wrote.
func (l *ledger) receive(id string) {
	l.inbound++
	if len(l.receivedRing) < receivedLimit {
		l.receivedRing = append(l.receivedRing, id)
	} else {
		delete(l.received, l.receivedRing[l.receivedNext])
		l.receivedRing[l.receivedNext] = id
		l.receivedNext = (l.receivedNext + 1) % receivedLimit
	}
	l.received[id] = true
}

// posted writes down one request with a callback.
func (l *ledger) posted(status int, err error) {
	l.callbacks.Posted++
	if err != nil || status != 200 {
		l.callbacks.Refused[reason(status, err)]++
	}
}

// lose writes down a fact that nobody will hear of. The caller holds the lock.
func (s *Server) lose(e event, why string) {
	d := Dropped{At: e.at, Status: e.status, Why: why, Customer: e.to.id()}
	if e.message != nil {
		d.ID, d.PhoneNumberID = e.message.id(s.prefix), e.message.number.ID
	} else {
		d.ID, d.PhoneNumberID, d.Status = e.fact.ID, e.from.ID, "message"
	}
	s.ledger.lost++
	if len(s.ledger.dropped) < s.o.Remember {
		s.ledger.dropped = append(s.ledger.dropped, d)
	}
}

// Tally counts everything so far.
func (s *Server) Tally() Tally {
	callbacks := s.Callbacks()
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.ledger
	t := Tally{Requests: l.requests, Accepted: l.accepted, Refused: maps.Clone(l.refused), Unanswered: l.unanswered, Recipients: l.people,
		Duplicates: l.duplicates, Read: l.marked, Typing: l.typing, PeakAsked: l.asked.most, Peak: l.sent.most, Statuses: maps.Clone(l.reached), Received: l.inbound,
		Dropped: l.lost, Forgotten: l.forgotten, Faults: maps.Clone(l.faults), Callbacks: callbacks, Prompts: s.prompts.asked}
	return t
}

// Callbacks counts what was posted so far, and what is still to be.
func (s *Server) Callbacks() Callbacks {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.ledger.callbacks
	c.Refused = maps.Clone(c.Refused)
	c.Pending = s.ledger.waiting
	return c
}

// everybody lists who was sent anything, in no order. The caller holds the lock.
func (s *Server) everybody() []Recipient {
	var list []Recipient
	for key, c := range s.people {
		if c.accepted > 0 && key.id == c.id() {
			list = append(list, Recipient{key.number.ID, key.id, c.accepted})
		}
	}
	return list
}

// Recipients lists who was sent at least so many messages, those with most first. It is of all messages, also of those no
// longer kept one by one; groups are not among them.
func (s *Server) Recipients(atLeast int) []Recipient {
	s.mu.Lock()
	list := s.everybody()
	s.mu.Unlock()
	list = slices.DeleteFunc(list, func(r Recipient) bool { return r.Messages < atLeast })
	slices.SortFunc(list, func(a, b Recipient) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), strings.Compare(a.To, b.To), strings.Compare(a.PhoneNumberID, b.PhoneNumberID))
	})
	return list
}

// each calls f with every message that a filter chooses, in the order of acceptance, until f returns false.
func (s *Server) each(f Filter, do func(*message) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.ledger
	for i := max(0, f.After-l.forgotten); i < len(l.messages); i++ {
		m := l.messages[(l.oldest+i)%len(l.messages)]
		if f.PhoneNumberID != "" && f.PhoneNumberID != m.number.ID || f.To != "" && f.To != m.recipient() || !strings.Contains(m.tracking, f.Tracking) {
			continue
		}
		if !do(m) {
			return
		}
	}
}

// Messages lists accepted messages in the order of acceptance.
func (s *Server) Messages(f Filter) []Message {
	var list []Message
	s.each(f, func(m *message) bool {
		list = append(list, Message{ID: m.id(s.prefix), PhoneNumberID: m.number.ID, To: m.recipient(), Type: m.kind, Tracking: m.tracking, At: m.at,
			Status: m.reached, Error: m.fails, Unanswered: m.unanswered})
		return f.Limit == 0 || len(list) < f.Limit
	})
	return list
}

// Count counts the messages that a filter chooses, of those still kept one by one. Its Limit does not matter.
func (s *Server) Count(f Filter) Count {
	var c Count
	to := map[person]int{}
	s.each(f, func(m *message) bool {
		key := person{m.number, m.recipient()}
		to[key]++
		c.Messages++
		c.Most = max(c.Most, to[key])
		return true
	})
	c.Recipients = len(to)
	c.Duplicates = c.Messages - c.Recipients
	return c
}

// Dropped lists the facts that no subscribed app acknowledged and none ever will, as many as [Options.Remember] says.
func (s *Server) Dropped() []Dropped {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger.dropped)
}

// Reset forgets what was sent, posted and lost, and what is still on its way. Who exists, who wrote when, and the faults
// stay.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	received, ring, next := s.ledger.received, s.ledger.receivedRing, s.ledger.receivedNext
	s.run++
	s.ledger = newLedger()
	s.ledger.received, s.ledger.receivedRing, s.ledger.receivedNext = received, ring, next
	s.agenda, s.again, s.ready, s.prompts = agenda{}, nil, nil, prompts{}
	for _, n := range s.numbers {
		n.pending, n.queued, n.limit = nil, false, newThroughput(n.Throughput)
	}
	for _, c := range s.people {
		c.accepted, c.said, c.due = 0, 0, time.Time{}
	}
}
