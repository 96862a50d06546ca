package dialect

import (
	"encoding/json"

	"wabagate/fanout/event"
)

// The objects of platform.

type platformParty struct {
	CustomerID  string `json:"customer_id,omitempty"` // the wamid
	PhoneNumber string `json:"phone_number,omitempty"`
	Name        string `json:"name,omitempty"`
	Username    string `json:"username,omitempty"`
	UserID      string `json:"user_id,omitempty"`
}

type platformReport struct {
	Recipient  platformParty `json:"recipient"`
	Status     string        `json:"status"`
	ReportedAt string        `json:"reported_at"`
	Timestamp  string        `json:"timestamp"`
	Errors     []event.Error `json:"errors,omitempty"`
}

type platformMessage struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Text    string          `json:"text,omitempty"`
	Media   *platformMedia  `json:"media,omitempty"`
	Content json.RawMessage `json:"content,omitempty"`
	GroupID string          `json:"group_id,omitempty"`
	ReplyTo string          `json:"reply_to,omitempty"` // the id of the quoted message
}

type platformMedia struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	MimeType string `json:"mime_type,omitempty"`
	Filename string `json:"filename,omitempty"`
}

type platformIncoming struct {
	Sender         platformParty   `json:"sender"`
	Message        platformMessage `json:"message"`
	ConversationID int64           `json:"conversation_id,omitempty"`
	ReceivedAt     string          `json:"received_at"`
	Timestamp      string          `json:"timestamp"`
}

type platformSent struct {
	Recipient      platformParty   `json:"recipient"`
	Message        platformMessage `json:"message"`
	SentBy         string          `json:"sent_by"`
	ConversationID int64           `json:"conversation_id,omitempty"`
	SentAt         string          `json:"sent_at"`
	Timestamp      string          `json:"timestamp"`
}

// platformRevision is an edit or a deletion; the message has what is left of it.
type platformRevision struct {
	Sender         *platformParty  `json:"sender,omitempty"`
	Recipient      *platformParty  `json:"recipient,omitempty"`
	Message        platformMessage `json:"message"`
	RevisionID     string          `json:"revision_id,omitempty"`
	ConversationID int64           `json:"conversation_id,omitempty"`
	ReportedAt     string          `json:"reported_at"`
	Timestamp      string          `json:"timestamp"`
}

type platformPast struct {
	Sender         *platformParty  `json:"sender,omitempty"`
	Recipient      *platformParty  `json:"recipient,omitempty"`
	Message        platformMessage `json:"message"`
	Status         string          `json:"status,omitempty"`
	ConversationID int64           `json:"conversation_id,omitempty"`
	ReceivedAt     string          `json:"received_at"`
	Timestamp      string          `json:"timestamp"`
}

type platformConversation struct {
	ConversationID int64            `json:"conversation_id"`
	Customer       platformParty    `json:"customer"`
	FirstMessage   *platformMessage `json:"first_message,omitempty"`
	CreatedAt      string           `json:"created_at"`
	Timestamp      string           `json:"timestamp"`
}

type platformSettings struct {
	ConversationID  int64           `json:"conversation_id"`
	Customer        platformParty   `json:"customer"`
	Status          string          `json:"status"`
	Labels          []string        `json:"labels"`
	Note            string          `json:"note"`
	Assignee        string          `json:"assignee"`
	WindowExpiresAt string          `json:"window_expires_at,omitempty"`
	AI              string          `json:"ai,omitempty"` // off, or empty
	AIReason        string          `json:"ai_reason,omitempty"`
	AIDetail        string          `json:"ai_detail,omitempty"`
	Previous        json.RawMessage `json:"previous,omitempty"`
	UpdatedAt       string          `json:"updated_at"`
	Timestamp       string          `json:"timestamp"`
}

type platformContact struct {
	ContactID int64           `json:"contact_id"`
	Customer  platformParty   `json:"customer"`
	Previous  json.RawMessage `json:"previous,omitempty"`
	Timestamp string          `json:"timestamp"`
}

type platformOrder struct {
	OrderID               int64           `json:"order_id"`
	Reference             string          `json:"reference,omitempty"`
	MessageID             string          `json:"message_id,omitempty"`
	Customer              platformParty   `json:"customer"`
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
	CreatedAt             string          `json:"created_at"`
	UpdatedAt             string          `json:"updated_at"`
	Timestamp             string          `json:"timestamp"`
}

// platformForm has what was filled in as fields, under the business's own names.
type platformForm struct {
	Sender         platformParty   `json:"sender"`
	Form           platformFlow    `json:"form"`
	Fields         json.RawMessage `json:"fields,omitempty"`
	Response       string          `json:"response,omitempty"` // where it was no JSON object
	ConversationID int64           `json:"conversation_id,omitempty"`
	SubmittedAt    string          `json:"submitted_at"`
	Timestamp      string          `json:"timestamp"`
}

type platformFlow struct {
	Name      string `json:"name"`
	FlowToken string `json:"flow_token,omitempty"`
}

type platformBroadcast struct {
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
	Timestamp       string `json:"timestamp"`
}

type platformError struct {
	Error     event.Error `json:"error"`
	Timestamp string      `json:"timestamp"`
}

// platformFile is what became of the file of a message.
type platformFile struct {
	MessageID      string       `json:"message_id"`
	Media          platformKept `json:"media"`
	Failure        string       `json:"failure,omitempty"`
	Reason         string       `json:"reason,omitempty"`
	ConversationID int64        `json:"conversation_id,omitempty"`
	Timestamp      string       `json:"timestamp"`
}

// platformKept is a file with what is known of it once it is kept.
type platformKept struct {
	platformMedia
	URL    string `json:"url,omitempty"`
	Size   int64  `json:"file_size,omitempty"` // bytes
	SHA256 string `json:"sha256,omitempty"`
}

// platformOperation is about a webhook, which the product calls an endpoint, one of its deliveries, or a silent number.
type platformOperation struct {
	Endpoint  *event.Webhook  `json:"endpoint,omitempty"`
	Delivery  *event.Delivery `json:"delivery,omitempty"`
	Number    string          `json:"number,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Timestamp string          `json:"timestamp"`
}

// platformField is what one of the platform's other fields says, in the platform's own words.
type platformField struct {
	Field          string          `json:"field"`
	Value          json.RawMessage `json:"value,omitempty"`
	Reason         string          `json:"reason,omitempty"`
	Customer       *platformParty  `json:"customer,omitempty"`
	Number         string          `json:"number,omitempty"`
	ConversationID int64           `json:"conversation_id,omitempty"`
	ReceivedAt     string          `json:"received_at"`
	Timestamp      string          `json:"timestamp"`
}

type platformUnrecognized struct {
	Field     string          `json:"field"`
	Reason    string          `json:"reason,omitempty"`
	Raw       json.RawMessage `json:"raw,omitempty"`
	Timestamp string          `json:"timestamp"`
}
