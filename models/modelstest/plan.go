package modelstest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"wabagate/models"
)

// planned makes a draft to so many recipients, whose numbers count up from 15550000001.
func (w *world) planned(recipients int) models.BroadcastPlan {
	w.t.Helper()
	_, p, err := w.CreateBroadcast(w.ctx, models.Broadcast{BusinessID: w.business, NumberID: w.number.ID, Name: "Spring", TemplateName: "spring"},
		models.BroadcastPlan{Body: []byte(`{"type":"text","text":{"body":"Hi {{name}}"}}`), Pace: 20})
	w.ok(err)
	rs := make([]models.Recipient, recipients)
	for i := range rs {
		rs[i] = models.Recipient{To: fmt.Sprint(15550000001 + i), Variables: map[string]string{"name": fmt.Sprint("Ada ", i+1)}}
	}
	if recipients > 0 {
		added, err := w.AddRecipients(w.ctx, w.business, p.BroadcastID, rs)
		w.ok(err)
		w.equal("added", added, recipients)
	}
	return w.plan(p.BroadcastID)
}

func (w *world) plan(id int64) models.BroadcastPlan {
	w.t.Helper()
	p, err := w.BroadcastPlan(w.ctx, w.business, id)
	w.ok(err)
	return p
}

// started is a planned broadcast that runs and is the owner's.
func (w *world) started(recipients int, owner int64) models.BroadcastPlan {
	w.t.Helper()
	p := w.planned(recipients)
	_, err := w.StartBroadcast(w.ctx, w.business, p.BroadcastID)
	w.ok(err)
	_, err = w.ClaimBroadcasts(w.ctx, owner, w.Now().Add(time.Minute))
	w.ok(err)
	return w.plan(p.BroadcastID)
}

// releaseOf is the turn of the next n recipients of a plan.
func (w *world) releaseOf(p models.BroadcastPlan, owner int64, n int) models.Release {
	w.t.Helper()
	rs, err := w.NextRecipients(w.ctx, p, p.Place, n)
	w.ok(err)
	r := models.Release{BroadcastID: p.BroadcastID, Owner: owner, From: p.Place, To: p.Place}
	for _, to := range rs {
		r.To = to.Place
		switch {
		case to.OptedOut:
			r.OptedOut = append(r.OptedOut, to.Place)
		case !to.Erased:
			r.Sends = append(r.Sends, models.Send{BusinessID: p.BusinessID, NumberID: p.NumberID, Body: []byte(`{"type":"text"}`), To: to.To, Recipient: to.UserID, Type: "text",
				Text: to.Variables["name"], SentBy: "broadcast", Place: to.Place})
		}
	}
	return r
}

// release gives the next n recipients their turn, and answers the messages that were made.
func (w *world) release(p models.BroadcastPlan, owner int64, n int) (sends []int64) {
	w.t.Helper()
	ws, ok, err := w.ReleaseBroadcast(w.ctx, w.releaseOf(p, owner, n))
	w.ok(err)
	w.equal("released", ok, true)
	return members(ws)
}

func (w *world) open(p models.BroadcastPlan) models.OpenSends {
	w.t.Helper()
	o, err := w.OpenSends(w.ctx, p.BroadcastID)
	w.ok(err)
	return o
}

func (w *world) total(p models.BroadcastPlan) int64 {
	w.t.Helper()
	b, err := w.BroadcastByID(w.ctx, w.business, p.BroadcastID)
	w.ok(err)
	return b.Total
}

