package wabatest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"wabagate/waba"
	"wabagate/waba/simulator"
)

// batch is one callback: facts that are posted together, and again together.
type batch struct {
	number *number
	events []event
	began  time.Time
	tries  int
	run    int // of Server, when it left first
}

// target is one address that a callback goes to.
type target struct {
	url     string
	secret  string // blank: not signed
	headers map[string]string
}

// advance does what is due, and sets the timer for the rest.
func (s *Server) advance() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = 0
	if s.closed {
		return
	}
	now := time.Now()
	for {
		next, due := s.agenda.take(now.UnixNano())
		if !due {
			break
		}
		switch {
		case next.message != nil:
			s.arrive(next.message, next.to, next.status, now)
		case next.speech != nil:
			s.say(next.speech, now)
		default:
			s.again = append(s.again, next.batch)
		}
	}
	s.dispatch()
	s.arm()
}

// arm sets the timer for the next step. Steps of one interval of Gather are done together, so that their facts share a
// callback. The caller holds the lock.
func (s *Server) arm() {
	if s.closed || len(s.agenda.heap) == 0 {
		return
	}
	at := s.agenda.heap[0].at
	if gather := int64(s.o.Gather); gather > 0 {
		at = (at/gather + 1) * gather
	}
	if s.armed == 0 || at < s.armed {
		s.armed = at
		s.timer.Reset(max(0, time.Until(time.Unix(0, at))))
	}
}

// post puts a fact where the next callback of its number takes it. The caller holds the lock, and dispatches.
func (s *Server) post(n *number, e event) {
	n.pending = append(n.pending, e)
	if !n.queued {
		n.queued = true
		s.ready = append(s.ready, n)
	}
}

// dispatch posts callbacks, as many at a time as there may be. The caller holds the lock.
func (s *Server) dispatch() {
	for s.flying < s.o.Connections && !s.closed {
		b := s.nextBatch()
		if b == nil {
			return
		}
		s.flying++
		s.posts.Go(func() { s.deliver(b) })
	}
}

// nextBatch takes what is to be posted next: what comes again first, then the numbers in turn.
func (s *Server) nextBatch() *batch {
	if len(s.again) > 0 {
		b := s.again[0]
		s.again = slices.Delete(s.again, 0, 1)
		return b
	}
	if len(s.ready) == 0 {
		return nil
	}
	n := s.ready[0]
	s.ready = slices.Delete(s.ready, 0, 1)
	size := min(s.o.Batch, len(n.pending))
	b := &batch{number: n, events: slices.Clone(n.pending[:size]), began: time.Now(), run: s.run}
	if n.pending = n.pending[size:]; len(n.pending) > 0 {
		s.ready = append(s.ready, n)
	} else {
		n.pending, n.queued = nil, false
	}
	return b
}

// deliver makes one attempt at a batch, to everybody who is subscribed. As on the platform, one who does not answer 200
// makes it come again to all of them.
func (s *Server) deliver(b *batch) {
	targets, body := s.envelope(b)
	acknowledged := true
	for _, t := range targets {
		status, err := s.request(t, body)
		acknowledged = acknowledged && status == http.StatusOK
		s.mu.Lock()
		if b.run == s.run {
			s.ledger.posted(status, err)
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying--
	b.tries++
	wait, patient := s.o.Retry.next(b.tries, time.Since(b.began))
	switch {
	case b.run != s.run: // there was a reset meanwhile
	case len(targets) == 0:
		s.finish(b, LostUnsubscribed)
	case acknowledged:
		s.ledger.callbacks.Acknowledged++
		s.ledger.callbacks.Facts += len(b.events)
		s.ledger.waiting -= len(b.events)
	case !patient:
		s.finish(b, LostGivenUp)
	default:
		s.agenda.add(step{at: time.Now().Add(wait).UnixNano(), batch: b})
	}
	s.dispatch()
	s.arm()
}

// finish gives a batch up.
func (s *Server) finish(b *batch, why string) {
	s.ledger.waiting -= len(b.events)
	for _, e := range b.events {
		s.lose(e, why)
	}
}

// next is how long a callback waits after so many attempts; patient is false once its time is over.
func (r Retry) next(tries int, passed time.Duration) (wait time.Duration, patient bool) {
	wait = r.Longest
	if doublings := tries - 1; doublings < 30 {
		wait = min(r.First<<doublings, r.Longest)
	}
	return wait, passed+wait <= r.For
}

// envelope makes the body of a batch, and says where it goes now.
func (s *Server) envelope(b *batch) ([]target, []byte) {
	s.mu.Lock()
	targets := s.targets(b.number)
	sim := b.number.sim
	facts := make([]simulator.Fact, len(b.events))
	for i, e := range b.events {
		facts[i] = s.fact(e)
	}
	s.mu.Unlock()
	if len(targets) == 0 {
		return nil, nil
	}
	return targets, sim.Callback(facts...) // which only reads
}

// targets are the addresses that the callbacks of a number go to: of each subscribed app the override of the number, else
// that of the account, else its own; at a provider the webhook there. The caller holds the lock.
func (s *Server) targets(n *number) []target {
	if n.key != nil {
		if n.hook.URL == "" {
			return nil
		}
		return []target{{url: n.hook.URL, headers: n.hook.Headers}}
	}
	var list []target
	for _, a := range s.apps {
		override, subscribed := n.account.overrides[a.ID]
		if !subscribed || !slices.Contains(a.Fields, waba.FieldMessages) {
			continue
		}
		t := target{url: n.overrides[a.ID], secret: a.Secret}
		defaults(&t.url, override)
		defaults(&t.url, a.CallbackURL)
		if t.url != "" {
			list = append(list, t)
		}
	}
	return list
}

// request posts a callback. The status is 0 when no answer came.
func (s *Server) request(t target, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "facebookexternalua")
	if t.secret != "" {
		req.Header.Set(waba.SignatureHeader, waba.Sign([]byte(t.secret), body))
	}
	for name, value := range t.headers {
		req.Header.Set(name, value)
	}
	res, err := s.o.Posts.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // the status has come; this frees the connection
	return res.StatusCode, nil
}

// reason names what kept a callback from being acknowledged.
func reason(status int, err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return strconv.Itoa(status)
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "no answer"
}
