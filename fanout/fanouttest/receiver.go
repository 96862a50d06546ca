package fanouttest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Delivery is one request that a Receiver got.
type Delivery struct {
	Header http.Header
	Body   []byte
	At     time.Time
}

// ID is the delivery's webhook-id.
func (d Delivery) ID() string { return d.Header.Get("webhook-id") }

// Receiver is a customer's server that remembers what it got. Make it with NewReceiver.
type Receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []Delivery
	counts map[string]int
	answer func(http.ResponseWriter, *http.Request, Delivery)
}

// NewReceiver starts a receiver that ends with the test. A nil answer is 200 at once.
func NewReceiver(t testing.TB, answer func(http.ResponseWriter, *http.Request, Delivery)) *Receiver {
	r := &Receiver{counts: map[string]int{}, answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // cut off on the way: it was not received
	}
	d := Delivery{Header: q.Header.Clone(), Body: body, At: time.Now()}
	r.mu.Lock()
	r.got = append(r.got, d)
	r.counts[d.ID()]++
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, q, d)
	}
}

// Got is everything received so far.
func (r *Receiver) Got() []Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Delivery(nil), r.got...)
}

// Counts is how often each webhook-id was received.
func (r *Receiver) Counts() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := make(map[string]int, len(r.counts))
	for k, v := range r.counts {
		c[k] = v
	}
	return c
}

// Wait returns once n different webhook-ids were received, and fails the test after the limit.
func (r *Receiver) Wait(t testing.TB, n int, limit time.Duration) []Delivery {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		r.mu.Lock()
		have := len(r.counts)
		r.mu.Unlock()
		if have >= n {
			return r.Got()
		}
		if time.Now().After(deadline) {
			t.Fatalf("received %d different events of %d within %s", have, n, limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