func testPlans(_ *testing.T, w *world) {
	other := w.otherBusiness()
	_, _, err := w.CreateBroadcast(w.ctx, models.Broadcast{BusinessID: other, NumberID: w.number.ID}, models.BroadcastPlan{})
	w.is(err, models.ErrNotFound)
	at := w.Now().Add(time.Hour).Truncate(time.Second).UTC()
	b, p, err := w.CreateBroadcast(w.ctx, models.Broadcast{BusinessID: w.business, NumberID: w.number.ID, Name: "Eid\x00", TemplateName: "eid", Total: 9, Sent: 9},
		models.BroadcastPlan{Body: []byte(`{"a":"{{b}}"}`), ScheduledAt: at, Pace: 7, Place: 9, State: models.PlanRunning})
	w.ok(err)
	w.equal("made", []any{b.Reference, b.Name, b.Total, b.Sent}, []any{fmt.Sprint("bc_", b.ID), "Eid\uFFFD", 0, 0})
	kept := w.plan(b.ID)
	w.equal("kept", kept, p)
	w.equal("draft", []any{p.State, p.BroadcastID, p.NumberID, string(p.Body), p.ScheduledAt, p.Pace, p.Place, p.Recipients}, []any{models.PlanDraft, b.ID, w.number.ID, `{"a":"{{b}}"}`, at, 7, 0, 0})
	planned, err := w.PlannedReference(w.ctx, w.business, b.Reference)
	w.ok(err)
	foreign, err := w.PlannedReference(w.ctx, other, b.Reference)
	w.ok(err)
	w.equal("its reference is taken", []bool{planned, foreign}, []bool{true, false})
	w.broadcasts(models.BroadcastRef{BusinessID: w.business, Reference: fmt.Sprint("bc_", b.ID+2), Create: true}) // which takes the id before that
	next, _, err := w.CreateBroadcast(w.ctx, models.Broadcast{BusinessID: w.business, NumberID: w.number.ID}, models.BroadcastPlan{})
	w.ok(err)
	w.equal("a name that somebody used is not taken from them", []any{next.ID, len(next.Reference) > len(fmt.Sprint("bc_", next.ID))}, []any{b.ID + 2, true})
	plans, err := w.BroadcastPlans(w.ctx, w.business, []int64{b.ID, next.ID, b.ID + 1})
	w.ok(err)
	w.equal("those that have a plan", []any{len(plans), plans[b.ID]}, []any{2, p})

	// What each state takes.
	const start, pause, resume, cancel, add = "start", "pause", "resume", "cancel", "add"
	do := func(what string, business, id int64) (err error) {
		switch what {
		case start:
			_, err = w.StartBroadcast(w.ctx, business, id)
		case pause:
			_, err = w.PauseBroadcast(w.ctx, business, id)
		case resume:
			_, _, err = w.ResumeBroadcast(w.ctx, business, id)
		case cancel:
			_, err = w.CancelBroadcast(w.ctx, business, id)
		case add:
			_, err = w.AddRecipients(w.ctx, business, id, []models.Recipient{{To: fmt.Sprint(1666, w.NextID()%1_000_000)}})
		}
		return err
	}
	w.is(do(start, w.business, b.ID), models.ErrNoRecipients)
	all := []string{start, pause, resume, cancel, add}
	for _, c := range []struct {
		path  []string
		state models.PlanState
		takes []string
	}{
		{nil, models.PlanDraft, []string{start, cancel, add}},
		{[]string{start}, models.PlanRunning, []string{pause, cancel}},
		{[]string{start, pause}, models.PlanPaused, []string{resume, cancel}},
		{[]string{start, pause, resume}, models.PlanRunning, []string{pause, cancel}},
		{[]string{cancel}, models.PlanCancelled, nil},
		{[]string{start, cancel}, models.PlanCancelled, nil},
	} {
		for _, what := range all {
			id := w.planned(1).BroadcastID
			for _, before := range c.path {
				w.ok(do(before, w.business, id))
			}
			w.equal("state", w.plan(id).State, c.state)
			w.is(do(what, other, id), models.ErrNotFound)
			w.is(do(what, w.business, 1<<40), models.ErrNotFound)
			if err := do(what, w.business, id); !slices.Contains(c.takes, what) {
				w.equal(what, err.Error(), fmt.Sprintf("broadcast %d: the broadcast is %s", id, c.state))
			} else {
				w.ok(err)
			}
		}
	}
	_, err = w.BroadcastPlan(w.ctx, other, b.ID)
	w.is(err, models.ErrNotFound)
}

