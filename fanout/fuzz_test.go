package fanout

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

// fixedNow is when every fuzzed callback arrives.
var fixedNow = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// fixtures are the bodies that are mutated: one of every kind.
func fixtures(t testing.TB) [][]byte {
	t.Helper()
	paths, err := filepath.Glob("../waba/testdata/callbacks/*.json")
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d fixtures: %v", len(paths), err)
	}
	var all [][]byte
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// The number, its account and its display are those of the test's business.
		for from, to := range map[string]string{"330022110044556": "600", "210987654300001": "500", "12025550143": "15550100200"} {
			body = bytes.ReplaceAll(body, []byte(from), []byte(to))
		}
		all = append(all, body)
	}
	return all
}

// FuzzTranslate takes a fixture, changes its JSON (or, without a fixture, takes bytes as they come), and sends it through
// parse, translate and render of every dialect. Nothing panics, every event and every body is JSON, and every message
// and status that went in by id comes out in an event or is parked.
func FuzzTranslate(f *testing.F) {
	all := fixtures(f)
	waiting := 0
	for i := range all {
		if _, waits := factsOf(models.Callback{ID: 1, AppID: ours.ID, Body: all[i]}, second(onMemory())); len(waits) > 0 {
			waiting++
		}
		for seed := range uint64(3) {
			f.Add(uint16(i), seed, []byte(nil), false)
		}
	}
	if waiting > 5 {
		f.Fatalf("%d fixtures are for nobody's number: they would test nothing", waiting)
	}
	f.Add(uint16(0), uint64(0), []byte(`{"entry":[{"changes":[{"field":"messages","value":{"messages":[{}]}}]}]}`), false)
	f.Add(uint16(0), uint64(0), []byte(`{"messages":[{"id":"x","type":"text","from":"1"}],"statuses":[{"id":"y","status":"deleted"}]}`), true)
	f.Fuzz(func(t *testing.T, fixture uint16, seed uint64, raw []byte, onPremises bool) {
		body := raw
		structured := len(raw) == 0
		if structured {
			body = mutate(all[int(fixture)%len(all)], seed)
		}
		survive(t, body, onPremises, structured)
	})
}

func second[A, B any](_ A, b B) B { return b }

// survive checks one body. ids says whether every id has to be found again, which a body with doubled keys cannot
// promise.
func survive(t *testing.T, body []byte, onPremises, ids bool) {
	r, subs := onMemory()
	cb := models.Callback{ID: 1, AppID: ours.ID, ReceivedAt: fixedNow, Body: body}
	if onPremises {
		cb.AppID, cb.NumberID = 0, 11
	}
	facts, waits := factsOf(cb, subs)
	seen := map[event.Key]bool{}
	facts = slices.DeleteFunc(facts, func(f fact) bool { dup := seen[f.key]; seen[f.key] = true; return dup })
	var changes, again models.Changes
	for _, c := range []*models.Changes{&again, &changes} { // a transaction may be done again, from the same facts
		if err := r.write(t.Context(), newMemory(), facts, subs, c); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
	}
	for i := range max(len(again.Events), len(changes.Events)) {
		if again.Events[i].Key != changes.Events[i].Key || again.Events[i].Type != changes.Events[i].Type {
			t.Fatalf("done again, %s became %s\n%s", again.Events[i].Type, changes.Events[i].Type, body)
		}
	}
	if len(changes.Events) < len(facts) {
		t.Fatalf("%d facts gave %d events\n%s", len(facts), len(changes.Events), body)
	}
	var told strings.Builder
	for _, e := range changes.Events {
		if !json.Valid(e.Data) {
			t.Fatalf("%s: data is no JSON: %s", e.Type, e.Data)
		}
		var tree any
		if err := json.Unmarshal(e.Data, &tree); err == nil {
			texts(tree, &told)
		}
		raw, err := upstreamOf(e, cb, subs)
		if err != nil {
			raw = nil // nested too deep to be passed on; the delivery says so
		}
		for _, name := range dialect.Names() {
			d, _ := dialect.Lookup(name)
			out, err := d.Render(nil, eventOf(e, beside{upstream: raw}))
			switch {
			case errors.Is(err, dialect.ErrNoShape):
			case err != nil:
				t.Fatalf("%s %s: %v\n%s", name, e.Type, err, body)
			case !json.Valid(out):
				t.Fatalf("%s %s is no JSON: %s", name, e.Type, out)
			case name == dialect.Default:
				satisfies(t, e.Type, out)
			}
		}
	}
	if !ids || len(waits) > 0 {
		return
	}
	for _, id := range identities(body) {
		if !strings.Contains(told.String(), id) {
			t.Fatalf("%q went in and did not come out\n%s\n%s", id, body, told.String())
		}
	}
}

