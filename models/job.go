package models

import "time"

// JobKind says what a job does.
type JobKind string

// The kinds of jobs.
const (
	// CatchUp delivers what was held while a webhook was off, oldest first.
	CatchUp JobKind = "catch_up"
	// Replay delivers again what matches a filter.
	Replay JobKind = "replay"
)

// JobState is where a job stands.
type JobState string

// The states of a job.
const (
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobCancelled JobState = "cancelled"
	JobFailed    JobState = "failed"
)

// Job delivers many of one webhook's deliveries again, a chunk at a time, at the pace of the webhook.
type Job struct {
	ID, BusinessID, WebhookID int64
	Kind                      JobKind
	State                     JobState
	Filter                    JobFilter
	// Total is how many deliveries were counted when the job began, Released how many were handed out since, Succeeded
	// and Failed what became of them: Failed are those that no attempt is left of.
	Total, Released, Succeeded, Failed int64
	// Cursor is the last event handed out.
	Cursor               int64
	CreatedAt, UpdatedAt time.Time
	FinishedAt           time.Time // zero while it runs
	// Reason says why a job failed or was cancelled; empty otherwise.
	Reason string
}

// JobFilter chooses deliveries of a webhook. The zero value of a field does not narrow.
type JobFilter struct {
	States   []DeliveryState `json:"states,omitempty"`
	Types    []string        `json:"types,omitempty"` // catalogue names
	From, To time.Time       // of the event; To is exclusive
}

// MaxJob bounds the deliveries of one replay.
const MaxJob = 100_000
