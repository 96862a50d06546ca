package check

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"time"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
)

// step is one question to a receiver and the requests that ask it.
type step struct {
	check Name
	sent  string // what is sent, for people
	// skip is why the question does not apply to this receiver; empty: it does.
	skip     string
	requests []request
	// instead are the requests of a receiver that refuses ordinary events.
	instead []request
	// together sends the requests at the same time.
	together bool
}

// request is one sample, ready to be posted.
type request struct {
	id     string
	header http.Header
	body   []byte
}

const (
	// stale is the age of a request that a careful receiver refuses.
	stale = 2 * signature.Tolerance
	// crowd is how many requests are sent at once.
	crowd = 3
)

// Why questions are not asked.
const (
	skipUnsigned     = "Not asked: this webhook has no secret, so nothing is signed."
	skipTimeless     = "Does not apply: the signature of the dialect %s covers the body alone, no timestamp. The header webhook-signature does cover one."
	skipOneSigner    = "Does not apply: the signature header of the dialect %s has room for one signature."
	skipNoTLS        = "Does not apply: the address is plain http."
	skipNoConnection = "Not to be judged: the receiver did not answer."
	skipNoVerifier   = "Not to be judged: the receiver takes events whose signature is wrong, so it does not look at it."
	skipRefused      = "Not asked: the receiver does not take ordinary events."
	skipNoTime       = "Not asked: the receiver is so slow that the time of the whole check was up."
)

// plan is every question to a receiver, in the order in which they are asked. Requests are signed as of now; stranger is a
// secret that is not the receiver's.
func plan(r Receiver, stranger signature.Secret, now time.Time) ([]step, error) {
	b := builder{r: r, now: now}
	early, late := b.event(now.Add(-time.Minute), 1, 0), b.event(now, 2, 0)
	good := b.body(late)
	signed := func(e event.Event, body []byte) request { return b.request(e, body, now, r.Secrets) }

	wrong, none, rewritten, old, turned, later, large := b.next(), b.next(), b.next(), b.next(), b.next(), b.next(), b.next()
	newer := b.spelled(later, func(body []byte) ([]byte, error) { return unheard(body, r.Dialect.EventName(later.Type)) })
	steps := []step{
		{check: Delivery, sent: "A message of a customer, rendered and signed like any delivery.", requests: []request{signed(late, good)}},
		{check: TLS, sent: "The first request."},
		{check: Duplicate, sent: "The first message once more, with the same webhook-id.", requests: []request{signed(late, good)}},
		{check: Order, sent: "The message before the first one of the same conversation, a minute older" + b.sequences() + ".", requests: []request{signed(early, b.body(early))}},
		{check: WrongSignature, sent: "A message signed with a secret that is not yours.",
			requests: []request{b.request(wrong, b.body(wrong), now, []signature.Secret{stranger})}},
		{check: NoSignature, sent: "A message without any signature header.", requests: []request{b.request(none, b.body(none), now, nil)}},
		{check: RawBody, sent: "A message whose JSON is spelled otherwise: white space, members in another order, \\u escapes. It is signed as it is sent.",
			requests: []request{signed(rewritten, b.spelled(rewritten, respell))},
			instead:  []request{signed(rewritten, b.spelled(rewritten, func(body []byte) ([]byte, error) { return dumped(body), nil }))}},
		{check: OldTimestamp, sent: fmt.Sprintf("A message whose signature is right and %.0f minutes old.", stale.Minutes()),
			requests: []request{b.request(old, b.body(old), now.Add(-stale), r.Secrets)}},
		{check: Rotation, sent: "A message with several signatures in its header, as during a change of the secret; the first is another secret's, yours follows.",
			requests: []request{b.request(turned, b.body(turned), now, slices.Concat([]signature.Secret{stranger}, r.Secrets))}},
		{check: Unknown, sent: "An event as a later version may send it: " + novelty(newer) + ".", requests: []request{signed(later, newer)}},
		{check: Large, sent: fmt.Sprintf("A message with a text of %d KB.", largeText>>10),
			requests: []request{signed(large, b.spelled(large, func(body []byte) ([]byte, error) { return swollen(body, b.text(large)) }))}},
		{check: Concurrent, sent: fmt.Sprintf("%d messages of different conversations at the same time.", crowd), requests: b.crowd(), together: true},
		{check: Latency, sent: "All of the above that were taken, the large one aside."},
	}
	for i := range steps {
		s := &steps[i]
		s.skip = inapplicable(s.check, r)
		for _, list := range [][]request{s.requests, s.instead} {
			for _, q := range list {
				q.header.Set(TestHeader, string(s.check))
			}
		}
	}
	return steps, b.err
}

