package modelstest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"wabagate/models"
)

// createSends keeps messages, by default of the world's business and number.
func (w *world) createSends(sends ...models.Send) (kept []models.Send, work []models.Work) {
	w.t.Helper()
	for i := range sends {
		v := &sends[i]
		if v.BusinessID == 0 {
			v.BusinessID = w.business
		}
		if v.NumberID == 0 {
			v.NumberID = w.number.ID
		}
		if v.Body == nil {
			v.Body = []byte(`{}`)
		}
	}
	kept, work, err := w.CreateSends(w.ctx, sends)
	w.ok(err)
	return kept, work
}

// sends makes n messages that wait.
func (w *world) sends(n int) (ids []int64) {
	w.t.Helper()
	kept, _ := w.createSends(make([]models.Send, n)...)
	for _, v := range kept {
		ids = append(ids, v.ID)
	}
	return ids
}

func (w *world) loadSends(ids ...int64) []models.Send {
	w.t.Helper()
	found, err := w.Sends(w.ctx, ids)
	w.ok(err)
	return found
}

func (w *world) sendOf(id int64) models.Send {
	w.t.Helper()
	v, err := w.SendByID(w.ctx, w.business, id)
	w.ok(err)
	return v
}

func (w *world) takeSends(ids ...int64) (taken []int64) {
	w.t.Helper()
	sends, err := w.TakeSends(w.ctx, ids)
	w.ok(err)
	return sendIDs(sends)
}

func sendIDs(sends []models.Send) (ids []int64) {
	for _, v := range sends {
		ids = append(ids, v.ID)
	}
	return ids
}

func (w *world) settleSends(rs ...models.SendResult) {
	w.t.Helper()
	w.ok(w.SettleSends(w.ctx, models.SendSettlement{Results: rs}))
}

func testSends(_ *testing.T, w *world) {
	second, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "101"})
	w.ok(err)
	later := time.Now().Add(time.Hour)
	whole := models.Send{Key: "k", Body: []byte("{\"a\":\"\xff\"}"), To: "4917012345", Recipient: "US.1", Type: "text", Text: "hi\x00", ReplyTo: "wamid.1", MediaURL: "https://x.example",
		SentBy: "agent", Tracking: "mine", State: models.SendAccepted, Attempts: 7, Wamid: "w"}
	kept, work := w.createSends(whole, models.Send{NumberID: second.ID, DueAt: later}, models.Send{BroadcastID: 9, Place: 1}, models.Send{}, models.Send{DueAt: later})
	w.equal("as they are read", w.loadSends(sendIDs(kept)...), kept)
	got := kept[0]
	want := whole
	want.ID, want.BusinessID, want.NumberID, want.Text, want.State, want.Attempts, want.Wamid = got.ID, w.business, w.number.ID, "hi\uFFFD", models.SendWaiting, 0, ""
	want.DueAt, want.CreatedAt = got.DueAt, models.IDTime(got.ID).UTC()
	w.equal("kept", got, want)
	w.equal("due now", time.Since(got.DueAt).Abs() < time.Minute, true)
	w.equal("due later", kept[4].DueAt, later.UTC().Truncate(time.Millisecond))
	type piece struct {
		kind     models.Kind
		priority models.Priority
		number   int64
		due      int64
		members  []int64
	}
	pieces := func(ws []models.Work) (ps []piece) {
		for _, v := range ws {
			ps = append(ps, piece{v.Kind, v.Priority, v.WebhookID, v.DueAt.UnixMilli(), v.Members})
		}
		return ps
	}
	wanted := []piece{
		{models.SendMessages, models.Live, w.number.ID, got.DueAt.UnixMilli(), []int64{kept[0].ID, kept[3].ID}},
		{models.SendMessages, models.Live, second.ID, later.UnixMilli(), []int64{kept[1].ID}},
		{models.SendMessages, models.Bulk, w.number.ID, got.DueAt.UnixMilli(), []int64{kept[2].ID}},
		{models.SendMessages, models.Live, w.number.ID, later.UnixMilli(), []int64{kept[4].ID}}}
	w.equal("work", pieces(work), wanted)
	w.equal("in the outbox", pieces(w.unfinished()), wanted)
	due, err := w.Unfinished(w.ctx, time.Now().Add(time.Minute), 0, 10)
	w.ok(err)
	w.equal("for the reconciler", len(due), 2)
	b, err := w.Backlog(w.ctx)
	w.ok(err)
	w.equal("backlog", []int64{b.Sends, b.Deliveries, b.Callbacks}, []int64{4, 0, 0})

	kept, work = w.createSends(make([]models.Send, 250)...)
	w.equal("at most a hundred", []int{len(work), len(work[0].Members), len(work[1].Members), len(work[2].Members)}, []int{3, 100, 100, 50})
	w.equal("in order", slices.Concat(work[0].Members, work[1].Members, work[2].Members), sendIDs(kept))
	w.equal("by id, each once", sendIDs(w.loadSends(kept[3].ID, 4711, kept[1].ID, kept[3].ID)), []int64{kept[3].ID, kept[1].ID})
	none, nothing := w.createSends()
	w.equal("none", len(none)+len(nothing)+len(w.loadSends()), 0)
	_, err = w.SendByID(w.ctx, w.otherBusiness(), kept[0].ID)
	w.is(err, models.ErrNotFound)
	_, err = w.SendByID(w.ctx, w.business, 4711)
	w.is(err, models.ErrNotFound)
}

