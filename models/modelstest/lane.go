package modelstest

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	"wabagate/models"
)

// utterance makes events of one conversation.
func (w *world) utterance(conversation int64, sequences ...int64) []models.Event {
	es := make([]models.Event, len(sequences))
	for i, n := range sequences {
		es[i] = w.event("")
		es[i].Key, es[i].ConversationID, es[i].Sequence = eventKey(es[i].CreatedAt.String()+string(es[i].Data)+time.Duration(es[i].ID).String()), conversation, n
	}
	return es
}

// enter writes events that are owed to the world's webhook, as a translation does: those of lanes that were idle belong
// to the work, whose turn it is, the others wait. The work has no members, and is not kept, if all do.
func (w *world) enter(tx models.Translation, es []models.Event) (models.Work, error) {
	work := models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now()}
	var refs []models.LaneRef
	for _, e := range es {
		if r := (models.LaneRef{WebhookID: w.webhook.ID, ConversationID: e.ConversationID}); !slices.Contains(refs, r) {
			refs = append(refs, r)
		}
	}
	works := make([]int64, len(refs))
	for i := range works {
		works[i] = work.ID
	}
	idle, err := tx.Lanes(w.ctx, refs, works)
	if err != nil {
		return work, err
	}
	c := models.Changes{Events: es}
	for _, e := range es {
		d := models.Delivery{EventID: e.ID, WebhookID: w.webhook.ID}
		if idle[slices.Index(refs, models.LaneRef{WebhookID: w.webhook.ID, ConversationID: e.ConversationID})] {
			work.Members = append(work.Members, e.ID)
		} else {
			d.Lane, d.Sequence = e.ConversationID, e.Sequence
		}
		c.Deliveries = append(c.Deliveries, d)
	}
	if len(work.Members) > 0 {
		c.Work = []models.Work{work}
	}
	return work, tx.Write(w.ctx, c)
}

func (w *world) say(es ...models.Event) (work models.Work) {
	w.t.Helper()
	w.translate(func(tx models.Translation) (err error) {
		work, err = w.enter(tx, es)
		return err
	})
	return work
}

// idle says of conversations whether their lanes are.
func (w *world) idle(conversations ...int64) (idle []bool) {
	w.t.Helper()
	only := errors.New("only looking")
	w.is(w.Translate(w.ctx, func(tx models.Translation) (err error) {
		refs, works := make([]models.LaneRef, len(conversations)), make([]int64, len(conversations))
		for i, c := range conversations {
			refs[i], works[i] = models.LaneRef{WebhookID: w.webhook.ID, ConversationID: c}, w.NextID()
		}
		if idle, err = tx.Lanes(w.ctx, refs, works); err == nil {
			err = only
		}
		return err
	}), only)
	return idle
}

// due loads the members of work as a worker does.
func (w *world) due(work models.Work) []models.Due {
	w.t.Helper()
	due, err := w.LoadGroup(w.ctx, work, work.DueAt)
	w.ok(err)
	slices.SortFunc(due, func(a, b models.Due) int { return cmp.Compare(a.Event.Sequence, b.Event.Sequence) })
	return due
}

func sequences(due []models.Due) (ns []int64) {
	for _, d := range due {
		ns = append(ns, d.Event.Sequence)
	}
	return ns
}

// comeUp settles, and answers the work that came up, which is in the outbox.
func (w *world) comeUp(rs ...models.Result) []models.Work {
	w.t.Helper()
	up, err := w.Settle(w.ctx, rs)
	w.ok(err)
	kept := w.unfinished()
	for _, u := range up {
		i := slices.IndexFunc(kept, func(k models.Work) bool { return k.ID == u.ID })
		if i < 0 || u.WebhookID != w.webhook.ID || u.Kind != models.Deliver || u.Priority != models.Live || !slices.Equal(kept[i].Members, u.Members) || len(u.Members) > 100 {
			w.t.Fatalf("came up: %+v; in the outbox: %+v", u, kept)
		}
	}
	return up
}

// result is of a turn whose events reached the webhook.
func (w *world) result(work models.Work, es ...models.Event) models.Result {
	r := models.Result{Done: work.ID, WebhookID: work.WebhookID, Work: work.ID}
	for _, e := range es {
		r.Attempts = append(r.Attempts, w.attempt(e.ID, 1, 200))
		r.Updates = append(r.Updates, models.DeliveryUpdate{EventID: e.ID, State: models.Succeeded, Attempts: 1, DueAt: time.Now()})
		if !slices.ContainsFunc(r.Turns, func(t models.Turn) bool { return t.ConversationID == e.ConversationID }) {
			r.Turns = append(r.Turns, models.Turn{ConversationID: e.ConversationID, Over: true})
		}
	}
	return r
}

