package simulator

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// fill makes a body of a fixture's JSON with a simulator of one customer.
func fill(t *testing.T, source string, who customer) string {
	t.Helper()
	s := New(Options{Start: time.Unix(1_800_000_000, 0), Contacts: 1})
	s.customers[0] = who
	f := &fixture{Kind: Kind{Name: "k", Field: "f", About: "about"}}
	if err := f.parse(json.RawMessage(source)); err != nil {
		t.Fatal(err)
	}
	return string(s.produce(f).Body)
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	known := newCustomer("447700900001", "Zoë \"Z\" / 👍", "zoe")
	withheld := newCustomer("447700900001", "Zoë", "")
	withheld.withholds = true
	withheld.encode()
	for name, test := range map[string]struct {
		source string
		who    customer
		want   string
	}{
		"compact and escaped": {`{ "a" : [ 1, -2.5e3, "é/\"\u00e9" ] , "b": null }`, known, `{"a":[1,-2.5e3,"\u00e9\/\"\u00e9"],"b":null}`},
		"text within text":    {`{"a": "to {{name}}!"}`, known, `{"a":"to Zo\u00eb \"Z\" \/ \ud83d\udc4d!"}`},
		"number":              {`{"a": "{{#now}}", "b": "{{now-60}}", "c": "{{#now+1}}"}`, known, `{"a":1800000000,"b":"1799999940","c":1800000001}`},
		"platform variable":   {`{"a": "Hi {{1}}, {{2}}"}`, known, `{"a":"Hi {{1}}, {{2}}"}`},
		"members there":       {`{"from": "{{customer}}", "a": {"u": "{{username}}"}}`, known, `{"from":"447700900001","a":{"u":"zoe"}}`},
		"first member gone":   {`{"from": "{{customer}}", "a": 1}`, withheld, `{"a":1}`},
		"last member gone":    {`{"a": 1, "from": "{{customer}}"}`, withheld, `{"a":1}`},
		"only member gone":    {`{"a": {"from": "{{customer}}"}, "b": 2}`, withheld, `{"a":{},"b":2}`},
		"all members gone":    {`{"a": {"from": "{{customer}}", "u": "{{username}}"}}`, withheld, `{"a":{}}`},
		"last of two there":   {`{"u": "{{username}}", "from": "{{customer}}"}`, known, `{"u":"zoe","from":"447700900001"}`},
		"shown all the same":  {`{"a": "{{digits}}", "b": "{{display}}"}`, withheld, `{"a":"447700900001","b":"15550100200"}`},
		"element of an array": {`{"a": ["{{customer}}"]}`, known, `{"a":["447700900001"]}`},
		"JSON within text":    {`{"a": "{\"t\":\"{{pnid}}\"}"}`, known, `{"a":"{\"t\":\"600700800900100\"}"}`},
	} {
		if got := fill(t, test.source, test.who); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

// TestSameGapSameValue: what stands for the same has one value in a fact, and another in the next.
func TestSameGapSameValue(t *testing.T) {
	t.Parallel()
	s := New(Options{Start: time.Unix(1_800_000_000, 0)})
	f := &fixture{Kind: Kind{Name: "k", Field: "f", About: "about"}}
	if err := f.parse(json.RawMessage(`{"a": "{{#id}}", "b": "{{#id}}", "c": "{{#id2}}"}`)); err != nil {
		t.Fatal(err)
	}
	seen := map[int64]bool{}
	for range 1000 {
		fact := s.produce(f)
		var got struct{ A, B, C int64 }
		if err := json.Unmarshal(fact.Body, &got); err != nil || got.A != got.B || got.A == got.C || seen[got.A] || seen[got.C] {
			t.Fatalf("%v: %s", err, fact.Body)
		}
		if got.A < 1e15 || got.A >= 9e15 {
			t.Fatalf("%d has not 16 digits", got.A)
		}
		seen[got.A], seen[got.C] = true, true
	}
}

func TestBrokenFixtures(t *testing.T) {
	t.Parallel()
	for want, test := range map[string]struct{ index, file string }{
		"nothing is called nobody":       {"k 1 about", `{"field": "f", "value": {"a": "{{nobody}}"}}`},
		"nothing is remembered as phone": {"k 1 about", `{"field": "f", "value": {"a": "{{wamid>phone}}"}}`},
		"a number stands alone":          {"k 1 about", `{"field": "f", "value": {"a": "{{#now}} o'clock"}}`},
		"expected a name, a weight":      {"k often about", `{}`},
		"file does not exist":            {"other 1 about", `{}`},
		"kind k: ":                       {"k 1 about", `{"field": "f"`},
	} {
		_, err := load(fstest.MapFS{"kinds/index.txt": {Data: []byte(test.index)}, "kinds/k.json": {Data: []byte(test.file)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestEveryFileIsInTheIndex: a fixture that nobody lists would never be sent.
func TestEveryFileIsInTheIndex(t *testing.T) {
	t.Parallel()
	listed := 0
	for _, folder := range []string{"kinds", "kinds/onprem"} {
		entries, err := files.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if strings.HasSuffix(entry.Name(), ".json") {
				listed++
			}
		}
	}
	if listed != len(library()) {
		t.Errorf("%d fixtures, %d in the index", listed, len(library()))
	}
}
