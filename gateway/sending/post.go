package sending

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"wabagate/models"
	"wabagate/waba/graph"
)

// errNotLeft says that a message was taken and did not leave.
var errNotLeft = errors.New("the message did not leave")

// unsendable says why a message cannot leave at all.
type unsendable string

func (u unsendable) Error() string { return string(u) }

// post lets a message that was taken leave in its slot, and keeps what became of it.
func (n *number) post(v models.Send, p models.Priority, a account, slot time.Time) {
	s := n.s
	sent, began := n.leaveIn(v, a, slot)
	now := s.now()
	r, what := judge(v, sent, s.undecided, now)
	var cannot unsendable
	if !errors.Is(sent.err, errNotLeft) && !errors.As(sent.err, &cannot) {
		n.learn(v, a, sent.err, began)
	}
	one := settling{result: &r, told: toldOf(v, r, now)}
	if r.State == models.SendWaiting {
		due := r.DueAt
		if until, why := n.atRest(a); why != "" && until.After(due) {
			due = until
		}
		one.again = []again{{n.id, p, due, []int64{v.ID}}}
	}
	n.landed(v)
	s.report(v, r, what, sent.err, now.Sub(began))
	// The platform has heard of it: the answer is kept whoever has no time for it any more.
	if err := s.settler.keep(context.Background(), p, one); err != nil {
		s.log.Error("result not kept; a sweep will doubt the message", "send_id", v.ID, "outcome", what, "error", err)
	}
}

// leaveIn makes the request, at its time. A message that is too late for its slot takes another, so that the pace holds.
func (n *number) leaveIn(v models.Send, a account, slot time.Time) (sent answer, began time.Time) {
	s := n.s
	began = s.now()
	if a.cannot != "" {
		return answer{err: unsendable(a.cannot)}, began
	}
	broadcast, err := s.broadcastOf(s.life, v)
	if err != nil {
		return answer{err: errNotLeft}, began
	}
	l, err := write(v, broadcast, a.Style)
	if err != nil {
		return answer{err: unsendable(err.Error())}, began
	}
	for {
		if !s.sleep(slot) {
			return answer{err: errNotLeft}, began
		}
		if _, why := n.atRest(a); why != "" || s.now().Sub(v.StartedAt) > leaveWithin {
			return answer{err: errNotLeft}, began
		}
		if s.now().Sub(slot) <= punctuality {
			break
		}
		r := n.pace.reserve(s.life, a.rate, 0, a.token, []string{""}) // its recipient has counted it already
		if len(r.turns) == 0 {
			return answer{err: errNotLeft}, began
		}
		slot = r.turns[0].at
	}
	ctx, cancel := context.WithTimeout(s.life, requestTimeout)
	defer cancel()
	began = s.now()
	if l.IsRead {
		sent.err = s.client.MarkRead(ctx, a.Account, l.MessageID, l.Typing)
	} else {
		sent.Accepted, sent.err = s.client.Send(ctx, a.Account, l.body)
	}
	s.m.request.Observe(s.now().Sub(began).Seconds())
	return sent, began
}

// learn draws conclusions for the number from the answer to a request that began at a time.
func (n *number) learn(v models.Send, a account, err error, began time.Time) {
	ctx := n.s.life
	verdict := graph.Judge(err)
	troubled := false
	switch verdict.Decision {
	case graph.Unauthorized:
		n.unauthorized(ctx, v, a, err)
	case graph.Undecided:
		troubled = true
	case graph.Retry:
		switch verdict.Scope {
		case graph.ScopeRecipient:
			n.pace.block(ctx, recipient(v), verdict.Wait(v.Attempts))
		case graph.ScopeNumber:
			n.pace.refused(ctx, began)
			if verdict.After > time.Second {
				n.hold(ctx, verdict.After)
			}
		case graph.ScopeWABA, graph.ScopeApp:
			n.hold(ctx, verdict.After)
		default:
			troubled = true
		}
	}
	if verdict.Decision == "" && n.stoppedBefore(began) {
		n.resume()
	}
	n.mu.Lock()
	switch {
	case !troubled:
		n.troubles = 0
	case began.After(n.restUntil): // what began before the last rest says nothing new
		n.troubles++
	default:
		troubled = false
	}
	pause := rest(n.troubles)
	n.mu.Unlock()
	if troubled && pause > 0 {
		n.s.log.Warn("the upstream is in trouble; the number rests", "number_id", n.id, "pause", pause, "error", err)
		n.hold(ctx, pause)
	}
}

