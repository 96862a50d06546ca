package dialect

import (
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
// errors; phone numbers are the user id when withheld; a group's message has group_id, an answer reply_to. An open
// conversation is "active". The old_status and new_status of an order are those of its payment where that is the news;
// old_status is empty where nothing was known before. What the platform's other fields say is field and value.
func awalchat() Dialect {
	m := usual()
	m.Schedule = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour}
	m.Final = func(status int) bool { return status == http.StatusBadRequest || status == http.StatusUnauthorized }
	m.Challenge = true
	d := Dialect{
		Name:    "awalchat",
		Manners: m,
		scheme:  signature.Awalchat,
		dated:   true,
		names:   map[string]string{event.MessageReport: "message.status.updated"},
	}
	return d.product(notice(seconds), forms{own: with(
		map[string]form{
			event.MessageReport:        formed(awalStatusOf),
			event.HistoryMessage:       formed(awalPastOf),
			event.ConversationCreated:  formed(awalConversationOf),
			event.ConversationUpdated:  formed(awalSettingsOf),
			event.ContactCreated:       formed(awalContactOf),
			event.ContactUpdated:       formed(awalContactOf),
			event.OrderCreated:         formed(awalOrderOf),
			event.OrderStatusUpdated:   formed(awalOrderStatusOf),
			event.FormSubmitted:        formed(awalFormOf),
			event.ErrorReported:        formed(awalErrorOf),
			event.UpstreamUnrecognized: formed(awalUnrecognizedOf),
		},
		shared(formed(awalMessageOf), event.MessageReceived, event.MessageSent, event.AIReplied, event.MessageEdited, event.MessageDeleted),
		shared(formed(awalFileOf), event.MediaReady, event.MediaFailed),
		shared(formed(awalBroadcastOf), event.BroadcastProgress, event.BroadcastCompleted),
		shared(formed(awalOperationOf), event.NumberConnected, event.WebhookFailing, event.WebhookDisabled, event.WebhookRecovered, event.DeliveryExhausted, event.UpstreamSilent, event.MessageUnreported),
	), other: formed(awalFieldOf)})
}

func awalMessageOf(f *facts) awalMessage {
	m := awalMessage{MessageID: f.Message.ID, RevisionID: f.Message.RevisionID, ConversationID: f.Conversation.ID, From: f.sender(), To: f.receiver(),
		Type: f.Message.Type, Body: f.Message.Text, Content: f.content(), GroupID: f.Message.GroupID, ReplyTo: f.Message.ReplyTo,
		SentBy: f.Message.SentBy, Timestamp: seconds(timeOr(f.Message.Timestamp.Time, f.at()))}
	if media := f.Message.Media; media != nil {
		m.MediaType, m.MediaID, m.MimeType, m.Filename = media.Kind, media.ID, media.MimeType, media.Filename
	}
	return m
}

func awalPastOf(f *facts) awalPast {
	return awalPast{ConversationID: f.Conversation.ID, Status: f.Message.HistoryStatus, awalMessage: awalMessageOf(f)}
}

func awalStatusOf(f *facts) awalStatus {
	return awalStatus{MessageID: f.Status.MessageID, Status: f.Status.Status, Errors: f.Status.Errors,
		Timestamp: seconds(timeOr(f.Status.Timestamp.Time, f.at()))}
}

func awalConversationOf(f *facts) awalConversation {
	return awalConversation{ConversationID: f.Conversation.ID, ContactID: f.Contact.ID, PhoneNumber: f.customer(),
		CreatedAt: seconds(timeOr(f.Conversation.CreatedAt.Time, f.at()))}
}

func awalSettingsOf(f *facts) awalSettings {
	return awalSettings{ConversationID: f.Conversation.ID, Status: awalState(f.Conversation.Status), OldStatus: awalState(f.before.Status),
		Labels: f.labels(), Note: f.Conversation.Note, Assignee: f.Conversation.Assignee, WindowExpiresAt: optional(f.Conversation.WindowExpiresAt, seconds),
		AI: f.Conversation.AI, AIReason: f.Conversation.AIReason, AIDetail: f.Conversation.AIDetail,
		UpdatedAt: seconds(f.at())}
}

