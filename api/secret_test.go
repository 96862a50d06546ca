package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

// secretAnswer is what the routes of a secret answer.
type secretAnswer struct {
	Secret        *string
	PreviousUntil *time.Time `json:"previous_until"`
	Message       string
}

func (b *bundle) secret(w models.Webhook) secretAnswer {
	b.t.Helper()
	status, got := b.api("GET", "/webhooks/"+decimal(w.ID)+"/secret", "")
	require.Equal(b.t, 200, status, got)
	return decode[secretAnswer](b.t, got)
}

// rotate rotates the secret of w; a status of 200 is expected.
func (b *bundle) rotate(w models.Webhook, body string) secretAnswer {
	b.t.Helper()
	status, got := b.api("POST", "/webhooks/"+decimal(w.ID)+"/secret/rotate", body)
	require.Equal(b.t, 200, status, got)
	return decode[secretAnswer](b.t, got)
}

func TestSecret(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	one := "/webhooks/" + decimal(w.ID)
	_, got := b.api("GET", one+"/secret", "")
	require.Equal(t, `{"secret":"whsec_c2VjcmV0","previous_until":null}`, got)
	for _, body := range []string{"", `{}`, `{"overlap_seconds":0}`, `{"overlap_seconds":null,"secret":null,"force":true}`} {
		before := b.secret(w)
		rotated := b.rotate(w, body)
		require.NotEqual(t, before.Secret, rotated.Secret)
		require.True(t, strings.HasPrefix(*rotated.Secret, "whsec_"))
		require.Nil(t, rotated.PreviousUntil)
		require.Contains(t, rotated.Message, "this secret alone")
		require.Equal(t, rotated.Secret, b.secret(w).Secret)
	}
	require.Equal(t, "my own", *b.rotate(w, `{"secret":"my own"}`).Secret)

	_, _ = b.api("PUT", one, `{"secret":null}`)
	_, got = b.api("GET", one+"/secret", "")
	require.Equal(t, `{"secret":null,"previous_until":null}`, got)
	require.Nil(t, b.rotate(w, `{"overlap_seconds":60}`).PreviousUntil, "there was nothing to go on signing with")
}

func TestRotationRefusals(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	one := "/webhooks/" + decimal(w.ID) + "/secret/rotate"
	for body, want := range map[string]string{
		`{"overlap_seconds":-1}`:                        `"field":"overlap_seconds"`,
		`{"overlap_seconds":604801}`:                    `7 days`,
		`{"overlap_seconds":"1h"}`:                      `a number of seconds`,
		`{"secret":" "}`:                                `"field":"secret"`,
		`{"secret":"whsec_c2VjcmV0"}`:                   `has already`,
		`{"force":"yes"}`:                               `"field":"force"`,
		`{"overlap":60}`:                                `unknown_field`,
		`{"secret":"` + strings.Repeat("x", 513) + `"}`: `too_long`,
	} {
		status, got := b.api("POST", one, body)
		require.Equal(t, 400, status, body)
		require.Contains(t, got, want)
	}
	require.Equal(t, "whsec_c2VjcmV0", *b.secret(w).Secret)
	for _, path := range []string{one, one + "/finish"} {
		status, _ := b.foreign("POST", path, "")
		require.Equal(t, 404, status)
	}
	status, _ := b.api("POST", one, `{"overlap_seconds":604800}`)
	require.Equal(t, 200, status)
}

