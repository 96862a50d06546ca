package modelstest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"wabagate/models"
)

func testReplies(_ *testing.T, w *world) {
	other := w.otherBusiness()
	_, err := w.RepliesOf(w.ctx, w.number.ID)
	w.is(err, models.ErrNotFound)
	w.is(w.DropReplies(w.ctx, w.business, w.number.ID), models.ErrNotFound)
	_, err = w.SetReplies(w.ctx, other, w.number.ID, func(*models.Replies) error { return nil })
	w.is(err, models.ErrNotFound)
	refused := errors.New("refused")
	_, err = w.SetReplies(w.ctx, w.business, w.number.ID, func(*models.Replies) error { return refused })
	w.is(err, refused)
	w.equal("not made", len(w.routes().Replying), 0)

	want := models.Replies{NumberID: w.number.ID, Kind: models.RepliesByModel, URL: "https://ai.example/v1", Model: "m", Key: "s3cret", Prompt: "be kind\x00", History: 12,
		MaxTokens: 300, Timeout: 20 * time.Second, PerHour: 30, PerDay: 1000, Keywords: []string{"agent", "موظف"}, Fallback: "a moment"}
	made, err := w.SetReplies(w.ctx, w.business, w.number.ID, func(r *models.Replies) error {
		w.equal("before", *r, models.Replies{NumberID: w.number.ID})
		*r = want
		r.NumberID, r.Since = 4711, time.Now() // not for the caller to say
		return nil
	})
	w.ok(err)
	read := func() models.Replies {
		w.t.Helper()
		got, err := w.RepliesOf(w.ctx, w.number.ID)
		w.ok(err)
		return got
	}
	w.equal("made", made.NumberID, w.number.ID)
	want.Prompt = "be kind\uFFFD"
	got := read()
	w.equal("kept", []any{got, got.Key.Text()}, []any{want, "s3cret"})
	w.equal("off", w.routes().Replying[w.number.ID], false)

	set := func(change func(*models.Replies)) models.Replies {
		w.t.Helper()
		after, err := w.SetReplies(w.ctx, w.business, w.number.ID, func(r *models.Replies) error { change(r); return nil })
		w.ok(err)
		w.equal("answered as it is kept", after, read())
		return after
	}
	on := set(func(r *models.Replies) { r.Active = true })
	w.equal("since now", time.Since(on.Since).Abs() < time.Minute, true)
	w.equal("on", w.routes().Replying, map[int64]bool{w.number.ID: true})
	still := set(func(r *models.Replies) { r.Key, r.Keywords = "", nil })
	w.equal("since then", []any{still.Since, still.Key.Text(), still.Keywords}, []any{on.Since, "", []string(nil)})
	set(func(r *models.Replies) { r.Active = false })
	again := set(func(r *models.Replies) { r.Active = true })
	w.equal("since it was switched on again", again.Since.After(on.Since), true)

	w.is(w.DropReplies(w.ctx, other, w.number.ID), models.ErrNotFound)
	w.ok(w.DropReplies(w.ctx, w.business, w.number.ID))
	_, err = w.RepliesOf(w.ctx, w.number.ID)
	w.is(err, models.ErrNotFound)
	w.equal("gone", len(w.routes().Replying), 0)
}

func testReplyTally(_ *testing.T, w *world) {
	second, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "101"})
	w.ok(err)
	tally := func(to, recipient string, keys ...string) models.ReplyTally {
		w.t.Helper()
		got, err := w.ReplyTally(w.ctx, w.number.ID, to, recipient, keys)
		w.ok(err)
		slices.Sort(got.Keys)
		return got
	}
	w.equal("of nothing", tally("1", "", "a"), models.ReplyTally{})
	// An id says when its message was made, so that the past can be had by id.
	ago := func(d time.Duration) int64 { return models.FirstID(time.Now().Add(-d)) }
	w.createSends(
		models.Send{SentBy: "ai", To: "1", Key: "a"}, models.Send{SentBy: "ai", To: "2", Key: "b"}, models.Send{SentBy: "ai", Recipient: "US.1"},
		models.Send{SentBy: "agent", To: "1", Key: "c"}, models.Send{SentBy: "ai", To: "1", NumberID: second.ID, Key: "d"},
		models.Send{ID: ago(50 * time.Minute), SentBy: "ai", To: "1"}, models.Send{ID: ago(70 * time.Minute), SentBy: "ai", To: "1"},
		models.Send{ID: ago(25 * time.Hour), SentBy: "ai", To: "1"})
	w.equal("by number", tally("1", "", "a", "b", "c", "d", "e"), models.ReplyTally{Hour: 2, Day: 5, Keys: []string{"a", "b", "c"}})
	w.equal("by user id", tally("", "US.1"), models.ReplyTally{Hour: 1, Day: 5})
	w.equal("by both", tally("2", "US.1"), models.ReplyTally{Hour: 2, Day: 5})
	w.equal("of nobody", tally("", ""), models.ReplyTally{Day: 5})
}

