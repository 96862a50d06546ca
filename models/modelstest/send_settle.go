package modelstest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"wabagate/models"
)

// sendIn makes a message that stands in a state, after one attempt but if it waits for its first or was cancelled.
func (w *world) sendIn(state models.SendState) int64 {
	w.t.Helper()
	id := w.sends(1)[0]
	switch state {
	case models.SendWaiting:
	case models.SendCancelled:
		w.settleSends(models.SendResult{ID: id, State: state})
	default:
		w.takeSends(id)
		w.settleSends(models.SendResult{ID: id, State: state, Wamid: "wamid.first"})
	}
	w.equal("made", w.sendOf(id).State, state)
	return id
}

// testSendRule: every state, and every result in it, told by the sender and by a translation alike.
func testSendRule(t *testing.T, w *world) {
	const waiting, underway, accepted, failed, undecided, cancelled = models.SendWaiting, models.SendUnderway, models.SendAccepted, models.SendFailed, models.SendUndecided, models.SendCancelled
	rule := map[models.SendState]map[models.SendState]models.SendState{
		waiting:   {accepted: accepted, failed: failed, cancelled: cancelled},
		underway:  {waiting: waiting, accepted: accepted, failed: failed, undecided: undecided},
		undecided: {waiting: waiting, accepted: accepted, failed: failed, undecided: undecided},
		failed:    {accepted: accepted},
		cancelled: {accepted: accepted},
	}
	states := []models.SendState{waiting, underway, accepted, failed, undecided, cancelled}
	due := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	for _, tell := range []struct {
		who string
		do  func(models.SendResult)
	}{
		{"sender", func(r models.SendResult) { w.settleSends(r) }},
		{"translation", func(r models.SendResult) { w.write(models.Changes{Sends: []models.SendResult{r}}) }},
	} {
		for _, before := range states {
			for _, result := range states {
				id := w.sendIn(before)
				was := w.sendOf(id)
				tell.do(models.SendResult{ID: id, State: result, DueAt: due, Wamid: "wamid.second", WaID: "49\x00", UserID: "US.1", ErrorCode: "1", ErrorTitle: "t", ErrorDetails: "d"})
				want, changed := rule[before][result]
				got := w.sendOf(id)
				if !changed {
					w.equal(fmt.Sprint(tell.who, ": in ", before, ", ", result, " changes nothing"), got, was)
					continue
				}
				settled := want == accepted || want == failed || want == cancelled
				if got.State != want || got.Attempts != was.Attempts || got.SettledAt.IsZero() == settled || got.DueAt.Equal(due) == settled {
					t.Errorf("%s: in %d, %d gives %+v", tell.who, before, result, got)
				}
				wamid := was.Wamid
				if wamid == "" {
					wamid = "wamid.second"
				}
				w.equal("told", []any{got.Wamid, got.WaID, got.UserID, got.ErrorCode, got.ErrorTitle, got.ErrorDetails}, []any{wamid, "49\uFFFD", "US.1", "1", "t", "d"})
			}
		}
	}

	// What an earlier attempt found out comes too late, but for one thing.
	for result, want := range map[models.SendState]models.SendState{waiting: underway, undecided: underway, failed: underway, accepted: accepted} {
		id := w.sendIn(waiting)
		for range 2 {
			w.takeSends(id)
			w.settleSends(models.SendResult{ID: id, DueAt: time.Now(), Attempt: w.sendOf(id).Attempts})
		}
		w.takeSends(id)
		w.settleSends(models.SendResult{ID: id, State: result, Attempt: 2})
		w.equal(fmt.Sprint("late ", result), w.sendOf(id).State, want)
	}
}

