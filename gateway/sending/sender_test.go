package sending

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba"
	"wabagate/waba/wabatest"
)

// A message goes out with the gateway's tracking string, is told of once, and its statuses follow.
func TestOneMessage(t *testing.T) {
	onEachStore(t, wabatest.Options{}, func(t *testing.T, b *bench) {
		p := b.start()
		id := p.queued(b.text(customer))[0]
		v, err := p.Await(t.Context(), id, 10*time.Second)
		require.NoError(t, err)
		require.Equal(t, models.SendAccepted, v.State)
		require.Equal(t, []any{1, customer, "order-7"}, []any{v.Attempts, v.WaID, v.Tracking})
		require.NotEmpty(t, v.UserID)
		sent := b.sim.Messages(wabatest.Filter{})
		require.Len(t, sent, 1)
		require.Equal(t, v.Wamid, sent[0].ID)
		require.Equal(t, waba.Tracking{Origin: "api", Send: id}, waba.ParseTracking(sent[0].Tracking))
		b.tells(map[string]int{"message.sent": 1, "sent": 1, "delivered": 1, "read": 1})
		require.Equal(t, 1.0, p.metric("attempts_total", "accepted"))
		require.Zero(t, p.metric("requests_in_flight", ""))
	})
}
