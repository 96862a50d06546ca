package waba_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"wabagate/waba"
)

func TestParseMalformed(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":        ``,
		"not JSON":       `{"object":"whatsapp_business_account","entry":[`,
		"two values":     `{"entry":[]} {"entry":[]}`,
		"an array":       `[{"entry":[]}]`,
		"a string":       `"entry"`,
		"null":           `null`,
		"empty object":   `{}`,
		"entry null":     `{"entry":null}`,
		"entry object":   `{"entry":{"id":"1"}}`,
		"other key case": `{"Entry":[]}`,
		"too deep":       `{"entry":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			callback, err := waba.Parse([]byte(body))
			if !errors.Is(err, waba.ErrMalformed) {
				t.Errorf("error is %v", err)
			}
			if len(callback.Changes) != 0 {
				t.Errorf("%d changes", len(callback.Changes))
			}
		})
	}
}

func TestParseOddities(t *testing.T) {
	t.Parallel()
	first := func(t *testing.T, messages string) waba.Change {
		t.Helper()
		body := ` {"entry" : [ {"changes" : [ {"value" : {"messages":` + messages + `} , "field":"messages"}]}]} `
		callback, err := waba.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return callback.Changes[0]
	}
	tests := map[string]struct {
		messages string
		check    func(waba.Change) bool
	}{
		"repeated messages key": {`[{"id":"a"}],"messages":[{"id":"b"}]`, func(c waba.Change) bool {
			return len(c.Messages) == 2
		}},
		"repeated inner key": {`[{"id":"a","id":"b"}]`, func(c waba.Change) bool {
			return c.Messages[0].ID == "b"
		}},
		"escaped key": {`[{"\u0069d":"a","t\u0079pe":"text","text":{"body":"x"}}]`, func(c waba.Change) bool {
			return c.Messages[0].ID == "a" && c.Messages[0].Text == "x"
		}},
		"nulls": {`[{"id":"a","from":null,"type":null,"timestamp":null,"context":null,"errors":null}]`,
			func(c waba.Change) bool {
				m := c.Messages[0]
				return m.From == "" && m.Timestamp.IsZero() && m.ContextRaw == nil && !m.Known
			}},
		"invalid UTF-8": {"[{\"id\":\"a\xff\"}]", func(c waba.Change) bool {
			return c.Messages[0].ID == "a\ufffd"
		}},
		"lone surrogate": {`[{"id":"a","type":"text","text":{"body":"\ud83d!"}}]`, func(c waba.Change) bool {
			return c.Messages[0].Text == "\ufffd!"
		}},
		"brackets in text": {`[{"id":"a","type":"text","text":{"body":"}]\\\"{["}}]`, func(c waba.Change) bool {
			return c.Messages[0].Text == `}]\"{[`
		}},
		"fractional time": {`[{"id":"a","timestamp":1795000000.75}]`, func(c waba.Change) bool {
			return c.Messages[0].Timestamp.Equal(time.Unix(1795000000, 0))
		}},
		"time beyond dates": {`[{"id":"a","timestamp":"1795000000000000"}]`, func(c waba.Change) bool {
			return c.Messages[0].Timestamp.IsZero()
		}},
		"errors not in a list": {`[{"id":"a","errors":{"code":131051}}]`, func(c waba.Change) bool {
			return c.Messages[0].Errors[0].Code == "131051"
		}},
		"type is a common key": {`[{"id":"a","type":"id"}]`, func(c waba.Change) bool {
			return !c.Messages[0].Known && string(c.Messages[0].Content) == `"a"`
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c := first(t, test.messages); !test.check(c) {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestParseLarge(t *testing.T) {
	t.Parallel()
	const count = 1000
	var messages []string
	for i := range count {
		messages = append(messages, fmt.Sprintf(`{"id":"wamid.%d","type":"text","text":{"body":"%s"}}`, i, strings.Repeat("x", 3200)))
	}
	value := `{"messages":[` + strings.Join(messages, ",") + `]}`
	body := waba.Envelope("1", time.Time{}, waba.FieldMessages, json.RawMessage(value))
	if len(body) < 3<<20 {
		t.Fatalf("only %d bytes", len(body))
	}
	callback, err := waba.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(callback.Changes[0].Messages); got != count {
		t.Errorf("%d messages", got)
	}
}

func TestContactOf(t *testing.T) {
	t.Parallel()
	change := waba.Change{Contacts: []waba.Contact{
		{WaID: "447700900456", Name: "Ian"},
		{WaID: "447700900123", UserID: "GB.1", Name: "Noor"},
		{UserID: "GB.2", Name: "Eve"},
	}}
	for _, test := range []struct{ userID, waID, want string }{
		{"GB.1", "447700900456", "Noor"}, // the user id decides
		{"GB.2", "", "Eve"},
		{"GB.3", "447700900456", "Ian"},
		{"", "+447700900123", "Noor"},
		{"", "447700900000", ""},
		{"", "", ""}, // blanks never match, though contacts have blanks
		{"", "+", ""},
	} {
		contact, found := change.ContactOf(test.userID, test.waID)
		if contact.Name != test.want || found != (test.want != "") {
			t.Errorf("ContactOf(%q, %q) = %q, %v", test.userID, test.waID, contact.Name, found)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"text", "status_sent", "escaped", "shuffled_contacts"} {
		body, err := os.ReadFile("testdata/callbacks/" + name + ".json")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := waba.Parse(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
