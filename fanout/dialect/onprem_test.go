package dialect_test

import (
	"encoding/json"
	"errors"
	"testing"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
)

func TestOnprem(t *testing.T) {
	envelope := func(field, value string) string {
		return `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"` + field + `","value":` + value + `}]}]}`
	}
	const metadata = `"messaging_product":"whatsapp","metadata":{"phone_number_id":"2"}`
	for name, c := range map[string]struct{ upstream, want string }{
		"a message":           {envelope("messages", `{`+metadata+`,"contacts":[{"wa_id":"3"}],"messages":[{"id":"m"}]}`), `{"contacts":[{"wa_id":"3"}],"messages":[{"id":"m"}]}`},
		"a status":            {envelope("messages", `{"statuses":[{"id":"m"}],`+metadata+`}`), `{"statuses":[{"id":"m"}]}`},
		"an error":            {envelope("messages", `{`+metadata+`,"errors":[{"code":1}]}`), `{"errors":[{"code":1}]}`},
		"always in one order": {envelope("messages", `{"errors":[],"statuses":[],"messages":[],"contacts":[]}`), `{"contacts":[],"messages":[],"statuses":[],"errors":[]}`},
		"as it came":          {envelope("messages", `{"messages":"not an array"}`), `{"messages":"not an array"}`},
		"null is nothing":     {envelope("messages", `{"contacts":null,"messages":[{"id":"m"}],"statuses":null}`), `{"messages":[{"id":"m"}]}`},
		"contacts alone":      {envelope("messages", `{"contacts":[{"wa_id":"3"}]}`), ""},
		"only null":           {envelope("messages", `{"messages":null}`), ""},
		"another key":         {envelope("messages", `{`+metadata+`,"user_actions":[{}]}`), ""},
		"another spelling":    {envelope("messages", `{"Messages":[{}]}`), ""},
		"another field":       {envelope("smb_message_echoes", `{"messages":[{"id":"m"}]}`), ""},
		"no value":            {`{"entry":[{"changes":[{"field":"messages"}]}]}`, ""},
		"no object":           {envelope("messages", `[]`), ""},
		"several changes":     {`{"entry":[{"changes":[{"field":"messages","value":{"messages":[]}},{"field":"messages","value":{"messages":[]}}]}]}`, ""},
		"no envelope":         {`{"messages":[{"id":"m"}]}`, ""},
		"another JSON type":   {`{"entry":{"changes":[]}}`, ""},
		"nothing":             {``, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := mustLookup(t, "onprem").Render([]byte("<"), event.Event{ID: "evt_1", Type: event.MessageReceived, Upstream: json.RawMessage(c.upstream)})
			switch {
			case c.want == "" && (!errors.Is(err, dialect.ErrNoShape) || string(got) != "<"):
				t.Errorf("got %s, %v", got, err)
			case c.want != "" && (err != nil || string(got) != "<"+c.want):
				t.Errorf("got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

// What a raw dialect passes on is the platform's: the same elements as in the cloud dialect.
func TestOnpremIsWhatCloudHas(t *testing.T) {
	seen := 0
	for _, f := range fixtures(t) {
		body, err := mustLookup(t, "onprem").Render(nil, f.Event)
		if err != nil {
			continue
		}
		seen++
		var flat map[string]json.RawMessage
		var envelope struct {
			Entry []struct {
				Changes []struct{ Value map[string]json.RawMessage }
			}
		}
		if err := errors.Join(json.Unmarshal(body, &flat), json.Unmarshal(f.Upstream, &envelope)); err != nil {
			t.Fatal(err)
		}
		value := envelope.Entry[0].Changes[0].Value
		for key, part := range flat {
			if string(value[key]) != string(part) {
				t.Errorf("%s: %s is %s, upstream %s", f.Name, key, part, value[key])
			}
			delete(value, key)
		}
		for key := range value {
			if key != "metadata" && key != "messaging_product" {
				t.Errorf("%s: %s got lost", f.Name, key)
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d events have a form", seen)
	}
}
