package canon_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"wabagate/fanout/canon"
)

func TestAppend(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"literals", ` [ true , false,null ] `, `[true,false,null]`},
		{"empty", " { \"a\" : { } ,\n\"b\":[\t] }\r", `{"a":{},"b":[]}`},
		{"order kept", `{"b":1,"a":2}`, `{"b":1,"a":2}`},
		{"repeated key", `{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`},
		{"repeated by escape", `{"a":1,"\u0061":2}`, `{"a":2}`},
		{"repeated index", `{"1":1,"a":2,"1":3}`, `{"1":3,"a":2}`},
		{"indexes first", `{"b":1,"10":2,"2":3,"a":4,"0":5}`, `{"0":5,"2":3,"10":2,"b":1,"a":4}`},
		{"no indexes", `{"a":1,"01":2,"-1":3,"1.0":4,"":5,"4294967295":6}`, `{"a":1,"01":2,"-1":3,"1.0":4,"":5,"4294967295":6}`},
		{"largest index", `{"a":1,"4294967294":2}`, `{"4294967294":2,"a":1}`},
		{"nested order", `{"x":{"b":[{"z":0,"1":1}],"7":1},"3":2}`, `{"3":2,"x":{"7":1,"b":[{"1":1,"z":0}]}}`},
		{"short escapes", `"\b\t\n\f\r\"\\\/"`, `"\b\t\n\f\r\"\\/"`},
		{"control escapes", `"\u0000\u0008\u000B\u001F\u007f"`, "\"\\u0000\\b\\u000b\\u001f\x7f\""},
		{"needless escapes", `"\u0041\u00e9\u003c\u2028\u2029"`, "\"Aé<\u2028\u2029\""},
		{"pair", `"\uD83D\uDE00"`, `"😀"`},
		{"lone surrogates", `"\uD83D \uDE00\uD83D\uD83D\uDE00\uD83Dx"`, `"\ud83d \ude00\ud83d😀\ud83dx"`},
		{"not utf-8", "\"a\xff\xc3(\xed\xa0\x80\"", "\"a\uFFFD\uFFFD(\uFFFD\uFFFD\uFFFD\""},
		{"html", `"<a href='x'>&</a>"`, `"<a href='x'>&</a>"`},
		{"integers", `[0,-0,7,-7,123456789012345,9007199254740991,9007199254740992]`, `[0,0,7,-7,123456789012345,9007199254740991,9007199254740992]`},
		{"fractions", `[1.0,1.50,-0.0,0.1,-1.25e2,1E3,5e-324]`, `[1,1.5,0,0.1,-125,1000,5e-324]`},
		{"exponents", `[1e20,1e21,1E+22,1e-6,1e-7,1.5e-10,1e100,1.7976931348623157e308]`, `[100000000000000000000,1e+21,1e+22,0.000001,1e-7,1.5e-10,1e+100,1.7976931348623157e+308]`},
		{"round integers", `[1000000000000000000000,100000000000000000000]`, `[1e+21,100000000000000000000]`},
		{"underflow", `[1e-999,-1e-999]`, `[0,0]`},
		{"lost integers", `[12345678901234567890,-9007199254740993]`, `["12345678901234567890","-9007199254740993"]`},
		{"out of range", `[1e999,-1.5E400]`, `["1e999","-1.5E400"]`},
		{"rounded fraction", `-23.5505200000000000012`, `-23.55052`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := canon.Append([]byte("<"), []byte(c.in))
			if err != nil || string(got) != "<"+c.want {
				t.Errorf("Append(%s)\n got %s, %v\nwant <%s", c.in, got, err, c.want)
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	for _, in := range []string{
		``, ` `, `{`, `}`, `[`, `[1`, `[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1 "b":2}`, `{1:2}`,
		`nul`, `True`, `NaN`, `Infinity`, `+1`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `0x1`, `--1`, `1 2`, `{}{}`,
		`"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u12G4"`, "\"\n\"", "\"\x00\"", `'a'`, "\xff", "\ufeff{}", "\u00a0{}",
		strings.Repeat("[", 1002) + strings.Repeat("]", 1002),
		strings.Repeat("[", 1e6),
	} {
		got, err := canon.Append([]byte("kept"), []byte(in))
		if !errors.Is(err, canon.ErrInvalid) || string(got) != "kept" {
			t.Errorf("Append(%.40q) = %q, %v", in, got, err)
		}
	}
}

// Objects of many members take another way than small ones; the result is the same.
func TestAppendLargeObject(t *testing.T) {
	var in, want strings.Builder
	in.WriteString(`{"k0":"old"`)
	want.WriteString(`{"5":0,"9":0,"k0":"new"`)
	for i := range 100 {
		m := `,"n` + strings.Repeat("x", i) + `":[{}]`
		in.WriteString(m)
		want.WriteString(m)
	}
	in.WriteString(`,"9":0,"5":0,"k0":"new"}`)
	want.WriteString(`}`)
	got, err := canon.Append(nil, []byte(in.String()))
	if err != nil || string(got) != want.String() {
		t.Errorf("got %s, %v", got, err)
	}
	again, err := canon.Append(nil, got)
	if err != nil || string(again) != want.String() {
		t.Errorf("again: %s, %v", again, err)
	}
}

func TestAppendString(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", `""`},
		{"plain", `"plain"`},
		{"a\"b\\c/d\n\x01<é>\u2028😀", `"a\"b\\c/d\n\u0001<é>` + "\u2028" + `😀"`},
		{"\xff\uFFFDz\xc3", "\"\uFFFD\uFFFDz\uFFFD\""},
	} {
		if got := canon.AppendString([]byte("x"), c.in); string(got) != "x"+c.want {
			t.Errorf("AppendString(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestMarshal(t *testing.T) {
	v := struct {
		Text string          `json:"text"`
		Raw  json.RawMessage `json:"raw"`
		Big  int64           `json:"big"`
	}{"<&> \u2028 \x7f", json.RawMessage(` {"b":1.0, "1":"\u0041"} `), 1<<53 + 1}
	got, err := canon.Marshal(v)
	if want := "{\"text\":\"<&> \u2028 \x7f\",\"raw\":{\"1\":\"A\",\"b\":1},\"big\":\"9007199254740993\"}"; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := canon.Marshal(func() {}); err == nil {
		t.Error("a function was marshalled")
	}
}
