package reply

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMentions(t *testing.T) {
	keywords := []string{"Agent", "service client", "موظف", "客服", "", "!"}
	for text, want := range map[string]bool{
		"agent": true, "AGENT!": true, "an agent.": true, "ágent": true, "reagent": false, "agents": false, "": false, "!": false,
		"le Service  Client svp": true, "service du client": false, "مُوَظَّف": true, "مـوظف": true, "موظفين": false, "客服": true, "agent47": false,
	} {
		if got := mentions(text, keywords); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if mentions("agent", nil) {
		t.Error("without keywords")
	}
}

func TestPlain(t *testing.T) {
	for _, c := range [][2]string{{"Hello, World!", "hello world"}, {" ♥ ", "♥"}, {"أَهْلاً", "اهلا"}, {"", ""}} {
		if got := plain(c[0]); got != c[1] {
			t.Errorf("%q: %q", c[0], got)
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"short", 10, "short"},
		{"  trimmed ", 7, "trimmed"},
		{"One two. Three four five.", 16, "One two."},
		{"It costs 3.50, delivery included", 12, "It costs…"},
		{"A. And then a sentence that goes on", 20, "A. And then a…"},
		{"abcdefghijklmnop", 8, "abcdefg…"},
		{"مرحبا. كيف حالك؟ أنا بخير والحمد لله", 20, "مرحبا. كيف حالك؟"},
		{strings.Repeat("é", longest+1), longest, strings.Repeat("é", longest-1) + "…"},
	} {
		if got := clip(c.text, c.most); got != c.want || utf8.RuneCountInString(got) > c.most {
			t.Errorf("%q to %d: %q, want %q", c.text, c.most, got, c.want)
		}
	}
}

func TestReadCompletion(t *testing.T) {
	say := func(message, finish string) string {
		return `{"choices":[{"message":` + message + `,"finish_reason":"` + finish + `"}]}`
	}
	for body, want := range map[string]spokenFor{
		say(`{"content":" hi "}`, "stop"):                                 {text: "hi"},
		say(`{"content":"One. Two. Thr"}`, "length"):                      {text: "One. Two."},
		say(`{"content":"<think>hm. agent?</think>\nhi"}`, "stop"):        {text: "hi"},
		say(`{"content":"Sorry. [handover]"}`, "stop"):                    {person: true},
		say(`{"content":"hi","refusal":""}`, ""):                          {text: "hi"},
		say(`{"content":"`+strings.Repeat("x", longest+9)+`"}`, "length"): {text: strings.Repeat("x", longest-1) + "…"},
	} {
		got, err := readCompletion([]byte(body), "the model")
		if err != nil || got != want {
			t.Errorf("%.80s: %.50v %v", body, got, err)
		}
	}
	for body, says := range map[string]string{
		"": "no chat completion", "(no JSON)": "no chat completion", "null": "answered nothing", `{"choices":[]}`: "answered nothing", `{"error":{"message":"x"}}`: "answered nothing",
		say(`{"content":""}`, "stop"): "answered nothing", say(`{"content":null}`, "stop"): "answered nothing", say(`{"content":"<think>hm"}`, "length"): "answered nothing",
		say(`{"content":null,"refusal":"I will not"}`, "stop"): "refused", say(`{"content":"x"}`, "content_filter"): "refused", say(`{"content":[]}`, "stop"): "no chat completion",
	} {
		if _, err := readCompletion([]byte(body), "the model"); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "will not") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestReadResponse(t *testing.T) {
	for body, want := range map[string]spokenFor{`{"text":"hi","more":1}`: {text: "hi"}, `{"handover":true,"text":"x"}`: {person: true}} {
		if got, err := readResponse([]byte(body), "the responder"); err != nil || got != want {
			t.Errorf("%s: %v %v", body, got, err)
		}
	}
	for body, says := range map[string]string{"": "something else", "OK": "something else", "null": "something else", `{"text":5}`: "something else", `{"text":" "}`: "no text", `{}`: "no text"} {
		if _, err := readResponse([]byte(body), "the responder"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", body, err)
		}
	}
}