// testSettleSends: results, what they tell and the work are one transaction, and results of one message count in turn.
func testSettleSends(_ *testing.T, w *world) {
	kept, work := w.createSends(models.Send{}, models.Send{}, models.Send{}, models.Send{})
	ids := w.takeSends(sendIDs(kept)...)
	callbacks := []models.Callback{{AppID: models.OwnApp, ReceivedAt: time.Now(), Body: []byte(`{"sends":[]}`)}, {AppID: models.OwnApp, ReceivedAt: time.Now()}}
	group := w.NewCallbackGroup(callbacks)
	soon := time.Now().Add(time.Minute)
	retry := models.Work{ID: w.NextID(), Kind: models.SendMessages, WebhookID: w.number.ID, DueAt: soon, Members: ids[2:3]}
	settlement := models.SendSettlement{Callbacks: callbacks, Done: []int64{work[0].ID}, Work: []models.Work{group, retry}, Results: []models.SendResult{
		{ID: ids[3], State: models.SendFailed, ErrorCode: "131026"},
		{ID: ids[0], State: models.SendAccepted, Wamid: "wamid.0", WaID: "4917"},
		{ID: ids[1], State: models.SendUndecided, DueAt: soon}, {ID: ids[1], State: models.SendAccepted, Wamid: "wamid.1"}, {ID: ids[1], State: models.SendFailed},
		{ID: ids[2], State: models.SendWaiting, DueAt: soon, ErrorCode: "130429"}, {ID: ids[2], State: models.SendUndecided},
		{ID: 4711, State: models.SendAccepted},
	}}
	before := slices.Clone(settlement.Results)
	for range 2 { // the answer to the first try was lost
		w.ok(w.SettleSends(w.ctx, settlement))
		var states []models.SendState
		for _, v := range w.loadSends(ids...) {
			states = append(states, v.State)
		}
		w.equal("states", states, []models.SendState{models.SendAccepted, models.SendAccepted, models.SendWaiting, models.SendFailed})
		w.equal("the question is left alone", settlement.Results, before)
		told, err := w.Callbacks(w.ctx, callbacks[0].ID, callbacks[1].ID)
		w.ok(err)
		w.equal("told", []any{bodies(told), told[0].AppID}, []any{[]string{`{"sends":[]}`, ""}, int64(models.OwnApp)})
		left := w.unfinished()
		w.equal("work", []any{len(left), left[0].ID, left[1].ID}, []any{2, group.ID, retry.ID})
	}
	w.equal("due with its work", w.sendOf(ids[2]).DueAt, soon.UTC().Truncate(time.Millisecond))
	w.ok(w.SettleSends(w.ctx, models.SendSettlement{}))

	id := w.sendIn(models.SendUnderway)
	err := w.SettleSends(w.ctx, models.SendSettlement{Results: []models.SendResult{{ID: id, State: models.SendFailed}}, Callbacks: []models.Callback{{ID: w.NextID()}}, Work: []models.Work{group}})
	if err == nil {
		w.t.Fatal("a callback that nobody would translate")
	}
	w.equal("nothing of it", w.sendOf(id).State, models.SendUnderway)
}

// testSendsTranslated: what a translation reads of messages that were sent is its own until it ends.
func testSendsTranslated(_ *testing.T, w *world) {
	ids := w.sends(3)
	w.translate(func(tx models.Translation) error {
		found, err := tx.Sends(w.ctx, []int64{ids[2], 4711, ids[0], ids[2]})
		w.equal("found", []any{len(found), found[ids[0]], found[ids[2]]}, []any{2, w.loadSends(ids[0])[0], w.loadSends(ids[2])[0]})
		if err == nil {
			found, err = tx.Sends(w.ctx, nil)
			w.equal("none", []any{len(found), found == nil}, []any{0, false})
		}
		return err
	})
	no := errors.New("no")
	w.is(w.Translate(w.ctx, func(tx models.Translation) error {
		w.ok(tx.Write(w.ctx, models.Changes{Sends: []models.SendResult{{ID: ids[0], State: models.SendAccepted, Wamid: "w"}}}))
		return no
	}), no)
	w.equal("nothing of what failed", []any{w.sendOf(ids[0]).State, w.sendOf(ids[0]).Wamid}, []any{models.SendWaiting, ""})

	// Two in one translation, as a status and the gateway's own callback of one group.
	w.write(models.Changes{Sends: []models.SendResult{{ID: ids[1], State: models.SendAccepted, Wamid: "first"}, {ID: ids[0], State: models.SendFailed}, {ID: ids[1], State: models.SendFailed, Wamid: "second"}}})
	w.equal("the first counts", []any{w.sendOf(ids[1]).State, w.sendOf(ids[1]).Wamid, w.sendOf(ids[0]).State}, []any{models.SendAccepted, "first", models.SendFailed})
}

