package models

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	ada := personNames{Numbers: []string{"5511987654321"}, IDs: []string{"US.1"}}
	wrap := func(value string) string {
		return `{"entry":[{"changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"600"},` + value + `}}]}]}`
	}
	for name, c := range map[string]struct{ body, want string }{
		"a message of two": {wrap(`"contacts":[{"wa_id":"551187654321"},{"wa_id":"1555"}],"messages":[{"from":"551187654321","id":"a"},{"from":"1555","id":"b","timestamp":1.50}]`),
			wrap(`"contacts":[{"wa_id":"1555"}],"messages":[{"from":"1555","id":"b","timestamp":1.50}]`)},
		"by user id":                 {wrap(`"statuses":[{"id":"a","recipient_user_id":"US.1"},{"id":"b","recipient_user_id":"US.12"}]`), wrap(`"statuses":[{"id":"b","recipient_user_id":"US.12"}]`)},
		"with a plus":                {wrap(`"messages":[{"from":"+5511987654321"}]`), wrap(`"messages":[]`)},
		"another's answer":           {wrap(`"messages":[{"context":{"from":"5511987654321","id":"q"},"from":"1555"}]`), wrap(`"messages":[{"context":{"from":"","id":"q"},"from":"1555"}]`)},
		"a thread":                   {wrap(`"history":[{"threads":[{"context":{"wa_id":"5511987654321"},"messages":[{"id":"x"}]},{"id":"2"}]}]`), wrap(`"history":[{"threads":[{"id":"2"}]}]`)},
		"another's card of it":       {wrap(`"messages":[{"contacts":[{"phones":[{"wa_id":"5511987654321"},{"wa_id":"1"}]}],"from":"1555"}]`), wrap(`"messages":[{"contacts":[{"phones":[{"wa_id":"1"}]}],"from":"1555"}]`)},
		"nobody":                     {wrap(`"messages":[{"from":"15551987654321","text":{"body":"call 5511987654321!"}}]`), ""},
		"a longer number":            {wrap(`"messages":[{"from":"55119876543210"}]`), ""},
		"a number of somebody else":  {strings.Replace(wrap(`"messages":[{"from":"5511987654321"}]`), "600", "700", 1), ""},
		"no list":                    {`{"from":"5511987654321"}`, ErasedData},
		"not JSON":                   {`5511987654321 {`, ErasedData},
		"at the top":                 {`{"messages":[{"from":"5511987654321"}],"statuses":[]}`, `{"messages":[],"statuses":[]}`},
		"erased before":              {ErasedData, ""},
		"a change that is all of it": {`{"entry":[{"changes":[{"field":"user_id_update","value":{"user_id":"US.1"}}]}]}`, `{"entry":[{"changes":[]}]}`},
	} {
		got, changed := ada.redact([]byte(c.body), func(phone string) bool { return phone == "700" })
		if want := c.want; changed != (want != "") || want != "" && string(got) != canonicalJSON(t, want) {
			t.Errorf("%s: changed %v\n got %s\nwant %s", name, changed, got, want)
		}
	}
}

// canonicalJSON has its keys in the order in which a redacted body has them.
func canonicalJSON(t *testing.T, text string) string {
	t.Helper()
	v, err := decodeJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSpellings(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{"15550001": "15550001", "5511987654321": "5511987654321 551187654321", "525512345678": "525512345678 5215512345678",
		"541112345678": "541112345678 5491112345678", "551133334444": "551133334444", "": ""} {
		if got := strings.Join(spellings(number), " "); got != want {
			t.Errorf("%s: %s", number, got)
		}
		for _, s := range spellings(number) {
			if canonical(s) != number {
				t.Errorf("%s is no spelling of %s", s, number)
			}
		}
	}
}
