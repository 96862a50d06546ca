package waba_test

import (
	"encoding/json"
	"testing"
	"time"

	"wabagate/waba"
)

const twoUsers = `{"object":"whatsapp_business_account","entry":[{"time":1795000000,"id":"21","changes":[{"value":{` +
	`"messaging_product":"whatsapp","metadata":{"phone_number_id":"33","display_phone_number":"12025550143","more":1},` +
	`"contacts":[{"wa_id":"447700900456"},{"user_id":"GB.1","profile":{"name":"\u00e9<&>"}}],` +
	`"messages":[{"id":"a","from_user_id":"GB.1","type":"text","text":{"body":"1\/2 <&>"}},{"id":"b"}],` +
	`"statuses":[{"id":"c","status":"read","recipient_id":"447700900456"},` +
	`{"id":"d","status":"captured","type":"payment","recipient_id":"447700900456"}],` +
	`"errors":[{"code":1}],"user_actions":[{"n":1},{"n":2}],"conversation_context":{"n":4},"riddles":[{"n":5},{"n":6}],"hint":{"n":3}},"field":"messages"}]}]}`

// TestEnvelopes compares byte for byte: the parts of an envelope are what came.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	callback, err := waba.Parse([]byte(twoUsers))
	if err != nil {
		t.Fatal(err)
	}
	c := callback.Changes[0]
	const (
		head = `{"object":"whatsapp_business_account","entry":[{"id":"21","time":1795000000,"changes":[{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"phone_number_id":"33","display_phone_number":"12025550143","more":1},`
		tail = `}}]}]}`
	)
	for name, test := range map[string]struct {
		got  json.RawMessage
		want string
	}{
		"message":       {c.MessageEnvelope(c.Messages[0]), `"contacts":[{"user_id":"GB.1","profile":{"name":"\u00e9<&>"}}],"messages":[{"id":"a","from_user_id":"GB.1","type":"text","text":{"body":"1\/2 <&>"}}]`},
		"no contact":    {c.MessageEnvelope(c.Messages[1]), `"messages":[{"id":"b"}]`},
		"status":        {c.StatusEnvelope(c.Statuses[0]), `"contacts":[{"wa_id":"447700900456"}],"statuses":[{"id":"c","status":"read","recipient_id":"447700900456"}]`},
		"error":         {c.ErrorEnvelope(c.Errors[0]), `"errors":[{"code":1}]`},
		"notice":        {c.NoticeEnvelope(c.Notices[1]), `"user_actions":[{"n":2}]`},
		"payment":       {c.PaymentEnvelope(c.Payments[0]), `"contacts":[{"wa_id":"447700900456"}],"statuses":[{"id":"d","status":"captured","type":"payment","recipient_id":"447700900456"}]`},
		"object":        {c.NoticeEnvelope(c.Notices[2]), `"conversation_context":{"n":4}`},
		"element":       {c.UnrecognizedEnvelope(c.Unrecognized[1]), `"riddles":[{"n":6}]`},
		"whole sibling": {c.UnrecognizedEnvelope(c.Unrecognized[2]), `"hint":{"n":3}`},
	} {
		if want := head + test.want + tail; string(test.got) != want {
			t.Errorf("%s\n got %s\nwant %s", name, test.got, want)
		}
	}
}

func TestEnvelopeByHand(t *testing.T) {
	t.Parallel()
	got := waba.Envelope("", time.Time{}, waba.FieldMessages, json.RawMessage(`{"errors":[]}`))
	if want := `{"object":"whatsapp_business_account","entry":[{"id":"","changes":[{"field":"messages","value":{"errors":[]}}]}]}`; string(got) != want {
		t.Errorf("got %s", got)
	}
	change := waba.Change{WABAID: `2"1`, Field: waba.FieldMessages, PhoneNumberID: "33"}
	got = change.MessageEnvelope(waba.Message{Raw: json.RawMessage(`{"id":"a"}`)})
	if want := `{"object":"whatsapp_business_account","entry":[{"id":"2\"1","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"","phone_number_id":"33"},"messages":[{"id":"a"}]}}]}]}`; string(got) != want {
		t.Errorf("got %s", got)
	}
}
