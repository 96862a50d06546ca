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
// incoming message follows it, with a sender in the place of the recipient, so that both are joined by the same key, and
// so do those of sent messages and of forms. In all objects numbers begin with "+" and are left out when withheld,
// statuses are in capitals, timestamp is the platform's clock in seconds, and the time at the gateway has milliseconds:
// reported_at, received_at, sent_at and the like. What the platform's other fields say is field and value.
func platform() Dialect {
	d := Dialect{
		Name:    "platform",
		Manners: usual(),
		scheme:  signature.Webhook,
		names:   map[string]string{event.MessageReceived: "message.incoming"},
	}
	return d.product(platformEnvelope(), forms{own: with(
		map[string]form{
			event.MessageReceived:      formed(platformIncomingOf),
			event.MessageReport:        formed(platformReportOf),
			event.HistoryMessage:       formed(platformPastOf),
			event.ConversationCreated:  formed(platformConversationOf),
			event.ConversationUpdated:  formed(platformSettingsOf),
			event.FormSubmitted:        formed(platformFormOf),
			event.ErrorReported:        formed(platformErrorOf),
			event.UpstreamUnrecognized: formed(platformUnrecognizedOf),
		},
		shared(formed(platformSentOf), event.MessageSent, event.AIReplied),
		shared(formed(platformRevisionOf), event.MessageEdited, event.MessageDeleted),
		shared(formed(platformContactOf), event.ContactCreated, event.ContactUpdated),
		shared(formed(platformOrderOf), event.OrderCreated, event.OrderStatusUpdated),
		shared(formed(platformFileOf), event.MediaReady, event.MediaFailed),
		shared(formed(platformBroadcastOf), event.BroadcastProgress, event.BroadcastCompleted),
		shared(formed(platformOperationOf), event.NumberConnected, event.WebhookFailing, event.WebhookDisabled, event.WebhookRecovered, event.DeliveryExhausted, event.UpstreamSilent, event.MessageUnreported),
	), other: formed(platformFieldOf)})
}

func platformEnvelope() envelope {
	return envelope{
		open: func(dst []byte, name string, e event.Event, _ *facts) []byte {
			dst = append(dst, `{"id":`...)
			dst = canon.AppendString(dst, e.ID)
			dst = append(dst, `,"type":`...)
			dst = canon.AppendString(dst, name)
			dst = append(dst, `,"api_version":"`+platformVersion+`","created_at":`...)
			dst = strconv.AppendInt(dst, e.CreatedAt.Unix(), 10)
			return append(dst, `,"liveMode":true,"data":{"object":`...)
		},
		close: "}}",
		describe: func(name string, form map[string]any) map[string]any {
			return object(map[string]any{
				"id":          map[string]any{"type": "string", "pattern": "^evt_[0-9a-f]{32}$"},
				"type":        map[string]any{"const": name},
				"api_version": map[string]any{"const": platformVersion},
				"created_at":  map[string]any{"type": "integer"},
				"liveMode":    map[string]any{"type": "boolean"},
				"data":        object(map[string]any{"object": form}),
			})
		},
	}
}

// platformCustomer is the contact, whatever message it is about.
func platformCustomer(f *facts) platformParty {
	return platformParty{PhoneNumber: plus(f.phone()), Name: f.Contact.Name, Username: f.Contact.Username, UserID: f.Contact.UserID}
}

// platformCorrespondent is the customer's side of a message: in a group a participant.
func platformCorrespondent(f *facts, wamid string) platformParty {
	p := platformCustomer(f)
	p.CustomerID = wamid
	if peer := f.peer(); isNumber(peer) {
		p.PhoneNumber = plus(peer)
	}
	return p
}

func platformMessageOf(f *facts) platformMessage {
	m := platformMessage{ID: f.Message.ID, Type: f.Message.Type, Text: f.Message.Text, Content: f.content(), GroupID: f.Message.GroupID, ReplyTo: f.Message.ReplyTo}
	if media := f.Message.Media; media != nil {
		m.Media = &platformMedia{ID: media.ID, Type: media.Kind, MimeType: media.MimeType, Filename: media.Filename}
	}
	return m
}

