// Package event holds what the product says happened: the event, its data and the catalogue of types.
//
// An event is made once, by the translation of an upstream change, and never changes afterwards. Its id is
// derived from content, so that the same fact arriving twice is one event. How an event looks on the wire is
// the business of a dialect; this package knows nothing of HTTP.
package event

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// APIVersion names the shape of the default dialect's payload. It changes only when a receiver would have to.
const APIVersion = "2026-11-01"

// Event is one thing that happened, as kept and as delivered.
type Event struct {
	// ID is "evt_" and 32 hex digits, the same for ever for the same fact.
	ID string
	// Type is a name of the catalogue, such as "message.received".
	Type string
	// BusinessID is the tenant the event belongs to.
	BusinessID int64
	// NumberID is the connected number; 0 where the event belongs to none.
	NumberID int64
	// CreatedAt is when the gateway made the event; the same on every delivery, retry and replay.
	CreatedAt time.Time
	// Data is the canonical JSON of a Data.
	Data json.RawMessage
	// Upstream is the Cloud API envelope that holds just this fact, canonical JSON; empty for an event that the
	// gateway derived itself, which the raw dialects do not deliver.
	Upstream json.RawMessage
	// Digest is the snapshot of the conversation for digest webhooks, see dialect.Digest; empty where none was made.
	Digest json.RawMessage
}

