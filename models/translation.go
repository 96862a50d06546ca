package models

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Translation is the one transaction in which a group of callbacks becomes events. Its methods are called in the order
// they stand here, each at most once.
//
// What the methods return is locked until the end, so that sequences have no gaps, counts are right and the same fact in
// two groups at once is seen by the second.
//
// Text may hold anything: what a database would refuse (NUL, invalid UTF-8, names of kilobytes) is replaced, on both
// engines alike, before it is compared or kept.
type Translation interface {
	// People finds contact and conversation for each of the refs, in their order, making those that are missing where
	// the ref says so. A ref that names nobody, or somebody unknown who is not to be made, gives a zero Person. Each is
	// answered as if it had come alone after those before it, but that the conversation of a contact whom a later ref
	// merges is the survivor's already.
	People(ctx context.Context, refs []PersonRef) ([]Person, error)
	// Known says which of the keys are events already.
	Known(ctx context.Context, keys [][16]byte) (map[[16]byte]bool, error)
	// Sends locks and reads messages that the gateway sent, by id; those that are not there are missing.
	Sends(ctx context.Context, ids []int64) (map[int64]Send, error)
	// Messages reads what is known of messages; unknown ones are missing from the answer. StatusAt is zero until a
	// status has come.
	Messages(ctx context.Context, refs []MessageRef) (map[MessageRef]Message, error)
	// Orders finds orders, making those that are missing where the ref says so. A missing one is nil; refs that name the
	// same order give the same pointer.
	Orders(ctx context.Context, refs []OrderRef) ([]*Order, error)
	// Broadcasts finds broadcasts, making those that are missing where the ref says so. A missing one is nil; equal refs
	// give the same pointer.
	Broadcasts(ctx context.Context, refs []BroadcastRef) ([]*Broadcast, error)
	// Recent reads the last messages of conversations, oldest first, at most n each: those that have a type.
	Recent(ctx context.Context, conversations []int64, n int) (map[int64][]Message, error)
	// Lanes enters lanes, each once. True means that the lane was idle and is the caller's: work is the turn of it. False
	// means that it is busy: what is to be delivered waits in line (see Delivery.Lane).
	Lanes(ctx context.Context, refs []LaneRef, work []int64) ([]bool, error)
	// Write keeps everything that the translation made and finishes the work.
	Write(ctx context.Context, c Changes) error
}

// PersonRef names a customer on a number in every way the callback did.
//
// WaID, UserID and ParentUserID find the person, a user id before a parent id before a number; known spellings of one
// number (see waba.CanonicalNumber) are one name. Formerly are names that the person no longer has: they find it too and
// stay its names, so that late traffic reaches the same person.
//
// Two people never become one: a number that belongs to a contact with another user id has got a new owner, who is
// another contact from then on, unless a parent id or a former name says otherwise. When a ref proves that two contacts
// are one person (a user id of the one and a number of the other that has no user id; a former name of the other), the
// younger is merged into the older: its names move, and so do its conversations on numbers where the older has none.
type PersonRef struct {
	BusinessID, NumberID                       int64
	WaID, UserID, ParentUserID, Username, Name string
	Formerly                                   struct{ WaID, UserID, ParentUserID string }
	// At is when the callback happened by the upstream clock: the ProfileAt of a contact that it makes.
	At time.Time
	// Create makes the contact if it is missing, and the conversation too if there is a NumberID. Without Create and Link
	// nothing is named or merged either.
	Create bool
	// Link names and merges like Create, but makes nobody.
	Link bool
	// ContactID names a contact directly and overrules the names; ConversationID likewise, with its contact. They find
	// only what belongs to BusinessID. For changes that people make.
	ContactID, ConversationID int64
}

// Person is a contact with its conversation on the ref's number.
type Person struct {
	Contact      Contact
	Conversation Conversation
	// NewContact and NewConversation say that this transaction made them, for the first ref that named them.
	NewContact, NewConversation bool
	// NewUserID says that the ref's user id is a name of this contact from now on and was not before.
	NewUserID bool
	// Merged are contacts that this ref proved to be the same person and that are gone.
	Merged []int64
}

// Contact is one customer of a business.
type Contact struct {
	ID                                         int64
	WaID, UserID, ParentUserID, Username, Name string
	// ProfileAt is the upstream time of the callback that last changed the contact: older ones change nothing.
	ProfileAt time.Time
}

// The statuses of a conversation.
const (
	ConversationOpen   = "open"
	ConversationClosed = "closed"
)

// Conversation is one contact on one number. Sequence is the last number given to an event of it.
type Conversation struct {
	ID            int64
	NumberID      int64
	Sequence      int64
	CreatedAt     time.Time
	LastInboundAt time.Time // the customer's last message by the upstream clock; zero: none
	ConversationSettings
}

// ServiceWindow is how long after the customer's last message the platform takes free-form messages.
const ServiceWindow = 24 * time.Hour

// WindowExpiresAt is when the customer service window closes; zero: the customer has not written.
func (c Conversation) WindowExpiresAt() time.Time {
	if c.LastInboundAt.IsZero() {
		return time.Time{}
	}
	return c.LastInboundAt.Add(ServiceWindow)
}

// ConversationSettings are what people set about a conversation.
type ConversationSettings struct {
	Status   string // ConversationOpen or ConversationClosed; a new one is open
	Labels   []string
	Note     string
	Assignee string
	AI       AISetting
}

