package filter_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/filter"
)

// data is that of a received order, with a little of everything.
const data = `{"business_id":56,"occurred_at":"2026-11-21T10:30:45.000Z","sequence":3,"number":{"id":7,"phone_number_id":"600"},` +
	`"contact":{"id":456,"name":"ليلى \"Lily\" Haddad","wa_id":"15550177321"},` +
	`"conversation":{"id":1234,"created_at":"2026-11-01T00:00:00.000Z","status":"open","labels":["vip","Riyadh"]},` +
	`"message":{"id":"wamid.1","direction":"inbound","type":"order","text":"STOP it","forwarded":true,"timestamp":"2026-11-21T10:30:45.000Z",` +
	`"content":{"catalog_id":"9","product_items":[{"sku":"A","quantity":2,"tags":[["x"],["y","z"]]},{"sku":"B","quantity":10,"gone":null}],"empty":[],"big":"12345678901234567890","type":"inner"}},` +
	`"order":{"id":1,"status":"pending","total":1250.5,"created_at":"2026-11-21T10:30:45.000Z","updated_at":"2026-11-21T10:30:45.000Z"}}`

func TestMatch(t *testing.T) {
	for text, want := range map[string]bool{
		`{"field":"message.type","eq":"order"}`:                                    true,
		`{"field":"data.message.type","eq":"order"}`:                               true,
		`{"field":"message.type","eq":"text"}`:                                     false,
		`{"field":"message.type","eq":"Order"}`:                                    false,
		`{"field":"message.type","in":["text","order"]}`:                           true,
		`{"field":"message.type","in":["text"]}`:                                   false,
		`{"field":"message.forwarded","eq":true}`:                                  true,
		`{"field":"message.forwarded","eq":false}`:                                 false,
		`{"field":"message.forwarded","eq":"true"}`:                                false,
		`{"field":"sequence","eq":3}`:                                              true,
		`{"field":"sequence","eq":3.0}`:                                            true,
		`{"field":"sequence","eq":"3"}`:                                            false,
		`{"field":"sequence","in":["x",30e-1]}`:                                    true,
		`{"field":"contact.wa_id","eq":15550177321}`:                               false,
		`{"field":"order.total","eq":1.2505e3}`:                                    true,
		`{"field":"order.total","gt":1250}`:                                        true,
		`{"field":"order.total","gt":1250.5}`:                                      false,
		`{"field":"order.total","gt":-1}`:                                          true,
		`{"field":"contact.wa_id","gt":1}`:                                         false,
		`{"field":"occurred_at","gt":"2026-11-21T10:30:44Z"}`:                      true,
		`{"field":"occurred_at","gt":"2026-11-21T13:30:45+03:00"}`:                 false,
		`{"field":"occurred_at","gt":"2026-11-21T13:30:44.999+03:00"}`:             true,
		`{"field":"message.text","gt":"2026-11-21T10:30:44Z"}`:                     false,
		`{"field":"message.text","prefix":"STOP"}`:                                 true,
		`{"field":"message.text","prefix":"stop"}`:                                 false,
		`{"field":"message.text","prefix":"STOP it now"}`:                          false,
		`{"field":"sequence","prefix":"3"}`:                                        false,
		`{"field":"contact.name","eq":"ليلى \"Lily\" Haddad"}`:                     true,
		`{"field":"contact.name","eq":"\u0644\u064a\u0644\u0649 \"Lily\" Haddad"}`: true,
		`{"field":"contact.name","prefix":"ليلى \"Li"}`:                            true,
		// What is missing.
		`{"field":"contact.username","exists":true}`:                    false,
		`{"field":"contact.username","exists":false}`:                   true,
		`{"field":"status.status","exists":true}`:                       false,
		`{"field":"status.status","exists":false}`:                      true,
		`{"field":"contact.username","eq":"lily"}`:                      false,
		`{"field":"contact.username","prefix":"l"}`:                     false,
		`{"field":"contact.username","in":["lily"]}`:                    false,
		`{"field":"contact.username","gt":0}`:                           false,
		`{"not":{"field":"contact.username","eq":"lily"}}`:              true,
		`{"field":"contact","exists":true}`:                             true,
		`{"field":"contact","eq":"x"}`:                                  false,
		`{"field":"message.content.product_items.gone","exists":true}`:  false,
		`{"field":"message.content.product_items.gone","exists":false}`: true,
		// Lists.
		`{"field":"conversation.labels","eq":"vip"}`:                 true,
		`{"field":"conversation.labels","prefix":"Riy"}`:             true,
		`{"field":"conversation.labels","eq":"vi"}`:                  false,
		`{"not":{"field":"conversation.labels","eq":"vip"}}`:         false,
		`{"field":"conversation.labels","exists":true}`:              true,
		`{"field":"message.content.product_items.sku","eq":"B"}`:     true,
		`{"field":"message.content.product_items.sku","eq":"C"}`:     false,
		`{"field":"message.content.product_items.quantity","gt":9}`:  true,
		`{"field":"message.content.product_items.quantity","gt":10}`: false,
		`{"field":"message.content.product_items.tags","eq":"z"}`:    true,
		`{"field":"message.content.empty","exists":true}`:            true,
		`{"field":"message.content.empty","eq":"x"}`:                 false,
		// An integer that a double cannot hold is a text in stored data.
		`{"field":"message.content.big","eq":12345678901234567890}`: true,
		`{"field":"message.content.big","eq":12345678901234567891}`: false,
		// The type of the event.
		`{"field":"type","eq":"message.received"}`:                     true,
		`{"field":"type","eq":"message.incoming"}`:                     true,
		`{"field":"type","eq":"message.report"}`:                       false,
		`{"field":"type","in":["contact.created","message.received"]}`: true,
		`{"field":"type","prefix":"message."}`:                         true,
		`{"field":"type","prefix":"contact."}`:                         false,
		// Combinators.
		`{"all":[{"field":"sequence","eq":3},{"field":"message.type","eq":"order"}]}`:        true,
		`{"all":[{"field":"sequence","eq":3},{"field":"message.type","eq":"text"}]}`:         false,
		`{"any":[{"field":"sequence","eq":4},{"field":"message.type","eq":"order"}]}`:        true,
		`{"any":[{"field":"sequence","eq":4},{"field":"message.type","eq":"text"}]}`:         false,
		`{"not":{"any":[{"field":"sequence","eq":4},{"field":"message.type","eq":"text"}]}}`: true,
		`{"not":{"not":{"field":"sequence","eq":3}}}`:                                        true,
		// No filter.
		`null`: true, ` null `: true, ``: true,
	} {
		t.Run(text, func(t *testing.T) {
			f, err := filter.Parse([]byte(text))
			require.NoError(t, err)
			require.Equal(t, want, f.Match("message.received", []byte(data)))
			var spread strings.Builder
			enc := json.NewEncoder(&spread)
			enc.SetIndent("\t", " ")
			require.NoError(t, enc.Encode(json.RawMessage(data)))
			require.Equal(t, want, f.Match("message.received", []byte(spread.String())), "white space and escapes change nothing")
		})
	}
	require.True(t, filter.Filter{}.Match("x", nil))
}