func testSendKeys(_ *testing.T, w *world) {
	second, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "101"})
	w.ok(err)
	first, _ := w.createSends(models.Send{Key: "a", Body: []byte("1")})
	before := len(w.unfinished())
	again, work := w.createSends(models.Send{Key: "a", Body: []byte("2")})
	w.equal("that of then", []any{again[0].ID, string(again[0].Body), again[0].Existed, len(work), len(w.unfinished())}, []any{first[0].ID, "1", true, 0, before})
	mixed, work := w.createSends(models.Send{Key: "b"}, models.Send{Key: "a"}, models.Send{Key: "b"}, models.Send{NumberID: second.ID, Key: "a"}, models.Send{})
	w.equal("in the order of the question", []any{mixed[1].ID == first[0].ID, mixed[2].ID == mixed[0].ID, mixed[3].ID != first[0].ID}, []any{true, true, true})
	w.equal("existed", []bool{mixed[0].Existed, mixed[1].Existed, mixed[2].Existed, mixed[3].Existed, mixed[4].Existed}, []bool{false, true, true, false, false})
	w.equal("work of what was made", []any{work[0].Members, work[1].Members, len(work)}, []any{[]int64{mixed[0].ID, mixed[4].ID}, []int64{mixed[3].ID}, 2})

	// A place in a broadcast, and an id, are names too.
	place, _ := w.createSends(models.Send{BroadcastID: 5, Place: 1}, models.Send{BroadcastID: 5, Place: 2}, models.Send{BroadcastID: 5}, models.Send{BroadcastID: 5})
	again, work = w.createSends(models.Send{BroadcastID: 5, Place: 2}, models.Send{BroadcastID: 6, Place: 2}, models.Send{ID: place[0].ID})
	w.equal("places", []any{again[0].ID == place[1].ID, again[0].Existed, again[1].Existed, again[2].ID == place[0].ID, again[2].Existed, len(work)}, []any{true, true, false, true, true, 1})

	// A key stands for eight days.
	old, _ := w.createSends(models.Send{ID: w.ago(8*day + time.Hour), Key: "old"}, models.Send{ID: w.ago(8*day - time.Hour), Key: "young"})
	again, _ = w.createSends(models.Send{Key: "old"}, models.Send{Key: "young"})
	w.equal("old and young", []bool{again[0].Existed, again[1].Existed}, []bool{false, true})
	w.equal("the old one has none", []string{w.sendOf(old[0].ID).Key, w.sendOf(old[1].ID).Key, w.sendOf(again[0].ID).Key}, []string{"", "young", "old"})
	for range 2 {
		_, err = w.Maintain(w.ctx, time.Now().Add(2*time.Hour), models.Retention{})
		w.ok(err)
		w.equal("forgotten", []string{w.sendOf(old[1].ID).Key, w.sendOf(first[0].ID).Key}, []string{"", "a"})
	}
}

// testSendKeysRush: the same keys and places asked for at once, in any order. Each is one message, with one piece of work.
func testSendKeysRush(_ *testing.T, w *world) {
	const n, rounds = 12, 5
	var mu sync.Mutex
	ids, made := map[string]map[int64]bool{}, map[int64]int{}
	w.rush(rounds, func(_, round int) error {
		sends := make([]models.Send, n)
		for i, place := range rand.Perm(n) {
			sends[i] = models.Send{BusinessID: w.business, NumberID: w.number.ID, Body: []byte("{}")}
			if place%2 == 0 {
				sends[i].Key = fmt.Sprint(round, " ", place)
			} else {
				sends[i].BroadcastID, sends[i].Place = int64(round+1), int64(place)
			}
		}
		kept, work, err := w.CreateSends(w.ctx, sends)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for i, v := range kept {
			name := fmt.Sprint(sends[i].Key, "/", sends[i].BroadcastID, "/", sends[i].Place)
			if ids[name] == nil {
				ids[name] = map[int64]bool{}
			}
			ids[name][v.ID] = true
			if !v.Existed {
				made[v.ID]++
			}
		}
		for _, v := range work {
			for _, id := range v.Members {
				made[id] += 100
			}
		}
		return nil
	})
	w.equal("names", len(ids), n*rounds)
	for name, of := range ids {
		w.equal(name, len(of), 1)
	}
	w.equal("made", len(made), n*rounds)
	for id, times := range made {
		w.equal(fmt.Sprint("made and given out once: ", id), times, 101)
	}
}

