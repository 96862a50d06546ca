package simulator_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"wabagate/waba/simulator"
)

// object is a JSON object; its methods make reading one short.
type object map[string]any

func (o object) has(key string) bool     { _, ok := o[key]; return ok }
func (o object) text(key string) string  { s, _ := o[key].(string); return s }
func (o object) child(key string) object { m, _ := o[key].(map[string]any); return m }
func (o object) list(key string) []object {
	var list []object
	array, _ := o[key].([]any)
	for _, element := range array {
		m, _ := element.(map[string]any)
		list = append(list, m)
	}
	return list
}

// labels collects what a body holds, by the sections of testdata/upstream.txt.
type labels struct{ messages, statuses, fields map[string]bool }

func labelsOf(t testing.TB, all labels, body []byte) {
	t.Helper()
	var root object
	if err := json.Unmarshal(body, &root); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if !root.has("entry") {
		all.value(root)
	}
	for _, entry := range root.list("entry") {
		for _, change := range entry.list("changes") {
			all.field(change.text("field"), change.child("value"))
		}
	}
}

// field labels a change.
func (l labels) field(field string, value object) {
	l.fields[field] = true
	mark := func(parts ...string) { l.fields[strings.TrimSpace(field+" "+strings.Join(parts, " "))] = true }
	for _, key := range []string{"event", "decision", "status", "type"} {
		mark(value.text(key))
	}
	mark(value.text("event"), value.child("ban_info").text("waba_ban_state"))
	mark(value.child("alert_info").text("alert_severity"))
	if value.has("correct_category") {
		mark("announced")
	}
	if value.has("previous_category") {
		mark("changed")
	}
	for _, key := range []string{"message_echoes", "state_sync", "user_preferences", "calls", "statuses", "groups", "automatic_events", "events"} {
		for _, element := range value.list(key) {
			for _, name := range []string{"type", "action", "value", "event", "status", "event_name"} {
				mark(element.text(name))
			}
		}
	}
	for _, key := range []string{"messages", "message_echoes", "errors"} {
		if value.has(key) {
			mark(key)
		}
	}
	for _, key := range []string{"messages", "message_echoes", "statuses"} {
		if value.child("standby").has(key) {
			mark(key)
		}
	}
	for _, chunk := range value.list("history") {
		for key := range chunk {
			mark(key)
		}
		for _, thread := range chunk.list("threads") {
			l.allMessages(thread.list("messages"), true)
		}
	}
	if field == "messages" {
		l.value(value)
	}
	l.allMessages(value.list("message_echoes"), true)
}

// value labels what stands in a value of the field messages or in a bare body.
func (l labels) value(value object) {
	l.allMessages(value.list("messages"), value.has("contacts"))
	for _, status := range value.list("statuses") {
		l.status(status)
	}
	for _, key := range []string{"user_actions", "conversation_context", "errors"} {
		if value.has(key) {
			l.messages["beside "+key] = true
		}
	}
	for _, e := range value.list("errors") {
		l.error(e)
	}
}

func (l labels) allMessages(messages []object, contacts bool) {
	for _, m := range messages {
		l.message(m)
		if !contacts {
			l.messages["no contact"] = true
		}
	}
}

