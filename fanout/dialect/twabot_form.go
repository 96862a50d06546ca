package dialect

import (
	"encoding/json"

	"wabagate/fanout/event"
)

// The data of twabot. Numbers of customers are the user id when withheld.

// twabotBody is what a message says: text, or a file.
type twabotBody struct {
	Type string  `json:"type"`
	Text *string `json:"text,omitempty"` // nil for media
	twabotMedia
	Content json.RawMessage `json:"content,omitempty"`
	GroupID string          `json:"group_id,omitempty"`
	ReplyTo string          `json:"reply_to,omitempty"` // the message_id of the quoted message
}

type twabotMedia struct {
	MediaType string `json:"media_type,omitempty"`
	MediaID   string `json:"media_id,omitempty"`
	MimeType  string `json:"mime_type,omitempty"`
	Caption   string `json:"caption,omitempty"`
	Filename  string `json:"filename,omitempty"`
}

type twabotReceived struct {
	MessageID string `json:"message_id"`
	From      string `json:"from"`
	FromName  string `json:"from_name"`
	twabotBody
	ConversationID int64 `json:"conversation_id"`
	BusinessID     int64 `json:"business_id"`
}

type twabotSent struct {
	MessageID string `json:"message_id"`
	To        string `json:"to"`
	twabotBody
	SentBy         string `json:"sent_by"`
	ConversationID int64  `json:"conversation_id"`
	BusinessID     int64  `json:"business_id"`
}

// twabotKept is a message of either direction that was there before: edited, deleted, or of the phone app's past.
type twabotKept struct {
	MessageID    string `json:"message_id"`
	RevisionID   string `json:"revision_id,omitempty"` // of an edit or a deletion
	Direction    string `json:"direction"`
	From         string `json:"from"`
	To           string `json:"to"`
	CustomerName string `json:"customer_name"`
	twabotBody
	Status         string `json:"status,omitempty"` // of a past message
	ConversationID int64  `json:"conversation_id,omitempty"`
	BusinessID     int64  `json:"business_id"`
}

type twabotReply struct {
	MessageID  string `json:"message_id"`
	To         string `json:"to"`
	AIResponse string `json:"ai_response"`
	twabotMedia
	ConversationID int64 `json:"conversation_id"`
	BusinessID     int64 `json:"business_id"`
}

type twabotReport struct {
	MessageID      string        `json:"message_id"`
	To             string        `json:"to"`
	Status         string        `json:"status"`
	Timestamp      string        `json:"timestamp"`
	Errors         []event.Error `json:"errors,omitempty"`
	ConversationID int64         `json:"conversation_id,omitempty"`
	BusinessID     int64         `json:"business_id"`
}

type twabotConversation struct {
	ConversationID int64  `json:"conversation_id"`
	CustomerPhone  string `json:"customer_phone"`
	CustomerName   string `json:"customer_name"`
	FirstMessage   string `json:"first_message"`
	BusinessID     int64  `json:"business_id"`
}

type twabotSettings struct {
	ConversationID  int64           `json:"conversation_id"`
	CustomerPhone   string          `json:"customer_phone"`
	CustomerName    string          `json:"customer_name"`
	Status          string          `json:"status"`
	Labels          []string        `json:"labels"`
	Note            string          `json:"note"`
	Assignee        string          `json:"assignee"`
	WindowExpiresAt string          `json:"window_expires_at,omitempty"`
	AI              string          `json:"ai,omitempty"` // off, or empty
	AIReason        string          `json:"ai_reason,omitempty"`
	AIDetail        string          `json:"ai_detail,omitempty"`
	Previous        json.RawMessage `json:"previous,omitempty"`
	BusinessID      int64           `json:"business_id"`
}

type twabotContact struct {
	ContactID     int64           `json:"contact_id"`
	CustomerPhone string          `json:"customer_phone"`
	CustomerName  string          `json:"customer_name"`
	Username      string          `json:"username,omitempty"`
	UserID        string          `json:"user_id,omitempty"`
	Previous      json.RawMessage `json:"previous,omitempty"`
	BusinessID    int64           `json:"business_id"`
}

