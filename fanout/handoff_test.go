package fanout

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHandoff(t *testing.T) {
	h := newHandoff[string](100)
	h.put(1, "a", 40)
	h.put(2, "b", 40)
	v, ok := h.take(1)
	require.True(t, ok)
	require.Equal(t, "a", v)
	_, ok = h.take(1)
	require.False(t, ok, "a value is taken once")
	h.put(3, "c", 40)
	h.put(4, "d", 40) // no room for b beside c and d
	_, ok = h.take(2)
	require.False(t, ok, "the oldest goes first")
	_, ok = h.take(3)
	require.True(t, ok)
	h.put(5, "too large", 101)
	_, ok = h.take(5)
	require.False(t, ok)
	_, ok = h.take(4)
	require.True(t, ok, "what is too large costs the others nothing")
	require.Zero(t, h.held)
	for i := range int64(10_000) {
		h.put(i, "x", 1)
		h.take(i)
	}
	require.Less(t, len(h.order), 200)
	require.Zero(t, h.held)
}
