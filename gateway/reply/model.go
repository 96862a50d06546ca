package reply

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"wabagate/models"
)

// HandOver, anywhere in what a model says, asks for a person; the rest of it is not sent. A prompt may tell the model so.
const HandOver = "[handover]"

// completion is what of a chat completion counts.
type completion struct {
	Choices []struct {
		Finish  string `json:"finish_reason"`
		Message struct {
			Content *string `json:"content"`
			Refusal *string `json:"refusal"`
		} `json:"message"`
	} `json:"choices"`
}

// askModel asks an endpoint that speaks OpenAI's POST /chat/completions.
func (r *Responder) askModel(ctx context.Context, s models.Replies, ls []line) (spokenFor, error) {
	const who = "the model"
	body, err := json.Marshal(struct {
		Model     string `json:"model"`
		Messages  []line `json:"messages"`
		MaxTokens int    `json:"max_tokens,omitempty"`
	}{s.Model, ls, s.MaxTokens})
	if err != nil {
		return spokenFor{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.URL, "/")+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return spokenFor{}, failed(false, "the address of %s cannot be used: set it again", who)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", r.agent)
	if s.Key != "" {
		req.Header.Set("Authorization", "Bearer "+s.Key.Text())
	}
	_, raw, err := r.exchange(req, who, s.Timeout)
	if err != nil {
		return spokenFor{}, err
	}
	return readCompletion(raw, who)
}

// readCompletion reads what a model said.
func readCompletion(raw []byte, who string) (spokenFor, error) {
	var c completion
	if err := json.Unmarshal(raw, &c); err != nil {
		return spokenFor{}, failed(true, "%s answered something that is no chat completion", who).downed()
	}
	if len(c.Choices) == 0 {
		return spokenFor{}, failed(true, "%s answered nothing", who)
	}
	choice := c.Choices[0]
	if refused := choice.Message.Refusal; refused != nil && *refused != "" || choice.Finish == "content_filter" {
		return spokenFor{}, failed(true, "%s refused to answer", who)
	}
	text := ""
	if choice.Message.Content != nil {
		text = spoken(*choice.Message.Content)
	}
	if strings.Contains(text, HandOver) {
		return spokenFor{person: true}, nil
	}
	if choice.Finish == "length" {
		text = unfinished(text)
	}
	if text == "" {
		return spokenFor{}, failed(true, "%s answered nothing", who)
	}
	return spokenFor{text: clip(text, longest)}, nil
}
