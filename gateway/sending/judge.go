package sending

import (
	"cmp"
	"errors"
	"strconv"
	"time"

	"wabagate/models"
	"wabagate/waba/graph"
)

// outcome is what became of an attempt, as metrics and logs name it.
type outcome string

// The outcomes.
const (
	accepted     outcome = "accepted"
	failed       outcome = "failed"
	retried      outcome = "retried" // it waits for another attempt
	undecided    outcome = "undecided"
	unauthorized outcome = "unauthorized" // it waits for another token
	givenBack    outcome = "given_back"   // it was taken and did not leave: its number stopped or rests
)

var outcomes = [...]outcome{accepted, failed, retried, undecided, unauthorized, givenBack}

const (
	// maxAttempts ends the retries of a message, most of which are an hour apart: some half a day of them.
	maxAttempts = 24
	// maxReadAttempts ends those of a message that is to be marked as read.
	maxReadAttempts = 5
)

// The titles of what is not the platform's error.
const (
	titleOnceMore = "No answer, and no status: sent once more" // of a message whose first wait is over, until it is settled
	titleLost     = "No answer, and no status, twice"
	titleCannot   = "The message could not be sent"
	titleSilent   = "No answer from the platform"
)

// answer is what an attempt came to.
type answer struct {
	graph.Accepted
	err error // nil: the platform took it
}

// judge says what an answer makes of a message at a moment. wait is how long a status of an undecided one is waited for.
func judge(s models.Send, a answer, wait time.Duration, now time.Time) (models.SendResult, outcome) {
	r := models.SendResult{ID: s.ID, Attempt: s.Attempts}
	var cannot unsendable
	switch {
	case errors.Is(a.err, errNotLeft):
		r.State, r.DueAt = models.SendWaiting, now
		return remember(r, s), givenBack
	case errors.As(a.err, &cannot):
		r.State, r.ErrorTitle, r.ErrorDetails = models.SendFailed, titleCannot, a.err.Error()
		return r, failed
	}
	v := graph.Judge(a.err)
	if isRead(s) && v.Decision == graph.Undecided {
		v = graph.Verdict{Decision: graph.Retry, After: time.Second} // done twice, it is done
	}
	if a.err != nil {
		r.ErrorCode, r.ErrorTitle, r.ErrorDetails = describe(a.err)
	}
	switch v.Decision {
	case graph.Refused:
		r.State = models.SendFailed
		return r, failed
	case graph.Retry:
		if s.Attempts >= maxAttempts || isRead(s) && s.Attempts >= maxReadAttempts {
			r.State = models.SendFailed
			return r, failed
		}
		r.State, r.DueAt = models.SendWaiting, now.Add(v.Wait(s.Attempts))
		return remember(r, s), retried
	case graph.Undecided:
		r.State, r.DueAt = models.SendUndecided, now.Add(wait)
		return remember(r, s), undecided
	case graph.Unauthorized:
		r.State, r.DueAt = models.SendWaiting, now
		return remember(r, s), unauthorized
	}
	r.State, r.Wamid, r.WaID, r.UserID = models.SendAccepted, a.Wamid, a.WaID, a.UserID
	return r, accepted
}

// isRead says that this is no message, but marks one of the customer's as read: it has no recipient.
func isRead(s models.Send) bool { return recipient(s) == "" }

// recipient is whom a message is for, by whichever name there is.
func recipient(s models.Send) string { return cmp.Or(s.To, s.Recipient) }

// remember keeps with a message that it is sent once more, until that is settled.
func remember(r models.SendResult, s models.Send) models.SendResult {
	if isOnceMore(s) {
		r.ErrorTitle = titleOnceMore
	}
	return r
}

func isOnceMore(s models.Send) bool { return s.ErrorTitle == titleOnceMore }

// lapse says what becomes of an undecided message that no status named within its wait: once it is sent again.
func lapse(s models.Send, now time.Time) (models.SendResult, outcome) {
	r := models.SendResult{ID: s.ID, Attempt: s.Attempts, ErrorCode: s.ErrorCode, ErrorDetails: s.ErrorDetails}
	if isOnceMore(s) {
		r.State, r.ErrorCode, r.ErrorTitle = models.SendFailed, "", titleLost
		r.ErrorDetails = "It may have reached the recipient: the platform gave no answer that says so, and no status came."
		return r, failed
	}
	r.State, r.DueAt, r.ErrorTitle = models.SendWaiting, now, titleOnceMore
	return r, retried
}

// describe is an error as it is kept with a message. Errors of the graph hold no secrets.
func describe(err error) (code, title, details string) {
	var answer *graph.Error
	var transport *graph.TransportError
	switch {
	case errors.As(err, &answer):
		if answer.Coded {
			code = strconv.Itoa(answer.Code)
		}
		return code, answer.Title, answer.Details
	case errors.As(err, &transport):
		return "", titleSilent, err.Error()
	}
	return "", titleCannot, err.Error()
}

// toldOf is what the translator is told of a result; nil: nothing, because it is not the last or nobody hears of it.
func toldOf(s models.Send, r models.SendResult, now time.Time) *models.ToldSend {
	if isRead(s) || r.State != models.SendAccepted && r.State != models.SendFailed {
		return nil
	}
	t := models.ToldSend{ID: r.ID, Wamid: r.Wamid, WaID: r.WaID, UserID: r.UserID, At: now.UTC()}
	if r.State == models.SendFailed {
		t.Code, t.Title, t.Detail = r.ErrorCode, r.ErrorTitle, r.ErrorDetails
	}
	return &t
}
