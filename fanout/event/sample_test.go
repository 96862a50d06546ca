package event_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"wabagate/fanout/canon"
	"wabagate/fanout/event"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))

func TestSampleOfEveryType(t *testing.T) {
	ids := make(map[string]string)
	for _, typ := range event.Catalogue() {
		t.Run(typ.Name, func(t *testing.T) {
			e, err := event.Sample(typ.Name, noon)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(typ.Name, "*", "sample", 1); e.Type != want {
				t.Errorf("type %s, want %s", e.Type, want)
			}
			if other, ok := ids[e.ID]; ok {
				t.Errorf("has the id of %s", other)
			}
			ids[e.ID] = typ.Name
			if !e.CreatedAt.Equal(time.Date(2026, 11, 1, 11, 0, 0, 123e6, time.UTC)) {
				t.Errorf("created at %v", e.CreatedAt)
			}
			if _, err := e.Decode(); err != nil {
				t.Error(err)
			}
			if e.BusinessID != 1 {
				t.Errorf("business %d", e.BusinessID)
			}
			mustBeCanonical(t, e.Data)
			if typ.Derived != (len(e.Upstream) == 0) && typ.Name != "message.sent" {
				t.Errorf("derived %v, upstream %s", typ.Derived, e.Upstream)
			}
			if len(e.Upstream) > 0 {
				mustBeCanonical(t, e.Upstream)
			}
			again, err := event.Sample(typ.Name, noon)
			if err != nil || again.ID != e.ID || string(again.Data) != string(e.Data) {
				t.Errorf("another sample the second time: %s, %v", again.Data, err)
			}
		})
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
	e, err = event.Sample("template.paused", noon)
	if err != nil || e.Type != "template.paused" {
		t.Errorf("%s, %v", e.Type, err)
	}
	for _, name := range []string{"", "*", "message.*", "nonsense", "messages"} {
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
