package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout/event"
	"wabagate/models"
)

// pulled is what a pull answers.
type pulled struct {
	Events []json.RawMessage `json:"events"`
	Next   string            `json:"next_cursor"`
	Before string            `json:"next_before"`
	More   bool              `json:"has_more"`
}

// pull asks for events with parameters in pairs.
func (b *bundle) pull(params ...string) pulled {
	b.t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	status, body := b.api("GET", "/events?"+q.Encode(), "")
	require.Equal(b.t, http.StatusOK, status, body)
	return decode[pulled](b.t, body)
}

// happen makes an event of ours.
func (b *bundle) happen(typ string) models.Event {
	b.t.Helper()
	e, err := event.Sample(typ, b.clock.now())
	require.NoError(b.t, err)
	row := models.Event{ID: b.store.NextID(), Key: event.NewKey(decimal(b.store.NextID())), BusinessID: b.ours.ID, NumberID: b.number.ID, Type: typ, CreatedAt: b.clock.now(), Data: e.Data}
	require.NoError(b.t, b.store.Translate(b.t.Context(), func(t models.Translation) error {
		return t.Write(b.t.Context(), models.Changes{Events: []models.Event{row}})
	}))
	return row
}

func TestPull(t *testing.T) {
	t.Parallel()
	b := setup(t)
	empty := b.pull()
	require.Empty(t, empty.Events)
	require.False(t, empty.More)
	require.NotEmpty(t, empty.Next, "a puller goes on from an empty page")
	first, second := b.happen("message.received"), b.happen("order.created")
	page := b.pull("after", empty.Next, "limit", "1")
	require.Len(t, page.Events, 1)
	require.True(t, page.More)
	page = b.pull("after", page.Next, "limit", "1")
	require.Len(t, page.Events, 1)
	require.False(t, page.More)
	require.Contains(t, string(page.Events[0]), event.Key(second.Key).EventID())
	require.Empty(t, b.pull("after", page.Next).Events)
	require.Empty(t, b.pull("after", "now").Events)
	require.Len(t, b.pull("types", "message.incoming,form.*").Events, 1)
	require.Len(t, b.pull("types", "*").Events, 2)
	require.Empty(t, b.pull("number_id", "4711").Events)
	require.Len(t, b.pull("number_id", decimal(b.number.ID)).Events, 2)

	// The bytes are those that a webhook of the default dialect gets.
	payload, err := b.courier.Payload(b.webhook(), first)
	require.NoError(t, err)
	require.Equal(t, string(payload), string(b.pull().Events[0]))

	status, body := b.foreign("GET", "/events", "")
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, decode[pulled](t, body).Events, "another business sees nothing")
	for query, field := range map[string]string{"after=abc": "after", "after=" + empty.Next[:27] + "A": "after", "types=message.recieved": "types", "limit=0": "limit", "limit=201": "limit",
		"wait=31": "wait", "wait=x": "wait", "number_id=x": "number_id", "before=1": "before", "q=1&phone=2": "phone", "q=1&after=x": "after", "event_id=evt_1": "event_id",
		"q=evt_zz": "q", "q=%00": "q", "phone=1&before=x": "before", "phone=1&limit=999": "limit", "phone=1&types=nothing": "types", "phone=" + strings.Repeat("1", 513): "phone"} {
		status, body := b.api("GET", "/events?"+query, "")
		require.Equal(t, http.StatusBadRequest, status, query)
		require.Equal(t, field, decode[struct{ Error api.Error }](t, body).Error.Field, query)
	}
}

// A pull that waits is answered as soon as something happens, and empty when the wait is over.
func TestPullWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	began := time.Now()
	require.Empty(t, b.pull("wait", "1").Events)
	require.GreaterOrEqual(t, time.Since(began), time.Second)
	answered := make(chan pulled, 1)
	go func() { answered <- b.pull("after", "now", "wait", "30") }()
	time.Sleep(100 * time.Millisecond) // so that it waits
	b.happen("message.received")
	select {
	case page := <-answered:
		require.Len(t, page.Events, 1)
	case <-time.After(20 * time.Second):
		t.Fatal("still waiting")
	}
	began = time.Now()
	require.Len(t, b.pull("wait", "30").Events, 1)
	require.Less(t, time.Since(began), 10*time.Second, "what is there is not waited for")
}

func TestSearchEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.store.Translate(t.Context(), func(tx models.Translation) error {
		people, err := tx.People(t.Context(), []models.PersonRef{{BusinessID: b.ours.ID, NumberID: b.number.ID, WaID: "15550177321", UserID: "US.77", Create: true}})
		if err != nil {
			return err
		}
		var c models.Changes
		for i, wamid := range []string{"wamid.a/b+c=", "wamid.2", "odd"} {
			c.Events = append(c.Events, models.Event{ID: b.store.NextID(), Key: [16]byte{byte(i)}, BusinessID: b.ours.ID, ConversationID: people[0].Conversation.ID, Type: "message.received",
				CreatedAt: time.Now(), Data: []byte(`{"business_id":1,"message":{"id":"` + wamid + `"}}`)})
		}
		return tx.Write(t.Context(), c)
	}))
	for query, want := range map[string]int{"phone=%2B1+(555)+017-7321": 3, "q=1-555-017-7321": 3, "user_id=US.77": 3, "q=US.77": 3, "wamid=wamid.a/b%2Bc=": 1, "q=wamid.2": 1, "q=odd": 1,
		"q=evt_01000000000000000000000000000000": 1, "event_id=evt_01000000000000000000000000000000": 1, "q=nobody": 0, "q=999": 0, "q=US.77&types=message.*": 3, "q=US.77&types=order.*": 0} {
		status, body := b.api("GET", "/events?"+query, "")
		require.Equal(t, http.StatusOK, status, body)
		require.Len(t, decode[pulled](t, body).Events, want, query)
		status, body = b.foreign("GET", "/events?"+query, "")
		require.Equal(t, http.StatusOK, status, body)
		require.Empty(t, decode[pulled](t, body).Events, query)
	}
	page := b.pull("phone", "15550177321", "limit", "2")
	require.Contains(t, string(page.Events[0]), "odd", "newest first")
	page = b.pull("phone", "15550177321", "limit", "2", "before", page.Before)
	require.Len(t, page.Events, 1)
	require.Empty(t, page.Before)
}

func TestEventAndTimeline(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.webhook()
	received := []models.Callback{{AppID: 9, ReceivedAt: b.clock.now(), Body: []byte(`{"the":"body"}`)}}
	require.NoError(t, b.store.Accept(t.Context(), b.store.NewCallbackGroup(received), received))
	e := models.Event{ID: b.store.NextID(), Key: [16]byte{7}, BusinessID: b.ours.ID, NumberID: b.number.ID, Type: "message.received", CallbackID: received[0].ID, CreatedAt: b.clock.now(),
		Data: []byte(`{"business_id":1,"message":{"id":"wamid.a/b=="}}`)}
	require.NoError(t, b.store.Translate(t.Context(), func(tx models.Translation) error {
		return tx.Write(t.Context(), models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: w.ID}},
			Messages: []models.Message{{NumberID: b.number.ID, Wamid: "wamid.a/b==", Inbound: true, Type: "text", Text: "secret words", SentAt: b.clock.now()}}})
	}))
	at := b.clock.now().Add(time.Second)
	_, err := b.store.Settle(t.Context(), []models.Result{{WebhookID: w.ID, Attempts: []models.Attempt{{EventID: e.ID, WebhookID: w.ID, N: 1, StartedAt: at, Status: 500, Outcome: "refused", Reason: "status 500", Answer: "boom"},
		{EventID: e.ID, WebhookID: w.ID, N: 2, StartedAt: at.Add(time.Second), Status: 200, Outcome: models.Delivered}},
		Updates: []models.DeliveryUpdate{{EventID: e.ID, State: models.Succeeded, Attempts: 2, DueAt: at}}}})
	require.NoError(t, err)

	status, body := b.api("GET", "/events/evt_07000000000000000000000000000000", "")
	require.Equal(t, http.StatusOK, status, body)
	got := decode[struct {
		Event      struct{ ID, Type string }
		Callback   struct{ ID, Size int64 }
		Deliveries []struct {
			Status   string
			Attempts int
		}
	}](t, body)
	require.Equal(t, "message.received", got.Event.Type)
	require.Equal(t, received[0].ID, got.Callback.ID)
	require.EqualValues(t, 14, got.Callback.Size)
	require.Equal(t, "succeeded", got.Deliveries[0].Status)
	require.Equal(t, 2, got.Deliveries[0].Attempts)

	for _, path := range []string{"/timeline/wamid.a%2Fb==", "/timeline/wamid.a/b=="} {
		status, body = b.api("GET", path, "")
		require.Equal(t, http.StatusOK, status, body)
		line := decode[struct {
			Wamid   string
			Message struct{ Direction, Type string }
			Steps   []struct {
				Kind    string
				Attempt struct{ Answer string }
			}
		}](t, body)
		require.Equal(t, "wamid.a/b==", line.Wamid)
		require.Equal(t, "inbound", line.Message.Direction)
		var kinds []string
		for _, s := range line.Steps {
			kinds = append(kinds, s.Kind)
		}
		require.Equal(t, []string{"callback", "event", "delivery", "attempt", "attempt"}, kinds)
		require.Equal(t, "boom", line.Steps[3].Attempt.Answer)
		require.NotContains(t, body, "secret words")
		require.NotContains(t, body, `"body"`)
	}
	for _, path := range []string{"/events/evt_07000000000000000000000000000000", "/timeline/wamid.a%2Fb=="} {
		status, _ = b.foreign("GET", path, "")
		require.Equal(t, http.StatusNotFound, status, path)
	}
	for _, path := range []string{"/events/evt_08000000000000000000000000000000", "/events/7", "/timeline/wamid.x", "/timeline/"} {
		status, _ = b.api("GET", path, "")
		require.Equal(t, http.StatusNotFound, status, path)
	}
}