func TestSecondRotation(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	one := "/webhooks/" + decimal(w.ID)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	kept := func() (string, string) {
		w, err := b.store.Webhook(t.Context(), b.ours.ID, w.ID)
		require.NoError(t, err)
		return w.Secret.Text(), w.PreviousSecret.Text()
	}
	b.clock.stop(now)
	b.rotate(w, `{"secret":"b","overlap_seconds":3600}`)
	require.Equal(t, now.Add(time.Hour), *b.secret(w).PreviousUntil)
	for _, body := range []string{`{"secret":"c","overlap_seconds":60}`, `{"secret":"c"}`, `{"secret":"c","force":false}`} {
		status, got := b.api("POST", one+"/secret/rotate", body)
		require.Equal(t, 409, status, got)
		require.Contains(t, got, `"code":"rotation_open"`)
		require.Contains(t, got, "2026-11-21T13:00:00Z")
	}
	b.rotate(w, `{"secret":"c","overlap_seconds":60,"force":true}`)
	secret, previous := kept()
	require.Equal(t, "c b", secret+" "+previous)
	require.Equal(t, now.Add(time.Minute), *b.secret(w).PreviousUntil)
	b.clock.stop(now.Add(time.Minute))
	require.Nil(t, b.secret(w).PreviousUntil)
	b.rotate(w, `{"secret":"d","overlap_seconds":60}`)

	// A secret that is set replaces both; one that is sent back as it is changes nothing.
	_, _ = b.api("PUT", one, `{"secret":"d","name":"renamed"}`)
	require.NotNil(t, b.secret(w).PreviousUntil)
	_, _ = b.api("PUT", one, `{"secret":"e"}`)
	secret, previous = kept()
	require.Equal(t, "e ", secret+" "+previous)
	require.Nil(t, b.secret(w).PreviousUntil)

	b.rotate(w, `{"secret":"f","overlap_seconds":60}`)
	status, got := b.api("POST", one+"/secret/rotate/finish", "")
	require.Equal(t, 200, status)
	require.Equal(t, `{"secret":"f","previous_until":null,"message":"The old secret has ended."}`, got)
	status, got = b.api("POST", one+"/secret/rotate/finish", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, "No rotation was open.")
}

// deliver makes one real delivery to w and returns the request as its receiver got it.
func (b *bundle) deliver(w models.Webhook, r *fanouttest.Receiver) fanouttest.Delivery {
	b.t.Helper()
	before := len(r.Got())
	id, _, _ := strings.Cut(strings.TrimPrefix(b.delivery(w, "message.received", models.Pending), "dlv_"), "_")
	eventID := decode[int64](b.t, id)
	work := models.Work{ID: b.store.NextID(), Kind: models.Deliver, WebhookID: w.ID, DueAt: b.clock.now(), Members: []int64{eventID}}
	require.NoError(b.t, b.courier.Attempt(b.t.Context(), work, false, nil))
	got := r.Got()
	require.Len(b.t, got, before+1)
	return got[before]
}

// verifies says what a receiver that holds a secret makes of a delivery, with the public library. Its clock is not ours.
func verifies(t *testing.T, d fanouttest.Delivery, secret string) bool {
	t.Helper()
	library, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	return library.VerifyIgnoringTimestamp(d.Body, d.Header) == nil
}

// At every moment of the overlap both secrets verify, and after it only the new one does: through the API, the store and the
// courier, which is never told that the overlap has ended.
func TestRotationVerifiesThroughout(t *testing.T) {
	b := setup(t)
	r := fanouttest.NewReceiver(t, nil)
	const first = "whsec_Zmlyc3QgZmlyc3QgZmlyc3QgZmlyc3Q="
	w := b.webhook(func(w *models.Webhook) { w.URL, w.Secret = r.URL, first })
	require.NoError(t, refresh(b))
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	b.clock.stop(start)
	require.True(t, verifies(t, b.deliver(w, r), first))

	second := *b.rotate(w, `{"overlap_seconds":604800}`).Secret
	until := *b.secret(w).PreviousUntil
	require.Equal(t, start.Add(7*24*time.Hour), until)
	for at := start; at.Before(until); at = at.Add(5*time.Hour + 13*time.Minute) {
		b.clock.stop(at)
		d := b.deliver(w, r)
		require.True(t, verifies(t, d, first) && verifies(t, d, second), at)
		require.Equal(t, decimal(at.Unix()), d.Header.Get("webhook-timestamp"))
		newest, _, _ := strings.Cut(d.Header.Get("webhook-signature"), " ")
		d.Header.Set("webhook-signature", newest)
		require.True(t, verifies(t, d, second) && !verifies(t, d, first), "the newest comes first")
	}
	for _, edge := range []struct {
		at  time.Time
		old bool
	}{{until.Add(-time.Nanosecond), true}, {until, false}, {until.Add(time.Nanosecond), false}, {until.Add(24 * time.Hour), false}} {
		b.clock.stop(edge.at)
		d := b.deliver(w, r)
		require.Equal(t, edge.old, verifies(t, d, first), edge.at)
		require.True(t, verifies(t, d, second), edge.at)
	}

	// Unsigned and back, and an end before its time.
	one := "/webhooks/" + decimal(w.ID)
	_, _ = b.api("PUT", one, `{"secret":null}`)
	require.Empty(t, b.deliver(w, r).Header.Get("webhook-signature"))
	third := *b.rotate(w, `{"overlap_seconds":3600}`).Secret
	d := b.deliver(w, r)
	require.True(t, verifies(t, d, third) && !verifies(t, d, second))
	fourth := *b.rotate(w, `{"overlap_seconds":3600}`).Secret
	d = b.deliver(w, r)
	require.True(t, verifies(t, d, third) && verifies(t, d, fourth))
	_, _ = b.api("POST", one+"/secret/rotate/finish", "")
	d = b.deliver(w, r)
	require.True(t, !verifies(t, d, third) && verifies(t, d, fourth))
}

