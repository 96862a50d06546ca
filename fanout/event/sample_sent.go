package event

import (
	"encoding/json"
	"time"

	"wabagate/waba"
)

const sampleAnswer = "It left this morning and will be with you by six 🚚"

// sentRecipes are what the business sends. The platform itself shows only what was written in its phone app.
func sentRecipes() []recipe {
	sent := func(by, tracking string) func(s *sample) {
		return func(s *sample) {
			s.send(Message{Type: "text", Text: sampleAnswer, SentBy: by, Tracking: tracking, Content: said(sampleAnswer)})
		}
	}
	return []recipe{
		// An agent who answers in the phone app: the one sent message that raw dialects have a form for.
		{MessageSent, "", func(s *sample) { sent("agent", "")(s); s.echo(s.data.Message) }},
		{MessageSent, "app", func(s *sample) { sent("app", "")(s); s.echo(s.data.Message) }},
		{MessageSent, "api", sent("api", "origin=api")},
		{MessageSent, "system", sent("system", "origin=system")},
		{MessageSent, "broadcast", func(s *sample) {
			s.send(Message{Type: "template", SentBy: "broadcast", Tracking: sampleTracking,
				Content: raw(`{"name":"november_offer","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"Layla"}]}]}`)})
		}},
		{MessageSent, "reported", func(s *sample) { // all that is known is a status and its tracking string
			s.send(Message{Type: "unknown", SentBy: "agent", Tracking: "origin=agent"})
		}},
		{AIReplied, "", sent("ai", "origin=ai")},
		{HistoryMessage, "", sampleHistory},
		{MediaReady, "", func(s *sample) {
			s.talk(3)
			s.data.File = &File{MediaID: "900001", MessageID: s.wamid(), Kind: "image", MimeType: "image/jpeg", Size: 49664,
				SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", URL: sampleLink}
		}},
		{MediaFailed, "", func(s *sample) {
			s.talk(3)
			s.data.File = &File{MediaID: "900005", MessageID: s.wamid(), Kind: "document", MimeType: "application/pdf", Filename: "quote.pdf", Failure: "type_refused"}
			s.data.Reason = "The file is a program for Windows, whatever it calls itself; such files are not kept."
		}},
	}
}

const sampleLink = "https://wabagate.example.com/media/900001?token=AAAAAAAAAAFzYW1wbGUgb25seSE"

const sampleTracking = "origin=broadcast;broadcast=89;template=november_offer;recipients=500"

// send is a message of the business in the open conversation.
func (s *sample) send(m Message) {
	s.talk(2)
	m.ID, m.Direction, m.Timestamp = s.wamid(), "outbound", s.at
	m.From, m.To = sampleBusiness, sampleCustomer
	s.data.Message = &m
}

// echo is the envelope of a message that was written in the phone app.
func (s *sample) echo(m *Message) {
	s.envelope("smb_message_echoes", "", "message_echoes", list(s.messageJSON(m, m.Type, m.Content)))
}

// sampleHistory is a message of half a year ago, which the phone app handed over. The customer need not be a contact.
func sampleHistory(s *sample) {
	const text = "Do you deliver on Fridays?"
	s.at = s.after(-100 * 24 * time.Hour)
	s.data.OccurredAt = s.at
	m := s.complete(Message{Type: "text", Text: text, HistoryStatus: "READ", Content: said(text)})
	s.data.Message = m
	element := written(func(o *object) {
		o.text("from", m.From, true)
		o.text("id", m.ID, true)
		o.text("timestamp", s.unix(), true)
		o.text("type", m.Type, true)
		o.raw(m.Type, m.Content)
		o.object("history_context", func() { o.text("status", m.HistoryStatus, true) })
	})
	thread := `{"id":"` + sampleCustomer + `","context":{` + samplePerson + `},"messages":[` + string(element) + `]}`
	s.envelope("history", "", "history", json.RawMessage(`[{"threads":[`+thread+`]}]`))
}

// reportRecipes are what becomes of messages of the business.
func reportRecipes() []recipe {
	status := func(value string) Status { return Status{Status: value, Current: value} }
	sent := status(waba.StatusSent)
	sent.Pricing, sent.Tracking = raw(samplePricing), sampleTracking
	delivered := status(waba.StatusDelivered)
	delivered.Pricing = raw(samplePricing)
	conversation := status(waba.StatusSent)
	conversation.Pricing = raw(`{"billable":true,"pricing_model":"CBP","category":"service"}`)
	conversation.Conversation = raw(`{"id":"c0ffee01","expiration_timestamp":"{tomorrow}","origin":{"type":"service"}}`)
	failed := status(waba.StatusFailed)
	failed.Errors = []Error{explained(Error{Code: "131026", Title: "Message undeliverable", Message: "Message undeliverable",
		Details: "The recipient cannot get this message.", Href: sampleErrors})}
	late := status(waba.StatusSent) // it came after the message had been read
	late.Current = waba.StatusRead
	group := status(waba.StatusDelivered)
	group.RecipientID, group.ParticipantID, group.ParticipantUser = sampleGroup, sampleCustomer, sampleUserID

	var all []recipe
	for _, v := range []struct {
		variant string
		status  Status
	}{
		{"", delivered}, {"sent", sent}, {"delivered", delivered}, {"read", status(waba.StatusRead)}, {"played", status(waba.StatusPlayed)}, {"failed", failed},
		{"late", late}, {"conversation", conversation}, {"group", group},
	} {
		all = append(all, recipe{MessageReport, v.variant, func(s *sample) { s.report(v.status) }})
	}
	return all
}

const (
	samplePricing = `{"billable":true,"pricing_model":"PMP","type":"regular","category":"utility"}`
	sampleErrors  = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"
)

// report is a status of a message that the business sent to the customer, unless a group is given.
func (s *sample) report(v Status) {
	s.talk(3)
	v.MessageID, v.Timestamp, v.Conversation = s.wamid(), s.at, s.text(string(v.Conversation))
	contacts := sampleContact
	if v.RecipientID == "" {
		v.RecipientID, v.RecipientUserID = sampleCustomer, sampleUserID
	}
	if len(v.Errors) > 0 {
		contacts = "" // the platform says of failures that they come without
	}
	if v.ParticipantID != "" { // a group is nobody's conversation
		s.data.Sequence, s.data.Contact, s.data.Conversation = 0, nil, nil
	}
	s.data.Status = &v
	s.envelope(waba.FieldMessages, contacts, "statuses", list(written(func(o *object) {
		o.text("id", v.MessageID, true)
		o.text("status", v.Status, true)
		o.text("timestamp", s.unix(), true)
		o.text("recipient_id", v.RecipientID, false)
		o.text("recipient_user_id", v.RecipientUserID, false)
		if v.ParticipantID != "" {
			o.text("recipient_type", "group", true)
		}
		o.text("recipient_participant_id", v.ParticipantID, false)
		o.text("recipient_participant_user_id", v.ParticipantUser, false)
		o.text("biz_opaque_callback_data", v.Tracking, false)
		o.raw("conversation", v.Conversation)
		o.raw("pricing", v.Pricing)
		o.raw("errors", errorsJSON(v.Errors))
	})))
}