// Data is everything the gateway knows about an event. Absent parts are nil and leave no key behind.
type Data struct {
	BusinessID   int64         `json:"business_id"`
	OccurredAt   Time          `json:"occurred_at"`
	Sequence     int64         `json:"sequence,omitempty"`
	Number       *Number       `json:"number,omitempty"`
	Contact      *Contact      `json:"contact,omitempty"`
	Conversation *Conversation `json:"conversation,omitempty"`
	Message      *Message      `json:"message,omitempty"`
	Status       *Status       `json:"status,omitempty"`
	Error        *Error        `json:"error,omitempty"`
	Order        *Order        `json:"order,omitempty"`
	Form         *Form         `json:"form,omitempty"`
	Broadcast    *Broadcast    `json:"broadcast,omitempty"`
	Webhook      *Webhook      `json:"webhook,omitempty"`
	Delivery     *Delivery     `json:"delivery,omitempty"`
	File         *File         `json:"file,omitempty"`
	Gap          *Gap          `json:"gap,omitempty"`
	// Previous holds, by name, what changed and what it was before: {"name":"Ada"}, {"status":"open"}. Only on events
	// that tell of a change, and only where the gateway knew the value before.
	Previous json.RawMessage `json:"previous,omitempty"`
	// Field is the upstream field of what is not about messages, Value what it said in the platform's own words: the
	// whole value, or the one element of it that the event is about.
	Field string          `json:"field,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
	// Reason and Raw carry what was not recognised: why, and the value (or element) as it came.
	Reason string          `json:"reason,omitempty"`
	Raw    json.RawMessage `json:"raw,omitempty"`
}

// Number is the business's WhatsApp number that the event belongs to.
type Number struct {
	ID            int64  `json:"id"`
	PhoneNumberID string `json:"phone_number_id"`
	Display       string `json:"display_phone_number,omitempty"`
	WABAID        string `json:"waba_id,omitempty"`
}

// Contact is one person under every name that is known: number, business-scoped user id, username.
type Contact struct {
	ID           int64  `json:"id"`
	Name         string `json:"name,omitempty"`
	WaID         string `json:"wa_id,omitempty"`
	UserID       string `json:"user_id,omitempty"`
	ParentUserID string `json:"parent_user_id,omitempty"`
	Username     string `json:"username,omitempty"`
}

// Conversation is the thread of one contact on one number, as it stood after the event.
type Conversation struct {
	ID        int64  `json:"id"`
	CreatedAt Time   `json:"created_at"`
	Status    string `json:"status,omitempty"` // open or closed
	// WindowExpiresAt is when the customer service window closes: 24 hours after the customer's last message. Until then
	// free-form messages may be sent. Nil: the customer has not written yet.
	WindowExpiresAt *Time    `json:"window_expires_at,omitempty"`
	Labels          []string `json:"labels,omitempty"`
	Note            string   `json:"note,omitempty"`
	Assignee        string   `json:"assignee,omitempty"`
	// AI is "off" while no AI may answer in the conversation; empty: it may, where the number has one. AIReason says why in a
	// word ("agent", "keyword", "failure", …), AIDetail in a sentence where there is more to say.
	AI       string `json:"ai,omitempty"`
	AIReason string `json:"ai_reason,omitempty"`
	AIDetail string `json:"ai_detail,omitempty"`
}

// Message is one message, in either direction.
type Message struct {
	ID        string `json:"id"` // the wamid; on message.edited and message.deleted that of the message they are about
	Direction string `json:"direction"`
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	Type      string `json:"type"`
	// Text is what a person would read: the body, the caption of a file, the title of the button or row that was chosen,
	// the text of an order, the emoji of a reaction.
	Text     string    `json:"text,omitempty"`
	Media    *Media    `json:"media,omitempty"`
	Choice   *Choice   `json:"choice,omitempty"`
	Reaction *Reaction `json:"reaction,omitempty"`
	// RevisionID is the wamid of the edit or of the revocation; empty on others.
	RevisionID string `json:"revision_id,omitempty"`
	// SentBy says who sent an outbound message: agent, system, api, app, broadcast or ai. Empty on inbound ones.
	SentBy   string `json:"sent_by,omitempty"`
	Tracking string `json:"tracking,omitempty"` // biz_opaque_callback_data of an outbound message
	// HistoryStatus is where an old message stood when the phone app handed it over: SENT, DELIVERED, READ, PLAYED, PENDING
	// or ERROR. Only on history.message.
	HistoryStatus string `json:"history_status,omitempty"`
	// Timestamp is the upstream clock.
	Timestamp Time   `json:"timestamp"`
	GroupID   string `json:"group_id,omitempty"`
	ReplyTo   string `json:"reply_to,omitempty"` // the wamid of the quoted message
	Forwarded bool   `json:"forwarded,omitempty"`
	// Content is the upstream's own object for the type (text, image, …) as it came.
	Content  json.RawMessage `json:"content,omitempty"`
	Context  json.RawMessage `json:"context,omitempty"`
	Referral json.RawMessage `json:"referral,omitempty"`
	Errors   []Error         `json:"errors,omitempty"`
}

// Media describes the file of a media message. ID fetches it upstream for seven days.
type Media struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"` // image, video, audio, document, sticker
	MimeType string `json:"mime_type,omitempty"`
	SHA256   string `json:"sha256,omitempty"`
	Filename string `json:"filename,omitempty"`
	Caption  string `json:"caption,omitempty"`
	Voice    bool   `json:"voice,omitempty"`
	Animated bool   `json:"animated,omitempty"`
	// URL opens the file without a key for as long as files are kept. Where the gateway has no public address it is
	// upstream's own, which wants the number's token and is dead after five minutes.
	URL string `json:"url,omitempty"`
}

// File is what became of the file of a message.
type File struct {
	MediaID   string `json:"media_id"` // the platform's
	MessageID string `json:"message_id"`
	Kind      string `json:"kind,omitempty"` // image, video, audio, document, sticker
	MimeType  string `json:"mime_type,omitempty"`
	Filename  string `json:"filename,omitempty"`
	Size      int64  `json:"file_size,omitempty"` // in bytes; only when it is kept
	SHA256    string `json:"sha256,omitempty"`    // hex; likewise
	URL       string `json:"url,omitempty"`       // opens it without a key; likewise, where the gateway has a public address
	// Failure says why it is not to be had: gone, too_large, type_refused, type_differs or corrupt. Only on media.failed.
	Failure string `json:"failure,omitempty"`
}

