package modelstest

import (
	"fmt"
	"math/bits"
	"sync"
	"testing"
	"time"

	"wabagate/models"
)

// callback keeps one of an app, as if it had come at a moment.
func (w *world) callback(app int64, at time.Time) int64 {
	w.t.Helper()
	cs := []models.Callback{{AppID: app, ReceivedAt: at, Body: []byte(`{}`)}}
	work := w.NewCallbackGroup(cs)
	cs[0].ID = models.FirstID(at) | cs[0].ID&(1<<22-1)
	work.Members = []int64{cs[0].ID, cs[0].ID}
	w.ok(w.Accept(w.ctx, work, cs))
	return cs[0].ID
}

// heard makes an event of a callback at the moment that its id says.
func (w *world) heard(typ string, callback int64) models.Event {
	e := w.event(fmt.Sprint(typ, callback, w.NextID()))
	e.Type, e.CallbackID = typ, callback
	e.ID = models.FirstID(models.IDTime(callback)) | e.ID&(1<<22-1)
	return e
}

// count counts traffic until a moment is reached, and answers how many holes were found.
func (w *world) count(until time.Time) (holes int) {
	w.t.Helper()
	for range 1000 {
		through, found, err := w.CountTraffic(w.ctx, until)
		w.ok(err)
		holes += found
		if !through.Before(until.Truncate(time.Millisecond)) {
			return holes
		}
	}
	w.t.Fatal("it does not end")
	return 0
}

func (w *world) hours(from, to time.Time) []models.NumberHour {
	w.t.Helper()
	hours, err := w.NumberHours(w.ctx, w.number.ID, from, to)
	w.ok(err)
	return hours
}

// testTraffic: callbacks count by when they came, events by when they were made, each once; the gateway's own callbacks are
// none of the platform's.
func testTraffic(_ *testing.T, w *world) {
	hour := w.Now().Add(-26 * time.Hour).Truncate(time.Hour)
	w.ok(w.MakeLeaves(w.ctx, hour, w.Now()))
	first, second := w.callback(1, hour.Add(time.Minute)), w.callback(1, hour.Add(58*time.Minute))
	own, later := w.callback(models.OwnApp, hour.Add(20*time.Minute)), w.callback(1, hour.Add(90*time.Minute))
	late := w.heard("message.report", first) // translated long after it came
	late.ID = models.FirstID(hour.Add(2*time.Hour)) | late.ID&(1<<22-1)
	w.write(models.Changes{Events: []models.Event{
		w.heard("message.received", first), w.heard("conversation.created", first), w.heard("message.report", second),
		w.heard("message.sent", own), w.heard("ai.replied", own), w.heard("message.received", later), late,
	}})
	end := hour.Add(3 * time.Hour)
	w.equal("holes", w.count(end), 0)
	got := w.hours(hour, end)
	if len(got) != 3 {
		w.t.Fatalf("hours %+v", got)
	}
	w.equal("the first hour", got[0], models.NumberHour{NumberID: w.number.ID, Hour: hour, Callbacks: 3, Slots: 1 | 1<<11, Events: 5, Received: 1, Sent: 2})
	w.equal("the second", got[1], models.NumberHour{NumberID: w.number.ID, Hour: hour.Add(time.Hour), Callbacks: 1, Slots: 1 << 6, Events: 1, Received: 1})
	w.equal("the third", got[2], models.NumberHour{NumberID: w.number.ID, Hour: hour.Add(2 * time.Hour), Events: 1})

	w.count(end)
	w.count(hour) // time that is over stays counted
	w.equal("counted again", w.hours(hour, end), got)
	quiet, err := w.Quiet(w.ctx, hour, end)
	w.ok(err)
	w.equal("quiet", quiet, []models.Pulse{{NumberID: w.number.ID, FirstAt: models.IDTime(first).UTC(), LastAt: models.IDTime(later).UTC()}})
	mark, err := w.Mark(w.ctx, "counted")
	w.ok(err)
	w.equal("mark", mark, end.UTC())

	_, err = w.Maintain(w.ctx, w.Now(), models.Retention{})
	w.ok(err)
	w.equal("young ones stay", w.hours(hour, end), got)
	_, err = w.Maintain(w.ctx, w.Now().Add(models.CountsKept+72*time.Hour), models.Retention{})
	w.ok(err)
	w.equal("old ones go", len(w.hours(hour, end)), 0)
}

