package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/charmap"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
)

const (
	coded = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

var at = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// delivery is a genuine request of a dialect, signed with secrets.
func delivery(t *testing.T, name string, sample event.Event, secrets ...string) Request {
	t.Helper()
	d, ok := dialect.Lookup(name)
	require.True(t, ok)
	body, err := d.Render(nil, sample)
	require.NoError(t, err)
	var signing []signature.Secret
	for _, s := range secrets {
		signing = append(signing, signature.NewSecret(s))
	}
	r := Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Length: -1}
	d.Headers(r.Header, signature.Message{ID: sample.ID, Timestamp: at, Body: body}, signing)
	return r
}

// received is a message with letters beyond ASCII, a slash, a number and markup: what is spelled in several ways.
func received(t *testing.T) event.Event {
	t.Helper()
	for _, s := range event.Samples(at) {
		if s.Name != event.MessageReceived {
			continue
		}
		d, err := s.Decode()
		require.NoError(t, err)
		d.Message.Text = "مرحبا <b>é</b> / \U0001f44b &"
		key, _ := event.ParseID(s.ID)
		e, err := event.New(key, s.Type, d, s.Upstream, s.CreatedAt)
		require.NoError(t, err)
		e.Upstream = bytes.Replace(s.Upstream, []byte(`"body":"`), []byte(`"body":"مرحبا <b>é</b> / `), 1)
		return e
	}
	t.Fatal("no sample")
	return event.Event{}
}

func TestGenuineDeliveriesAreValid(t *testing.T) {
	for _, name := range dialect.Names() {
		d, _ := dialect.Lookup(name)
		for _, s := range event.Samples(at) {
			if !d.Speaks(s.Type) {
				continue
			}
			if _, err := d.Render(nil, s.Event); err != nil {
				continue
			}
			for _, secret := range []string{coded, "my_secret_key_123"} {
				for _, asked := range []string{name, ""} {
					r := Judge(Question{Request: delivery(t, name, s.Event, secret), Secrets: []string{secret}, Dialect: asked, At: at.Add(time.Minute)})
					require.True(t, r.Valid, "%s %s: %+v", name, s.Name, r)
				}
			}
		}
	}
}

// respell parses JSON and writes it as other languages do.
func respell(t *testing.T, body []byte, write func(e *json.Encoder)) []byte {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(body, &v))
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	write(e)
	require.NoError(t, e.Encode(v))
	return bytes.TrimSpace(b.Bytes())
}

var aNumber = regexp.MustCompile(`:(\d+)([,}])`)