// inapplicable says why a question does not apply to a receiver; empty: it does.
func inapplicable(check Name, r Receiver) string {
	switch check {
	case TLS:
		if !secure(r.URL) {
			return skipNoTLS
		}
	case WrongSignature, NoSignature, RawBody, OldTimestamp, Rotation:
		switch {
		case !r.signed():
			return skipUnsigned
		case check == OldTimestamp && !r.Dialect.SignsTime():
			return fmt.Sprintf(skipTimeless, r.Dialect.Name)
		case check == Rotation && r.Dialect.SignsOnce():
			return fmt.Sprintf(skipOneSigner, r.Dialect.Name)
		}
	}
	return ""
}

// builder makes samples; the first thing that goes wrong stays in err.
type builder struct {
	r    Receiver
	now  time.Time
	made int64
	err  error
}

// next is the next message of the conversation.
func (b *builder) next() event.Event { return b.event(b.now, b.made+1, 0) }

// crowd are messages of customers who write at the same time.
func (b *builder) crowd() []request {
	var all []request
	for i := range int64(crowd) {
		e := b.event(b.now, 1, i+1)
		all = append(all, b.request(e, b.body(e), b.now, b.r.Secrets))
	}
	return all
}

// event is a message that a customer sent, at a place in the order of a conversation. No two are the same.
func (b *builder) event(at time.Time, sequence, conversation int64) event.Event {
	b.made++
	e, err := event.Sample(event.MessageReceived, at.Add(time.Duration(b.made)*time.Microsecond))
	if err != nil {
		b.fail(err)
		return e
	}
	d, err := e.Decode()
	if err != nil {
		b.fail(err)
		return e
	}
	d.BusinessID, d.Sequence = b.r.BusinessID, sequence
	d.Conversation.ID += conversation
	d.Contact.ID += conversation
	key, _ := event.ParseID(e.ID)
	e, err = event.New(key, e.Type, d, e.Upstream, e.CreatedAt)
	b.fail(err)
	return e
}

// text is what the customer wrote.
func (b *builder) text(e event.Event) string {
	d, err := e.Decode()
	b.fail(err)
	if d.Message == nil {
		return ""
	}
	return d.Message.Text
}

func (b *builder) body(e event.Event) []byte {
	body, err := b.r.Dialect.Render(nil, e)
	b.fail(err)
	return body
}

// spelled is the body of an event after a change.
func (b *builder) spelled(e event.Event, change func([]byte) ([]byte, error)) []byte {
	body := b.body(e)
	if b.err != nil {
		return nil
	}
	body, err := change(body)
	b.fail(err)
	return body
}

func (b *builder) request(e event.Event, body []byte, at time.Time, secrets []signature.Secret) request {
	q := request{id: e.ID, header: b.r.Header.Clone(), body: body}
	if q.header == nil {
		q.header = http.Header{}
	}
	b.r.Dialect.Headers(q.header, signature.Message{ID: e.ID, Timestamp: at, Body: body}, secrets)
	return q
}

func (b *builder) fail(err error) {
	if b.err == nil && err != nil {
		b.err = fmt.Errorf("samples in the dialect %s: %w", b.r.Dialect.Name, err)
	}
}

// sequences is how the order of events can be told, where the dialect has a way besides their times.
func (b *builder) sequences() string {
	if b.r.Dialect.Name == dialect.Default {
		return ": sequence 1 after 2"
	}
	return ""
}

// novelty is what is new about a body of a later version.
func novelty(body []byte) string {
	if bytes.Contains(body, []byte(unknownType)) {
		return fmt.Sprintf("its type is %q, and each of its objects has one member more, %q", unknownType, unknownMember)
	}
	return fmt.Sprintf("each of its objects has one member more, %q", unknownMember)
}
