package near

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	known := []string{"message.received", "message.report", "contact.created", "contact.updated"}
	for wrong, want := range map[string][]string{
		"message.recieved": {"message.received"}, " Message.Report ": {"message.report"}, "contact": {"contact.created", "contact.updated"},
		"created": {"contact.created"}, "": nil, "  ": nil, "zzzzzzzzzz": nil, string(make([]byte, 10_000)): nil,
	} {
		got := Names(wrong, known)
		require.Equal(t, want, got[:min(len(want), len(got))], wrong)
		require.LessOrEqual(t, len(got), 3, wrong)
	}
	require.Empty(t, Names("zzzzzzzzzz", known))
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "axc", 1}, {"abc", "ac", 1}, {"kitten", "sitting", 3}, {"abcdef", "fedcba", 6}} {
		require.Equal(t, c.want, distance(c.a, c.b), c.a+" "+c.b)
	}
}
