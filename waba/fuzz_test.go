package waba_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"wabagate/waba"
)

// FuzzParse asserts that nothing panics, that every element and every id is accounted for, and that every fact can be put
// back into an envelope which holds it alone. A body is tried as one of the Cloud API and of the On-Premises style.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(twoUsers))
	f.Fuzz(func(t *testing.T, body []byte) {
		if callback, err := waba.Parse(body); err == nil {
			checkCounts(t, body, callback)
			checkIDs(t, callback)
			checkEnvelopes(t, callback)
		}
		if callback, err := waba.ParseOnPremises(body, "33", "12025550143"); err == nil {
			checkIDs(t, callback)
			checkEnvelopes(t, callback)
		}
	})
}

// FuzzParseMessage gives the walker bytes that nobody has validated: it must end without a panic.
func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(`{"id":"a","type":"text","text":{"body":"x"}}`))
	for _, content := range []string{
		`"edit","edit":{"original_message_id":"b","message":{"type":"edit","edit":{"original_message_id":"c"}}}`,
		`"interactive","interactive":{"type":"nfm_reply","nfm_reply":{"response_json":" {\"flow_token\":7}"}}`,
		`"interactive","interactive":{"type":"order_status","action":{"parameters":{"reference_id":"r","total_amount":{"value":"5"}}}}`,
		`"order","order":{"product_items":[{"product_retailer_id":"s","quantity":"2","item_price":"7.5"}]}`,
		`"system","system":{"type":"user_changed_number","wa_id":"1","previous_user_id":"U"}`,
		`"contacts","contacts":[{"name":{"formatted_name":"N"}},5]`,
		`"reaction","reaction":{"message_id":"b","emoji":""}`,
	} {
		f.Add([]byte(`{"id":"a","from":"1","type":` + content + `}`))
	}
	f.Add([]byte(`{"id":"a`))
	f.Add([]byte(`{"":,"\`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		message, err := waba.ParseMessage(raw)
		_ = waba.Change{Value: raw}.MessageEnvelope(message)
		if !json.Valid(raw) || err != nil {
			return
		}
		if message.ID == "" || message.Known != slices.Contains(waba.MessageTypes(), message.Type) {
			t.Errorf("%s became %+v", raw, message)
		}
		if f := message.Form; f != nil && f.Response != nil && !json.Valid(f.Response) {
			t.Errorf("%s is no form", f.Response)
		}
		checkEnvelopes(t, waba.Callback{Changes: []waba.Change{{Field: "messages", Messages: []waba.Message{message}}}})
	})
}
