package models

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRoomAhead(t *testing.T) {
	now := time.Date(2026, 3, 10, 18, 0, 0, 0, time.UTC)
	var week []string
	for _, p := range partitionedTables {
		for _, l := range p.leaves(FirstID(now), FirstID(now.AddDate(0, 0, 7))) {
			week = append(week, l.name())
		}
	}
	without := func(name string) []string {
		return slices.DeleteFunc(slices.Clone(week), func(n string) bool { return n == name })
	}
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		leaves []string
		want   time.Duration
	}{
		"a week":                   {week, 7*day + 6*time.Hour},
		"others' tables":           {append(slices.Clone(week), "events_old", "users", "x_20260319"), 7*day + 6*time.Hour},
		"one table ends tomorrow":  {without("events_20260312"), day + 6*time.Hour},
		"a gap counts as the end":  {without("attempts_20260311"), 6 * time.Hour},
		"today's is missing":       {without("callbacks_20260310"), -18 * time.Hour},
		"there are no leaves":      {nil, -18 * time.Hour},
		"yesterday does not count": {append(without("digests_20260311"), "digests_20260309"), 6 * time.Hour},
	} {
		require.Equal(t, c.want, roomAhead(c.leaves, now), name)
	}
}