func platformIncomingOf(f *facts) platformIncoming {
	return platformIncoming{Sender: platformCorrespondent(f, f.Message.ID), Message: platformMessageOf(f), ConversationID: f.Conversation.ID,
		ReceivedAt: milliseconds(f.created), Timestamp: seconds(f.at())}
}

func platformSentOf(f *facts) platformSent {
	return platformSent{Recipient: platformCorrespondent(f, f.Message.ID), Message: platformMessageOf(f), SentBy: f.Message.SentBy,
		ConversationID: f.Conversation.ID, SentAt: milliseconds(f.created), Timestamp: seconds(f.at())}
}

func platformRevisionOf(f *facts) platformRevision {
	r := platformRevision{RevisionID: f.Message.RevisionID, ConversationID: f.Conversation.ID, ReportedAt: milliseconds(f.created), Timestamp: seconds(f.at())}
	r.Sender, r.Recipient = platformEnds(f)
	r.Message = platformMessageOf(f)
	return r
}

func platformPastOf(f *facts) platformPast {
	p := platformPast{Message: platformMessageOf(f), Status: strings.ToUpper(f.Message.HistoryStatus), ConversationID: f.Conversation.ID,
		ReceivedAt: milliseconds(f.created), Timestamp: seconds(timeOr(f.Message.Timestamp.Time, f.at()))}
	p.Sender, p.Recipient = platformEnds(f)
	return p
}

// platformEnds puts the customer where they stand: the other end, which is the business, has no party.
func platformEnds(f *facts) (sender, recipient *platformParty) {
	customer := platformCorrespondent(f, f.Message.ID)
	if f.outbound() {
		return nil, &customer
	}
	return &customer, nil
}

func platformReportOf(f *facts) platformReport {
	recipient := platformParty{CustomerID: f.Status.MessageID, PhoneNumber: plus(f.Status.RecipientID), UserID: f.Status.RecipientUserID}
	if recipient.PhoneNumber == "" {
		recipient.PhoneNumber = plus(f.phone())
	}
	return platformReport{Recipient: recipient, Status: strings.ToUpper(f.Status.Status), ReportedAt: milliseconds(f.created),
		Timestamp: seconds(timeOr(f.Status.Timestamp.Time, f.at())), Errors: f.Status.Errors}
}

func platformConversationOf(f *facts) platformConversation {
	c := platformConversation{ConversationID: f.Conversation.ID, Customer: platformCustomer(f),
		CreatedAt: milliseconds(timeOr(f.Conversation.CreatedAt.Time, f.created)), Timestamp: seconds(f.at())}
	if f.Message.ID != "" {
		m := platformMessageOf(f)
		c.FirstMessage = &m
	}
	return c
}

func platformSettingsOf(f *facts) platformSettings {
	return platformSettings{ConversationID: f.Conversation.ID, Customer: platformCustomer(f), Status: strings.ToUpper(f.Conversation.Status),
		Labels: f.labels(), Note: f.Conversation.Note, Assignee: f.Conversation.Assignee, WindowExpiresAt: optional(f.Conversation.WindowExpiresAt, seconds),
		AI: f.Conversation.AI, AIReason: f.Conversation.AIReason, AIDetail: f.Conversation.AIDetail,
		Previous: capitals(f.Previous), UpdatedAt: milliseconds(f.created), Timestamp: seconds(f.at())}
}

// capitals writes the status among what was before as all statuses are written here.
func capitals(previous json.RawMessage) json.RawMessage {
	var before map[string]json.RawMessage
	var status string
	if json.Unmarshal(previous, &before) != nil || json.Unmarshal(before["status"], &status) != nil {
		return previous
	}
	before["status"] = canon.AppendString(nil, strings.ToUpper(status))
	written, err := json.Marshal(before)
	if err != nil {
		return previous
	}
	return written
}

