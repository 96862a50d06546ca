package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"wabagate/fanout/canon"
)

// fill sets every field of a struct to something that is not zero, strings to awkward ones.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth)
	case reflect.Struct:
		if t, ok := v.Addr().Interface().(*Time); ok {
			t.Time = time.Date(2026, 11, 21, 1, 2, 3, 450_000_000, time.FixedZone("x", 3600))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), depth+i)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("%d مرحبا 👋 <b>&\"\\/\u2028\n\x00\x7f\xff", depth))
	case reflect.Int64:
		v.SetInt(int64(depth) + 1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(` {"b" : [1.0, 1e3, 12345678901234567890], "2":"\u00e9\ud83d", "1":{} } `))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), depth)
	}
}

// The writer and encoding/json with canon behind it make the same of the same data: with every field set, with every
// pointer alone, with nothing.
func TestDataIsWrittenAsEncodingJSONWould(t *testing.T) {
	var full Data
	fill(reflect.ValueOf(&full).Elem(), 0)
	cases := []Data{{}, full}
	for i := range reflect.TypeFor[Data]().NumField() {
		var one Data
		reflect.ValueOf(&one).Elem().Field(i).Set(reflect.ValueOf(full).Field(i))
		cases = append(cases, one)
		if f := reflect.ValueOf(&one).Elem().Field(i); f.Kind() == reflect.Pointer {
			var empty Data
			reflect.ValueOf(&empty).Elem().Field(i).Set(reflect.New(f.Type().Elem()))
			cases = append(cases, empty)
		}
	}
	for i, d := range cases {
		want, err := canon.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := appendData(nil, d)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("case %d\n got %s\nwant %s", i, got, want)
		}
	}
}

func TestBrokenRawPartsAreAnError(t *testing.T) {
	if _, err := appendData(nil, Data{Raw: json.RawMessage(`{"a":`)}); err == nil {
		t.Error("no error")
	}
	if _, err := appendData(nil, Data{Message: &Message{Content: json.RawMessage(`nope`), Context: json.RawMessage(`{}`)}}); err == nil {
		t.Error("no error")
	}
}

func BenchmarkData(b *testing.B) {
	e, err := Sample(MessageReceived, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	d, err := e.Decode()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("written", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = appendData(make([]byte, 0, 1024), d)
		}
	})
	b.Run("encoding/json and canon", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = canon.Marshal(d)
		}
	})
}
