package event

import "time"

// peopleRecipes are what the gateway concludes about contacts and conversations.
func peopleRecipes() []recipe {
	return []recipe{
		{ConversationCreated, "", func(s *sample) {
			s.talk(1)
			s.data.Message = s.complete(Message{Type: "text", Text: sampleText, Content: said(sampleText)})
		}},
		{ConversationUpdated, "", func(s *sample) {
			s.converse()
			s.data.Conversation.Status = "closed"
			s.data.Previous = raw(`{"status":"open"}`)
		}},
		{ConversationUpdated, "reopened", func(s *sample) {
			s.converse()
			s.data.Previous = written(func(o *object) {
				o.text("status", "closed", true)
				o.moment("window_expires_at", s.after(-48*time.Hour).Time)
			})
		}},
		{ConversationUpdated, "labels", func(s *sample) {
			s.converse()
			s.data.Previous = raw(`{"assignee":"","labels":["billing"],"note":""}`)
		}},
		{ConversationUpdated, "handed_over", func(s *sample) {
			s.converse()
			v := s.data.Conversation
			v.AI, v.AIReason, v.AIDetail = "off", "failure", "the model gave no answer within 20s"
			s.data.Previous = raw(`{"ai":"on"}`)
		}},
		{ContactCreated, "", (*sample).meet},
		{ContactUpdated, "", func(s *sample) {
			s.meet()
			s.data.Contact.Username = "layla.h"
			s.data.Previous = raw(`{"name":"Layla H."}`)
		}},
		{ContactUpdated, "number", func(s *sample) {
			s.meet()
			s.data.Contact.WaID, s.data.Contact.UserID = "15550188888", "US.8N3XV0P2LD"
			s.data.Previous = raw(`{"user_id":"` + sampleUserID + `","wa_id":"` + sampleCustomer + `"}`)
		}},
		{ContactUpdated, "merged", func(s *sample) {
			s.meet()
			s.data.Previous = raw(`{"merged_contact_ids":[461],"user_id":""}`)
		}},
	}
}

// converse is the conversation after people have worked on it.
func (s *sample) converse() {
	s.talk(6)
	v := s.data.Conversation
	v.CreatedAt = s.after(-72 * time.Hour)
	v.Labels, v.Note, v.Assignee = []string{"billing", "vip"}, "Prefers to be called after five", "Sara"
}

// meet is the contact by itself: it belongs to the business, and not to one conversation.
func (s *sample) meet() {
	s.talk(0)
	s.data.Conversation = nil
}