// testSendsRush: statuses of messages, the sender's own answers, and the sweep for what hangs, all at once. Each message is
// told as accepted by one translation, and keeps the wamid that this one gave.
func testSendsRush(_ *testing.T, w *world) {
	const rounds, n = 6, 10
	ids := w.sends(rounds * n)
	w.takeSends(ids...)
	var mu sync.Mutex
	told := map[int64][]string{}
	w.rush(rounds, func(worker, round int) error {
		some := ids[round*n : round*n+n]
		switch worker {
		case 0:
			rs := make([]models.SendResult, n)
			for i, id := range some {
				rs[n-1-i] = models.SendResult{ID: id, DueAt: time.Now(), Attempt: 1}
			}
			return w.SettleSends(w.ctx, models.SendSettlement{Results: rs})
		case 1:
			_, err := w.DoubtSends(w.ctx, time.Now().Add(time.Minute), time.Now())
			return err
		case 2:
			_, err := w.TakeSends(w.ctx, some)
			return err
		}
		fresh := map[int64]string{}
		err := w.Translate(w.ctx, func(tx models.Translation) error {
			clear(fresh)
			found, err := tx.Sends(w.ctx, some)
			if err != nil {
				return err
			}
			var c models.Changes
			for _, id := range some {
				if found[id].State == models.SendAccepted {
					continue
				}
				fresh[id] = fmt.Sprint("wamid.", worker)
				c.Sends = append(c.Sends, models.SendResult{ID: id, State: models.SendAccepted, Wamid: fresh[id]})
			}
			return tx.Write(w.ctx, c)
		})
		mu.Lock()
		defer mu.Unlock()
		for id, wamid := range fresh {
			told[id] = append(told[id], wamid)
		}
		return err
	})
	for _, v := range w.loadSends(ids...) {
		w.equal("accepted once", []any{v.State, told[v.ID]}, []any{models.SendAccepted, []string{v.Wamid}})
	}
}