func testRecipients(_ *testing.T, w *world) {
	p := w.planned(0)
	add := func(rs ...models.Recipient) int64 {
		w.t.Helper()
		added, err := w.AddRecipients(w.ctx, w.business, p.BroadcastID, rs)
		w.ok(err)
		return added
	}
	to := func(numbers ...string) (rs []models.Recipient) {
		for _, n := range numbers {
			rs = append(rs, models.Recipient{To: n})
		}
		return rs
	}
	w.equal("each person once", add(to("5511987654321", "551187654321", "15550001", "15550001")...), 2) // the second spelling lacks a digit
	w.equal("whoever was there before", add(to("551187654321", "15550002")...), 1)
	w.equal("a user id", add(models.Recipient{UserID: "US.1", Variables: map[string]string{"a": "b\x00\"", "ü": ""}}, models.Recipient{UserID: "US.1"}), 1)
	many := make([]string, 2500)
	for i := range many {
		many[i] = fmt.Sprint(16660000 + i)
	}
	w.equal("more than one statement takes", add(to(many...)...), 2500)
	w.equal("counted", w.plan(p.BroadcastID).Recipients, 2504)
	rs, err := w.NextRecipients(w.ctx, p, 3, 2)
	w.ok(err)
	w.equal("in order", rs, []models.Recipient{{Place: 4, UserID: "US.1", Variables: map[string]string{"a": "b\x00\"", "ü": ""}}, {Place: 5, To: "16660000"}})
}

// testRelease: every recipient has one turn, and those who want nothing get nothing.
func testRelease(_ *testing.T, w *world) {
	const owner = 7
	person := w.people(w.ref("15550000003", "US.3", true))[0]
	added, err := w.AddOptOuts(w.ctx, models.OptOut{BusinessID: w.business, WaID: "15550000002", Since: second(1), Why: "asked"}, models.OptOut{BusinessID: w.business, UserID: "US.3", Since: second(1)},
		models.OptOut{BusinessID: w.otherBusiness(), WaID: "15550000001", Since: second(1)})
	w.ok(err)
	w.equal("names", added, 3)
	p := w.started(130, owner)
	n, err := w.CountOptedOut(w.ctx, p)
	w.ok(err)
	w.equal("announced", n, 2)
	before := len(w.unfinished())
	r := w.releaseOf(p, owner, 125)
	w.equal("who opted out, by any name", []any{r.OptedOut, len(r.Sends), r.To}, []any{[]int64{2, 3}, 123, 125})
	r.PacedAt = second(9)

	for what, spoil := range map[string]func(*models.Release){
		"somebody else's": func(r *models.Release) { r.Owner = 8 },
		"another place":   func(r *models.Release) { r.From, r.To = 1, 2 },
	} {
		spoilt := r
		spoil(&spoilt)
		ws, ok, err := w.ReleaseBroadcast(w.ctx, spoilt)
		w.ok(err)
		w.equal(what, []any{len(ws), ok, w.plan(p.BroadcastID).Place}, []any{0, false, 0})
	}
	ws, ok, err := w.ReleaseBroadcast(w.ctx, r)
	w.ok(err)
	w.equal("work", []any{ok, len(ws), len(ws[0].Members), len(ws[1].Members), ws[0].Kind, ws[0].WebhookID, ws[0].Priority}, []any{true, 2, 100, 23, models.SendMessages, w.number.ID, models.Bulk})
	w.equal("in the outbox", len(w.unfinished())-before, 2)
	after := w.plan(p.BroadcastID)
	w.equal("moved", []any{after.Place, after.OptedOut, after.PacedAt, w.open(p), w.total(p)}, []any{125, 2, second(9), models.OpenSends{Ready: 123}, 128})
	_, ok, err = w.ReleaseBroadcast(w.ctx, r)
	w.ok(err)
	w.equal("once", []any{ok, w.open(p)}, []any{false, models.OpenSends{Ready: 123}})
	sends, err := w.Sends(w.ctx, ws[0].Members[:1])
	w.ok(err)
	w.equal("a message", []any{sends[0].To, sends[0].Text, sends[0].SentBy, sends[0].BroadcastID, sends[0].Place, sends[0].State, string(sends[0].Body), sends[0].BusinessID},
		[]any{"15550000001", "Ada 1", "broadcast", p.BroadcastID, 1, models.SendWaiting, `{"type":"text"}`, w.business})

	// Who is erased between being read and being written to gets nothing.
	late := w.releaseOf(after, owner, 5)
	w.erase(w.people(w.ref("15550000127", "", true))[0].Contact.ID)
	_, ok, err = w.ReleaseBroadcast(w.ctx, late)
	w.ok(err)
	w.equal("all but the erased", []any{ok, w.open(p), w.total(p)}, []any{true, models.OpenSends{Ready: 127}, 127})
	w.erase(person.Contact.ID)
	rs, _, err := w.RecipientReports(w.ctx, w.business, p.BroadcastID, models.RecipientErased, 0, 0)
	w.ok(err)
	w.equal("nothing is known of them", rs, []models.RecipientReport{{Recipient: models.Recipient{Place: 127, Variables: map[string]string{}, Erased: true}, State: models.RecipientErased}})
	rs, _, err = w.RecipientReports(w.ctx, w.business, p.BroadcastID, models.RecipientOptedOut, 0, 0)
	w.ok(err)
	w.equal("nor of who had opted out", []any{rs[0].To, rs[1].To, rs[1].Variables}, []any{"15550000002", "", map[string]string{}})
}

