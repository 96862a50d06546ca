package dialect

import (
	"encoding/json"
	"strconv"
	"strings"

	"wabagate/fanout/canon"
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
)

// platformVersion is the api_version that receivers written for the product know.
const platformVersion = "2026-02-04"

// platform speaks to receivers written for WhatsApp API Platform: an envelope with id, type and version around
// data.object, and X-Webhook-Signature over the body with the secret's text, whsec_ included, as the key.
//
// The product documents the object of a report only. There customer_id is the message's wamid; the object of an
// incoming message follows it, with a sender in the place of the recipient, so that both are joined by the same key. In
// all objects numbers begin with "+" and are left out when withheld, timestamp is the platform's clock in seconds and
// the time at the gateway has milliseconds. Types without a form yet carry everything known as their object.
func platform() Dialect {
	return Dialect{
		Name:    "platform",
		Manners: usual(),
		scheme:  signature.Webhook,
		names:   map[string]string{event.MessageReceived: "message.incoming"},
		render:  renderPlatform,
	}
}

type platformParty struct {
	CustomerID  string `json:"customer_id,omitempty"` // the wamid
	PhoneNumber string `json:"phone_number,omitempty"`
	Name        string `json:"name,omitempty"`
	Username    string `json:"username,omitempty"`
	UserID      string `json:"user_id,omitempty"`
}

type platformReport struct {
	Recipient  platformParty `json:"recipient"`
	Status     string        `json:"status"` // upper case
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
	ReplyTo string          `json:"reply_to,omitempty"`
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

type platformConversation struct {
	ConversationID int64            `json:"conversation_id"`
	Customer       platformParty    `json:"customer"`
	FirstMessage   *platformMessage `json:"first_message,omitempty"`
	CreatedAt      string           `json:"created_at"`
	Timestamp      string           `json:"timestamp"`
}

type platformContact struct {
	ContactID int64         `json:"contact_id"`
	Customer  platformParty `json:"customer"`
	Timestamp string        `json:"timestamp"`
}

type platformError struct {
	Error     event.Error `json:"error"`
	Timestamp string      `json:"timestamp"`
}

type platformUnrecognized struct {
	Field     string          `json:"field"`
	Reason    string          `json:"reason,omitempty"`
	Raw       json.RawMessage `json:"raw,omitempty"`
	Timestamp string          `json:"timestamp"`
}

func renderPlatform(dst []byte, name string, e event.Event) ([]byte, error) {
	f, err := read(e)
	if err != nil {
		return dst, renderError("platform", e, err)
	}
	out := append(dst, `{"id":`...)
	out = canon.AppendString(out, e.ID)
	out = append(out, `,"type":`...)
	out = canon.AppendString(out, name)
	out = append(out, `,"api_version":"`+platformVersion+`","created_at":`...)
	out = strconv.AppendInt(out, e.CreatedAt.Unix(), 10)
	out = append(out, `,"liveMode":true,"data":{"object":`...)
	out, err = appendData(out, platformForm(e.Type, f), e.Data)
	if err != nil {
		return dst, renderError("platform", e, err)
	}
	return append(out, "}}"...), nil
}

func platformForm(typ string, f facts) any {
	customer := platformParty{PhoneNumber: plus(f.phone()), Name: f.Contact.Name, Username: f.Contact.Username, UserID: f.Contact.UserID}
	timestamp := seconds(f.at())
	switch typ {
	case event.MessageReceived:
		sender := customer
		sender.CustomerID = f.Message.ID
		sender.PhoneNumber = plus(f.Message.From)
		if sender.PhoneNumber == "" {
			sender.PhoneNumber = customer.PhoneNumber
		}
		return platformIncoming{Sender: sender, Message: f.platformMessage(), ConversationID: f.Conversation.ID,
			ReceivedAt: milliseconds(f.created), Timestamp: timestamp}
	case event.MessageReport:
		recipient := platformParty{CustomerID: f.Status.MessageID, PhoneNumber: plus(f.Status.RecipientID), UserID: f.Status.RecipientUserID}
		if recipient.PhoneNumber == "" {
			recipient.PhoneNumber = customer.PhoneNumber
		}
		return platformReport{Recipient: recipient, Status: strings.ToUpper(f.Status.Status), ReportedAt: milliseconds(f.created),
			Timestamp: seconds(timeOr(f.Status.Timestamp.Time, f.at())), Errors: f.Status.Errors}
	case event.ConversationCreated:
		c := platformConversation{ConversationID: f.Conversation.ID, Customer: customer,
			CreatedAt: milliseconds(timeOr(f.Conversation.CreatedAt.Time, f.created)), Timestamp: timestamp}
		if f.Message.ID != "" {
			m := f.platformMessage()
			c.FirstMessage = &m
		}
		return c
	case event.ContactCreated, event.ContactUpdated:
		return platformContact{ContactID: f.Contact.ID, Customer: customer, Timestamp: timestamp}
	case event.ErrorReported:
		return platformError{Error: *f.Error, Timestamp: timestamp}
	case event.UpstreamUnrecognized:
		return platformUnrecognized{Field: f.Field, Reason: f.Reason, Raw: f.Raw, Timestamp: timestamp}
	}
	return nil
}

func (f facts) platformMessage() platformMessage {
	m := platformMessage{ID: f.Message.ID, Type: f.Message.Type, Text: f.Message.Text, Content: f.content(), ReplyTo: f.Message.ReplyTo}
	if media := f.Message.Media; media != nil {
		m.Media = &platformMedia{ID: media.ID, Type: media.Kind, MimeType: media.MimeType, Filename: media.Filename}
	}
	return m
}

// plus is a number with its sign in front; ids of groups and the like, which are not all digits, stay as they are.
func plus(number string) string {
	if number == "" || strings.Trim(number, "0123456789") != "" {
		return number
	}
	return "+" + number
}
