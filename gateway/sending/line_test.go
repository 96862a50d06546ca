package sending

import (
	"testing"

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
