package dialect_test

import (
	"encoding/json"
	"errors"
	"testing"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
)

// digested renders an event with what was kept of its conversation.
func digested(t *testing.T, e event.Event, kept *dialect.Digest) map[string]any {
	t.Helper()
	if kept != nil {
		var err error
		if e.Digest, err = dialect.NewDigest(*kept); err != nil {
			t.Fatal(err)
		}
	}
	b, err := mustLookup(t, "digest").Render(nil, e)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDigest(t *testing.T) {
	text := mustSample(t, event.MessageReceived)
	voice := changed(t, "digest.voice", event.MessageReceived, func(d *event.Data) {
		d.Message.Type, d.Message.Text = "voice", ""
		d.Message.Media = &event.Media{ID: "9", Kind: "audio", URL: "https://upstream.example/9"}
		d.Conversation.Note, d.Conversation.Labels = "from the event", []string{"a", "b"}
	})
	at := noon.Unix()
	in := dialect.DigestMessage{ID: "in", Direction: "inbound", Type: "text", Text: "Hello?", Timestamp: at}
	out := dialect.DigestMessage{ID: "out", Direction: "outbound", Type: "text", Text: "Hello!", Timestamp: at - 60}
	for name, c := range map[string]struct {
		event event.Event
		kept  *dialect.Digest
		want  map[string]any
	}{
		"only the message": {text, nil, map[string]any{"last_user_message": "Hi! Is my order 1042 on its way? 🙏", "last_system_message": nil, "message_type": "text",
			"last_user_message_timestamp": 1793534400.0, "last_system_message_timestamp": nil, "media_url": nil, "phone_number": "15550177321",
			"name": "Layla Haddad", "user_id": "456", "note": "", "labels": "", "automation_notes": ""}},
		"note and labels of the event where nothing was kept": {voice, nil, map[string]any{"note": "from the event", "labels": "a,b", "message_type": "audio"}},
		"upstream's link":             {voice, nil, map[string]any{"media_url": "https://upstream.example/9"}},
		"the gateway's link":          {voice, &dialect.Digest{MediaURL: "https://gateway.example/9"}, map[string]any{"media_url": "https://gateway.example/9"}},
		"no link for text":            {text, &dialect.Digest{MediaURL: "https://gateway.example/9"}, map[string]any{"media_url": nil}},
		"what was kept wins":          {voice, &dialect.Digest{Note: "kept"}, map[string]any{"note": "kept", "labels": ""}},
		"the answer among them":       {text, &dialect.Digest{Messages: []dialect.DigestMessage{in, out}}, map[string]any{"last_system_message": "Hello!", "last_user_message": "Hello?"}},
		"an answer from long ago":     {text, &dialect.Digest{Messages: []dialect.DigestMessage{in}, LastSystem: &out}, map[string]any{"last_system_message": "Hello!"}},
		"the answer among them wins":  {text, &dialect.Digest{Messages: []dialect.DigestMessage{in, out}, LastSystem: &in}, map[string]any{"last_system_message": "Hello!"}},
		"notes of automation":         {text, &dialect.Digest{AutomationNotes: "Greeted"}, map[string]any{"automation_notes": "Greeted"}},
		"oldest first, however given": {text, &dialect.Digest{Messages: []dialect.DigestMessage{in, out}}, map[string]any{"last_system_message_timestamp": float64(at - 60)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := digested(t, c.event, c.kept)
			for key, want := range c.want {
				if value, ok := got[key]; !ok || value != want {
					t.Errorf("%s is %#v, want %#v", key, value, want)
				}
			}
		})
	}
	got := digested(t, text, &dialect.Digest{Messages: []dialect.DigestMessage{in, out}})["messages"].([]any)
	if len(got) != 2 || got[0].(map[string]any)["id"] != "out" || got[1].(map[string]any)["id"] != "in" {
		t.Errorf("messages %v", got)
	}
}

func TestDigestOfWithheldNumber(t *testing.T) {
	for _, s := range event.Samples(noon) {
		if s.Name != "message.received.withheld" {
			continue
		}
		if got := digested(t, s.Event, nil); got["phone_number"] != "" || got["name"] != "layla.h" {
			t.Errorf("phone %q, name %q", got["phone_number"], got["name"])
		}
		return
	}
	t.Error("no such sample")
}

func TestDigestRefuses(t *testing.T) {
	d := mustLookup(t, "digest")
	if !d.Digests() || d.Raw() || mustLookup(t, "platform").Digests() {
		t.Error("only digest needs digests")
	}
	if _, err := d.Render(nil, mustSample(t, event.MessageSent)); !errors.Is(err, dialect.ErrNoShape) {
		t.Errorf("of a sent message: %v", err)
	}
	e := mustSample(t, event.MessageReceived)
	e.Digest = json.RawMessage(`{"messages":7}`)
	if got, err := d.Render([]byte("<"), e); err == nil || errors.Is(err, dialect.ErrNoShape) || string(got) != "<" {
		t.Errorf("of a broken digest: %s, %v", got, err)
	}
}