func nested(n int) string {
	return strings.Repeat(`{"not":`, n-1) + `{"field":"sequence","eq":3}` + strings.Repeat("}", n-1)
}

func many(n int, of string) string { return strings.TrimSuffix(strings.Repeat(of+",", n), ",") }

func TestLimits(t *testing.T) {
	const one = `{"field":"sequence","eq":3}`
	for name, c := range map[string]struct{ text, wrong string }{
		"depth":          {nested(filter.MaxDepth), nested(filter.MaxDepth + 1)},
		"conditions":     {`{"all":[` + many(filter.MaxConditions, one) + `]}`, `{"all":[` + many(filter.MaxConditions+1, one) + `]}`},
		"list":           {`{"field":"sequence","in":[` + many(filter.MaxList, "3") + `]}`, `{"field":"sequence","in":[` + many(filter.MaxList+1, "3") + `]}`},
		"text":           {`{"not":{"field":"message.text","eq":"` + strings.Repeat("ه", filter.MaxText) + `"}}`, `{"field":"message.text","eq":"` + strings.Repeat("ه", filter.MaxText+1) + `"}`},
		"prefix":         {`{"not":{"field":"message.text","prefix":"` + strings.Repeat("x", filter.MaxText) + `"}}`, `{"field":"message.text","prefix":"` + strings.Repeat("x", filter.MaxText+1) + `"}`},
		"size of it all": {one + strings.Repeat(" ", filter.MaxSize), `{"any":[` + many(300, `{"field":"message.text","eq":"`+strings.Repeat("x", 900)+`"}`) + `]}`},
	} {
		f, err := filter.Parse([]byte(c.text))
		require.NoError(t, err, name)
		require.True(t, f.Match("message.received", []byte(data)) == (name != "depth"), name) // MaxDepth is even: an odd number of nots
		_, err = filter.Parse([]byte(c.wrong))
		require.Error(t, err, name)
		require.Less(t, len(err.Error()), 300, name)
	}
}