func (w *world) erase(contact int64) {
	w.t.Helper()
	for {
		e, err := w.Erase(w.ctx, w.business, contact, "key", 5*time.Second)
		w.ok(err)
		if !e.ErasedAt.IsZero() {
			return
		}
	}
}

// testLease: one owner at a time, another when the first does not come back.
func testLease(_ *testing.T, w *world) {
	claim := func(owner int64, d time.Duration) (ids []int64) {
		ps, err := w.ClaimBroadcasts(w.ctx, owner, w.Now().Add(d))
		w.ok(err)
		for _, p := range ps {
			ids = append(ids, p.BroadcastID)
		}
		return ids
	}
	w.planned(1)
	w.equal("nothing runs", claim(1, time.Minute), []int64(nil))
	p := w.started(3, 1)
	w.equal("mine", claim(1, time.Minute), []int64{p.BroadcastID})
	w.equal("not yours", claim(2, time.Minute), []int64(nil))
	w.ok(w.LeaveBroadcasts(w.ctx, 1))
	w.equal("left", claim(2, 10*time.Millisecond), []int64{p.BroadcastID})
	w.equal("mine no more", claim(1, time.Minute), []int64(nil))
	time.Sleep(30 * time.Millisecond)
	w.equal("who does not come back loses it", claim(1, time.Minute), []int64{p.BroadcastID})
	_, err := w.PauseBroadcast(w.ctx, w.business, p.BroadcastID)
	w.ok(err)
	w.equal("paused", claim(1, time.Minute), []int64(nil))
	_, err = w.CancelBroadcast(w.ctx, w.business, p.BroadcastID)
	w.ok(err)
	w.equal("cancelled, to be finished", claim(1, time.Minute), []int64{p.BroadcastID})
	done, err := w.FinishBroadcast(w.ctx, w.plan(p.BroadcastID), 1)
	w.ok(err)
	w.equal("finished", []any{done.State, done.Cancelled, done.FinishedAt.IsZero(), claim(1, time.Minute)}, []any{models.PlanCancelled, 2, false, []int64(nil)})
	again, err := w.FinishBroadcast(w.ctx, done, 3)
	w.ok(err)
	w.equal("once", again, done)

	_, scheduled, err := w.CreateBroadcast(w.ctx, models.Broadcast{BusinessID: w.business, NumberID: w.number.ID}, models.BroadcastPlan{ScheduledAt: w.Now().Add(100 * time.Millisecond)})
	w.ok(err)
	_, err = w.AddRecipients(w.ctx, w.business, scheduled.BroadcastID, []models.Recipient{{To: "15550001"}})
	w.ok(err)
	_, err = w.StartBroadcast(w.ctx, w.business, scheduled.BroadcastID)
	w.ok(err)
	w.equal("its time has not come", claim(1, time.Minute), []int64(nil))
	time.Sleep(150 * time.Millisecond)
	w.equal("its time has come", claim(1, time.Minute), []int64{scheduled.BroadcastID})
}