type twabotOrder struct {
	OrderID               int64           `json:"order_id"`
	OrderReference        string          `json:"order_reference,omitempty"`
	MessageID             string          `json:"message_id,omitempty"`
	CustomerPhone         string          `json:"customer_phone"`
	CustomerName          string          `json:"customer_name"`
	Status                string          `json:"status"`
	PreviousStatus        string          `json:"previous_status,omitempty"`
	PaymentStatus         string          `json:"payment_status,omitempty"`
	PreviousPaymentStatus string          `json:"previous_payment_status,omitempty"`
	Total                 float64         `json:"total"`
	Currency              string          `json:"currency"`
	Text                  string          `json:"text,omitempty"`
	Items                 json.RawMessage `json:"items,omitempty"`
	Payment               json.RawMessage `json:"payment,omitempty"`
	ConversationID        int64           `json:"conversation_id,omitempty"`
	BusinessID            int64           `json:"business_id"`
}

type twabotForm struct {
	MessageID      string          `json:"message_id"`
	From           string          `json:"from"`
	FromName       string          `json:"from_name"`
	FormName       string          `json:"form_name"`
	FlowToken      string          `json:"flow_token,omitempty"`
	Fields         json.RawMessage `json:"fields,omitempty"`
	Response       string          `json:"response,omitempty"` // where it was no JSON object
	ConversationID int64           `json:"conversation_id"`
	BusinessID     int64           `json:"business_id"`
}

type twabotBroadcast struct {
	BroadcastID        int64  `json:"broadcast_id"`
	BroadcastReference string `json:"broadcast_reference,omitempty"`
	TemplateName       string `json:"template_name"`
	TotalRecipients    int64  `json:"total_recipients"`
	Sent               int64  `json:"sent"`
	Delivered          int64  `json:"delivered"`
	Read               int64  `json:"read"`
	Failed             int64  `json:"failed"`
	BusinessID         int64  `json:"business_id"`
}

type twabotError struct {
	event.Error
	BusinessID int64 `json:"business_id"`
}

// twabotFile is what became of the file of a message.
type twabotFile struct {
	MessageID string `json:"message_id"`
	twabotMedia
	MediaURL       string `json:"media_url,omitempty"`
	FileSize       int64  `json:"file_size,omitempty"` // bytes
	SHA256         string `json:"sha256,omitempty"`
	Failure        string `json:"failure,omitempty"`
	Reason         string `json:"reason,omitempty"`
	CustomerPhone  string `json:"customer_phone,omitempty"`
	CustomerName   string `json:"customer_name,omitempty"`
	ConversationID int64  `json:"conversation_id,omitempty"`
	BusinessID     int64  `json:"business_id"`
}

// twabotOperation is about a webhook, one of its deliveries, or a number that is silent.
type twabotOperation struct {
	WebhookID     int64  `json:"webhook_id,omitempty"`
	Name          string `json:"name,omitempty"`
	URL           string `json:"url,omitempty"`
	FailCount     int64  `json:"fail_count,omitempty"`
	DeliveryID    string `json:"delivery_id,omitempty"`
	EventID       string `json:"event_id,omitempty"`
	EventType     string `json:"event_type,omitempty"`
	Attempts      int64  `json:"attempts,omitempty"`
	Reason        string `json:"reason,omitempty"`
	BusinessPhone string `json:"business_phone,omitempty"`
	BusinessID    int64  `json:"business_id"`
}

// twabotField is what one of the platform's other fields says, in the platform's own words.
type twabotField struct {
	Field          string          `json:"field"`
	Value          json.RawMessage `json:"value,omitempty"`
	Reason         string          `json:"reason,omitempty"`
	CustomerPhone  string          `json:"customer_phone,omitempty"`
	CustomerName   string          `json:"customer_name,omitempty"`
	BusinessPhone  string          `json:"business_phone,omitempty"`
	ConversationID int64           `json:"conversation_id,omitempty"`
	BusinessID     int64           `json:"business_id"`
}

type twabotUnrecognized struct {
	Field      string          `json:"field"`
	Reason     string          `json:"reason,omitempty"`
	Raw        json.RawMessage `json:"raw,omitempty"`
	BusinessID int64           `json:"business_id"`
}
