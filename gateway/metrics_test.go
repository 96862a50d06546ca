package gateway

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

// What is counted for each callback costs no memory.
func TestCountingAllocatesNothing(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	require.Zero(t, testing.AllocsPerRun(100, func() {
		m.acknowledged(200, 1000, time.Millisecond)
		m.acknowledged(401, 1000, time.Millisecond)
		m.database.done(time.Now(), nil)
	}))
	require.Equal(t, 101_000.0, testutil.ToFloat64(m.bytes), "what was refused was not kept")
	m.redis.done(time.Now(), errors.New("away"))
	require.Equal(t, 1.0, testutil.ToFloat64(m.redis.failed))
	require.Zero(t, testutil.ToFloat64(m.database.failed))
}
