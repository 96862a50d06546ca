package simulator_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"wabagate/waba"
	"wabagate/waba/simulator"
)

// texts returns every JSON string of a document.
func texts(t testing.TB, body []byte) map[string]bool {
	t.Helper()
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	found := map[string]bool{}
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			for _, value := range node {
				walk(value)
			}
		case []any:
			for _, value := range node {
				walk(value)
			}
		case string:
			found[node] = true
		case json.Number:
			found[node.String()] = true
		}
	}
	walk(tree)
	return found
}

// mentions says whether an id stands in a document, as a text or within one.
func mentions(found map[string]bool, id string) bool {
	for text := range found {
		if strings.Contains(text, id) {
			return true
		}
	}
	return false
}

var gapLeft = regexp.MustCompile(`\{\{#?[a-z]`)

func TestEveryKind(t *testing.T) {
	t.Parallel()
	const pnid, account = "77001", "77"
	s := simulator.New(simulator.Options{Start: start, PhoneNumberID: pnid, WABAID: account})
	seen := map[string]bool{}
	for round := range 20 {
		for _, kind := range simulator.Kinds() {
			fact, err := s.Kind(kind.Name)
			if err != nil {
				t.Fatal(err)
			}
			body := s.Callback(fact)
			if bytes.ContainsFunc(body, func(r rune) bool { return r > '~' || r < ' ' || r == utf8.RuneError }) || gapLeft.Match(body) {
				t.Fatalf("%s: not plain ASCII without gaps: %s", kind.Name, body)
			}
			if bytes.Contains(body, []byte(`://`)) || bytes.Contains(body, []byte(`\u00E`)) {
				t.Fatalf("%s: not escaped as the platform does: %s", kind.Name, body)
			}
			if seen[fact.ID] || fact.ID == "" {
				t.Fatalf("%s: the id %q came twice", kind.Name, fact.ID)
			}
			seen[fact.ID] = true
			if fact.Name != kind.Name || fact.Field != kind.Field || fact.OnPremises != kind.OnPremises || kind.About == "" {
				t.Fatalf("%+v is not of %+v", fact, kind)
			}
			found := texts(t, body)
			if id := identityOf(fact); fact.Kind != simulator.KindError && !mentions(found, id) {
				t.Fatalf("%s: %s is not in %s", kind.Name, id, body)
			}
			if kind.OnPremises {
				if bytes.Contains(body, []byte(`"entry"`)) || bytes.Contains(body, []byte(`"metadata"`)) {
					t.Fatalf("%s: an envelope: %s", kind.Name, body)
				}
				continue
			}
			callback, err := waba.Parse(body)
			if err != nil {
				t.Fatalf("%s: %v: %s", kind.Name, err, body)
			}
			if len(callback.Changes) != 1 || callback.Changes[0].Field != kind.Field {
				t.Fatalf("%s: %+v", kind.Name, callback)
			}
			c := callback.Changes[0]
			if timed := !c.At.IsZero(); timed == (kind.Field == waba.FieldMessages) {
				t.Errorf("%s: entry.time is %v", kind.Name, c.At)
			}
			if round == 0 && c.WABAID != account && !found[account] && kind.Field != "partner_solutions" {
				t.Errorf("%s: neither is the entry of the account nor its id in the value", kind.Name)
			}
		}
	}
	if n := len(simulator.Kinds()); n < 250 {
		t.Errorf("only %d kinds", n)
	}
}

// identityOf is the part of a fact's id that stands in the body.
func identityOf(f simulator.Fact) string {
	switch f.Kind {
	case simulator.KindStatus, simulator.KindPayment:
		id, _, _ := strings.Cut(f.ID, ":")
		return id
	case simulator.KindChange:
		_, id, _ := strings.Cut(f.ID, ":")
		return id
	}
	return f.ID
}

func TestUnknownKind(t *testing.T) {
	t.Parallel()
	if _, err := simulator.New(simulator.Options{}).Kind("txet"); err == nil || !strings.Contains(err.Error(), `no kind "txet"`) {
		t.Error(err)
	}
	if _, err := simulator.New(simulator.Options{OnPremises: true}).Kind("flow_published"); err == nil || !strings.Contains(err.Error(), "no On-Premises form") {
		t.Error(err)
	}
}

