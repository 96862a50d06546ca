package api_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

// doorman is a receiver that answers challenges while it is willing.
type doorman struct {
	*fanouttest.Receiver
	willing atomic.Bool
}

func newDoorman(t *testing.T) *doorman {
	d := &doorman{}
	d.Receiver = fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, got fanouttest.Delivery) {
		var ask struct{ Type, Challenge string }
		if _ = json.Unmarshal(got.Body, &ask); !d.willing.Load() || ask.Type != "verification" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprintf(w, `{"challenge":%q}`, ask.Challenge)
	})
	return d
}

const unanswered = `the receiver answered 404; it must answer 200 with {"challenge":"…"}, repeating the text of the request`

func TestVerification(t *testing.T) {
	b := setup(t)
	d := newDoorman(t)
	webhook := func() models.Webhook {
		t.Helper()
		w, err := b.store.Webhook(t.Context(), b.ours.ID, 1)
		require.NoError(t, err)
		return w
	}
	type verdict struct {
		ID           int64
		Message      string
		Secret       string
		Verified     *bool
		Verification *struct {
			Status    int
			Reason    string
			LatencyMS *int64 `json:"latency_ms"`
		}
	}
	ask := func(method, path, body string, status int) verdict {
		t.Helper()
		got, answer := b.api(method, path, body)
		require.Equal(t, status, got, answer)
		return decode[verdict](t, answer)
	}

	// Stored, but it gets nothing, and the answer says so.
	v := ask("POST", "/webhooks", `{"name":"a","url":"`+d.URL+`","events":["*"],"dialect":"awalchat","secret":"hush"}`, 201)
	require.Equal(t, "Webhook created. It is not verified and gets nothing until its receiver answers the challenge; POST /api/client/webhooks/1/verify asks again.", v.Message)
	require.Equal(t, "hush", v.Secret)
	require.False(t, *v.Verified)
	require.Equal(t, 404, v.Verification.Status)
	require.Equal(t, unanswered, v.Verification.Reason)
	require.NotNil(t, v.Verification.LatencyMS)
	require.False(t, webhook().Verified)
	_, got := b.api("GET", "/webhooks/1", "")
	require.Contains(t, got, `"verified":false,"verify_reason":"the receiver answered 404;`)

	// Asked again, in vain and with success.
	v = ask("POST", "/webhooks/1/verify", "", 200)
	require.False(t, *v.Verified)
	d.willing.Store(true)
	v = ask("POST", "/webhooks/1/verify", "{}", 200)
	require.True(t, *v.Verified)
	require.Equal(t, 200, v.Verification.Status)
	require.Empty(t, v.Verification.Reason)
	require.True(t, webhook().Verified)
	_, got = b.api("GET", "/webhooks", "")
	require.Contains(t, got, `"verified":true,"verify_reason":""`)
	require.Len(t, d.Got(), 3)

	// What is proven is one URL in one dialect.
	v = ask("PUT", "/webhooks/1", `{"name":"b","is_active":false}`, 200)
	require.Equal(t, verdict{Message: "Webhook updated."}, v)
	v = ask("PUT", "/webhooks/1", `{"is_active":true}`, 200)
	require.Nil(t, v.Verified, "what is verified is switched on without being asked")
	require.Len(t, d.Got(), 3)
	v = ask("PUT", "/webhooks/1", `{"url":"`+d.URL+`/other"}`, 200)
	require.True(t, *v.Verified)
	require.Equal(t, "Webhook updated.", v.Message)
	require.Len(t, d.Got(), 4)
	d.willing.Store(false)
	v = ask("PUT", "/webhooks/1", `{"url":"`+d.URL+`/third"}`, 200)
	require.False(t, *v.Verified)
	require.Contains(t, v.Message, "/webhooks/1/verify asks again")
	require.Equal(t, d.URL+"/third", webhook().URL, "the change is kept either way")
	require.Equal(t, unanswered, webhook().VerifyReason)
	ask("PUT", "/webhooks/1", `{"is_active":false}`, 200)
	require.Len(t, d.Got(), 5)
	d.willing.Store(true)
	v = ask("PUT", "/webhooks/1", `{"is_active":true}`, 200)
	require.True(t, *v.Verified, "who switches on what was never verified wants to know")

	// A dialect without a challenge, and back.
	v = ask("PUT", "/webhooks/1", `{"dialect":"wabagate"}`, 200)
	require.Nil(t, v.Verified)
	require.False(t, webhook().Verified)
	_, got = b.api("GET", "/webhooks/1", "")
	require.Contains(t, got, `"verified":null,"verify_reason":""`)
	status, got := b.api("POST", "/webhooks/1/verify", "")
	require.Equal(t, 400, status)
	require.Contains(t, got, `"code":"no_challenge"`)
	require.Len(t, d.Got(), 6)
	v = ask("PUT", "/webhooks/1", `{"dialect":"awalchat"}`, 200)
	require.True(t, *v.Verified)

	status, _ = b.foreign("POST", "/webhooks/1/verify", "")
	require.Equal(t, 404, status)
	status, _ = b.api("POST", "/webhooks/2/verify", "")
	require.Equal(t, 404, status)
	status, got = b.api("POST", "/webhooks/1/verify", `{"event":"x"}`)
	require.Equal(t, 400, status)
	require.Contains(t, got, "takes no body")
	require.Len(t, d.Got(), 7, "refusals ask nobody")
}

