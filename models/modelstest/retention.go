package modelstest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"wabagate/models"
)

const day = 24 * time.Hour

// ago is an id made so long ago, and like every id made once.
func (w *world) ago(d time.Duration) int64 { return w.NextID() - d.Milliseconds()<<22 }

// past is one callback with its event, digest, delivery and attempt, all of an age.
type past struct {
	callback, event int64
	key             [16]byte
}

func (w *world) past(age time.Duration, state models.DeliveryState) past {
	w.t.Helper()
	p := past{callback: w.ago(age), event: w.ago(age)}
	w.ok(w.Accept(w.ctx, models.Work{ID: p.callback + 1<<12, Kind: models.TranslateCallbacks, DueAt: time.Now(), Members: []int64{p.callback, p.callback}},
		[]models.Callback{{ID: p.callback, ReceivedAt: time.Now().Add(-age), Body: []byte("body")}}))
	e := w.event(fmt.Sprint("past ", p.event))
	e.ID, e.CallbackID, e.CreatedAt, p.key = p.event, p.callback, time.Now().Add(-age), e.Key
	w.write(models.Changes{Events: []models.Event{e}, Digests: []models.Digest{{EventID: e.ID, Data: []byte("digest")}},
		Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: w.webhook.ID, State: state}}, Done: []int64{p.callback + 1<<12}})
	a := w.attempt(e.ID, 1, 200)
	a.Answer = "answer"
	w.settle(models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{a}})
	return p
}

func (w *world) maintain(r models.Retention) models.Maintained {
	w.t.Helper()
	m, err := w.Maintain(w.ctx, time.Now(), r)
	w.ok(err)
	return m
}

// holds are how many callbacks, events, deliveries, attempts and digests there are of a past.
func (w *world) holds(p past) (n [5]int) {
	w.t.Helper()
	cs, err := w.CallbacksByID(w.ctx, []int64{p.callback})
	w.ok(err)
	n[0] = len(cs)
	if _, err := w.EventByKey(w.ctx, w.business, p.key); err == nil {
		n[1] = 1
	} else {
		w.is(err, models.ErrNotFound)
	}
	if d, err := w.Delivery(w.ctx, w.business, p.event, w.webhook.ID); err == nil {
		n[2], n[3] = 1, len(d.Attempts)
	} else {
		w.is(err, models.ErrNotFound)
	}
	ds, err := w.DigestsByEvent(w.ctx, []int64{p.event})
	w.ok(err)
	n[4] = len(ds)
	return n
}

func (w *world) known(keys ...[16]byte) (known map[[16]byte]bool) {
	w.t.Helper()
	w.translate(func(tx models.Translation) (err error) {
		known, err = tx.Known(w.ctx, keys)
		return err
	})
	return known
}

func testRetention(_ *testing.T, w *world) {
	all, none := [5]int{1, 1, 1, 1, 1}, [5]int{}
	pending, done := w.past(40*day, models.Pending), w.past(31*day, models.Succeeded)
	edge, recent := w.past(30*day, models.Held), w.past(time.Hour, models.Pending)
	retry := models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: []int64{pending.event}}
	mixed := models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: time.Now(), Members: []int64{pending.event, recent.event}}
	w.ok(w.AddWork(w.ctx, retry, mixed))
	w.write(models.Changes{Parked: []models.ParkedCallback{{PhoneNumberID: "p", CallbackID: pending.callback}, {PhoneNumberID: "p", CallbackID: recent.callback}}})
	for _, p := range []past{pending, done, edge, recent} {
		w.equal("before", w.holds(p), all)
	}

	m := w.maintain(models.Retention{})
	w.equal("unfinished, parked, waiting", []int64{m.Unfinished, m.Parked, m.Waiting}, []int64{1, 1, 0})
	w.equal("40 days", w.holds(pending), none)
	w.equal("31 days", w.holds(done), none)
	w.equal("the day of 30 days ago", w.holds(edge), all)
	w.equal("today", w.holds(recent), all)
	ws := w.unfinished()
	w.equal("work", []any{len(ws), ws[0].ID}, []any{1, mixed.ID})
	due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: w.webhook.ID, Members: mixed.Members}, time.Now())
	w.ok(err)
	w.equal("what is left of it", []any{len(due), due[0].Event.ID}, []any{1, recent.event})
	// A worker that had loaded it settles it in peace.
	w.settle(models.Result{WebhookID: w.webhook.ID, Done: mixed.ID, Updates: []models.DeliveryUpdate{
		{EventID: pending.event, State: models.Succeeded, Attempts: 1, DueAt: time.Now()}, {EventID: recent.event, State: models.Succeeded, Attempts: 1, DueAt: time.Now()}}})
	w.equal("settled", w.row(recent.event).State, models.Succeeded)
	rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{})
	w.ok(err)
	w.equal("listed", []int64{int64(len(rows)), rows[0].EventID, rows[1].EventID}, []int64{2, recent.event, edge.event})

	m = w.maintain(models.Retention{})
	w.equal("nothing left to do", []any{len(m.Made), len(m.Dropped), m.Deleted, m.Emptied, m.Unfinished, m.Parked}, []any{0, 0, 0, 0, 0, 0})

	// Deliveries may go earlier than their events, and never stay longer.
	w.maintain(models.Retention{Deliveries: 10 * day})
	w.equal("without deliveries", w.holds(edge), [5]int{1, 1, 0, 0, 1})
	w.maintain(models.Retention{Events: 10 * day, Callbacks: 10 * day, Deliveries: 60 * day})
	w.equal("nothing", w.holds(edge), none)
	_, err = w.Maintain(w.ctx, time.Now(), models.Retention{Events: -1})
	if err == nil {
		w.t.Fatal("a negative retention")
	}
}

