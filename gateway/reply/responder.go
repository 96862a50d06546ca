package reply

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
)

// askResponder posts the event to the business's own server, as a webhook of the default dialect would get it. It answers
// {"text": "…"}, {"handover": true}, or 204 to say nothing.
func (r *Responder) askResponder(ctx context.Context, s models.Replies, e event.Event) (spokenFor, error) {
	const who = "the responder"
	form, _ := dialect.Lookup(dialect.Default)
	body, err := form.Render(nil, e)
	if err != nil {
		return spokenFor{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return spokenFor{}, failed(false, "the address of %s cannot be used: set it again", who)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", r.agent)
	var secrets []signature.Secret
	if s.Key != "" {
		secrets = append(secrets, signature.NewSecret(s.Key.Text()))
	}
	form.Headers(req.Header, signature.Message{ID: e.ID, Timestamp: r.now(), Body: body}, secrets)
	status, raw, err := r.exchange(req, who, s.Timeout)
	switch {
	case err != nil:
		return spokenFor{}, err
	case status == http.StatusNoContent:
		return spokenFor{}, nil
	}
	return readResponse(raw, who)
}

// readResponse reads what a responder said.
func readResponse(raw []byte, who string) (spokenFor, error) {
	var said *struct {
		Text     string `json:"text"`
		HandOver bool   `json:"handover"`
	}
	switch err := json.Unmarshal(raw, &said); {
	case err != nil || said == nil:
		return spokenFor{}, failed(true, `%s answered something else than {"text": "…"}, {"handover": true} or 204`, who)
	case said.HandOver:
		return spokenFor{person: true}, nil
	case strings.TrimSpace(said.Text) == "":
		return spokenFor{}, failed(true, "%s answered no text: 204 says nothing", who)
	}
	return spokenFor{text: clip(said.Text, longest)}, nil
}
