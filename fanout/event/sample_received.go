package event

import (
	"cmp"
	"encoding/json"

	"wabagate/waba"
)

const sampleText = "Hi! Is my order 1042 on its way? 🙏"

// receivedRecipes are what customers send.
func receivedRecipes() []recipe {
	variants := []struct {
		variant string
		message Message
	}{
		{"", Message{Type: "text", Text: sampleText, Content: said(sampleText)}},
		{"image", Message{Type: "image", Text: "The roof after the storm",
			Media: &Media{ID: "900001", Kind: "image", MimeType: "image/jpeg", SHA256: "q83vEjRWeJA=", Caption: "The roof after the storm",
				URL: sampleMedia + "900001"},
			Content: raw(`{"id":"900001","mime_type":"image/jpeg","sha256":"q83vEjRWeJA=","caption":"The roof after the storm","url":"` + sampleMedia + `900001"}`)}},
		{"video", Message{Type: "video",
			Media:   &Media{ID: "900002", Kind: "video", MimeType: "video/mp4", SHA256: "q83vEjRWeJE="},
			Content: raw(`{"id":"900002","mime_type":"video/mp4","sha256":"q83vEjRWeJE="}`)}},
		{"audio", Message{Type: "audio",
			Media:   &Media{ID: "900003", Kind: "audio", MimeType: "audio/mpeg", SHA256: "q83vEjRWeJI="},
			Content: raw(`{"id":"900003","mime_type":"audio/mpeg","sha256":"q83vEjRWeJI=","voice":false}`)}},
		{"voice", Message{Type: "audio",
			Media:   &Media{ID: "900004", Kind: "audio", MimeType: "audio/ogg; codecs=opus", SHA256: "q83vEjRWeJM=", Voice: true},
			Content: raw(`{"id":"900004","mime_type":"audio/ogg; codecs=opus","sha256":"q83vEjRWeJM=","voice":true}`)}},
		{"document", Message{Type: "document", Text: "signed & sent",
			Media:   &Media{ID: "900005", Kind: "document", MimeType: "application/pdf", SHA256: "q83vEjRWeJQ=", Filename: "quote.pdf", Caption: "signed & sent"},
			Content: raw(`{"id":"900005","mime_type":"application/pdf","sha256":"q83vEjRWeJQ=","filename":"quote.pdf","caption":"signed & sent"}`)}},
		{"sticker", Message{Type: "sticker",
			Media:   &Media{ID: "900006", Kind: "sticker", MimeType: "image/webp", SHA256: "q83vEjRWeJU=", Animated: true},
			Content: raw(`{"id":"900006","mime_type":"image/webp","sha256":"q83vEjRWeJU=","animated":true}`)}},
		{"location", Message{Type: "location", Text: "Haddad Bakery",
			Content: raw(`{"latitude":24.7136,"longitude":46.6753,"name":"Haddad Bakery","address":"12 Olaya Street, Riyadh"}`)}},
		{"contacts", Message{Type: "contacts", Text: "Omar Saleh",
			Content: raw(`[{"name":{"formatted_name":"Omar Saleh","first_name":"Omar","last_name":"Saleh"},"phones":[{"phone":"+1 555-017-9000",` +
				`"wa_id":"15550179000","type":"CELL"}],"emails":[{"email":"omar@example.com","type":"WORK"}],"org":{"company":"Saleh & Sons"}}]`)}},
		{"contact_shared", Message{Type: "contacts",
			Content: raw(`[{"origin":"contact_request","phones":[{"phone":"+` + sampleCustomer + `","wa_id":"` + sampleCustomer + `"}]}]`)}},
		{"button", Message{Type: "button", Text: "Confirm", Choice: &Choice{Kind: "button", ID: "CONFIRM-1042", Title: "Confirm"},
			ReplyTo: "{earlier}", Context: raw(quoting), Content: raw(`{"payload":"CONFIRM-1042","text":"Confirm"}`)}},
		{"button_reply", Message{Type: "interactive", Text: "Yes, please", Choice: &Choice{Kind: "button_reply", ID: "yes-1", Title: "Yes, please"},
			ReplyTo: "{earlier}", Context: raw(quoting), Content: raw(`{"type":"button_reply","button_reply":{"id":"yes-1","title":"Yes, please"}}`)}},
		{"list_reply", Message{Type: "interactive", Text: "09:00", ReplyTo: "{earlier}", Context: raw(quoting),
			Choice:  &Choice{Kind: "list_reply", ID: "slot-9", Title: "09:00", Description: "Tuesday morning"},
			Content: raw(`{"type":"list_reply","list_reply":{"id":"slot-9","title":"09:00","description":"Tuesday morning"}}`)}},
		{"nfm_reply", Message{Type: "interactive", Text: "Sent", ReplyTo: "{earlier}", Context: raw(quoting),
			Content: raw(`{"type":"nfm_reply","nfm_reply":{"name":"flow","body":"Sent",` +
				`"response_json":"{\"flow_token\":\"visit-1042\",\"rating\":\"4\",\"comment\":\"Fast & kind\"}"}}`)}},
		{"call_permission", Message{Type: "interactive", Choice: &Choice{Kind: "call_permission_reply", ID: "accept"}, ReplyTo: "{earlier}", Context: raw(quoting),
			Content: raw(`{"type":"call_permission_reply","call_permission_reply":{"response":"accept","is_permanent":false,` +
				`"expiration_timestamp":{tomorrow},"response_source":"user_action"}}`)}},
		{"order", Message{Type: "order", Text: "Gift wrap, please",
			Content: raw(`{"catalog_id":"800001","text":"Gift wrap, please","product_items":` + sampleItems + `}`)}},
		{"reaction", Message{Type: "reaction", Text: "👍", Reaction: &Reaction{MessageID: "{earlier}", Emoji: "👍"},
			Content: raw(`{"message_id":"{earlier}","emoji":"👍"}`)}},
		{"reaction_removed", Message{Type: "reaction", Reaction: &Reaction{MessageID: "{earlier}", Removed: true}, Content: raw(`{"message_id":"{earlier}"}`)}},
		{"unsupported", Message{Type: "unsupported", Content: raw(`{"type":"poll_creation"}`), Errors: []Error{unsupported()}}},
		{"reply", Message{Type: "text", Text: "Yes, that one", ReplyTo: "{earlier}", Context: raw(quoting), Content: said("Yes, that one")}},
		{"forwarded", Message{Type: "text", Text: "Have you seen this offer?", Forwarded: true, Context: raw(`{"forwarded":true}`),
			Content: said("Have you seen this offer?")}},
		{"product", Message{Type: "text", Text: "Is it there in blue?", ReplyTo: "{earlier}", Content: said("Is it there in blue?"),
			Context: raw(`{"from":"` + sampleBusiness + `","id":"{earlier}","referred_product":{"catalog_id":"800001","product_retailer_id":"abaya-black-m"}}`)}},
		{"ad", Message{Type: "text", Text: "Tell me more", Content: said("Tell me more"),
			Referral: raw(`{"source_url":"https://fb.me/3kQ9example","source_id":"120200300400500","source_type":"ad","headline":"Fresh every morning",` +
				`"body":"Order before noon","media_type":"image","image_url":"https://scontent.example/loaf.jpg","ctwa_clid":"ARxx0123example","ref":"campaign-7"}`)}},
	}
	all := make([]recipe, 0, len(variants)+8)
	for _, v := range variants {
		all = append(all, recipe{MessageReceived, v.variant, func(s *sample) { s.receive(v.message) }})
	}
	return append(all,
		recipe{MessageReceived, "group", func(s *sample) {
			s.receive(Message{Type: "text", Text: "Hi all!", GroupID: sampleGroup, Content: said("Hi all!")})
		}},
		recipe{MessageReceived, "withheld", receiveWithheld},
		recipe{MessageReceived, "number_changed", receiveNumberChanged},
		recipe{MessageEdited, "", receiveEdit},
		recipe{MessageDeleted, "", receiveDeletion},
	)
}

