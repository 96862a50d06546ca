package signature_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"wabagate/fanout/signature"
)

var schemes = []signature.Scheme{signature.Standard, signature.TwaBot, signature.Webhook, signature.Awalchat, signature.Hub}

// vector is a message and every header that all schemes together give it, computed by another implementation.
type vector struct {
	Name      string
	Secrets   []string
	ID        string
	Timestamp int64
	Body      string
	Headers   map[string]string
}

func loadVectors(t *testing.T) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil {
		t.Fatal(err)
	}
	return vs
}

func secretsOf(texts ...string) []signature.Secret {
	var ss []signature.Secret
	for _, text := range texts {
		ss = append(ss, signature.NewSecret(text))
	}
	return ss
}

func sign(m signature.Message, secrets ...signature.Secret) http.Header {
	h := make(http.Header)
	for _, s := range schemes {
		s(h, m, secrets)
	}
	return h
}

func TestVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			m := signature.Message{ID: v.ID, Timestamp: time.Unix(v.Timestamp, 999), Body: []byte(v.Body)}
			h := sign(m, secretsOf(v.Secrets...)...)
			got := make(map[string]string)
			for name := range h {
				got[name] = h.Get(name)
			}
			if !maps.Equal(got, v.Headers) {
				t.Errorf("got %v\nwant %v", got, v.Headers)
			}
			for _, r := range signature.Verify(h, m.Body, secretsOf(v.Secrets...), m.Timestamp) {
				if !r.OK || r.Reason != "" {
					t.Errorf("%s: %s", r.Scheme, r.Reason)
				}
			}
		})
	}
}

func TestStandardLibraryAccepts(t *testing.T) {
	random, text := signature.NewRandomSecret(), signature.NewSecret("just text, not base64")
	fromRandom, err := standardwebhooks.NewWebhook(random.Text())
	if err != nil {
		t.Fatal(err)
	}
	fromText, err := standardwebhooks.NewWebhookRaw([]byte(text.Text()))
	if err != nil {
		t.Fatal(err)
	}
	m := signature.Message{ID: "evt_1", Timestamp: time.Now(), Body: []byte(`{"a":"é"}`)}
	for name, c := range map[string]struct {
		secrets []signature.Secret
		library *standardwebhooks.Webhook
	}{
		"random":           {[]signature.Secret{random}, fromRandom},
		"text":             {[]signature.Secret{text}, fromText},
		"rotation, newest": {[]signature.Secret{random, text}, fromRandom},
		"rotation, oldest": {[]signature.Secret{random, text}, fromText},
	} {
		if err := c.library.Verify(m.Body, sign(m, c.secrets...)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	at := time.Unix(1793491200, 0)
	m := signature.Message{ID: "evt_1", Timestamp: at, Body: []byte(`{"a":1}`)}
	secret := signature.NewSecret("s")
	const all = "standard twabot webhook awalchat hub"
	for _, c := range []struct {
		name    string
		change  func(h http.Header)
		body    string
		secrets []signature.Secret
		now     time.Time
		bad     string // the schemes that must refuse; the others must accept
	}{
		{name: "genuine"},
		{name: "other body", body: `{"a":2}`, bad: all},
		{name: "other secret", secrets: secretsOf("t"), bad: all},
		{name: "empty secret", secrets: secretsOf(""), bad: all},
		{name: "no secret", secrets: []signature.Secret{}, bad: all},
		{name: "old secret of a rotation", secrets: secretsOf("new", "s")},
		{name: "at the edge", now: at.Add(signature.Tolerance)},
		{name: "too old", now: at.Add(signature.Tolerance + time.Second), bad: "standard awalchat"},
		{name: "too new", now: at.Add(-signature.Tolerance - time.Second), bad: "standard awalchat"},
		{name: "other id", change: func(h http.Header) { h.Set("webhook-id", "evt_2") }, bad: "standard"},
		{name: "no id", change: func(h http.Header) { h.Del("webhook-id") }, bad: "standard"},
		{name: "no timestamps", change: func(h http.Header) { h.Del("webhook-timestamp"); h.Del("x-awal-webhook-timestamp") }, bad: "standard awalchat"},
		{name: "other timestamps", change: func(h http.Header) {
			h.Set("webhook-timestamp", "1793491201")
			h.Set("x-awal-webhook-timestamp", "1793491201")
		}, bad: "standard awalchat"},
		{name: "malformed timestamps", change: func(h http.Header) {
			h.Set("webhook-timestamp", "soon")
			h.Set("x-awal-webhook-timestamp", "1e9")
		}, bad: "standard awalchat"},
		{name: "malformed signatures", change: func(h http.Header) {
			h.Set("webhook-signature", "v1,?")
			h.Set("x-twabot-signature", "00")
			h.Set("x-webhook-signature", "zz")
			h.Set("x-awal-webhook-signature", "sha256=00")
			h.Set("x-hub-signature-256", strings.Repeat("0", 64))
		}, bad: all},
		{name: "only an unknown version", change: func(h http.Header) { h.Set("webhook-signature", "v1a,AAAA") }, bad: "standard"},
		{name: "unknown versions beside", change: func(h http.Header) {
			h.Set("webhook-signature", "v1a,AAAA v1,AAAA "+h.Get("webhook-signature"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := sign(m, secret)
			if c.change != nil {
				c.change(h)
			}
			body, secrets, now := m.Body, c.secrets, c.now
			if c.body != "" {
				body = []byte(c.body)
			}
			if secrets == nil {
				secrets = []signature.Secret{secret}
			}
			if now.IsZero() {
				now = at
			}
			results := signature.Verify(h, body, secrets, now)
			if len(results) != len(schemes) {
				t.Errorf("%d results", len(results))
			}
			for _, r := range results {
				if want := !slices.Contains(strings.Fields(c.bad), r.Scheme); r.OK != want || r.OK != (r.Reason == "") {
					t.Errorf("%s: OK %v, reason %q", r.Scheme, r.OK, r.Reason)
				}
			}
		})
	}
	if results := signature.Verify(http.Header{}, m.Body, secretsOf("s"), at); len(results) != 0 {
		t.Errorf("an unsigned request gave %v", results)
	}
}

func BenchmarkSchemes(b *testing.B) {
	m := signature.Message{ID: "evt_0123456789abcdef0123456789abcdef", Timestamp: time.Unix(1793491200, 0), Body: []byte(strings.Repeat("x", 600))}
	secrets := []signature.Secret{signature.NewRandomSecret()}
	for name, s := range map[string]signature.Scheme{"standard": signature.Standard, "twabot": signature.TwaBot, "awalchat": signature.Awalchat, "hub": signature.Hub} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s(make(http.Header, 4), m, secrets)
			}
		})
	}
}