// hold lets nothing of the number leave for a time, in all processes.
func (n *number) hold(ctx context.Context, d time.Duration) {
	n.pace.hold(ctx, d)
	n.restFor(d)
}

func (n *number) restFor(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if until := n.s.now().Add(d); until.After(n.restUntil) {
		n.restUntil = until
	}
}

// atRest says until when, and why, nothing may leave with an account; an empty reason: it may.
func (n *number) atRest(a account) (time.Time, reason) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.s.now()
	switch {
	case n.stopped == a.token && now.Sub(n.stoppedAt) < stopFor:
		return now.Add(stopLook(now.Sub(n.stoppedAt))), forStop
	case now.Before(n.restUntil):
		return n.restUntil, forRest
	}
	return time.Time{}, ""
}

// unauthorized stops the number, unless its token was replaced while the request was under way.
func (n *number) unauthorized(ctx context.Context, v models.Send, a account, err error) {
	if _, why := n.atRest(a); why == forStop {
		return // it is known
	}
	if fresh, readErr := n.account(ctx, v.BusinessID, 0); readErr == nil && fresh.token != a.token {
		return
	}
	n.pace.stop(ctx, a.token)
	n.stop(a, err.Error())
}

// stop takes note that the number's token was refused.
func (n *number) stop(a account, why string) {
	n.mu.Lock()
	before := n.stopped
	if n.stopped != a.token || n.s.now().Sub(n.stoppedAt) >= stopFor {
		n.stopped, n.stoppedAt = a.token, n.s.now()
	}
	n.mu.Unlock()
	if before == "" {
		n.s.m.stopped.Inc()
	}
	if before != a.token {
		n.s.log.Error("the number has stopped sending: its token was refused; replace it", "number_id", n.id, "error", why)
	}
}

// resume takes note that messages may leave again.
func (n *number) resume() {
	n.mu.Lock()
	before := n.stopped
	n.stopped = ""
	n.mu.Unlock()
	if before != "" {
		n.s.m.stopped.Dec()
		n.s.log.Info("the number sends again", "number_id", n.id)
	}
}

// stoppedBefore says whether the number stopped before a moment, and has not begun again.
func (n *number) stoppedBefore(moment time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stopped != "" && n.stoppedAt.Before(moment)
}

// account is how the number is reached, read again when it was read longer ago than age.
func (n *number) account(ctx context.Context, business int64, age time.Duration) (account, error) {
	n.mu.Lock()
	a := n.known
	n.mu.Unlock()
	if now := n.s.now(); !a.readAt.IsZero() && now.Sub(a.readAt) < age {
		return a, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	asked := n.s.now()
	a, err := readAccount(ctx, n.s.store, business, n.id)
	if err != nil {
		return account{}, err
	}
	a.readAt = asked
	n.mu.Lock()
	n.known, n.owner = a, business
	replaced := n.stopped != "" && n.stopped != a.token && a.cannot == ""
	n.mu.Unlock()
	if replaced {
		n.resume()
	}
	return a, nil
}

func (n *number) business() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.owner
}

// report counts an attempt and logs it: those that went wrong for everybody to see.
func (s *Sender) report(v models.Send, r models.SendResult, what outcome, err error, took time.Duration) {
	s.m.attempts.WithLabelValues(string(what)).Inc()
	level := slog.LevelDebug
	if what != accepted {
		level = slog.LevelInfo
	}
	if !s.log.Enabled(s.life, level) {
		return
	}
	args := []any{"send_id", v.ID, "number_id", v.NumberID, "attempt", v.Attempts, "outcome", what, "duration_ms", took.Milliseconds()}
	if err != nil {
		args = append(args, "code", r.ErrorCode, "error", err)
	}
	s.log.Log(s.life, level, "sent", args...)
}
