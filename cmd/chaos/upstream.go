//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"wabagate/waba"
)

// callback is one body that the platform posts.
type callback struct {
	facts  []fact
	number int // that it is about: mainNumber, sideNumber or walledNumber
	body   []byte
}

// The numbers of a row. Some webhooks hear of the side number only, and those that lead to forbidden addresses of the
// walled one only.
const (
	mainNumber = iota
	sideNumber
	walledNumber
	numberCount
)

const (
	people        = 40   // customers of a row
	sideShare     = 0.08 // of the callbacks are about the side number
	walledShare   = 0.04 // and these about the walled one
	messageShare  = 0.3  // of the facts are messages, the rest statuses
	failedShare   = 0.05 // of the outbound messages fail, playedShare are played
	playedShare   = 0.05
	repeatedShare = 0.1 // of the callbacks come again, as they were
	batchedShare  = 0.2 // of the callbacks carry three facts
	// shuffled is how many statuses wait to be picked from at random.
	shuffled = 60
	// repeatable is how many callbacks are remembered to be sent again.
	repeatable = 500
)

// plan makes up the traffic of a row: new messages of many customers, the statuses of outbound messages in random
// order, and callbacks that come again. It is for one goroutine.
type plan struct {
	tag     string
	numbers [numberCount]string // phone number ids
	rng     *rand.Rand
	serial  int
	waiting [numberCount][]status // statuses still to be told, by number
	past    []callback
}

type status struct {
	fact
	person int
}

func newPlan(tag string, numbers [numberCount]string, seed uint64) *plan {
	return &plan{tag: tag, numbers: numbers, rng: rand.New(rand.NewPCG(seed, seed))}
}

func (p *plan) next() callback {
	if len(p.past) > 0 && p.rng.Float64() < repeatedShare {
		return p.past[p.rng.IntN(len(p.past))]
	}
	c := callback{number: p.number()}
	n := 1
	if p.rng.Float64() < batchedShare {
		n = 3
	}
	changes := make([][]byte, n)
	for i := range n {
		var f fact
		if p.rng.Float64() < messageShare {
			f, changes[i] = p.message(p.numbers[c.number])
		} else {
			f, changes[i] = p.status(c.number)
		}
		c.facts = append(c.facts, f)
	}
	c.body = fmt.Appendf(nil, `{"object":"whatsapp_business_account","entry":[{"id":"%s","changes":[%s]}]}`, account, bytes.Join(changes, []byte{','}))
	if p.past = append(p.past, c); len(p.past) > repeatable {
		p.past = p.past[1:]
	}
	return c
}

// number decides what a callback is about.
func (p *plan) number() int {
	switch n := p.rng.Float64(); {
	case n < sideShare:
		return sideNumber
	case n < sideShare+walledShare:
		return walledNumber
	}
	return mainNumber
}

// account is the WhatsApp business account of all numbers.
const account = "500100200300400"

func (p *plan) wamid(kind string) string {
	p.serial++
	return fmt.Sprintf("wamid.%s%s%06d", p.tag, kind, p.serial)
}

// outbound is how the ids of messages of the business begin, whose statuses are told.
func outbound(tag string) string { return "wamid." + tag + "o" }

// phone is a customer's number; each row has customers of its own.
func (p *plan) phone(person int) string { return fmt.Sprintf("1555%s%03d", digitsOf(p.tag), person) }

// digitsOf turns a tag into six digits.
func digitsOf(tag string) string {
	n := uint32(0)
	for _, c := range []byte(tag) {
		n = n*31 + uint32(c)
	}
	return fmt.Sprintf("%06d", n%1_000_000)
}

func (p *plan) message(number string) (fact, []byte) {
	f := fact{wamid: p.wamid("i")}
	from := p.phone(p.rng.IntN(people))
	return f, change(number, from, "messages", fmt.Sprintf(`{"from":"%s","id":"%s","timestamp":"%d","type":"text","text":{"body":"hello %s"}}`,
		from, f.wamid, time.Now().Unix(), f.wamid))
}

func (p *plan) status(number int) (fact, []byte) {
	for len(p.waiting[number]) < shuffled {
		wamid, person := p.wamid("o"), p.rng.IntN(people)
		for _, word := range p.life() {
			p.waiting[number] = append(p.waiting[number], status{fact{wamid, word}, person})
		}
	}
	i := p.rng.IntN(len(p.waiting[number]))
	s := p.waiting[number][i]
	p.waiting[number] = slices.Delete(p.waiting[number], i, i+1)
	to := p.phone(s.person)
	return s.fact, change(p.numbers[number], to, "statuses", fmt.Sprintf(`{"id":"%s","status":"%s","timestamp":"%d","recipient_id":"%s"}`,
		s.wamid, s.fact.status, time.Now().Unix(), to))
}

// change is an element of changes[] with one fact about a customer.
func change(number, phone, array, element string) []byte {
	return fmt.Appendf(nil, `{"field":"messages","value":{"messaging_product":"whatsapp",`+
		`"metadata":{"display_phone_number":"15550100200","phone_number_id":"%s"},`+
		`"contacts":[{"profile":{"name":"Customer"},"wa_id":"%s"}],"%s":[%s]}}`, number, phone, array, element)
}

// life is what becomes of an outbound message.
func (p *plan) life() []string {
	switch n := p.rng.Float64(); {
	case n < failedShare:
		return []string{waba.StatusSent, waba.StatusFailed}
	case n < failedShare+playedShare:
		return []string{waba.StatusSent, waba.StatusDelivered, waba.StatusRead, waba.StatusPlayed}
	}
	return []string{waba.StatusSent, waba.StatusDelivered, waba.StatusRead}
}

// upstream posts callbacks as the platform does: one that is not answered 200 comes again, to the next ingress.
type upstream struct {
	targets []string // addresses of the app at each ingress
	secret  []byte
	client  *http.Client
	book    *book
	posts   sync.WaitGroup
}

const (
	answerWithin = 10 * time.Second
	resendAfter  = 500 * time.Millisecond
	// connections bounds the posts under way to one ingress.
	connections = 256
)

func newUpstream(targets []string, secret string, b *book) *upstream {
	return &upstream{targets: targets, secret: []byte(secret), book: b,
		client: &http.Client{Timeout: answerWithin, Transport: &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}}}
}

// run posts what the plan makes, at rate callbacks per second, until traffic ends; what is not accepted by then is sent
// again until ctx ends.
func (u *upstream) run(ctx, traffic context.Context, p *plan, rate int) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-traffic.Done():
			u.posts.Wait()
			u.client.CloseIdleConnections()
			return
		case <-tick.C:
		}
		c := p.next()
		u.posts.Go(func() { u.deliver(ctx, c, n) })
	}
}

func (u *upstream) deliver(ctx context.Context, c callback, n int) {
	for ; ; n++ {
		status := u.post(ctx, u.targets[n%len(u.targets)], c.body)
		if ctx.Err() != nil && status != http.StatusOK {
			u.book.write(func(l *ledger) { l.stuck++ })
			return
		}
		u.book.accept(c, status)
		if status == http.StatusOK {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(resendAfter):
		}
	}
}

// post returns the status of the answer; 0 when none came.
func (u *upstream) post(ctx context.Context, url string, body []byte) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(waba.SignatureHeader, waba.Sign(u.secret, body))
	res, err := u.client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body) // frees the connection
	return res.StatusCode
}
