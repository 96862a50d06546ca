package check

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
	"wabagate/fanout/dialect"
	"wabagate/fanout/signature"
)

// answered is a reply with a status, as the default dialect judges it.
func answered(status int) reply {
	d, _ := dialect.Lookup(dialect.Default)
	return replyOf("evt_1", deliver.Answer{Status: status}, Receiver{Dialect: d}, time.Now())
}

func ended(o deliver.Outcome) reply { return reply{outcome: o, reason: "no answer"} }

func TestJudgeForged(t *testing.T) {
	plain, behind, certified := Receiver{}, Receiver{Header: http.Header{"Authorization": {"Bearer x"}}}, Receiver{}
	plain.Dialect, _ = dialect.Lookup(dialect.Default)
	behind.Dialect = plain.Dialect
	certified.Dialect, _ = dialect.Lookup("onprem")
	for _, c := range []struct {
		p    reply
		r    Receiver
		want Result
		says string
	}{
		{answered(401), plain, Passed, ""},
		{answered(403), plain, Passed, ""},
		{answered(400), plain, Passed, ""},
		{answered(200), plain, Serious, "raw body"},
		{answered(204), plain, Serious, "raw body"},
		{answered(200), behind, Warning, "auth or certificate"},
		{answered(200), certified, Advice, "Standard Webhooks"},
		{answered(404), plain, Advice, "instead of 404"},
		{answered(422), plain, Advice, "instead of 422"},
		{answered(500), plain, Advice, "instead of 500"},
		{answered(410), plain, Warning, "switches a webhook off"},
		{ended(deliver.Timeout), plain, Warning, "kept busy"},
		{ended(deliver.Broken), plain, Warning, "kept busy"},
	} {
		o := judgeForged(c.p, WrongSignature, c.r)
		require.Equal(t, c.want, o.result, c.p.text())
		require.Contains(t, o.change, c.says)
	}
	require.Contains(t, judgeForged(answered(200), NoSignature, plain).change, "is missing")
}

func TestJudgeDelivery(t *testing.T) {
	signed := Receiver{Secrets: []signature.Secret{signature.NewSecret("s")}, Timeout: 3 * time.Second}
	for _, c := range []struct {
		p    reply
		r    Receiver
		want Result
		says string
	}{
		{answered(200), signed, Passed, ""},
		{answered(202), signed, Passed, ""},
		{reply{status: 202, outcome: deliver.Rejected}, signed, Fatal, "exactly 200"}, // in a dialect that takes 200 alone
		{answered(401), signed, Fatal, "Compare the secret"},
		{answered(401), Receiver{}, Fatal, "is unsigned"},
		{answered(404), signed, Fatal, "takes no POST"},
		{answered(405), signed, Fatal, "takes no POST"},
		{answered(302), signed, Fatal, "redirect"},
		{answered(410), signed, Fatal, "410"},
		{answered(500), signed, Fatal, "receiver's own log"},
		{answered(503), signed, Fatal, "what stands before it"},
		{ended(deliver.Timeout), signed, Fatal, "within 3s"},
		{ended(deliver.Refused), signed, Fatal, "start the server"},
		{ended(deliver.NoName), signed, Fatal, "URL"},
		{ended(deliver.Forbidden), signed, Fatal, "URL"},
		{ended(deliver.BadTLS), signed, Fatal, "certificate"},
		{ended(deliver.Broken), signed, Fatal, "answer properly"},
	} {
		o := judgeDelivery(c.p, c.r)
		require.Equal(t, c.want, o.result, c.p.text())
		require.Contains(t, o.change, c.says)
	}
}

func TestJudgeRawBodyAndOld(t *testing.T) {
	require.Equal(t, Passed, judgeRawBody(answered(200), true).result)
	require.Equal(t, Warning, judgeRawBody(answered(401), true).result)
	require.Equal(t, Serious, judgeRawBody(answered(200), false).result)
	require.Equal(t, Skipped, judgeRawBody(answered(401), false).result)
	require.Equal(t, Advice, judgeOld(answered(200)).result)
	require.Equal(t, Passed, judgeOld(answered(401)).result)
	require.Equal(t, Advice, judgeOld(answered(500)).result)
}

func TestJudgeLatency(t *testing.T) {
	for _, c := range []struct {
		p50, most int64
		timeout   time.Duration
		want      Result
	}{
		{10, 40, 10 * time.Second, Passed},
		{10, 3333, 10 * time.Second, Passed},
		{10, 3334, 10 * time.Second, Warning},
		{1000, 1200, 10 * time.Second, Passed},
		{1001, 1200, 10 * time.Second, Advice},
		{10, 5000, 30 * time.Second, Passed},
		{10, 5001, 30 * time.Second, Warning},
		{10, 400, time.Second, Warning},
	} {
		require.Equal(t, c.want, judgeLatency(LatencyMS{c.p50, c.most, 5}, c.timeout).result, c)
	}
}

func TestLatency(t *testing.T) {
	took := func(ms ...int) (ps []reply) {
		for _, n := range ms {
			ps = append(ps, reply{status: 200, outcome: deliver.Delivered, took: time.Duration(n) * time.Millisecond})
		}
		return ps
	}
	e := evidence{replies: map[Name][]reply{Delivery: took(30), Concurrent: took(10, 50, 20), Large: took(900), WrongSignature: {answered(401)}}}
	require.Equal(t, LatencyMS{P50: 20, Max: 50, Answers: 4}, e.latency())
	require.Zero(t, evidence{}.latency())
}