// Every refusal says where and what to do.
func TestRefusals(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                    `filter is not valid JSON; it must be an object such as {"field":"message.type","eq":"text"}`,
		`[]`:                                   `filter must be an object such as {"field":"message.type","eq":"text"}`,
		`"x"`:                                  `filter must be an object such as {"field":"message.type","eq":"text"}`,
		`{}`:                                   `filter is empty; it must be an object such as {"field":"message.type","eq":"text"}`,
		`{"a":1}`:                              `filter has "a", which is not known; did you mean`,
		`{"feild":"message.type","eq":"text"}`: `filter has "feild", which is not known; did you mean field?`,
		`{"everything":1}`:                     `filter has "everything", which is not known; known are field, eq, in, gt, prefix, exists, all, any, not`,
		`{"eq":"text"}`:                        `filter has no "field"; say which one eq is about, such as "field":"message.type"`,
		`{"field":"message.type"}`:             `filter has no operator; add one of eq, in, gt, prefix, exists`,
		`{"field":"message.type","eq":"a","prefix":"b"}`: `filter has both eq and prefix; give each a condition of its own and join them with all or any`,
		`{"field":"message.type","eq":"a","eq":"b"}`:     `filter has "eq" twice; keep one`,
		`{"field":"message.type","eq":"a","any":[]}`:     `filter has field, eq beside any; put each into an object of its own and list them in one all or any`,
		`{"all":[],"any":[]}`:                            `filter has any beside all; put each into an object of its own and list them in one all or any`,
		`{"all":{}}`:                                     `filter.all must be a list of conditions, such as [{"field":"message.type","eq":"text"}]`,
		`{"all":null}`:                                   `filter.all must be a list of conditions, such as [{"field":"message.type","eq":"text"}]`,
		`{"any":[]}`:                                     `filter.any must list at least one condition, such as {"field":"message.type","eq":"text"}`,
		`{"any":[null]}`:                                 `filter.any[0] must be an object such as {"field":"message.type","eq":"text"}`,
		`{"not":[]}`:                                     `filter.not must be an object such as {"field":"message.type","eq":"text"}`,
		`{"field":5,"eq":"a"}`:                           `filter.field must be the path of a field, such as message.type`,
		`{"field":"","eq":"a"}`:                          `filter.field must be the path of a field, such as message.type`,
		`{"field":"mesage.type","eq":"a"}`:               `filter.field: there is no field "mesage.type"; did you mean message.type`,
		`{"field":"message","eq":"a"}`:                   ``,
		`{"field":"message.type.x","eq":"a"}`:            `filter.field: there is no field "message.type.x"; did you mean message.type`,
		`{"field":"zzzzzzzzzzzzzzzzzzz","eq":"a"}`:       `filter.field: there is no field "zzzzzzzzzzzzzzzzzzz"; fields are paths into the data of the samples of GET /api/client/event-types, such as message.type or contact.wa_id`,
		`{"field":"message.content.","eq":"a"}`:          `filter.field: there is no field "message.content."; did you mean message.content`,
		`{"field":"data.type","eq":"message.received"}`:  `filter.field: there is no field "data.type"; did you mean type`,
		`{"field":"message.type","eq":null}`:             `filter.eq must not be null; {"exists":false} fits what is not there`,
		`{"field":"message.type","eq":["a"]}`:            `filter.eq must be a text, a number, true or false`,
		`{"field":"message.type","eq":{}}`:               `filter.eq must be a text, a number, true or false`,
		`{"field":"message.type","in":"a"}`:              `filter.in must be a list of values, such as ["image","document"]`,
		`{"field":"message.type","in":[]}`:               `filter.in must be a list of values, such as ["image","document"]`,
		`{"field":"message.type","in":["a",["b"]]}`:      `filter.in[1] must be a text, a number, true or false`,
		`{"field":"sequence","gt":"3"}`:                  `filter.gt must be a number or a time such as 2026-11-21T10:00:00Z, in quotes`,
		`{"field":"sequence","gt":true}`:                 `filter.gt must be a number or a time such as 2026-11-21T10:00:00Z, in quotes`,
		`{"field":"message.text","prefix":""}`:           `filter.prefix must be the text that the field begins with`,
		`{"field":"message.text","prefix":5}`:            `filter.prefix must be the text that the field begins with`,
		`{"field":"message.text","exists":1}`:            `filter.exists must be true or false`,
		`{"field":"type","gt":1}`:                        `filter.gt: the type of an event can be compared with eq, in or prefix only`,
		`{"field":"type","eq":"message.recieved"}`:       `filter.eq: there is no event type "message.recieved"; did you mean message.received`,
		`{"field":"type","eq":"message.*"}`:              `filter.eq: there is no event type "message.*"; did you mean`,
		`{"field":"type","in":["zzzzzzzzzzzzz"]}`:        `filter.in: there is no event type "zzzzzzzzzzzzz"; prefix compares the beginning, such as message.`,
		`{"field":"type","in":[]}`:                       `filter.in must be a list of event types, such as ["message.received","order.created"]`,
		`{"all":[{"field":"sequence","eq":1},{"any":[{"not":{"field":"mesage.type","eq":"x"}}]}]}`: `filter.all[1].any[0].not.field: there is no field "mesage.type"; did you mean message.type`,
		`{"` + strings.Repeat("x", 5000) + `":1}`:                                                  `filter has "` + strings.Repeat("x", 60) + `…", which is not known; known are`,
	} {
		_, err := filter.Parse([]byte(text))
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.Error(t, err, text)
		require.True(t, strings.HasPrefix(err.Error(), want), "%s\n%s\n%s", text, want, err)
	}
}

