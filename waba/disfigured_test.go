package waba_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"wabagate/waba"
)

// TestParseDisfigured puts something else in the place of each part of each fixture, in turn: whatever is of the wrong
// type, missing or empty, the envelope still parses, nothing in it is lost and every fact stands alone again.
func TestParseDisfigured(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var root any
		if err := json.Unmarshal(body, &root); err != nil {
			t.Fatal(err)
		}
		disfigure(root, func() {
			body, err := json.Marshal(root)
			if err != nil {
				t.Fatal(err)
			}
			callback, err := waba.ParseOnPremises(body, "330022110044556", "12025550143")
			if err != nil {
				return // the envelope itself is gone
			}
			count++
			checkCounts(t, body, callback)
			checkIDs(t, callback)
			checkEnvelopes(t, callback)
			if t.Failed() {
				t.Fatalf("%s: %s", path, body)
			}
		})
	}
	if count < 3000 {
		t.Errorf("only %d bodies were tried", count)
	}
}

// disfigure calls try with each part below node replaced, one at a time. Which replacement it is depends on how many
// went before, so that a run tries each of them in many places.
func disfigure(node any, try func()) {
	replacements := []any{nil, 5.0, "", "odd", []any{}, map[string]any{}, []any{map[string]any{}, 7.0}, true, map[string]any{"id": "nested"}}
	turn := 0
	var walk func(node any)
	walk = func(node any) {
		visit := func(child any, put func(any)) {
			put(replacements[turn%len(replacements)])
			turn++
			try()
			put(child)
			walk(child)
		}
		switch node := node.(type) {
		case []any:
			for i, child := range node {
				visit(child, func(v any) { node[i] = v })
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(node)) {
				visit(node[key], func(v any) { node[key] = v })
			}
		}
	}
	walk(node)
}