// testTrafficRush: several that count at once count everything once.
func testTrafficRush(_ *testing.T, w *world) {
	hour := w.Now().Add(-26 * time.Hour).Truncate(time.Hour)
	w.ok(w.MakeLeaves(w.ctx, hour, w.Now()))
	const n = 48
	var c models.Changes
	for i := range n {
		c.Events = append(c.Events, w.heard("message.received", w.callback(1, hour.Add(time.Duration(i)*5*time.Minute))))
	}
	w.write(c)
	end := hour.Add(n * 5 * time.Minute)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				through, _, err := w.CountTraffic(w.ctx, end)
				if err != nil {
					w.t.Error(err)
					return
				}
				if !through.Before(end) {
					return
				}
			}
			w.t.Error("it does not end")
		})
	}
	all.Wait()
	var callbacks, received int64
	slots := 0
	for _, h := range w.hours(hour, end) {
		callbacks, received, slots = callbacks+h.Callbacks, received+h.Received, slots+bits.OnesCount16(h.Slots)
	}
	w.equal("callbacks, received, slots", []int64{callbacks, received, int64(slots)}, []int64{n, n, n})
}

// testHoles: a hole is found within a count and between two, whatever the order of ids; conversations without one are not
// named, nor is what retention has taken.
func testHoles(_ *testing.T, w *world) {
	start := w.Now().Add(-3 * time.Hour).Truncate(time.Hour)
	w.ok(w.MakeLeaves(w.ctx, start, w.Now()))
	at := func(conversation, sequence int64, minute int) models.Event {
		e := w.event(fmt.Sprint("c", conversation, " ", sequence))
		e.ConversationID, e.Sequence = conversation, sequence
		e.ID = models.FirstID(start.Add(time.Duration(minute)*time.Minute)) | e.ID&(1<<22-1)
		return e
	}
	w.write(models.Changes{Events: []models.Event{
		at(1, 1, 0), at(1, 2, 1), at(1, 3, 70), // in order, over two counts
		at(2, 1, 0), at(2, 4, 1), at(2, 5, 2), // two are missing
		at(3, 7, 3), at(3, 8, 80), // its beginning was let go of
		at(4, 1, 0), at(4, 3, 70), at(4, 6, 71), // one between two counts, two within the second
		at(5, 2, 16), at(5, 1, 14), at(5, 3, 14), // ids in another order than numbers
	}})
	w.equal("found", w.count(start.Add(2*time.Hour)), 3)
	w.equal("found again", w.count(start.Add(2*time.Hour)), 0)
	holes, err := w.SequenceHoles(w.ctx, w.number.ID, start, start.Add(2*time.Hour), 10)
	w.ok(err)
	var got [][4]int64
	for _, h := range holes {
		got = append(got, [4]int64{h.ConversationID, h.First, h.Last, int64(h.NextAt.Sub(start) / time.Minute)})
	}
	w.equal("holes", got, [][4]int64{{4, 4, 5, 71}, {4, 2, 2, 70}, {2, 2, 3, 1}})
	holes, err = w.SequenceHoles(w.ctx, w.number.ID, start, start.Add(30*time.Minute), 10)
	w.ok(err)
	w.equal("of the first half hour", len(holes), 1)
}

// acceptedSends makes messages that the platform took under names; what they are of is by default of the world's number.
func (w *world) acceptedSends(names ...string) []models.Send {
	w.t.Helper()
	sends := make([]models.Send, len(names))
	for i, name := range names {
		sends[i] = models.Send{To: "15550009", Type: "text", SentBy: "agent", Text: name}
	}
	kept, _ := w.createSends(sends...)
	w.takeSends(sendIDs(kept)...)
	var rs []models.SendResult
	for i, name := range names {
		rs = append(rs, models.SendResult{ID: kept[i].ID, State: models.SendAccepted, Wamid: name, WaID: "15550001"})
	}
	w.settleSends(rs...)
	return w.loadSends(sendIDs(kept)...)
}

