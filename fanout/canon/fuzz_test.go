package canon_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"wabagate/fanout/canon"
)

func FuzzAppend(f *testing.F) {
	for _, s := range corpus {
		f.Add([]byte(s))
	}
	f.Add([]byte(`[12345678901234567890,1e999,{"a":1,"a":2,"\ud800":"\ud800\udc00"}]`))
	f.Add([]byte("{\"\xff\":\"\xed\xa0\x80\"}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		once, err := canon.Append(nil, src)
		if err != nil {
			if json.Valid(src) && len(src) < 2000 { // shorter than what can nest too deep
				t.Fatalf("refused: %v", err)
			}
			return
		}
		if !json.Valid(src) {
			t.Fatalf("accepted %q", src)
		}
		if !json.Valid(once) || !utf8.Valid(once) {
			t.Fatalf("wrote %q", once)
		}
		twice, err := canon.Append(nil, once)
		if err != nil || string(twice) != string(once) {
			t.Fatalf("not stable: %q, then %q, %v", once, twice, err)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\n\u2028\xff😀")
	f.Fuzz(func(t *testing.T, s string) {
		b := canon.AppendString(nil, s)
		again, err := canon.Append(nil, b)
		if err != nil || string(again) != string(b) {
			t.Fatalf("%q is not canonical: %q, %v", b, again, err)
		}
		var back string
		if err := json.Unmarshal(b, &back); err != nil || utf8.ValidString(s) && back != s {
			t.Fatalf("%q came back as %q, %v", s, back, err)
		}
	})
}
