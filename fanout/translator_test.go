package fanout

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/models/modelstest"
)

// queued remembers work that was queued.
type queued struct {
	mu sync.Mutex
	ws []models.Work
}

func (q *queued) Enqueue(_ context.Context, ws ...models.Work) error {
	q.mu.Lock()
	q.ws = append(q.ws, ws...)
	q.mu.Unlock()
	return nil
}

type bench struct {
	t          *testing.T
	store      *models.Store
	directory  *models.Directory
	recorder   *Recorder
	translator *Translator
	queue      *queued
	number     models.Number
	app        models.App
}

// onEachStore runs a test with a translator on both engines.
func onEachStore(t *testing.T, test func(*bench)) {
	for name, open := range map[string]func(testing.TB) *models.Store{"sqlite": modelstest.SQLite, "postgres": modelstest.Postgres} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t: t, store: open(t), queue: &queued{}}
			business, err := b.store.CreateBusiness(t.Context(), "Bakery")
			require.NoError(t, err)
			b.app, err = b.store.CreateApp(t.Context(), models.App{Name: "a", BusinessID: &business.ID, VerifyToken: "t", Secrets: []models.Secret{"s"}})
			require.NoError(t, err)
			b.number, err = b.store.CreateNumber(t.Context(), models.Number{BusinessID: business.ID, PhoneNumberID: "600", WABAID: "500", Display: "15550100200"})
			require.NoError(t, err)
			log := slog.New(slog.DiscardHandler)
			b.directory, err = models.NewDirectory(t.Context(), b.store, log)
			require.NoError(t, err)
			subs := NewSubscriptions(b.directory.Routes, log)
			b.recorder = NewRecorder(b.store, b.directory, subs, b.queue, nil, log, NewMetrics(prometheus.NewRegistry()), nil)
			b.translator = NewTranslator(b.recorder, log)
			t.Cleanup(b.translator.Close)
			test(b)
		})
	}
}

// webhook subscribes to everything; its deliveries show which events were made.
func (b *bench) webhook(events ...string) models.Webhook {
	w, err := b.store.CreateWebhook(b.t.Context(), models.Webhook{BusinessID: b.number.BusinessID, Name: "w", URL: "https://example.com/", Events: events, Dialect: "wabagate", Active: true})
	require.NoError(b.t, err)
	require.NoError(b.t, b.directory.Refresh(b.t.Context()))
	return w
}

// translate accepts callbacks as one group and translates it.
func (b *bench) translate(bodies ...[]byte) {
	b.t.Helper()
	cs := make([]models.Callback, len(bodies))
	for i, body := range bodies {
		cs[i] = models.Callback{AppID: b.app.ID, ReceivedAt: time.Now().UTC(), Body: body}
	}
	w := b.store.NewCallbackGroup(cs)
	require.NoError(b.t, b.store.Accept(b.t.Context(), w, cs))
	require.NoError(b.t, b.translator.Translate(b.t.Context(), w))
}

// events are those that a webhook is owed, oldest first.
func (b *bench) events(w models.Webhook) []event.Data {
	b.t.Helper()
	rows, err := b.store.Deliveries(b.t.Context(), w.ID, models.DeliveryFilter{Limit: 200})
	require.NoError(b.t, err)
	var out []event.Data
	for i := len(rows) - 1; i >= 0; i-- {
		d, err := b.store.Delivery(b.t.Context(), b.number.BusinessID, rows[i].EventID, w.ID)
		require.NoError(b.t, err)
		data, err := eventOf(d.Event, beside{}).Decode()
		require.NoError(b.t, err)
		out = append(out, data)
	}
	return out
}

// Statuses in any order, alone or together, doubled: each is reported once, and the message's status never goes back.
func TestStatusesNeverGoBack(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.MessageReport)
		rng := rand.New(rand.NewPCG(1, 2))
		steps := []string{"sent", "delivered", "read"}
		rank := map[string]int{"sent": 1, "delivered": 2, "read": 3}
		for message := range 6 {
			var bodies [][]byte
			for _, i := range append(rng.Perm(3), rng.Perm(3)...) {
				bodies = append(bodies, envelope(messages("600", fmt.Sprintf(`"statuses":[{"id":"wamid.%d","status":%q,"timestamp":"1793491200","recipient_id":"155"}]`, message, steps[i]))))
			}
			if message%2 == 0 {
				b.translate(bodies...)
			} else {
				for _, body := range bodies {
					b.translate(body)
				}
			}
		}
		current := map[string]int{}
		reports := b.events(w)
		require.Len(t, reports, 18)
		for _, d := range reports {
			require.GreaterOrEqual(t, rank[d.Status.Current], rank[d.Status.Status])
			require.GreaterOrEqual(t, rank[d.Status.Current], current[d.Status.MessageID])
			current[d.Status.MessageID] = rank[d.Status.Current]
		}
		for _, r := range current {
			require.Equal(t, 3, r)
		}
	})
}

