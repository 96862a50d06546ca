package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wabagate/models"
)

// retention measures how long it takes to let a day of the history go while a gateway takes callbacks and delivers them,
// and how long the slowest of those waited, beside the same without. It leaves less history than there was.
func (b *bench) retention(ctx context.Context, st *setting) (err error) {
	b.say.begin("write, nothing is dropped")
	g, err := b.serve(ctx, "retention", st, everyRole)
	if err != nil {
		return err
	}
	defer g.ending(&err)
	kept := pastDays - 1 // the oldest day is not whole: it goes unmeasured
	if _, err := dropDay(ctx, st.store, kept); err != nil {
		return err
	}
	before, err := b.writeSteadily(ctx, g, st, func(context.Context) error { return nil })
	if err != nil {
		return err
	}
	b.report.add(keyRetentionAcceptedBefore, before.accepted)
	b.report.add(keyRetentionDeliveredBefore, before.delivered)
	b.say.end(before.String())

	b.say.begin("write, days are dropped")
	var slowest time.Duration
	days := 0
	meanwhile, err := b.writeSteadily(ctx, g, st, func(writing context.Context) error {
		for kept > 1 && pause(writing, time.Second) == nil {
			kept--
			took, err := dropDay(ctx, st.store, kept) // not writing: it ends in its own time
			if err != nil {
				return err
			}
			slowest, days = max(slowest, took), days+1
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.report.add(keyRetentionDays, float64(days))
	b.report.add(keyRetentionDay, slowest.Seconds())
	b.report.add(keyRetentionAccepted, meanwhile.accepted)
	b.report.add(keyRetentionDelivered, meanwhile.delivered)
	b.report.add(keyRetentionLost, float64(before.lost+meanwhile.lost))
	b.report.add(keyRetentionDuplicated, float64(before.duplicated+meanwhile.duplicated))
	b.say.end(fmt.Sprintf("%d days, the slowest took %.2f s; %v", days, slowest.Seconds(), meanwhile))
	return nil
}

// dropDay keeps so many days of everything, one fewer than there are, and says how long that took.
func dropDay(ctx context.Context, store *models.Store, kept int) (time.Duration, error) {
	for {
		now, keep := time.Now(), time.Duration(kept)*24*time.Hour
		done, err := store.Maintain(ctx, now, models.Retention{Callbacks: keep, Events: keep, Deliveries: keep})
		switch took := time.Since(now); {
		case err != nil:
			return 0, err
		case done.Busy: // the gateway looks after its history itself, as it starts and now and then
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return 0, err
			}
		case len(done.Dropped) < 5: // callbacks, events, deliveries, attempts and digests
			return 0, fmt.Errorf("keeping %d days dropped only %v", kept, done.Dropped)
		default:
			return took, nil
		}
	}
}

// written is what came of callbacks that were posted steadily.
type written struct {
	accepted, delivered float64 // the slowest, from when it was due, in milliseconds
	lost, duplicated    int
}

func (w written) String() string {
	return fmt.Sprintf("slowest accepted %.1f ms, delivered %.1f ms", w.accepted, w.delivered)
}

// writeSteadily posts callbacks at a rate that the gateway keeps up with easily while something else goes on, whose
// context ends with the last post.
func (b *bench) writeSteadily(ctx context.Context, g *gateway, st *setting, meanwhile func(writing context.Context) error) (written, error) {
	cs := newCallbacks(st.single, int(float64(b.s.rate)*b.s.steady.Seconds()))
	arrived := b.receiver.expect(cs, 1)
	writing, over := context.WithCancel(ctx)
	defer over()
	done := make(chan error, 1)
	go func() { done <- meanwhile(writing) }()
	p := load{address: g.callbacks(st.single), connections: b.s.connections, rate: b.s.rate}.fire(ctx, cs)
	over()
	if err := errors.Join(<-done, context.Cause(ctx), p.check()); err != nil {
		return written{}, err
	}
	if err := arrived.await(ctx, p.acknowledged, b.s.drainFor/3); err != nil && !errors.Is(err, errSlow) {
		return written{}, err
	}
	if err := pause(ctx, settle); err != nil {
		return written{}, err
	}
	return written{quantile(p.latency, 100), quantile(arrived.latencies(0), 100), arrived.lost(0), int(arrived.duplicates.Load())}, nil
}
