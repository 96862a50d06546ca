package wabatest

import (
	"encoding/json"
	"strings"
	"time"

	"wabagate/waba"
)

// Persona is how customers answer the business.
type Persona struct {
	PhoneNumberID string   `json:"phone_number_id,omitempty"` // empty → whichever number writes
	Customer      string   `json:"customer,omitempty"`        // digits; empty → everybody
	Share         float64  `json:"share,omitempty"`           // of the messages that are answered, 0 to 1; 0 → all
	Replies       []string `json:"replies,omitempty"`         // said in turn, {{text}} being what the business said; none → "{{text}}?"
	Taps          bool     `json:"taps,omitempty"`            // where the message has buttons or a list, takes the first choice instead
	Limit         int      `json:"limit,omitempty"`           // replies of one customer; 0 → no limit

	// Bot answers at once, whether or not the message was read. Otherwise the answer comes Think after the message was read, or
	// would have been.
	Bot   bool          `json:"bot,omitempty"`
	Think time.Duration `json:"-"` // 0 → 1 s
}

// speech is an answer that a customer is about to give.
type speech struct {
	number  *number
	who     *customer
	in      Inbound
	kind    string
	content json.RawMessage
}

// AddPersonas lets customers answer from now on. Of several that match a message, the first added answers.
func (s *Server) AddPersonas(list ...Persona) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range list {
		defaults(&p.Share, 1)
		defaults(&p.Think, time.Second)
		if len(p.Replies) == 0 {
			p.Replies = []string{"{{text}}?"}
		}
		p.Customer = digitsOf(p.Customer)
		s.personas = append(s.personas, &p)
	}
}

// ClearPersonas lets customers be silent again.
func (s *Server) ClearPersonas() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.personas = nil
}

// answerLater puts down what the recipient of a message will answer. The caller holds the lock.
func (s *Server) answerLater(m *message, out outgoing) {
	who := m.to
	if who == nil || who.digits == "" || m.fails != 0 || m.kind == "reaction" {
		return
	}
	for _, p := range s.personas {
		if p.PhoneNumberID != "" && p.PhoneNumberID != m.number.ID || p.Customer != "" && p.Customer != who.digits {
			continue
		}
		if p.Limit > 0 && who.said >= p.Limit || p.Share < 1 && draw(s.o.Seed, "answers", "", m.serial) >= p.Share {
			return
		}
		wait := s.delay(m, waba.StatusSent)
		if !p.Bot {
			wait += s.delay(m, waba.StatusDelivered) + s.delay(m, waba.StatusRead) + p.Think
		}
		speech := &speech{number: m.number, who: who}
		speech.kind, speech.content = p.answer(m, out, who.said)
		if speech.kind == "interactive" || speech.kind == "button" {
			speech.in.ReplyTo = m.id(s.prefix)
		}
		who.said++
		s.agenda.add(step{at: time.Now().Add(wait).UnixNano(), speech: speech})
		s.ledger.waiting++
		return
	}
}

// say lets a customer give an answer. The caller holds the lock.
func (s *Server) say(a *speech, now time.Time) {
	s.ledger.waiting--
	s.receive(a.number, a.who, a.in, a.kind, a.content, now)
}

// answer is what a persona answers for the n-th time.
func (p *Persona) answer(m *message, out outgoing, n int) (kind string, content json.RawMessage) {
	if p.Taps {
		if kind, content := tap(m, out); kind != "" {
			return kind, content
		}
	}
	text := strings.ReplaceAll(p.Replies[n%len(p.Replies)], "{{text}}", out.text())
	if len(text) > textLimit { // two bots make each other's texts longer
		text = strings.ToValidUTF8(text[:textLimit], "")
	}
	content, _ = json.Marshal(map[string]string{"body": text}) // texts: never fails
	return "text", content
}

// tap takes the first choice that a message offers; a blank kind when it offers none.
func tap(m *message, out outgoing) (kind string, content json.RawMessage) {
	var choice map[string]any
	switch {
	case out.Type == "template":
		t, bad := m.number.account.call(out.Template)
		text := t.quickReply()
		if bad != nil || text == "" {
			return "", nil
		}
		kind, choice = "button", map[string]any{"payload": out.Template.payload(text), "text": text}
	case out.Interactive == nil:
		return "", nil
	case out.Interactive.Type == "button":
		first := out.Interactive.Action.Buttons[0].Reply
		kind, choice = "interactive", map[string]any{"type": "button_reply", "button_reply": map[string]string{"id": *first.ID, "title": *first.Title}}
	case out.Interactive.Type == "list":
		first := out.Interactive.Action.Sections[0].Rows[0]
		kind, choice = "interactive", map[string]any{"type": "list_reply",
			"list_reply": map[string]string{"id": *first.ID, "title": *first.Title, "description": first.Description}}
	default:
		return "", nil
	}
	content, _ = json.Marshal(choice) // texts: never fails
	return kind, content
}

// payload is what the first quick reply of a template carries; the text of the button when the send gave it nothing.
func (t *templateCall) payload(text string) string {
	for _, c := range t.Components {
		for _, v := range c.Parameters {
			if v.Type == "payload" && v.Payload != "" {
				return v.Payload
			}
		}
	}
	return text
}
