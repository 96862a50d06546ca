package fanout

import (
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// From the platform's shapes to the product's.

func id(n int64) string { return strconv.FormatInt(n, 10) }

// messageData is a message as its event has it.
func messageData(f *fact) *event.Message {
	m := f.message
	out := contentData(m)
	out.ID, out.Timestamp, out.GroupID = m.ID, event.Time{Time: f.occurred}, m.GroupID
	out.Direction, out.SentBy = direction(f.outbound), f.sentBy
	business := digits(f.number.Display)
	if f.outbound {
		out.From, out.To = cmp.Or(m.From, business), cmp.Or(m.To, m.ToUserID)
		out.Tracking = f.tracked
	} else {
		out.From, out.To = cmp.Or(m.From, m.FromUserID), f.number.Display
	}
	return out
}

func direction(outbound bool) string {
	if outbound {
		return "outbound"
	}
	return "inbound"
}

// contentData is what a message says, without who said it to whom.
func contentData(m *waba.Message) *event.Message {
	out := &event.Message{Type: m.Type, Text: m.Text, Content: m.Content, Context: m.ContextRaw, Referral: m.Referral, Errors: errorsData(m.Errors)}
	if m.Media != nil {
		out.Media = &event.Media{ID: m.Media.ID, Kind: m.Media.Kind, MimeType: m.Media.MimeType, SHA256: m.Media.SHA256, Filename: m.Media.Filename,
			Caption: m.Media.Caption, URL: m.Media.URL, Voice: m.Media.Voice, Animated: m.Media.Animated}
	}
	if m.Context != nil {
		out.ReplyTo, out.Forwarded = m.Context.ID, m.Context.Forwarded || m.Context.FrequentlyForwarded
	}
	if c := m.Choice; c != nil {
		out.Choice = &event.Choice{Kind: c.Kind, ID: c.ID, Title: c.Title, Description: c.Description}
	}
	if r := m.Reaction; r != nil {
		out.Reaction = &event.Reaction{MessageID: r.MessageID, Emoji: r.Emoji, Removed: r.Emoji == ""}
	}
	return out
}

// editData is the message that an edit is about, with its new content.
func editData(f *fact) *event.Message {
	out := messageData(f)
	said := contentData(&f.message.Edit.Message)
	out.ID, out.RevisionID = f.message.Edit.OriginalID, f.message.ID
	out.Type, out.Text, out.Content, out.Media, out.Context, out.ReplyTo = said.Type, said.Text, said.Content, said.Media, said.Context, said.ReplyTo
	if out.Type == "" {
		out.Type = "unknown"
	}
	return out
}

// deletionData is the message that a deletion is about, of which nothing is left but who and when.
func deletionData(f *fact, wamid string) *event.Message {
	out := &event.Message{ID: wamid, Direction: direction(f.outbound), Type: "unknown", Timestamp: event.Time{Time: f.occurred}}
	if f.message != nil {
		out = messageData(f)
		out.ID, out.RevisionID, out.Type, out.Content = wamid, f.message.ID, "unknown", nil
	}
	return out
}

// reportedData is a message of which a status and its tracking string are all that is known, besides what was kept.
func reportedData(f *fact, m models.Message) *event.Message {
	return &event.Message{ID: f.status.ID, Direction: direction(true), From: digits(f.number.Display), To: cmp.Or(f.status.RecipientID, f.status.RecipientUserID),
		Type: cmp.Or(m.Type, "unknown"), Text: m.Text, SentBy: f.sentBy, Tracking: f.status.Tracking, Timestamp: event.Time{Time: f.occurred}}
}

func conversationData(v models.Conversation) *event.Conversation {
	out := &event.Conversation{ID: v.ID, CreatedAt: event.Time{Time: v.CreatedAt}, Status: v.Status, Labels: v.Labels, Note: v.Note, Assignee: v.Assignee,
		AI: aiOf(v.AI, ""), AIReason: v.AI.Off, AIDetail: v.AI.Detail}
	if expires := v.WindowExpiresAt(); !expires.IsZero() {
		out.WindowExpiresAt = &event.Time{Time: expires}
	}
	return out
}

// aiOf says whether an AI may answer: "off", or the given word.
func aiOf(s models.AISetting, on string) string {
	if s.Off != "" {
		return "off"
	}
	return on
}

func orderData(o *models.Order) *event.Order {
	return &event.Order{ID: o.ID, Reference: o.Reference, MessageID: o.Wamid, Status: o.Status, PaymentStatus: o.PaymentStatus, CatalogID: o.CatalogID,
		Text: o.Text, Items: o.Items, Total: o.Total, Currency: o.Currency, CreatedAt: event.Time{Time: o.CreatedAt}, UpdatedAt: event.Time{Time: o.UpdatedAt}, Payment: o.Payment}
}

func broadcastData(v *models.Broadcast) *event.Broadcast {
	out := &event.Broadcast{ID: v.ID, Reference: v.Reference, Name: v.Name, TemplateName: v.TemplateName, Status: "running", TotalRecipients: v.Total,
		Sent: v.Sent, Delivered: v.Delivered, Read: v.Read, Failed: v.Failed, Failures: Failures(v), StartedAt: event.Time{Time: v.StartedAt}}
	if !v.CompletedAt.IsZero() {
		out.Status, out.CompletedAt = "completed", &event.Time{Time: v.CompletedAt}
	}
	return out
}

func statusData(s *waba.Status, at time.Time, current string) *event.Status {
	return &event.Status{MessageID: s.ID, Status: s.Status, Current: current, RecipientID: s.RecipientID, RecipientUserID: s.RecipientUserID,
		ParticipantID: s.ParticipantID, ParticipantUser: s.ParticipantUserID, Timestamp: event.Time{Time: at}, Tracking: s.Tracking,
		Pricing: s.Pricing, Conversation: s.Conversation, Errors: errorsData(s.Errors)}
}

// errorData is an error with what the gateway knows to do about it.
func errorData(e waba.Error) event.Error {
	out := event.Error{Code: e.Code, Title: e.Title, Message: e.Message, Details: e.Details, Href: e.Href}
	if known, ok := waba.Explain(e.Code); ok {
		out.Action, out.Advice = string(known.Action), known.Advice
	}
	return out
}

func errorsData(es []waba.Error) []event.Error {
	var out []event.Error
	for _, e := range es {
		out = append(out, errorData(e))
	}
	return out
}

// flattened is the data with every part that upstream wrote as text instead of JSON.
func flattened(d event.Data) event.Data {
	text := func(raw *json.RawMessage) {
		if len(*raw) > 0 {
			*raw = asJSONString(*raw)
		}
	}
	text(&d.Raw)
	text(&d.Value)
	text(&d.Previous)
	if d.Form != nil {
		form := *d.Form
		text(&form.Fields)
		d.Form = &form
	}
	if d.Order != nil {
		order := *d.Order
		text(&order.Items)
		text(&order.Payment)
		d.Order = &order
	}
	if d.Message != nil {
		m := *d.Message
		text(&m.Content)
		text(&m.Context)
		text(&m.Referral)
		d.Message = &m
	}
	if d.Status != nil {
		s := *d.Status
		text(&s.Pricing)
		text(&s.Conversation)
		d.Status = &s
	}
	return d
}
