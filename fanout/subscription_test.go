package fanout

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

// hook subscribes a webhook of the business.
func (b *bench) hook(w models.Webhook) models.Webhook {
	b.t.Helper()
	w.BusinessID, w.Name, w.URL, w.Active = b.number.BusinessID, "w", "https://example.com/", true
	if w.Dialect == "" {
		w.Dialect = dialect.Default
	}
	w, err := b.store.CreateWebhook(b.t.Context(), w)
	require.NoError(b.t, err)
	require.NoError(b.t, b.directory.Refresh(b.t.Context()))
	return w
}

func textOf(wamid, from, text string, at int) []byte {
	return envelope(messages("600", fmt.Sprintf(`"contacts":[{"profile":{"name":"Ada"},"wa_id":%q}],"messages":[{"from":%q,"id":%q,"timestamp":"%d","type":"text","text":{"body":%q}}]`, from, from, wamid, at, text)))
}

// A digest tells the conversation as it was when the message came, for ever; businesses without such a webhook keep none.
func TestDigests(t *testing.T) {
	onEachStore(t, func(b *bench) {
		b.translate(textOf("wamid.0", "155", "before there was a webhook", 1793491100))
		w := b.hook(models.Webhook{Events: []string{"*"}, Dialect: "digest"})
		b.translate(
			textOf("wamid.1", "155", "Is it open?", 1793491200),
			envelope(`{"field":"smb_message_echoes","value":{"metadata":{"phone_number_id":"600"},"message_echoes":[{"from":"15550100200","to":"155","id":"wamid.e","timestamp":"1793491260","type":"text","text":{"body":"Until six"}}]}}`),
			textOf("wamid.x", "199", "somebody else", 1793491270),
			textOf("wamid.2", "155", "شكرا", 1793491300))
		rows, err := b.store.Deliveries(t.Context(), w.ID, models.DeliveryFilter{})
		require.NoError(t, err)
		require.Len(t, rows, 3, "incoming messages and nothing else")
		render := func(event int64) (payload struct {
			Messages []struct{ Text string }
			Last     string `json:"last_system_message"`
			Summary  string
			Labels   string
		}) {
			digests, err := b.store.DigestsByEvent(t.Context(), []int64{event})
			require.NoError(t, err)
			d, err := b.store.Delivery(t.Context(), b.number.BusinessID, event, w.ID)
			require.NoError(t, err)
			spoken, _ := dialect.Lookup("digest")
			body, err := spoken.Render(nil, eventOf(d.Event, beside{digest: digests[event]}))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(body, &payload))
			return payload
		}
		before := render(rows[0].EventID)
		var texts []string
		for _, m := range before.Messages {
			texts = append(texts, m.Text)
		}
		require.Equal(t, []string{"before there was a webhook", "Is it open?", "Until six", "شكرا"}, texts)
		require.Equal(t, "Until six", before.Last)
		require.Contains(t, before.Summary, "Ada")

		// What happens later does not change what was told.
		b.translate(envelope(messages("600", `"messages":[{"from":"155","id":"wamid.d","timestamp":"1793491400","type":"revoke","revoke":{"original_message_id":"wamid.1"}}]`)))
		_, err = b.recorder.SetConversation(t.Context(), b.number.BusinessID, b.last(w, event.MessageReceived).Conversation.ID, func(s *models.ConversationSettings) error {
			s.Labels = []string{"vip"}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, before, render(rows[0].EventID))
		b.translate(textOf("wamid.3", "155", "and tomorrow?", 1793491500))
		rows, err = b.store.Deliveries(t.Context(), w.ID, models.DeliveryFilter{Limit: 1})
		require.NoError(t, err)
		after := render(rows[0].EventID)
		require.Equal(t, "vip", after.Labels)
		require.Len(t, after.Messages, 5)
		require.Empty(t, after.Messages[1].Text, "it was deleted")
	})
}

// A receiver that has to answer a challenge and has not gets nothing; its deliveries wait.
func TestUnverifiedGetsNothing(t *testing.T) {
	onEachStore(t, func(b *bench) {
		unverified := b.hook(models.Webhook{Events: []string{"*"}, Dialect: "awalchat", VerifyReason: "it answered 404"})
		verified := b.hook(models.Webhook{Events: []string{"*"}, Dialect: "awalchat", Verified: true})
		b.translate(textOf("wamid.1", "155", "hi", 1793491200))
		state := func(w models.Webhook) []models.DeliveryState {
			rows, err := b.store.Deliveries(t.Context(), w.ID, models.DeliveryFilter{})
			require.NoError(t, err)
			var states []models.DeliveryState
			for _, r := range rows {
				states = append(states, r.State)
			}
			return states
		}
		require.Equal(t, []models.DeliveryState{models.Held, models.Held, models.Held}, state(unverified))
		require.Equal(t, []models.DeliveryState{models.Pending, models.Pending, models.Pending}, state(verified))
		for _, w := range b.queue.ws {
			require.Equal(t, verified.ID, w.WebhookID)
		}
	})
}

// A webhook with a filter is owed what the filter lets through.
func TestFilteredWebhook(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.hook(models.Webhook{Events: []string{"message.*"}, Filter: json.RawMessage(`{"all":[{"field":"message.text","prefix":"STOP"},{"not":{"field":"contact.wa_id","eq":"199"}}]}`)})
		b.translate(textOf("wamid.1", "155", "STOP it", 1793491200), textOf("wamid.2", "155", "go on", 1793491201), textOf("wamid.3", "199", "STOP", 1793491202))
		got := b.events(w)
		require.Len(t, got, 1)
		require.Equal(t, "wamid.1", got[0].Message.ID)
	})
}
