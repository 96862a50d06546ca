package waba_test

import (
	"encoding/json"
	"testing"

	"wabagate/waba"
)

// checkCounts counts the elements of a body in another way and asserts that each of them ended up somewhere. A
// repeated key, which decoding into a map forgets, can only make Parse find more.
func checkCounts(t testing.TB, body []byte, callback waba.Callback) {
	t.Helper()
	var root map[string]any
	if json.Unmarshal(body, &root) != nil {
		return
	}
	want := map[string]int{}
	entries, _ := root["entry"].([]any)
	for _, entry := range entries {
		fields, _ := entry.(map[string]any)
		changes, ok := fields["changes"].([]any)
		if !ok {
			want["entry"]++
		}
		for _, change := range changes {
			want["changes"]++
			fields, _ := change.(map[string]any)
			value, _ := fields["value"].(map[string]any)
			if fields["field"] != waba.FieldMessages {
				continue
			}
			for _, key := range []string{"messages", "statuses", "errors", "contacts"} {
				elements, _ := value[key].([]any)
				want[key] += len(elements)
			}
		}
	}
	got := map[string]int{}
	for _, change := range callback.Changes {
		broken := false
		if change.Field == waba.FieldMessages {
			got["messages"] += len(change.Messages)
			got["statuses"] += len(change.Statuses)
			got["errors"] += len(change.Errors)
			got["contacts"] += len(change.Contacts)
		}
		for _, u := range change.Unrecognized {
			if change.Field == waba.FieldMessages && u.Element {
				got[u.Key]++
			}
			broken = broken || u.Key == "entry" && change.Field == ""
		}
		if broken {
			got["entry"]++
		} else {
			got["changes"]++
		}
	}
	for key, n := range want {
		if got[key] < n {
			t.Errorf("%d elements of %s came, %d are left", n, key, got[key])
		}
	}
}

// checkEnvelopes rebuilds an envelope for each fact and asserts that it holds this fact and nothing else.
func checkEnvelopes(t testing.TB, callback waba.Callback) {
	t.Helper()
	for _, change := range callback.Changes {
		reparse := func(envelope json.RawMessage) waba.Change {
			t.Helper()
			again, err := waba.Parse(envelope)
			if err != nil {
				t.Fatalf("envelope %s: %v", envelope, err)
			}
			if len(again.Changes) != 1 {
				t.Fatalf("envelope %s has %d changes", envelope, len(again.Changes))
			}
			c := again.Changes[0]
			if c.Field != change.Field || !c.At.Equal(change.At) || c.WABAID != change.WABAID {
				t.Errorf("envelope %s changed its field, time or account", envelope)
			}
			return c
		}
		for _, m := range change.Messages {
			c := reparse(change.MessageEnvelope(m))
			if len(c.Messages) != 1 || string(c.Messages[0].Raw) != string(m.Raw) || c.Messages[0].ID != m.ID {
				t.Errorf("message %q became %+v", m.ID, c.Messages)
			}
			if c.PhoneNumberID != change.PhoneNumberID {
				t.Errorf("message %q changed its number", m.ID)
			}
			before, found := change.ContactOf(m.FromUserID, m.From)
			after, kept := c.ContactOf(m.FromUserID, m.From)
			if found != kept || string(before.Raw) != string(after.Raw) {
				t.Errorf("message %q: contact %s became %s", m.ID, before.Raw, after.Raw)
			}
			checkAlone(t, c)
		}
		for _, s := range change.Statuses {
			c := reparse(change.StatusEnvelope(s))
			if len(c.Statuses) != 1 || string(c.Statuses[0].Raw) != string(s.Raw) {
				t.Errorf("status %q became %+v", s.ID, c.Statuses)
			}
			checkAlone(t, c)
		}
		for _, e := range change.Errors {
			c := reparse(change.ErrorEnvelope(e))
			if len(c.Errors) != 1 || string(c.Errors[0].Raw) != string(e.Raw) {
				t.Errorf("error %s became %+v", e.Raw, c.Errors)
			}
			checkAlone(t, c)
		}
		for _, u := range change.Unrecognized {
			c := reparse(change.UnrecognizedEnvelope(u))
			if len(c.Unrecognized) != 1 || c.Unrecognized[0].Key != u.Key || string(c.Unrecognized[0].Raw) != string(u.Raw) {
				t.Errorf("unrecognized %s %s became %+v", u.Key, u.Raw, c.Unrecognized)
			}
		}
		if change.Field != "" {
			if c := reparse(change.ValueEnvelope()); string(c.Value) != string(change.Value) {
				t.Errorf("value %s became %s", change.Value, c.Value)
			}
		}
	}
}

// checkAlone asserts that an envelope of one fact holds one.
func checkAlone(t testing.TB, c waba.Change) {
	t.Helper()
	facts := len(c.Messages) + len(c.Statuses) + len(c.Errors) + len(c.Unrecognized)
	if facts != 1 || len(c.Contacts) > 1 {
		t.Errorf("an envelope of one fact has %d facts and %d contacts", facts, len(c.Contacts))
	}
}
