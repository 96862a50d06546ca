package fanout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

// That a number was connected is told once, to the webhooks of its business and to no others.
func TestNumberConnected(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.NumberConnected)
		n, err := b.store.CreateNumber(t.Context(), models.Number{BusinessID: b.number.BusinessID, PhoneNumberID: "601", Display: "15550100201", WABAID: "500"})
		require.NoError(t, err)
		at := time.UnixMilli(1793491202000)
		for range 2 {
			require.NoError(t, b.recorder.TellConnected(t.Context(), n, at))
		}
		got := b.events(w)
		require.Len(t, got, 1)
		require.Equal(t, &event.Number{ID: n.ID, PhoneNumberID: "601", Display: "15550100201", WABAID: "500"}, got[0].Number)
		require.True(t, got[0].OccurredAt.Equal(at))
		require.NoError(t, b.recorder.TellConnected(t.Context(), n, at.Add(time.Hour)))
		require.Len(t, b.events(w), 2, "connected again after its token was forgotten")
	})
}
