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

// pull reads a feed from a cursor until nothing more is there.
func (w *world) pull(f models.FeedFilter) (ids []int64, next models.FeedCursor) {
	w.t.Helper()
	for {
		page, err := w.Feed(w.ctx, w.business, f)
		w.ok(err)
		for _, e := range page.Events {
			ids = append(ids, e.ID)
		}
		f.After = page.Next
		if !page.More {
			return ids, page.Next
		}
	}
}

// visible waits until all that was committed is in the feed: what runs on other databases of the server holds it back.
func (w *world) visible(n int) {
	w.t.Helper()
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if ids, _ := w.pull(models.FeedFilter{}); len(ids) == n {
			return
		}
	}
	w.t.Fatalf("not %d events in the feed", n)
}

// made writes events of the given types and returns their ids.
func (w *world) made(types ...string) (ids []int64) {
	w.t.Helper()
	var c models.Changes
	for _, typ := range types {
		e := w.event(fmt.Sprint("made ", w.NextID()))
		e.Type = typ
		c.Events, ids = append(c.Events, e), append(ids, e.ID)
	}
	w.write(c)
	return ids
}

func testFeed(_ *testing.T, w *world) {
	beginning, now := models.FeedFilter{}, func() models.FeedFilter {
		at, err := w.FeedNow(w.ctx)
		w.ok(err)
		return models.FeedFilter{After: at}
	}
	ids, empty := w.pull(beginning)
	w.equal("nothing yet", ids, []int64{})
	first := w.made("message.received", "message.report", "message.received")
	w.visible(3)
	after := now()
	second := w.made("order.created", "message.received")
	stranger := w.event("a stranger's")
	stranger.BusinessID = w.otherBusiness()
	w.write(models.Changes{Events: []models.Event{stranger}})
	w.visible(5)
	all := slices.Concat(first, second)
	for _, limit := range []int{1, 2, 3, 5, 6, 0} {
		ids, _ = w.pull(models.FeedFilter{Limit: limit})
		slices.Sort(ids)
		w.equal(fmt.Sprint("everything in pages of ", limit), ids, all)
	}
	newest, err := w.NewestEvents(w.ctx, w.business, 3)
	w.ok(err)
	w.equal("newest first, and no stranger's", []int64{newest[0].ID, newest[1].ID, newest[2].ID}, []int64{all[4], all[3], all[2]})
	newest, err = w.NewestEvents(w.ctx, w.business, 100)
	w.ok(err)
	w.equal("all of them", len(newest), len(all))
	ids, next := w.pull(beginning)
	w.equal("everything", len(ids), 5)
	ids, _ = w.pull(models.FeedFilter{After: empty})
	w.equal("from an empty page", len(ids), 5)
	ids, _ = w.pull(after)
	slices.Sort(ids)
	w.equal("from a moment", ids, second)
	ids, next = w.pull(models.FeedFilter{After: next})
	w.equal("nothing new", ids, []int64{})
	third := w.made("message.report")
	w.visible(6)
	ids, next = w.pull(models.FeedFilter{After: next, Types: []string{"order.created"}})
	w.equal("not of this type", ids, []int64{})
	ids, _ = w.pull(models.FeedFilter{After: next})
	w.equal("a page that was empty for its types went on", ids, []int64{})
	ids, _ = w.pull(models.FeedFilter{Types: []string{"order.created", "message.report"}})
	w.equal("by type", ids, []int64{first[1], second[0], third[0]})
	ids, _ = w.pull(models.FeedFilter{NumberID: w.number.ID})
	w.equal("of the number", len(ids), 6)
	ids, _ = w.pull(models.FeedFilter{NumberID: w.number.ID + 1})
	w.equal("of another number", ids, []int64{})
	page, err := w.Feed(w.ctx, w.business, beginning)
	w.ok(err)
	for i, place := range page.Places {
		rest, _ := w.pull(models.FeedFilter{After: place})
		w.equal(fmt.Sprint("after the event at ", i), len(rest), len(page.Events)-i-1)
	}
	ids, _ = w.pull(models.FeedFilter{Since: models.IDTime(third[0])})
	w.equal("since the last was made", slices.Contains(ids, third[0]), true)
	ids, _ = w.pull(models.FeedFilter{Since: models.IDTime(third[0]).Add(time.Millisecond)})
	w.equal("since a moment later", ids, []int64{})
	page, err = w.Feed(w.ctx, w.business, models.FeedFilter{Limit: 1})
	w.ok(err)
	w.equal("whole", []any{page.Events[0].ID, page.Events[0].Type, page.Events[0].NumberID, len(page.Events[0].Data) > 0, page.More}, []any{first[0], "message.received", w.number.ID, true, true})
}

