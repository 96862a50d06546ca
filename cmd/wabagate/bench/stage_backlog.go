package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// settle is how long a stage waits after the last expected delivery, for those that nobody expects.
const settle = time.Second

const (
	everyRole  = "ingress,api,worker"
	onlyAccept = "ingress,api"
)

func (g *gateway) callbacks(bz business) string { return g.base + "/webhooks/cloud/" + bz.app }

// acknowledgeAndDrain fills a backlog that nothing drains, then has it drained, and says whether nothing was left.
func (b *bench) acknowledgeAndDrain(ctx context.Context, st *setting) (bool, error) {
	b.say.begin("acknowledge, nothing drains")
	cs := newCallbacks(st.single, b.s.acknowledge)
	if err := b.acknowledge(ctx, st, cs); err != nil {
		return false, fmt.Errorf("acknowledge: %w", err)
	}
	b.say.begin("drain")
	drained, err := b.drain(ctx, st, cs)
	if err != nil {
		return false, fmt.Errorf("drain: %w", err)
	}
	return drained, nil
}

func (b *bench) acknowledge(ctx context.Context, st *setting, cs *callbacks) (err error) {
	g, err := b.serve(ctx, "acknowledge", st, onlyAccept)
	if err != nil {
		return err
	}
	defer g.ending(&err)
	before := g.read(ctx)
	p := load{address: g.callbacks(st.single), connections: b.s.connections, atMost: b.s.postFor}.fire(ctx, cs)
	after := g.read(ctx)
	if err := errors.Join(context.Cause(ctx), p.check()); err != nil {
		return err
	}
	b.report.add(keyWaiting, float64(p.acknowledged))
	b.report.add(keyAcknowledged, p.perSecond())
	b.report.add(keyAckP50, quantile(p.latency, 50))
	b.report.add(keyAckP99, quantile(p.latency, 99))
	b.report.perEvent(before, after, p.acknowledged, keyAckCPU, "", "")
	b.report.peak(g, keyWaitingPeak)
	b.say.end(perSecond(p.perSecond()))
	return nil
}

func (b *bench) drain(ctx context.Context, st *setting, cs *callbacks) (drained bool, err error) {
	acknowledged := cs.acknowledged()
	commits, counted := st.commits(ctx)
	arrived := b.receiver.expect(cs, 1)
	if err := b.drainOnce(ctx, st, arrived, acknowledged); err != nil {
		return false, err
	}
	delivered := int(arrived.unique.Load())
	if after, ok := st.commits(ctx); ok && counted && delivered > 0 {
		b.report.add(keyDrainCommits, float64(after-commits)/float64(delivered))
	}
	b.report.add(keyDrainLost, float64(arrived.lost(0)))
	b.report.add(keyDrainDuplicated, float64(arrived.duplicates.Load()))
	return delivered == acknowledged, nil
}

func (b *bench) drainOnce(ctx context.Context, st *setting, arrived *arrivals, expected int) (err error) {
	g, err := b.serve(ctx, "drain", st, everyRole)
	if err != nil {
		return err
	}
	defer g.ending(&err)
	err = arrived.await(ctx, expected, b.s.drainFor)
	after := g.read(ctx)
	if errors.Is(err, errSlow) {
		b.report.note(fmt.Sprintf("The backlog was not drained within %v: what was left then counts as lost in that stage.", b.s.drainFor))
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
	first := arrived.firstAt()
	b.report.add(keyDrained, float64(delivered)/arrived.span(first).Seconds())
	if after.measured { // the process did nothing else: its whole time counts
		b.report.add(keyDrainCPU, milliseconds(after.cpu)/float64(delivered))
	}
	b.report.peak(g, keyDrainPeak)
	b.say.end(perSecond(b.report.values[keyDrained]))
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// pause waits; the error says that ctx ended first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
