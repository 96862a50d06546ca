package fanout

import (
	"encoding/json"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/waba/outgoing"
)

// send keeps a message of the number that is to be sent, and takes it as the sender does.
func (b *bench) send(s models.Send) models.Send {
	b.t.Helper()
	m, err := outgoing.Parse(s.Body)
	require.NoError(b.t, err)
	s.BusinessID, s.NumberID = b.number.BusinessID, b.number.ID
	s.To, s.Recipient, s.Type, s.Text, s.ReplyTo, s.MediaURL = m.To, m.Recipient, m.Type, m.Text, m.ReplyTo, m.MediaLink
	kept, _, err := b.store.CreateSends(b.t.Context(), []models.Send{s})
	require.NoError(b.t, err)
	taken, err := b.store.TakeSends(b.t.Context(), []int64{kept[0].ID})
	require.NoError(b.t, err)
	require.Len(b.t, taken, 1)
	return taken[0]
}

// settle keeps what became of messages, with the gateway's own callback, as the sender does, and translates that.
func (b *bench) settle(results ...models.SendResult) {
	b.t.Helper()
	w := b.settled(results...)
	require.NoError(b.t, b.translator.Translate(b.t.Context(), w))
}

// settled does the same but for the translation, whose work it answers.
func (b *bench) settled(results ...models.SendResult) models.Work {
	b.t.Helper()
	var told models.Told
	for _, r := range results {
		told.Sends = append(told.Sends, models.ToldSend{ID: r.ID, Wamid: r.Wamid, WaID: r.WaID, UserID: r.UserID, Code: r.ErrorCode, Title: r.ErrorTitle, Detail: r.ErrorDetails, At: time.Now()})
	}
	body, err := json.Marshal(told)
	require.NoError(b.t, err)
	callbacks := []models.Callback{{AppID: models.OwnApp, ReceivedAt: time.Now().UTC(), Body: body}}
	w := b.store.NewCallbackGroup(callbacks)
	require.NoError(b.t, b.store.SettleSends(b.t.Context(), models.SendSettlement{Results: results, Callbacks: callbacks, Work: []models.Work{w}}))
	return w
}