// testManyRecipients: a thousand more cost the same however many there are already.
func testManyRecipients(t *testing.T, w *world) {
	const groups, apart = 25, 5
	p := w.planned(0)
	took := make([]time.Duration, groups)
	for i := range took {
		rs := make([]models.Recipient, 1000)
		for j := range rs {
			rs[j] = models.Recipient{To: fmt.Sprint(15550000001 + 1000*i + j)}
		}
		began := time.Now()
		added, err := w.AddRecipients(w.ctx, w.business, p.BroadcastID, rs)
		took[i] = time.Since(began)
		w.ok(err)
		w.equal("added", added, 1000)
	}
	if first, last := slices.Min(took[:apart]), slices.Min(took[groups-apart:]); last > 10*first {
		t.Errorf("the first thousands took %s, and the last %s", first, last)
	}
}

// testPause: what waits for its turn is not taken while the broadcast is paused, and all of it afterwards.
func testPause(_ *testing.T, w *world) {
	p := w.started(150, 1)
	sends := w.release(p, 1, 120)
	taken, err := w.TakeSends(w.ctx, sends[:10])
	w.ok(err)
	w.equal("underway", len(taken), 10)
	_, err = w.PauseBroadcast(w.ctx, w.business, p.BroadcastID)
	w.ok(err)
	taken, err = w.TakeSends(w.ctx, sends)
	w.ok(err)
	w.equal("nothing is taken", len(taken), 0)
	w.equal("held", w.open(p), models.OpenSends{Ready: 10, Later: 110})
	_, ok, err := w.ReleaseBroadcast(w.ctx, w.releaseOf(w.plan(p.BroadcastID), 1, 5))
	w.ok(err)
	w.equal("nothing is released", ok, false)
	_, ws, err := w.ResumeBroadcast(w.ctx, w.business, p.BroadcastID)
	w.ok(err)
	w.equal("work of what waited", []any{len(ws), members(ws), ws[0].WebhookID}, []any{2, sends[10:], w.number.ID})
	taken, err = w.TakeSends(w.ctx, members(ws))
	w.ok(err)
	w.equal("all of it", len(taken), 110)
}

func testCancelBroadcast(_ *testing.T, w *world) {
	p := w.started(10, 1)
	sends := w.release(p, 1, 6)
	_, err := w.TakeSends(w.ctx, sends[:4])
	w.ok(err)
	w.ok(w.SettleSends(w.ctx, models.SendSettlement{Results: []models.SendResult{{ID: sends[0], State: models.SendAccepted, Wamid: "w0"}, {ID: sends[1], State: models.SendFailed, ErrorCode: "131026"},
		{ID: sends[3], State: models.SendUndecided, DueAt: w.Now().Add(50 * time.Millisecond)}}}))
	_, err = w.CancelBroadcast(w.ctx, w.business, p.BroadcastID)
	w.ok(err)
	w.equal("what is underway or undecided is open", w.open(p), models.OpenSends{Ready: 1, Undecided: 1})
	_, ok, err := w.ReleaseBroadcast(w.ctx, w.releaseOf(w.plan(p.BroadcastID), 1, 5))
	w.ok(err)
	w.equal("nothing is released", ok, false)
	w.ok(w.SettleSends(w.ctx, models.SendSettlement{Results: []models.SendResult{{ID: sends[2], State: models.SendWaiting, DueAt: w.Now()}}})) // to be tried again
	time.Sleep(80 * time.Millisecond)
	w.ok(w.CancelRest(w.ctx, p.BroadcastID))
	w.equal("nothing is open", w.open(p), models.OpenSends{})
	settled, err := w.SettledSends(w.ctx, p.BroadcastID)
	w.ok(err)
	done, err := w.FinishBroadcast(w.ctx, w.plan(p.BroadcastID), settled)
	w.ok(err)
	w.equal("cancelled", []any{settled, done.Cancelled, done.State}, []any{2, 8, models.PlanCancelled})
	states := map[models.RecipientState]int{}
	rs, _, err := w.RecipientReports(w.ctx, w.business, p.BroadcastID, "", 0, 0)
	w.ok(err)
	for _, r := range rs {
		states[r.State]++
	}
	w.equal("of each", states, map[models.RecipientState]int{models.RecipientAccepted: 1, models.RecipientFailed: 1, models.RecipientCancelled: 8})
	w.equal("the reason", []any{rs[1].ErrorCode, rs[1].SendID}, []any{"131026", sends[1]})
}

