package dialect

import (
	"strconv"

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
// without media; of a button or row that was chosen text is the title; a message that is neither text nor media carries
// the platform's object as content; a group's has group_id, an answer reply_to. sent_by knows app and broadcast too. A
// broadcast_id is the business's own where that is an integer; where it is a name the id is the gateway's, and the name
// is broadcast_reference. The other event types have flat data of the same vocabulary, and what the platform's other
// fields say is field and value.
func twabot() Dialect {
	m := usual()
	m.Success = only200
	d := Dialect{Name: "twabot", Manners: m, scheme: signature.TwaBot}
	return d.product(notice(milliseconds), forms{own: with(
		map[string]form{
			event.MessageReceived:      formed(twabotReceivedOf),
			event.MessageSent:          formed(twabotSentOf),
			event.MessageReport:        formed(twabotReportOf),
			event.AIReplied:            formed(twabotReplyOf),
			event.ConversationCreated:  formed(twabotConversationOf),
			event.ConversationUpdated:  formed(twabotSettingsOf),
			event.OrderCreated:         formed(twabotOrderOf),
			event.OrderStatusUpdated:   formed(twabotOrderOf),
			event.FormSubmitted:        formed(twabotFormOf),
			event.ErrorReported:        formed(twabotErrorOf),
			event.UpstreamUnrecognized: formed(twabotUnrecognizedOf),
		},
		shared(formed(twabotKeptOf), event.MessageEdited, event.MessageDeleted, event.HistoryMessage),
		shared(formed(twabotContactOf), event.ContactCreated, event.ContactUpdated),
		shared(formed(twabotFileOf), event.MediaReady, event.MediaFailed),
		shared(formed(twabotBroadcastOf), event.BroadcastProgress, event.BroadcastCompleted),
		shared(formed(twabotOperationOf), event.NumberConnected, event.WebhookFailing, event.WebhookDisabled, event.WebhookRecovered, event.DeliveryExhausted, event.UpstreamSilent, event.MessageUnreported),
	), other: formed(twabotFieldOf)})
}

func twabotBodyOf(f *facts) twabotBody {
	b := twabotBody{Type: f.Message.Type, twabotMedia: twabotMediaOf(f), Content: f.content(), GroupID: f.Message.GroupID, ReplyTo: f.Message.ReplyTo}
	if f.Message.Media == nil {
		b.Text = &f.Message.Text
	}
	return b
}

func twabotMediaOf(f *facts) twabotMedia {
	media := f.Message.Media
	if media == nil {
		return twabotMedia{}
	}
	return twabotMedia{MediaType: media.Kind, MediaID: media.ID, MimeType: media.MimeType, Caption: f.Message.Text, Filename: media.Filename}
}

func twabotReceivedOf(f *facts) twabotReceived {
	return twabotReceived{MessageID: f.Message.ID, From: f.sender(), FromName: f.name(), twabotBody: twabotBodyOf(f),
		ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
}

func twabotSentOf(f *facts) twabotSent {
	return twabotSent{MessageID: f.Message.ID, To: f.receiver(), twabotBody: twabotBodyOf(f), SentBy: f.Message.SentBy,
		ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
}

func twabotKeptOf(f *facts) twabotKept {
	k := twabotKept{MessageID: f.Message.ID, RevisionID: f.Message.RevisionID, Direction: f.Message.Direction, From: f.sender(), To: f.receiver(),
		CustomerName: f.name(), twabotBody: twabotBodyOf(f), Status: f.Message.HistoryStatus, ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
	if f.typ == event.MessageDeleted {
		k.Text = nil // there is nothing left of it
	}
	return k
}

func twabotReplyOf(f *facts) twabotReply {
	return twabotReply{MessageID: f.Message.ID, To: f.receiver(), AIResponse: f.Message.Text, twabotMedia: twabotMediaOf(f),
		ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
}

func twabotReportOf(f *facts) twabotReport {
	return twabotReport{MessageID: f.Status.MessageID, To: f.recipient(), Status: f.Status.Status, Timestamp: milliseconds(timeOr(f.Status.Timestamp.Time, f.at())),
		Errors: f.Status.Errors, ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
}

func twabotConversationOf(f *facts) twabotConversation {
	return twabotConversation{ConversationID: f.Conversation.ID, CustomerPhone: f.customer(), CustomerName: f.name(),
		FirstMessage: f.Message.Text, BusinessID: f.BusinessID}
}

func twabotSettingsOf(f *facts) twabotSettings {
	return twabotSettings{ConversationID: f.Conversation.ID, CustomerPhone: f.customer(), CustomerName: f.name(), Status: f.Conversation.Status,
		Labels: f.labels(), Note: f.Conversation.Note, Assignee: f.Conversation.Assignee, WindowExpiresAt: optional(f.Conversation.WindowExpiresAt, milliseconds),
		AI: f.Conversation.AI, AIReason: f.Conversation.AIReason, AIDetail: f.Conversation.AIDetail,
		Previous: f.Previous, BusinessID: f.BusinessID}
}

func twabotContactOf(f *facts) twabotContact {
	return twabotContact{ContactID: f.Contact.ID, CustomerPhone: f.customer(), CustomerName: f.name(), Username: f.Contact.Username, UserID: f.Contact.UserID,
		Previous: f.Previous, BusinessID: f.BusinessID}
}

func twabotOrderOf(f *facts) twabotOrder {
	return twabotOrder{OrderID: f.Order.ID, OrderReference: f.Order.Reference, MessageID: f.Order.MessageID, CustomerPhone: f.customer(), CustomerName: f.name(),
		Status: f.Order.Status, PreviousStatus: f.before.Status, PaymentStatus: f.Order.PaymentStatus, PreviousPaymentStatus: f.before.PaymentStatus,
		Total: f.Order.Total, Currency: f.Order.Currency, Text: f.Order.Text, Items: f.Order.Items, Payment: f.Order.Payment,
		ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
}

func twabotFormOf(f *facts) twabotForm {
	return twabotForm{MessageID: f.Form.MessageID, From: f.customer(), FromName: f.name(), FormName: f.Form.Name, FlowToken: f.Form.FlowToken,
		Fields: f.Form.Fields, Response: f.Form.Response, ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
}

func twabotBroadcastOf(f *facts) twabotBroadcast {
	b := twabotBroadcast{BroadcastID: f.Broadcast.ID, TemplateName: f.Broadcast.TemplateName, TotalRecipients: f.Broadcast.TotalRecipients,
		Sent: f.Broadcast.Sent, Delivered: f.Broadcast.Delivered, Read: f.Broadcast.Read, Failed: f.Broadcast.Failed, BusinessID: f.BusinessID}
	if id, ok := integerID(f.Broadcast.Reference); ok {
		b.BroadcastID = id
	} else {
		b.BroadcastReference = f.Broadcast.Reference
	}
	return b
}

// integerID reads an id that is an integer and says so in the usual way, such as "89", not "089". Larger ones than a
// double holds stay text.
func integerID(s string) (int64, bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0 && id <= 1<<53 && strconv.FormatInt(id, 10) == s
}

func twabotErrorOf(f *facts) twabotError {
	return twabotError{Error: *f.Error, BusinessID: f.BusinessID}
}

func twabotFileOf(f *facts) twabotFile {
	file := f.File
	return twabotFile{MessageID: file.MessageID, twabotMedia: twabotMedia{MediaType: file.Kind, MediaID: file.MediaID, MimeType: file.MimeType, Filename: file.Filename},
		MediaURL: file.URL, FileSize: file.Size, SHA256: file.SHA256, Failure: file.Failure, Reason: f.Reason, CustomerPhone: f.customer(), CustomerName: f.name(),
		ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
}

func twabotOperationOf(f *facts) twabotOperation {
	o := twabotOperation{WebhookID: f.Webhook.ID, Name: f.Webhook.Name, URL: f.Webhook.URL, FailCount: f.Webhook.FailCount, Reason: f.Reason,
		BusinessPhone: f.Number.Display, BusinessID: f.BusinessID}
	if d := f.Delivery; d != nil {
		o.DeliveryID, o.EventID, o.EventType, o.Attempts = d.ID, d.EventID, d.EventType, d.Attempts
	}
	return o
}

func twabotFieldOf(f *facts) twabotField {
	return twabotField{Field: f.Field, Value: f.Value, Reason: f.Reason, CustomerPhone: f.customer(), CustomerName: f.name(), BusinessPhone: f.Number.Display,
		ConversationID: f.Conversation.ID, BusinessID: f.BusinessID}
}

func twabotUnrecognizedOf(f *facts) twabotUnrecognized {
	return twabotUnrecognized{Field: f.Field, Reason: f.Reason, Raw: f.Raw, BusinessID: f.BusinessID}
}
