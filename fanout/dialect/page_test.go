package dialect_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
)

// beyond are the keys that we send beside those of a product's own example. The dialects say what they are for.
var beyond = map[string][]string{
	"twabot/broadcast.completed":    {"data.delivered", "data.read"},
	"twabot/message.received.image": {"data.caption"},
	"platform/message.report":       {"data.object.recipient.user_id"},
	"awalchat/conversation.updated": {"data.assignee", "data.labels", "data.note", "data.old_status", "data.window_expires_at"},
	"awalchat/order.created":        {"data.items", "data.message_id", "data.text"},
	"awalchat/order.status.updated": {"data.conversation_id"},
	"digest/message.received.talk":  {"messages.status"},
	"onprem/message.received":       {"contacts.*", "messages.*"},
	"onprem/message.report":         {"contacts.*", "statuses.*"},
	"onprem/error.reported":         {"errors.*"},
}

// The examples of the products' own pages, with other values, beside ours: each key is there with the same JSON type, and
// ours has no others than those that are known to be beyond the page. testdata/pages has the keys of the pages' examples;
// of digest and onprem, whose pages show none, those of the fields that they describe.
func TestPages(t *testing.T) {
	ours := map[string]event.Event{}
	for _, f := range fixtures(t) {
		ours[f.Name] = f.Event
	}
	seen := map[string]bool{}
	files, err := filepath.Glob(filepath.Join("testdata", "pages", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		product := filepath.Base(filepath.Dir(path))
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		seen[product+"/"+name] = true
		t.Run(product+"/"+name, func(t *testing.T) {
			page, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			e, ok := ours[name]
			if !ok {
				t.Fatal("no such event")
			}
			body, err := mustLookup(t, product).Render(nil, e)
			if err != nil {
				t.Fatal(err)
			}
			want, got := types(t, page), types(t, body)
			for _, key := range slices.Sorted(maps.Keys(want)) {
				if got[key] != want[key] {
					t.Errorf("%s is %q, on the page %q", key, got[key], want[key])
				}
			}
			extra := slices.DeleteFunc(slices.Sorted(maps.Keys(got)), func(key string) bool {
				_, ok := want[key]
				return ok
			})
			for _, key := range extra {
				if !slices.ContainsFunc(beyond[product+"/"+name], func(b string) bool { return within(key, b) }) {
					t.Errorf("%s (%s) is not on the page", key, got[key])
				}
			}
			for _, b := range beyond[product+"/"+name] {
				if !slices.ContainsFunc(extra, func(key string) bool { return within(key, b) }) {
					t.Errorf("%s is said to be beyond the page, and is not there", b)
				}
			}
		})
	}
	for _, name := range dialect.Names() {
		if found := slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(s string) bool { return strings.HasPrefix(s, name+"/") }); !found &&
			name != dialect.Default && name != "cloud" { // one has no page, the other's is the platform's reference
			t.Errorf("no example of %s", name)
		}
	}
	for name := range beyond {
		if !seen[name] {
			t.Errorf("no page of %s", name)
		}
	}
}

// within says whether a key is one that a pattern means, or stands below it.
func within(key, pattern string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(key, prefix)
	}
	return key == pattern || strings.HasPrefix(key, pattern+".")
}

// types are the JSON types of all values by path. The elements of a list are one path: they have to be alike.
func types(t *testing.T, body []byte) map[string]string {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			found[path] = "object"
			for key, member := range v {
				walk(strings.TrimPrefix(path+"."+key, "."), member)
			}
		case []any:
			found[path] = "array"
			for _, element := range v {
				walk(path, element)
			}
			found[path] = "array"
		case nil:
			found[path] = "null"
		default:
			found[path] = strings.TrimSuffix(fmt.Sprintf("%T", v), "64")
		}
	}
	walk("", v)
	return found
}
