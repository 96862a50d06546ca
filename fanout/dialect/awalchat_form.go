package dialect

import (
	"encoding/json"

	"wabagate/fanout/event"
)

// The data of awalchat. Phone numbers are the user id when withheld.

// awalMessage is a message of either direction: new, edited or deleted.
type awalMessage struct {
	MessageID      string          `json:"message_id"`
	RevisionID     string          `json:"revision_id,omitempty"` // of an edit or a deletion
	ConversationID int64           `json:"conversation_id"`
	From           string          `json:"from"`
	To             string          `json:"to"`
	Type           string          `json:"type"`
	Body           string          `json:"body"`
	MediaType      string          `json:"media_type,omitempty"`
	MediaID        string          `json:"media_id,omitempty"`
	MimeType       string          `json:"mime_type,omitempty"`
	Filename       string          `json:"filename,omitempty"`
	Content        json.RawMessage `json:"content,omitempty"`
	GroupID        string          `json:"group_id,omitempty"`
	ReplyTo        string          `json:"reply_to,omitempty"` // the message_id of the quoted message
	SentBy         string          `json:"sent_by,omitempty"`  // of what the business sent
	Timestamp      string          `json:"timestamp"`
}

// awalPast is a message of the phone app's past, which need not belong to a conversation.
type awalPast struct {
	ConversationID int64  `json:"conversation_id,omitempty"`
	Status         string `json:"status,omitempty"`
	awalMessage
}

type awalStatus struct {
	MessageID string        `json:"message_id"`
	Status    string        `json:"status"`
	Errors    []event.Error `json:"errors,omitempty"`
	Timestamp string        `json:"timestamp"`
}

type awalConversation struct {
	ConversationID int64  `json:"conversation_id"`
	ContactID      int64  `json:"contact_id"`
	PhoneNumber    string `json:"phone_number"`
	CreatedAt      string `json:"created_at"`
}

type awalSettings struct {
	ConversationID  int64    `json:"conversation_id"`
	Status          string   `json:"status"`
	OldStatus       string   `json:"old_status,omitempty"` // where it changed
	Labels          []string `json:"labels"`
	Note            string   `json:"note"`
	Assignee        string   `json:"assignee"`
	WindowExpiresAt string   `json:"window_expires_at,omitempty"`
	AI              string   `json:"ai,omitempty"` // off, or empty
	AIReason        string   `json:"ai_reason,omitempty"`
	AIDetail        string   `json:"ai_detail,omitempty"`
	UpdatedAt       string   `json:"updated_at"`
}

type awalContact struct {
	ContactID   int64           `json:"contact_id"`
	Name        string          `json:"name"`
	PhoneNumber string          `json:"phone_number"`
	Username    string          `json:"username,omitempty"`
	UserID      string          `json:"user_id,omitempty"`
	Previous    json.RawMessage `json:"previous,omitempty"`
	CreatedAt   string          `json:"created_at,omitempty"` // of contact.created
	UpdatedAt   string          `json:"updated_at,omitempty"` // of contact.updated
}

type awalOrder struct {
	OrderID        int64           `json:"order_id"`
	ConversationID int64           `json:"conversation_id"`
	Status         string          `json:"status"`
	Total          float64         `json:"total"`
	Currency       string          `json:"currency"`
	Reference      string          `json:"reference,omitempty"`
	MessageID      string          `json:"message_id,omitempty"`
	Text           string          `json:"text,omitempty"`
	Items          json.RawMessage `json:"items,omitempty"`
	CreatedAt      string          `json:"created_at"`
}

type awalOrderStatus struct {
	OrderID        int64           `json:"order_id"`
	ConversationID int64           `json:"conversation_id,omitempty"`
	OldStatus      string          `json:"old_status"`
	NewStatus      string          `json:"new_status"`
	Reference      string          `json:"reference,omitempty"`
	PaymentStatus  string          `json:"payment_status,omitempty"`
	Payment        json.RawMessage `json:"payment,omitempty"`
	UpdatedAt      string          `json:"updated_at"`
}

type awalForm struct {
	MessageID      string          `json:"message_id"`
	ConversationID int64           `json:"conversation_id"`
	ContactID      int64           `json:"contact_id"`
	From           string          `json:"from"`
	FormName       string          `json:"form_name"`
	FlowToken      string          `json:"flow_token,omitempty"`
	Fields         json.RawMessage `json:"fields,omitempty"`
	Response       string          `json:"response,omitempty"` // where it was no JSON object
	Timestamp      string          `json:"timestamp"`
}

type awalBroadcast struct {
	BroadcastID     int64  `json:"broadcast_id"`
	Reference       string `json:"reference,omitempty"`
	Name            string `json:"name,omitempty"`
	TemplateName    string `json:"template_name,omitempty"`
	Status          string `json:"status"`
	TotalRecipients int64  `json:"total_recipients"`
	Sent            int64  `json:"sent"`
	Delivered       int64  `json:"delivered"`
	Read            int64  `json:"read"`
	Failed          int64  `json:"failed"`
	StartedAt       string `json:"started_at"`
	CompletedAt     string `json:"completed_at,omitempty"`
}

type awalError struct {
	event.Error
	Timestamp string `json:"timestamp"`
}

// awalFile is what became of the file of a message.
type awalFile struct {
	MessageID      string `json:"message_id"`
	ConversationID int64  `json:"conversation_id,omitempty"`
	ContactID      int64  `json:"contact_id,omitempty"`
	MediaType      string `json:"media_type,omitempty"`
	MediaID        string `json:"media_id"`
	MimeType       string `json:"mime_type,omitempty"`
	Filename       string `json:"filename,omitempty"`
	MediaURL       string `json:"media_url,omitempty"`
	FileSize       int64  `json:"file_size,omitempty"` // bytes
	SHA256         string `json:"sha256,omitempty"`
	Failure        string `json:"failure,omitempty"`
	Reason         string `json:"reason,omitempty"`
	Timestamp      string `json:"timestamp"`
}

// awalOperation is about a webhook, one of its deliveries, or a number that is silent.
type awalOperation struct {
	WebhookID   int64  `json:"webhook_id,omitempty"`
	Name        string `json:"name,omitempty"`
	URL         string `json:"url,omitempty"`
	FailCount   int64  `json:"fail_count,omitempty"`
	DeliveryID  string `json:"delivery_id,omitempty"`
	EventID     string `json:"event_id,omitempty"`
	EventType   string `json:"event_type,omitempty"`
	Attempts    int64  `json:"attempts,omitempty"`
	PhoneNumber string `json:"phone_number,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Timestamp   string `json:"timestamp"`
}

// awalField is what one of the platform's other fields says, in the platform's own words.
type awalField struct {
	Field          string          `json:"field"`
	Value          json.RawMessage `json:"value,omitempty"`
	Reason         string          `json:"reason,omitempty"`
	ConversationID int64           `json:"conversation_id,omitempty"`
	ContactID      int64           `json:"contact_id,omitempty"`
	PhoneNumber    string          `json:"phone_number,omitempty"`
	Timestamp      string          `json:"timestamp"`
}

type awalUnrecognized struct {
	Field     string          `json:"field"`
	Reason    string          `json:"reason,omitempty"`
	Raw       json.RawMessage `json:"raw,omitempty"`
	Timestamp string          `json:"timestamp"`
}
