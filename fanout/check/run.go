package check

import (
	"context"
	"fmt"
	"sync"
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/signature"
)

// within bounds a whole check: no request is begun that might end later. What is left to a minute is for a connection that was
// refused and is tried again.
const within = 58 * time.Second

// Run tries a receiver, in less than a minute and with 13 requests at most, and tells found of every finding as soon as it is made;
// nil: nobody. A check that is broken off by its context says so in the findings that are missing. An error means that
// nothing could be sent.
func Run(ctx context.Context, post Poster, r Receiver, now func() time.Time, found func(Finding)) (Report, error) {
	began := now()
	steps, err := plan(r, signature.NewRandomSecret(), began)
	if err != nil {
		return Report{}, err
	}
	report := Report{}
	seen := evidence{r: r, replies: map[Name][]reply{}}
	for _, s := range steps {
		requests, skip := ask(s, seen)
		if len(requests) > 0 && (ctx.Err() != nil || now().Sub(began)+r.Timeout > within) {
			requests, skip = nil, skipNoTime
		}
		seen.replies[s.check] = send(ctx, post, r, s.together, requests, now)
		report.Requests += len(requests)
		f := judge(s, skip, seen)
		report.Findings = append(report.Findings, f)
		if found != nil {
			found(f)
		}
	}
	report.DurationMS = now().Sub(began).Milliseconds()
	report.Latency = seen.latency()
	report.Grade, report.Summary = grade(report.Findings)
	return report, nil
}

// ask says which requests of a step to send after what was seen; skip is why a question is not to be answered at all.
func ask(s step, seen evidence) (requests []request, skip string) {
	refused := !seen.taken(Delivery)
	switch {
	case s.check == Delivery:
		return s.requests, ""
	case s.check == TLS && s.skip == "":
		if p := seen.replies[Delivery][0]; p.status == 0 && p.outcome != deliver.BadTLS {
			return nil, skipNoConnection
		}
		return nil, "" // the first request tells
	case s.skip != "":
		return nil, s.skip
	case refused && seen.answered(Delivery) && s.instead != nil:
		return s.instead, ""
	case refused:
		return nil, skipRefused
	case seen.taken(WrongSignature) && (s.check == RawBody || s.check == OldTimestamp || s.check == Rotation):
		return nil, skipNoVerifier
	}
	return s.requests, ""
}

// reply is how a request was answered.
type reply struct {
	id      string
	status  int // 0: not at all
	outcome deliver.Outcome
	reason  string
	took    time.Duration
	said    []byte
}

func send(ctx context.Context, post Poster, r Receiver, together bool, requests []request, now func() time.Time) []reply {
	replies := make([]reply, len(requests))
	var wg sync.WaitGroup
	for i, q := range requests {
		one := func() {
			a := post.Post(ctx, deliver.Request{URL: r.URL, Header: q.header, Body: q.body, Timeout: r.Timeout, Certificate: r.Certificate})
			replies[i] = replyOf(q.id, a, r, now())
		}
		if together {
			wg.Go(one)
		} else {
			one()
		}
	}
	wg.Wait()
	return replies
}

// replyOf judges an answer as a delivery's would be.
func replyOf(id string, a deliver.Answer, r Receiver, now time.Time) reply {
	m := r.Dialect.Manners
	var v deliver.Verdict
	if a.Err != nil {
		v = deliver.JudgeError(a.Err, r.Timeout)
	} else {
		v = deliver.Judge(a.Status, a.RetryAfter, m.Success, m.Final, now)
	}
	return reply{id: id, status: a.Status, outcome: v.Outcome, reason: v.Reason, took: a.Duration, said: a.Body}
}

// taken says whether the receiver has it.
func (p reply) taken() bool { return p.outcome == deliver.Delivered }

// text is a reply in words.
func (p reply) text() string {
	if p.status == 0 {
		return fmt.Sprintf("%s (after %s)", p.reason, roundly(p.took))
	}
	return fmt.Sprintf("%s after %s", statusText(p.status), roundly(p.took))
}

// roundly is a duration as people say it.
func roundly(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

// evidence is what was seen so far.
type evidence struct {
	r       Receiver
	replies map[Name][]reply
}

// taken says whether a check sent something and all of it was taken.
func (e evidence) taken(check Name) bool {
	for _, p := range e.replies[check] {
		if !p.taken() {
			return false
		}
	}
	return len(e.replies[check]) > 0
}

// answered says whether a check sent something and all of it was answered, one way or the other.
func (e evidence) answered(check Name) bool {
	for _, p := range e.replies[check] {
		if p.status == 0 {
			return false
		}
	}
	return len(e.replies[check]) > 0
}
