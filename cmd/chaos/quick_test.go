//go:build unix

package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/deploy/throwaway"
)

// The reduced matrix holds. It runs on servers of its own, because it crashes them.
func TestQuickMatrix(t *testing.T) {
	for _, program := range []string{"initdb", "redis-server"} {
		if _, err := throwaway.Find(program); errors.Is(err, throwaway.ErrMissing) {
			t.Skip(err)
		}
	}
	var out strings.Builder
	code := command(t.Context(), []string{"-quick"}, &out, t.Output())
	t.Log("\n" + out.String())
	require.Zero(t, code)
	for _, f := range faults() {
		require.Equal(t, f.quick, strings.Contains(out.String(), "| "+f.title+" |"), f.name)
	}
	require.NotContains(t, out.String(), "✗")
}
