package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Outcome is what an attempt's answer means. The names are a closed set: they label metrics and stand in the history.
type Outcome string

// The outcomes.
const (
	Delivered Outcome = "delivered" // the receiver has it
	Rejected  Outcome = "rejected"  // an answer that is a failure
	Redirect  Outcome = "redirect"  // 3xx: never followed
	Gone      Outcome = "gone"      // 410: the receiver wants no more
	Busy      Outcome = "busy"      // 429, 502, 503, 504
	Timeout   Outcome = "timeout"   // no answer in time
	Refused   Outcome = "refused"   // nobody listens there
	NoName    Outcome = "no_name"   // the host name does not resolve
	BadTLS    Outcome = "bad_tls"   // the certificate or the handshake failed
	Forbidden Outcome = "forbidden" // the guard refused the address
	Proxy     Outcome = "proxy"     // the operator's egress proxy failed; the receiver saw nothing
	Emptied   Outcome = "emptied"   // the event's content is gone: nothing was sent
	Broken    Outcome = "broken"    // the connection broke or the answer was not HTTP
)

// Outcomes lists all of them.
func Outcomes() []Outcome {
	return []Outcome{Delivered, Rejected, Redirect, Gone, Busy, Timeout, Refused, NoName, BadTLS, Forbidden, Proxy, Emptied, Broken}
}

// Verdict is the judgement of one attempt.
type Verdict struct {
	Outcome Outcome
	// Reason explains a failure to a person; empty for a success.
	Reason string
	// Final says that no other attempt would change it.
	Final bool
	// Disable says that the receiver asked to be left alone.
	Disable bool
	// MinWait is the least wait before another attempt; 0 for none.
	MinWait time.Duration
	// RetryAfter is what the receiver asked for; 0 for nothing.
	RetryAfter time.Duration
}

// crowded is the least wait after an answer that speaks of overload, and after a timeout: trying again at once would
// add to what is wrong.
const crowded = time.Minute

// Judge says what an answer means. after is its Retry-After header. success and final are the dialect's manners: which statuses count as delivered and
// which failures are not worth another try.
func Judge(status int, after string, success, final func(int) bool, now time.Time) Verdict {
	if success(status) {
		return Verdict{Outcome: Delivered}
	}
	v := Verdict{Outcome: Rejected, Reason: fmt.Sprintf("answered %d %s", status, http.StatusText(status)), Final: final(status), RetryAfter: retryAfter(after, now)}
	switch {
	case status == http.StatusGone:
		v.Outcome, v.Final, v.Disable = Gone, true, true
		v.Reason = "answered 410 Gone: the receiver wants no more deliveries"
	case status >= 300 && status < 400:
		v.Outcome = Redirect
		v.Reason = fmt.Sprintf("answered %d with a redirect; redirects are not followed, set the webhook to the final address", status)
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		v.Outcome, v.MinWait = Busy, crowded
	}
	v.Reason = strings.TrimSpace(v.Reason)
	return v
}

// JudgeError says what it means that no answer came.
func JudgeError(err error, limit time.Duration) Verdict {
	var (
		dns     *net.DNSError
		timeout interface{ Timeout() bool }
		cert    *tls.CertificateVerificationError
		alert   tls.AlertError
		record  tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		proxy   *ProxyError
	)
	switch {
	case errors.As(err, &proxy):
		return Verdict{Outcome: Proxy, Reason: proxy.Error()}
	case errors.Is(err, ErrForbidden):
		return Verdict{Outcome: Forbidden, Reason: lastOf(err, ErrForbidden)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return Verdict{Outcome: Refused, Reason: "connection refused: nothing listens at this address"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout() && !errors.As(err, &dns):
		return Verdict{Outcome: Timeout, Reason: fmt.Sprintf("no answer within %s", limit), MinWait: crowded}
	case errors.As(err, &dns):
		return Verdict{Outcome: NoName, Reason: fmt.Sprintf("the host name %s does not resolve", dns.Name)}
	case errors.As(err, &cert), errors.As(err, &unknown), errors.As(err, &name):
		return Verdict{Outcome: BadTLS, Reason: "the receiver's certificate was not accepted: " + rootCause(err)}
	case errors.As(err, &alert), errors.As(err, &record):
		return Verdict{Outcome: BadTLS, Reason: "the TLS handshake failed: " + rootCause(err)}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Verdict{Outcome: Broken, Reason: "the receiver closed the connection without an answer"}
	}
	return Verdict{Outcome: Broken, Reason: "no usable answer: " + rootCause(err)}
}

// lastOf is the text of the innermost error that still wraps target; what wraps it names addresses and verbs that
// would only be in the reader's way.
func lastOf(err, target error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || inner == target || !errors.Is(inner, target) {
			return err.Error()
		}
		err = inner
	}
}

func rootCause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// maxRetryAfter is the longest wait a receiver can ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads the header as seconds or as an HTTP date; 0 when absent or unreadable.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if v == "" {
		return 0
	}
	d := time.Duration(0)
	if s, err := strconv.ParseInt(v, 10, 64); err == nil {
		d = time.Duration(min(max(s, 0), int64(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
