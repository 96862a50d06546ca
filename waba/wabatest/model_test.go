package wabatest_test

import (
	"context"
	"testing"
	"time"

	"wabagate/waba/wabatest"
)

const chat = "/v1/chat/completions"

var conversation = map[string]any{"model": "demo-1", "messages": []map[string]any{
	{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"},
	{"role": "user", "content": []map[string]string{{"type": "text", "text": "Is it "}, {"type": "text", "text": "open?"}}},
}}

func TestModel(t *testing.T) {
	t.Parallel()
	b := start(t, wabatest.Options{ModelKey: "sk-1"})
	key := []string{"Authorization", "Bearer sk-1"}
	got := b.call("POST", chat, conversation, key...)
	if got.status != 200 || got.member("choices.0.message.content") != "You said: Is it open? (turn 2)" || got.member("choices.0.finish_reason") != "stop" ||
		got.member("model") != "demo-1" || got.member("object") != "chat.completion" || got.member("usage.total_tokens") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if again := b.call("POST", chat, conversation, key...); again.member("choices.0.message.content") != got.member("choices.0.message.content") {
		t.Errorf("%s, then %s", got.body, again.body)
	}
	if p := b.sim.Prompts(); len(p) != 2 || p[0].Messages[0].Content != "Be kind." || p[0].Messages[3].Content != "Is it open?" {
		t.Errorf("%+v", p)
	}
	for want, test := range map[string]struct {
		status int
		body   any
		key    string
	}{
		"invalid_api_key":            {401, conversation, "sk-2"},
		"invalid_json":               {400, "{", "sk-1"},
		"missing_required_parameter": {400, `{"messages":[]}`, "sk-1"},
		"empty_array":                {400, `{"model":"m","messages":[]}`, "sk-1"},
		"unsupported_parameter":      {400, `{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}`, "sk-1"},
	} {
		if got := b.call("POST", chat, test.body, "Authorization", "Bearer "+test.key); got.status != test.status || got.member("error.code") != want {
			t.Errorf("%s: %d %s", want, got.status, got.body)
		}
	}
}

func TestModelFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  wabatest.Fault
		status int
		say    string
	}{
		"500":       {wabatest.Fault{Kind: wabatest.FaultError}, 500, ""},
		"429":       {wabatest.Fault{Kind: wabatest.FaultError, Status: 429}, 429, ""},
		"garbage":   {wabatest.Fault{Kind: wabatest.FaultGarbage}, 200, "(no JSON)"},
		"empty":     {wabatest.Fault{Kind: wabatest.FaultEmpty}, 200, ""},
		"hand-over": {wabatest.Fault{Kind: wabatest.FaultSay}, 200, wabatest.HandOver},
		"words":     {wabatest.Fault{Kind: wabatest.FaultSay, Text: "no"}, 200, "no"},
		"hangs":     {wabatest.Fault{Kind: wabatest.FaultHang}, 0, ""},
		"slow":      {wabatest.Fault{Kind: wabatest.FaultSlow, Delay: 100 * time.Millisecond}, 200, "You said: Is it open? (turn 2)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, wabatest.Options{})
			test.fault.At, test.fault.Next = wabatest.AtModel, 1
			if err := b.sim.AddFaults(test.fault); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if test.status == 0 {
				ctx, cancel = context.WithTimeout(t.Context(), 150*time.Millisecond)
				defer cancel()
			}
			got := b.callContext(ctx, "POST", chat, conversation)
			if got.status != test.status || test.status != 0 && got.member("choices.0.message.content") != test.say {
				t.Errorf("%d %v %s", got.status, got.err, got.body)
			}
			if test.status == 429 && got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if got := b.call("POST", chat, conversation); got.status != 200 || got.member("choices.0.message.content") == "" {
				t.Errorf("the next: %d %s", got.status, got.body)
			}
		})
	}
}
