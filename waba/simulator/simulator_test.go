package simulator_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"wabagate/waba"
	"wabagate/waba/simulator"
)

var start = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

func take(s *simulator.Simulator, n int) []simulator.Fact {
	facts := make([]simulator.Fact, n)
	for i := range facts {
		facts[i] = s.Next()
	}
	return facts
}

// idsOf parses a body and returns the ids of its messages and statuses as facts have them. Errors have no id there.
func idsOf(t testing.TB, body []byte) []string {
	t.Helper()
	callback, err := waba.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, change := range callback.Changes {
		if len(change.Unrecognized) > 0 {
			t.Fatalf("unrecognized %s: %s", change.Unrecognized[0].Reason, change.Unrecognized[0].Raw)
		}
		for _, m := range change.Messages {
			ids = append(ids, m.ID)
		}
		for _, s := range change.Statuses {
			ids = append(ids, s.ID+":"+s.Status)
		}
	}
	return ids
}

func TestEveryFactIsUnderstood(t *testing.T) {
	t.Parallel()
	const pnid = "77001"
	s := simulator.New(simulator.Options{Start: start, PhoneNumberID: pnid, WABAID: "77", Mix: simulator.Mix{
		Messages: 1, Statuses: 1, Failed: 0.2, Errors: 0.1,
	}})
	seen := map[string]bool{}
	withheld := 0
	for _, fact := range take(s, 5000) {
		body := s.Callback(fact)
		callback, err := waba.Parse(body)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		c := callback.Changes[0]
		if len(callback.Changes) != 1 || len(c.Unrecognized) != 0 || c.PhoneNumberID != pnid || c.WABAID != "77" {
			t.Fatalf("%s: %+v", body, callback)
		}
		if bytes.ContainsFunc(body, func(r rune) bool { return r > '~' || r == utf8.RuneError }) {
			t.Fatalf("not plain ASCII: %s", body)
		}
		if len(c.Messages)+len(c.Statuses)+len(c.Errors) != 1 {
			t.Fatalf("not one fact: %s", body)
		}
		if seen[fact.ID] {
			t.Fatalf("%s came twice", fact.ID)
		}
		seen[fact.ID] = true
		for _, m := range c.Messages {
			contact, found := c.ContactOf(m.FromUserID, m.From)
			if m.ID != fact.ID || !m.Known || !found || contact.Name != fact.Contact.Name || m.Timestamp.Before(start) {
				t.Fatalf("message %+v of %s", m, body)
			}
			if m.From == "" {
				withheld++
			}
		}
		for _, status := range c.Statuses {
			_, found := c.ContactOf(status.RecipientUserID, status.RecipientID)
			failed := status.Status == waba.StatusFailed
			if status.ID+":"+status.Status != fact.ID || !status.Known || found == failed || failed != (len(status.Errors) == 1) {
				t.Fatalf("status %+v of %s", status, body)
			}
		}
	}
	if withheld == 0 {
		t.Error("no customer withheld the number")
	}
}

func TestDeterministic(t *testing.T) {
	t.Parallel()
	stream := func(o simulator.Options) []byte {
		s := simulator.New(o)
		return s.Callback(take(s, 300)...)
	}
	one := stream(simulator.Options{Start: start, Seed: 7})
	if !bytes.Equal(one, stream(simulator.Options{Start: start, Seed: 7})) {
		t.Error("equal options, different streams")
	}
	for name, o := range map[string]simulator.Options{
		"seed":   {Start: start, Seed: 8},
		"start":  {Start: start.Add(time.Nanosecond), Seed: 7},
		"prefix": {Start: start, Seed: 7, Prefix: "run2"},
	} {
		for _, id := range idsOf(t, stream(o)) {
			if bytes.Contains(one, []byte(`"`+strings.Split(id, ":")[0]+`"`)) {
				t.Fatalf("another %s, but %s is in both", name, id)
			}
		}
	}
}

func TestProportions(t *testing.T) {
	t.Parallel()
	const n = 100_000
	count := map[string]float64{}
	var order = map[string]string{} // last status by wamid
	s := simulator.New(simulator.Options{Start: start})
	for _, fact := range take(s, n) {
		count[fact.Kind]++
		if fact.Kind == simulator.KindStatus {
			id, status, _ := strings.Cut(fact.ID, ":")
			count[status]++
			if next := waba.Advance(order[id], status); next != status {
				t.Fatalf("%s is %s after %s", id, status, order[id])
			}
			order[id] = status
		}
	}
	for name, test := range map[string]struct{ got, low, high float64 }{
		"statuses per message": {count["status"] / count["message"], 2.9, 3.1},
		"errors":               {count["error"] / n, 0.001, 0.003},
		"failed per sent":      {count["failed"] / count["sent"], 0.005, 0.015},
		"delivered per sent":   {count["delivered"] / count["sent"], 0.97, 1},
		"read per sent":        {count["read"] / count["sent"], 0.97, 1},
	} {
		if test.got < test.low || test.got > test.high {
			t.Errorf("%s: %.4f is not within %v and %v", name, test.got, test.low, test.high)
		}
	}
}

