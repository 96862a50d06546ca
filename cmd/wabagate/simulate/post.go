package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"wabagate/waba"
	"wabagate/waba/simulator"
)

const (
	requestTimeout = 30 * time.Second
	firstDelay     = 250 * time.Millisecond // before a callback is sent again; doubles each time
	longestDelay   = 10 * time.Second
	// maxWaiting is how many unacknowledged callbacks wait beside the stream; more of them hold it up.
	maxWaiting = 4096
)

// job is a callback on its way.
type job struct {
	callback
	due time.Time // when it should leave; zero: whenever
}

// poster signs and posts.
type poster struct {
	o        Options
	sim      *simulator.Simulator
	client   *http.Client
	counts   *counts
	stop     context.Context // no new work after it
	requests context.Context // requests end with it
	abort    context.CancelCauseFunc
	waiting  chan struct{}
	retries  sync.WaitGroup

	warnOnce sync.Once
	writeMu  sync.Mutex
	writeErr error
}

// post sends a callback. One that is refused goes on by itself, so that those behind it need not wait.
func (p *poster) post(j job) {
	p.counts.callback(j.callback)
	began := time.Now()
	if p.attempt(j) {
		return
	}
	select {
	case p.waiting <- struct{}{}:
		p.retries.Go(func() {
			defer func() { <-p.waiting }()
			p.persist(j, began)
		})
	default:
		p.persist(j, began)
	}
}

// persist sends a refused callback again, at growing intervals, until it is acknowledged or its time is over.
func (p *poster) persist(j job, began time.Time) {
	j.due = time.Time{}
	for delay := firstDelay; ; delay = min(2*delay, longestDelay) {
		left := p.o.RetryFor - time.Since(began)
		if left <= 0 {
			break
		}
		if !p.sleep(min(delay/2+rand.N(delay), left)) {
			break
		}
		p.counts.retried()
		if p.attempt(j) {
			return
		}
	}
	p.counts.done(j.callback)
}

// sleep returns false when the run ended meanwhile.
func (p *poster) sleep(d time.Duration) bool {
	if d <= 0 {
		return p.stop.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.stop.Done():
		return false
	}
}

// attempt makes one request and says whether the callback needs no other.
func (p *poster) attempt(j job) bool {
	facts := make([]simulator.Fact, len(j.facts))
	for i, f := range j.facts {
		facts[i] = f.Fact
	}
	body := p.sim.Callback(facts...)
	began := j.due // a late start is the receiver's doing
	if began.IsZero() {
		began = time.Now()
	}
	status, err := p.send(body)
	switch {
	case err != nil:
		p.counts.refused(reason(err))
		p.judgeError(err)
		return false
	case status == http.StatusOK:
		p.counts.acknowledged(j.callback, time.Since(began), p.record(j.facts))
		p.counts.done(j.callback)
		return true
	}
	p.counts.refused(strconv.Itoa(status))
	if p.judge(status); status == http.StatusRequestEntityTooLarge {
		p.counts.done(j.callback) // it will not shrink
		return true
	}
	return false
}

func (p *poster) send(body []byte) (int, error) {
	req, err := http.NewRequestWithContext(p.requests, http.MethodPost, p.o.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "wabagate-simulate")
	if p.o.Secret != "" {
		req.Header.Set(waba.SignatureHeader, waba.Sign([]byte(p.o.Secret.Text()), body))
	}
	res, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // the status has come; this frees the connection
	return res.StatusCode, nil
}

// line is what the facts file says of an acknowledged fact.
type line struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Status string `json:"status,omitempty"`
	Name   string `json:"name,omitempty"` // of the simulator's kind; empty on plain traffic
}

// record returns the facts that were not acknowledged before, and writes them down at once: what an observer reads
// after a crash of ours is then true.
func (p *poster) record(facts []*fact) []*fact {
	var fresh []*fact
	var lines []byte
	for _, f := range facts {
		if f.acknowledged.Swap(true) {
			continue
		}
		fresh = append(fresh, f)
		if p.o.Facts == nil {
			continue
		}
		l := line{Kind: f.Kind, ID: f.ID, Name: f.Name}
		if f.Kind == simulator.KindStatus {
			l.ID, l.Status, _ = strings.Cut(f.ID, ":")
		}
		b, _ := json.Marshal(l) // strings: never fails
		lines = append(append(lines, b...), '\n')
	}
	if len(lines) > 0 {
		p.writeMu.Lock()
		defer p.writeMu.Unlock()
		if _, err := p.o.Facts.Write(lines); err != nil && p.writeErr == nil {
			p.writeErr = fmt.Errorf("write acknowledged facts: %w", err)
			p.abort(p.writeErr)
		}
	}
	return fresh
}

// judge ends a run that cannot succeed: the address or the secret is wrong from the start. Once anything was
// acknowledged they were right, and the answer is the receiver's trouble of the moment.
func (p *poster) judge(status int) {
	if p.counts.anyAcknowledged() {
		return
	}
	if advice := hopeless(status, p.o.OnPremises != ""); advice != "" {
		p.abort(fmt.Errorf("answered %d: %s", status, advice))
	}
}

// hopeless says what is wrong where an answer means that every other callback would be refused as well; blank where it
// does not.
func hopeless(status int, onPremises bool) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if onPremises {
			return "no number has this token; check --onprem"
		}
		return "the secret does not fit the app; check --secret and the app's name at the end of --url (wabagate admin app-secret changes secrets)"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		if onPremises {
			return "nothing takes On-Premises bodies there; --url should be the gateway's address, such as http://HOST:PORT"
		}
		return "nothing takes callbacks there; --url should look like http://HOST:PORT/webhooks/cloud/APP"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return "the address redirects, which the platform does not follow; give --url the final address"
	}
	return ""
}

// judgeError tells once what an address without an answer may mean, and ends the run where waiting cannot help.
func (p *poster) judgeError(err error) {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound && !p.counts.anyAcknowledged() {
		p.abort(fmt.Errorf("no host is called %s: check --url", dns.Name))
		return
	}
	if p.o.Progress == nil || p.requests.Err() != nil {
		return
	}
	p.warnOnce.Do(func() {
		advice := "not sent again without --retry"
		if p.o.RetryFor > 0 {
			advice = "trying again for " + p.o.RetryFor.String()
		}
		host := p.o.URL
		if u, err := url.Parse(host); err == nil {
			host = u.Host
		}
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			fmt.Fprintf(p.o.Progress, "nothing listens at %s: is the gateway running there? (%s)\n", host, advice)
		default:
			fmt.Fprintf(p.o.Progress, "no answer from %s: %v (%s)\n", host, errors.Unwrap(err), advice)
		}
	})
}

// reason names a failure that has no status.
func reason(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE):
		return "connection lost"
	}
	return "no answer"
}