// Gap is what should have come from the platform and did not.
type Gap struct {
	From  Time  `json:"from"`            // of a silence the last callback before it
	Until *Time `json:"until,omitempty"` // nil: it goes on
	Count int64 `json:"count,omitempty"` // of the messages without a status that were accepted in this time
	// MessageIDs are the wamids of the first of them, at most twenty; the report of the day names all.
	MessageIDs []string `json:"message_ids,omitempty"`
}

// Choice is the button or row that a customer chose: of a template (type button), or of an interactive message.
type Choice struct {
	Kind        string `json:"kind"` // button, button_reply, list_reply, or call_permission_reply with accept or reject as the id
	ID          string `json:"id,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
}

// Reaction is an emoji on another message.
type Reaction struct {
	MessageID string `json:"message_id"`
	Emoji     string `json:"emoji,omitempty"`
	Removed   bool   `json:"removed,omitempty"`
}

// Order is what a customer ordered, or what a business asked to be paid for.
type Order struct {
	ID            int64           `json:"id"`
	Reference     string          `json:"reference,omitempty"`  // reference_id of order_details, chosen by the business
	MessageID     string          `json:"message_id,omitempty"` // the wamid of the cart
	Status        string          `json:"status"`               // pending, accepted, processing, partially_shipped, shipped, completed or canceled
	PaymentStatus string          `json:"payment_status,omitempty"`
	CatalogID     string          `json:"catalog_id,omitempty"`
	Text          string          `json:"text,omitempty"`
	Items         json.RawMessage `json:"items,omitempty"` // product_items as they came
	Total         float64         `json:"total"`           // in units of the currency: the double nearest to the exact sum
	Currency      string          `json:"currency,omitempty"`
	CreatedAt     Time            `json:"created_at"`
	UpdatedAt     Time            `json:"updated_at"`
	Payment       json.RawMessage `json:"payment,omitempty"` // the platform's payment object
	// PaymentMessageID is the wamid of the message that asked for the payment; only when the event is about a payment.
	PaymentMessageID string `json:"payment_message_id,omitempty"`
}

// Form is a completed Flow, or an address form.
type Form struct {
	MessageID string          `json:"message_id"`
	Name      string          `json:"name,omitempty"` // "flow", "address_message"
	FlowToken string          `json:"flow_token,omitempty"`
	Body      string          `json:"body,omitempty"`
	Fields    json.RawMessage `json:"fields,omitempty"` // response_json parsed: an object
	// Response is response_json as it came when it is not a JSON object.
	Response string `json:"response,omitempty"`
}

// Broadcast is one template sent to many, with how far it got. A recipient counts as sent until the message fails.
type Broadcast struct {
	ID              int64  `json:"id"`
	Reference       string `json:"reference,omitempty"` // the name in the tracking strings of a broadcast that was sent elsewhere
	Name            string `json:"name,omitempty"`
	TemplateName    string `json:"template_name,omitempty"`
	Status          string `json:"status"`           // running or completed
	TotalRecipients int64  `json:"total_recipients"` // 0: not known yet
	Sent            int64  `json:"sent"`
	Delivered       int64  `json:"delivered"`
	Read            int64  `json:"read"`
	Failed          int64  `json:"failed"`
	// Failures are the reasons of those that failed, the most frequent first.
	Failures    []Failure `json:"failures,omitempty"`
	StartedAt   Time      `json:"started_at"`
	CompletedAt *Time     `json:"completed_at,omitempty"`
}

// Failure is a reason why recipients of a broadcast were not reached, and of how many.
type Failure struct {
	Code   string `json:"code"` // of the platform; empty: it gave none
	Count  int64  `json:"count"`
	Action string `json:"action,omitempty"` // what the code calls for, as of an error
	Advice string `json:"advice,omitempty"`
}

// Webhook is the webhook that an operational event is about.
type Webhook struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	URL       string `json:"url"`
	FailCount int64  `json:"fail_count,omitempty"`
	// FailingSince is the first failure since the last success, DisablesAt when the webhook is turned off if that goes on.
	// Only on webhook.failing.
	FailingSince *Time `json:"failing_since,omitempty"`
	DisablesAt   *Time `json:"disables_at,omitempty"`
	// DisabledBy is owner, receiver (it answered 410) or failures. Only on webhook.disabled.
	DisabledBy string `json:"disabled_by,omitempty"`
	// Held is how many deliveries were kept while it was off and follow now. Only on webhook.recovered.
	Held int64 `json:"held,omitempty"`
}

// Delivery is the delivery that an operational event is about.
type Delivery struct {
	ID        string `json:"id"`
	EventID   string `json:"event_id"`
	EventType string `json:"event_type"`
	Attempts  int64  `json:"attempts"`
}

// Status is one step in the life of a message that the business sent.
type Status struct {
	MessageID string `json:"message_id"`
	// Status is what upstream reported: sent, delivered, read, played, failed, or a value this version does not know.
	Status string `json:"status"`
	// Current is the message's status after this report; a late report never turns it back.
	Current         string          `json:"current_status"`
	RecipientID     string          `json:"recipient_id,omitempty"`
	RecipientUserID string          `json:"recipient_user_id,omitempty"`
	ParticipantID   string          `json:"participant_id,omitempty"`
	ParticipantUser string          `json:"participant_user_id,omitempty"`
	Timestamp       Time            `json:"timestamp"`
	Tracking        string          `json:"tracking,omitempty"` // biz_opaque_callback_data
	Pricing         json.RawMessage `json:"pricing,omitempty"`
	Conversation    json.RawMessage `json:"conversation,omitempty"`
	Errors          []Error         `json:"errors,omitempty"`
}

// Error is an upstream error object. Code is text because upstream sends numbers and strings.
type Error struct {
	Code    string `json:"code"`
	Title   string `json:"title,omitempty"`
	Message string `json:"message,omitempty"`
	Details string `json:"details,omitempty"`
	Href    string `json:"href,omitempty"`
	// Action and Advice are the gateway's own: what the code calls for (retry, later, fix, user, account) and what to do,
	// in a sentence. Empty for a code that the catalogue does not have.
	Action string `json:"action,omitempty"`
	Advice string `json:"advice,omitempty"`
}

// Time is a moment in the payload form that the products share: RFC 3339 in UTC with milliseconds.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes the moment in UTC with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(make([]byte, 0, 26), `"`+timeLayout+`"`), nil
}

// UnmarshalJSON reads any RFC 3339 moment.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("event time: %w", err)
	}
	p, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return fmt.Errorf("event time: %w", err)
	}
	t.Time = p.UTC()
	return nil
}

// Key is the identity of a fact: the first 16 bytes of a SHA-256 over its distinguishing parts.
type Key [16]byte

// NewKey derives the identity from the parts that distinguish the fact. Parts are length-prefixed, so that no two
// lists of parts collide by concatenation.
func NewKey(parts ...string) Key {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		for i, l := 0, uint64(len(p)); i < 8; i++ {
			n[i] = byte(l >> (8 * i))
		}
		h.Write(n[:])
		h.Write([]byte(p))
	}
	var k Key
	copy(k[:], h.Sum(nil))
	return k
}

// EventID is the public id that a key gives.
func (k Key) EventID() string { return "evt_" + hex.EncodeToString(k[:]) }

// ParseID reads a public event id back into its key.
func ParseID(id string) (Key, bool) {
	var k Key
	if len(id) != 36 || id[:4] != "evt_" {
		return k, false
	}
	_, err := hex.Decode(k[:], []byte(id[4:]))
	return k, err == nil
}

// Decode reads the event's data back.
func (e Event) Decode() (Data, error) {
	var d Data
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return d, fmt.Errorf("decode event %s: %w", e.ID, err)
	}
	return d, nil
}