// testRetentionUntranslated: a callback was accepted; nobody has understood it yet, so it stays, and what came after it.
func testRetentionUntranslated(_ *testing.T, w *world) {
	before, after := w.past(45*day, models.Succeeded), w.past(39*day, models.Succeeded)
	id := w.ago(40 * day)
	cs := []models.Callback{{ID: id, Body: []byte("kept")}}
	work := models.Work{ID: w.NextID(), Kind: models.TranslateCallbacks, DueAt: time.Now(), Members: []int64{id, id}}
	w.ok(w.Accept(w.ctx, work, cs))
	m := w.maintain(models.Retention{Payloads: day})
	w.equal("waiting", m.Waiting, 1)
	cs, err := w.CallbacksByID(w.ctx, []int64{before.callback, id, after.callback})
	w.ok(err)
	w.equal("callbacks", bodies(cs), []string{"kept", "body"})
	w.write(models.Changes{Done: []int64{work.ID}})
	w.equal("waiting", w.maintain(models.Retention{}).Waiting, 0)
	cs, err = w.CallbacksByID(w.ctx, []int64{before.callback, id, after.callback})
	w.ok(err)
	w.equal("callbacks", len(cs), 0)
}

// testRetentionIdentity: that there has been an event is known for eight days, whatever else is kept of it.
func testRetentionIdentity(_ *testing.T, w *world) {
	old, young := w.past(14*day, models.Succeeded), w.past(7*day, models.Succeeded)
	for range 2 {
		w.maintain(models.Retention{Events: 2 * day})
		w.equal("events", []int{w.holds(old)[1], w.holds(young)[1]}, []int{0, 0})
		w.equal("known", w.known(old.key, young.key), map[[16]byte]bool{young.key: true})
	}
	again := w.event("again")
	again.Key = young.key
	w.write(models.Changes{Events: []models.Event{again}, Deliveries: []models.Delivery{{EventID: again.ID, WebhookID: w.webhook.ID}}})
	w.equal("the same fact", w.holds(past{event: again.ID, key: young.key}), [5]int{})
	again.Key = old.key
	w.write(models.Changes{Events: []models.Event{again}})
	w.equal("a fact forgotten", w.holds(past{event: again.ID, key: old.key})[1], 1)
}

// testRetentionPayloads: contents go before their rows, once, and not those that somebody still waits for.
func testRetentionPayloads(_ *testing.T, w *world) {
	old, owed, held, recent := w.past(5*day, models.Succeeded), w.past(5*day, models.Pending), w.past(5*day, models.Held), w.past(day, models.Succeeded)
	m := w.maintain(models.Retention{Payloads: 3 * day})
	w.equal("emptied", []int64{m.Emptied, m.Deleted, int64(len(m.Dropped))}, []int64{3 + 1 + 1 + 3, 0, 0})
	for _, c := range []struct {
		of           string
		past         past
		body, answer string
		whole        bool
	}{{"old", old, "", "", false}, {"owed", owed, "", "", true}, {"held", held, "", "", true}, {"recent", recent, "body", "answer", true}} {
		cs, err := w.CallbacksByID(w.ctx, []int64{c.past.callback})
		w.ok(err)
		d, err := w.Delivery(w.ctx, w.business, c.past.event, w.webhook.ID)
		w.ok(err)
		ds, err := w.DigestsByEvent(w.ctx, []int64{c.past.event})
		w.ok(err)
		w.equal(c.of, []any{bodies(cs), len(d.Event.Data) > 0, len(ds) > 0, d.Attempts[0].Answer}, []any{[]string{c.body}, c.whole, c.whole, c.answer})
	}
	w.equal("never twice", w.maintain(models.Retention{Payloads: 3 * day}).Emptied, 0)
	w.equal("the next days", w.maintain(models.Retention{Payloads: time.Second}).Emptied, int64(4)) // whole days: at any hour it is the day before
}

