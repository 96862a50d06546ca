package modelstest

import (
	"fmt"
	"testing"
	"time"

	"wabagate/models"
)

func bodies(cs []models.Callback) (out []string) {
	for _, c := range cs {
		out = append(out, string(c.Body))
	}
	return out
}

func testAccept(_ *testing.T, w *world) {
	received := time.Now().Add(-time.Second)
	cs := []models.Callback{{AppID: 3, ReceivedAt: received, Body: []byte("one")}, {NumberID: 4, ReceivedAt: received, Body: []byte("\x00\xff")}, {ReceivedAt: received}}
	work := w.NewCallbackGroup(cs)
	w.equal("members", work.Members, []int64{cs[0].ID, cs[2].ID})
	w.ok(w.Accept(w.ctx, work, cs))
	w.ok(w.Accept(w.ctx, work, cs)) // the answer to the first try was lost
	got, err := w.Callbacks(w.ctx, cs[0].ID, cs[2].ID)
	w.ok(err)
	w.equal("as they came", bodies(got), []string{"one", "\x00\xff", ""})
	w.equal("app and time", []any{got[0].AppID, got[0].ReceivedAt}, []any{int64(3), received.UTC().Truncate(time.Microsecond)})
	got, err = w.Callbacks(w.ctx, cs[1].ID, cs[1].ID)
	w.ok(err)
	w.equal("range", bodies(got), []string{"\x00\xff"})
	w.equal("number", []int64{got[0].AppID, got[0].NumberID}, []int64{0, 4})
	for _, c := range []struct {
		ids  []int64
		want []string
	}{{[]int64{cs[2].ID, 4711, cs[0].ID}, []string{"one", ""}}, {[]int64{cs[1].ID}, []string{"\x00\xff"}}, {nil, nil}} {
		got, err = w.CallbacksByID(w.ctx, c.ids)
		w.ok(err)
		w.equal("by id", bodies(got), c.want)
	}
	ws := w.unfinished()
	w.equal("work once", len(ws), 1)
	work.DueAt = work.DueAt.Truncate(time.Millisecond).UTC()
	ws[0].DueAt = ws[0].DueAt.UTC()
	w.equal("work", ws[0], work)
	b, err := w.Backlog(w.ctx)
	w.ok(err)
	w.equal("backlog", []any{b.Callbacks, b.Deliveries, b.OldestDue.UTC()}, []any{1, 0, work.DueAt})
	w.write(models.Changes{Done: []int64{work.ID}})
	b, err = w.Backlog(w.ctx)
	w.ok(err)
	w.equal("backlog after", []any{b.Callbacks, b.OldestDue.IsZero()}, []any{0, true})
}

func testUnfinished(_ *testing.T, w *world) {
	now := time.Now()
	var ids []int64
	for i := range 6 {
		work := models.Work{ID: w.NextID(), Kind: models.Deliver, Priority: models.Report, WebhookID: 5, DueAt: now.Add(time.Duration(-i) * time.Minute), Members: []int64{int64(i), 9}}
		if i == 2 {
			work.DueAt = now.Add(time.Hour)
		} else {
			ids = append(ids, work.ID)
		}
		w.ok(w.AddWork(w.ctx, work, work))
	}
	w.ok(w.AddWork(w.ctx))
	list := func(before time.Time, after int64, limit int) (got []int64) {
		ws, err := w.Unfinished(w.ctx, before, after, limit)
		w.ok(err)
		for _, v := range ws {
			got = append(got, v.ID)
		}
		return got
	}
	w.equal("due", list(now, 0, 100), ids)
	w.equal("first page", list(now, 0, 2), ids[:2])
	w.equal("next page", list(now, ids[1], 2), ids[2:4])
	w.equal("the last", list(now, ids[4], 2), []int64{})
	w.equal("older than two minutes", list(now.Add(-2*time.Minute), 0, 9), ids[2:])
	b, err := w.Backlog(w.ctx)
	w.ok(err)
	w.equal("backlog", []any{b.Callbacks, b.Deliveries, b.OldestDue.UnixMilli()}, []any{0, 6, now.Add(-5 * time.Minute).UnixMilli()})
}