// testFeedLate: transactions commit in another order than their ids; nothing is skipped.
func testFeedLate(_ *testing.T, w *world) {
	if w.Embedded() {
		return // one writer at a time: there is no such thing
	}
	early := w.event("early") // its id is the smaller one
	begun, commit, done := make(chan bool), make(chan bool), make(chan error)
	go func() {
		done <- w.Translate(w.ctx, func(tx models.Translation) error {
			if err := tx.Write(w.ctx, models.Changes{Events: []models.Event{early}}); err != nil {
				return err
			}
			close(begun)
			<-commit
			return nil
		})
	}()
	<-begun
	late := w.made("message.received")
	before, next := w.pull(models.FeedFilter{})
	close(commit)
	w.ok(<-done)
	got := before
	for limit := time.Now().Add(time.Minute); len(got) < 2 && time.Now().Before(limit); {
		// Transactions of other tests on this server hold it back too.
		var more []int64
		more, next = w.pull(models.FeedFilter{After: next})
		got = append(got, more...)
	}
	slices.Sort(got)
	w.equal("each once", got, []int64{early.ID, late[0]})
	ids, _ := w.pull(models.FeedFilter{After: next})
	w.equal("and no more", ids, []int64{})
}

// testFeedRush: many write, with transactions that take their time, and one pulls in pages; it sees every event once.
func testFeedRush(_ *testing.T, w *world) {
	const writers, rounds = 8, 15
	var wg sync.WaitGroup
	var mu sync.Mutex
	written := map[int64]bool{}
	for range writers {
		wg.Go(func() {
			for range rounds {
				var c models.Changes
				err := w.Translate(w.ctx, func(tx models.Translation) error {
					c = models.Changes{}
					for range 1 + rand.IntN(4) {
						c.Events = append(c.Events, w.event(fmt.Sprint("rush ", w.NextID())))
					}
					if !w.Embedded() {
						time.Sleep(rand.N(8 * time.Millisecond))
					}
					if err := tx.Write(w.ctx, c); err != nil || w.Embedded() {
						return err
					}
					time.Sleep(rand.N(8 * time.Millisecond))
					return nil
				})
				if err != nil {
					w.t.Error(err)
				}
				mu.Lock()
				for _, e := range c.Events {
					written[e.ID] = true
				}
				mu.Unlock()
			}
		})
	}
	quiet := make(chan bool)
	go func() { wg.Wait(); close(quiet) }()
	seen := map[int64]int{}
	f := models.FeedFilter{Limit: 7}
	for over, last := (<-chan time.Time)(nil), quiet; ; {
		page, err := w.Feed(w.ctx, w.business, f)
		w.ok(err)
		for _, e := range page.Events {
			seen[e.ID]++
		}
		f.After = page.Next
		select {
		case <-last: // what was written last may be held back for a moment
			over, last = time.After(time.Minute), nil
		case <-over:
			w.t.Fatalf("%d of %d events seen", len(seen), len(written))
		default:
		}
		if last == nil && len(seen) >= len(written) && len(page.Events) == 0 {
			break
		}
	}
	for id, times := range seen {
		if !written[id] || times != 1 {
			w.t.Errorf("event %d was seen %d times; written: %v", id, times, written[id])
		}
	}
	w.equal("seen", len(seen), len(written))
}