func testConversationAI(_ *testing.T, w *world) {
	p := w.person(w.ref("1", "", true))
	w.equal("at first", p.Conversation.AI, models.AISetting{})
	set := p.Conversation.ConversationSettings
	read := func() (got [2]models.AISetting) {
		w.t.Helper()
		row, err := w.ConversationByID(w.ctx, w.business, p.Conversation.ID)
		w.ok(err)
		found := w.person(w.ref("1", "", false)).Conversation
		found.AI.At = found.AI.At.UTC()
		return [2]models.AISetting{row.AI, found.AI}
	}
	for _, ai := range []models.AISetting{{Off: "failure", Detail: "no answer", At: second(5)}, {Off: "agent"}, {At: second(7)}, {}} {
		set.AI = ai
		w.write(models.Changes{Conversations: []models.ConversationChange{{ID: p.Conversation.ID, Sequence: 1, Set: &set}}})
		w.equal("kept", read(), [2]models.AISetting{ai, ai})
		w.write(models.Changes{Conversations: []models.ConversationChange{{ID: p.Conversation.ID, Sequence: 2, LastInboundAt: second(9)}}})
		w.equal("unchanged", read(), [2]models.AISetting{ai, ai})
	}
	set.AI = models.AISetting{Off: "a\x00", Detail: "\xff", At: second(5)}
	w.write(models.Changes{Conversations: []models.ConversationChange{{ID: p.Conversation.ID, Sequence: 3, Set: &set}}})
	w.equal("made fit", read()[0], models.AISetting{Off: "a\uFFFD", Detail: "\uFFFD", At: second(5)})

	_, err := w.Erase(w.ctx, w.business, p.Contact.ID, "test", time.Minute)
	w.ok(err)
	var off, detail string
	row, err := w.ConversationByID(w.ctx, w.business, p.Conversation.ID)
	w.ok(err)
	off, detail = row.AI.Off, row.AI.Detail
	w.equal("erased", []string{off, detail}, []string{"a\uFFFD", ""})
}

func testReplyWork(_ *testing.T, w *world) {
	e := w.event("asked")
	work := models.Work{ID: w.NextID(), Kind: models.ReplyMessages, WebhookID: w.number.ID, DueAt: time.Now().Add(time.Second), Members: []int64{e.ID}}
	w.write(models.Changes{Events: []models.Event{e}, Work: []models.Work{work}})
	ws := w.unfinished()
	w.equal("in the outbox", []any{len(ws), ws[0].Kind, ws[0].WebhookID, ws[0].Members}, []any{1, models.ReplyMessages, w.number.ID, []int64{e.ID}})
	b, err := w.Backlog(w.ctx)
	w.ok(err)
	w.equal("backlog", []int64{b.Replies, b.Deliveries}, []int64{1, 0})
	got, err := w.EventByID(w.ctx, e.ID)
	w.ok(err)
	w.equal("event", []any{got.ID, got.Key, string(got.Data)}, []any{e.ID, e.Key, string(e.Data)})
	_, err = w.EventByID(w.ctx, e.ID+1)
	w.is(err, models.ErrNotFound)
	w.ok(w.FinishReplies(w.ctx, work.ID))
	w.ok(w.FinishReplies(w.ctx, work.ID))
	w.equal("finished", len(w.unfinished()), 0)
}
