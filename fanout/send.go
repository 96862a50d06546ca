package fanout

import (
	"context"
	"errors"
	"runtime/debug"
	"strings"
	"time"

	"wabagate/fanout/check"
	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
)

// send renders, signs and posts; a traceparent goes with it unless it is empty. A panic on the way is a failure of this delivery and of no other.
func (c *Courier) send(ctx context.Context, sub *subscription, e event.Event, passed []int64, traceparent string) (a deliver.Answer, v deliver.Verdict) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("delivery panicked", "event_id", e.ID, "webhook_id", sub.webhook.ID, "panic", p, "stack", string(debug.Stack()))
			a = deliver.Answer{Err: errors.New("internal error")}
			v = deliver.Verdict{Outcome: deliver.Broken, Reason: "an internal error of the gateway; it is in its log"}
		}
	}()
	if string(e.Data) == "" || string(e.Data) == models.ErasedData {
		return deliver.Answer{Err: errEmptied}, deliver.Verdict{Outcome: deliver.Emptied, Final: true, Reason: errEmptied.Error()}
	}
	body, err := sub.dialect.Render(nil, e)
	if err != nil {
		return deliver.Answer{Err: err}, deliver.Verdict{Outcome: deliver.Broken, Final: true, Reason: "the event has no form in this dialect: " + err.Error()}
	}
	r := sub.request(e.ID, body, c.now())
	if len(passed) > 0 {
		r.Header.Set(SkippedHeader, sequences(passed))
	}
	if traceparent != "" {
		r.Header.Set("Traceparent", traceparent)
	}
	answer := c.post.Post(ctx, r)
	if answer.Err != nil {
		return answer, deliver.JudgeError(answer.Err, sub.timeout)
	}
	m := sub.dialect.Manners
	return answer, deliver.Judge(answer.Status, answer.RetryAfter, m.Success, m.Final, c.now())
}

// SkippedHeader names the events of the conversation that stepped aside and are still to come, by their sequence numbers:
// what a receiver that wants its events in order must know to take this one before them.
const SkippedHeader = "X-Wabagate-Skipped"

// skippedShown bounds the header; the oldest are named.
const skippedShown = 50

func sequences(passed []int64) string {
	texts := make([]string, min(len(passed), skippedShown))
	for i := range texts {
		texts[i] = id(passed[i])
	}
	return strings.Join(texts, ",")
}

// errEmptied: there is nothing to deliver any more.
var errEmptied = errors.New("what the event told was erased, or is older than contents are kept: nothing was sent")

// Payload is the body that a webhook gets for an event; the same bytes on every attempt.
func (c *Courier) Payload(w models.Webhook, e models.Event) ([]byte, error) {
	sub, err := newSubscription(w)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	besides, err := c.besides(ctx, sub, []models.Due{{Event: e}})
	if err != nil {
		return nil, err
	}
	return sub.dialect.Render(nil, eventOf(e, besides[e.ID]))
}

// Try makes one attempt now, whatever the state of the webhook, and keeps nothing of it: the test button. The request says in
// check.TestHeader that it is a sample.
func (c *Courier) Try(ctx context.Context, w models.Webhook, e event.Event) (models.Attempt, []byte, error) {
	sub, err := newSubscription(w)
	if err != nil {
		return models.Attempt{}, nil, err
	}
	body, err := sub.dialect.Render(nil, e)
	if err != nil {
		return models.Attempt{}, nil, err
	}
	sub.header.Set(check.TestHeader, "sample")
	started := c.now()
	answer, verdict := c.send(ctx, sub, e, nil, "")
	return models.Attempt{WebhookID: w.ID, N: 1, StartedAt: started, Duration: answer.Duration, Status: answer.Status,
		Outcome: string(verdict.Outcome), Reason: verdict.Reason, Answer: string(answer.Body)}, body, nil
}

func eventOf(e models.Event, x beside) event.Event {
	return event.Event{ID: event.Key(e.Key).EventID(), Type: e.Type, BusinessID: e.BusinessID, NumberID: e.NumberID, CreatedAt: e.CreatedAt, Data: e.Data,
		Upstream: x.upstream, Digest: x.digest}
}
