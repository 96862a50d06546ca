package waba_test

import (
	"os"
	"path/filepath"
	"testing"

	"wabagate/waba"
)

// FuzzParse asserts that nothing panics, that every element is accounted for, and that every fact can be put back into
// an envelope which holds it alone.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/callbacks/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(twoUsers))
	f.Fuzz(func(t *testing.T, body []byte) {
		callback, err := waba.Parse(body)
		if err != nil {
			return
		}
		checkCounts(t, body, callback)
		checkEnvelopes(t, callback)
	})
}

// FuzzParseMessage gives the walker bytes that nobody has validated: it must end without a panic.
func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(`{"id":"a","type":"text","text":{"body":"x"}}`))
	f.Add([]byte(`{"id":"a`))
	f.Add([]byte(`{"":,"\`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		message, _ := waba.ParseMessage(raw)
		_ = waba.Change{Value: raw}.MessageEnvelope(message)
	})
}
