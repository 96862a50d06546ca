// Package trace tells an OpenTelemetry collector what became of each callback: a trace from its arrival over the commit and
// the translation to the deliveries and their attempts.
//
// Callbacks are committed, queued and translated in groups, by several processes, over days. So nothing is carried along:
// the id of a trace is a function of the callback's id, and the id of each span one of what it stands for (this callback's
// commit, the third attempt of this delivery). Whoever does a step knows these ids from the rows it has in hand, and names the
// same parent as everybody else, without a trace id on any row or task. A step that a group shares is a span in the trace of each
// callback of the group, with the id of the group's work as an attribute.
//
// A nil Tracer is tracing switched off: it costs a comparison.
//
// 2026-11: the spans are written in OTLP's JSON by this package itself. The SDK makes ids at random and expects a context
// that travels, neither of which fits; its exporter would make the program twice as large.
package trace

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"time"
)

// ID names a trace.
type ID [16]byte

// SpanID names a span in its trace. The zero value is no span: a parent that there is not.
type SpanID [8]byte

// MarshalText is the spelling of OTLP's JSON and of traceparent.
func (id ID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// MarshalText is likewise; no span is an empty text.
func (id SpanID) MarshalText() ([]byte, error) {
	if id == (SpanID{}) {
		return nil, nil
	}
	return hex.AppendEncode(nil, id[:]), nil
}

// OfCallback is the trace of a callback, by its id.
func OfCallback(id int64) (t ID) {
	sum := digest("callback", id)
	copy(t[:], sum[:])
	return t
}

// OfEvent is the trace of what no callback said, by the event's id.
func OfEvent(id int64) (t ID) {
	sum := digest("event", id)
	copy(t[:], sum[:])
	return t
}

// The steps that have spans.
const (
	Accept    = "callback accept"
	Commit    = "callback commit"
	Translate = "callback translate"
	Delivery  = "delivery"
	Attempt   = "delivery attempt"
)

// Of is the span of a step: of a callback, by its id; of a delivery, by the ids of event and webhook and the attempts made
// before it was last asked for; of an attempt, by the ids of both and its number.
func Of(step string, ids ...int64) (s SpanID) {
	sum := digest(step, ids...)
	copy(s[:], sum[:])
	return s
}

func digest(what string, ids ...int64) [sha256.Size]byte {
	b := make([]byte, 0, 64)
	b = append(b, what...)
	for _, id := range ids {
		b = binary.BigEndian.AppendUint64(b, uint64(id))
	}
	return sha256.Sum256(b)
}

// Parent is the value of a traceparent header: what the receiver does becomes part of the trace.
func Parent(t ID, s SpanID) string {
	return "00-" + hex.EncodeToString(t[:]) + "-" + hex.EncodeToString(s[:]) + "-01"
}

// Kind is what a span is to others, in OTLP's numbers.
type Kind int

// The kinds.
const (
	Internal Kind = 1
	Server   Kind = 2
	Client   Kind = 3
	Consumer Kind = 5
)

// Span is a step that is over.
type Span struct {
	Trace      ID
	ID, Parent SpanID
	Name       string
	Kind       Kind
	Start, End time.Time
	// Attributes are ids, names and figures, never addresses, bodies or numbers of people.
	Attributes []Attribute
	// Failure is why the step failed, in a word; empty: it did not.
	Failure string
}

// Attribute is a fact about a span.
type Attribute struct {
	Key  string
	Text string
	// N is the value when Text is empty.
	N int64
}

// sampled says whether a trace is among the given share of all; every process says the same.
func sampled(id ID, share float64) bool {
	return share >= 1 || float64(binary.BigEndian.Uint64(id[8:])) < share*math.MaxUint64
}
