package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"wabagate/fanout/event"
	"wabagate/models"
)

// The turns of a round, which begin their keys.
const (
	fairIdle   = "fairness_idle_"   // live messages and nothing else
	fairAlone  = "fairness_alone_"  // beside a broadcast's statuses, every webhook healthy
	fairBeside = "fairness_beside_" // the same with a dead webhook and a slow one
)

// fairness measures, in turns and each on stores of its own, what a broadcast's statuses cost the live messages, and
// what a dead webhook and a slow one cost the healthy ones. Turns are compared round by round, so that whatever slows the
// machine for a while slows them alike; every other round goes the other way, so that none is always the first.
func (b *bench) fairness(ctx context.Context) error {
	dead, release, err := b.receiver.refusing()
	if err != nil {
		return fmt.Errorf("find an address that refuses: %w", err)
	}
	defer release()
	turns := []fairTurn{
		{key: fairIdle},
		{key: fairAlone, broadcast: true},
		{key: fairBeside, broadcast: true, bad: [badHooks]string{deadHook: dead, slowHook: b.receiver.slow()}},
	}
	return b.fairRounds(ctx, turns, (*Report).compareTurns)
}

// fairRounds takes turns in rounds, compares those of a round, and reports medians.
func (b *bench) fairRounds(ctx context.Context, turns []fairTurn, compare func(*Report)) error {
	var rounds []*Report
	for i := range b.s.fairRounds {
		round := &Report{}
		rounds = append(rounds, round)
		b.report.Rounds = len(rounds)
		for j := range turns {
			t := turns[j]
			if i%2 == 1 {
				t = turns[len(turns)-1-j]
			}
			t.name, t.report = fmt.Sprintf("%s%d", t.key, i+1), round
			err := b.takeFair(ctx, t)
			b.report.values = medians(rounds)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
		compare(round)
		b.report.values = medians(rounds)
	}
	return nil
}

// compareTurns adds the ratios of a round.
func (r *Report) compareTurns() {
	r.ratio(keyFairReports, fairBeside+fairReportP99, fairAlone+fairReportP99)
	r.ratio(keyFairLiveAlone, fairAlone+fairLiveP99, fairIdle+fairLiveP99)
	r.ratio(keyFairLive, fairBeside+fairLiveP99, fairIdle+fairLiveP99)
}

// fairTurn is one way of running.
type fairTurn struct {
	key, name string           // name: of the files
	broadcast bool             // else live messages only
	bad       [badHooks]string // addresses; empty: healthy
	model     string           // address of the one that every number answers by; empty: none does
	thoughts  int              // messages that a customer writes before the next one does; 0: one
	report    *Report          // of the round
}

// takeFair measures a turn.
func (b *bench) takeFair(ctx context.Context, t fairTurn) error {
	b.say.begin(t.name)
	st, f, err := b.prepareFleet(ctx, t.bad)
	if err != nil {
		return err
	}
	defer st.close()
	if t.model != "" {
		if err := b.answerByModel(ctx, st, f, t.model); err != nil {
			return fmt.Errorf("have numbers answer: %w", err)
		}
	}
	live, reports := f.chat(b.s.liveRate*b.s.recipients/b.s.recipientRate, max(t.thoughts, 1)), makeOwing(0)
	if t.broadcast {
		reports = f.broadcast(b.s.recipients, b.s.recipientRate)
	}
	began := time.Now()
	arrived := b.receiver.count()
	if err := b.fairFlow(ctx, st, f, t, live, reports, arrived); err != nil {
		return err
	}
	lost := 0
	for _, id := range append(live.acknowledgedOf(healthyHook), reports.acknowledgedOf(healthyHook)...) {
		if _, here := arrived.when(id); !here {
			lost++
		}
	}
	kept, err := st.deliveries(ctx, began, f.webhooks[:badHooks]...)
	if err != nil {
		return fmt.Errorf("read what is waiting: %w", err)
	}
	for hook, key := range [badHooks]string{deadHook: fairDead, slowHook: fairSlow} {
		waiting, gone := standing(reports.acknowledgedOf(func(h int) bool { return h == hook }), kept[hook], arrived)
		lost += gone
		if t.bad[hook] != "" {
			t.report.add(t.key+key, float64(waiting))
		}
	}
	_, duplicated := arrived.events()
	t.report.add(t.key+fairLost, float64(lost))
	t.report.add(t.key+fairDuplicated, float64(duplicated))
	h := arrived.latencies(live)
	t.report.add(t.key+fairLiveP50, quantile(h, 50))
	t.report.add(t.key+fairLiveP99, quantile(h, 99))
	told := fmt.Sprintf("live p50 %.1f ms, p99 %.1f ms", quantile(h, 50), quantile(h, 99))
	if t.broadcast {
		h := arrived.latencies(reports)
		t.report.add(t.key+fairReportP50, quantile(h, 50))
		t.report.add(t.key+fairReportP99, quantile(h, 99))
		told += fmt.Sprintf(", statuses p99 %.1f ms", quantile(h, 99))
	}
	b.say.end(told)
	return nil
}

// chatConnections is how many live messages may be on their way to be acknowledged at a time. They have connections of
// their own, so that none waits for a status in the load generator.
const chatConnections = 8

// fairFlow posts both kinds side by side while a fresh process delivers, until the healthy webhooks have everything.
func (b *bench) fairFlow(ctx context.Context, st *setting, f fleet, t fairTurn, live, reports owing, arrived *tally) (err error) {
	g, err := b.serve(ctx, t.name, st, everyRole)
	if err != nil {
		return err
	}
	defer g.ending(&err)
	storesBefore, measured := b.stores.cpu(ctx)
	before := g.read(ctx)
	var chatting, broadcasting posted
	var both sync.WaitGroup
	both.Go(func() {
		chatting = load{address: g.callbacks(f.business), connections: chatConnections, rate: b.s.liveRate}.fire(ctx, live.callbacks)
	})
	if t.broadcast {
		both.Go(func() {
			broadcasting = load{address: g.callbacks(f.business), connections: b.s.connections, rate: len(statuses) * b.s.recipientRate}.fire(ctx, reports.callbacks)
		})
	}
	both.Wait()
	if err := errors.Join(context.Cause(ctx), chatting.check(), broadcasting.check()); err != nil {
		return err
	}
	if t.broadcast {
		t.report.add(t.key+fairPace, broadcasting.perSecond())
	}
	err = arrived.await(ctx, append(live.acknowledgedOf(healthyHook), reports.acknowledgedOf(healthyHook)...), b.s.drainFor)
	if errors.Is(err, errSlow) {
		b.report.note(fmt.Sprintf("%s: the healthy webhooks did not have everything within %v after the last post: the rest counts as lost.", t.name, b.s.drainFor))
	} else if err != nil {
		return err
	}
	after := g.read(ctx)
	storesAfter, _ := b.stores.cpu(ctx)
	acknowledged := chatting.acknowledged + broadcasting.acknowledged
	t.report.perEvent(before, after, acknowledged, t.key+fairCPU, "", "")
	if measured && acknowledged > 0 {
		t.report.add(t.key+fairStoresCPU, milliseconds(storesAfter-storesBefore)/float64(acknowledged))
	}
	return pause(ctx, settle)
}

// standing is how many of the events with these ids wait for a bad webhook, by what is kept of its deliveries, and how
// many are gone: neither kept as owed nor arrived.
func standing(ids []string, kept []models.DeliveryRow, arrived *tally) (waiting, gone int) {
	states := map[string]models.DeliveryState{}
	for _, row := range kept {
		states[event.Key(row.Key).EventID()] = row.State
	}
	for _, id := range ids {
		_, here := arrived.when(id)
		switch state, known := states[id]; {
		case known && state != models.Succeeded:
			waiting++
		case !here:
			gone++
		}
	}
	return waiting, gone
}

// latencies are from the post, or when it was due, to the arrival of the event at a healthy webhook.
func (t *tally) latencies(o owing) *hdrhistogram.Histogram {
	h := newHistogram()
	for i := int(warmUp * float64(len(o.events))); i < len(o.events); i++ {
		if at, here := t.when(o.events[i]); here && healthyHook(o.hooks[i]) {
			record(h, time.Duration(at.UnixNano()-o.sent[i].Load()))
		}
	}
	return h
}
