package wabatest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HandOver is what the model says under [FaultSay] without a text.
const HandOver = "I cannot help with that. I will hand you over to a colleague."

// promptsLimit is how many requests to the model are kept, the oldest forgotten first.
const promptsLimit = 1000

// Prompt is one request to the language model.
type Prompt struct {
	At       time.Time       `json:"at"`
	Model    string          `json:"model"`
	Messages []PromptMessage `json:"messages"`
	Reply    string          `json:"reply"` // empty when something went wrong
	Fault    string          `json:"fault,omitempty"`
}

// PromptMessage is one turn of a conversation with the model.
type PromptMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// UnmarshalJSON takes content as text or as a list of parts, of which the texts are joined.
func (m *PromptMessage) UnmarshalJSON(raw []byte) error {
	var wire struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return err
	}
	m.Role = wire.Role
	if len(wire.Content) == 0 || wire.Content[0] != '[' {
		return json.Unmarshal(or(wire.Content, []byte(`""`)), &m.Content)
	}
	var parts []struct{ Text string }
	if err := json.Unmarshal(wire.Content, &parts); err != nil {
		return err
	}
	for _, p := range parts {
		m.Content += p.Text
	}
	return nil
}

// prompts is what the model was asked.
type prompts struct {
	asked int
	kept  []Prompt
}

// Prompts lists what the model was asked, the latest last and as far as it is kept.
func (s *Server) Prompts() []Prompt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.prompts.kept)
}

// modelRefusal answers an error in the shape of OpenAI.
func modelRefusal(w http.ResponseWriter, status int, kind, code, message string) {
	answer(w, status, map[string]any{"error": map[string]any{"message": message, "type": kind, "param": nil, "code": code}})
}

// chat is POST /v1/chat/completions: what the model answers depends on nothing but what it was asked.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		modelRefusal(w, http.StatusMethodNotAllowed, "invalid_request_error", "method_not_supported", "Only POST is accepted.")
		return
	}
	if s.o.ModelKey != "" && bearer(r) != s.o.ModelKey {
		modelRefusal(w, http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Incorrect API key provided.")
		return
	}
	var asked struct {
		Model    string          `json:"model"`
		Messages []PromptMessage `json:"messages"`
		Stream   bool            `json:"stream"`
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, requestLimit))
	switch {
	case err != nil || json.Unmarshal(raw, &asked) != nil:
		modelRefusal(w, http.StatusBadRequest, "invalid_request_error", "invalid_json", "We could not parse the JSON body of your request.")
		return
	case asked.Model == "":
		modelRefusal(w, http.StatusBadRequest, "invalid_request_error", "missing_required_parameter", "you must provide a model parameter")
		return
	case len(asked.Messages) == 0:
		modelRefusal(w, http.StatusBadRequest, "invalid_request_error", "empty_array", "Invalid 'messages': empty array.")
		return
	case asked.Stream:
		modelRefusal(w, http.StatusBadRequest, "invalid_request_error", "unsupported_parameter", "This model does not stream.")
		return
	}
	s.mu.Lock()
	p := s.plan(AtModel, "", "")
	s.mu.Unlock()
	said := Reply(asked.Messages)
	prompt := Prompt{At: time.Now(), Model: asked.Model, Messages: asked.Messages, Reply: said}
	if p.before != nil {
		prompt.Fault, prompt.Reply = p.before.Kind, ""
		switch p.before.Kind {
		case FaultSay:
			said = p.before.Text
			defaults(&said, HandOver)
			prompt.Reply = said
		case FaultEmpty:
			said = ""
		}
	}
	s.mu.Lock()
	s.prompts.asked++
	if s.prompts.kept = append(s.prompts.kept, prompt); len(s.prompts.kept) > promptsLimit {
		s.prompts.kept = s.prompts.kept[1:]
	}
	s.mu.Unlock()

	ctx, done := s.during(r)
	defer done()
	if !pause(ctx, p.delay) {
		return
	}
	switch {
	case p.before == nil || p.before.Kind == FaultSay || p.before.Kind == FaultEmpty:
		answer(w, http.StatusOK, completion(asked.Model, asked.Messages, said))
	case p.before.Kind == FaultError:
		status := p.before.Status
		defaults(&status, http.StatusInternalServerError)
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
			modelRefusal(w, status, "requests", "rate_limit_exceeded", "Rate limit reached for requests.")
			return
		}
		modelRefusal(w, status, "server_error", "", "The server had an error while processing your request.")
	default:
		p.before.do(ctx, w, graph, nil)
	}
}

// Reply is what the model says to a conversation when nothing goes wrong: what the user said last, and how often the user spoke.
func Reply(messages []PromptMessage) string {
	said, turns := "", 0
	for _, m := range messages {
		if m.Role == "user" {
			said = m.Content
			turns++
		}
	}
	return fmt.Sprintf("You said: %s (turn %d)", said, turns)
}

func completion(model string, messages []PromptMessage, said string) any {
	words := 0
	for _, m := range messages {
		words += len(strings.Fields(m.Content))
	}
	id := mix(uint64(len(said))<<32 ^ uint64(words))
	return map[string]any{
		"id": "chatcmpl-" + strconv.FormatUint(id, 36), "object": "chat.completion", "created": time.Now().Unix(), "model": model,
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "logprobs": nil,
			"message": map[string]any{"role": "assistant", "content": said, "refusal": nil}}},
		"usage": map[string]int{"prompt_tokens": words, "completion_tokens": len(strings.Fields(said)), "total_tokens": words + len(strings.Fields(said))},
	}
}