// failure is of a turn whose head failed and is tried again by the work that it answers.
func (w *world) failure(work models.Work, head models.Event, since time.Time, back ...models.Event) (models.Result, models.Work) {
	again := models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: work.WebhookID, DueAt: time.Now().Add(time.Minute), Members: []int64{head.ID}}
	t := models.Turn{ConversationID: head.ConversationID, Again: again.ID, BlockedSince: since}
	for _, e := range back {
		t.Back = append(t.Back, e.ID)
	}
	return models.Result{Done: work.ID, WebhookID: work.WebhookID, Work: work.ID, Attempts: []models.Attempt{w.attempt(head.ID, 1, 503)}, Next: []models.Work{again}, Turns: []models.Turn{t},
		Updates: []models.DeliveryUpdate{{EventID: head.ID, Attempts: 1, DueAt: again.DueAt, FailedAt: time.Now()}}}, again
}

func testLanes(_ *testing.T, w *world) {
	seven, eight := w.utterance(7, 1, 2, 3, 4), w.utterance(8, 1)
	first := w.say(seven[:2]...)
	w.equal("an idle lane", first.Members, []int64{seven[0].ID, seven[1].ID})
	w.equal("its turn", w.due(first)[1].Lane, models.LaneState{Turn: first.ID})
	second := w.say(seven[2], eight[0])
	w.equal("another beside a busy one", second.Members, []int64{eight[0].ID})
	w.equal("answers in the order of the question", w.idle(9, 8, 10, 7), []bool{true, false, true, false})
	waiting := models.Work{WebhookID: w.webhook.ID, Members: []int64{seven[2].ID}, DueAt: time.Now().Add(time.Hour)}
	w.equal("who waits is not due", len(w.due(waiting)), 0)
	w.equal("but pending", w.row(seven[2].ID).State, models.Pending)

	up := w.comeUp(w.result(first, seven[:2]...))
	w.equal("comes up", []any{len(up), up[0].Members}, []any{1, []int64{seven[2].ID}})
	w.equal("the turn of its lane", w.due(up[0])[0].Lane, models.LaneState{Turn: up[0].ID})
	w.say(seven[3])
	again := w.comeUp(w.result(up[0], seven[2]))
	w.equal("and the next", again[0].Members, []int64{seven[3].ID})
	w.equal("nobody waits", len(w.comeUp(w.result(again[0], seven[3]), w.result(second, eight[0]))), 0)
	w.equal("idle", w.idle(7, 8), []bool{true, true})
	w.equal("finished", len(w.unfinished()), 0)

	// A webhook's lanes are its own, and events of webhooks without order are in none.
	free := w.owe(1)
	w.equal("no lane", w.due(models.Work{WebhookID: w.webhook.ID, Members: free, DueAt: time.Now()})[0].Lane, models.LaneState{})
	other := w.newWebhook(w.business)
	w.translate(func(tx models.Translation) error {
		idle, err := tx.Lanes(w.ctx, []models.LaneRef{{WebhookID: other.ID, ConversationID: 7}, {WebhookID: w.webhook.ID, ConversationID: 7}}, []int64{4, 5})
		w.equal("entered", idle, []bool{true, true})
		if err == nil {
			idle, err = tx.Lanes(w.ctx, nil, nil)
			w.equal("none", len(idle), 0)
		}
		return err
	})
}

