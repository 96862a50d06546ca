package fanout

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
)

func TestWhyPutIn(t *testing.T) {
	made := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for wait, want := range map[time.Duration]string{0: missed, 5 * time.Second: missed, 50 * time.Second: missed, soon: cameDue, 24 * time.Hour: cameDue} {
		require.Equal(t, want, whyPutIn(models.Work{ID: models.FirstID(made), DueAt: made.Add(wait)}), wait)
	}
}

// What is counted for each event and each attempt costs no memory, and neither does tracing that is off.
func TestCountingAllocatesNothing(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	events := []models.Event{{ID: 1, CallbackID: 7, Type: event.MessageReceived}, {ID: 2, Type: event.MessageReport}, {ID: 3, Type: "no.such.type"}}
	c := &Courier{m: m}
	due := models.Due{Event: events[0]}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		m.made(events)
		m.attempted(deliver.Delivered, time.Millisecond)
		m.deliveries[models.Succeeded].Inc()
		if s := c.stepsOf(due, 1, 1); s.traced() || s.header() != "" {
			t.Error("it traces")
		}
		c.tellTrace(steps{}, due, 1, attempted{}, deliver.Verdict{}, time.Time{})
	}))
	require.Equal(t, 101.0, testutil.ToFloat64(m.events[event.MessageReceived]))
	require.Equal(t, 101.0, testutil.ToFloat64(m.attempts[deliver.Delivered]))
}
