// Package check tries out a receiver before customers do: it sends a short series of sample requests, some of them good,
// some forged, some merely unusual, and grades how each was answered, in words that its owner can act on.
//
// What is sent is decided by plan and what an answer means by judge, both pure; Run goes from one to the other. The requests
// are made as real deliveries are, by the same client with the same headers, certificate and dialect, but they are none: no
// row is kept, nothing is tried again, and neither circuit nor rate limit hears of them. Every request carries TestHeader, and
// only sample data. Who the receiver belongs to, and when it may be tried, is for the caller to say.
package check

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/dialect"
	"wabagate/fanout/signature"
)

// TestHeader is on every request that is not a delivery, and says what it tries; "sample" is one that a person sent. A
// receiver may keep such events out of its data.
const TestHeader = "X-Wabagate-Test"

// Receiver is whom to try, and how deliveries reach it.
type Receiver struct {
	// BusinessID is in whose name the samples speak.
	BusinessID int64
	URL        string
	Dialect    dialect.Dialect
	// Secrets are those that sign a delivery now, newest first. None: deliveries are unsigned.
	Secrets []signature.Secret
	// Header is sent with every delivery.
	Header http.Header
	// Timeout is how long an answer may take; at most 30 seconds.
	Timeout time.Duration
	// Certificate is shown to a receiver that asks for one; nil: none.
	Certificate *tls.Certificate
}

// signed says whether deliveries carry a signature.
func (r Receiver) signed() bool { return len(r.Secrets) > 0 }

// known says whether something besides the signature tells the receiver who calls.
func (r Receiver) known() bool { return r.Header.Get("Authorization") != "" || r.Certificate != nil }

// Poster makes one request.
type Poster interface {
	Post(ctx context.Context, r deliver.Request) deliver.Answer
}

// Name is one thing that is checked. The names are part of the API.
type Name string

// The checks, in the order in which they are made.
const (
	Delivery       Name = "delivery"
	TLS            Name = "tls"
	Duplicate      Name = "duplicate"
	Order          Name = "order"
	WrongSignature Name = "wrong_signature"
	NoSignature    Name = "no_signature"
	RawBody        Name = "raw_body"
	OldTimestamp   Name = "old_timestamp"
	Rotation       Name = "rotation"
	Unknown        Name = "unknown"
	Large          Name = "large"
	Concurrent     Name = "concurrent"
	Latency        Name = "latency"
)

// Result is how a check ended.
type Result string

// The results.
const (
	Passed  Result = "passed"
	Advice  Result = "advice"  // works; could be better
	Warning Result = "warning" // goes wrong now and then
	Serious Result = "serious" // is dangerous
	Fatal   Result = "fatal"   // nothing works
	Skipped Result = "skipped" // not applicable, or not to be judged; Finding.Answered says why
)

// Finding is what one check found, for people to read.
type Finding struct {
	Check  Name   `json:"check"`
	Title  string `json:"title"` // what was to be shown, such as "A wrong signature is refused"
	Result Result `json:"result"`
	// Sent and Answered are what happened. Of a check that was skipped Answered says why.
	Sent     string `json:"sent"`
	Answered string `json:"answered"`
	Why      string `json:"why"`    // why it matters
	Change   string `json:"change"` // what to do; empty when nothing is
	// Requests are those of this check; empty where it is judged by those of others.
	Requests []Exchange `json:"requests"`
}

// Exchange is one request and its answer.
type Exchange struct {
	EventID   string `json:"event_id"` // its webhook-id
	Status    int    `json:"status"`   // 0 when no answer came
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"` // why it was not taken; empty when it was
	LatencyMS int64  `json:"latency_ms"`
	Answer    string `json:"answer"` // the beginning of what the receiver said
}

// Grade is A, B, C, D or F.
type Grade string

// Report is a receiver's certificate.
type Report struct {
	Grade   Grade  `json:"grade"`
	Summary string `json:"summary"`
	// Findings are in the order in which they were made.
	Findings   []Finding `json:"findings"`
	Requests   int       `json:"requests"` // how many were sent
	DurationMS int64     `json:"duration_ms"`
	// Latency is that of the events that were taken, large ones aside; zero when none was.
	Latency LatencyMS `json:"latency"`
}

// LatencyMS is how long answers took, in milliseconds.
type LatencyMS struct {
	P50     int64 `json:"p50_ms"`
	Max     int64 `json:"max_ms"`
	Answers int   `json:"answers"`
}
