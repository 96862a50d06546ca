package models

import (
	"context"
	"time"
)

// Upstream is how a number is reached at the platform or its provider, and how it was there the last time.
type Upstream struct {
	NumberID int64
	Style    string // cloud, 360dialog or onprem
	Base     string // address of the API; empty: the platform's own
	Version  string // of the Graph API; empty: that of this build
	Token    Secret // or the provider's key
	AppID    string // Meta's id of the app, for questions about the token; empty: not known
	// TokenExpiresAt is zero when the token does not expire, or nobody said when.
	TokenExpiresAt time.Time
	// Rate is how many messages per second the number may send; 0: 80, or what the platform says of it.
	Rate int

	Checked UpstreamHealth
}

// UpstreamHealth is what a check of a number found. The zero value: never checked.
type UpstreamHealth struct {
	At            time.Time
	OK            bool
	Trouble       string // what is wrong and what to do, for a person; empty: nothing
	Subscribed    bool
	VerifiedName  string
	Quality       string // GREEN, YELLOW, RED or what the platform says
	Throughput    string // STANDARD, HIGH or what the platform says
	MessagesLimit string
}

// SetUpstream keeps how a business's number is reached; the token is encrypted. Senders use the new one from their next
// message on. ErrNotFound when the number is not the business's.
func (s *Store) SetUpstream(ctx context.Context, businessID int64, u Upstream) error {
	panic("to be built")
}

// DropUpstream forgets it. ErrNotFound.
func (s *Store) DropUpstream(ctx context.Context, businessID, numberID int64) error {
	panic("to be built")
}

// UpstreamOf reads how a number is reached, its token included. ErrNotFound when nobody said.
func (s *Store) UpstreamOf(ctx context.Context, numberID int64) (Upstream, error) {
	panic("to be built")
}

// Upstreams reads those of all numbers, for checks and for senders that keep them in memory.
func (s *Store) Upstreams(ctx context.Context) ([]Upstream, error) { panic("to be built") }

// KeepUpstreamHealth keeps what a check found.
func (s *Store) KeepUpstreamHealth(ctx context.Context, numberID int64, h UpstreamHealth) error {
	panic("to be built")
}
