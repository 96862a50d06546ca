package waba_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wabagate/waba"
)

// TestCatalogues holds the lists of what is known together: each is sorted, each name has a fixture that is understood,
// and a name that is not listed is not known.
func TestCatalogues(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range fixtures(t) {
		if c.Field != "" && (waba.KnownField(c.Field) || c.Notices == nil) {
			seen["field "+c.Field] = true
		}
		for _, m := range c.Messages {
			seen["message "+m.Type] = true
			if m.Known != slices.Contains(waba.MessageTypes(), m.Type) {
				t.Errorf("a message of type %q is known: %v", m.Type, m.Known)
			}
		}
		for _, s := range c.Statuses {
			seen["status "+s.Status] = true
		}
		if !waba.KnownField(c.Field) && len(c.Messages)+len(c.Statuses)+len(c.Echoes)+len(c.History)+len(c.Notices)+len(c.Errors) > 0 {
			t.Errorf("field %q is not known, but holds %+v", c.Field, c)
		}
	}
	for kind, names := range map[string][]string{"field": waba.Fields(), "message": waba.MessageTypes(), "status": waba.StatusNames()} {
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("%s names are not sorted or repeat: %v", kind, names)
		}
		for _, name := range names {
			if !seen[kind+" "+name] {
				t.Errorf("%s %q has no fixture", kind, name)
			}
		}
		names[0] = "changed"
	}
	if waba.Fields()[0] == "changed" || waba.MessageTypes()[0] == "changed" || waba.StatusNames()[0] == "changed" {
		t.Error("a list is not the caller's to keep")
	}
	for _, field := range []string{"", "Messages", "message_echoes", "quantum_updates"} {
		if waba.KnownField(field) {
			t.Errorf("field %q is known", field)
		}
	}
}

func fixtures(t *testing.T) (changes []waba.Change) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		callback, err := waba.ParseOnPremises(body, "33", "12025550143")
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		changes = append(changes, callback.Changes...)
	}
	return changes
}

// parseOne parses one change of a field.
func parseOne(t *testing.T, field, value string) waba.Change {
	t.Helper()
	callback, err := waba.Parse(waba.Envelope("21", time.Unix(1795000000, 0), field, json.RawMessage(value)))
	if err != nil || len(callback.Changes) != 1 {
		t.Fatalf("%d changes, %v", len(callback.Changes), err)
	}
	return callback.Changes[0]
}

const someMetadata = `"messaging_product":"whatsapp","metadata":{"display_phone_number":"12025550143","phone_number_id":"33"}`

