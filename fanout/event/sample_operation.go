package event

import (
	"time"

	"wabagate/waba"
)

// operationRecipes are trouble of the platform and of the gateway itself.
func operationRecipes() []recipe {
	return []recipe{
		{ErrorReported, "", sampleError},
		{NumberConnected, "", func(*sample) {}},
		{WebhookFailing, "", func(s *sample) {
			s.operate(120)
			since, end := s.after(-60*time.Hour), s.after(60*time.Hour)
			s.data.Webhook.FailingSince, s.data.Webhook.DisablesAt = &since, &end
			s.data.Reason = "Nothing has been delivered for 60 hours; after five days it is turned off."
		}},
		{WebhookDisabled, "", func(s *sample) {
			s.operate(214)
			s.data.Webhook.DisabledBy = "failures"
			s.data.Reason = "It failed for five days: 503 Service Unavailable."
		}},
		{WebhookRecovered, "", func(s *sample) {
			s.operate(0)
			s.data.Reason = "It answered 200 OK after 37 failed attempts."
		}},
		{DeliveryExhausted, "", func(s *sample) {
			s.operate(10)
			s.data.Delivery = &Delivery{ID: "dlv_7301_7", EventID: NewKey("delivered", s.key.EventID()).EventID(), EventType: MessageReceived, Attempts: 10}
			s.data.Reason = "503 Service Unavailable"
		}},
		{UpstreamSilent, "", func(s *sample) {
			since := s.after(-6 * time.Hour)
			s.data.Gap = &Gap{From: since}
			s.data.Reason = "Nothing has come for this number for 6 hours, in which 40 callbacks an hour are usual."
		}},
		{MessageUnreported, "", func(s *sample) {
			from, until := s.after(-30*time.Minute), s.after(-15*time.Minute)
			s.data.Gap = &Gap{From: from, Until: &until, Count: 1, MessageIDs: []string{s.wamid()}}
			s.data.Reason = "The platform accepted one message and sent no status of it for at least 15 minutes."
		}},
		{UpstreamUnrecognized, "", func(s *sample) {
			const field = "new_platform_field"
			s.data.Field, s.data.Reason = field, "a field this version does not know"
			s.data.Raw = s.text(`{` + sampleMetadata + `,"event":"SOMETHING_NEW","timestamp":"{unix}"}`)
			s.upstream = waba.Envelope(sampleWABA, s.at.Time, field, s.data.Raw)
		}},
		{UpstreamUnrecognized, "message", func(s *sample) {
			s.talk(1)
			s.data.Field, s.data.Reason = waba.FieldMessages, "a message of a type this version does not know"
			s.data.Raw = s.text(`{"from":"` + sampleCustomer + `","from_user_id":"` + sampleUserID + `","id":"{wamid}","timestamp":"{unix}",` +
				`"type":"hologram","hologram":{"id":"900099"}}`)
			s.hear(s.data.Raw)
		}},
	}
}

func sampleError(s *sample) {
	e := explained(Error{Code: "130429", Title: "Rate limit hit", Message: "Rate limit hit",
		Details: "Too many messages were sent from this number in a short time.", Href: sampleErrors})
	s.data.Error = &e
	s.envelope(waba.FieldMessages, "", "errors", list(errorJSON(e)))
}

// operate is about a webhook of the business, whatever the number.
func (s *sample) operate(failures int64) {
	s.data.Number = nil
	s.data.Webhook = &Webhook{ID: 7, Name: "CRM", URL: "https://crm.example.com/whatsapp", FailCount: failures}
}
