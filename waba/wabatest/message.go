package wabatest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"wabagate/waba"
	"wabagate/waba/simulator"
)

// person is a user as one number knows them.
type person struct {
	number *number
	id     string // digits, or the business-scoped user id where no number is known
}

// customer is who a number wrote to, or who wrote to it.
type customer struct {
	digits   string // empty when only the user id is known
	userID   string
	name     string    // of the profile; empty → made up
	wrote    time.Time // for the service window; zero: never
	due      time.Time // of the pair rate
	accepted int       // messages sent to them
	said     int       // replies by a persona
}

// id is how sends name the customer.
func (c *customer) id() string {
	if c.digits == "" {
		return c.userID
	}
	return c.digits
}

// contact is the customer as callbacks show them.
func (c *customer) contact() waba.Contact {
	name := c.name
	defaults(&name, "Customer "+last(c.id(), 4))
	return waba.Contact{WaID: c.digits, UserID: c.userID, Name: name}
}

// last returns the end of a text.
func last(s string, n int) string { return s[max(0, len(s)-n):] }

// message is one that was accepted.
type message struct {
	serial     uint64
	number     *number
	to         *customer // nil in a group
	group      *Group
	kind       string // its type
	category   string // of the template; empty for none
	tracking   string
	at         time.Time
	fails      int    // code with which it fails; 0: it does not
	reached    string // the latest status that was due
	free       bool   // inside the service window
	silent     bool   // no status is posted
	unanswered bool   // the sender was not told
}

// id is the wamid, or what the On-Premises style has for it.
func (m *message) id(prefix string) string {
	whom := m.recipient()
	id := simulator.Wamid(prefix, whom[:min(len(whom), 20)], m.serial, true)
	if m.number.onPremises() {
		return "gBGG" + strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(strings.TrimPrefix(id, "wamid."))
	}
	return id
}

// recipient is whom the message was addressed to.
func (m *message) recipient() string {
	if m.group != nil {
		return m.group.ID
	}
	return m.to.id()
}

// customer returns whom a send names, made known if need be. The caller holds the lock.
func (s *Server) customer(n *number, to, recipient string) *customer {
	key := person{n, digitsOf(to)}
	if to == "" {
		key.id = recipient
	}
	c := s.people[key]
	if c == nil {
		c = &customer{digits: digitsOf(to), userID: recipient}
		if to != "" {
			c.userID = simulator.UserID(c.digits)
			s.people[person{n, c.userID}] = c
		}
		s.people[key] = c
	}
	return c
}

// sends takes one POST of a message, and everything that goes wrong with it.
func (s *Server) sends(w http.ResponseWriter, r *http.Request, n *number, marketing bool, shape style) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, requestLimit))
	if err != nil {
		parameter("The body could not be read").write(w, shape)
		return
	}
	out, bad := readOutgoing(body, shape)
	if out.Recipient != "" && shape == onPremises && bad == nil {
		bad = parameter("Unexpected key \"recipient\"")
	}
	whom := digitsOf(out.To)
	if out.RecipientType == "group" {
		whom = out.To
	}
	defaults(&whom, out.Recipient)

	s.mu.Lock()
	s.ledger.requests++
	s.ledger.asked.add(time.Now())
	p := s.plan(AtMessages, n.ID, whom)
	s.mu.Unlock()

	ctx, done := s.during(r)
	defer done()
	if p.before != nil {
		s.mu.Lock()
		if p.before.Kind == FaultRefuse || p.before.Kind == FaultError {
			code := p.before.Code
			defaults(&code, 131000)
			s.ledger.refuse(code)
		} else {
			s.ledger.unanswered++
		}
		s.mu.Unlock()
		if pause(ctx, p.delay) {
			p.before.do(ctx, w, shape, nil)
		}
		return
	}
	if bad != nil {
		s.refuse(w, bad, shape)
		return
	}
	if out.Status != "" {
		s.markRead(ctx, w, out, p, shape)
		return
	}
	m, right, bad := s.accept(n, out, marketing, p)
	if bad != nil {
		s.refuse(w, bad, shape)
		return
	}
	if p.early {
		s.early(m)
	}
	s.depart(m, out)
	if !pause(ctx, p.delay) {
		return
	}
	if p.after != nil {
		p.after.do(ctx, w, shape, right)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_, _ = w.Write(right) // the caller may be gone
}

func (s *Server) refuse(w http.ResponseWriter, f *refusal, shape style) {
	s.mu.Lock()
	s.ledger.refuse(f.code)
	s.mu.Unlock()
	if f.code == 130429 {
		f.status = s.o.LimitStatus
	}
	f.write(w, shape)
}