// AISetting says whether an AI may answer in a conversation. The zero value: it may, where the number has one (see Replies).
type AISetting struct {
	Off    string    // why it may not, in a word such as "agent"; empty: it may
	Detail string    // the same in a sentence; empty: the word says it
	At     time.Time // since when it is so; zero: from the start
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
	Type           string // empty: only reports, edits or a deletion have been seen
	Text           string // after the last edit; empty once deleted
	Status         string // empty for inbound messages
	SentAt         time.Time
	StatusAt       time.Time
	EditedAt       time.Time // of the last edit by the upstream clock; zero: never
	DeletedAt      time.Time // zero: not deleted
	SentBy         string    // who sent an outbound message; empty: not known
	BroadcastID    int64     // 0: none
	ReplyTo        string    // the wamid of the quoted message, or of that which a reaction is on
	MediaURL       string    // upstream's, for a file; empty: none
}

// OrderRef names an order by the wamid of its cart, by the business's reference, or by both, which makes them one
// order; or by its id within a business, for changes that people make.
type OrderRef struct {
	BusinessID, NumberID, ID int64
	Wamid, Reference         string
	// Create makes the order if it is missing; Order fills its fields then.
	Create bool
	Order  Order
}

// Order is a cart that a customer sent, or what a business asked to be paid for.
type Order struct {
	ID, BusinessID, NumberID, ConversationID int64
	Wamid, Reference                         string
	Status, PaymentStatus                    string
	StatusAt, PaymentAt                      time.Time // by the upstream clock, or when somebody changed it
	CatalogID, Text, Currency                string
	Total                                    float64
	Items, Payment                           []byte // JSON; nil: none
	CreatedAt, UpdatedAt                     time.Time
	New                                      bool `gorm:"-"` // made by this transaction
}

// BroadcastRef names a broadcast: its reference within a business is what tracking strings say.
type BroadcastRef struct {
	BusinessID int64
	Reference  string
	// Create makes it if it is missing, with the fields of Broadcast.
	Create    bool
	Broadcast Broadcast
}

// Broadcast is one template sent to many.
type Broadcast struct {
	ID, BusinessID, NumberID      int64 // NumberID 0: several or not known
	Reference, Name, TemplateName string
	Total                         int64 // recipients; 0: not known
	Sent, Delivered, Read, Failed int64
	// Failures counts those that failed by the code of the platform's error; "" is of those that came without one.
	Failures             map[string]int64 `gorm:"serializer:json"`
	StartedAt, UpdatedAt time.Time
	ProgressAt           time.Time // when broadcast.progress was last told
	CompletedAt          time.Time // zero: running
}

// Digest is the conversation so far as an event's receiver is to see it, kept so that every attempt tells the same.
type Digest struct {
	EventID int64
	Data    []byte
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
	Skipped   DeliveryState = 4 // it was held, and its owner did not want it
)

// Delivery is one event owed to one webhook.
type Delivery struct {
	EventID, WebhookID int64
	State              DeliveryState
	// Lane is the conversation in whose lane a pending delivery waits, Sequence its place there; 0: it waits for nobody.
	Lane, Sequence int64
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
	Contacts      []Contact // those of whom something changed
	// Messages are inserted. Of one that is kept already each field that the new one has replaces the old, with these
	// exceptions: conversation, sender, broadcast and what it replies to are filled in only if they were not known; type,
	// direction and sent time only if Type was empty, where the earliest sent time stands in until the type comes; the text
	// only together with the type and if there was no edit yet, or by an edit that is newer; nothing brings back the text, or
	// the file, of a deleted message.
	Messages []Message
	// Media are the files of messages. They are made if they are missing, and due if their number wants them fetched ahead. The
	// deletion of a message takes its files back, whichever comes first.
	Media      []Media
	Orders     []Order // those that changed, whole
	Broadcasts []Broadcast
	Digests    []Digest // of events that are really inserted
	OptOuts    []OptOut // of one name the last counts
	// Sends are changed to what a status or the gateway's own callback told of them, by the rule of SettleSends.
	Sends      []SendResult
	Events     []Event
	Deliveries []Delivery
	Work       []Work
	Parked     []ParkedCallback
	// Done is the work that this finishes.
	Done []int64
	// RoutesVersion is the Version of the Routes by which Parked, and which deliveries are held, was decided; 0 is not
	// checked. If there are any and the routes have changed since, Write answers ErrRoutesChanged: the number may have been
	// connected meanwhile and its parked callbacks handed out already, the webhook switched on and caught up.
	RoutesVersion int64
}

// dependsOnRoutes says whether the routes must still be those of RoutesVersion.
func (c Changes) dependsOnRoutes() bool {
	return c.RoutesVersion != 0 && (len(c.Parked) > 0 || slices.ContainsFunc(c.Deliveries, func(d Delivery) bool { return d.State == Held }))
}

// ConversationChange advances a conversation.
type ConversationChange struct {
	ID            int64
	Sequence      int64
	LastInboundAt time.Time             // zero: unchanged
	Set           *ConversationSettings // nil: unchanged
}

// Translate runs fn in one transaction. When fn fails nothing of it is kept. Should another transaction get in the way
// (a deadlock, the same person made by two at once), all of it is done again: fn may be called several times. ErrConflict
// when it gives something a name that is taken, such as the reference of another order.
func (s *Store) Translate(ctx context.Context, fn func(Translation) error) error {
	err := s.hot.translate(ctx, func(t Translation) error { return fn(cleanTranslation{t}) })
	if duplicated(err) {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}
