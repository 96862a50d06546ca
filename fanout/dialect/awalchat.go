package dialect

import (
	"encoding/json"
	"net/http"
	"time"

	"wabagate/fanout/event"
	"wabagate/fanout/signature"
)

// awalchat speaks to receivers written for AwalChat: `{event, timestamp, data}` with times in whole seconds, a
// signature over timestamp and body, a challenge when the webhook is made, and 400 and 401 as final answers.
//
// Beyond the page: a media message has its caption as body and media_id, media_type, mime_type and filename beside it;
// a message that is neither text nor media carries the platform's object as content; a failed status carries its
// errors; phone numbers are the user id when withheld. Types without a form yet carry everything known.
func awalchat() Dialect {
	m := usual()
	m.Schedule = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour}
	m.Final = func(status int) bool { return status == http.StatusBadRequest || status == http.StatusUnauthorized }
	m.Challenge = true
	return Dialect{
		Name:    "awalchat",
		Manners: m,
		scheme:  signature.Awalchat,
		names:   map[string]string{event.MessageReport: "message.status.updated"},
		render:  renderAwalchat,
	}
}

type awalMessage struct {
	MessageID      string          `json:"message_id"`
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
	Timestamp      string          `json:"timestamp"`
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

type awalContact struct {
	ContactID   int64  `json:"contact_id"`
	Name        string `json:"name"`
	PhoneNumber string `json:"phone_number"`
	Username    string `json:"username,omitempty"`
	UserID      string `json:"user_id,omitempty"`
	CreatedAt   string `json:"created_at,omitempty"` // of contact.created
	UpdatedAt   string `json:"updated_at,omitempty"` // of contact.updated
}

type awalError struct {
	event.Error
	Timestamp string `json:"timestamp"`
}

type awalUnrecognized struct {
	Field     string          `json:"field"`
	Reason    string          `json:"reason,omitempty"`
	Raw       json.RawMessage `json:"raw,omitempty"`
	Timestamp string          `json:"timestamp"`
}

func renderAwalchat(dst []byte, name string, e event.Event) ([]byte, error) {
	f, err := read(e)
	if err != nil {
		return dst, renderError("awalchat", e, err)
	}
	out, err := appendNotice(dst, name, seconds(f.at()), awalForm(e.Type, f), e.Data)
	if err != nil {
		return dst, renderError("awalchat", e, err)
	}
	return out, nil
}

func awalForm(typ string, f facts) any {
	timestamp := seconds(f.at())
	switch typ {
	case event.MessageReceived:
		m := awalMessage{MessageID: f.Message.ID, ConversationID: f.Conversation.ID, From: f.sender(), To: f.business(),
			Type: f.Message.Type, Body: f.Message.Text, Content: f.content(), Timestamp: seconds(timeOr(f.Message.Timestamp.Time, f.at()))}
		if media := f.Message.Media; media != nil {
			m.MediaType, m.MediaID, m.MimeType, m.Filename = media.Kind, media.ID, media.MimeType, media.Filename
		}
		return m
	case event.MessageReport:
		return awalStatus{MessageID: f.Status.MessageID, Status: f.Status.Status, Errors: f.Status.Errors,
			Timestamp: seconds(timeOr(f.Status.Timestamp.Time, f.at()))}
	case event.ConversationCreated:
		return awalConversation{ConversationID: f.Conversation.ID, ContactID: f.Contact.ID, PhoneNumber: f.customer(),
			CreatedAt: seconds(timeOr(f.Conversation.CreatedAt.Time, f.at()))}
	case event.ContactCreated, event.ContactUpdated:
		c := awalContact{ContactID: f.Contact.ID, Name: f.name(), PhoneNumber: f.customer(), Username: f.Contact.Username, UserID: f.Contact.UserID}
		if typ == event.ContactCreated {
			c.CreatedAt = timestamp
		} else {
			c.UpdatedAt = timestamp
		}
		return c
	case event.ErrorReported:
		return awalError{Error: *f.Error, Timestamp: timestamp}
	case event.UpstreamUnrecognized:
		return awalUnrecognized{Field: f.Field, Reason: f.Reason, Raw: f.Raw, Timestamp: timestamp}
	}
	return nil
}