// Nothing that is refused reaches the receiver.
func TestRefusedBeforeTheChallenge(t *testing.T) {
	b := setup(t)
	for _, body := range []string{`{"name":"a","url":"https://10.0.0.1/","events":["*"],"dialect":"awalchat"}`, `{"name":"","url":"http://127.0.0.1:1/","events":["*"],"dialect":"awalchat"}`} {
		status, _ := b.api("POST", "/webhooks", body)
		require.Equal(t, 400, status)
	}
	require.Zero(t, b.courier.posts.Load())
}

// What one receiver proves says nothing of another to which the webhook was moved in the meantime.
func TestMovedWhileAsked(t *testing.T) {
	b := setup(t)
	receiver := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, got fanouttest.Delivery) {
		_, err := b.store.UpdateWebhook(t.Context(), b.ours.ID, 1, func(w *models.Webhook) error {
			w.URL = "https://203.0.113.7/elsewhere"
			return nil
		})
		require.NoError(t, err)
		_, _ = w.Write(got.Body) // the challenge is in it
	})
	status, got := b.api("POST", "/webhooks", `{"name":"a","url":"`+receiver.URL+`","events":["*"],"dialect":"awalchat"}`)
	require.Equal(t, 201, status, got)
	w, err := b.store.Webhook(t.Context(), b.ours.ID, 1)
	require.NoError(t, err)
	require.Equal(t, "https://203.0.113.7/elsewhere", w.URL)
	require.False(t, w.Verified)
}

// The inspector plays a receiver of every dialect, for a webhook that has just been made too.
func TestInspectorMeetsTheChallenge(t *testing.T) {
	b := setup(t)
	base := b.listen()
	status, got := b.api("POST", "/webhooks", `{"name":"a","url":"`+base+`/inspect/awal","events":["*"],"dialect":"awalchat"}`)
	require.Equal(t, 201, status, got)
	require.Contains(t, got, `"message":"Webhook created."`)
	require.Contains(t, got, `"verified":true,"verification":{"status":200,"reason":"",`)
	_, page := b.page("/inspect/awal")
	require.Contains(t, page, "verification")
}

func TestVerificationOnPages(t *testing.T) {
	b := setup(t)
	d := newDoorman(t)
	status, _, head := b.form("/webhooks/new", "name=a&events=*&dialect=awalchat&secret_mode=generate&url="+d.URL)
	require.Equal(t, 303, status)
	_, got := b.page(head.Get("Location"))
	require.Contains(t, got, "Webhook created.")
	require.Contains(t, got, "Not verified: gets nothing until its receiver answers the challenge.")
	require.Contains(t, html.UnescapeString(got), "The"+strings.TrimPrefix(unanswered, "the")+".")
	require.Contains(t, got, ">Verify again</button>")
	_, got = b.page("/webhooks")
	require.Contains(t, got, ">not verified</span>")

	status, _, head = b.form("/webhooks/1/verify", "")
	require.Equal(t, 303, status)
	_, got = b.page(head.Get("Location"))
	require.Contains(t, got, "still not verified")
	d.willing.Store(true)
	_, _, head = b.form("/webhooks/1/verify", "")
	_, got = b.page(head.Get("Location"))
	require.Contains(t, got, "Verified: events are delivered from now on.")
	require.NotContains(t, got, "Verify again")
	status, _, _ = b.call("POST", "/webhooks/1/verify", "", "Cookie", b.theirUser)
	require.Equal(t, 404, status)
	_, got = b.page("/webhooks")
	require.NotContains(t, got, "not verified")
}