func TestGrade(t *testing.T) {
	for _, c := range []struct {
		results []Result
		want    Grade
		says    string
	}{
		{nil, A, "nothing to change"},
		{[]Result{Passed, Skipped}, A, "nothing to change"},
		{[]Result{Passed, Advice}, B, "First: change 1"},
		{[]Result{Advice, Warning, Passed}, C, "First: change 1. One more finding"},
		{[]Result{Warning, Warning, Warning}, C, "2 more findings"},
		{[]Result{Advice, Serious, Warning}, D, "First: change 1"},
		{[]Result{Serious, Serious}, F, "forged"},
		{[]Result{Fatal, Serious, Serious}, F, "does not take"},
	} {
		var fs []Finding
		for i, r := range c.results {
			fs = append(fs, Finding{Result: r, Change: "change " + string(rune('0'+i)) + "."})
		}
		got, summary := grade(fs)
		require.Equal(t, c.want, got, c.results)
		require.Contains(t, summary, c.says)
	}
}

// Whatever the dialect, the rewritten bodies say what the ordinary one says, in other bytes.
func TestSpelling(t *testing.T) {
	for _, name := range dialect.Names() {
		r := Receiver{BusinessID: 9, Secrets: []signature.Secret{signature.NewSecret("s")}}
		r.Dialect, _ = dialect.Lookup(name)
		b := builder{r: r, now: time.Now()}
		e := b.next()
		body := b.body(e)
		spelled, err := respell(body)
		require.NoError(t, err)
		for _, other := range [][]byte{spelled, dumped(body)} {
			require.NotEqual(t, string(body), string(other))
			require.JSONEq(t, string(body), string(other))
			require.False(t, strings.ContainsFunc(string(other), func(r rune) bool { return r > '~' }), "ASCII alone")
		}
		require.NotContains(t, string(body), " :")
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, spelled))
		require.NotEqual(t, string(body), compact.String(), "more than white space differs")

		newer, err := unheard(body, r.Dialect.EventName(e.Type))
		require.NoError(t, err)
		require.Contains(t, string(newer), unknownMember)
		said := name != "digest" && name != "onprem" // which do not say an event's type
		require.Equal(t, said, bytes.Contains(newer, []byte(unknownType)), name)
		large, err := swollen(body, b.text(e))
		require.NoError(t, err)
		require.Greater(t, len(large), largeText, name)
		require.Less(t, len(large), 4*largeText, name)
		require.NoError(t, b.err)
	}
}

// Python's json.dumps wrote the wanted text.
func TestDumped(t *testing.T) {
	const body = `{"a":[1,2.5,{"b":"x, \"y\": \\","c":"é🙏` + "\u2028" + `\n"}],"d":{},"e":[],"f":null}`
	const want = `{"a": [1, 2.5, {"b": "x, \"y\": \\", "c": "\u00e9\ud83d\ude4f\u2028\n"}], "d": {}, "e": [], "f": null}`
	require.Equal(t, want, string(dumped([]byte(body))))
}

func TestRespellEmpty(t *testing.T) {
	got, err := respell([]byte(`{"a":{},"b":[],"c":-1.5e3,"d":"/"}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"a":{},"b":[],"c":-1.5e3,"d":"/"}`, string(got))
	require.Contains(t, string(got), `"\/"`)
}

// A plan is the same for the same moment, carries its marks and forges what it should.
func TestPlan(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	secret, stranger := signature.NewSecret("s"), signature.NewSecret("t")
	for _, name := range dialect.Names() {
		r := Receiver{BusinessID: 9, URL: "https://example.com/", Secrets: []signature.Secret{secret}, Header: http.Header{"X-Tenant": {"42"}}}
		r.Dialect, _ = dialect.Lookup(name)
		steps, err := plan(r, stranger, now)
		require.NoError(t, err)
		again, err := plan(r, stranger, now)
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(steps, again))
		requests := 0
		for _, s := range steps {
			require.NotEmpty(t, texts[s.check].title, s.check)
			require.NotEmpty(t, texts[s.check].why, s.check)
			if s.skip != "" {
				continue
			}
			requests += len(s.requests)
			for _, q := range s.requests {
				require.Equal(t, string(s.check), q.header.Get(TestHeader))
				require.Equal(t, "42", q.header.Get("X-Tenant"))
				require.Equal(t, q.id, q.header.Get("webhook-id"))
				results := signature.Verify(q.header, q.body, []signature.Secret{secret}, now)
				switch s.check {
				case NoSignature:
					require.Empty(t, results)
				case WrongSignature:
					for _, v := range results {
						require.False(t, v.OK, v.Scheme)
					}
				case OldTimestamp:
					require.Contains(t, results[0].Reason, "more than five minutes old")
				default:
					for _, v := range results {
						require.True(t, v.OK, "%s %s %s: %s", name, s.check, v.Scheme, v.Reason)
					}
				}
			}
		}
		require.LessOrEqual(t, requests, 13)
		require.GreaterOrEqual(t, requests, 11)
		require.Equal(t, http.Header{"X-Tenant": {"42"}}, r.Header, "the receiver's own headers are not written to")
	}
}
