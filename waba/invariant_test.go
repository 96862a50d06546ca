package waba_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"wabagate/waba"
)

// counted are the arrays of facts in the values of each field, by the path of their keys.
var counted = map[string][]string{
	"messages":                  {"messages", "statuses", "errors", "contacts", "user_actions"},
	"smb_message_echoes":        {"message_echoes", "errors", "contacts"},
	"history":                   {"history.threads.messages", "messages", "message_echoes", "errors", "contacts"},
	"standby":                   {"standby.messages", "standby.message_echoes", "standby.statuses", "standby.contacts"},
	"calls":                     {"calls", "statuses", "errors", "contacts"},
	"group_lifecycle_update":    {"groups"},
	"group_participants_update": {"groups"},
	"group_participant_update":  {"groups"},
	"group_settings_update":     {"groups"},
	"group_status_update":       {"groups"},
	"user_preferences":          {"user_preferences"},
	"user_id_update":            {"user_id_update"},
	"automatic_events":          {"automatic_events"},
	"tracking_events":           {"events"},
	"smb_app_state_sync":        {"state_sync"},
}

// elementsAt counts the elements of the array at the end of a path through objects and arrays.
func elementsAt(node any, path []string) int {
	if len(path) == 0 {
		elements, _ := node.([]any)
		return len(elements)
	}
	object, ok := node.(map[string]any)
	if ok {
		return elementsAt(object[path[0]], path[1:])
	}
	n := 0
	elements, _ := node.([]any)
	for _, element := range elements {
		if _, ok := element.(map[string]any); ok {
			n += elementsAt(element, path)
		}
	}
	return n
}

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
			field, _ := fields["field"].(string)
			for _, key := range counted[field] {
				want[field+" "+key] += elementsAt(fields["value"], strings.Split(key, "."))
			}
		}
	}
	got := map[string]int{}
	for _, change := range callback.Changes {
		count := func(key string, n int) { got[change.Field+" "+key] += n }
		count("messages", len(change.Messages))
		count("statuses", len(change.Statuses)+len(change.Payments))
		count("message_echoes", len(change.Echoes))
		count("errors", len(change.Errors))
		count("contacts", len(change.Contacts))
		count("standby.contacts", len(change.Contacts))
		for _, key := range []string{"history.threads.messages", "messages", "message_echoes"} {
			count(key, len(change.History))
		}
		for _, n := range change.Notices {
			count(n.Key, 1)
		}
		broken := false
		for _, u := range change.Unrecognized {
			if u.Element {
				count(u.Key, 1)
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

// checkIDs asserts that the id of everything that has one, in the value of any known field, is found again in a part.
func checkIDs(t testing.TB, callback waba.Callback) {
	t.Helper()
	for _, change := range callback.Changes {
		if !waba.KnownField(change.Field) {
			continue
		}
		left := map[string]bool{}
		for _, raw := range partsOf(change) {
			idsIn(t, raw, true, left)
		}
		came := map[string]bool{}
		var value map[string]json.RawMessage
		if json.Unmarshal(change.Value, &value) != nil {
			continue
		}
		for key, raw := range value {
			if key != "metadata" && key != "messaging_product" {
				idsIn(t, json.RawMessage(`{`+quote(t, key)+`:`+string(raw)+`}`), false, came)
			}
		}
		for id := range came {
			if !left[id] {
				t.Errorf("the id %q of %s is lost", id, change.Value)
			}
		}
	}
}

// partsOf lists the bytes of everything that a change was taken apart into.
func partsOf(c waba.Change) (parts []json.RawMessage) {
	for _, contact := range c.Contacts {
		parts = append(parts, contact.Raw)
	}
	for _, m := range slices.Concat(c.Messages, c.Echoes) {
		parts = append(parts, m.Raw)
	}
	for _, s := range c.Statuses {
		parts = append(parts, s.Raw)
	}
	for _, p := range c.Payments {
		parts = append(parts, p.Raw)
	}
	for _, h := range c.History {
		parts = append(parts, h.Raw, h.Thread)
	}
	for _, n := range c.Notices {
		parts = append(parts, n.Raw)
	}
	for _, e := range c.Errors {
		parts = append(parts, e.Raw)
	}
	for _, u := range c.Unrecognized {
		parts = append(parts, u.Raw)
	}
	return parts
}

// idsIn collects the ids of the objects of a JSON text: of all, or of those only that are elements of an array of facts.
func idsIn(t testing.TB, raw json.RawMessage, all bool, ids map[string]bool) {
	t.Helper()
	if raw == nil {
		return
	}
	var root any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		t.Fatalf("part %s: %v", raw, err)
	}
	var walk func(node any, fact bool)
	walk = func(node any, fact bool) {
		switch node := node.(type) {
		case []any:
			for _, element := range node {
				walk(element, fact)
			}
		case map[string]any:
			if id := node["id"]; fact || all {
				switch id := id.(type) {
				case string:
					ids[id] = true
				case json.Number:
					ids[id.String()] = true
				}
			}
			for key, value := range node {
				_, array := value.([]any)
				walk(value, array && slices.Contains([]string{"messages", "message_echoes", "statuses", "calls", "automatic_events"}, key))
			}
		}
	}
	walk(root, false)
}

func quote(t testing.TB, s string) string {
	t.Helper()
	quoted, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(quoted)
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
			if c.Field != change.Field || !c.At.Equal(change.At) || entryOf(c) != entryOf(change) {
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
		for _, p := range change.Payments {
			c := reparse(change.PaymentEnvelope(p))
			if !reflect.DeepEqual(c.Payments, []waba.Payment{p}) {
				t.Errorf("payment %q became %+v", p.ID, c.Payments)
			}
			checkAlone(t, c)
		}
		for _, m := range change.Echoes {
			c := reparse(change.EchoEnvelope(m))
			if !reflect.DeepEqual(c.Echoes, []waba.Message{m}) {
				t.Errorf("echo %q became %+v", m.ID, c.Echoes)
			}
			checkAlone(t, c)
		}
		for _, h := range change.History {
			c := reparse(change.HistoryEnvelope(h))
			if h.Thread == nil && len(c.History) == 1 {
				c.History[0].Thread = nil // it is made from the names now
			}
			if !reflect.DeepEqual(c.History, []waba.HistoryMessage{h}) {
				t.Errorf("past message %+v became %+v", h, c.History)
			}
			checkAlone(t, c)
		}
		for _, n := range change.Notices {
			c := reparse(change.NoticeEnvelope(n))
			if !reflect.DeepEqual(c.Notices, []waba.Notice{n}) {
				t.Errorf("notice %+v became %+v", n, c.Notices)
			}
			if c.PhoneNumberID != change.PhoneNumberID {
				t.Errorf("notice %s changed its number", n.Raw)
			}
			if n.Key == "" {
				c.Contacts = nil // a whole value may have any
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

// entryOf is the id of the entry that a change came in.
func entryOf(c waba.Change) string {
	if c.PortfolioID != "" {
		return c.PortfolioID
	}
	return c.WABAID
}

// checkAlone asserts that an envelope of one fact holds one.
func checkAlone(t testing.TB, c waba.Change) {
	t.Helper()
	facts := len(partsOf(waba.Change{
		Messages: c.Messages, Statuses: c.Statuses, Payments: c.Payments, Echoes: c.Echoes, Notices: c.Notices, Errors: c.Errors, Unrecognized: c.Unrecognized,
	})) + len(c.History)
	if facts != 1 || len(c.Contacts) > 1 {
		t.Errorf("an envelope of one fact has %d facts and %d contacts", facts, len(c.Contacts))
	}
}
