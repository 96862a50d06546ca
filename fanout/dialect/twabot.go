package dialect

import (
	"encoding/json"

	"wabagate/fanout/event"
	"wabagate/fanout/signature"
)

// twabot speaks to receivers written for TwaBot: `{event, timestamp, data}` with flat data, X-TwaBot-Signature over
// the body, ten seconds, and only 200 counts.
//
// Its page verifies in three languages. The Node sample writes the parsed payload again, which canonical JSON survives;
// the PHP sample takes the raw body. The Python sample writes again with json.dumps, whose spaces after separators and
// \u escapes match no compact payload: it cannot accept any sender that satisfies the other two, and accepts us only
// when changed to hash the raw body.
//
// Beyond the page: a caption or file name of a media message is a key of its own, since text is only for messages
// without media; a message that is neither text nor media carries the platform's object as content; the other event
// types have flat data of the same vocabulary, or everything known where they have no form yet.
func twabot() Dialect {
	m := usual()
	m.Success = only200
	return Dialect{Name: "twabot", Manners: m, scheme: signature.TwaBot, render: renderTwabot}
}

type twabotMessage struct {
	MessageID      string          `json:"message_id"`
	From           string          `json:"from"` // the user id when the number is withheld
	FromName       string          `json:"from_name"`
	Type           string          `json:"type"`
	Text           *string         `json:"text,omitempty"` // nil for media
	MediaType      string          `json:"media_type,omitempty"`
	MediaID        string          `json:"media_id,omitempty"`
	MimeType       string          `json:"mime_type,omitempty"`
	Caption        string          `json:"caption,omitempty"`
	Filename       string          `json:"filename,omitempty"`
	Content        json.RawMessage `json:"content,omitempty"`
	ConversationID int64           `json:"conversation_id"`
	BusinessID     int64           `json:"business_id"`
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
	CustomerPhone  string `json:"customer_phone"` // the user id when the number is withheld
	CustomerName   string `json:"customer_name"`
	FirstMessage   string `json:"first_message"`
	BusinessID     int64  `json:"business_id"`
}

type twabotContact struct {
	ContactID     int64  `json:"contact_id"`
	CustomerPhone string `json:"customer_phone"`
	CustomerName  string `json:"customer_name"`
	Username      string `json:"username,omitempty"`
	UserID        string `json:"user_id,omitempty"`
	BusinessID    int64  `json:"business_id"`
}

type twabotError struct {
	event.Error
	BusinessID int64 `json:"business_id"`
}

type twabotUnrecognized struct {
	Field      string          `json:"field"`
	Reason     string          `json:"reason,omitempty"`
	Raw        json.RawMessage `json:"raw,omitempty"`
	BusinessID int64           `json:"business_id"`
}

func renderTwabot(dst []byte, name string, e event.Event) ([]byte, error) {
	f, err := read(e)
	if err != nil {
		return dst, renderError("twabot", e, err)
	}
	out, err := appendNotice(dst, name, milliseconds(f.at()), twabotForm(e.Type, f), e.Data)
	if err != nil {
		return dst, renderError("twabot", e, err)
	}
	return out, nil
}

func twabotForm(typ string, f facts) any {
	switch typ {
	case event.MessageReceived:
		m := twabotMessage{MessageID: f.Message.ID, From: f.sender(), FromName: f.name(), Type: f.Message.Type,
			Content: f.content(), ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
		if media := f.Message.Media; media != nil {
			m.MediaType, m.MediaID, m.MimeType = media.Kind, media.ID, media.MimeType
			m.Caption, m.Filename = f.Message.Text, media.Filename
		} else {
			m.Text = &f.Message.Text
		}
		return m
	case event.MessageReport:
		return twabotReport{MessageID: f.Status.MessageID, To: f.recipient(), Status: f.Status.Status, Timestamp: milliseconds(timeOr(f.Status.Timestamp.Time, f.at())),
			Errors: f.Status.Errors, ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
	case event.ConversationCreated:
		return twabotConversation{ConversationID: f.Conversation.ID, CustomerPhone: f.customer(), CustomerName: f.name(),
			FirstMessage: f.Message.Text, BusinessID: f.BusinessID}
	case event.ContactCreated, event.ContactUpdated:
		return twabotContact{ContactID: f.Contact.ID, CustomerPhone: f.customer(), CustomerName: f.name(),
			Username: f.Contact.Username, UserID: f.Contact.UserID, BusinessID: f.BusinessID}
	case event.ErrorReported:
		return twabotError{Error: *f.Error, BusinessID: f.BusinessID}
	case event.UpstreamUnrecognized:
		return twabotUnrecognized{Field: f.Field, Reason: f.Reason, Raw: f.Raw, BusinessID: f.BusinessID}
	}
	return nil
}