func TestAllKinds(t *testing.T) {
	t.Parallel()
	const n = 60_000
	s := simulator.New(simulator.Options{Start: start, Mix: simulator.Mix{All: true}})
	names, kinds, seen := map[string]int{}, map[string]int{}, map[string]bool{}
	for _, fact := range take(s, n) {
		names[fact.Name]++
		kinds[fact.Kind]++
		if seen[fact.ID] {
			t.Fatalf("%s came twice", fact.ID)
		}
		seen[fact.ID] = true
	}
	for _, kind := range simulator.Kinds() {
		if (names[kind.Name] == 0) != kind.OnPremises {
			t.Errorf("%s came %d times", kind.Name, names[kind.Name])
		}
	}
	if plain := float64(names[""]) / n; plain < 0.48 || plain > 0.52 {
		t.Errorf("%.3f of the facts are plain traffic, not half", plain)
	}
	if names["history_chunk"] > n/500 {
		t.Errorf("%d history chunks are not rare", names["history_chunk"])
	}
	for _, kind := range []string{simulator.KindMessage, simulator.KindStatus, simulator.KindPayment, simulator.KindError, simulator.KindChange} {
		if kinds[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
}

// TestReferences: after a while, what is edited, deleted, reacted to, paid for or ended was sent before.
func TestReferences(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Start: start, Mix: simulator.Mix{All: true}})
	earlier := map[string]bool{}
	checked := map[string]int{}
	reference := regexp.MustCompile(`"(?:original_message_id|message_id)":"([^"]+)"`)
	for i, fact := range take(s, 40_000) {
		var refer string
		switch {
		case fact.Kind == simulator.KindPayment, strings.HasPrefix(fact.Name, "call_terminate"):
			refer = identityOf(fact)
		default:
			if m := reference.FindSubmatch(fact.Body); m != nil {
				refer = strings.ReplaceAll(string(m[1]), `\/`, `/`)
			}
		}
		if refer != "" && i > 5000 {
			if checked[fact.Name]++; !earlier[refer] {
				t.Fatalf("%s refers to %s, which was not sent before", fact.ID, refer)
			}
		}
		if fact.Kind != simulator.KindPayment {
			earlier[identityOf(fact)] = true
		}
	}
	for _, name := range []string{"edit", "edit_caption", "revoke", "reaction", "reaction_removed", "payment_captured", "echo_edit", "echo_revoke", "call_terminate"} {
		if checked[name] == 0 {
			t.Errorf("no %s was checked", name)
		}
	}
}

// TestEchoesHaveStatuses: what the business writes on its phone travels like every other message.
func TestEchoesHaveStatuses(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Start: start, Mix: simulator.Mix{Messages: 1, Statuses: 3, Echoes: 0.1}})
	reached := map[string]string{}
	for _, fact := range take(s, 20_000) {
		if fact.Field == "smb_message_echoes" && !strings.HasSuffix(fact.Name, "edit") && !strings.HasSuffix(fact.Name, "revoke") {
			reached[identityOf(fact)] = ""
		}
		id, status, _ := strings.Cut(fact.ID, ":")
		if _, echoed := reached[id]; echoed && fact.Kind == simulator.KindStatus {
			reached[id] = status
		}
	}
	read := 0
	for _, status := range reached {
		if status == waba.StatusRead {
			read++
		}
	}
	if len(reached) < 500 || read < len(reached)*9/10 {
		t.Errorf("%d of %d echoes were read", read, len(reached))
	}
}

func TestDeterministicAll(t *testing.T) {
	t.Parallel()
	stream := func(seed uint64) []byte {
		s := simulator.New(simulator.Options{Start: start, Seed: seed, Mix: simulator.Mix{All: true}})
		facts := take(s, 3000)
		return s.Callback(append(facts, s.Large(100))...)
	}
	if !bytes.Equal(stream(7), stream(7)) {
		t.Error("equal options, different streams")
	}
	if bytes.Equal(stream(7), stream(8)) {
		t.Error("another seed, the same stream")
	}
}

// TestMixedCallback: facts of all kinds share a body, and all of them are in it as they were.
func TestMixedCallback(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Start: start, Mix: simulator.Mix{All: true}})
	facts := take(s, 3000)
	for _, batch := range simulator.Rebatch(facts, rand.New(rand.NewPCG(1, 2)), 60) {
		body := s.Callback(batch...)
		callback, err := waba.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		own, shared := 0, map[string]bool{}
		for _, fact := range batch {
			if !bytes.Contains(body, fact.Body) {
				t.Fatalf("%s is not in its callback", fact.ID)
			}
			switch fact.Kind {
			case simulator.KindChange:
				own++
			case simulator.KindPayment:
				shared[simulator.KindStatus] = true
			default:
				shared[fact.Kind] = true
			}
		}
		if len(callback.Changes) != own+len(shared) {
			t.Fatalf("%d changes for %d of their own and %v", len(callback.Changes), own, shared)
		}
	}
}