// A customer known by number who then comes with a user id, and later with the user id alone, stays one contact in one
// conversation, whose sequence has no gap.
func TestOneContactUnderSeveralNames(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook("*")
		say := func(wamid, sender, contact string) []byte {
			return envelope(messages("600", fmt.Sprintf(`"contacts":[%s],"messages":[{"id":%q,%s,"timestamp":"1793491200","type":"text","text":{"body":"hi"}}]`, contact, wamid, sender)))
		}
		b.translate(say("wamid.1", `"from":"155"`, `{"profile":{"name":"Ada"},"wa_id":"155"}`))
		b.translate(
			say("wamid.2", `"from":"155","from_user_id":"US.1"`, `{"profile":{"name":"Ada L"},"wa_id":"155","user_id":"US.1"}`),
			say("wamid.3", `"from_user_id":"US.1"`, `{"profile":{"name":"Ada L","username":"ada"},"user_id":"US.1"}`),
			say("wamid.1", `"from":"155"`, `{"profile":{"name":"Ada"},"wa_id":"155"}`)) // again
		b.translate(say("wamid.4", `"from_user_id":"US.1"`, `{"profile":{"name":"Ada L"},"user_id":"US.1"}`))
		var contacts, conversations int
		var sequence []int64
		ids := map[int64]bool{}
		for _, d := range b.events(w) {
			ids[d.Contact.ID] = true
			if d.Conversation == nil {
				if d.Previous == nil {
					contacts++
				}
				continue
			}
			if d.Message != nil && d.Sequence == 1 {
				conversations++
			}
			sequence = append(sequence, d.Sequence)
		}
		require.Len(t, ids, 1)
		require.Equal(t, 1, contacts, "contact.created once")
		require.Equal(t, 1, conversations, "conversation.created once, first")
		require.Equal(t, []int64{1, 2, 3, 4, 5}, sequence)
		last := b.events(w)
		require.Equal(t, "Ada L", last[len(last)-1].Contact.Name)
		require.Equal(t, "155", last[len(last)-1].Contact.WaID, "the number is still known when it is withheld")
	})
}

// A dense group owes each webhook one piece of work with many members, bounded in size.
func TestDeliveriesAreGrouped(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.MessageReceived)
		var bodies [][]byte
		for i := range 230 {
			bodies = append(bodies, envelope(messages("600", fmt.Sprintf(`"messages":[{"id":"wamid.%d","from":"15%d","timestamp":"1793491200","type":"text","text":{"body":"hi"}}]`, i, i%7))))
		}
		b.translate(bodies...)
		members := 0
		for _, work := range b.queue.ws {
			require.Equal(t, w.ID, work.WebhookID)
			require.LessOrEqual(t, len(work.Members), groupSize)
			members += len(work.Members)
		}
		require.Equal(t, 230, members)
		require.Len(t, b.queue.ws, 3)
	})
}

// A body that is no callback is told to those who get events, and not to a receiver that expects the platform's envelope.
func TestRawDialectsAreOwedEnvelopesOnly(t *testing.T) {
	onEachStore(t, func(b *bench) {
		ordinary := b.webhook("*")
		raw, err := b.store.CreateWebhook(b.t.Context(), models.Webhook{BusinessID: b.number.BusinessID, Name: "raw", URL: "https://example.com/", Events: []string{"*"}, Dialect: "cloud", Active: true})
		require.NoError(b.t, err)
		require.NoError(b.t, b.directory.Refresh(b.t.Context()))
		b.translate([]byte("hello"))
		require.Len(b.t, b.events(ordinary), 1)
		require.Empty(b.t, b.events(raw))
		b.translate(envelope(messages("600", status1)))
		require.Len(b.t, b.events(ordinary), 2)
		require.Len(b.t, b.events(raw), 1)
	})
}

// A callback of thousands of messages is translated in several transactions, and each message told once.
func TestALargeCallback(t *testing.T) {
	onEachStore(t, func(b *bench) {
		w := b.webhook(event.HistoryMessage)
		const n = 5000
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{"from":"155","id":"wamid.%d","timestamp":"1790000000","type":"text","text":{"body":"old"},"history_context":{"status":"READ"}}`, i))
		}
		body := envelope(fmt.Sprintf(`{"field":"history","value":{"metadata":{"phone_number_id":"600"},"history":[{"metadata":{"phase":0,"chunk_order":1,"progress":55},"threads":[{"id":"155","messages":[%s]}]}]}}`, strings.Join(all, ",")))
		b.translate(body, body)
		b.translate(body)
		s, err := b.store.Stats(t.Context(), w.ID, time.Time{})
		require.NoError(t, err)
		require.Equal(t, int64(n), s.Total)
	})
}
