package fanout

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

// Whoever tells first, a message that was sent is told once, with its actor; and never as a customer's.
func TestWhoSentAMessage(t *testing.T) {
	status := func(wamid, tracking string) []byte {
		return envelope(messages("600", fmt.Sprintf(`"statuses":[{"id":%q,"status":"sent","timestamp":"1793491200","recipient_id":"15550155","biz_opaque_callback_data":%q}]`, wamid, tracking)))
	}
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.MessageSent, event.AIReplied, event.MessageReceived)
		b.translate(status("wamid.ai", "origin=ai"), status("wamid.agent", "origin=agent;ticket=9"), status("wamid.unsaid", "order-7"))
		d := b.last(w, event.AIReplied)
		require.Equal(t, "ai", d.Message.SentBy)
		require.Equal(t, "outbound", d.Message.Direction)
		require.NotZero(t, d.Conversation.ID)
		require.Equal(t, "agent", b.last(w, event.MessageSent).Message.SentBy)
		types, _ := b.told(w)
		require.Len(t, types, 2, "a tracking string of the business's own says nothing")

		// The gateway sends one; statuses and an echo of it follow, and a provider hands it back as inbound.
		send := b.send(models.Send{To: "15550155", SentBy: "system", Body: []byte(`{"to":"15550155","type":"text","text":{"body":"On its way"}}`)})
		b.settle(models.SendResult{ID: send.ID, State: models.SendAccepted, Wamid: "wamid.api", WaID: "15550155"})
		b.translate(status("wamid.api", fmt.Sprintf("origin=system;send=%d", send.ID)),
			envelope(`{"field":"smb_message_echoes","value":{"metadata":{"phone_number_id":"600"},"message_echoes":[{"from":"15550100200","to":"15550155","id":"wamid.api","timestamp":"1793491301","type":"text","text":{"body":"On its way"}}]}}`),
			envelope(messages("600", `"messages":[{"from":"15550100200","id":"wamid.api","timestamp":"1793491301","type":"text","text":{"body":"On its way"}}]`)))
		types, _ = b.told(w)
		require.Len(t, types, 3)
		d = b.last(w, event.MessageSent)
		require.Equal(t, "system", d.Message.SentBy)
		require.Equal(t, "On its way", d.Message.Text)
		require.Equal(t, "On its way", b.kept("wamid.api").Text)
		require.Equal(t, "sent", b.kept("wamid.api").Status)

		b.translate(envelope(`{"field":"smb_message_echoes","value":{"metadata":{"phone_number_id":"600"},"message_echoes":[{"from":"15550100200","to":"15550155","id":"wamid.phone","timestamp":"1793491302","type":"text","text":{"body":"typed"}}]}}`))
		d = b.last(w, event.MessageSent)
		require.Equal(t, "app", d.Message.SentBy)
		require.Equal(t, "15550155", d.Message.To)
	})
}

// A broadcast is counted from the tracking strings, each recipient once, whatever the order.
func TestBroadcasts(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook("broadcast.*")
		var bodies [][]byte
		for i := range 30 {
			for _, s := range []string{"sent", "delivered", "read"} {
				if i >= 25 && s == "delivered" {
					s = "failed"
				}
				if i >= 20 && s == "read" {
					continue
				}
				bodies = append(bodies, envelope(messages("600", fmt.Sprintf(`"statuses":[{"id":"wamid.%d","status":%q,"timestamp":"1793491200","recipient_id":"155%02d","biz_opaque_callback_data":"broadcast=89;template=diwali_offer;recipients=30"}]`, i, s, i))))
			}
		}
		rng := rand.New(rand.NewPCG(8, 9))
		bodies = append(bodies, bodies[:20]...) // again
		rng.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
		for len(bodies) > 0 {
			n := min(len(bodies), 1+rng.IntN(20))
			b.translate(bodies[:n]...)
			bodies = bodies[n:]
		}
		types, _ := b.told(w)
		require.Equal(t, event.BroadcastCompleted, types[len(types)-1])
		require.Equal(t, 1, strings.Count(strings.Join(types, " "), event.BroadcastCompleted))
		require.Contains(t, types, event.BroadcastProgress)
		all, err := b.store.ListBroadcasts(t.Context(), b.number.BusinessID, 0, 10)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, []int64{30, 25, 25, 20, 5}, []int64{all[0].Total, all[0].Sent, all[0].Delivered, all[0].Read, all[0].Failed})
		contacts, err := b.store.Contacts(t.Context(), b.number.BusinessID, models.ContactFilter{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, contacts, "a broadcast makes nobody a contact")

		// One that is registered when it has been sent already is complete at once.
		b.translate(envelope(messages("600", `"statuses":[{"id":"wamid.o","status":"failed","timestamp":"1793491200","recipient_id":"1","biz_opaque_callback_data":"broadcast=x"}]`)))
		made, err := b.recorder.RegisterBroadcast(t.Context(), models.Broadcast{BusinessID: b.number.BusinessID, NumberID: b.number.ID, Reference: "x", Name: "Spring", Total: 1})
		require.NoError(t, err)
		require.Equal(t, int64(1), made.Failed)
		require.False(t, made.CompletedAt.IsZero())
		require.Equal(t, "Spring", b.last(w, event.BroadcastCompleted).Broadcast.Name)
	})
}