func testTakeSends(_ *testing.T, w *world) {
	later := time.Now().Add(time.Hour)
	kept, _ := w.createSends(models.Send{}, models.Send{DueAt: later}, models.Send{}, models.Send{DueAt: time.Now().Add(time.Second)}, models.Send{DueAt: time.Now().Add(-time.Hour)})
	ids := sendIDs(kept)
	w.equal("what is due, in the order of the question", w.takeSends(ids[2], 4711, ids[4], ids[1], ids[0], ids[0], ids[3]), []int64{ids[2], ids[4], ids[0], ids[3]})
	v := w.sendOf(ids[0])
	w.equal("underway", []any{v.State, v.Attempts, time.Since(v.StartedAt) < time.Minute, w.sendOf(ids[1]).State}, []any{models.SendUnderway, 1, true, models.SendWaiting})
	w.equal("once", len(w.takeSends(ids...)), 0)
	w.settleSends(models.SendResult{ID: ids[0], DueAt: time.Now()})
	w.equal("another attempt", w.takeSends(ids...), ids[:1])
	w.equal("counted", w.sendOf(ids[0]).Attempts, 2)
	w.equal("none", len(w.takeSends()), 0)
}

// testTakeSendsRush: two workers with the same work, as after a reconciler's mistake. Each message is one worker's.
func testTakeSendsRush(_ *testing.T, w *world) {
	ids := w.sends(200)
	var mu sync.Mutex
	taken := map[int64]int{}
	w.rush(5, func(_, round int) error {
		some := slices.Clone(ids[round*40 : round*40+40])
		rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		sends, err := w.TakeSends(w.ctx, some)
		mu.Lock()
		defer mu.Unlock()
		for _, v := range sends {
			taken[v.ID]++
			if v.Attempts != 1 || v.State != models.SendUnderway {
				return fmt.Errorf("taken as %+v", v)
			}
		}
		return err
	})
	w.equal("taken", len(taken), len(ids))
	for id, times := range taken {
		w.equal(fmt.Sprint(id), times, 1)
	}
}

func testDoubtSends(_ *testing.T, w *world) {
	ids := w.sends(4)
	w.takeSends(ids[:3]...)
	w.settleSends(models.SendResult{ID: ids[2], State: models.SendAccepted, Wamid: "w"})
	until := time.Now().Add(10 * time.Minute)
	n, err := w.DoubtSends(w.ctx, time.Now().Add(-time.Minute), until)
	w.ok(err)
	w.equal("began just now", n, 0)
	n, err = w.DoubtSends(w.ctx, time.Now().Add(time.Minute), until)
	w.ok(err)
	w.equal("underway", n, 2)
	v := w.sendOf(ids[0])
	w.equal("undecided", []any{v.State, v.DueAt, v.Attempts}, []any{models.SendUndecided, until.UTC().Truncate(time.Millisecond), 1})
	w.equal("the others", []models.SendState{w.sendOf(ids[2]).State, w.sendOf(ids[3]).State}, []models.SendState{models.SendAccepted, models.SendWaiting})

	w.settleSends(models.SendResult{ID: ids[1], State: models.SendUndecided, DueAt: until.Add(-time.Minute)})
	lapsed := func(now time.Time, limit int) []int64 {
		sends, err := w.LapseSends(w.ctx, now, limit)
		w.ok(err)
		return sendIDs(sends)
	}
	w.equal("not yet", lapsed(time.Now(), 10), []int64{})
	w.equal("the longest over first", lapsed(until, 10), []int64{ids[1], ids[0]})
	w.equal("limit", lapsed(until, 1), ids[1:2])

	// Two processes lapse the same, one of them slowly: there is one more attempt, not two.
	lapse := models.SendResult{ID: ids[1], DueAt: time.Now(), Attempt: 1}
	w.settleSends(lapse)
	w.equal("once more", w.takeSends(ids[1]), ids[1:2])
	w.settleSends(lapse)
	w.equal("and not again", w.takeSends(ids[1]), []int64{})
	w.equal("underway", []any{w.sendOf(ids[1]).State, w.sendOf(ids[1]).Attempts}, []any{models.SendUnderway, 2})
}