func testRecipientReports(_ *testing.T, w *world) {
	p := w.started(8, 1)
	sends := w.release(p, 1, 7)
	_, err := w.TakeSends(w.ctx, sends)
	w.ok(err)
	var results []models.SendResult
	for i, id := range sends[:6] {
		results = append(results, models.SendResult{ID: id, State: models.SendAccepted, Wamid: fmt.Sprint("w", i)})
	}
	w.ok(w.SettleSends(w.ctx, models.SendSettlement{Results: results}))
	var c models.Changes
	for i, status := range []string{"sent", "delivered", "read", "played", "failed"} {
		c.Messages = append(c.Messages, models.Message{NumberID: w.number.ID, Wamid: fmt.Sprint("w", i), Status: status, SentAt: second(1), StatusAt: second(2)})
	}
	w.write(c)
	places := func(state models.RecipientState, after int64, limit int) (ps []int64, next int64) {
		w.t.Helper()
		rs, next, err := w.RecipientReports(w.ctx, w.business, p.BroadcastID, state, after, limit)
		w.ok(err)
		for _, r := range rs {
			ps = append(ps, r.Place)
		}
		return ps, next
	}
	for state, want := range map[models.RecipientState][]int64{"": {1, 2, 3, 4, 5, 6, 7, 8}, models.RecipientSent: {1}, models.RecipientDelivered: {2}, models.RecipientRead: {3, 4},
		models.RecipientFailed: {5}, models.RecipientAccepted: {6}, models.RecipientWaiting: {7, 8}, models.RecipientCancelled: nil, models.RecipientErased: nil} {
		got, next := places(state, 0, 0)
		w.equal(string(state), []any{got, next}, []any{want, 0})
	}
	got, next := places("", 0, 5)
	w.equal("a page", []any{got, next}, []any{[]int64{1, 2, 3, 4, 5}, 5})
	got, next = places("", next, 5)
	w.equal("the last", []any{got, next}, []any{[]int64{6, 7, 8}, 0})
	_, _, err = w.RecipientReports(w.ctx, w.otherBusiness(), p.BroadcastID, "", 0, 0)
	w.is(err, models.ErrNotFound)

	large := w.planned(5003)
	rs, next, err := w.RecipientReports(w.ctx, w.business, large.BroadcastID, models.RecipientFailed, 0, 0)
	w.ok(err)
	w.equal("a page that looked far enough", []any{len(rs), next}, []any{0, 5000})
	rs, next, err = w.RecipientReports(w.ctx, w.business, large.BroadcastID, models.RecipientWaiting, next, 0)
	w.ok(err)
	w.equal("goes on", []any{len(rs), next}, []any{3, 0})
}

