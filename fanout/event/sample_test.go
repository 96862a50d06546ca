package event_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"wabagate/fanout/canon"
	"wabagate/fanout/event"
	"wabagate/waba"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))

func TestSampleOfEveryType(t *testing.T) {
	for _, typ := range event.Catalogue() {
		t.Run(typ.Name, func(t *testing.T) {
			e, err := event.Sample(typ.Name, noon)
			if err != nil {
				t.Fatal(err)
			}
			if e.Type != typ.Name {
				t.Errorf("type %s", e.Type)
			}
			if enveloped := typ.Field != "" && !typ.Derived; enveloped == (len(e.Upstream) == 0) {
				t.Errorf("field %q, derived %v, upstream %s", typ.Field, typ.Derived, e.Upstream)
			}
			again, err := event.Sample(typ.Name, noon)
			if err != nil || again.ID != e.ID || string(again.Data) != string(e.Data) || string(again.Upstream) != string(e.Upstream) {
				t.Errorf("another sample the second time: %s, %v", again.Data, err)
			}
		})
	}
}

func TestSamples(t *testing.T) {
	unfilled := regexp.MustCompile(`\{[a-z]+\}`)
	names, ids, typed := map[string]bool{}, map[string]string{}, map[string]bool{}
	for _, s := range event.Samples(noon) {
		t.Run(s.Name, func(t *testing.T) {
			if names[s.Name] {
				t.Error("a name used before")
			}
			names[s.Name] = true
			if s.Name == s.Type {
				typed[s.Type] = true
			} else if !strings.HasPrefix(s.Name, s.Type+".") || !typed[s.Type] {
				t.Errorf("a variant of %s, whose own sample comes first: %v", s.Type, typed[s.Type])
			}
			if other, ok := ids[s.ID]; ok {
				t.Errorf("has the id of %s", other)
			}
			ids[s.ID] = s.Name
			if !s.CreatedAt.Equal(time.Date(2026, 11, 1, 11, 0, 0, 123e6, time.UTC)) {
				t.Errorf("created at %v", s.CreatedAt)
			}
			if s.BusinessID != 1 {
				t.Errorf("business %d", s.BusinessID)
			}
			mustBeCanonical(t, s.Data)
			if unfilled.Match(s.Data) || unfilled.Match(s.Upstream) {
				t.Errorf("something was not filled in: %s\n%s", s.Data, s.Upstream)
			}
			d, err := s.Decode()
			if err != nil {
				t.Fatal(err)
			}
			if d.Sequence > 0 && (d.Conversation == nil || d.Contact == nil || d.Number == nil) || d.Conversation != nil && d.Sequence == 0 {
				t.Errorf("a sequence belongs to a conversation with a contact on a number: %s", s.Data)
			}
			if len(s.Upstream) > 0 {
				mustBeCanonical(t, s.Upstream)
				mustBeEnvelope(t, s.Event, d)
			}
		})
	}
	for _, typ := range event.Catalogue() {
		if !typed[typ.Name] {
			t.Errorf("%s has no sample", typ.Name)
		}
	}
}

// mustBeEnvelope holds the envelope of a sample to what the gateway reads of such a callback.
func mustBeEnvelope(t *testing.T, e event.Event, d event.Data) {
	t.Helper()
	parsed, err := waba.Parse(e.Upstream)
	if err != nil || len(parsed.Changes) != 1 {
		t.Fatalf("%d changes in %s, %v", len(parsed.Changes), e.Upstream, err)
	}
	c := parsed.Changes[0]
	typ, _ := event.Lookup(e.Type)
	if c.Field != typ.Field && e.Type != event.UpstreamUnrecognized {
		t.Errorf("field %s, want %s", c.Field, typ.Field)
	}
	if d.Number != nil && c.PhoneNumberID != d.Number.PhoneNumberID && c.DisplayPhoneNumber != d.Number.Display {
		t.Errorf("number %q, %q in %s", c.PhoneNumberID, c.DisplayPhoneNumber, e.Upstream)
	}
	if len(c.Unrecognized) > 0 && e.Type != event.UpstreamUnrecognized {
		t.Errorf("%s in %s", c.Unrecognized[0].Reason, e.Upstream)
	}
	parts := len(c.Messages) + len(c.Statuses) + len(c.Payments) + len(c.Errors) + len(c.Echoes) + len(c.History) + len(c.Notices)
	if e.Type != event.UpstreamUnrecognized && e.Type != event.HistoryDeclined && parts != 1 {
		t.Errorf("%d facts in %s", parts, e.Upstream)
	}
	for _, s := range c.Statuses {
		if got := d.Status; s.ID != got.MessageID || s.Status != got.Status || s.RecipientID != got.RecipientID || s.ParticipantID != got.ParticipantID ||
			s.Tracking != got.Tracking || len(s.Errors) != len(got.Errors) {
			t.Errorf("reports %+v, the event %+v", s, got)
		}
	}
	for _, m := range slices.Concat(c.Messages, c.Echoes) {
		mustBeSaid(t, m, d)
	}
	for _, n := range c.Notices {
		if value, err := canon.Append(nil, n.Raw); err != nil || string(value) != string(d.Value) {
			t.Errorf("says %s, the event %s", value, d.Value)
		}
		if d.Contact != nil && n.WaID != d.Contact.WaID && n.UserID != d.Contact.UserID {
			t.Errorf("is about %q, %q", n.WaID, n.UserID)
		}
	}
}

