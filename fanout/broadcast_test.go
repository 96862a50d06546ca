package fanout

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// ofBroadcast is a status of a recipient, who fails with a code or without one.
func ofBroadcast(wamid, status, code string) []byte {
	var errors string
	if code != "" {
		errors = fmt.Sprintf(`,"errors":[{"code":%s,"title":"t"}]`, code)
	}
	return envelope(messages("600", fmt.Sprintf(`"statuses":[{"id":%q,"status":%q,"timestamp":"1793491200","recipient_id":"1555","biz_opaque_callback_data":"broadcast=89;recipients=9"%s}]`, wamid, status, errors)))
}

// The reasons of failures are counted, and add up to the failures whatever comes later.
func TestReasonsOfFailures(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.BroadcastCompleted)
		reasons := func() (map[string]int64, int64) {
			all, err := b.store.ListBroadcasts(t.Context(), b.number.BusinessID, 0, 1)
			require.NoError(t, err)
			return all[0].Failures, all[0].Failed
		}
		for i, code := range []string{"131026", "131026", "131026", "131049", "", ""} {
			b.translate(ofBroadcast(fmt.Sprint("wamid.", i), "failed", code))
		}
		counts, failed := reasons()
		require.Equal(t, map[string]int64{"131026": 3, "131049": 1, "": 2}, counts)
		require.Equal(t, int64(6), failed)
		b.translate(ofBroadcast("wamid.0", "failed", "131026"), ofBroadcast("wamid.0", "sent", "")) // again, and late
		b.translate(ofBroadcast("wamid.5", "delivered", ""))                                        // a delivery is a fact
		counts, _ = reasons()
		require.Equal(t, map[string]int64{"131026": 3, "131049": 1, "": 1}, counts)
		b.translate(ofBroadcast("wamid.4", "delivered", ""), ofBroadcast("wamid.3", "read", ""))
		counts, failed = reasons()
		require.Equal(t, map[string]int64{"131026": 2, "131049": 1}, counts, "which reason it was nobody knows")
		require.Equal(t, int64(3), failed)

		for i := range 3 {
			b.translate(ofBroadcast(fmt.Sprint("wamid.sent.", i), "sent", ""))
		}
		told := b.last(w, event.BroadcastCompleted).Broadcast
		require.Equal(t, []int64{9, 6, 3}, []int64{told.TotalRecipients, told.Sent, told.Failed})
		require.Equal(t, []string{"131026", "131049"}, []string{told.Failures[0].Code, told.Failures[1].Code})
		require.Equal(t, []any{int64(2), "user"}, []any{told.Failures[0].Count, told.Failures[0].Action})
		require.NotEmpty(t, told.Failures[0].Advice)
	})
}

// One that was given up and of which a status comes is taken back from the reason that it was counted under.
func TestReasonOfTheGivenUp(t *testing.T) {
	onEachStore(t, func(b *bench) {
		made, err := b.recorder.RegisterBroadcast(t.Context(), models.Broadcast{BusinessID: b.number.BusinessID, NumberID: b.number.ID, Reference: "spring", Total: 9})
		require.NoError(t, err)
		var lost models.Send
		for i, code := range []string{"131026", "131026", "2"} {
			lost = b.send(models.Send{SentBy: "broadcast", BroadcastID: made.ID, Place: int64(i + 1), Body: []byte(`{"to":"15550177321","text":{"body":"hi"}}`)})
			b.settle(models.SendResult{ID: lost.ID, State: models.SendFailed, ErrorCode: code, ErrorTitle: "t"})
		}
		b.translate(b.status("wamid.out", "sent", "15550177321", waba.Tracking{Origin: "broadcast", Send: lost.ID, Broadcast: "spring"}).Body)
		after, err := b.store.BroadcastByID(t.Context(), b.number.BusinessID, made.ID)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"131026": 2}, after.Failures)
	})
}