// testLaneOrder: those who wait come up by sequence, whatever their ids, a part of a long line at a time.
func testLaneOrder(_ *testing.T, w *world) {
	head := w.utterance(7, 1)
	work := w.say(head...)
	line := w.utterance(7, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)
	for _, e := range line {
		w.say(e)
	}
	slices.Reverse(line)
	up := w.comeUp(w.result(work, head...))
	for i, want := range [][]models.Event{line[:20], line[20:]} {
		var ids []int64
		for _, e := range want {
			ids = append(ids, e.ID)
		}
		w.equal("by sequence", []any{len(up), up[0].Members}, []any{1, ids})
		w.equal("all due", len(w.due(up[0])), len(want))
		if i == 1 {
			w.settle(w.result(up[0], want...))
			break
		}
		up = w.comeUp(w.result(up[0], want...))
	}
	w.equal("idle", w.idle(7), []bool{true})

	// Lanes of one settlement share work; none is torn apart.
	var heads, rest []models.Event
	for conversation := range int64(12) {
		es := w.utterance(100+conversation, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
		heads, rest = append(heads, es[0]), append(rest, es[1:]...)
	}
	work = w.say(heads...)
	w.say(rest...)
	up = w.comeUp(w.result(work, heads...))
	w.equal("work of at most 100", []int{len(up), len(up[0].Members), len(up[1].Members)}, []int{2, 90, 90})
	w.equal("one turn each", w.due(up[1])[89].Lane.Turn, up[1].ID)
	w.equal("nobody left", len(w.comeUp(w.result(up[0], rest[:90]...), w.result(up[1], rest[90:]...))), 0)
}

func testLaneBlocked(_ *testing.T, w *world) {
	es := w.utterance(7, 1, 2, 3, 4)
	work := w.say(es[:3]...)
	since := time.Now().UTC().Truncate(time.Second)
	r, again := w.failure(work, es[0], since, es[1:3]...)
	w.equal("a failing head lets nobody up", len(w.comeUp(r)), 0)
	w.say(es[3])
	due := w.due(again)
	w.equal("the head again", []any{sequences(due), due[0].Lane, due[0].Attempts}, []any{[]int64{1}, models.LaneState{Turn: again.ID, BlockedSince: since}, 1})
	w.equal("not before", len(w.due(models.Work{WebhookID: w.webhook.ID, Members: again.Members, DueAt: time.Now()})), 0)
	w.equal("the others wait", len(w.due(models.Work{WebhookID: w.webhook.ID, Members: []int64{es[1].ID, es[2].ID, es[3].ID}, DueAt: again.DueAt})), 0)

	second, third := w.failure(again, es[0], since)
	second.Attempts[0].N, second.Updates[0].Attempts = 2, 2
	w.settle(second)
	up := w.comeUp(w.result(third, es[0]))
	w.equal("all who waited, in sequence", sequences(w.due(up[0])), []int64{2, 3, 4})
	w.equal("not blocked any more", w.due(up[0])[0].Lane, models.LaneState{Turn: up[0].ID})

	// A turn goes on as the same work when it is neither over nor another's.
	w.settle(models.Result{WebhookID: w.webhook.ID, Work: up[0].ID, Turns: []models.Turn{{ConversationID: 7, BlockedSince: since}}})
	w.equal("the same turn", w.due(up[0])[0].Lane, models.LaneState{Turn: up[0].ID, BlockedSince: since})
	w.settle(w.result(up[0], es[1:]...))
	w.equal("idle", w.idle(7), []bool{true})
}

func testLaneAside(_ *testing.T, w *world) {
	es := w.utterance(7, 1, 2, 3, 4)
	work := w.say(es[:3]...)
	aside := func(work models.Work, head models.Event, back ...models.Event) (models.Result, models.Work) {
		r, alone := w.failure(work, head, time.Now(), back...)
		r.Turns[0].Over, r.Turns[0].Again, r.Turns[0].Aside = true, 0, []int64{head.Sequence}
		return r, alone
	}
	r, alone1 := aside(work, es[0], es[1:3]...)
	up := w.comeUp(r)
	w.equal("the lane goes on", []any{len(up), sequences(w.due(up[0]))}, []any{1, []int64{2, 3}})
	w.equal("who stepped aside", w.due(up[0])[0].Lane, models.LaneState{Turn: up[0].ID, Aside: []int64{1}})
	r, alone2 := aside(up[0], es[1], es[2])
	up = w.comeUp(r)
	w.equal("and another", w.due(up[0])[0].Lane, models.LaneState{Turn: up[0].ID, Aside: []int64{1, 2}})

	rejoin := func(work models.Work, e models.Event) models.Result {
		r := w.result(work, e)
		r.Turns = []models.Turn{{ConversationID: 7, Rejoined: []int64{e.Sequence}}}
		return r
	}
	w.equal("alone, and due when its work is", sequences(w.due(alone1)), []int64{1})
	w.equal("out of turn", len(w.comeUp(rejoin(alone1, es[0]))), 0)
	w.equal("rejoined", w.due(up[0])[0].Lane, models.LaneState{Turn: up[0].ID, Aside: []int64{2}})
	w.equal("over", len(w.comeUp(w.result(up[0], es[2]))), 0)
	last := w.say(es[3])
	w.equal("an idle lane remembers", w.due(last)[0].Lane, models.LaneState{Turn: last.ID, Aside: []int64{2}})
	w.settle(w.result(last, es[3]))
	w.equal("idle", w.idle(7), []bool{true})
	w.settle(rejoin(alone2, es[1]), rejoin(alone2, es[1]))
	fresh := w.utterance(7, 5)
	w.equal("nobody aside", len(w.due(w.say(fresh...))[0].Lane.Aside), 0)
}

// testLaneLate: what a worker settles that was thought dead changes no lane, and does not hold up its head either.
func testLaneLate(_ *testing.T, w *world) {
	es := w.utterance(7, 1, 2, 3)
	work := w.say(es[:2]...)
	w.say(es[2])
	r, again := w.failure(work, es[0], time.Now(), es[1])
	w.settle(r)
	state := w.due(again)[0].Lane
	late, stray := w.failure(work, es[0], time.Now().Add(time.Hour), es[1])
	late.Updates[0].DueAt = again.DueAt.Add(time.Hour)
	over := w.result(work, es[1])
	over.Turns[0].Aside = []int64{1}
	r.Done = 0 // settled in parts: the work is there still
	w.equal("nobody comes up", len(w.comeUp(r))+len(w.comeUp(late))+len(w.comeUp(over)), 0)
	stray.DueAt = late.Updates[0].DueAt
	w.equal("the turn alone has the head", len(w.due(stray)), 0)
	w.equal("the lane as it was", []any{sequences(w.due(again)), w.due(again)[0].Lane}, []any{[]int64{1}, state})
	w.equal("delivered all the same", w.row(es[1].ID).State, models.Succeeded)
	up := w.comeUp(w.result(again, es[0]), w.result(again, es[0]), w.result(work, es[0]))
	w.equal("once, without whom the stray worker delivered", []any{len(up), up[0].Members}, []any{1, []int64{es[2].ID}})
	w.equal("still", len(w.comeUp(w.result(stray, es[0]), w.result(again, es[0]))), 0)
	w.equal("the next turn", w.due(up[0])[0].Lane.Turn, up[0].ID)

	// Work of which nothing is left ends its turn by being finished.
	w.say(w.utterance(7, 4)...)
	w.settle(models.Result{WebhookID: w.webhook.ID, Updates: w.result(up[0], es[2]).Updates})
	w.equal("nothing left", len(w.due(up[0])), 0)
	next := w.comeUp(models.Result{Done: up[0].ID, WebhookID: w.webhook.ID})
	w.equal("the next all the same", []any{len(next), sequences(w.due(next[0]))}, []any{1, []int64{4}})
	w.equal("and finished", len(w.comeUp(models.Result{Done: up[0].ID, WebhookID: w.webhook.ID})), 0)
	left := w.unfinished()
	w.equal("left", []int64{int64(len(left)), left[0].ID}, []int64{1, next[0].ID})
}

func testStandDown(_ *testing.T, w *world) {
	seven, eight := w.utterance(7, 1, 2, 3), w.utterance(8, 1, 2)
	kept := w.webhook
	w.webhook = w.newWebhook(w.business)
	foreign := w.utterance(7, 1, 2)
	others := w.say(foreign[0])
	w.say(foreign[1])
	w.webhook, foreign = kept, foreign[1:]
	first, second := w.say(seven[0]), w.say(eight[0])
	w.say(seven[1:]...)
	w.say(eight[1])
	off := models.Result{Done: first.ID, Work: first.ID, WebhookID: w.webhook.ID, StandDown: true, Turns: []models.Turn{{ConversationID: 7, Over: true, Aside: []int64{1}}},
		Updates: []models.DeliveryUpdate{{EventID: seven[0].ID, State: models.Held, DueAt: time.Now()}}}
	w.equal("nobody comes up", len(w.comeUp(off)), 0)
	for _, e := range []models.Event{seven[0], seven[1], seven[2], eight[1]} {
		w.equal("held", w.row(e.ID).State, models.Held)
	}
	w.equal("under way", []any{w.row(eight[0].ID).State, len(w.due(second))}, []any{models.Pending, 1})
	w.equal("no lane any more", []any{w.idle(7, 8), w.due(second)[0].Lane}, []any{[]bool{true, true}, models.LaneState{}})
	r, _ := w.failure(second, eight[0], time.Now())
	w.equal("a turn of a lane that is gone", len(w.comeUp(r)), 0)
	w.equal("again nobody", len(w.comeUp(off)), 0)
	w.equal("idle", w.idle(7, 8), []bool{true, true})

	up, err := w.Settle(w.ctx, []models.Result{{Done: others.ID, WebhookID: others.WebhookID}})
	w.ok(err)
	w.equal("the other webhook's lane", []any{len(up), up[0].Members}, []any{1, []int64{foreign[0].ID}})
}

// testLaneResend: a person's resend goes out of turn, and the lane without it.
func testLaneResend(_ *testing.T, w *world) {
	es := w.utterance(7, 1, 2, 3)
	work := w.say(es[0])
	w.say(es[1:]...)
	resend := models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: []int64{es[1].ID}}
	w.ok(w.Reopen(w.ctx, es[1].ID, w.webhook.ID, resend))
	due := w.due(resend)
	w.equal("out of turn", []any{sequences(due), due[0].Lane}, []any{[]int64{2}, models.LaneState{Turn: work.ID, Aside: []int64{2}}})
	w.is(w.Reopen(w.ctx, es[1].ID, w.webhook.ID, resend), models.ErrConflict)
	up := w.comeUp(w.result(work, es[0]))
	w.equal("passed over", sequences(w.due(up[0])), []int64{3})
	w.equal("changes no lane", len(w.comeUp(w.result(resend, es[1]))), 0)
	w.equal("its turn still", w.due(up[0])[0].Lane.Turn, up[0].ID)
	w.settle(w.result(up[0], es[2]))
	w.equal("idle", w.idle(7), []bool{true})

	// The head of a blocked lane: its turn is not brought forward, and ends when it finds nothing left.
	es = w.utterance(8, 1, 2)
	r, again := w.failure(w.say(es...), es[0], time.Now(), es[1])
	w.settle(r)
	resend.ID, resend.Members = w.NextID(), []int64{es[0].ID}
	w.ok(w.Reopen(w.ctx, es[0].ID, w.webhook.ID, resend))
	w.equal("now", []any{sequences(w.due(resend)), w.due(resend)[0].Lane.Aside}, []any{[]int64{1}, []int64{1}})
	r = w.result(resend, es[0])
	r.Turns = []models.Turn{{ConversationID: 8, Rejoined: []int64{1}}}
	w.equal("nobody up before", len(w.comeUp(r)), 0)
	w.equal("nothing left", len(w.due(again)), 0)
	up = w.comeUp(models.Result{Done: again.ID, WebhookID: w.webhook.ID})
	w.equal("the next", w.due(up[0])[0].Lane, models.LaneState{Turn: up[0].ID})
}

