package api_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout/fanouttest"
	replies "wabagate/gateway/reply"
	"wabagate/models"
	"wabagate/waba/wabatest"
)

func TestReplies(t *testing.T) {
	b := setup(t)
	path := "/numbers/" + decimal(b.number.ID) + "/replies"
	status, got := b.api("GET", path, "")
	require.Equal(t, 200, status, got)
	require.Equal(t, `{"replies":null}`, got)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		status, _ = b.foreign(method, path, `{"kind":"nonsense"}`)
		require.Equal(t, 404, status, "another's number, whatever the request says")
	}
	status, _ = b.api("DELETE", path, "")
	require.Equal(t, 404, status)

	for body, says := range map[string][2]string{
		`{}`:                               {"url", "is required"},
		`{"url":"https://203.0.113.9/v1"}`: {"model", "is required"},
		`{"kind":"oracle"}`:                {"kind", "model (an OpenAI-compatible endpoint) or responder"},
		`{"url":"https://10.0.0.1/v1","model":"m"}`:                                                {"url", "may not reach"},
		`{"url":"ftp://203.0.113.9","model":"m"}`:                                                  {"url", "must begin with https"},
		`{"url":"https://203.0.113.9","model":"m","secret":"s"}`:                                   {"secret", "a model has a key"},
		`{"url":"https://203.0.113.9","kind":"responder","key":"s"}`:                               {"key", "a responder has a secret"},
		`{"url":"https://203.0.113.9","model":"m","key":"two words"}`:                              {"key", "copy it again"},
		`{"url":"https://203.0.113.9","model":"m","timeout":0}`:                                    {"timeout", "from 1 to 60"},
		`{"url":"https://203.0.113.9","model":"m","history":null}`:                                 {"history", "from 1 to 100"},
		`{"url":"https://203.0.113.9","model":"m","hourly_limit":0}`:                               {"hourly_limit", "from 1 to 1000"},
		`{"url":"https://203.0.113.9","model":"m","daily_limit":1.5}`:                              {"daily_limit", "a number of answers"},
		`{"url":"https://203.0.113.9","model":"m","max_tokens":-1}`:                                {"max_tokens", "from 0 to"},
		`{"url":"https://203.0.113.9","model":"m","keywords":[""]}`:                                {"keywords", "empty"},
		`{"url":"https://203.0.113.9","model":"m","prompt":"` + strings.Repeat("x", 16_001) + `"}`: {"prompt", "at most 16000"},
		`{"url":"https://203.0.113.9","model":"m","temperature":1}`:                                {"temperature", "is not a field here"},
	} {
		status, got = b.api("PUT", path, body)
		require.Equal(t, 400, status, body+got)
		require.Contains(t, got, `"field":"`+says[0]+`"`, body)
		require.Contains(t, got, says[1], body)
	}
	_, got = b.api("GET", path, "")
	require.Equal(t, `{"replies":null}`, got, "what was refused was not kept")

	status, got = b.api("PUT", path, `{"url":"https://203.0.113.9/v1/chat/completions","model":"gpt","key":"sk-hush","prompt":"Be kind."}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, "does not answer yet")
	require.NotContains(t, got, "hush")
	_, got = b.api("GET", path, "")
	require.Equal(t, `{"replies":{"active":false,"kind":"model","url":"https://203.0.113.9/v1","model":"gpt","has_key":true,"has_secret":false,"prompt":"Be kind.","history":20,`+
		`"max_tokens":0,"timeout":20,"hourly_limit":30,"daily_limit":1000,"keywords":["agent","human","موظف"],"fallback":"","active_since":null}}`, got)
	kept, err := b.store.RepliesOf(t.Context(), b.number.ID)
	require.NoError(t, err)
	require.Equal(t, "sk-hush", kept.Key.Text())

	// What is not given stays, and so does the key.
	status, got = b.api("PUT", path, `{"active":true,"timeout":5,"keywords":["Agent"," Agent "],"fallback":"A colleague will answer."}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `{"message":"Replies updated.","replies":{"active":true,"kind":"model","url":"https://203.0.113.9/v1","model":"gpt","has_key":true,`)
	require.Contains(t, got, `"timeout":5,"hourly_limit":30,"daily_limit":1000,"keywords":["Agent"],"fallback":"A colleague will answer.","active_since":"20`)

	// The model's key is not what a responder's requests are signed with.
	status, got = b.api("PUT", path, `{"kind":"responder","url":"https://203.0.113.9/answer"}`)
	require.Equal(t, 200, status, got)
	secret := decode[struct{ Secret string }](t, got).Secret
	require.True(t, strings.HasPrefix(secret, "whsec_"), got)
	require.Contains(t, got, `"model":"","has_key":false,"has_secret":true`)
	_, got = b.api("GET", path, "")
	require.NotContains(t, got, secret, "it is shown once")
	status, got = b.api("PUT", path, `{"secret":null}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"has_secret":false`)
	status, got = b.api("PUT", path, `{"url":"https://203.0.113.9/other"}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"has_secret":false`, "it was unsigned on purpose")

	status, got = b.api("DELETE", path, "")
	require.Equal(t, 200, status, got)
	_, got = b.api("GET", path, "")
	require.Equal(t, `{"replies":null}`, got)
	require.NotContains(t, b.log.String(), "hush")
}

