package sending

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestLine(t *testing.T) {
	bulk := &job{work: models.Work{Priority: models.Bulk, Members: []int64{1, 2, 3}}}
	chat := &job{work: models.Work{Priority: models.Live, Members: []int64{4, 5}}}
	var l line
	l.join(bulk, noon)
	l.join(chat, noon)
	require.Equal(t, 5, l.len())
	first := l.pick(3, nil)
	require.Equal(t, []int64{4, 5, 1}, idsOf(first), "those that people wait for come first")
	first[0].to, first[1].to = "ada", "bob"
	l.back(first)
	require.Equal(t, []int64{5, 1}, idsOf(l.pick(2, map[string]bool{"ada": true})), "a busy recipient's message stays")
	require.Equal(t, []int64{4, 2, 3}, idsOf(l.pick(9, nil)), "in its place")
	require.Zero(t, l.len())
	l.join(bulk, noon)
	l.join(chat, noon)
	require.Equal(t, []int64{1, 2, 3}, idsOf(l.leave(bulk)))
	require.Empty(t, l.leave(bulk))
	require.Equal(t, []int64{4, 5}, idsOf(l.leave(chat)))
	require.Zero(t, l.len())
}

func TestRoom(t *testing.T) {
	for name, tc := range map[string]struct {
		inLane, jobs, members, rate, free int
		want                              bool
	}{
		"an empty lane":                   {0, 0, 100, 1, 0, true},
		"five seconds' worth":             {300, 3, 100, 80, 32, true},
		"more than that":                  {301, 3, 100, 80, 32, false},
		"half of the workers":             {15, 15, 1, 80, 17, true},
		"the other half is for others":    {16, 16, 1, 80, 16, false},
		"others have most of the workers": {3, 3, 1, 80, 4, false},
		"a slow number takes a few":       {4, 1, 1, 1, 31, true},
		"a slow number takes no more":     {5, 1, 1, 1, 31, false},
	} {
		l := lane{places: make([]*place, tc.inLane), jobs: tc.jobs}
		require.Equal(t, tc.want, l.room(tc.members, tc.rate, tc.free), name)
	}
}

func TestTurn(t *testing.T) {
	every := interval(100, 1) // 10.4 ms
	l := lane{places: make([]*place, 500)}
	require.Equal(t, in(500*every-comeEarly), l.turn(100, 100, noon), "shortly before those in the lane are gone")
	require.Equal(t, in(600*every-comeEarly), l.turn(100, 100, noon), "behind those put off before")
	l.places = nil
	require.Equal(t, in(700*every-comeEarly), l.turn(1, 100, noon))
	require.Equal(t, in(time.Hour+leastPutOff), l.turn(1, 100, in(time.Hour)), "not at once, to find no room again")
}
