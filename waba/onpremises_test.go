package waba_test

import (
	"errors"
	"testing"

	"wabagate/waba"
)

func TestParseOnPremises(t *testing.T) {
	t.Parallel()
	for body, malformed := range map[string]bool{
		`{"messages":[]}`:                 false,
		` {"statuses":[],"contacts":[]} `: false,
		`{"errors":"odd, but here"}`:      false,
		`{"entry":[]}`:                    false,
		`{"entry":null,"messages":[]}`:    false,
		`{"entry":{},"messages":[]}`:      true,
		`{}`:                              true,
		`{"contacts":[]}`:                 true,
		`{"messages":null}`:               true,
		`{"event":"client_created"}`:      true,
		`{"Messages":[]}`:                 true,
		`[{"messages":[]}]`:               true,
		`"messages"`:                      true,
		`{"messages":[`:                   true,
		``:                                true,
		`{"messages":[]} {"messages":[]}`: true,
	} {
		callback, err := waba.ParseOnPremises([]byte(body), "33", "12025550143")
		if malformed != (err != nil) || err != nil && !errors.Is(err, waba.ErrMalformed) {
			t.Errorf("%s: %+v, %v", body, callback, err)
		}
	}
}

// TestParseOnPremisesNumber holds that the address decides whose a message is: a body cannot slip a message to another
// number, in its envelope neither.
func TestParseOnPremisesNumber(t *testing.T) {
	t.Parallel()
	body := []byte(`{"metadata":{"phone_number_id":"44","display_phone_number":"12025550199"},"messages":[{"id":"a"}]}`)
	callback, err := waba.ParseOnPremises(body, "33", "12025550143")
	if err != nil {
		t.Fatal(err)
	}
	c := callback.Changes[0]
	again, err := waba.Parse(c.MessageEnvelope(c.Messages[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []waba.Change{c, again.Changes[0]} {
		if c.PhoneNumberID != "33" || c.DisplayPhoneNumber != "12025550143" || c.Messages[0].ID != "a" {
			t.Errorf("%+v", c)
		}
	}
}