const (
	quoting     = `{"from":"` + sampleBusiness + `","id":"{earlier}"}`
	sampleMedia = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid="
	sampleItems = `[{"product_retailer_id":"abaya-black-m","quantity":2,"item_price":500,"currency":"SAR"},` +
		`{"product_retailer_id":"scarf-rose","quantity":1,"item_price":250,"currency":"SAR"}]`
)

// raw keeps the table narrow.
func raw(text string) json.RawMessage { return json.RawMessage(text) }

// said is the content of a text message.
func said(text string) json.RawMessage {
	return written(func(o *object) { o.text("body", text, true) })
}

func unsupported() Error {
	return explained(Error{Code: "131051", Title: "Message type unknown", Message: "Message type unknown", Details: "This kind of message is not supported."})
}

// receive is a message of the customer in the open conversation. Only what is special about it needs to be given.
func (s *sample) receive(m Message) {
	s.talk(1)
	s.data.Message = s.complete(m)
	s.hear(s.messageJSON(s.data.Message, m.Type, s.data.Message.Content))
}

// complete fills in what all messages of the customer share.
func (s *sample) complete(m Message) *Message {
	m.ID, m.Direction, m.Timestamp = s.wamid(), "inbound", s.at
	m.From, m.To = sampleCustomer, sampleBusiness
	m.ReplyTo, m.Content, m.Context = string(s.text(m.ReplyTo)), s.text(string(m.Content)), s.text(string(m.Context))
	if r := m.Reaction; r != nil {
		m.Reaction = &Reaction{MessageID: string(s.text(r.MessageID)), Emoji: r.Emoji, Removed: r.Removed}
	}
	return &m
}

