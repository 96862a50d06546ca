package simulator_test

import (
	"strings"
	"testing"

	"wabagate/waba"
	"wabagate/waba/simulator"
)

var ada = waba.Contact{WaID: "15550177321", UserID: simulator.UserID("15550177321"), Name: "Ada é", Username: "ada.l"}

// carried parses the callback of one fact.
func carried(t *testing.T, fact simulator.Fact) waba.Change {
	t.Helper()
	s := simulator.New(simulator.Options{Start: start, OnPremises: fact.OnPremises})
	body := s.Callback(fact)
	callback, err := waba.ParseOnPremises(body, "1", "2") // takes both styles
	if err != nil || len(callback.Changes) != 1 || len(callback.Changes[0].Unrecognized) != 0 {
		t.Fatalf("%v: %s", err, body)
	}
	if strings.Contains(string(body), `"entry"`) == fact.OnPremises {
		t.Errorf("another style: %s", body)
	}
	return callback.Changes[0]
}

func TestLetter(t *testing.T) {
	t.Parallel()
	letter := simulator.Letter{ID: simulator.Wamid("P", ada.WaID, 1, false), At: start, From: ada, Type: "text", ReplyTo: "wamid.OUT1", ReplyFrom: "15550100200",
		GroupID: "GRP01", Content: []byte(`{ "body" : "caf\u00e9/crème {{now}} 👍" }`)}
	fact := letter.Fact()
	if want := `caf\u00e9\/cr\u00e8me {{now}} \ud83d\udc4d`; !strings.Contains(string(fact.Body), want) {
		t.Errorf("no %s in %s", want, fact.Body)
	}
	c := carried(t, fact)
	m := c.Messages[0]
	if m.ID != letter.ID || m.From != ada.WaID || m.FromUserID != ada.UserID || !m.Timestamp.Equal(start) || m.Text != "café/crème {{now}} 👍" ||
		m.Context.ID != "wamid.OUT1" || m.GroupID != "GRP01" || c.Contacts[0].Name != "Ada é" || c.Contacts[0].Username != "ada.l" {
		t.Errorf("%s", fact.Body)
	}
	letter.OnPremises = true
	if m := carried(t, letter.Fact()).Messages[0]; m.FromUserID != "" || m.From != ada.WaID {
		t.Errorf("%s", m.Raw)
	}
	letter.Content = []byte(`{`)
	if fact := letter.Fact(); !strings.HasSuffix(string(fact.Body), `"text":null}`) {
		t.Errorf("%s", fact.Body)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	base := simulator.Report{ID: "wamid.OUT1", At: start, Recipient: ada, Tracking: "order-7 / é",
		Problem: simulator.Problem{Code: 131026, Title: "Message undeliverable", Details: "No."}}
	for status, want := range map[string]struct{ pricing, contact, username bool }{
		waba.StatusSent: {true, true, false}, waba.StatusDelivered: {true, true, true}, waba.StatusRead: {false, true, true},
		waba.StatusPlayed: {false, true, true}, waba.StatusFailed: {},
	} {
		r := base
		r.Status = status
		c := carried(t, r.Fact())
		s := c.Statuses[0]
		if s.ID != r.ID || s.Status != status || !s.Known || s.RecipientID != ada.WaID || s.RecipientUserID != ada.UserID || s.Tracking != r.Tracking ||
			!s.Timestamp.Equal(start) || (s.Pricing != nil) != want.pricing || (len(c.Contacts) == 1) != want.contact {
			t.Errorf("%s: %s", status, s.Raw)
		}
		if want.contact && (c.Contacts[0].Username != "") != want.username {
			t.Errorf("%s: %s", status, c.Contacts[0].Raw)
		}
		if failed := len(s.Errors) == 1 && s.Errors[0].Code == "131026" && s.Errors[0].Details == "No."; failed != (status == waba.StatusFailed) {
			t.Errorf("%s: %s", status, s.Raw)
		}
	}
	group := base
	group.Status, group.GroupID = waba.StatusRead, "GRP01"
	if s := carried(t, group.Fact()).Statuses[0]; s.RecipientType != "group" || s.RecipientID != "GRP01" || s.ParticipantID != ada.WaID {
		t.Errorf("%s", s.Raw)
	}
	bare := base
	bare.Status, bare.OnPremises = waba.StatusFailed, true
	if s := carried(t, bare.Fact()).Statuses[0]; s.RecipientUserID != "" || s.Errors[0].Details != "No." || strings.Contains(string(s.Raw), "error_data") {
		t.Errorf("%s", s.Raw)
	}
	paid := base
	paid.Status, paid.Pricing = waba.StatusSent, simulator.Pricing{Type: "free_customer_service", Category: "service"}
	if s := carried(t, paid.Fact()).Statuses[0]; !strings.Contains(string(s.Pricing), `"billable":false`) || !strings.Contains(string(s.Pricing), `"service"`) {
		t.Errorf("%s", s.Pricing)
	}
}

func TestWamid(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for i := range uint64(100) {
		for _, outbound := range []bool{true, false} {
			id := simulator.Wamid("run1", "15550177321", i, outbound)
			if seen[id] || !strings.HasPrefix(id, "wamid.run1") {
				t.Fatal(id)
			}
			seen[id] = true
		}
	}
}