func FuzzFilter(f *testing.F) {
	for _, text := range []string{`{"field":"message.type","eq":"order"}`, `{"all":[{"any":[{"field":"sequence","gt":2}]},{"not":{"field":"message.content.a.b","exists":false}}]}`,
		`{"field":"occurred_at","gt":"2026-11-21T10:30:44Z"}`, `{"field":"conversation.labels","in":["vip",1,true]}`, `{"field":"type","prefix":"m"}`, `{"field":"raw.a","eq":"\ud800"}`} {
		for _, json := range []string{data, `[]`, `{"message":{"type":`, `{"a":[[[{"b":"\`, `]}]`, ``, `{"raw":{"a":"\ud800","a\u0062":1e999}}`} {
			f.Add([]byte(text), []byte(json))
		}
	}
	f.Fuzz(func(t *testing.T, text, json []byte) {
		parsed, err := filter.Parse(text)
		if err != nil {
			return
		}
		matches := parsed.Match("message.received", json)
		opposite, err := filter.Parse(fmt.Appendf(nil, `{"not":%s}`, text))
		if err == nil && string(text) != "null" && len(text) > 0 && opposite.Match("message.received", json) == matches {
			t.Fatalf("%s and its opposite agree about %s", text, json)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for name, text := range map[string]string{
		"type":  `{"field":"type","eq":"message.received"}`,
		"text":  `{"field":"message.type","eq":"text"}`,
		"three": `{"all":[{"field":"conversation.labels","eq":"vip"},{"field":"message.type","in":["text","order"]},{"not":{"field":"order.total","gt":5000}}]}`,
	} {
		f, err := filter.Parse([]byte(text))
		if err != nil {
			b.Fatal(err)
		}
		event := []byte(data)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Match("message.received", event)
			}
		})
	}
}