func TestOnPremises(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Start: start, OnPremises: true, Contacts: 7})
	facts := take(s, 2000)
	names := map[string]bool{}
	for _, fact := range facts {
		names[fact.Name] = true
	}
	for _, kind := range simulator.Kinds() {
		if names[kind.Name] != kind.OnPremises {
			t.Errorf("%s: came %v", kind.Name, names[kind.Name])
		}
	}
	var body struct {
		Entry, Object              json.RawMessage
		Contacts                   []json.RawMessage
		Messages, Statuses, Errors []json.RawMessage
	}
	if err := json.Unmarshal(s.Callback(facts...), &body); err != nil {
		t.Fatal(err)
	}
	if n := len(body.Messages) + len(body.Statuses) + len(body.Errors); n != 2000 || body.Entry != nil || body.Object != nil || len(body.Contacts) != 7 {
		t.Errorf("%d facts, %d contacts, entry %s", n, len(body.Contacts), body.Entry)
	}
	if empty := string(s.Callback()); empty != "{}" {
		t.Errorf("no facts: %s", empty)
	}
}

func TestLarge(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Start: start})
	const n = 11_000
	fact := s.Large(n)
	body := s.Callback(fact)
	if len(body) > 3_000_000 || len(body) < 2_700_000 {
		t.Errorf("%d messages take %d bytes", n, len(body))
	}
	var value struct {
		History []struct {
			Threads []struct {
				ID       string
				Messages []struct {
					ID, From, To, Timestamp string
					HistoryContext          struct{ Status string } `json:"history_context"`
				}
			}
		}
	}
	if err := json.Unmarshal(fact.Body, &value); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, thread := range value.History[0].Threads {
		for _, m := range thread.Messages {
			ids[m.ID] = true
			if _, err := strconv.Atoi(m.Timestamp); err != nil || thread.ID != m.From && thread.ID != m.To || m.HistoryContext.Status == "" {
				t.Fatalf("%+v in the thread of %s", m, thread.ID)
			}
		}
	}
	if len(ids) != n || len(value.History[0].Threads) < 50 {
		t.Errorf("%d ids in %d threads", len(ids), len(value.History[0].Threads))
	}
	if callback, err := waba.Parse(s.Callback(s.Large(0))); err != nil || callback.Changes[0].Field != "history" {
		t.Errorf("the smallest: %v", err)
	}
}

// TestSwitching: a customer who switches is known by number, then by both, then by user id, and the three belong together.
func TestSwitching(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Start: start, Contacts: 20, Mix: simulator.Mix{Messages: 1, Switching: 1}})
	numbers, userIDs := map[string][]string{}, map[string]string{} // by user id: the forms in their order; by number: the user id
	for _, fact := range take(s, 2000) {
		callback, err := waba.Parse(s.Callback(fact))
		if err != nil {
			t.Fatal(err)
		}
		m := callback.Changes[0].Messages[0]
		switch {
		case m.FromUserID == "" && userIDs[m.From] != "", m.From == "" && len(numbers[m.FromUserID]) == 0:
			t.Fatalf("from %q %q: out of turn", m.From, m.FromUserID)
		case m.FromUserID == "":
			numbers[m.From] = append(numbers[m.From], "number")
		case m.From == "":
			numbers[m.FromUserID] = append(numbers[m.FromUserID], "user id")
		default:
			userIDs[m.From] = m.FromUserID
			numbers[m.FromUserID] = append(numbers[m.FromUserID], "both")
		}
	}
	for number, userID := range userIDs {
		if len(numbers[number]) != 3 || !slices.Contains(numbers[userID], "user id") || numbers[userID][0] != "both" {
			t.Errorf("%s, %s: %v, then %v", number, userID, numbers[number], numbers[userID])
		}
	}
	if len(userIDs) != 20 {
		t.Errorf("%d of 20 customers switched", len(userIDs))
	}
}

// TestNumberChange: after the notice of a change, the customer writes with the new number and the new user id.
func TestNumberChange(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"system_number_changed", "system_user_id_changed", "system_number_changed_legacy"} {
		s := simulator.New(simulator.Options{Start: start, Contacts: 1, Mix: simulator.Mix{Messages: 1}})
		before := s.Next().Contact
		notice, err := s.Kind(kind)
		if err != nil {
			t.Fatal(err)
		}
		after := s.Next().Contact
		if (after.WaID == before.WaID) != (kind == "system_user_id_changed") || after.UserID == before.UserID {
			t.Errorf("%s: from %+v to %+v", kind, before, after)
		}
		told := after.UserID
		if kind == "system_number_changed_legacy" {
			told = after.WaID
		}
		if !bytes.Contains(notice.Body, []byte(`"`+told+`"`)) || notice.Contact.Raw != nil {
			t.Errorf("%s does not tell %s: %s", kind, told, notice.Body)
		}
	}
}

func BenchmarkAllKinds(b *testing.B) {
	s := simulator.New(simulator.Options{Start: start, Mix: simulator.Mix{Other: 1}})
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(s.Callback(s.Next()))))
	}
}