// schemas are the published schemas of the default dialect, ready to be held against bodies.
var schemas = sync.OnceValue(func() map[string]*jsonschema.Schema {
	ready := map[string]*jsonschema.Schema{}
	for _, typ := range event.Catalogue() {
		raw, err := event.Schema(typ.Name)
		if err != nil {
			panic(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			panic(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(typ.Name, doc); err != nil {
			panic(err)
		}
		ready[typ.Name] = c.MustCompile(typ.Name)
	}
	return ready
})

// satisfies holds a body against the schema that its receiver was shown.
func satisfies(t *testing.T, typ string, body []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return // nested deeper than this reader goes
	}
	if err := schemas()[typ].Validate(doc); err != nil {
		t.Fatalf("%s: %v\n%s", typ, err, body)
	}
}

// texts writes all texts of a tree.
func texts(v any, out *strings.Builder) {
	switch v := v.(type) {
	case string:
		out.WriteString(v)
		out.WriteByte('\n')
	case []any:
		for _, e := range v {
			texts(e, out)
		}
	case map[string]any:
		for _, e := range v {
			texts(e, out)
		}
	}
}

// identities are the ids of the messages and statuses of a callback.
func identities(body []byte) (ids []string) {
	var callback struct {
		Entry []struct {
			Changes []struct{ Value any }
		}
	}
	if json.Unmarshal(body, &callback) != nil {
		return nil
	}
	for _, entry := range callback.Entry {
		for _, change := range entry.Changes {
			value, _ := change.Value.(map[string]any)
			for _, key := range []string{"messages", "statuses", "message_echoes", "calls", "groups", "automatic_events"} {
				list, _ := value[key].([]any)
				for _, element := range list {
					object, _ := element.(map[string]any)
					if id, _ := object["id"].(string); id != "" {
						ids = append(ids, id)
					}
				}
			}
		}
	}
	return ids
}

// mutate changes some nodes of a JSON text: to another type, to another value of the text, to nothing, doubled, moved.
// The same seed does the same.
func mutate(body []byte, seed uint64) []byte {
	var tree any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return body
	}
	rng := rand.New(rand.NewPCG(seed, 42))
	if seed == 0 {
		return body
	}
	for range 1 + rng.IntN(4) {
		var at []func(any) // setters of every node, and their values
		var values []any
		collectNodes(&tree, &at, &values)
		i := rng.IntN(len(at))
		at[i](other(rng, values))
	}
	out, err := json.Marshal(tree)
	if err != nil {
		return body
	}
	return out
}

func collectNodes(root *any, at *[]func(any), values *[]any) {
	var walk func(v any, set func(any))
	walk = func(v any, set func(any)) {
		*at, *values = append(*at, set), append(*values, v)
		switch v := v.(type) {
		case []any:
			for i := range v {
				walk(v[i], func(x any) { v[i] = x })
			}
		case map[string]any:
			keys := make([]string, 0, len(v))
			for k := range v {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range keys {
				walk(v[k], func(x any) { v[k] = x })
			}
		}
	}
	walk(*root, func(x any) { *root = x })
}

// other is a value to put somewhere: an odd one, or a copy of one from elsewhere in the body.
func other(rng *rand.Rand, values []any) any {
	odd := []any{nil, true, false, json.Number("0"), json.Number("-1"), json.Number("1e400"), json.Number("9223372036854775808"), json.Number("0.1"), "", "0", "x",
		"15550100200", "600", "\x00", "\ufffd", "وقت 🙏", strings.Repeat("long ", 300), "2026-11-01T00:00:00Z", "-5", []any{}, map[string]any{}, []any{nil}, []any{[]any{}},
		map[string]any{"id": "wamid.M", "type": "text"}, map[string]any{"id": json.Number("7")}, map[string]any{"body": json.Number("7")},
		"sent", "failed", "deleted", "text", "edit", "revoke", "order", "interactive", "reaction", "system", "payment", "call", "messages", "history", "standby", "calls",
		"origin=ai;broadcast=89;recipients=1", "broadcast=;origin=", "{\"a\":1}", "[1]"}
	if rng.IntN(2) == 0 {
		return odd[rng.IntN(len(odd))]
	}
	copied, err := json.Marshal(values[rng.IntN(len(values))])
	if err != nil {
		return nil
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(copied))
	dec.UseNumber()
	_ = dec.Decode(&v)
	return v
}

// The fixtures and some thousand mutations of them survive; FuzzTranslate goes on from there.
func TestMutationsSurvive(t *testing.T) {
	for i, body := range fixtures(t) {
		for seed := range uint64(60) {
			survive(t, mutate(body, seed*1000+uint64(i)), seed%7 == 6, true)
		}
	}
}