func testOptOuts(_ *testing.T, w *world) {
	list := func(business int64, name models.OptOut) (names []string) {
		w.t.Helper()
		os, err := w.OptOuts(w.ctx, business, name, 0, 0)
		w.ok(err)
		for _, o := range os {
			names = append(names, o.WaID+o.UserID+":"+o.Why)
		}
		return names
	}
	other := w.otherBusiness()
	_, err := w.AddOptOuts(w.ctx, models.OptOut{BusinessID: other, WaID: "1555", Since: second(1), Why: "theirs"})
	w.ok(err)
	w.write(models.Changes{OptOuts: []models.OptOut{{BusinessID: w.business, WaID: "551187654321", UserID: "US.1", Since: second(1), Why: "stop"}, {BusinessID: w.business, WaID: "1555", Since: second(2), Why: "a"},
		{BusinessID: w.business, UserID: "US.2", Since: second(3), Why: "b"}, {BusinessID: w.business, UserID: "US.2", Ended: true}}})
	n, err := w.AddOptOuts(w.ctx, models.OptOut{BusinessID: w.business, WaID: "+1 555", Since: second(9), Why: "again"})
	w.ok(err)
	w.equal("the first stays", n, 0)
	w.equal("kept", list(w.business, models.OptOut{}), []string{"US.1:stop", "5511987654321:stop", "1555:a"})
	w.equal("of one name", list(w.business, models.OptOut{WaID: "5511987654321"}), []string{"5511987654321:stop"})
	w.equal("of the other", list(other, models.OptOut{}), []string{"1555:theirs"})
	w.write(models.Changes{OptOuts: []models.OptOut{{BusinessID: w.business, WaID: "5511987654321", Ended: true}, {BusinessID: w.business, UserID: "US.1", Ended: true}}})
	n, err = w.RemoveOptOut(w.ctx, models.OptOut{BusinessID: w.business, WaID: "1555"})
	w.ok(err)
	w.equal("forgotten", []any{n, list(w.business, models.OptOut{}), len(list(other, models.OptOut{}))}, []any{1, []string(nil), 1})
}

// testReleaseRush: many who claim and release at once, and die between. Every recipient has one message.
func testReleaseRush(_ *testing.T, w *world) {
	const recipients = 400
	p := w.started(recipients, 99)
	w.ok(w.LeaveBroadcasts(w.ctx, 99))
	var mu sync.Mutex
	made := 0
	w.rush(60, func(worker, round int) error {
		owner := int64(worker%3 + 1)
		ps, err := w.ClaimBroadcasts(w.ctx, owner, w.Now().Add(time.Millisecond))
		if err != nil {
			return err
		}
		for _, p := range ps {
			ws, _, err := w.ReleaseBroadcast(w.ctx, w.releaseOf(p, owner, 1+(worker+round)%9))
			if err != nil {
				return err
			}
			mu.Lock()
			made += len(members(ws))
			mu.Unlock()
		}
		return nil
	})
	for p = w.plan(p.BroadcastID); p.Place < recipients; p = w.plan(p.BroadcastID) {
		time.Sleep(2 * time.Millisecond)
		ps, err := w.ClaimBroadcasts(w.ctx, 4, w.Now().Add(time.Second))
		w.ok(err)
		if len(ps) > 0 {
			made += len(w.release(ps[0], 4, 50))
		}
	}
	w.equal("each once", []any{made, w.open(p), w.total(p)}, []any{recipients, models.OpenSends{Ready: recipients}, recipients})
}

// testRetentionOfRecipients: who got a broadcast is forgotten when messages are.
func testRetentionOfRecipients(_ *testing.T, w *world) {
	old, running := w.started(3, 1), w.started(3, 1)
	for _, p := range []models.BroadcastPlan{old, running} {
		var results []models.SendResult
		for _, id := range w.release(p, 1, 3) {
			results = append(results, models.SendResult{ID: id, State: models.SendFailed})
		}
		w.ok(w.SettleSends(w.ctx, models.SendSettlement{Results: results}))
	}
	_, err := w.FinishBroadcast(w.ctx, w.plan(old.BroadcastID), 3)
	w.ok(err)
	settled := func(p models.BroadcastPlan) int64 {
		n, err := w.SettledSends(w.ctx, p.BroadcastID)
		w.ok(err)
		return n
	}
	count := func(p models.BroadcastPlan) int {
		rs, err := w.NextRecipients(w.ctx, p, 0, 10)
		w.ok(err)
		return len(rs)
	}
	_, err = w.Maintain(w.ctx, time.Now().Add(5*day), models.Retention{})
	w.ok(err)
	w.equal("for ever", count(old), 3)
	_, err = w.Maintain(w.ctx, time.Now().Add(5*day), models.Retention{Messages: 10 * day})
	w.ok(err)
	w.equal("not yet", count(old), 3)
	_, err = w.Maintain(w.ctx, time.Now().Add(5*day), models.Retention{Messages: 2 * day})
	w.ok(err)
	w.equal("gone", []int{count(old), count(running)}, []int{0, 3})
	w.equal("and their messages", []int64{settled(old), settled(running)}, []int64{0, 3})
}
