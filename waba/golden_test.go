package waba_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wabagate/waba"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

// TestParseGolden parses one body per kind of callback. A golden shows what was understood: blank fields are left out,
// as are the raw bytes of what was understood, which the envelope checks look at.
func TestParseGolden(t *testing.T) {
	t.Parallel()
	parseGolden(t, "testdata/callbacks", waba.Parse)
}

// TestParseOnPremisesGolden parses one body of each kind that comes without an envelope.
func TestParseOnPremisesGolden(t *testing.T) {
	t.Parallel()
	parseGolden(t, "testdata/onpremises", func(body []byte) (waba.Callback, error) {
		return waba.ParseOnPremises(body, "330022110044556", "12025550143")
	})
}

func parseGolden(t *testing.T, dir string, parse func([]byte) (waba.Callback, error)) {
	paths, err := filepath.Glob(dir + "/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no callbacks in %s: %v", dir, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			callback, err := parse(body)
			if err != nil {
				t.Fatal(err)
			}
			checkCounts(t, body, callback)
			checkIDs(t, callback)
			checkEnvelopes(t, callback)
			compareGolden(t, strings.TrimSuffix(path, ".json")+".golden", understood(t, callback))
		})
	}
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs, got:\n%s", path, got)
	}
}

// understood writes a callback without blanks and without raw copies.
func understood(t *testing.T, callback waba.Callback) []byte {
	t.Helper()
	encoded, err := json.Marshal(callback)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(withoutBlanks(tree)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func withoutBlanks(node any) any {
	switch node := node.(type) {
	case []any:
		for i := range node {
			node[i] = withoutBlanks(node[i])
		}
	case map[string]any:
		for key, value := range node {
			switch value {
			case nil, "", false, "0001-01-01T00:00:00Z":
				delete(node, key)
				continue
			}
			_, unrecognized := node["Reason"]
			switch key {
			case "Raw", "ContextRaw", "RawItems", "Value":
				if _, amount := value.(json.Number); !unrecognized && !amount {
					delete(node, key)
				}
			case "Content", "Referral", "Conversation", "Pricing", "Response", "Thread": // raw, shown as they came
			default:
				node[key] = withoutBlanks(value)
			}
		}
	}
	return node
}