// hear is the envelope of an element of messages[].
func (s *sample) hear(element json.RawMessage) {
	s.envelope(waba.FieldMessages, sampleContact, "messages", list(element))
}

// messageJSON is how the platform writes a message: its type and content are given apart, because those of an edit are
// not those of the edited message.
func (s *sample) messageJSON(m *Message, typ string, content json.RawMessage) json.RawMessage {
	return written(func(o *object) {
		o.text("from", m.From, false)
		if m.Direction == "inbound" {
			o.text("from_user_id", sampleUserID, false)
		} else {
			o.text("to", m.To, false)
			o.text("to_user_id", sampleUserID, false)
		}
		o.text("group_id", m.GroupID, false)
		o.text("id", cmp.Or(m.RevisionID, m.ID), true)
		o.text("timestamp", s.unix(), true)
		o.text("type", typ, true)
		o.raw(typ, content)
		o.raw("context", m.Context)
		o.raw("referral", m.Referral)
		o.raw("errors", errorsJSON(m.Errors))
	})
}

// receiveWithheld is a message of somebody whose number the platform does not tell: their user id is all there is.
func receiveWithheld(s *sample) {
	s.talk(1)
	s.data.Contact = &Contact{ID: 457, UserID: sampleUserID, ParentUserID: "US.ENT.7RW31PX90", Username: "layla.h"}
	m := s.complete(Message{Type: "text", Text: sampleText, Content: said(sampleText)})
	m.From = "" // the platform leaves it out; the product names the sender all the same
	element := s.messageJSON(m, m.Type, m.Content)
	m.From = sampleUserID
	s.data.Message = m
	contact := `{"profile":{"username":"layla.h"},"user_id":"` + sampleUserID + `","parent_user_id":"US.ENT.7RW31PX90"}`
	s.envelope(waba.FieldMessages, contact, "messages", list(element))
}

// receiveNumberChanged is the platform's notice that the customer goes by another number, and so by another user id,
// from now on. No contacts come with it.
func receiveNumberChanged(s *sample) {
	const number, userID, body = "15550188888", "US.8N3XV0P2LD", sampleName + " changed from " + sampleCustomer + " to 15550188888"
	s.talk(5)
	s.data.Contact.WaID, s.data.Contact.UserID = number, userID
	m := s.complete(Message{Type: "system", Text: body, Content: raw(`{"type":"user_changed_number","body":"` + body + `","wa_id":"` + number +
		`","user_id":"` + userID + `","previous_user_id":"` + sampleUserID + `"}`)})
	s.data.Message = m
	s.envelope(waba.FieldMessages, "", "messages", list(s.messageJSON(m, m.Type, m.Content)))
}

// receiveEdit is a message corrected by the customer. The edit has a wamid of its own.
func receiveEdit(s *sample) {
	const corrected = "Hi! Is my order 1043 on its way? 🙏"
	s.talk(2)
	m := s.complete(Message{Type: "text", Text: corrected, Content: said(corrected)})
	m.ID, m.RevisionID = s.earlier(), m.ID
	s.data.Message = m
	s.data.Previous = written(func(o *object) { o.text("text", sampleText, true) })
	s.hear(s.messageJSON(m, "edit", written(func(o *object) {
		o.text("original_message_id", m.ID, true)
		o.object("message", func() {
			o.text("type", m.Type, true)
			o.raw(m.Type, m.Content)
		})
	})))
}

// receiveDeletion is a message deleted by the customer. Nothing is left of it but who and when.
func receiveDeletion(s *sample) {
	s.talk(3)
	m := s.complete(Message{Type: "text"})
	m.ID, m.RevisionID = s.earlier(), m.ID
	s.data.Message = m
	s.hear(s.messageJSON(m, "revoke", written(func(o *object) { o.text("original_message_id", m.ID, true) })))
}
