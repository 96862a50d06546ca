package wabatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"wabagate/waba/simulator"
)

// Inbound is something that a customer writes to a number. Of Text, Media, Content and Kind the first that is there counts.
type Inbound struct {
	PhoneNumberID string `json:"phone_number_id"`    // empty → the first number
	From          string `json:"from"`               // the customer's number
	Name          string `json:"name,omitempty"`     // of the profile; empty → as before, or made up
	ReplyTo       string `json:"reply_to,omitempty"` // wamid of the message that is quoted
	GroupID       string `json:"group_id,omitempty"`

	Text  string `json:"text,omitempty"`
	Media *Media `json:"media,omitempty"` // a file that comes with the message; its Kind, else its MIME type, is the type of the message

	Type    string          `json:"type,omitempty"`    // with Content
	Content json.RawMessage `json:"content,omitempty"` // the object that Type names

	// Kind is one of [simulator.Kinds]: the simulator then makes up who writes what, and From does not matter.
	Kind string `json:"kind,omitempty"`
}

var typeName = regexp.MustCompile(`^[a-z_]+$`)

// Receive lets a customer write. It opens their service window, and returns the id of the message, or of the fact where a kind
// is none, at once; the callback is on its way.
func (s *Server) Receive(in Inbound) (string, error) {
	var attached *file
	if in.Text == "" && in.Media != nil { // a large one takes a moment to make up
		given := *in.Media
		given.PhoneNumberID = in.PhoneNumberID
		var err error
		if attached, err = s.newFile(given); err != nil {
			return "", err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.PhoneNumberID == "" {
		in.PhoneNumberID = s.numbers[0].ID
	}
	n := s.number(in.PhoneNumberID)
	if n == nil {
		return "", fmt.Errorf("there is no number %q: phone_number_id is the platform's id of one", in.PhoneNumberID)
	}
	now := time.Now()
	if in.Kind != "" && in.Text == "" && in.Media == nil && in.Content == nil {
		return s.makeUp(n, in.Kind, now)
	}
	if digitsOf(in.From) == "" || !dialled.MatchString(in.From) {
		return "", fmt.Errorf("from %q is not a phone number", in.From)
	}
	kind, content, err := s.content(in, attached)
	if err != nil {
		return "", err
	}
	return s.receive(n, s.customer(n, in.From, ""), in, kind, content, now), nil
}

// content is the type and the object of what a customer writes. The caller holds the lock.
func (s *Server) content(in Inbound, attached *file) (kind string, content json.RawMessage, err error) {
	switch {
	case in.Text != "":
		content, err = json.Marshal(map[string]string{"body": in.Text})
		return "text", content, err
	case attached != nil:
		s.media.add(attached, s.o.MediaBytes)
		content, err = json.Marshal(s.inCallback(attached))
		return attached.Kind, content, err
	case in.Content == nil:
		return "", nil, errors.New("nothing to write: give text, media, content with its type, or kind")
	case !typeName.MatchString(in.Type):
		return "", nil, fmt.Errorf("type %q: content needs the name of its type, such as location", in.Type)
	case !json.Valid(in.Content):
		return "", nil, errors.New("content is not JSON")
	}
	return in.Type, in.Content, nil
}

// receive puts what a customer writes on its way. The caller holds the lock.
func (s *Server) receive(n *number, who *customer, in Inbound, kind string, content json.RawMessage, now time.Time) string {
	if in.Name != "" {
		who.name = in.Name
	}
	who.wrote = now
	s.serial++
	letter := simulator.Letter{ID: simulator.Wamid(s.prefix, who.digits, s.serial, false), At: now, From: who.contact(), Type: kind, Content: content,
		GroupID: in.GroupID, ReplyTo: in.ReplyTo, ReplyFrom: n.digits, OnPremises: n.onPremises()}
	fact := letter.Fact()
	n.limit.add(now)
	s.incoming(n, who, fact, now)
	return fact.ID
}

// makeUp lets the simulator of a number make up a fact of a kind. The caller holds the lock.
func (s *Server) makeUp(n *number, kind string, now time.Time) (string, error) {
	fact, err := n.sim.Kind(kind)
	if err != nil {
		return "", err
	}
	who := s.customer(n, fact.Contact.WaID, fact.Contact.UserID)
	if fact.Kind == simulator.KindMessage {
		who.wrote = now
	}
	s.incoming(n, who, fact, now)
	return fact.ID, nil
}

// incoming posts a fact, unless it is to be lost. The caller holds the lock.
func (s *Server) incoming(n *number, who *customer, fact simulator.Fact, now time.Time) {
	s.ledger.receive(fact.ID)
	e := event{at: now, to: who, fact: &fact, from: n}
	if s.drops(n.ID, who.id(), fact.ID, "message") {
		s.lose(e, LostDropped)
		return
	}
	s.ledger.waiting++
	s.post(n, e)
	s.dispatch()
}

// LetWindow says when a customer last wrote to a number, without a callback: the service window is open for 24 hours from then.
func (s *Server) LetWindow(phoneNumberID, customer string, wrote time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.number(phoneNumberID)
	if n == nil {
		return fmt.Errorf("there is no number %q", phoneNumberID)
	}
	if digitsOf(customer) == "" {
		return fmt.Errorf("customer %q is not a phone number", customer)
	}
	s.customer(n, customer, "").wrote = wrote
	return nil
}