// A header with room for one signature stays with the secret that the receiver has until its owner says that it has the new.
func TestRotationOfOneSignature(t *testing.T) {
	b := setup(t)
	r := fanouttest.NewReceiver(t, nil)
	w := b.webhook(func(w *models.Webhook) { w.URL, w.Dialect, w.Secret = r.URL, "twabot", "old" })
	require.NoError(t, refresh(b))
	signs := func(d fanouttest.Delivery, secret string) bool {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(d.Body)
		return d.Header.Get("X-TwaBot-Signature") == hex.EncodeToString(mac.Sum(nil))
	}
	rotated := b.rotate(w, `{"overlap_seconds":3600,"secret":"new"}`)
	require.Contains(t, rotated.Message, "twabot")
	require.Contains(t, rotated.Message, "/secret/rotate/finish")
	require.True(t, signs(b.deliver(w, r), "old"))
	_, _ = b.api("POST", "/webhooks/"+decimal(w.ID)+"/secret/rotate/finish", "")
	require.True(t, signs(b.deliver(w, r), "new"))
	b.rotate(w, `{"overlap_seconds":60,"secret":"newer"}`)
	require.True(t, signs(b.deliver(w, r), "new"))
	b.clock.advance(time.Minute)
	require.True(t, signs(b.deliver(w, r), "newer"))
}

func TestRotationPage(t *testing.T) {
	b := setup(t)
	w := b.webhook(func(w *models.Webhook) { w.Dialect = "platform" })
	one := "/webhooks/" + decimal(w.ID)
	_, got := b.page(one + "/signing")
	require.Contains(t, got, `<option value="168"`)
	status, _, head := b.form(one+"/secret/rotate", "overlap_hours=24")
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, one+"/signing?done=overlapping", head.Get("Location"))
	_, got = b.page(one + "/signing?done=overlapping")
	require.Contains(t, got, "the old one signs too until the overlap ends")
	require.Contains(t, got, "The signature header of the dialect platform has room for one")
	require.Contains(t, got, `action="`+one+`/secret/rotate/finish"`)
	require.NotContains(t, got, `action="`+one+`/secret/rotate"`)
	status, got, _ = b.form(one+"/secret/rotate", "overlap_hours=1")
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, got, "A rotation is open until")
	status, _, _ = b.form(one+"/secret/rotate", "overlap_hours=169")
	require.Equal(t, http.StatusBadRequest, status)
	_, got = b.page(one + "/signing")
	require.Contains(t, got, "<progress max=\"100\" value=\"14.2")
	_, _, head = b.form(one+"/secret/rotate/finish", "")
	require.Equal(t, one+"/signing?done=finished", head.Get("Location"))
	_, got = b.page(one + "/signing")
	require.Contains(t, got, `action="`+one+`/secret/rotate"`)
}