func TestMix(t *testing.T) {
	t.Parallel()
	for want, mix := range map[string]simulator.Mix{
		simulator.KindMessage: {Messages: 2},
		simulator.KindStatus:  {Statuses: 0.1},
		simulator.KindError:   {Errors: 1},
	} {
		for _, fact := range take(simulator.New(simulator.Options{Start: start, Mix: mix, Contacts: 1}), 200) {
			if fact.Kind != want {
				t.Fatalf("a %s among %ss", fact.Kind, want)
			}
		}
	}
}

func TestRebatch(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Start: start})
	facts := take(s, 500)
	want := map[string]int{}
	for _, fact := range facts {
		want[fact.ID] += 2
	}
	twice := append(slices.Clone(facts), facts...)
	got := map[string]int{}
	largest, errors := 0, 0
	for _, batch := range simulator.Rebatch(twice, rand.New(rand.NewPCG(1, 2)), 40) {
		largest = max(largest, len(batch))
		for _, id := range idsOf(t, s.Callback(batch...)) {
			got[id]++
		}
		for _, fact := range batch {
			if fact.Kind == simulator.KindError {
				errors++
				got[fact.ID]++
			}
		}
	}
	if largest > 40 || largest < 2 {
		t.Errorf("the largest batch has %d", largest)
	}
	for id, n := range want {
		if got[id] != n {
			t.Errorf("%s came %d times, not %d", id, got[id], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d facts became %d", len(want), len(got))
	}
	if facts[0].ID != twice[0].ID || facts[499].ID != twice[999].ID {
		t.Error("the argument was shuffled")
	}
	if batches := simulator.Rebatch(facts[:3], rand.New(rand.NewPCG(1, 2)), 0); len(batches) != 3 {
		t.Errorf("%d batches of at most one", len(batches))
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	const text = "café/crème 👍 \"quoted\" \\ <&>\nمرحبا \x01\u2028"
	s := simulator.New(simulator.Options{Start: start})
	fact := s.Text("+447700900123", "Zoë/🌍", text)
	for _, want := range []string{`caf\u00e9\/cr\u00e8me \ud83d\udc4d \"quoted\" \\ <&>\n\u0645`, `\u0001\u2028`} {
		if !bytes.Contains(fact.Body, []byte(want)) {
			t.Errorf("no %s in %s", want, fact.Body)
		}
	}
	callback, err := waba.Parse(s.Callback(fact))
	if err != nil {
		t.Fatal(err)
	}
	c := callback.Changes[0]
	if m := c.Messages[0]; m.Text != text || m.From != "447700900123" || !m.Timestamp.Equal(start) {
		t.Errorf("%+v", m)
	}
	if contact, _ := c.ContactOf("", "447700900123"); contact.Name != "Zoë/🌍" {
		t.Errorf("%+v", contact)
	}
	if again := s.Text("447700900123", "Zoë", "x"); again.ID == fact.ID || again.Contact.UserID != fact.Contact.UserID {
		t.Error("the same person has another user id, or another message has the same id")
	}
}

func TestCallbackShape(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Start: start, Contacts: 3})
	if got := string(s.Callback()); got != `{"object":"whatsapp_business_account","entry":[{"id":"500100200300400","changes":[]}]}` {
		t.Errorf("no facts: %s", got)
	}
	callback, err := waba.Parse(s.Callback(take(s, 400)...))
	if err != nil {
		t.Fatal(err)
	}
	if len(callback.Changes) < 2 {
		t.Fatalf("%d changes", len(callback.Changes))
	}
	for _, change := range callback.Changes {
		if len(change.Contacts) > 3 {
			t.Errorf("%d contacts of 3 customers", len(change.Contacts))
		}
	}
	if !json.Valid(s.Callback(take(s, 3000)...)) {
		t.Error("a large body is not JSON")
	}
}

func TestZeroOptions(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Second)
	s := simulator.New(simulator.Options{})
	callback, err := waba.Parse(s.Callback(s.Text("1", "", "")))
	if err != nil {
		t.Fatal(err)
	}
	if at := callback.Changes[0].Messages[0].Timestamp; at.Before(before) {
		t.Errorf("a stream that starts now starts at %v", at)
	}
}

func BenchmarkCallback(b *testing.B) {
	s := simulator.New(simulator.Options{Start: start})
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(s.Callback(s.Next()))))
	}
}
