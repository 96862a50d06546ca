package modelstest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"wabagate/models"
)

// speak writes the next event of each of the people, in sequence.
func (w *world) speak(people ...int) (said []models.Event, err error) {
	err = w.Translate(w.ctx, func(tx models.Translation) error {
		refs := make([]models.PersonRef, len(people))
		for i, n := range people {
			refs[i] = w.ref(fmt.Sprint("49", n), "", true)
		}
		ps, err := tx.People(w.ctx, refs)
		if err != nil {
			return err
		}
		said = nil
		next := map[int64]int64{}
		for _, p := range ps {
			next[p.Conversation.ID] = max(next[p.Conversation.ID], p.Conversation.Sequence) + 1
			said = append(said, w.utterance(p.Conversation.ID, next[p.Conversation.ID])...)
		}
		if _, err := w.enter(tx, said); err != nil {
			return err
		}
		var c models.Changes
		for id, n := range next {
			c.Conversations = append(c.Conversations, models.ConversationChange{ID: id, Sequence: n})
		}
		return tx.Write(w.ctx, c)
	})
	return said, err
}

// testLaneMeanwhile: a settlement waits for who enters its lane at that moment, and brings up whom it put in line.
func testLaneMeanwhile(_ *testing.T, w *world) {
	es := w.utterance(7, 1, 2)
	work := w.say(es[0])
	up, errs := make(chan []models.Work, 1), make(chan error, 1)
	w.translate(func(tx models.Translation) error {
		idle, err := tx.Lanes(w.ctx, []models.LaneRef{{WebhookID: w.webhook.ID, ConversationID: 7}}, []int64{w.NextID()})
		if err != nil {
			return err
		}
		w.equal("busy", idle, []bool{false})
		r := w.result(work, es[0])
		go func() {
			ws, err := w.Settle(w.ctx, []models.Result{r})
			errs <- err
			up <- ws
		}()
		select {
		case <-up:
			w.t.Fatal("the lane went on while somebody entered it")
		case <-time.After(100 * time.Millisecond):
		}
		return tx.Write(w.ctx, models.Changes{Events: es[1:], Deliveries: []models.Delivery{{EventID: es[1].ID, WebhookID: w.webhook.ID, Lane: 7, Sequence: 2}}})
	})
	w.ok(<-errs)
	w.equal("came up", (<-up)[0].Members, []int64{es[1].ID})
}

// testLaneRush: writers enter few lanes while workers leave them, at once. Nobody is left waiting.
func testLaneRush(_ *testing.T, w *world) {
	const writers = rushers / 2
	rounds := 250
	if w.Embedded() { // one at a time anyway
		rounds = 25
	}
	var writing atomic.Int64
	writing.Store(writers)
	var written, delivered atomic.Int64
	w.rush(1, func(worker, _ int) error {
		if worker < writers {
			defer writing.Add(-1)
			for range rounds {
				said, err := w.speak(rand.IntN(3), rand.IntN(3))
				if err != nil {
					return err
				}
				written.Add(int64(len(said)))
			}
			return nil
		}
		for {
			last := writing.Load() == 0
			ws, err := w.Unfinished(w.ctx, time.Now().Add(time.Minute), 0, 100)
			if err != nil || last && len(ws) == 0 {
				return err
			}
			rand.Shuffle(len(ws), func(i, j int) { ws[i], ws[j] = ws[j], ws[i] })
			var rs []models.Result
			for _, work := range ws[:min(len(ws), 2)] {
				due, err := w.LoadGroup(w.ctx, work, time.Now().Add(time.Minute))
				if err != nil {
					return err
				}
				es := make([]models.Event, len(due))
				for i, d := range due {
					es[i] = d.Event
				}
				r := w.result(work, es...)
				if rand.IntN(3) == 0 {
					r.Turns = nil // finishing says it
				}
				delivered.Add(int64(len(es)))
				rs = append(rs, r)
			}
			if _, err := w.Settle(w.ctx, rs); err != nil {
				return err
			}
		}
	})
	w.drained()
	if delivered.Load() < written.Load() { // work is done twice when two take it
		w.t.Errorf("%d of %d delivered", delivered.Load(), written.Load())
	}
}

// drained checks that everything owed to the webhook was delivered, and that its lanes are idle.
func (w *world) drained() {
	w.t.Helper()
	w.equal("unfinished", len(w.unfinished()), 0)
	up, err := w.FreeLanes(w.ctx)
	w.ok(err)
	w.equal("lanes without a turn", len(up), 0)
	st, err := w.Stats(w.ctx, w.webhook.ID, time.Now().Add(-time.Hour))
	w.ok(err)
	w.equal("delivered", []int64{st.Pending, st.Failed, st.Succeeded}, []int64{0, 0, st.Total})
	for _, idle := range w.idle(1, 2, 3, 4, 5, 6, 7, 8, 9) { // conversations count from 1
		w.equal("idle", idle, true)
	}
}

