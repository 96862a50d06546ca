package fanout

import (
	"encoding/json"
	"strconv"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// From the platform's shapes to the product's.

func id(n int64) string { return strconv.FormatInt(n, 10) }

func messageData(m *waba.Message, n models.Number, at time.Time) *event.Message {
	from := m.From
	if from == "" {
		from = m.FromUserID
	}
	out := &event.Message{ID: m.ID, Direction: "inbound", From: from, To: n.Display, Type: m.Type, Text: m.Text, Timestamp: event.Time{Time: at},
		GroupID: m.GroupID, Content: m.Content, Context: m.ContextRaw, Referral: m.Referral}
	if m.Media != nil {
		out.Media = &event.Media{ID: m.Media.ID, Kind: m.Media.Kind, MimeType: m.Media.MimeType, SHA256: m.Media.SHA256, Filename: m.Media.Filename,
			Caption: m.Media.Caption, URL: m.Media.URL, Voice: m.Media.Voice, Animated: m.Media.Animated}
	}
	if m.Context != nil {
		out.ReplyTo, out.Forwarded = m.Context.ID, m.Context.Forwarded || m.Context.FrequentlyForwarded
	}
	out.Errors = errorsData(m.Errors)
	return out
}

func statusData(s *waba.Status, at time.Time, current string) *event.Status {
	return &event.Status{MessageID: s.ID, Status: s.Status, Current: current, RecipientID: s.RecipientID, RecipientUserID: s.RecipientUserID,
		ParticipantID: s.ParticipantID, Timestamp: event.Time{Time: at}, Tracking: s.Tracking, Pricing: s.Pricing, Conversation: s.Conversation, Errors: errorsData(s.Errors)}
}

func errorData(e waba.Error) event.Error {
	return event.Error{Code: e.Code, Title: e.Title, Message: e.Message, Details: e.Details, Href: e.Href}
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
