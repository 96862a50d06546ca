package models

import (
	"context"
	"time"
)

// Translation is the one transaction in which a group of callbacks becomes events. Its methods are called in the order
// they stand here, each at most once.
//
// The conversations that People returns are locked until the end, so that sequences have no gaps and the same fact in
// two groups at once is seen by the second.
//
// Text may hold anything: what a database would refuse (NUL, invalid UTF-8, names of kilobytes) is replaced, on both
// engines alike, before it is compared or kept.
type Translation interface {
	// People finds contact and conversation for each of the refs, in their order, making those that are missing where
	// the ref says so. A ref that names nobody, or somebody unknown who is not to be made, gives a zero Person. Each is
	// answered as if it had come alone after those before it.
	People(ctx context.Context, refs []PersonRef) ([]Person, error)
	// Known says which of the keys are events already.
	Known(ctx context.Context, keys [][16]byte) (map[[16]byte]bool, error)
	// Messages reads what is known of messages; unknown ones are missing from the answer. StatusAt is zero until a
	// status has come.
	Messages(ctx context.Context, refs []MessageRef) (map[MessageRef]Message, error)
	// Write keeps everything that the translation made and finishes the work.
	Write(ctx context.Context, c Changes) error
}

// PersonRef names a customer on a number in every way the callback did.
type PersonRef struct {
	BusinessID, NumberID                       int64
	WaID, UserID, ParentUserID, Username, Name string
	// Create makes contact and conversation if they are missing.
	Create bool
}

// Person is a contact with its conversation on the ref's number.
type Person struct {
	Contact      Contact
	Conversation Conversation
	// NewContact and NewConversation say that this transaction made them, for the first ref that named them.
	NewContact, NewConversation bool
}

// Contact is one customer of a business.
type Contact struct {
	ID                                         int64
	WaID, UserID, ParentUserID, Username, Name string
}

// Conversation is one contact on one number. Sequence is the last number given to an event of it.
type Conversation struct {
	ID        int64
	Sequence  int64
	CreatedAt time.Time
}

// MessageRef names a message.
type MessageRef struct {
	NumberID int64
	Wamid    string
}

// Message is what is kept of a message to give later reports their meaning.
type Message struct {
	NumberID       int64
	Wamid          string
	ConversationID int64 // 0: not known
	Inbound        bool
	Type           string // empty: only reports have been seen
	Text           string
	Status         string // empty for inbound messages
	SentAt         time.Time
	StatusAt       time.Time
}

// Event is an event as kept; see fanout/event for its meaning.
type Event struct {
	ID             int64
	Key            [16]byte
	BusinessID     int64
	NumberID       int64
	Type           string
	ConversationID int64
	Sequence       int64
	CallbackID     int64
	CreatedAt      time.Time
	Data           []byte
}

// DeliveryState is where a delivery stands.
type DeliveryState int16

const (
	Pending   DeliveryState = 0 // waiting for its first or next attempt
	Succeeded DeliveryState = 1
	Failed    DeliveryState = 2 // no attempts left, or an answer that ends them
	Held      DeliveryState = 3 // the webhook is off; kept until its owner asks for it
)

// Delivery is one event owed to one webhook.
type Delivery struct {
	EventID, WebhookID int64
	State              DeliveryState
}

// ParkedCallback is a callback kept for a number that nobody has connected yet.
type ParkedCallback struct {
	PhoneNumberID string
	CallbackID    int64
	Reason        string
}

// Changes is what one translation writes. An event whose key turns out to be known is skipped with its deliveries.
// Deliveries are due from the moment their event was created.
type Changes struct {
	Conversations []ConversationChange
	Contacts      []Contact // those whose name or username changed
	// Messages are inserted. Of one that is kept already the status is replaced, unless the new one is empty; the
	// conversation is filled in if it was not known, and the rest if only reports had been seen.
	Messages   []Message
	Events     []Event
	Deliveries []Delivery
	Work       []Work
	Parked     []ParkedCallback
	// Done is the work that this finishes.
	Done []int64
	// RoutesVersion is the Version of the Routes by which Parked was decided; 0 is not checked. If the routes have
	// changed since, Write answers ErrRoutesChanged: the number may have been connected meanwhile, and its parked
	// callbacks handed out already.
	RoutesVersion int64
}

// ConversationChange advances a conversation.
type ConversationChange struct {
	ID            int64
	Sequence      int64
	LastInboundAt time.Time // zero: unchanged
}

// Translate runs fn in one transaction. When fn fails nothing of it is kept. Should another transaction get in the way
// (a deadlock, the same person made by two at once), all of it is done again: fn may be called several times.
func (s *Store) Translate(ctx context.Context, fn func(Translation) error) error {
	return s.hot.translate(ctx, func(t Translation) error { return fn(cleanTranslation{t}) })
}