// accept checks what depends on who sends, and takes the message. right is the answer that the sender should get.
func (s *Server) accept(n *number, out outgoing, marketing bool, p plan) (m *message, right []byte, bad *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	m = &message{number: n, kind: out.Type, tracking: out.tracking(), at: now, fails: p.fail, silent: p.silent, unanswered: p.after != nil}
	if bad := s.fit(m, &out, marketing); bad != nil {
		return nil, nil, bad
	}
	if n.limit.full(now) {
		return nil, nil, &refusal{code: 130429, details: "Cloud API message throughput has been reached."}
	}
	if m.to != nil {
		due, ok := pair(m.to.due, now, s.o.PairEvery, s.o.PairBurst)
		if !ok {
			return nil, nil, &refusal{code: 131056, details: "Too many messages sent from this phone number to the same phone number in a short time."}
		}
		m.to.due = due
		m.to.accepted++
	}
	n.limit.add(now)
	s.serial++
	m.serial = s.serial
	s.ledger.accept(m, s.o.Remember)
	return m, s.acceptance(m, &out), nil
}

// fit checks a send against its number, its account and its recipient.
func (s *Server) fit(m *message, out *outgoing, marketing bool) *refusal {
	n := m.number
	if n.Status != "CONNECTED" {
		return &refusal{code: 133010}
	}
	if out.RecipientType == "group" {
		g := s.groups[out.To]
		if g == nil || g.PhoneNumberID != n.ID {
			return &refusal{code: 131020, details: "The group does not exist or does not belong to this phone number."}
		}
		m.group, m.free = g, true
	} else {
		if digitsOf(out.To) == n.digits && out.To != "" {
			return &refusal{code: 131021}
		}
		m.to = s.customer(n, out.To, out.Recipient)
		m.free = s.o.OpenWindow || time.Since(m.to.wrote) < window
	}
	if file := out.attached(); file != nil && file.ID != "" {
		if have := s.media.files[file.ID]; have == nil || have.PhoneNumberID != n.ID {
			return parameter(out.Type + "['id'] is not a valid whatsapp business account media attachment ID")
		}
	}
	if out.Type == "template" {
		t, bad := n.account.call(out.Template)
		switch {
		case bad != nil:
			return bad
		case t.Category == "AUTHENTICATION" && m.to != nil && m.to.digits == "":
			return &refusal{code: 131062}
		}
		m.category = lower(t.Category)
	}
	if marketing && m.category != "marketing" {
		return &refusal{code: 134100}
	}
	switch {
	case m.fails != 0 || m.to == nil:
	case m.to.digits != "" && (len(m.to.digits) < 8 || len(m.to.digits) > 15): // no number in the world
		m.fails = 131026
	case !m.free && m.category == "":
		m.fails = 131047
	}
	return nil
}

// acceptance is the answer to a message that was accepted.
func (s *Server) acceptance(m *message, out *outgoing) []byte {
	id := map[string]string{"id": m.id(s.prefix)}
	body := map[string]any{"messages": []any{id}}
	switch {
	case m.number.onPremises():
		body["meta"] = onPremisesMeta
	case m.group != nil:
		id["group_id"] = m.group.ID
		body["messaging_product"] = "whatsapp"
		body["contacts"] = []any{map[string]string{"input": m.group.ID, "wa_id": m.group.ID}}
	default:
		contact := map[string]string{"input": out.To, "user_id": m.to.userID}
		if out.To == "" {
			contact["input"] = out.Recipient
		}
		if m.to.digits != "" {
			contact["wa_id"] = m.to.digits
		}
		body["messaging_product"] = "whatsapp"
		body["contacts"] = []any{contact}
		if out.Type == "template" {
			id["message_status"] = "accepted"
		}
	}
	raw, _ := json.Marshal(body) // texts: never fails
	return raw
}

// markRead takes a message as read, with or without a typing indicator.
func (s *Server) markRead(ctx context.Context, w http.ResponseWriter, out outgoing, p plan, shape style) {
	s.mu.Lock()
	known := s.ledger.received[out.MessageID]
	if known {
		s.ledger.marked++
		if out.Typing != nil {
			s.ledger.typing++
		}
	}
	s.mu.Unlock()
	if !known {
		s.refuse(w, invalid("message_id", "names no message that this number received"), shape)
		return
	}
	right, _ := json.Marshal(success)
	if !pause(ctx, p.delay) {
		return
	}
	if p.after != nil {
		p.after.do(ctx, w, shape, right)
		return
	}
	answer(w, http.StatusOK, success)
}