// testLaneProperty runs writers and workers in a random interleaving of their steps. Workers die after any step, run the
// same work at once, fail, settle twice, and act on nothing but what the store answered. In the end everything is
// delivered; and what reached the webhook for the first time did so in sequence, but for what had stepped aside or was
// sent again by a person.
func testLaneProperty(_ *testing.T, w *world) {
	seed := rand.Uint64()
	steps := 1500
	if w.Embedded() {
		steps = 1000
	}
	p := &lanePlay{world: w, Rand: rand.New(rand.NewPCG(seed, 0)), now: time.Now().Add(time.Minute), arrived: map[[2]int64]bool{}, written: map[int64]int64{}, resent: map[[2]int64]bool{}}
	defer func() {
		if w.t.Failed() {
			w.t.Logf("seed %d, %d arrived, %d aside, %d out of turn", seed, len(p.arrived), p.asides, p.strays)
		}
	}()
	for range steps {
		p.now = p.now.Add(time.Duration(p.IntN(4000)) * time.Millisecond)
		switch n := p.IntN(20); {
		case n < 3:
			p.write()
		case n < 6:
			p.start()
		case n == 6 && p.IntN(4) == 0:
			p.resend()
		case len(p.runs) > 0:
			p.step(p.IntN(len(p.runs)))
		}
	}
	for range 100_000 {
		p.now = p.now.Add(10 * time.Second)
		if len(p.runs) == 0 && len(w.unfinished()) == 0 {
			break
		}
		p.start()
		for len(p.runs) > 0 {
			p.step(p.IntN(len(p.runs)))
		}
	}
	w.drained()
	for conversation, last := range p.written {
		for n := int64(1); n <= last; n++ {
			w.equal("arrived", []any{conversation, n, p.arrived[[2]int64{conversation, n}]}, []any{conversation, n, true})
		}
	}
	if p.asides < 5 || p.strays < 5 {
		w.t.Errorf("seed %d: %d stepped aside, %d results out of turn: this run shows nothing", seed, p.asides, p.strays)
	}
}

type lanePlay struct {
	*world
	*rand.Rand
	now             time.Time // never behind the wall clock
	runs            []*laneRun
	arrived, resent map[[2]int64]bool // conversation and sequence
	written         map[int64]int64   // last sequence by conversation
	asides, strays  int
}

// laneRun is a worker with one piece of work.
type laneRun struct {
	work   models.Work
	lanes  map[int64][]models.Due // in turn, what is left to attempt, by conversation
	alone  []models.Due           // out of turn
	aside  map[int64][]int64
	result models.Result
}

func (p *lanePlay) write() {
	people := make([]int, 1+p.IntN(4))
	for i := range people {
		people[i] = p.IntN(3)
	}
	said, err := p.speak(people...)
	p.ok(err)
	for _, e := range said {
		p.written[e.ConversationID] = e.Sequence
	}
}

// resend is a person's.
func (p *lanePlay) resend() {
	pending := models.Pending
	rows, err := p.Deliveries(p.ctx, p.webhook.ID, models.DeliveryFilter{State: &pending, Limit: 200})
	p.ok(err)
	if len(rows) == 0 {
		return
	}
	row := rows[p.IntN(len(rows))]
	d, err := p.Delivery(p.ctx, p.business, row.EventID, p.webhook.ID)
	p.ok(err)
	work := models.Work{ID: p.NextID(), Kind: models.Deliver, WebhookID: p.webhook.ID, DueAt: time.Now(), Members: []int64{row.EventID}}
	if p.Reopen(p.ctx, row.EventID, p.webhook.ID, work) == nil {
		p.resent[[2]int64{d.Event.ConversationID, d.Event.Sequence}] = true
	}
}

// start lets a worker load work that is due, whether another is at it or not.
func (p *lanePlay) start() {
	ws, err := p.Unfinished(p.ctx, p.now, 0, 1000)
	p.ok(err)
	if len(ws) == 0 {
		return
	}
	r := &laneRun{work: ws[p.IntN(len(ws))], lanes: map[int64][]models.Due{}, aside: map[int64][]int64{}}
	due, err := p.LoadGroup(p.ctx, r.work, p.now)
	p.ok(err)
	slices.SortFunc(due, func(a, b models.Due) int { return int(a.Event.Sequence - b.Event.Sequence) })
	for _, d := range due {
		conversation := d.Event.ConversationID
		r.aside[conversation] = slices.Clone(d.Lane.Aside)
		if d.Lane.Turn == r.work.ID && !slices.Contains(d.Lane.Aside, d.Event.Sequence) {
			r.lanes[conversation] = append(r.lanes[conversation], d)
		} else {
			r.alone = append(r.alone, d)
			p.strays++
		}
	}
	r.clear()
	p.runs = append(p.runs, r)
}