// awalState is the status of a conversation in the product's words.
func awalState(status string) string {
	if status == "open" {
		return "active"
	}
	return status
}

func awalContactOf(f *facts) awalContact {
	c := awalContact{ContactID: f.Contact.ID, Name: f.name(), PhoneNumber: f.customer(), Username: f.Contact.Username, UserID: f.Contact.UserID,
		Previous: f.Previous}
	if f.typ == event.ContactCreated {
		c.CreatedAt = seconds(f.at())
	} else {
		c.UpdatedAt = seconds(f.at())
	}
	return c
}

func awalOrderOf(f *facts) awalOrder {
	return awalOrder{OrderID: f.Order.ID, ConversationID: f.Conversation.ID, Status: f.Order.Status, Total: f.Order.Total, Currency: f.Order.Currency,
		Reference: f.Order.Reference, MessageID: f.Order.MessageID, Text: f.Order.Text, Items: f.Order.Items,
		CreatedAt: seconds(timeOr(f.Order.CreatedAt.Time, f.at()))}
}

func awalOrderStatusOf(f *facts) awalOrderStatus {
	s := awalOrderStatus{OrderID: f.Order.ID, ConversationID: f.Conversation.ID, Reference: f.Order.Reference, PaymentStatus: f.Order.PaymentStatus,
		Payment: f.Order.Payment, UpdatedAt: seconds(f.at())}
	s.OldStatus, s.NewStatus = f.orderChange()
	return s
}

func awalFormOf(f *facts) awalForm {
	return awalForm{MessageID: f.Form.MessageID, ConversationID: f.Conversation.ID, ContactID: f.Contact.ID, From: f.customer(), FormName: f.Form.Name,
		FlowToken: f.Form.FlowToken, Fields: f.Form.Fields, Response: f.Form.Response, Timestamp: seconds(f.at())}
}

func awalBroadcastOf(f *facts) awalBroadcast {
	b := f.Broadcast
	return awalBroadcast{BroadcastID: b.ID, Reference: b.Reference, Name: b.Name, TemplateName: b.TemplateName, Status: b.Status,
		TotalRecipients: b.TotalRecipients, Sent: b.Sent, Delivered: b.Delivered, Read: b.Read, Failed: b.Failed,
		StartedAt: seconds(timeOr(b.StartedAt.Time, f.at())), CompletedAt: optional(b.CompletedAt, seconds)}
}

func awalErrorOf(f *facts) awalError {
	return awalError{Error: *f.Error, Timestamp: seconds(f.at())}
}

func awalFileOf(f *facts) awalFile {
	file := f.File
	return awalFile{MessageID: file.MessageID, ConversationID: f.Conversation.ID, ContactID: f.Contact.ID, MediaType: file.Kind, MediaID: file.MediaID,
		MimeType: file.MimeType, Filename: file.Filename, MediaURL: file.URL, FileSize: file.Size, SHA256: file.SHA256, Failure: file.Failure, Reason: f.Reason,
		Timestamp: seconds(f.at())}
}

func awalOperationOf(f *facts) awalOperation {
	o := awalOperation{WebhookID: f.Webhook.ID, Name: f.Webhook.Name, URL: f.Webhook.URL, FailCount: f.Webhook.FailCount, Reason: f.Reason,
		PhoneNumber: f.Number.Display, Timestamp: seconds(f.at())}
	if d := f.Delivery; d != nil {
		o.DeliveryID, o.EventID, o.EventType, o.Attempts = d.ID, d.EventID, d.EventType, d.Attempts
	}
	return o
}

func awalFieldOf(f *facts) awalField {
	return awalField{Field: f.Field, Value: f.Value, Reason: f.Reason, ConversationID: f.Conversation.ID, ContactID: f.Contact.ID, PhoneNumber: f.customer(),
		Timestamp: seconds(f.at())}
}

func awalUnrecognizedOf(f *facts) awalUnrecognized {
	return awalUnrecognized{Field: f.Field, Reason: f.Reason, Raw: f.Raw, Timestamp: seconds(f.at())}
}