// A broadcast is closed before, after or between the statuses of its messages: it is complete once, when all have come.
func TestCloseBroadcast(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.BroadcastCompleted)
		completed := func() int {
			types, _ := b.told(w)
			return len(types)
		}
		planned := func() (models.Broadcast, waba.Tracking) {
			made, _, err := b.store.CreateBroadcast(t.Context(), models.Broadcast{BusinessID: b.number.BusinessID, NumberID: b.number.ID, Name: "Spring"}, models.BroadcastPlan{Body: []byte("{}")})
			require.NoError(t, err)
			_, err = b.store.AddRecipients(t.Context(), made.BusinessID, made.ID, []models.Recipient{{To: "15551"}, {To: "15552"}, {To: "15553"}})
			require.NoError(t, err)
			_, err = b.store.StartBroadcast(t.Context(), made.BusinessID, made.ID)
			require.NoError(t, err)
			return made, waba.Tracking{Origin: "broadcast", Broadcast: made.Reference}
		}
		closing := func(made models.Broadcast, total int64) {
			require.NoError(t, b.recorder.CloseBroadcast(t.Context(), made.BusinessID, made.ID, total))
			require.NoError(t, b.recorder.CloseBroadcast(t.Context(), made.BusinessID, made.ID, total))
		}
		made, tracking := planned()
		b.translate(b.status("wamid.1", "sent", "15551", tracking).Body, b.status("wamid.2", "failed", "15552", tracking).Body)
		require.Zero(t, completed(), "a third is to come")
		closing(made, 2)
		require.Equal(t, 1, completed(), "the third will not come")
		require.Equal(t, int64(2), b.last(w, event.BroadcastCompleted).Broadcast.TotalRecipients)

		made, tracking = planned()
		closing(made, 2)
		b.translate(b.status("wamid.3", "sent", "15551", tracking).Body)
		require.Equal(t, 1, completed())
		b.translate(b.status("wamid.4", "sent", "15552", tracking).Body)
		require.Equal(t, 2, completed())

		made, _ = planned()
		closing(made, 0)
		require.Equal(t, 3, completed(), "it went to nobody")
		require.Equal(t, made.ID, b.last(w, event.BroadcastCompleted).Broadcast.ID)
		require.ErrorIs(t, b.recorder.CloseBroadcast(t.Context(), made.BusinessID+1, made.ID, 0), models.ErrNotFound)
	})
}

// Who stopped marketing is kept, whoever tells of it, and for nobody else's broadcasts.
func TestOptOutsAreNoted(t *testing.T) {
	preference := func(value, category string, at int) []byte {
		return envelope(fmt.Sprintf(`{"field":"user_preferences","value":{"messaging_product":"whatsapp","metadata":{"phone_number_id":"600"},"contacts":[{"profile":{"name":"Ada"},"wa_id":"15550177321","user_id":"US.1"}],`+
			`"user_preferences":[{"wa_id":"15550177321","user_id":"US.1","category":%q,"value":%q,"timestamp":%d}]}}`, category, value, at))
	}
	onEachStore(t, func(b *bench) {
		names := func() (names []string) {
			os, err := b.store.OptOuts(t.Context(), b.number.BusinessID, models.OptOut{}, 0, 0)
			require.NoError(t, err)
			for _, o := range os {
				names = append(names, o.WaID+o.UserID)
				require.NotEmpty(t, o.Why)
				require.False(t, o.Since.IsZero())
			}
			return names
		}
		b.translate(preference("stop", "another_thing", 1793491500), preference("considers", "marketing_messages", 1793491500))
		b.translate(ofBroadcast("wamid.1", "failed", "131049"))
		require.Empty(t, names())
		b.translate(preference("stop", "marketing_messages", 1793491501))
		require.ElementsMatch(t, []string{"15550177321", "US.1"}, names())
		b.translate(preference("stop", "marketing_messages", 1793491501), preference("resume", "marketing_messages", 1793491502), preference("stop", "marketing_messages", 1793491501))
		require.Empty(t, names(), "what is told again says nothing new")

		b.translate(ofBroadcast("wamid.2", "failed", "131050"))
		require.Equal(t, []string{"1555"}, names())
		s := b.send(models.Send{SentBy: "agent", Body: []byte(`{"recipient":"US.7","text":{"body":"hi"}}`)})
		b.settle(models.SendResult{ID: s.ID, State: models.SendFailed, ErrorCode: "131050", ErrorTitle: "User has stopped marketing messages"})
		require.ElementsMatch(t, []string{"1555", "US.7"}, names())
	})
}