func (r *laneRun) clear() {
	r.result = models.Result{WebhookID: r.work.WebhookID, Work: r.work.ID}
}

// step lets a worker do one thing: attempt one delivery, settle, or die.
func (p *lanePlay) step(i int) {
	r := p.runs[i]
	end := func() { p.runs = slices.Delete(p.runs, i, i+1) }
	switch {
	case p.IntN(25) == 0:
		end() // dead
	case len(r.lanes) > 0:
		p.inTurn(r)
	case len(r.alone) > 0:
		d := r.alone[0]
		r.alone = r.alone[1:]
		if !p.attempt(r, d) {
			p.retry(r, d)
		}
	default:
		r.result.Done = r.work.ID
		if p.IntN(3) == 0 { // finishing says that turns are over
			r.result.Turns = slices.DeleteFunc(r.result.Turns, func(t models.Turn) bool { return t.Over && len(t.Aside)+len(t.Back)+len(t.Rejoined) == 0 })
		}
		p.settled(r)
		end()
		return
	}
	if p.IntN(6) == 0 && len(r.result.Attempts) > 0 { // what is finished so far
		p.settled(r)
		r.clear()
	}
}

func (p *lanePlay) settled(r *laneRun) {
	for range 1 + p.IntN(8)/7 { // now and then the answer is lost
		p.comeUp(r.result)
	}
}

// inTurn attempts the head of a lane.
func (p *lanePlay) inTurn(r *laneRun) {
	conversation := slices.Sorted(maps.Keys(r.lanes))[0]
	d, rest := r.lanes[conversation][0], r.lanes[conversation][1:]
	t := models.Turn{ConversationID: conversation, Over: true}
	delivered := p.attempt(r, d)
	blocked := d.Lane.BlockedSince
	if blocked.IsZero() {
		blocked = p.now
	}
	switch {
	case delivered:
		t.Rejoined = []int64{d.Event.Sequence}
		if len(rest) > 0 {
			r.lanes[conversation] = rest
			r.result.Turns = append(r.result.Turns, models.Turn{ConversationID: conversation, Rejoined: t.Rejoined})
			return
		}
	case p.now.Sub(blocked) > time.Minute || p.IntN(5) == 0:
		p.retry(r, d)
		t.Aside = []int64{d.Event.Sequence}
		r.aside[conversation] = append(r.aside[conversation], d.Event.Sequence)
		p.asides++
		if len(rest) > 0 && p.IntN(2) == 0 { // on with the next at once
			r.lanes[conversation] = rest
			t.Over = false
			r.result.Turns = append(r.result.Turns, t)
			return
		}
		t.Back = eventIDs(rest)
	default:
		t.Over, t.Again, t.BlockedSince, t.Back = false, p.retry(r, d), blocked, eventIDs(rest)
	}
	delete(r.lanes, conversation)
	r.result.Turns = append(r.result.Turns, t)
}

func eventIDs(due []models.Due) (ids []int64) {
	for _, d := range due {
		ids = append(ids, d.Event.ID)
	}
	return ids
}

// attempt posts one event; the webhook refuses at random, but not for ever.
func (p *lanePlay) attempt(r *laneRun, d models.Due) bool {
	e, n := d.Event, d.Attempts+1
	delivered := n > 6 || p.IntN(4) > 0
	status := 200
	u := models.DeliveryUpdate{EventID: e.ID, State: models.Succeeded, Attempts: n, DueAt: p.now}
	if !delivered {
		status, u.State, u.FailedAt = 503, models.Pending, p.now
	} else if at := [2]int64{e.ConversationID, e.Sequence}; !p.arrived[at] {
		p.arrived[at] = true
		for before := int64(1); before < e.Sequence; before++ {
			b := [2]int64{e.ConversationID, before}
			if !p.arrived[b] && !slices.Contains(r.aside[e.ConversationID], before) && !p.resent[b] && !p.resent[at] {
				p.t.Fatalf("event %d of conversation %d arrived before %d, and nothing said so", e.Sequence, e.ConversationID, before)
			}
		}
	}
	r.result.Attempts = append(r.result.Attempts, p.world.attempt(e.ID, n, status))
	r.result.Updates = append(r.result.Updates, u)
	if delivered {
		r.result.Turns = append(r.result.Turns, models.Turn{ConversationID: e.ConversationID, Rejoined: []int64{e.Sequence}})
	}
	return delivered
}

// retry puts the delivery just attempted off.
func (p *lanePlay) retry(r *laneRun, d models.Due) int64 {
	work := models.Work{ID: p.NextID(), Kind: models.Deliver, Priority: models.Report, WebhookID: r.work.WebhookID, Members: []int64{d.Event.ID},
		DueAt: p.now.Add(time.Duration(p.IntN(90)) * time.Second)}
	r.result.Updates[len(r.result.Updates)-1].DueAt = work.DueAt
	r.result.Next = append(r.result.Next, work)
	return work.ID
}
