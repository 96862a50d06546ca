package fanout

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

// guarded is a courier that can do no more than challenge, over the real client.
func guarded(t *testing.T) *Courier {
	client := deliver.NewClient(deliver.NewGuard(deliver.Allowed{Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, false), deliver.Options{})
	t.Cleanup(client.Close)
	return &Courier{post: client, now: time.Now}
}

func awalchatWebhook(url string) models.Webhook {
	return models.Webhook{ID: 7, URL: url, Dialect: "awalchat", Events: []string{"*"}, Secret: "hush", Headers: map[string]string{"X-Tenant": "42"}, Timeout: 2 * time.Second}
}

// A receiver that checks the signature before it looks at the body, and then does what AwalChat's page says.
func careful(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
	mac := hmac.New(sha256.New, []byte("hush"))
	_, _ = mac.Write([]byte(q.Header.Get("X-Awal-Webhook-Timestamp") + "." + string(d.Body)))
	var ask struct{ Type, Challenge string }
	switch {
	case hex.EncodeToString(mac.Sum(nil)) != q.Header.Get("X-Awal-Webhook-Signature"):
		w.WriteHeader(http.StatusUnauthorized)
	case json.Unmarshal(d.Body, &ask) != nil || ask.Type != "verification":
		w.WriteHeader(http.StatusBadRequest)
	default:
		_, _ = fmt.Fprintf(w, "{\n  \"ok\": true,\n  \"challenge\": %q\n}", ask.Challenge)
	}
}

func TestChallenge(t *testing.T) {
	receiver := fanouttest.NewReceiver(t, careful)
	c := guarded(t)
	for range 2 {
		a, err := c.Challenge(t.Context(), awalchatWebhook(receiver.URL))
		require.NoError(t, err)
		require.Equal(t, 200, a.Status)
		require.Equal(t, string(deliver.Delivered), a.Outcome)
		require.Positive(t, a.Duration)
	}
	got := receiver.Got()
	require.Len(t, got, 2)
	require.Regexp(t, `^\{"type":"verification","challenge":"[A-Z2-7]{26}"\}$`, string(got[0].Body))
	require.NotEqual(t, string(got[0].Body), string(got[1].Body), "nobody can guess the next")
	require.Equal(t, "42", got[0].Header.Get("X-Tenant"))
	require.Equal(t, UserAgent, got[0].Header.Get("User-Agent"))
	require.NotEmpty(t, got[0].Header.Get("webhook-signature"))

	// A receiver that has another secret lets nobody in.
	w := awalchatWebhook(receiver.URL)
	w.Secret = "other"
	a, err := c.Challenge(t.Context(), w)
	require.EqualError(t, err, `the receiver answered 401; it must answer 200 with {"challenge":"…"}, repeating the text of the request`)
	require.Equal(t, 401, a.Status)
	require.Equal(t, err.Error(), a.Reason)
}

func TestChallengeNotMet(t *testing.T) {
	for answer, says := range map[string]string{
		`404 `:                    "answered 404",
		`201 {"challenge":"%s"}`:  "answered 201",
		`302 {"challenge":"%s"}`:  "answered 302",
		`200 `:                    "without a JSON object",
		`200 %s`:                  "without a JSON object",
		`200 "%s"`:                "without a JSON object",
		`200 {"challenge":5}`:     "without a JSON object",
		`200 {"received":true}`:   `without "challenge"`,
		`200 {"challenge":null}`:  `without "challenge"`,
		`200 {"challenge":""}`:    "another challenge",
		`200 {"challenge":"x%s"}`: "another challenge",
		`200 {"a":"` + strings.Repeat("x", 20_000) + `","challenge":"%s"}`: "more than 16 KiB",
	} {
		name := answer[:min(30, len(answer))]
		receiver := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) {
			var ask challengeAsk
			_ = json.Unmarshal(d.Body, &ask)
			status, body, _ := strings.Cut(answer, " ")
			if status == "302" {
				w.Header().Set("Location", "/elsewhere")
			}
			code := map[string]int{"200": 200, "201": 201, "302": 302, "404": 404}[status]
			w.WriteHeader(code)
			_, _ = w.Write([]byte(strings.ReplaceAll(body, "%s", ask.Challenge)))
		})
		a, err := guarded(t).Challenge(t.Context(), awalchatWebhook(receiver.URL))
		require.ErrorContains(t, err, says, name)
		require.ErrorContains(t, err, `must answer 200 with {"challenge"`, name)
		require.Equal(t, string(deliver.Rejected), a.Outcome, name)
		require.Equal(t, err.Error(), a.Reason, name)
		require.Len(t, receiver.Got(), 1, "it is asked once: %s", name)
	}
}

func TestChallengeWithoutAnswer(t *testing.T) {
	hang := fanouttest.NewReceiver(t, func(_ http.ResponseWriter, q *http.Request, _ fanouttest.Delivery) { <-q.Context().Done() })
	gone := fanouttest.NewReceiver(t, nil)
	gone.Close()
	for url, says := range map[string]string{hang.URL: "no answer within 1s", gone.URL: "connection refused", "http://10.0.0.1/": "private network"} {
		w := awalchatWebhook(url)
		w.Timeout = time.Second
		a, err := guarded(t).Challenge(t.Context(), w)
		require.ErrorContains(t, err, says, url)
		require.Zero(t, a.Status)
		require.NotEqual(t, string(deliver.Delivered), a.Outcome)
	}
	_, err := guarded(t).Challenge(t.Context(), models.Webhook{Dialect: "klingon"})
	require.ErrorContains(t, err, "klingon")
}