// mustBeSaid compares a message with the event that is made of it.
func mustBeSaid(t *testing.T, m waba.Message, d event.Data) {
	t.Helper()
	if d.Message == nil {
		return // not recognized
	}
	if d.Message.RevisionID != "" {
		if m.ID != d.Message.RevisionID || m.Edit != nil && m.Edit.OriginalID != d.Message.ID || m.Revoke != nil && m.Revoke.OriginalID != d.Message.ID {
			t.Errorf("revises %+v, the event %+v", m, d.Message)
		}
		return
	}
	if m.ID != d.Message.ID || m.Type != d.Message.Type || m.Text != d.Message.Text || !m.Known {
		t.Errorf("says %q %q (known: %v), the event %q %q", m.Type, m.Text, m.Known, d.Message.Type, d.Message.Text)
	}
	if (m.Media != nil) != (d.Message.Media != nil) || (m.Choice != nil) != (d.Message.Choice != nil) || (m.Reaction != nil) != (d.Message.Reaction != nil) {
		t.Errorf("%+v and %+v have other parts", m, d.Message)
	}
	if c := m.Choice; c != nil && *d.Message.Choice != (event.Choice{Kind: c.Kind, ID: c.ID, Title: c.Title, Description: c.Description}) {
		t.Errorf("chose %+v, the event %+v", c, d.Message.Choice)
	}
}

func mustBeCanonical(t *testing.T, b json.RawMessage) {
	t.Helper()
	c, err := canon.Append(nil, b)
	if err != nil || string(c) != string(b) {
		t.Errorf("not canonical: %s, %v", b, err)
	}
}

func TestSampleResolvesNames(t *testing.T) {
	e, err := event.Sample("message.incoming", noon)
	if err != nil || e.Type != event.MessageReceived {
		t.Errorf("%s, %v", e.Type, err)
	}
	for _, name := range []string{"", "*", "message.*", "template.*", "template.paused", "message.received.image", "nonsense", "messages"} {
		if _, err := event.Sample(name, noon); !errors.Is(err, event.ErrUnknownType) {
			t.Errorf("Sample(%q): %v", name, err)
		}
	}
}

func TestNew(t *testing.T) {
	key := event.NewKey("a", "b")
	e, err := event.New(key, event.MessageReceived, event.Data{
		BusinessID: 9,
		Number:     &event.Number{ID: 4, PhoneNumberID: "p"},
		Raw:        json.RawMessage(`{ "b": 1.0, "1": "\u003c" }`),
	}, []byte(` {"x" : "\/"} `), noon)
	if err != nil {
		t.Fatal(err)
	}
	want := event.Event{ID: key.EventID(), Type: event.MessageReceived, BusinessID: 9, NumberID: 4,
		CreatedAt: time.Date(2026, 11, 1, 11, 0, 0, 123e6, time.UTC),
		Data:      json.RawMessage(`{"business_id":9,"occurred_at":"0001-01-01T00:00:00.000Z","number":{"id":4,"phone_number_id":"p"},"raw":{"1":"<","b":1}}`),
		Upstream:  json.RawMessage(`{"x":"/"}`)}
	if e.ID != want.ID || e.Type != want.Type || e.BusinessID != want.BusinessID || e.NumberID != want.NumberID ||
		!e.CreatedAt.Equal(want.CreatedAt) || string(e.Data) != string(want.Data) || string(e.Upstream) != string(want.Upstream) {
		t.Errorf("got %+v\ndata %s\nupstream %s", e, e.Data, e.Upstream)
	}
	if _, err := event.New(key, "x", event.Data{}, []byte(`{`), noon); !errors.Is(err, canon.ErrInvalid) {
		t.Errorf("broken upstream: %v", err)
	}
	if _, err := event.New(key, "x", event.Data{Raw: json.RawMessage(`{`)}, nil, noon); err == nil {
		t.Error("broken data was accepted")
	}
}
