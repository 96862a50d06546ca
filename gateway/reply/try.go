package reply

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
)

// The outcomes of a trial.
const (
	WouldAnswer   = "answer"
	WouldHandOver = "hand_over"
	WouldBeSilent = "silence"
)

// Trial is what a customer would be answered.
type Trial struct {
	Outcome string
	Text    string // of an answer; of a hand-over what the customer would be told, if anything
	Reason  string // of a hand-over, in a word
	Detail  string // the same in a sentence
	Took    time.Duration
}

// Try says what would be answered to a text by settings, whether or not they are switched on, and sends nothing. It is
// asked as if it were the first message of a conversation; a responder gets a sample event, of type message.received, with
// the text. The error is the end of ctx.
func (r *Responder) Try(ctx context.Context, s models.Replies, text string) (Trial, error) {
	if mentions(text, s.Keywords) {
		return trial(handsOver(byKeyword), s, ""), nil
	}
	q := question{lines: lines(s.Prompt, []models.Message{{Inbound: true, Type: "text", Text: text}}, "", 1)}
	if s.Kind == models.RepliesByResponder {
		var err error
		if q.event, err = sampleOf(text, r.now()); err != nil {
			return Trial{}, err
		}
	}
	began := time.Now()
	found, err := r.ask(ctx, s, q)
	var failed *failure
	if err != nil && !errors.As(err, &failed) {
		return Trial{}, err
	}
	t := trial(judged(found, err), s, found.text)
	t.Took = time.Since(began)
	return t, nil
}

func trial(d decision, s models.Replies, text string) Trial {
	t := Trial{Outcome: string(d.verdict), Text: text}
	if d.verdict == handOver {
		t.Reason, t.Detail = string(d.reason), d.detail
		if d.reason.apologises() {
			t.Text = s.Fallback
		}
	}
	return t
}

// sampleOf is a message of a customer that says a text.
func sampleOf(text string, now time.Time) (event.Event, error) {
	e, err := event.Sample(event.MessageReceived, now)
	if err != nil {
		return e, err
	}
	data, err := e.Decode()
	if err != nil {
		return e, err
	}
	content, err := json.Marshal(map[string]string{"body": text})
	if err != nil {
		return e, err
	}
	data.Message.Type, data.Message.Text, data.Message.Content = "text", text, content
	key, _ := event.ParseID(e.ID) // it is a sample's own
	return event.New(key, e.Type, data, nil, now)
}