func testRetentionRest(_ *testing.T, w *world) {
	u, err := w.CreateUser(w.ctx, w.business, "a@example.com", "correct horse", false)
	w.ok(err)
	token, err := w.StartSession(w.ctx, u.ID, 24*time.Hour)
	w.ok(err)
	_, err = w.AddInspection(w.ctx, "bin", nil, []byte("x"))
	w.ok(err)
	w.write(models.Changes{Messages: []models.Message{{NumberID: w.number.ID, Wamid: "old", Type: "text", SentAt: time.Now().Add(-50 * day)}, {NumberID: w.number.ID, Wamid: "new", Type: "text", SentAt: time.Now()}}})
	w.equal("nothing is old", w.maintain(models.Retention{}).Deleted, 0)
	w.equal("messages stay", len(w.messages("old", "new")), 2)
	w.equal("old messages", w.maintain(models.Retention{Messages: 40 * day}).Deleted, 1)
	w.equal("messages", len(w.messages("new")), 1)
	m, err := w.Maintain(w.ctx, time.Now().Add(8*day), models.Retention{})
	w.ok(err)
	w.equal("a session and an inspection", m.Deleted, 2)
	_, err = w.SessionUser(w.ctx, token)
	w.is(err, models.ErrNotFound)
}

// testMissingDays: a day for which nothing was prepared, of a clock that is far off, takes rows like any other.
func testMissingDays(_ *testing.T, w *world) {
	for _, age := range []time.Duration{-400 * day, 200 * day, 300 * day} {
		p := w.past(age, models.Pending)
		w.equal(fmt.Sprint("rows of ", age), w.holds(p), [5]int{1, 1, 1, 1, 1})
		due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: w.webhook.ID, Members: []int64{p.event}}, time.Now().Add(500*day))
		w.ok(err)
		w.equal("due", len(due), 1)
	}
	rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{})
	w.ok(err)
	w.equal("listed", len(rows), 3)
}

// testTurn: the same event made at the turn of a generation by clocks on both sides of it is one.
func testTurn(_ *testing.T, w *world) {
	const generation = 4 * day
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	turn := start.Add(time.Now().Add(generation).Sub(start).Truncate(generation))
	for round := range 4 {
		var wg sync.WaitGroup
		for worker := range rushers {
			e := w.event(fmt.Sprint("turn ", round))
			at := turn.Add(time.Minute)
			if worker%2 == 0 {
				at = turn.Add(-time.Minute)
			}
			e.ID = models.FirstID(at) + int64(round*rushers+worker)
			wg.Go(func() {
				if err := w.Translate(w.ctx, func(tx models.Translation) error {
					if _, err := tx.Known(w.ctx, [][16]byte{e.Key}); err != nil {
						return err
					}
					return tx.Write(w.ctx, models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: w.webhook.ID}}})
				}); err != nil {
					w.t.Error(err)
				}
			})
		}
		wg.Wait()
		rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{})
		w.ok(err)
		w.equal("events", len(rows), round+1)
	}
}

// testMaintainRush: several maintain while others write. Nobody fails, nothing is lost, and nobody waits for long.
func testMaintainRush(_ *testing.T, w *world) {
	for age := range 6 {
		w.past(time.Duration(31+age)*day, models.Succeeded)
	}
	var (
		mu      sync.Mutex
		longest time.Duration
		made    []past
	)
	rounds := 20
	if w.Embedded() {
		rounds = 4
	}
	w.rush(rounds, func(worker, round int) error {
		if worker < 2 {
			_, err := w.Maintain(w.ctx, time.Now(), models.Retention{})
			return err
		}
		began := time.Now()
		p := w.past(time.Minute, models.Succeeded)
		mu.Lock()
		defer mu.Unlock()
		made, longest = append(made, p), max(longest, time.Since(began))
		return nil
	})
	for _, p := range made {
		w.equal("kept", w.holds(p), [5]int{1, 1, 1, 1, 1})
	}
	rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{To: time.Now().Add(-day)})
	w.ok(err)
	w.equal("old ones", len(rows), 0)
	if longest > 5*time.Second {
		w.t.Errorf("a writer once waited %v", longest)
	}
}
