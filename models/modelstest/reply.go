package modelstest

import (
	"errors"
	"fmt"
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
		got, err := w.ReplyTallies(w.ctx, []models.ReplyTallied{{NumberID: w.number.ID, To: to, Recipient: recipient, Keys: keys}})
		w.ok(err)
		slices.Sort(got[0].Keys)
		return got[0]
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
	many, err := w.ReplyTallies(w.ctx, []models.ReplyTallied{{NumberID: second.ID, To: "1", Keys: []string{"d"}}, {NumberID: w.number.ID, To: "2", Keys: []string{"b", "d"}}, {NumberID: second.ID + 1, To: "1"}})
	w.ok(err)
	w.equal("of many", many, []models.ReplyTally{{Hour: 1, Day: 1, Keys: []string{"d"}}, {Hour: 1, Day: 5, Keys: []string{"b"}}, {}})
	none, err := w.ReplyTallies(w.ctx, nil)
	w.ok(err)
	w.equal("of none", len(none), 0)
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
	turns, err := w.ReplyTurns(w.ctx, []int64{e.ID + 1, e.ID}, 2)
	w.ok(err)
	w.equal("turns", []any{len(turns), turns[0], turns[1].Event.ID, turns[1].Conversation.ID}, []any{2, models.ReplyTurn{}, e.ID, int64(0)})
	w.ok(w.FinishReplies(w.ctx))
	w.ok(w.FinishReplies(w.ctx, work.ID))
	w.ok(w.FinishReplies(w.ctx, work.ID, work.ID+1))
	w.equal("finished", len(w.unfinished()), 0)
}

func testReplyTurns(_ *testing.T, w *world) {
	none, err := w.ReplyTurns(w.ctx, nil, 10)
	w.ok(err)
	w.equal("of nothing", len(none), 0)
	_, err = w.SetReplies(w.ctx, w.business, w.number.ID, func(r *models.Replies) error { r.Active, r.Key, r.History = true, "s3cret", 2; return nil })
	w.ok(err)
	var asked []int64
	for i, who := range []string{"1", "2"} {
		p := w.person(w.ref(who, "", true))
		e := w.event("asked " + who)
		e.ConversationID, e.NumberID = p.Conversation.ID, w.number.ID
		if i == 1 {
			e.BusinessID++ // and so the conversation is somebody else's
		}
		var ms []models.Message
		for n := range 3 {
			ms = append(ms, models.Message{NumberID: w.number.ID, Wamid: fmt.Sprint(who, n), ConversationID: p.Conversation.ID, Inbound: true, Type: "text", Text: fmt.Sprint(n), SentAt: second(n)})
		}
		ms = append(ms, models.Message{NumberID: w.number.ID, Wamid: who + "x", ConversationID: p.Conversation.ID, SentAt: second(9)}) // of which only a status came
		w.write(models.Changes{Events: []models.Event{e}, Messages: ms})
		asked = append(asked, e.ID)
	}
	for limit, want := range map[int][]string{1: {"1", "2"}, 2: {"1", "2"}, 50: {"0", "1", "2"}} {
		turns, err := w.ReplyTurns(w.ctx, []int64{asked[0], asked[1], asked[0]}, limit)
		w.ok(err)
		var texts []string
		for _, m := range turns[0].Recent {
			texts = append(texts, m.Text)
		}
		w.equal("recent", texts, want)
		w.equal("settings", []any{turns[0].Replies.Key, turns[0].Replies.Active, turns[1].Replies.NumberID}, []any{models.Secret("s3cret"), true, w.number.ID})
		w.equal("contact", turns[0].Conversation.Contact.WaID, "1")
		w.equal("of another business", []any{turns[1].Conversation.ID, len(turns[1].Recent)}, []any{int64(0), 0})
		w.equal("again", turns[2], turns[0])
	}
}
