package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
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
	case reflect.Float64:
		v.SetFloat(1250.75)
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

// partly is the i-th part of the data with one of its fields at a time.
func partly(full Data, i int) []Data {
	part := reflect.ValueOf(full).Field(i).Elem()
	all := make([]Data, part.NumField())
	for j := range all {
		p := reflect.New(part.Type())
		p.Elem().Field(j).Set(part.Field(j))
		reflect.ValueOf(&all[j]).Elem().Field(i).Set(p)
	}
	return all
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
			cases = append(cases, partly(full, i)...)
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

func TestAmountsAreWrittenAsJavaScriptWould(t *testing.T) {
	for in, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 1250: "1250", 1250.5: "1250.5", 0.30000000000000004: "0.30000000000000004", -7.25: "-7.25", 1e20: "100000000000000000000",
		1e21: "1e+21", 1e-6: "0.000001", 1e-7: "1e-7", 123456789012345680: "123456789012345680", math.MaxFloat64: "1.7976931348623157e+308",
		math.Inf(1): "0", math.Inf(-1): "0",
	} {
		got, err := appendData(nil, Data{Order: &Order{Total: in}})
		if err != nil || !bytes.Contains(got, []byte(`,"total":`+want+`,`)) {
			t.Errorf("%v: %s, %v", in, got, err)
		}
		if again, err := canon.Append(nil, got); err != nil || !bytes.Equal(again, got) {
			t.Errorf("%v is not canonical: %s, %v", in, again, err)
		}
	}
	if got, err := appendData(nil, Data{Order: &Order{Total: math.NaN()}}); err != nil || !bytes.Contains(got, []byte(`,"total":0,`)) {
		t.Errorf("NaN: %s, %v", got, err)
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
