package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wabagate/waba/simulator"
)

// mixes measures text messages and everything that WhatsApp sends in turns, so that whatever slows the machine for a
// while slows both: on the same stores, for a business each, with one webhook for every event. They are compared round by
// round for the same reason.
func (b *bench) mixes(ctx context.Context) error {
	b.report.Mix = MixAll
	st, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	defer st.close()
	sim := simulator.New(simulator.Options{PhoneNumberID: st.all.number, Contacts: contacts, Mix: simulator.Mix{All: true}})
	var rounds []*Report
	for i := range b.s.rounds {
		round := &Report{}
		rounds = append(rounds, round)
		b.report.Rounds = len(rounds)
		for _, t := range []turn{
			{mix: textOnly, business: st.text, make: func(n int) *callbacks { return newCallbacks(st.text, n) }},
			{mix: allKinds, business: st.all, make: func(n int) *callbacks { return newMixture(sim, st.all, n) }},
		} {
			t.name, t.report = fmt.Sprintf("%s%d", t.mix, i+1), round
			finished, err := b.take(ctx, st, t)
			b.report.values = medians(rounds)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			if !finished {
				return nil // what is left over would be in the way of everything after it
			}
		}
		round.add(keyAllToText, round.values[allKinds+mixDelivered]/round.values[textOnly+mixDelivered])
		b.report.values = medians(rounds)
	}
	return nil
}

// turn is one mix in one round.
type turn struct {
	mix, name string // name: of the files
	business  business
	make      func(n int) *callbacks
	report    *Report // of the round
}

// take measures a turn, and says whether no work was left at its end.
func (b *bench) take(ctx context.Context, st *setting, t turn) (finished bool, _ error) {
	b.say.begin(t.name)
	cs := t.make(b.s.mixed)
	t.report.add(t.mix+mixBody, cs.averageSize())
	arrived := b.receiver.count()
	began := time.Now()
	commits, counted := st.commits(ctx)
	untranslated, finished, err := b.mixedFlow(ctx, st, t, cs, arrived)
	if err != nil {
		return false, err
	}
	delivered, duplicated := arrived.events()
	if after, ok := st.commits(ctx); ok && counted {
		t.report.add(t.mix+mixCommits, float64(after-commits)/float64(delivered))
	}
	owed, err := st.owed(ctx, t.business, began)
	if err != nil {
		return false, fmt.Errorf("read what was owed: %w", err)
	}
	types := map[string]bool{}
	for _, typ := range owed {
		types[typ] = true
	}
	t.report.add(t.mix+mixTypes, float64(len(types)))
	t.report.add(t.mix+mixLost, float64(untranslated+arrived.lost(owed)))
	t.report.add(t.mix+mixDuplicated, float64(duplicated))
	b.say.end(perSecond(t.report.values[t.mix+mixDelivered]))
	return finished, nil
}

// mixedFlow posts as fast as the answers come while a fresh process delivers. How many events there are to come only the
// gateway knows: the end is when it has no work left. Acknowledged callbacks that it has not made events of by then are
// untranslated.
func (b *bench) mixedFlow(ctx context.Context, st *setting, t turn, cs *callbacks, arrived *tally) (untranslated int, finished bool, err error) {
	g, err := b.serve(ctx, t.name, st, everyRole)
	if err != nil {
		return 0, false, err
	}
	defer g.ending(&err)
	storesBefore, measured := b.stores.cpu(ctx)
	before := g.read(ctx)
	p := load{address: g.callbacks(t.business), connections: b.s.connections, atMost: b.s.postFor}.fire(ctx, cs)
	if err := errors.Join(context.Cause(ctx), p.check()); err != nil {
		return 0, false, err
	}
	err = g.finish(ctx, arrived, b.s.drainFor)
	after := g.read(ctx)
	storesAfter, _ := b.stores.cpu(ctx)
	finished = err == nil
	if errors.Is(err, errSlow) {
		b.report.note(fmt.Sprintf("%s: not everything was delivered within %v after the last post. The rest counts as lost, and nothing was measured after it.",
			t.name, b.s.drainFor))
	} else if err != nil {
		return 0, false, err
	}
	if err := pause(ctx, settle); err != nil {
		return 0, false, err
	}
	delivered, _ := arrived.events()
	if delivered == 0 {
		return 0, false, errors.New("nothing was delivered")
	}
	metrics := g.metrics(ctx)
	untranslated = max(0, p.acknowledged-int(metrics["wabagate_callbacks_translated_total"]))
	if parked := metrics["wabagate_callbacks_parked_total"]; parked > 0 {
		b.report.note(fmt.Sprintf("%s: %.0f of %d callbacks were set aside, as nobody here owns them.", t.name, parked, p.acknowledged))
	}
	t.report.add(t.mix+mixAcknowledged, p.perSecond())
	t.report.add(t.mix+mixDelivered, float64(delivered)/arrived.latest().Sub(p.first).Seconds())
	t.report.add(t.mix+mixEvents, float64(delivered)/float64(p.acknowledged))
	t.report.perEvent(before, after, delivered, t.mix+mixCPU, t.mix+mixBytes, t.mix+mixAllocs)
	if measured {
		t.report.add(t.mix+mixStoresCPU, milliseconds(storesAfter-storesBefore)/float64(delivered))
	}
	t.report.peak(g, t.mix+mixPeak)
	return untranslated, finished, nil
}