// TestFieldEnvelopes compares the envelopes of facts of other fields byte for byte.
func TestFieldEnvelopes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		field, value string
		envelope     func(waba.Change) json.RawMessage
		want         string // "" when it is the whole value
	}{
		"echo": {"smb_message_echoes", `{` + someMetadata + `,"contacts":[{"wa_id":"1"},{"wa_id":"2"}],"message_echoes":[{"id":"a","to":"2"},{"id":"b"}]}`,
			func(c waba.Change) json.RawMessage { return c.EchoEnvelope(c.Echoes[0]) },
			`{` + someMetadata + `,"contacts":[{"wa_id":"2"}],"message_echoes":[{"id":"a","to":"2"}]}`},
		"past message": {"history", `{` + someMetadata + `,"history":[{"metadata":{"phase":0},"threads":[{"messages":[{"id":"a"},{"id":"b"}],"context":{"wa_id":"2","more":1},"id":"2"}]}]}`,
			func(c waba.Change) json.RawMessage { return c.HistoryEnvelope(c.History[1]) },
			`{` + someMetadata + `,"history":[{"threads":[{"context":{"wa_id":"2","more":1},"id":"2","messages":[{"id":"b"}]}]}]}`},
		"past message of no thread": {"history", `{` + someMetadata + `,"messages":[{"id":"a","from":"2","from_user_id":"US.2"}]}`,
			func(c waba.Change) json.RawMessage { return c.HistoryEnvelope(c.History[0]) },
			`{` + someMetadata + `,"history":[{"threads":[{"context":{"wa_id":"2","user_id":"US.2"},"messages":[{"id":"a","from":"2","from_user_id":"US.2"}]}]}]}`},
		"past message of nobody": {"history", `{` + someMetadata + `,"history":[{"threads":[{"messages":[{"id":"a"}]}]}]}`,
			func(c waba.Change) json.RawMessage { return c.HistoryEnvelope(c.History[0]) },
			`{` + someMetadata + `,"history":[{"threads":[{"messages":[{"id":"a"}]}]}]}`},
		"chunk": {"history", `{` + someMetadata + `,"history":[{"threads":[{"id":"2","messages":[{"id":"a"}]}], "metadata" : {"phase": 0} ,"n\u00e9":1}]}`,
			func(c waba.Change) json.RawMessage { return c.NoticeEnvelope(c.Notices[0]) },
			`{` + someMetadata + `,"history":[{"metadata":{"phase": 0},"né":1}]}`},
		"unreadable past message": {"history", `{` + someMetadata + `,"history":[{"threads":[{"messages":[7]}]}]}`,
			func(c waba.Change) json.RawMessage { return c.UnrecognizedEnvelope(c.Unrecognized[0]) },
			`{` + someMetadata + `,"history":[{"threads":[{"messages":[7]}]}]}`},
		"call": {"calls", `{` + someMetadata + `,"calls":[{"id":"a","from":"1"},{"id":"b","from":"2"}],"contacts":[{"wa_id":"2"}]}`,
			func(c waba.Change) json.RawMessage { return c.NoticeEnvelope(c.Notices[1]) },
			`{` + someMetadata + `,"contacts":[{"wa_id":"2"}],"calls":[{"id":"b","from":"2"}]}`},
		"standby": {"standby", `{` + someMetadata + `,"standby":{"statuses":[{"id":"a","status":"read","recipient_id":"2"}],"contacts":[{"wa_id":"1"},{"wa_id":"2"}],"more":{}}}`,
			func(c waba.Change) json.RawMessage { return c.NoticeEnvelope(c.Notices[0]) },
			`{` + someMetadata + `,"standby":{"contacts":[{"wa_id":"2"}],"statuses":[{"id":"a","status":"read","recipient_id":"2"}]}}`},
		"unknown in standby": {"standby", `{` + someMetadata + `,"standby":{"more":{"n":1}}}`,
			func(c waba.Change) json.RawMessage { return c.UnrecognizedEnvelope(c.Unrecognized[0]) },
			`{` + someMetadata + `,"standby":{"more":{"n":1}}}`},
		"whole value": {"account_update", `{"event":"X", "more":[1]}`,
			func(c waba.Change) json.RawMessage { return c.NoticeEnvelope(c.Notices[0]) }, ``},
		"whole value of a portfolio": {"account_update", `{"event":"X","waba_info":{"waba_id":"99"}}`,
			func(c waba.Change) json.RawMessage { return c.NoticeEnvelope(c.Notices[0]) }, ``},
		"value of unknown keys": {"account_update", `{"oddity":1}`,
			func(c waba.Change) json.RawMessage { return c.UnrecognizedEnvelope(c.Unrecognized[0]) }, ``},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.want == "" {
				test.want = test.value
			}
			got := test.envelope(parseOne(t, test.field, test.value))
			if want := waba.Envelope("21", time.Unix(1795000000, 0), test.field, json.RawMessage(test.want)); string(got) != string(want) {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
}

// TestRoute finds the number and the account where a field names them in its own way.
func TestRoute(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ field, value, number, display, account, portfolio string }{
		{"calls", `{` + someMetadata + `,"calls":[]}`, "33", "12025550143", "21", ""},
		{"messaging_handovers", `{"type":"x","recipient":{"phone_number_id":"33","display_phone_number":"12025550143"}}`, "33", "12025550143", "21", ""},
		{"account_settings_update", `{"type":"x","phone_number_settings":{"phone_number_id":33}}`, "33", "", "21", ""},
		{"account_alerts", `{"entity_id":"33","entity_type":"PHONE_NUMBER"}`, "33", "", "21", ""},
		{"account_alerts", `{"entity_id":"33","entity_type":"WABA"}`, "", "", "21", ""},
		{"security", `{"event":"x","display_phone_number":"12025550143"}`, "", "12025550143", "21", ""},
		{"security", `{"event":"x","display_phone_number":"12025550143","metadata":{"phone_number_id":"33","display_phone_number":"1"}}`, "33", "1", "21", ""},
		{"account_update", `{"event":"x","waba_info":{"waba_id":"99"}}`, "", "", "99", "21"},
		{"account_update", `{"event":"x","waba_info":{"waba_id":"21"}}`, "", "", "21", ""},
		{"account_update", `{"event":"x","waba_info":"none"}`, "", "", "21", ""},
		{"account_update", `{"waba_info":{"waba_id":"99"}}`, "", "", "99", "21"}, // though what it says is not understood
		{"unheard_of", `{"waba_info":{"waba_id":"99"},"display_phone_number":"1"}`, "", "", "21", ""},
	} {
		c := parseOne(t, test.field, test.value)
		if c.PhoneNumberID != test.number || c.DisplayPhoneNumber != test.display || c.WABAID != test.account || c.PortfolioID != test.portfolio {
			t.Errorf("%s %s: number %q %q, account %q, portfolio %q", test.field, test.value, c.PhoneNumberID, c.DisplayPhoneNumber, c.WABAID, c.PortfolioID)
		}
	}
}

// TestEditNesting parses a body that is nothing but edits of edits: it takes no longer than any other of its size.
func TestEditNesting(t *testing.T) {
	t.Parallel()
	const depth = 2000 // two levels of JSON each; the platform's limit of a body is met by the text
	open := `{"type":"edit","edit":{"original_message_id":"b","message":`
	message := `{"id":"a",` + strings.Repeat(open, depth)[1:] + `{"type":"text","text":{"body":"` + strings.Repeat("x", 3<<20) + `"}}` + strings.Repeat("}}", depth)
	start := time.Now()
	c := parseOne(t, waba.FieldMessages, `{"messages":[`+message+`]}`)
	if len(c.Messages) != 1 || c.Messages[0].Edit == nil || c.Messages[0].Edit.Message.Edit != nil {
		t.Fatalf("%d messages, %d unrecognized", len(c.Messages), len(c.Unrecognized))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}