// testUnreported: exactly the messages of which nothing was heard, each once over pages.
func testUnreported(_ *testing.T, w *world) {
	before := w.Now().Add(-time.Second)
	p := w.person(w.ref("15550001", "", true))
	gone := w.acceptedSends("wamid.erased")
	w.write(models.Changes{Messages: []models.Message{{NumberID: w.number.ID, Wamid: "wamid.erased", ConversationID: p.Conversation.ID, Type: "text", SentAt: w.Now()}}})
	w.erase(p.Contact.ID)
	w.equal("erased", w.sendOf(gone[0].ID).Erased(), true)

	kept := w.acceptedSends("wamid.none", "wamid.untold", "wamid.early", "wamid.sent", "wamid.read", "wamid.failed", "wamid.deleted", "", "wamid.none.2", "wamid.none.3")
	at := w.Now()
	var c models.Changes
	for _, m := range []models.Message{
		{Wamid: "wamid.none", Type: "text"}, {Wamid: "wamid.none.2", Type: "text"}, {Wamid: "wamid.none.3", Type: "text"}, // and untold is not translated yet
		{Wamid: "wamid.early", Status: "sent", StatusAt: at}, // a status that came before the message itself
		{Wamid: "wamid.sent", Type: "text", Status: "sent", StatusAt: at}, {Wamid: "wamid.read", Type: "text", Status: "read", StatusAt: at},
		{Wamid: "wamid.failed", Type: "text", Status: "failed", StatusAt: at}, {Wamid: "wamid.deleted", Type: "text", DeletedAt: at},
		{Wamid: "wamid.echo", Type: "text", SentBy: "app"}, {Wamid: "wamid.in", Type: "text", Inbound: true},
	} {
		m.NumberID, m.SentAt = w.number.ID, at
		c.Messages = append(c.Messages, m)
	}
	w.write(c)
	waiting, _ := w.createSends(models.Send{}, models.Send{}, models.Send{})
	w.takeSends(sendIDs(waiting)...)
	w.settleSends(models.SendResult{ID: waiting[0].ID, State: models.SendFailed, ErrorCode: "131026"}, models.SendResult{ID: waiting[1].ID, State: models.SendUndecided, DueAt: at.Add(time.Hour)},
		models.SendResult{ID: waiting[2].ID, State: models.SendFailed, ErrorCode: "131026"})

	silent := []models.Send{kept[0], kept[1], kept[8], kept[9]}
	end := w.Now().Add(time.Second)
	f := models.UnreportedFilter{NumberID: w.number.ID, From: before, To: end, Limit: 2}
	var got []models.Unreported
	for range 3 {
		page, err := w.Unreported(w.ctx, f)
		w.ok(err)
		got = append(got, page...)
		if len(page) == 0 {
			break
		}
		last := page[len(page)-1]
		f.After = models.UnreportedPlace{At: last.AcceptedAt, SendID: last.SendID}
	}
	if len(got) != len(silent) {
		w.t.Fatalf("messages without a status: %+v", got)
	}
	for i, v := range silent {
		w.equal("message", got[i], models.Unreported{SendID: v.ID, NumberID: w.number.ID, Wamid: v.Wamid, Recipient: "15550001", Type: "text", SentBy: "agent", AcceptedAt: v.SettledAt})
	}
	counts, err := w.CountUnreported(w.ctx, before, end)
	w.ok(err)
	w.equal("counts", counts, []models.UnreportedCount{{NumberID: w.number.ID, Messages: 4}})
	counts, err = w.CountUnreported(w.ctx, end, end.Add(time.Hour))
	w.ok(err)
	w.equal("counts of later", len(counts), 0)

	from := at.Truncate(24 * time.Hour)
	if !before.Before(from) { // unless the day has just begun
		r, err := w.Report(w.ctx, w.number.ID, at, end)
		w.ok(err)
		w.equal("report", []int64{r.Accepted, r.Unreported, r.Awaited, r.Failed, r.Failures["131026"], r.Statuses[""], r.Statuses["sent"], r.Statuses["read"], r.Statuses["failed"]},
			[]int64{9, 4, 0, 2, 2, 5, 2, 1, 1}) // the deleted one has no status either; the erased one counts no more
		r, err = w.Report(w.ctx, w.number.ID, at, from)
		w.ok(err)
		w.equal("their time is not over", []int64{r.Unreported, r.Awaited}, []int64{0, 4})
	}
}

