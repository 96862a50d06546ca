package fanout

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"wabagate/fanout/canon"
	"wabagate/fanout/deliver"
	"wabagate/models"
)

// challengeAsk is what AwalChat posts to a new webhook: its page, "Verify Webhook".
type challengeAsk struct {
	Type      string `json:"type"`
	Challenge string `json:"challenge"`
}

// Challenge asks a receiver to prove that its owner wants events there: it posts a random text and expects 200 with the
// same text in the member "challenge" of a JSON object. The request is signed and has the headers of any delivery of the
// webhook, so that a receiver which verifies before it reads lets it in. A nil error means verified; any other is a
// sentence for the webhook's owner. The attempt, which is kept nowhere, comes with both.
func (c *Courier) Challenge(ctx context.Context, w models.Webhook) (models.Attempt, error) {
	sub, err := newSubscription(w)
	if err != nil {
		return models.Attempt{}, fmt.Errorf("the webhook cannot be used: %w", err)
	}
	challenge := rand.Text() // 130 bits
	body, err := canon.Marshal(challengeAsk{Type: "verification", Challenge: challenge})
	if err != nil {
		return models.Attempt{}, err
	}
	started := c.now()
	answer := c.post.Post(ctx, sub.request("verification_"+rand.Text(), body, started))
	a := models.Attempt{WebhookID: w.ID, N: 1, StartedAt: started, Duration: answer.Duration, Status: answer.Status, Answer: string(answer.Body)}
	if answer.Err != nil {
		v := deliver.JudgeError(answer.Err, sub.timeout)
		a.Outcome, a.Reason = string(v.Outcome), v.Reason
		return a, fmt.Errorf("no answer to the verification request: %s", v.Reason)
	}
	if err := judgeChallenge(answer.Status, answer.Body, challenge); err != nil {
		a.Outcome, a.Reason = string(deliver.Rejected), err.Error()
		return a, err
	}
	a.Outcome = string(deliver.Delivered)
	return a, nil
}

// wantedAnswer is said to the owner of a receiver that answered anything else.
const wantedAnswer = `it must answer 200 with {"challenge":"…"}, repeating the text of the request`

// judgeChallenge says what is wrong with the answer to a challenge; nil for nothing.
func judgeChallenge(status int, body []byte, challenge string) error {
	if status != 200 {
		return fmt.Errorf("the receiver answered %d; %s", status, wantedAnswer)
	}
	var got struct {
		Challenge *string `json:"challenge"`
	}
	switch err := json.Unmarshal(body, &got); {
	case err != nil && len(body) >= deliver.AnswerKept:
		return fmt.Errorf("the receiver answered 200 with more than %d KiB; %s", deliver.AnswerKept>>10, wantedAnswer)
	case err != nil:
		return fmt.Errorf("the receiver answered 200 without a JSON object that holds the challenge; %s", wantedAnswer)
	case got.Challenge == nil:
		return fmt.Errorf(`the receiver answered 200 without "challenge"; %s`, wantedAnswer)
	case *got.Challenge != challenge:
		return fmt.Errorf("the receiver answered 200 with another challenge than the one it was sent; %s", wantedAnswer)
	}
	return nil
}