// testLaneStale: work that was settled in parts does not get those again who went back and came up as other work.
func testLaneStale(_ *testing.T, w *world) {
	es := w.utterance(7, 1, 2, 3)
	work := w.say(es...)
	r, again := w.failure(work, es[0], time.Now(), es[1], es[2])
	r.Done = 0
	w.settle(r)
	up := w.comeUp(w.result(again, es[0]))
	w.equal("their turn", sequences(w.due(up[0])), []int64{2, 3})
	w.equal("another's turn", len(w.due(work)), 0)
	w.equal("changes nothing", len(w.comeUp(models.Result{Done: work.ID, WebhookID: w.webhook.ID})), 0)
	w.equal("still theirs", sequences(w.due(up[0])), []int64{2, 3})
	w.settle(w.result(up[0], es[1:]...))
	w.equal("idle", w.idle(7), []bool{true})
}

// testLanesFreed: lanes do not wait for work that is not there, whoever removed it.
func testLanesFreed(_ *testing.T, w *world) {
	es := w.utterance(7, 1, 2)
	w.translate(func(tx models.Translation) error {
		idle, err := tx.Lanes(w.ctx, []models.LaneRef{{WebhookID: w.webhook.ID, ConversationID: 7}}, []int64{4711}) // without its work
		w.equal("entered", idle, []bool{true})
		return err
	})
	busy := w.say(w.utterance(8, 1)...)
	w.say(es...)
	up, err := w.FreeLanes(w.ctx)
	w.ok(err)
	w.equal("freed", []any{len(up), sequences(w.due(up[0]))}, []any{1, []int64{1, 2}})
	up, err = w.FreeLanes(w.ctx)
	w.ok(err)
	w.equal("nothing to free", []any{len(up), len(w.due(busy))}, []any{0, 1})

	w.ok(w.DeleteWebhook(w.ctx, w.business, w.webhook.ID))
	w.equal("gone with their webhook", w.idle(7, 8), []bool{true, true})
}
