package samples_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/dialect"
	"wabagate/fanout/signature"
)

// What is forged, changed, late or mutilated gets 401, in every dialect, and is forgotten.
func (r one) refuses(t *testing.T) {
	stranger := signature.NewRandomSecret()
	for _, name := range dialect.Names() {
		d := must(t, name)
		if name == "onprem" {
			continue // signed as the default dialect is
		}
		own, stamp := "webhook-signature", "webhook-timestamp"
		switch {
		case name == "awalchat":
			own, stamp = signature.HeaderAwalSignature, signature.HeaderAwalTimestamp
		case d.SignsOnce():
			own = ownHeader(t, d)
		}
		e := message(t, hello)
		body, err := d.Render(nil, e)
		require.NoError(t, err)
		now := time.Now()
		good := func() http.Header { return sign(t, name, e.ID, now, body, r.secret) }
		set := func(key, value string) http.Header {
			h := good()
			h.Set(key, value)
			return h
		}
		without := func(key string) http.Header {
			h := good()
			h.Del(key)
			return h
		}
		var indented bytes.Buffer
		require.NoError(t, json.Indent(&indented, body, "", " "))
		first := good().Get(own)
		for _, c := range []struct {
			what   string
			header http.Header
			body   []byte // nil: as it was
			timely bool   // says something about time, or the id, which the signature has to cover
		}{
			{"another secret", sign(t, name, e.ID, now, body, stranger), nil, false},
			{"no secret", sign(t, name, e.ID, now, body), nil, false},
			{"a changed body", good(), bytes.Replace(body, []byte("text"), []byte("TEXT"), 1), false},
			{"a body that was parsed and written again", good(), indented.Bytes(), false},
			{"a body with a line end more", good(), append(bytes.Clone(body), '\n'), false},
			{"no body", good(), []byte{}, false},
			{"no signature", without(own), nil, false},
			{"an empty signature", set(own, ""), nil, false},
			{"half a signature", set(own, first[:len(first)/2]), nil, false},
			{"a longer signature", set(own, first+"0"), nil, false},
			{"letters of other alphabets", set(own, "v1,\u00e9\u00ff"+first[5:]), nil, false},
			{"as many letters, of more bytes", set(own, strings.Repeat("\xe9", len(first))), nil, false},
			{"an old timestamp", sign(t, name, e.ID, now.Add(-6*time.Minute), body, r.secret), nil, true},
			{"a timestamp to come", sign(t, name, e.ID, now.Add(6*time.Minute), body, r.secret), nil, true},
			{"another timestamp", set(stamp, fmt.Sprint(now.Unix()-1)), nil, true},
			{"no timestamp", without(stamp), nil, true},
			{"words for a timestamp", set(stamp, "soon"), nil, true},
			{"a timestamp of milliseconds", set(stamp, fmt.Sprint(now.UnixMilli())), nil, true},
			{"an endless timestamp", set(stamp, strings.Repeat("9", 400)), nil, true},
		} {
			if c.timely && !d.SignsTime() {
				continue
			}
			if c.body == nil {
				c.body = body
			}
			if status, said := post(t, r.address(name), c.header, c.body); status != http.StatusUnauthorized {
				t.Errorf("%s: %s: %d %s", name, c.what, status, said)
			}
		}
		if name == dialect.Default {
			for what, h := range map[string]http.Header{"no id": without("webhook-id"), "another id": set("webhook-id", "evt_2"),
				"another version": set(own, "v1a,"+first[3:]), "no version": set(own, first[3:])} {
				status, said := post(t, r.URL, h, body)
				require.Equal(t, http.StatusUnauthorized, status, "%s: %s", what, said)
			}
		}
		status, said := post(t, r.address(name), good(), body)
		require.Equal(t, "200 taken", fmt.Sprint(status, " ", said), "%s: what was refused is not remembered", name)
	}
	for _, url := range []string{r.URL + "/other", strings.TrimSuffix(r.URL, "/webhooks") + "/"} {
		status, _ := post(t, url, http.Header{}, []byte("{}"))
		require.Equal(t, http.StatusNotFound, status, url)
	}
	res, err := http.Get(r.URL)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.GreaterOrEqual(t, res.StatusCode, 400, "only POST is for events")
}

// ownHeader is the header that a dialect signs in, beside those of Standard Webhooks.
func ownHeader(t *testing.T, d dialect.Dialect) string {
	t.Helper()
	h := http.Header{}
	d.Headers(h, signature.Message{ID: "evt_1", Timestamp: time.Now(), Body: []byte("{}")}, []signature.Secret{signature.NewSecret("s")})
	for name := range h {
		if !strings.HasPrefix(name, "Webhook-") {
			return name
		}
	}
	t.Fatalf("%s signs in no header of its own", d.Name)
	return ""
}

// A secret need not be base64.
func otherSecrets(t *testing.T, m made) {
	for _, text := range []string{"my_secret_key_123 ليلى", "whsec_my-own-words"} {
		t.Run(text, func(t *testing.T) {
			secret := signature.NewSecret(text)
			r := one{m.start(t, text), secret}
			r.takesEveryDialect(t)
			body := []byte("{}")
			status, _ := post(t, r.URL, sign(t, dialect.Default, "evt_1", time.Now(), body, signature.NewRandomSecret()), body)
			require.Equal(t, http.StatusUnauthorized, status)
		})
	}
}

// Without a secret nothing is taken: an empty one would let in everybody who signs with nothing.
func noSecret(t *testing.T, m made) {
	if m.name == "php" { // has no start of its own
		r := m.start(t, "")
		body := []byte("{}")
		status, said := post(t, r.URL, sign(t, "twabot", "evt_1", time.Now(), body, signature.NewSecret("")), body)
		require.Equal(t, http.StatusInternalServerError, status, said)
		r.WaitPrinted(t, "set WEBHOOK_SECRET", soon)
		return
	}
	m.refusesToStart(t, "set WEBHOOK_SECRET")
}
