package models

import (
	"sync"
	"time"
)

// idEpoch is the first moment an id can name. 41 bits of milliseconds last until 2095.
var idEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

const (
	nodeBits     = 10
	sequenceBits = 12
)

// IDs hands out positive 63-bit ids that grow with time: 41 bits of milliseconds, 10 bits of node, 12 bits of
// sequence. Two processes never make the same id as long as their nodes differ. Safe for concurrent use.
type IDs struct {
	node int64
	now  func() time.Time

	mu   sync.Mutex
	last int64 // milliseconds and sequence of the last id, without the node
}

// NewIDs makes a source for one node; only the node's lowest ten bits count. A nil now is the wall clock.
func NewIDs(node int64, now func() time.Time) *IDs {
	if now == nil {
		now = time.Now
	}
	return &IDs{node: node & (1<<nodeBits - 1), now: now}
}

// Next is one id.
func (s *IDs) Next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A clock that stands still or steps back only costs the ids their closeness to the time.
	s.last = max(s.last+1, (s.now().UnixMilli()-idEpoch)<<sequenceBits)
	ms, seq := s.last>>sequenceBits, s.last&(1<<sequenceBits-1)
	return ms<<(nodeBits+sequenceBits) | s.node<<sequenceBits | seq
}

// IDTime is the moment an id was made, to the millisecond.
func IDTime(id int64) time.Time {
	return time.UnixMilli(id>>(nodeBits+sequenceBits) + idEpoch)
}

// FirstID is the smallest id that can have been made at t, the bound for ranges by time.
func FirstID(t time.Time) int64 {
	return max(0, t.UnixMilli()-idEpoch) << (nodeBits + sequenceBits)
}