func TestRepliesAreTried(t *testing.T) {
	sim := wabatest.New(wabatest.Options{ModelKey: "sk-1"})
	t.Cleanup(sim.Close)
	base, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	responder := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) {
		_, _ = w.Write([]byte(`{"handover":true}`))
	})
	b := setup(t, func(o *api.Options) {
		o.Replies = replies.New(replies.Options{Store: o.Store, HTTP: &http.Client{}, Log: slog.New(slog.DiscardHandler), Metrics: replies.NewMetrics(prometheus.NewRegistry())})
	})
	path := "/numbers/" + decimal(b.number.ID) + "/replies"
	try := path + "/try"
	status, got := b.api("POST", try, `{"text":"hi"}`)
	require.Equal(t, 409, status, got)
	require.Contains(t, got, "no_replies")
	status, got = b.api("PUT", path, `{"url":"`+base+`/v1","model":"m","key":"sk-1","fallback":"One moment."}`)
	require.Equal(t, 200, status, got)
	status, got = b.api("POST", try, `{"text":"are you open?"}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `{"outcome":"answer","text":"You said: are you open? (turn 1)","reason":"","detail":"","latency_ms":`)
	status, got = b.api("POST", try, `{"text":"A HUMAN, please!"}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `{"outcome":"hand_over","text":"One moment.","reason":"keyword","detail":"the customer asked for a person"`)
	status, got = b.api("PUT", path, `{"key":"sk-2"}`)
	require.Equal(t, 200, status, got)
	_, got = b.api("POST", try, `{"text":"hi"}`)
	require.Contains(t, got, `"reason":"failure","detail":"the model answered 401: check the key"`)
	status, got = b.api("PUT", path, `{"kind":"responder","url":"`+responder.URL+`"}`)
	require.Equal(t, 200, status, got)
	_, got = b.api("POST", try, `{"text":"hi"}`)
	require.Contains(t, got, `"outcome":"hand_over","text":"One moment.","reason":"requested"`)

	status, _ = b.api("POST", try, `{"text":""}`)
	require.Equal(t, 400, status)
	status, _ = b.foreign("POST", try, `{"text":"hi"}`)
	require.Equal(t, 404, status)
	sends, err := b.store.ReplyTallies(t.Context(), []models.ReplyTallied{{NumberID: b.number.ID}})
	require.NoError(t, err)
	require.Zero(t, sends[0].Day, "nothing is sent")

	none := setup(t)
	_, err = none.store.SetReplies(t.Context(), none.ours.ID, none.number.ID, func(*models.Replies) error { return nil })
	require.NoError(t, err)
	status, got = none.api("POST", "/numbers/"+decimal(none.number.ID)+"/replies/try", `{"text":"hi"}`)
	require.Equal(t, 501, status, got)
}

// Whoever switches the AI off in a conversation is its reason; switched on, it counts from then.
func TestTheAIOfAConversation(t *testing.T) {
	b := setup(t)
	p := b.person("Layla", "15550177321")
	one := "/conversations/" + decimal(p.Conversation.ID)
	_, got := b.api("GET", one, "")
	require.Contains(t, got, `"ai":true,"ai_reason":"","ai_detail":"","ai_since":null`)
	status, got := b.api("PUT", one, `{"ai":false}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"ai":false,"ai_reason":"person","ai_detail":"","ai_since":"20`)
	_, again := b.api("PUT", one, `{"ai":false,"note":"n"}`)
	since := func(text string) string { return text[strings.Index(text, `"ai_since"`):] }
	require.Equal(t, since(got), since(again), "it was off")
	status, got = b.api("PUT", one, `{"ai":true}`)
	require.Equal(t, 200, status, got)
	row, err := b.store.ConversationByID(t.Context(), b.ours.ID, p.Conversation.ID)
	require.NoError(t, err)
	require.Empty(t, row.AI.Off)
	require.WithinDuration(t, time.Now(), row.AI.At, time.Minute)
	before := row.AI.At
	b.clock.advance(time.Minute)
	status, got = b.api("PUT", one, `{"ai":true}`)
	require.Equal(t, 200, status, got)
	row, err = b.store.ConversationByID(t.Context(), b.ours.ID, p.Conversation.ID)
	require.NoError(t, err)
	require.True(t, row.AI.At.After(before), "who switches it on again means: from now on")
	_, got = b.api("PUT", one, `{"assignee":"Sara"}`)
	require.Contains(t, got, `"ai":true`)
}