func (l labels) message(m object) {
	kind := m.text("type")
	mark := func(parts ...string) { l.messages[strings.Join(strings.Fields(strings.Join(parts, " ")), " ")] = true }
	content := m.child(kind)
	mark(kind)
	switch {
	case !m.has(kind) && len(m.list("errors")) == 0, kind == "interactive" && !m.has(kind), kind == "video" && !m.has(kind):
		mark(kind, "without its object")
	case kind == "interactive":
		answer := content.child(content.text("type"))
		mark(kind, content.text("type"), answer.text("name"))
		mark(kind, content.text("type"), answer.text("response"))
	case kind == "audio":
		mark(kind, map[any]string{true: "voice"}[content["voice"]], map[any]string{false: "file"}[content["voice"]])
	case kind == "system", kind == "unsupported":
		mark(kind, content.text("type"))
	case kind == "edit":
		mark(kind, content.child("message").text("type"))
	case kind == "reaction" && !content.has("emoji"):
		mark("reaction removed")
	case kind == "reaction" && content.text("emoji") == "":
		mark("reaction removed, empty")
	}
	for _, card := range m.list("contacts") {
		mark(kind, card.text("origin"))
	}
	context, referral := m.child("context"), m.child("referral")
	for key := range context {
		mark("context", key)
	}
	if context.has("id") {
		mark("context reply")
	}
	if from := context.text("from"); from != "" && from == m.text("from") {
		mark("context own")
	}
	mark("referral", referral.text("source_type"), referral.text("media_type"))
	for label, is := range map[string]bool{"in a group": m.has("group_id"), "number withheld": !m.has("from") && m.has("from_user_id"),
		"user id unknown": m.has("from") && !m.has("from_user_id"), "parent user id": m.has("from_parent_user_id"), "message errors": m.has("errors")} {
		if is {
			mark(label)
		}
	}
	for _, e := range m.list("errors") {
		l.error(e)
	}
}

func (l labels) status(s object) {
	mark := func(label string, is bool) {
		if is {
			l.statuses[label] = true
		}
	}
	payment := s.text("type") == "payment"
	mark("payment "+s.text("status"), payment)
	mark("payment "+s.text("status")+", refunded", payment && s.child("payment").has("refunds"))
	mark(s.text("status"), !payment)
	pricing := s.child("pricing")
	mark("pricing "+pricing.text("pricing_model"), pricing != nil)
	mark("pricing "+pricing.text("type"), pricing.has("type"))
	mark("conversation", s.has("conversation"))
	mark("group participant", s.has("recipient_participant_id"))
	mark("group participant, old key", s.has("participant_recipient_id"))
	mark("number withheld", !s.has("recipient_id") && s.has("recipient_user_id"))
	mark("user id unknown", s.has("recipient_id") && !s.has("recipient_user_id"))
	mark("parent user id", s.has("recipient_parent_user_id"))
	mark("parent user id, old key", s.has("parent_recipient_user_id"))
	origin, _, _ := strings.Cut(s.text("biz_opaque_callback_data"), ";")
	mark("tracking "+origin, origin != "")
	mark("direct send", s.has("template_id") && s.has("recipient_identity_key_hash"))
	mark("one level down", s.child("message").has("recipient_id"))
	for _, e := range s.list("errors") {
		l.error(e)
	}
}

func (l labels) error(e object) {
	if e.text("code") != "" {
		l.statuses["code as text"] = true
	}
	if e.has("details") {
		l.statuses["flat details"] = true
	}
}

// TestEverythingUpstreamSendsHasAKind compares the kinds with the list of what is known of the platform.
func TestEverythingUpstreamSendsHasAKind(t *testing.T) {
	t.Parallel()
	got := labels{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	s := simulator.New(simulator.Options{Start: start})
	for _, kind := range simulator.Kinds() {
		fact, err := s.Kind(kind.Name)
		if err != nil {
			t.Fatal(err)
		}
		labelsOf(t, got, s.Callback(fact))
	}
	list, err := os.ReadFile("testdata/upstream.txt")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]map[string]bool{"message types": got.messages, "statuses": got.statuses, "fields": got.fields}
	sizes := map[string]int{}
	section := ""
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "== "); ok {
			section = title
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		label, about, ok := strings.Cut(line, ":")
		if !ok || about == "" {
			t.Fatalf("%q is no label with an explanation", line)
		}
		if sizes[section]++; !sections[section][label] {
			t.Errorf("%s: no kind for %q; there are %q", section, label, slices.Sorted(maps.Keys(sections[section])))
		}
	}
	if sizes["message types"] < 60 || sizes["statuses"] < 30 || sizes["fields"] < 110 {
		t.Errorf("the list has shrunk: %v", sizes)
	}
}
