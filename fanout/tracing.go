package fanout

import (
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/fanout/trace"
	"wabagate/models"
)

// steps are the names that the tracer knows an attempt by. The zero value is an attempt that nobody traces.
type steps struct {
	trace                     trace.ID
	parent, delivery, attempt trace.SpanID
}

// stepsOf names an attempt, if it is traced: what a callback said is part of the callback's trace, the rest begins one.
func (c *Courier) stepsOf(d models.Due, webhook int64, n int) steps {
	if c.trace == nil {
		return steps{}
	}
	s := steps{trace: trace.OfEvent(d.Event.ID)}
	if cb := d.Event.CallbackID; cb != 0 {
		s.trace, s.parent = trace.OfCallback(cb), trace.Of(trace.Translate, cb)
	}
	if !c.trace.Traces(s.trace) {
		return steps{}
	}
	s.delivery, s.attempt = trace.Of(trace.Delivery, d.Event.ID, webhook, int64(d.Base)), trace.Of(trace.Attempt, d.Event.ID, webhook, int64(n))
	return s
}

// traced says whether anybody traces it.
func (s steps) traced() bool { return s.attempt != trace.SpanID{} }

// header is the attempt's traceparent; empty when nobody traces it.
func (s steps) header() string {
	if !s.traced() {
		return ""
	}
	return trace.Parent(s.trace, s.attempt)
}

// tellTrace tells the tracer of an attempt, and of the delivery when it is over.
func (c *Courier) tellTrace(s steps, d models.Due, webhook int64, a attempted, v deliver.Verdict, ended time.Time) {
	if !s.traced() {
		return
	}
	about := []trace.Attribute{{Key: "wabagate.event_id", Text: event.Key(d.Event.Key).EventID()}, {Key: "wabagate.event_type", Text: d.Event.Type}, {Key: "wabagate.webhook_id", N: webhook},
		{Key: "wabagate.attempt", N: int64(a.attempt.N)}, {Key: "wabagate.outcome", Text: string(v.Outcome)}}
	failure := ""
	if v.Outcome != deliver.Delivered {
		failure = string(v.Outcome)
	}
	request := about
	if a.attempt.Status != 0 {
		request = append(about[:len(about):len(about)], trace.Attribute{Key: "http.response.status_code", N: int64(a.attempt.Status)})
	}
	c.trace.Record(trace.Span{Trace: s.trace, ID: s.attempt, Parent: s.delivery, Name: trace.Attempt, Kind: trace.Client, Start: a.attempt.StartedAt, End: a.attempt.StartedAt.Add(a.attempt.Duration),
		Attributes: request, Failure: failure})
	if !a.again() {
		c.trace.Record(trace.Span{Trace: s.trace, ID: s.delivery, Parent: s.parent, Name: trace.Delivery, Kind: trace.Consumer, Start: d.Event.CreatedAt, End: ended, Attributes: about, Failure: failure})
	}
}
