package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models/modelstest"
)

// The benchmark finds something on every page, in a history that was written and not lived through, and holds it against
// the bound.
func TestBenchPages(t *testing.T) {
	t.Parallel()
	p := newProcess(t, []string{"DATABASE_URL=" + modelstest.PostgresURL(t), "REDIS_URL=" + fanouttest.RedisURL(t)})
	var report struct {
		Pages   int
		Figures []struct {
			Key     string
			Value   float64
			Against []struct {
				Target string
				Met    *bool
			}
		}
	}
	require.NoError(t, json.Unmarshal(p.run("bench", "--pages", "4000", "--quick", "--json"), &report))
	require.Equal(t, 4000, report.Pages)
	seen := map[string]bool{}
	for _, f := range report.Figures {
		seen[f.Key] = true
		require.Positive(t, f.Value, f.Key)
		require.Len(t, f.Against, 1)
		require.Equal(t, "< 100", f.Against[0].Target)
		require.NotNil(t, f.Against[0].Met, f.Key)
	}
	require.True(t, seen["pages_home"] && seen["pages_delivery"], "%v", seen)
}
