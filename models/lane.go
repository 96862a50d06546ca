package models

import "time"

// LaneRef names a lane: the deliveries of one conversation to one webhook whose owner asked for their order.
//
// A lane is busy while some of its deliveries are being attempted: its turn, one piece of work. What comes meanwhile
// waits in line. Only the turn's own settlement brings up the next (see Turn), so that one conversation's events reach
// the webhook one at a time, whatever worker dies or wakes up late.
type LaneRef struct{ WebhookID, ConversationID int64 }

// LaneState is a lane as an attempt of one of its deliveries finds it; zero when the delivery is in no lane.
type LaneState struct {
	// Turn is the work whose turn it is. An attempt of any other work is out of turn: a resend, or an event that stepped
	// aside.
	Turn int64
	// BlockedSince is when the head of the lane began to fail; zero: it does not.
	BlockedSince time.Time
	// Aside are the sequences of events that stepped aside and are still to be delivered, in order.
	Aside []int64
}

// Turn is what an attempt's result means for the lane of a conversation. It counts only while Result.Work is the lane's
// turn: what a worker settles that was thought dead changes no lane.
type Turn struct {
	ConversationID int64
	// Over says that nothing of the turn is left: those who wait come up, in order of their sequence. Else Again is the
	// turn from now on.
	Over bool
	// Again is the work among Result.Next that tries the head again; 0 when Over.
	Again int64
	// BlockedSince is when the head began to fail; zero when it did not.
	BlockedSince time.Time
	// Back are events of the turn that were not attempted and wait in line again, because the head of the lane failed.
	Back []int64
	// Aside are sequences that step aside: they go on alone, and the lane without them. Rejoined are sequences that had
	// stepped aside and are settled now; they count out of turn too.
	Aside, Rejoined []int64
}
