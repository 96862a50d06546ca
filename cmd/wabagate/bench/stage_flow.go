package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// endToEnd posts as fast as the answers come while the same process delivers.
func (b *bench) endToEnd(ctx context.Context, st *setting) error {
	b.say.begin("end to end")
	cs := newCallbacks(st.single, b.s.endToEnd)
	arrived := b.receiver.expect(cs, 1)
	commits, counted := st.commits(ctx)
	if err := b.flow(ctx, st, cs, arrived); err != nil {
		return err
	}
	delivered := int(arrived.unique.Load())
	if after, ok := st.commits(ctx); ok && counted {
		b.report.add(keyCommits, float64(after-commits)/float64(delivered))
	}
	b.report.add(keyLost, float64(arrived.lost(0)))
	b.report.add(keyDuplicated, float64(arrived.duplicates.Load()))
	return nil
}

func (b *bench) flow(ctx context.Context, st *setting, cs *callbacks, arrived *arrivals) (err error) {
	g, err := b.serve(ctx, "end-to-end", st, everyRole)
	if err != nil {
		return err
	}
	defer g.ending(&err)
	storesBefore, measured := b.stores.cpu(ctx)
	before := g.read(ctx)
	p := load{address: g.callbacks(st.single), connections: b.s.connections, atMost: b.s.postFor}.fire(ctx, cs)
	if err := errors.Join(context.Cause(ctx), p.check()); err != nil {
		return err
	}
	err = arrived.await(ctx, p.acknowledged, b.s.drainFor)
	after := g.read(ctx)
	storesAfter, _ := b.stores.cpu(ctx)
	if errors.Is(err, errSlow) {
		b.report.note(fmt.Sprintf("End to end, not everything was delivered within %v after the last post: the rest counts as lost.", b.s.drainFor))
	} else if err != nil {
		return err
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	delivered := int(arrived.unique.Load())
	if delivered == 0 {
		return errors.New("nothing was delivered")
	}
	b.report.add(keyDelivered, float64(delivered)/arrived.span(p.first).Seconds())
	b.report.perEvent(before, after, delivered, keyCPU, keyBytes, keyAllocs)
	if measured {
		b.report.add(keyStoresCPU, milliseconds(storesAfter-storesBefore)/float64(delivered))
	}
	b.report.peak(g, keyPeak)
	b.say.end(perSecond(b.report.values[keyDelivered]))
	return nil
}

// idleAndSteady measures a fresh gateway doing nothing, then the same one under a load that it keeps up with easily.
func (b *bench) idleAndSteady(ctx context.Context, st *setting) (err error) {
	b.say.begin("idle")
	g, err := b.serve(ctx, "steady", st, everyRole)
	if err != nil {
		return err
	}
	defer g.ending(&err)
	if err := b.idle(ctx, g); err != nil {
		return err
	}

	b.say.begin(fmt.Sprintf("%d callbacks/s", b.s.rate))
	cs := newCallbacks(st.single, int(float64(b.s.rate)*b.s.steady.Seconds()))
	arrived := b.receiver.expect(cs, 1)
	p := load{address: g.callbacks(st.single), connections: b.s.connections, rate: b.s.rate}.fire(ctx, cs)
	if err := errors.Join(context.Cause(ctx), p.check()); err != nil {
		return err
	}
	if err := arrived.await(ctx, p.acknowledged, b.s.drainFor/3); err != nil && !errors.Is(err, errSlow) {
		return err
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	h := arrived.latencies(0)
	b.report.add(keySteadyP50, quantile(h, 50))
	b.report.add(keySteadyP99, quantile(h, 99))
	b.report.add(keySteadyLost, float64(arrived.lost(0)))
	b.report.add(keySteadyDuplicated, float64(arrived.duplicates.Load()))
	b.say.end(fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", quantile(h, 50), quantile(h, 99)))
	return nil
}

// idle samples a gateway that has nothing to do, once its start is over.
func (b *bench) idle(ctx context.Context, g *gateway) error {
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	began := time.Now()
	cpu, measured := cpuOf(g.pid())
	highest := 0.0
	for time.Since(began) < b.s.idle {
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return err
		}
		now, _, ok := memoryOf(g.pid())
		measured = measured && ok
		highest = max(highest, now)
	}
	after, ok := cpuOf(g.pid())
	if !measured || !ok {
		b.report.note("CPU and memory of processes cannot be read on this system.")
		b.say.end("not measured here")
		return nil
	}
	share := 100 * float64(after-cpu) / float64(time.Since(began))
	b.report.add(keyIdleRSS, highest)
	b.report.add(keyIdleCPU, share)
	b.say.end(fmt.Sprintf("%.0f MiB, %.1f %% of a core", highest, share))
	return nil
}
