package graph

import (
	"errors"
	"net"
	"net/http"
	"time"

	"wabagate/waba"
)

// Decision is what a failed send means for the message.
type Decision string

// The decisions.
const (
	Refused      Decision = "refused"      // never sent, and asking again would change nothing
	Retry        Decision = "retry"        // proved not to be sent: sending again cannot become a double message
	Undecided    Decision = "undecided"    // it may have been sent; only its statuses tell
	Unauthorized Decision = "unauthorized" // never sent: the number stops, and its messages wait for another token
)

// Scope is who sends too fast, and has to slow down.
type Scope string

// The scopes. The empty one is nobody: what failed has to do with no rate.
const (
	ScopeApp       Scope = "app"       // every number of the app
	ScopeWABA      Scope = "waba"      // every number of the account
	ScopeNumber    Scope = "number"    // this number
	ScopeRecipient Scope = "recipient" // this number and this recipient; others are not affected
)

// Verdict is the judgement of one send.
type Verdict struct {
	Decision Decision // empty: it did not fail
	Scope    Scope    // of a Retry
	// After is the least wait before a first retry; 0 unless Decision is Retry. Wait has those that follow.
	After time.Duration
}

// longestWait bounds the growth of waits.
const longestWait = time.Hour

// Wait is the pause before the n-th retry, n from 1. It doubles each time; for one recipient it is 4^n seconds, as the
// platform asks. It is at most an hour, or what the upstream asked for if that is longer.
func (v Verdict) Wait(n int) time.Duration {
	wait, factor := v.After, time.Duration(2)
	if v.Scope == ScopeRecipient {
		wait, factor = 4*time.Second, 4
	}
	for ; n > 1 && wait < longestWait; n-- {
		wait *= factor
	}
	return max(min(wait, longestWait), v.After)
}

// limits are the codes that prove that a request was not processed: who has to slow down, and how long at first.
var limits = map[int]struct {
	scope Scope
	after time.Duration
}{
	4:      {ScopeApp, 2 * time.Minute},
	80007:  {ScopeWABA, 2 * time.Minute},
	130429: {ScopeNumber, time.Second},
	131056: {ScopeRecipient, 4 * time.Second},
	131057: {ScopeNumber, 15 * time.Second}, // normally over within a minute
}

// unreached is the wait when no connection could be made.
const unreached = time.Second

// Judge says what the error of a [Client.Send] means for the message. An error that it does not know leaves open whether
// the message went out.
func Judge(err error) Verdict {
	var answer *Error
	var transport *TransportError
	var dial *net.OpError
	switch {
	case err == nil:
		return Verdict{}
	case errors.As(err, &answer):
		return answer.judge()
	case errors.Is(err, ErrAccount):
		return Verdict{Decision: Refused}
	case errors.As(err, &transport) && !transport.Connected,
		transport == nil && errors.As(err, &dial) && dial.Op == "dial":
		return Verdict{Decision: Retry, After: unreached}
	}
	return Verdict{Decision: Undecided}
}

// judge goes by the code first: the platform gives the same code with several statuses of HTTP.
func (e *Error) judge() Verdict {
	limit, limited := limits[e.Code]
	switch {
	case e.Status == http.StatusUnauthorized, e.Coded && (e.Code == 0 || e.Code == 190):
		return Verdict{Decision: Unauthorized}
	case limited:
		return Verdict{Retry, limit.scope, max(limit.after, e.RetryAfter)}
	case e.Status == http.StatusTooManyRequests: // a refusal for the rate alone, whatever the body says
		return Verdict{Retry, ScopeNumber, max(time.Second, e.RetryAfter)}
	case e.troubled(), e.Status >= 500, e.Status/100 == 2, e.Status == http.StatusRequestTimeout:
		return Verdict{Decision: Undecided}
	}
	return Verdict{Decision: Refused}
}

// troubled tells whether the upstream speaks of a problem of its own, which leaves open how far it got.
func (e *Error) troubled() bool {
	meaning, ok := Meaning(e.Code)
	return e.Transient || e.Coded && ok && meaning.Action == waba.ActionRetry && !meaning.Resend
}