// testEraseSends: what was sent to somebody goes with him, what is still to be sent is not; and nothing of anybody else's.
func testEraseSends(_ *testing.T, w *world) {
	p := w.people(w.ref("15550001", "US.1", true))[0]
	foreign := w.otherBusiness()
	kept, _ := w.createSends(
		models.Send{To: "15550001", Body: []byte("x"), Type: "text", Text: "hi", Tracking: "t", ReplyTo: "r", MediaURL: "m", Key: "k"},
		models.Send{Recipient: "US.1"}, models.Send{To: "15550001"}, models.Send{To: "1 renamed"}, models.Send{To: "15550009"},
		models.Send{To: "15550002", Text: "theirs"}, models.Send{BusinessID: foreign, To: "15550001", Text: "foreign"})
	ids := sendIDs(kept)
	taken := w.takeSends(ids[0], ids[1], ids[3], ids[4])
	callbacks := []models.Callback{{AppID: models.OwnApp, ReceivedAt: time.Now(), Body: fmt.Appendf(nil,
		`{"sends":[{"id":%d,"wamid":"wamid.0","wa_id":"15550001","at":"2026-11-21T10:00:00Z"},{"id":%d,"wamid":"wamid.6","wa_id":"15550001","at":"2026-11-21T10:00:00Z"}]}`, ids[0], ids[6])}}
	group := w.NewCallbackGroup(callbacks)
	w.ok(w.SettleSends(w.ctx, models.SendSettlement{Callbacks: callbacks, Work: []models.Work{group}, Results: []models.SendResult{
		{ID: taken[0], State: models.SendAccepted, Wamid: "wamid.0", WaID: "15550001"},
		{ID: taken[2], State: models.SendAccepted, Wamid: "wamid.3"}, {ID: taken[3], State: models.SendAccepted, WaID: "15550001"}}}))
	w.write(models.Changes{Messages: []models.Message{{NumberID: w.number.ID, Wamid: "wamid.3", ConversationID: p.Conversation.ID, Type: "text", SentAt: time.Now()}}})
	_, err := w.Erase(w.ctx, w.business, p.Contact.ID, "key", 10*time.Millisecond)
	w.is(err, models.ErrTranslating)
	w.write(models.Changes{Done: []int64{group.ID}})

	// A failure names nobody but by its message; one of somebody else's holds up nothing.
	fail := func(id int64) int64 {
		failed := []models.Callback{{AppID: models.OwnApp, ReceivedAt: time.Now(), Body: fmt.Appendf(nil, `{"sends":[{"id":%d,"code":"131026","at":"2026-11-21T10:00:00Z"}]}`, id)}}
		group := w.NewCallbackGroup(failed)
		w.ok(w.SettleSends(w.ctx, models.SendSettlement{Callbacks: failed, Work: []models.Work{group}}))
		return group.ID
	}
	fail(ids[5])
	theirs := fail(ids[2])
	_, err = w.Erase(w.ctx, w.business, p.Contact.ID, "key", 10*time.Millisecond)
	w.is(err, models.ErrTranslating)
	w.write(models.Changes{Done: []int64{theirs}})

	var e models.Erasure
	for calls := 0; e.ErasedAt.IsZero(); calls++ {
		if e, err = w.Erase(w.ctx, w.business, p.Contact.ID, "key", time.Millisecond); calls > 1000 {
			w.t.Fatal("it does not end")
		}
		w.ok(err)
	}
	w.equal("counts", []int64{e.Counts["sends"], e.Counts["callbacks"]}, []int64{5, 1})
	for i, v := range w.loadSends(ids[:5]...) {
		bare := models.Send{ID: v.ID, BusinessID: w.business, NumberID: w.number.ID, Key: kept[i].Key, Body: []byte{}, Type: kept[i].Type, State: v.State,
			Attempts: v.Attempts, DueAt: v.DueAt, StartedAt: v.StartedAt, SettledAt: v.SettledAt, CreatedAt: v.CreatedAt}
		w.equal("emptied", []any{v, v.Erased(), v.SettledAt.IsZero()}, []any{bare, true, false})
	}
	var states []models.SendState
	for _, v := range w.loadSends(ids...) {
		states = append(states, v.State)
	}
	w.equal("states", states, []models.SendState{models.SendAccepted, models.SendCancelled, models.SendCancelled, models.SendAccepted, models.SendAccepted, models.SendWaiting, models.SendWaiting})
	w.settleSends(models.SendResult{ID: ids[1], State: models.SendAccepted, Wamid: "wamid.1", WaID: "15550001"})
	w.equal("a late answer brings nothing back", w.sendOf(ids[1]).WaID, "")
	w.equal("is not sent", w.takeSends(ids[:5]...), []int64{})
	w.equal("the others", []any{w.sendOf(ids[5]), w.loadSends(ids[6])[0]}, []any{kept[5], kept[6]})
	told, err := w.Callbacks(w.ctx, callbacks[0].ID, callbacks[0].ID)
	w.ok(err)
	w.equal("what was told", bodies(told), []string{fmt.Sprintf(`{"sends":[{"id":%d,"wamid":"wamid.6","wa_id":"15550001","at":"2026-11-21T10:00:00Z"}]}`, ids[6])})
}

// testRetentionSends: what is settled goes with the messages; what is not stays, however old.
func testRetentionSends(_ *testing.T, w *world) {
	old := func() (ids []int64) {
		kept, _ := w.createSends(models.Send{ID: w.ago(50 * day)}, models.Send{ID: w.ago(50 * day)}, models.Send{ID: w.ago(50 * day)})
		return sendIDs(kept)
	}
	ids := append(old(), w.sends(1)...)
	w.takeSends(ids[0], ids[1], ids[3])
	w.settleSends(models.SendResult{ID: ids[0], State: models.SendAccepted}, models.SendResult{ID: ids[3], State: models.SendFailed})
	gone := func(after time.Duration, r models.Retention) int64 {
		m, err := w.Maintain(w.ctx, time.Now().Add(after), r)
		w.ok(err)
		return m.Deleted
	}
	w.equal("for ever by default", gone(400*day, models.Retention{}), 0)
	w.equal("settled now", gone(0, models.Retention{Messages: 40 * day}), 0)
	w.equal("settled long ago", gone(45*day, models.Retention{Messages: 40 * day}), 2)
	w.equal("what is not settled", sendIDs(w.loadSends(ids...)), ids[1:3])
}
