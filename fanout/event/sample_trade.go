package event

import (
	"time"

	"wabagate/waba"
)

// tradeRecipes are orders, forms and broadcasts.
func tradeRecipes() []recipe {
	return []recipe{
		{OrderCreated, "", func(s *sample) {
			s.talk(2)
			s.data.Order = s.cart()
		}},
		{OrderStatusUpdated, "", func(s *sample) {
			s.talk(7)
			s.data.Order = s.cart()
			s.data.Order.CreatedAt, s.data.Order.Status = s.after(-time.Hour), "accepted"
			s.data.Previous = raw(`{"status":"pending"}`)
		}},
		{OrderStatusUpdated, "payment", samplePayment},
		{FormSubmitted, "", func(s *sample) {
			s.talk(4)
			s.data.Form = &Form{MessageID: s.wamid(), Name: "flow", FlowToken: "visit-1042", Body: "Sent",
				Fields: raw(`{"flow_token":"visit-1042","rating":"4","comment":"Fast & kind"}`)}
		}},
		{FormSubmitted, "address", func(s *sample) {
			s.talk(4)
			s.data.Form = &Form{MessageID: s.wamid(), Name: "address_message", Body: "Layla Haddad\n400063",
				Fields: raw(`{"saved_address_id":"home","values":{"name":"Layla Haddad","in_pin_code":"400063","city":"Mumbai"}}`)}
		}},
		{FormSubmitted, "text", func(s *sample) { // what the platform calls JSON is not always an object
			s.talk(4)
			s.data.Form = &Form{MessageID: s.wamid(), Name: "flow", Body: "Sent", Response: "rating=4"}
		}},
		{BroadcastProgress, "", func(s *sample) {
			s.data.Broadcast = s.broadcast()
		}},
		{BroadcastCompleted, "", func(s *sample) {
			b := s.broadcast()
			b.Status, b.CompletedAt = "completed", &s.at
			b.Sent, b.Delivered, b.Read, b.Failed = 488, 431, 202, 12
			b.Failures = []Failure{sampleFailure("131026", 9), sampleFailure("131049", 3)}
			s.data.Broadcast = b
		}},
	}
}

// cart is an order of the customer, as it is when it arrives.
func (s *sample) cart() *Order {
	return &Order{ID: 77, MessageID: s.wamid(), Status: "pending", CatalogID: "800001", Text: "Gift wrap, please", Items: raw(sampleItems),
		Total: 1250, Currency: "SAR", CreatedAt: s.at, UpdatedAt: s.at}
}

// samplePayment is what the platform reports of a payment that the business asked for.
func samplePayment(s *sample) {
	const content = `{"reference_id":"order-1042","amount":{"value":125000,"offset":100},"currency":"INR",` +
		`"transaction":{"id":"pg-5512","type":"razorpay","status":"success","created_timestamp":{unix},"updated_timestamp":{unix},"method":{"type":"upi"}}}`
	s.talk(8)
	payment := s.text(content)
	s.data.Order = &Order{ID: 78, Reference: "order-1042", Status: "processing", PaymentStatus: "captured", Total: 1250, Currency: "INR",
		CreatedAt: s.after(-time.Hour), UpdatedAt: s.at, Payment: payment, PaymentMessageID: s.wamid()}
	s.data.Previous = raw(`{"payment_status":"pending"}`)
	s.envelope(waba.FieldMessages, sampleContact, "statuses", list(written(func(o *object) {
		o.text("id", s.wamid(), true)
		o.text("recipient_id", sampleCustomer, true)
		o.text("type", "payment", true)
		o.text("status", "captured", true)
		o.text("timestamp", s.unix(), true)
		o.raw("payment", payment)
	})))
}

// sampleFailure is a reason of failures as the gateway explains it.
func sampleFailure(code string, count int64) Failure {
	e := explained(Error{Code: code})
	return Failure{Code: code, Count: count, Action: e.Action, Advice: e.Advice}
}

// broadcast is one that has been running for two minutes.
func (s *sample) broadcast() *Broadcast {
	return &Broadcast{ID: 89, Reference: "89", Name: "November offer", TemplateName: "november_offer", Status: "running", TotalRecipients: 500,
		Sent: 320, Delivered: 275, Read: 96, Failed: 8, StartedAt: s.after(-2 * time.Minute)}
}
