package models

import (
	"fmt"
	"slices"
	"time"
)

// SendState is where a message that a business asked to send stands.
type SendState int16

const (
	SendWaiting   SendState = 0 // for its turn, its time, or another attempt
	SendUnderway  SendState = 1 // given to the platform; no answer is kept yet
	SendAccepted  SendState = 2 // the platform took it, as Wamid
	SendFailed    SendState = 3 // it did not go out, and will not; or nobody knows, after all attempts
	SendUndecided SendState = 4 // it may have gone out: a status that names it will tell
	SendCancelled SendState = 5 // its broadcast ended before its turn, or its recipient was erased
)

// Send is a message that a business asked to send.
type Send struct {
	ID, BusinessID, NumberID int64
	// Key is the caller's idempotency key: a number sends one message per key within SendKeyKept. Empty: none.
	Key string
	// Body is the platform's own body as the caller wrote it.
	Body []byte
	// To is the recipient in digits, Recipient a business-scoped user id; one of them is there, but for read marks.
	To, Recipient string
	// Type, Text, ReplyTo and MediaURL are what will be kept of the message, see Message.
	Type, Text, ReplyTo, MediaURL string
	SentBy                        string // agent, system, api, broadcast or ai
	Tracking                      string // the caller's own tracking string; empty: none
	BroadcastID                   int64  // 0: none
	Place                         int64  // of a broadcast's recipient, counted from 1; 0: of none

	State     SendState
	Attempts  int       // given to the platform so often
	DueAt     time.Time // of a waiting one: not before; of an undecided one: until when its status is waited for
	StartedAt time.Time // of the last attempt; zero: none
	SettledAt time.Time // accepted, failed or cancelled; zero: not yet
	Wamid     string
	WaID      string // the recipient as the platform knows it; empty: not told
	UserID    string // likewise
	// ErrorCode and ErrorTitle, ErrorDetails are the platform's; empty: no error, or not the platform's.
	ErrorCode, ErrorTitle, ErrorDetails string
	CreatedAt                           time.Time // as the ID says, to the millisecond
	// Existed says, of what CreateSends answers, that the key was taken: this is the message of then.
	Existed bool
}

// SendKeyKept is how long the key of a message stands for it; after that it may be used for another.
const SendKeyKept = 8 * 24 * time.Hour

// Erased says that the message's recipient was erased, and what was to be sent with him.
func (v Send) Erased() bool { return len(v.Body) == 0 }

// priority is the queue of the message: a person waits for the answer of another, and nobody for one of thousands.
func (v Send) priority() Priority {
	if v.BroadcastID != 0 {
		return Bulk
	}
	return Live
}

// SendResult is what became of one attempt to send.
type SendResult struct {
	ID    int64
	State SendState // SendWaiting: another attempt at DueAt; SendUndecided: its status is waited for until DueAt
	// Attempt is the one that this is the result of, by Send.Attempts; 0: the last. Of an earlier attempt than the last
	// nothing counts but that it was accepted.
	Attempt                             int
	DueAt                               time.Time
	Wamid, WaID, UserID                 string
	ErrorCode, ErrorTitle, ErrorDetails string
}

// settleSend makes of a message s what a result r says, by this rule:
//
//	before     becomes
//	waiting    accepted, failed (a status came first, or a late answer), cancelled
//	underway   waiting, accepted, failed, undecided
//	undecided  waiting, accepted, failed, undecided until later
//	failed     accepted (it was given up, and had gone out after all)
//	cancelled  accepted (likewise)
//
// What is accepted stays so, and what was erased stays as it is. A name that the message has is never replaced. What stands
// between the two parts gives the results.
const (
	settleSend = `UPDATE sends AS s SET state = r.state, due_at = coalesce(r.due_at, s.due_at), settled_at = r.settled_at,
		wamid = coalesce(s.wamid, r.wamid), wa_id = coalesce(s.wa_id, r.wa_id), user_id = coalesce(s.user_id, r.user_id),
		error_code = r.error_code, error_title = r.error_title, error_details = r.error_details FROM `
	settleSendRule = ` WHERE s.id = r.id AND (s.state = 0 AND r.state IN (2, 3, 5) OR s.state IN (1, 4) AND r.state IN (0, 2, 3, 4)
		OR s.state IN (3, 5) AND r.state = 2 AND length(s.body) > 0) AND (r.state = 2 OR r.attempt = 0 OR r.attempt = s.attempts)`
)

// clean is the result as it can be written.
func (r SendResult) clean() SendResult {
	r.Wamid, r.WaID, r.UserID = keyText(r.Wamid), keyText(r.WaID), keyText(r.UserID)
	r.ErrorCode, r.ErrorTitle, r.ErrorDetails = printable(r.ErrorCode), printable(r.ErrorTitle), printable(r.ErrorDetails)
	return r
}

// moments are the columns due_at and settled_at of a result that comes at a moment; nil: due_at stays.
func (r SendResult) moments(at time.Time) (due, settled *time.Time) {
	switch r.State {
	case SendAccepted, SendFailed, SendCancelled:
		at = moment(at)
		return nil, &at
	}
	at = dueMoment(r.DueAt)
	return &at, nil
}

// SendSettlement is results that are committed together, with what they tell.
type SendSettlement struct {
	Results []SendResult
	// Callbacks are the gateway's own (AppID OwnApp), which tell the translator what was accepted or failed. They have ids,
	// and the work that translates them (see NewCallbackGroup) is part of Work.
	Callbacks []Callback
	// Done is the work that has nothing left to do; Work is added, such as a retry.
	Done []int64
	Work []Work
}

// check refuses callbacks that nobody would translate.
func (st SendSettlement) check() error {
	for _, c := range st.Callbacks {
		if !slices.ContainsFunc(st.Work, func(w Work) bool {
			return w.Kind == TranslateCallbacks && len(w.Members) == 2 && w.Members[0] <= c.ID && c.ID <= w.Members[1]
		}) {
			return fmt.Errorf("callback %d has no work that translates it: add what NewCallbackGroup answers to Work", c.ID)
		}
	}
	return nil
}

// OwnApp is the AppID of callbacks that the gateway writes itself: what became of its own sends. No app has it.
const OwnApp = -1

// Told is the body, as JSON, of a callback that the gateway writes itself.
type Told struct {
	Sends []ToldSend `json:"sends"`
}

// ToldSend is what became of one message: it was accepted as Wamid, or failed for good and has none.
type ToldSend struct {
	ID     int64     `json:"id"` // of the Send, which has the rest
	Wamid  string    `json:"wamid,omitempty"`
	WaID   string    `json:"wa_id,omitempty"`
	UserID string    `json:"user_id,omitempty"`
	Code   string    `json:"code,omitempty"` // of the error
	Title  string    `json:"title,omitempty"`
	Detail string    `json:"details,omitempty"`
	At     time.Time `json:"at"`
}
