package bench

import (
	"context"
	"errors"
	"fmt"
)

// hanging compares the deliveries to healthy webhooks with and without one among them that never answers in time. The
// first webhook, which is the one that hangs, counts in neither.
func (b *bench) hanging(ctx context.Context, st *setting) error {
	alone, lost, err := b.manyHooks(ctx, "healthy", st, st.healthy)
	if err != nil {
		return err
	}
	beside, lostBeside, err := b.manyHooks(ctx, "one-hangs", st, st.troubled)
	if err != nil {
		return err
	}
	b.report.add(keyHealthyP99, alone)
	b.report.add(keyBesideP99, beside)
	b.report.add(keyHangRatio, beside/alone)
	b.report.add(keyHangLost, float64(lost+lostBeside))
	return nil
}

// manyHooks returns the p99 of deliveries, in milliseconds, and how many are missing.
func (b *bench) manyHooks(ctx context.Context, name string, st *setting, bz business) (p99 float64, lost int, err error) {
	b.say.begin(fmt.Sprintf("%d webhooks, %s", bz.hooks, name))
	b.receiver.rearm()
	g, err := b.serve(ctx, name, st, everyRole)
	if err != nil {
		return 0, 0, err
	}
	defer g.ending(&err)
	defer b.receiver.letGo()
	cs := newCallbacks(bz, int(float64(b.s.hangRate)*b.s.hang.Seconds()))
	arrived := b.receiver.expect(cs, bz.hooks)
	p := load{address: g.callbacks(bz), connections: b.s.connections, rate: b.s.hangRate}.fire(ctx, cs)
	if err := errors.Join(context.Cause(ctx), p.check()); err != nil {
		return 0, 0, err
	}
	expected := p.acknowledged * bz.hooks
	if bz == st.troubled {
		expected -= p.acknowledged
	}
	if err := arrived.await(ctx, expected, b.s.drainFor/3); err != nil && !errors.Is(err, errSlow) {
		return 0, 0, err
	}
	p99 = quantile(arrived.latencies(1), 99)
	b.say.end(fmt.Sprintf("p99 %.1f ms", p99))
	return p99, arrived.lost(1), nil
}