// testSilences: one that began goes on until a later callback is counted.
func testSilences(_ *testing.T, w *world) {
	hour := w.Now().Add(-26 * time.Hour).Truncate(time.Hour)
	w.ok(w.MakeLeaves(w.ctx, hour, w.Now()))
	hear := func(at time.Time) {
		w.t.Helper()
		w.write(models.Changes{Events: []models.Event{w.heard("message.received", w.callback(1, at))}})
		w.count(at.Add(time.Minute))
	}
	hear(hour)
	w.ok(w.BeginSilence(w.ctx, w.number.ID, hour, hour.Add(time.Hour)))
	w.ok(w.BeginSilence(w.ctx, w.number.ID, hour, hour.Add(2*time.Hour)))
	quiet, err := w.Quiet(w.ctx, hour, hour.Add(time.Hour))
	w.ok(err)
	w.equal("silent, and not quiet", len(quiet), 0)
	open, err := w.EndSilences(w.ctx)
	w.ok(err)
	silence := models.Silence{NumberID: w.number.ID, Since: hour.UTC(), FoundAt: hour.Add(time.Hour).UTC()}
	w.equal("goes on", open, []models.Silence{silence})
	pulses, since, err := w.Pulses(w.ctx, w.business)
	w.ok(err)
	w.equal("pulses", pulses, map[int64]models.Pulse{w.number.ID: {NumberID: w.number.ID, FirstAt: hour.UTC(), LastAt: hour.UTC()}})
	w.equal("silent since", since, map[int64]time.Time{w.number.ID: hour.UTC()})
	pulses, _, err = w.Pulses(w.ctx, w.business+1000)
	w.ok(err)
	w.equal("pulses of others", len(pulses), 0)

	hear(hour.Add(3 * time.Hour))
	open, err = w.EndSilences(w.ctx)
	w.ok(err)
	w.equal("over", len(open), 0)
	silence.Until = hour.Add(3 * time.Hour).UTC()
	for _, c := range []struct {
		from, to time.Time
		n        int
	}{{hour, hour.Add(time.Minute), 1}, {hour.Add(time.Hour), hour.Add(2 * time.Hour), 1}, {hour.Add(3 * time.Hour), hour.Add(4 * time.Hour), 1},
		{hour.Add(4 * time.Hour), hour.Add(5 * time.Hour), 0}, {hour.Add(-time.Hour), hour, 0}} {
		found, err := w.Silences(w.ctx, w.number.ID, c.from, c.to)
		w.ok(err)
		w.equal(fmt.Sprint("silences from ", c.from), len(found), c.n)
		if c.n > 0 {
			w.equal("silence", found[0], silence)
		}
	}
	quiet, err = w.Quiet(w.ctx, hour, w.Now())
	w.ok(err)
	w.equal("quiet again", len(quiet), 1)
	_, since, err = w.Pulses(w.ctx, w.business)
	w.ok(err)
	w.equal("not silent any more", len(since), 0)
}

// testParkedNumbers: what waits for numbers that nobody connected, and for how long.
func testParkedNumbers(_ *testing.T, w *world) {
	n, oldest, err := w.CountParked(w.ctx)
	w.ok(err)
	w.equal("none", []any{n, oldest}, []any{int64(0), time.Time{}})
	at := w.Now().Add(-time.Hour).Truncate(time.Millisecond).UTC()
	id := func(minutes int) int64 { return models.FirstID(at.Add(time.Duration(minutes) * time.Minute)) }
	w.write(models.Changes{Parked: []models.ParkedCallback{{PhoneNumberID: "300", CallbackID: id(3)}, {PhoneNumberID: "300", CallbackID: id(1)}, {PhoneNumberID: "301", CallbackID: id(2)}, {CallbackID: id(0)}}})
	all := []models.ParkedNumber{{Callbacks: 1, Oldest: at, Newest: at}, {PhoneNumberID: "300", Callbacks: 2, Oldest: at.Add(time.Minute), Newest: at.Add(3 * time.Minute)},
		{PhoneNumberID: "301", Callbacks: 1, Oldest: at.Add(2 * time.Minute), Newest: at.Add(2 * time.Minute)}}
	got, err := w.ParkedNumbers(w.ctx, "", 2)
	w.ok(err)
	w.equal("first page", got, all[:2])
	got, err = w.ParkedNumbers(w.ctx, "300", 2)
	w.ok(err)
	w.equal("second page", got, all[2:])
	one, err := w.ParkedFor(w.ctx, "300")
	w.ok(err)
	w.equal("of one", one, all[1])
	n, oldest, err = w.CountParked(w.ctx)
	w.ok(err)
	w.equal("all", []any{n, oldest}, []any{int64(4), at})
}
