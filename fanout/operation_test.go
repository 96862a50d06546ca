package fanout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

// News about a number goes to its own business, to the webhooks of the number and of all numbers, once however often it is
// told.
func TestNewsAboutANumber(t *testing.T) {
	onEachStore(t, func(b *bench) {
		t := b.t
		all := b.webhook("*")
		unwanted := b.webhook(event.MessageReceived)
		second, err := b.store.CreateNumber(t.Context(), models.Number{BusinessID: b.number.BusinessID, PhoneNumberID: "601"})
		require.NoError(t, err)
		elsewhere, err := b.store.CreateWebhook(t.Context(), models.Webhook{BusinessID: b.number.BusinessID, NumberID: &second.ID, URL: "https://example.com/", Events: []string{"*"}, Dialect: "wabagate", Active: true})
		require.NoError(t, err)
		require.NoError(t, b.directory.Refresh(t.Context()))

		since := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
		news := Operation{Type: event.UpstreamSilent, Number: b.number, Key: "since 11", At: since.Add(6 * time.Hour), Reason: "Nothing has come.", Gap: &event.Gap{From: event.Time{Time: since}}}
		require.NoError(t, b.recorder.Tell(t.Context(), news))
		news.At = news.At.Add(time.Minute)
		require.NoError(t, b.recorder.Tell(t.Context(), news))
		news.Type, news.Gap = event.MessageUnreported, &event.Gap{From: event.Time{Time: since}, Until: &event.Time{Time: since.Add(15 * time.Minute)}, Count: 2, MessageIDs: []string{"w.1", "w.2"}}
		require.NoError(t, b.recorder.Tell(t.Context(), news))

		told := b.events(all)
		require.Len(t, told, 2)
		require.Equal(t, []any{b.number.ID, "Nothing has come.", since, since.Add(6 * time.Hour)}, []any{told[0].Number.ID, told[0].Reason, told[0].Gap.From.Time, told[0].OccurredAt.Time})
		require.Nil(t, told[0].Webhook, "it is about none")
		require.Equal(t, event.Gap{From: event.Time{Time: since}, Until: &event.Time{Time: since.Add(15 * time.Minute)}, Count: 2, MessageIDs: []string{"w.1", "w.2"}}, *told[1].Gap)
		require.Empty(t, b.events(unwanted))
		require.Empty(t, b.events(elsewhere))
	})
}