func testParked(_ *testing.T, w *world) {
	var parked []models.ParkedCallback
	for i := range 1100 { // more than one statement takes
		parked = append(parked, models.ParkedCallback{PhoneNumberID: "300", CallbackID: int64(1000 + i), Reason: "not connected"})
	}
	parked = append(parked, parked[0], models.ParkedCallback{PhoneNumberID: "301", CallbackID: 7}, models.ParkedCallback{CallbackID: 8, Reason: "whose?"})
	w.write(models.Changes{Parked: parked})
	w.write(models.Changes{Parked: parked[:1]})
	w.equal("nothing to do", len(w.unfinished()), 0)
	_, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "300"})
	w.ok(err)
	ws, err := w.Unfinished(w.ctx, time.Now(), 0, 5000)
	w.ok(err)
	w.equal("unparked", len(ws), 1100)
	for i, v := range ws {
		if v.Kind != models.TranslateCallbacks || fmt.Sprint(v.Members) != fmt.Sprint([]int64{int64(1000 + i), int64(1000 + i)}) {
			w.t.Fatalf("work %+v", v)
		}
	}
	_, err = w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "301"})
	w.ok(err)
	ws, err = w.Unfinished(w.ctx, time.Now(), ws[len(ws)-1].ID, 10)
	w.ok(err)
	w.equal("the other", ws[0].Members, []int64{7, 7})
}

// testParkedStale: a translation that decided by routes from before the number was connected must not park for it.
func testParkedStale(_ *testing.T, w *world) {
	c := models.Changes{RoutesVersion: w.routes().Version, Parked: []models.ParkedCallback{{PhoneNumberID: "400", CallbackID: 1}}}
	_, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "400"})
	w.ok(err)
	err = w.Translate(w.ctx, func(tx models.Translation) error { return tx.Write(w.ctx, c) })
	w.is(err, models.ErrRoutesChanged)
	w.equal("worth another try", models.Permanent(err), false)
	c.RoutesVersion = w.routes().Version
	w.write(c)
	c.Parked, c.RoutesVersion = nil, 1 // of no interest without anything to park
	w.write(c)

	// Connecting waits for a translation that has decided already, and then finds what it parked.
	c = models.Changes{RoutesVersion: w.routes().Version, Parked: []models.ParkedCallback{{PhoneNumberID: "401", CallbackID: 2}}}
	connected := make(chan error, 1)
	w.translate(func(tx models.Translation) error {
		if err := tx.Write(w.ctx, c); err != nil {
			return err
		}
		go func() {
			_, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "401"})
			connected <- err
		}()
		time.Sleep(50 * time.Millisecond)
		return nil
	})
	w.ok(<-connected)
	w.equal("unparked", len(w.unfinished()), 1)
}

func testParkedAccount(_ *testing.T, w *world) {
	w.write(models.Changes{Parked: []models.ParkedCallback{{PhoneNumberID: models.ParkedForWABA("w9"), CallbackID: 1}, {PhoneNumberID: "900", CallbackID: 1},
		{PhoneNumberID: "900", CallbackID: 2}, {PhoneNumberID: models.ParkedForWABA(""), CallbackID: 3}, {PhoneNumberID: models.ParkedForWABA("w8"), CallbackID: 4}}})
	_, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "899"})
	w.ok(err)
	w.equal("of no account", len(w.unfinished()), 0)
	_, err = w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "900", WABAID: "w9"})
	w.ok(err)
	ws := w.unfinished()
	w.equal("number and account, each callback once", []any{len(ws), ws[0].Members, ws[1].Members}, []any{2, []int64{1, 1}, []int64{2, 2}})
}