// escaped writes what is not ASCII as escapes, as PHP and Python do.
func escaped(body []byte) []byte {
	var b strings.Builder
	for _, r := range string(body) {
		switch {
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		case r > '~':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return []byte(b.String())
}

// The ten mistakes, each planted in every way that people make it, in every dialect whose signature it can spoil. certain: the
// mistake is proven, and not only likely.
func TestMistakes(t *testing.T) {
	mustLatin := func(b []byte, err error) []byte {
		require.NoError(t, err)
		return b
	}
	all := []string{"wabagate", "twabot", "platform", "awalchat", "digest", "cloud", "onprem"}
	text, timed := []string{"twabot", "platform", "awalchat", "digest", "cloud"}, []string{"wabagate", "awalchat", "onprem"}
	standard := []string{"wabagate", "onprem"}
	type plant struct {
		q       *Question
		d       dialect.Dialect
		genuine event.Event
	}
	body := func(change func(b []byte) []byte) func(*plant) {
		return func(p *plant) { p.q.Request.Body = change(p.q.Request.Body) }
	}
	headers := func(change func(h http.Header)) func(*plant) { return func(p *plant) { change(p.q.Request.Header) } }
	for _, c := range []struct {
		mistake  Mistake
		how      string
		dialects []string
		certain  bool
		secret   string // that signs; empty: coded
		plant    func(p *plant)
	}{
		{WrongSecret, "that of another webhook", all, false, "", func(p *plant) { p.q.Secrets = []string{other} }},
		{WrongSecret, "none of two", all, false, "", func(p *plant) { p.q.Secrets = []string{other, "text"} }},

		{SecretCoding, "given without its prefix", all, true, "", func(p *plant) { p.q.Secrets = []string{strings.TrimPrefix(coded, "whsec_")} }},
		{SecretCoding, "with a line break", all, true, "", func(p *plant) { p.q.Secrets = []string{coded + "\n"} }},
		{SecretCoding, "in quotes", all, true, "", func(p *plant) { p.q.Secrets = []string{`"` + coded + `"`} }},
		{SecretCoding, "used as text by the signer", standard, true, "", func(p *plant) {
			s := schemeOf(p.d)
			sum := s.sign([]byte(coded), p.genuine.ID, p.q.Request.Header.Get(s.timer), p.q.Request.Body)
			p.q.Request.Header.Set(s.header, "v1,"+base64.StdEncoding.EncodeToString(sum[:]))
		}},
		{SecretCoding, "decoded by the signer", text, true, "", func(p *plant) {
			s := schemeOf(p.d)
			key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(coded, "whsec_"))
			sum := s.sign(key, "", p.q.Request.Header.Get(s.timer), p.q.Request.Body)
			p.q.Request.Header.Set(s.header, s.prefix+hex.EncodeToString(sum[:]))
		}},

		{Reserialised, "indented", all, true, "", body(func(b []byte) []byte {
			var out bytes.Buffer
			require.NoError(t, json.Indent(&out, b, "", "  "))
			return out.Bytes()
		})},
		{Reserialised, "members by the alphabet", []string{"wabagate", "twabot", "platform", "awalchat"}, true, "", body(func(b []byte) []byte { return respell(t, b, func(*json.Encoder) {}) })},
		{Reserialised, "as Go does it", []string{"wabagate", "twabot", "platform", "awalchat"}, true, "", body(func(b []byte) []byte {
			return respell(t, b, func(e *json.Encoder) { e.SetEscapeHTML(true) })
		})},
		{Reserialised, "escapes for what is not ASCII", all, true, "", body(escaped)},
		{Reserialised, "escaped slashes", all, true, "", body(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("/"), []byte(`\/`)) })},
		{Reserialised, "numbers as fractions", []string{"wabagate", "twabot", "awalchat", "digest"}, true, "", body(func(b []byte) []byte { return aNumber.ReplaceAll(b, []byte(":$1.0$2")) })},
		{Reserialised, "printed by JavaScript", all, false, "", body(func([]byte) []byte { return []byte("[object Object]") })},

		{Cut, "in the middle", all, true, "", body(func(b []byte) []byte { return b[:len(b)/2] })},
		{Cut, "to nothing", all, true, "", body(func([]byte) []byte { return nil })},
		{Cut, "shorter than it says", all, true, "", func(p *plant) {
			p.q.Request.Length = int64(len(p.q.Request.Body)) + 10
			p.q.Request.Body = []byte(`{"id":1}`)
		}},
		{Cut, "a line break behind it", all, true, "", body(func(b []byte) []byte { return append(b, '\n') })},
		{Cut, "CR LF behind it", all, true, "", body(func(b []byte) []byte { return append(b, "\r\n"...) })},

		{Clock, "too old", timed, true, "", func(p *plant) { p.q.At = at.Add(5*time.Minute + time.Second) }},
		{Clock, "ahead", timed, true, "", func(p *plant) { p.q.At = at.Add(-time.Hour) }},
		{Clock, "in milliseconds, signed in seconds", timed, true, "", func(p *plant) {
			h := schemeOf(p.d).timer
			p.q.Request.Header.Set(h, p.q.Request.Header.Get(h)+"123")
		}},
		{Clock, "signed in milliseconds", timed, true, "", func(p *plant) {
			s := schemeOf(p.d)
			ms := fmt.Sprint(at.UnixMilli())
			p.q.Request.Header.Set(s.timer, ms)
			sum := s.sign(s.keys([]string{coded})[0].bytes, p.genuine.ID, ms, p.q.Request.Body)
			sent := s.prefix + hex.EncodeToString(sum[:])
			if s.base64 {
				sent = s.prefix + base64.StdEncoding.EncodeToString(sum[:])
			}
			p.q.Request.Header.Set(s.header, sent)
		}},
		{Clock, "a date", timed, true, "", func(p *plant) { p.q.Request.Header.Set(schemeOf(p.d).timer, "2026-11-21T12:00:00Z") }},

		{Encoding, "a byte order mark", all, true, "", body(func(b []byte) []byte { return append([]byte("\ufeff"), b...) })},
		{Encoding, "to Latin-1", nil, true, "", body(func(b []byte) []byte { return mustLatin(charmap.ISO8859_1.NewEncoder().Bytes(b)) })},
		{Encoding, "read as Latin-1", all, true, "", body(func(b []byte) []byte { return mustLatin(charmap.ISO8859_1.NewDecoder().Bytes(b)) })},
		{Encoding, "letters lost", all, false, "", body(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("م"), []byte("\ufffd")) })},
		{Encoding, "UTF-16", all, true, "", body(func(b []byte) []byte {
			out := []byte{0xff, 0xfe}
			for _, u := range utf16.Encode([]rune(string(b))) {
				out = append(out, byte(u), byte(u>>8))
			}
			return out
		})},
		{Encoding, "still base64", all, true, "", body(func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) })},
		{Encoding, "JSON made twice", all, true, "", body(func(b []byte) []byte {
			out, err := json.Marshal(string(b))
			require.NoError(t, err)
			return out
		})},
		{Encoding, "base64 for hex", text, true, "", func(p *plant) {
			s := schemeOf(p.d)
			sum, err := hex.DecodeString(strings.TrimPrefix(p.q.Request.Header.Get(s.header), s.prefix))
			require.NoError(t, err)
			p.q.Request.Header.Set(s.header, s.prefix+base64.StdEncoding.EncodeToString(sum))
		}},
		{Encoding, "hex for base64", standard, true, "", headers(func(h http.Header) {
			sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Get("webhook-signature"), "v1,"))
			require.NoError(t, err)
			h.Set("webhook-signature", "v1,"+hex.EncodeToString(sum))
		})},
		{Encoding, "upper case", text, true, "", func(p *plant) {
			s := schemeOf(p.d)
			p.q.Request.Header.Set(s.header, s.prefix+strings.ToUpper(strings.TrimPrefix(p.q.Request.Header.Get(s.header), s.prefix)))
		}},
		{Encoding, "without v1,", standard, true, "", headers(func(h http.Header) { h.Set("webhook-signature", strings.TrimPrefix(h.Get("webhook-signature"), "v1,")) })},
		{Encoding, "no signature at all", all, true, "", func(p *plant) { p.q.Request.Header.Set(schemeOf(p.d).header, "undefined") }},

		{MissingHeader, "none at all", all, true, "", func(p *plant) { p.q.Request.Header = http.Header{"Content-Type": {"application/json"}} }},
		{MissingHeader, "that of the dialect", text, true, "", func(p *plant) {
			p.q.Request.Header = http.Header{"Content-Type": {"application/json"}}
			p.q.Dialect = p.d.Name
		}},
		{MissingHeader, "the time", timed, true, "", func(p *plant) { p.q.Request.Header.Del(schemeOf(p.d).timer) }},
		{MissingHeader, "the id", standard, true, "", headers(func(h http.Header) { h.Del("webhook-id") })},

		{OtherDialect, "twabot's for another", []string{"platform", "awalchat", "digest", "cloud"}, true, "", func(p *plant) { p.q.Dialect = "twabot" }},
		{OtherDialect, "cloud's for another", []string{"platform", "awalchat", "digest", "twabot"}, true, "", func(p *plant) { p.q.Dialect = "cloud" }},
		{OtherDialect, "that of wabagate alone", standard, false, "", func(p *plant) { p.q.Dialect = "twabot" }},

		{OldSecret, "the second of two", all, true, other, func(p *plant) { p.q.Secrets = []string{coded, other} }},
		{OldSecret, "the third, without its prefix", all, true, other, func(p *plant) {
			p.q.Secrets = []string{coded, "text", strings.TrimPrefix(other, "whsec_")}
		}},

		{OtherMessage, "the id of another", []string{"wabagate"}, true, "", headers(func(h http.Header) { h.Set("webhook-id", "evt_00000000000000000000000000000001") })},
		{OtherMessage, "the body of another", []string{"wabagate", "platform"}, false, "", func(p *plant) {
			later, err := event.Sample("order.created", at)
			require.NoError(t, err)
			p.q.Request.Body = delivery(t, p.d.Name, later, coded).Body
		}},
	} {
		dialects := c.dialects
		sample := received(t)
		if dialects == nil { // a message in letters of Western Europe
			dialects = []string{"wabagate", "twabot"}
			d, err := sample.Decode()
			require.NoError(t, err)
			d.Message.Text, d.Message.Content = "où? déjà!", json.RawMessage(`{"body":"où? déjà!"}`)
			key, _ := event.ParseID(sample.ID)
			sample, err = event.New(key, sample.Type, d, sample.Upstream, sample.CreatedAt)
			require.NoError(t, err)
		}
		for _, name := range dialects {
			t.Run(string(c.mistake)+", "+c.how+", "+name, func(t *testing.T) {
				d, _ := dialect.Lookup(name)
				secret := coded
				if c.secret != "" {
					secret = c.secret
				}
				q := &Question{Request: delivery(t, name, sample, secret), Secrets: []string{coded}, Dialect: name, At: at.Add(time.Second)}
				if c.mistake == MissingHeader && c.how == "none at all" {
					q.Dialect = ""
				}
				c.plant(&plant{q, d, sample})
				r := Judge(*q)
				require.False(t, r.Valid)
				require.Len(t, r.Judgements, 1)
				i := -1
				var names []Mistake
				for n, f := range r.Judgements[0].Findings {
					names = append(names, f.Mistake)
					require.NotEmpty(t, f.What)
					require.NotEmpty(t, f.Do)
					if f.Mistake == c.mistake {
						i = n
					}
				}
				require.GreaterOrEqual(t, i, 0, "named were %v", names)
				require.Equal(t, c.certain, r.Judgements[0].Findings[i].Certain)
				if c.how != "the third, without its prefix" {
					require.Len(t, names, 1, "one mistake, one finding: %+v", r.Judgements[0].Findings)
				}
				var out strings.Builder
				require.NoError(t, r.Print(&out))
				require.Contains(t, out.String(), string(c.mistake))
				require.NotContains(t, out.String(), coded)
				require.NotContains(t, out.String(), other)
			})
		}
	}
}