func platformContactOf(f *facts) platformContact {
	return platformContact{ContactID: f.Contact.ID, Customer: platformCustomer(f), Previous: f.Previous, Timestamp: seconds(f.at())}
}

func platformOrderOf(f *facts) platformOrder {
	return platformOrder{OrderID: f.Order.ID, Reference: f.Order.Reference, MessageID: f.Order.MessageID, Customer: platformCustomer(f),
		Status: strings.ToUpper(f.Order.Status), PreviousStatus: strings.ToUpper(f.before.Status),
		PaymentStatus: strings.ToUpper(f.Order.PaymentStatus), PreviousPaymentStatus: strings.ToUpper(f.before.PaymentStatus),
		Total: f.Order.Total, Currency: f.Order.Currency, Text: f.Order.Text, Items: f.Order.Items, Payment: f.Order.Payment, ConversationID: f.Conversation.ID,
		CreatedAt: milliseconds(timeOr(f.Order.CreatedAt.Time, f.created)), UpdatedAt: milliseconds(timeOr(f.Order.UpdatedAt.Time, f.created)), Timestamp: seconds(f.at())}
}

func platformFormOf(f *facts) platformForm {
	return platformForm{Sender: platformCorrespondent(f, f.Form.MessageID), Form: platformFlow{Name: f.Form.Name, FlowToken: f.Form.FlowToken},
		Fields: f.Form.Fields, Response: f.Form.Response, ConversationID: f.Conversation.ID, SubmittedAt: milliseconds(f.created), Timestamp: seconds(f.at())}
}

func platformBroadcastOf(f *facts) platformBroadcast {
	b := f.Broadcast
	return platformBroadcast{BroadcastID: b.ID, Reference: b.Reference, Name: b.Name, TemplateName: b.TemplateName, Status: strings.ToUpper(b.Status),
		TotalRecipients: b.TotalRecipients, Sent: b.Sent, Delivered: b.Delivered, Read: b.Read, Failed: b.Failed,
		StartedAt: milliseconds(timeOr(b.StartedAt.Time, f.created)), CompletedAt: optional(b.CompletedAt, milliseconds), Timestamp: seconds(f.at())}
}

func platformErrorOf(f *facts) platformError {
	return platformError{Error: *f.Error, Timestamp: seconds(f.at())}
}

func platformFileOf(f *facts) platformFile {
	file := f.File
	return platformFile{MessageID: file.MessageID, Media: platformKept{platformMedia{ID: file.MediaID, Type: file.Kind, MimeType: file.MimeType, Filename: file.Filename},
		file.URL, file.Size, file.SHA256}, Failure: file.Failure, Reason: f.Reason, ConversationID: f.Conversation.ID, Timestamp: seconds(f.at())}
}

func platformOperationOf(f *facts) platformOperation {
	o := platformOperation{Delivery: f.Delivery, Number: plus(f.Number.Display), Reason: f.Reason, Timestamp: seconds(f.at())}
	if f.Webhook.ID != 0 {
		o.Endpoint = f.Webhook
	}
	return o
}

func platformFieldOf(f *facts) platformField {
	p := platformField{Field: f.Field, Value: f.Value, Reason: f.Reason, Number: plus(f.Number.Display), ConversationID: f.Conversation.ID,
		ReceivedAt: milliseconds(f.created), Timestamp: seconds(f.at())}
	if customer := platformCustomer(f); customer != (platformParty{}) {
		p.Customer = &customer
	}
	return p
}

func platformUnrecognizedOf(f *facts) platformUnrecognized {
	return platformUnrecognized{Field: f.Field, Reason: f.Reason, Raw: f.Raw, Timestamp: seconds(f.at())}
}

// plus is a number with its sign in front; ids of groups and the like, which are not all digits, stay as they are.
func plus(number string) string {
	if !isNumber(number) {
		return number
	}
	return "+" + number
}
