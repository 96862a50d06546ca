package models

import (
	"context"
	"time"
)

// SendState is where a message that a business asked to send stands.
type SendState int16

const (
	SendWaiting   SendState = 0 // for its turn, its time, or another attempt
	SendUnderway  SendState = 1 // given to the platform; no answer is kept yet
	SendAccepted  SendState = 2 // the platform took it, as Wamid
	SendFailed    SendState = 3 // it did not go out, and will not
	SendUndecided SendState = 4 // it may have gone out: a status that names it will tell
	SendCancelled SendState = 5 // its broadcast ended before its turn
)

// Send is a message that a business asked to send.
type Send struct {
	ID, BusinessID, NumberID int64
	// Key is the caller's idempotency key: a number sends one message per key within 8 days. Empty: none.
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
	CreatedAt                           time.Time
	// Existed says, of what CreateSends answers, that the key was taken: this is the message of then.
	Existed bool
}

// SendResult is what became of one attempt to send.
type SendResult struct {
	ID                                  int64
	State                               SendState // SendWaiting: another attempt at DueAt; SendUndecided: its status is waited for until DueAt
	DueAt                               time.Time
	Wamid, WaID, UserID                 string
	ErrorCode, ErrorTitle, ErrorDetails string
}

// Settlement of sends: results that are committed together, with what they tell.
type SendSettlement struct {
	Results []SendResult
	// Callbacks are the gateway's own (App OwnApp), which tell the translator what was accepted or failed; they are kept,
	// and their work added, in the same transaction. nil: none.
	Callbacks []Callback
	// Done is the work that has nothing left to do; Work is added, such as a retry.
	Done []int64
	Work []Work
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

// CreateSends keeps messages to be sent and the work that sends them, of one number each, in one transaction. A message
// whose key is taken is not made again: the answer has the one of then in its place, with Existed. The answer is in the
// order of the question. Work has at most 100 members.
func (s *Store) CreateSends(ctx context.Context, sends []Send) (kept []Send, work []Work, err error) {
	panic("to be built")
}

// Sends reads messages by id; those that are gone are missing.
func (s *Store) Sends(ctx context.Context, ids []int64) ([]Send, error) { panic("to be built") }

// SendByID reads a business's message. ErrNotFound.
func (s *Store) SendByID(ctx context.Context, businessID, id int64) (Send, error) {
	panic("to be built")
}

// TakeSends marks those of a work's messages that wait and are due as underway, one attempt more, and answers them in the
// order of Members. What another worker took, or is settled, is missing. The commit comes before the platform hears of
// anything: a process that dies leaves them underway.
func (s *Store) TakeSends(ctx context.Context, ids []int64) ([]Send, error) { panic("to be built") }

// SettleSends keeps results. A result changes a message only while it is underway or undecided, so that a status that
// came first, and said more, stays.
func (s *Store) SettleSends(ctx context.Context, st SendSettlement) error { panic("to be built") }

// DoubtSends makes undecided, until a moment, what has been underway since before another: its process is gone. It
// answers how many.
func (s *Store) DoubtSends(ctx context.Context, startedBefore, until time.Time) (int64, error) {
	panic("to be built")
}

// LapseSends answers up to limit undecided messages whose wait is over.
func (s *Store) LapseSends(ctx context.Context, now time.Time, limit int) ([]Send, error) {
	panic("to be built")
}

func (t *postgresTranslation) Sends(ctx context.Context, ids []int64) (map[int64]Send, error) {
	panic("to be built")
}
func (t *sqliteTranslation) Sends(ctx context.Context, ids []int64) (map[int64]Send, error) {
	panic("to be built")
}
