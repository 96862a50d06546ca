package sending

import (
	"context"
	"time"

	"wabagate/models"
)

const (
	sweepEvery = 5 * time.Second
	// doubtAfter is how long a message may be underway: longer than a request and all that goes before it take.
	doubtAfter = time.Minute
	// lapsesAtOnce bounds the messages of one transaction, and lapseRounds the transactions of a sweep.
	lapsesAtOnce, lapseRounds = 500, 20
)

// Run looks after what no answer will come for, until ctx ends. Messages of processes that died become undecided; those of
// which no status came within their wait are sent once more, or fail when they were. Several processes may run it at once.
// Numbers that stopped are looked at for another token.
func (s *Sender) Run(ctx context.Context) {
	t := time.NewTicker(s.sweepEvery)
	defer t.Stop()
	failing := false
	for {
		err := s.sweep(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			s.log.Warn("cannot look after messages without an answer; will go on trying", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (s *Sender) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	s.lookAtStopped(ctx)
	now := s.now()
	doubted, err := s.store.DoubtSends(ctx, now.Add(-s.doubtAfter), now.Add(s.undecided))
	if err != nil {
		return err
	}
	if doubted > 0 {
		s.m.doubted.Add(float64(doubted))
		s.log.Warn("messages of a process that is gone are undecided", "messages", doubted)
	}
	for range lapseRounds {
		lapsed, err := s.store.LapseSends(ctx, s.now(), lapsesAtOnce)
		if err != nil || len(lapsed) == 0 {
			return err
		}
		if err := s.lapse(ctx, lapsed); err != nil {
			return err
		}
		if len(lapsed) < lapsesAtOnce {
			return nil
		}
	}
	return nil
}

// lapse settles undecided messages. Another process may settle the same ones: an attempt is settled once, and the work that
// the second adds finds nothing to do. What it tells twice is one event.
func (s *Sender) lapse(ctx context.Context, lapsed []models.Send) error {
	now := s.now()
	var list []settling
	for _, v := range lapsed {
		r, what := lapse(v, now)
		one := settling{result: &r, told: toldOf(v, r, now)}
		if what == retried {
			one.again = []again{{v.NumberID, priorityOf(v), now, []int64{v.ID}}}
		} else {
			s.m.attempts.WithLabelValues(string(failed)).Inc()
		}
		s.log.Info("no status named the message", "send_id", v.ID, "number_id", v.NumberID, "attempt", v.Attempts, "outcome", what)
		list = append(list, one)
	}
	st, err := s.settler.settlement(list, models.Report)
	if err != nil {
		return err
	}
	if err := s.store.SettleSends(ctx, st); err != nil {
		return err
	}
	for _, r := range st.Results {
		s.waiters.tell(r.ID)
	}
	s.enqueue(ctx, st.Work)
	return nil
}

// priorityOf is the queue of a message's work: nobody waits for one of thousands.
func priorityOf(v models.Send) models.Priority {
	if v.BroadcastID != 0 {
		return models.Bulk
	}
	return models.Live
}

// lookAtStopped looks for other tokens, so that a number is known to be well before its next message.
func (s *Sender) lookAtStopped(ctx context.Context) {
	s.mu.Lock()
	var stopped []*number
	for _, n := range s.numbers {
		if n.stoppedBefore(s.now()) {
			stopped = append(stopped, n)
		}
	}
	s.mu.Unlock()
	for _, n := range stopped {
		if _, err := n.account(ctx, n.business(), 0); err != nil {
			s.log.Warn("cannot look for another token", "number_id", n.id, "error", err)
		}
	}
}
