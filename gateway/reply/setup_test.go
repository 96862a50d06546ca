package reply

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/fanout"
	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/models/modelstest"
	"wabagate/waba/outgoing"
	"wabagate/waba/wabatest"
)

const (
	customer = "15550177321"
	modelKey = "sk-hush"
)

// bench is a responder over a real store and a translator, beside a model on loopback. What it sends is taken by a platform
// that accepts everything at once.
type bench struct {
	*Responder
	t          testing.TB
	store      *models.Store
	directory  *models.Directory
	translator *fanout.Translator
	recorder   *fanout.Recorder
	sim        *wabatest.Server
	base       string // of the model
	log        *logBuffer
	number     models.Number
	webhook    models.Webhook

	mu       sync.Mutex
	ahead    time.Duration // of the clock
	said     []models.Send // that were made, in order
	wamids   int
	sendFail error // the next Send fails so, after it has kept the messages
}

func setup(t testing.TB) *bench {
	t.Helper()
	ctx := t.Context()
	b := &bench{t: t, log: &logBuffer{}, sim: wabatest.New(wabatest.Options{ModelKey: modelKey}), store: modelstest.SQLite(t)}
	t.Cleanup(b.sim.Close)
	base, err := b.sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	b.base = base + "/v1"
	b.number = b.newNumber("600", "15550100200")
	log := slog.New(slog.NewTextHandler(b.log, nil))
	b.webhook, err = b.store.CreateWebhook(ctx, models.Webhook{BusinessID: b.number.BusinessID, Name: "w", URL: "https://example.com/", Events: []string{"*"}, Dialect: "wabagate", Active: true})
	require.NoError(t, err)
	b.directory, err = models.NewDirectory(ctx, b.store, log)
	require.NoError(t, err)
	b.recorder = fanout.NewRecorder(b.store, b.directory, fanout.NewSubscriptions(b.directory.Routes, log), discard{}, nil, log, fanout.NewMetrics(prometheus.NewRegistry()), nil)
	b.translator = fanout.NewTranslator(b.recorder, log)
	t.Cleanup(b.translator.Close)
	b.Responder = New(Options{Store: b.store, HTTP: &http.Client{Transport: &http.Transport{}}, Send: b.take, Recorder: b.recorder, Now: b.clock, Log: log,
		Metrics: NewMetrics(prometheus.NewRegistry())})
	t.Cleanup(b.Close)
	b.set(b.number, func(*models.Replies) {})
	return b
}

// discard is a queue: the tests take work out of the outbox.
type discard struct{}

func (discard) Enqueue(context.Context, ...models.Work) error { return nil }

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Add(b.ahead)
}

// newNumber connects a number of a business of its own.
func (b *bench) newNumber(id, display string) models.Number {
	b.t.Helper()
	business, err := b.store.CreateBusiness(b.t.Context(), "Business "+id)
	require.NoError(b.t, err)
	if b.number.ID == 0 {
		_, err = b.store.CreateApp(b.t.Context(), models.App{Name: "a", VerifyToken: "t", Secrets: []models.Secret{"s"}})
		require.NoError(b.t, err)
	}
	n, err := b.store.CreateNumber(b.t.Context(), models.Number{BusinessID: business.ID, PhoneNumberID: id, Display: display})
	require.NoError(b.t, err)
	return n
}

// set switches the replies of a number on, and changes them.
func (b *bench) set(n models.Number, change func(*models.Replies)) {
	b.t.Helper()
	_, err := b.store.SetReplies(b.t.Context(), n.BusinessID, n.ID, func(r *models.Replies) error {
		if r.Kind == "" {
			*r = models.Replies{NumberID: n.ID, Kind: models.RepliesByModel, URL: b.base, Model: "demo-1", Key: modelKey, Prompt: "Be kind.", History: 20, Timeout: 5 * time.Second,
				PerHour: 30, PerDay: 100, Keywords: []string{"agent"}, Active: true}
		}
		change(r)
		return nil
	})
	require.NoError(b.t, err)
	require.NoError(b.t, b.directory.Refresh(b.t.Context()))
}

// hear has the gateway translate a message that somebody wrote to a number, now.
func (b *bench) hear(n models.Number, from, text string) {
	b.t.Helper()
	b.mu.Lock()
	b.wamids++
	id := fmt.Sprintf("wamid.in.%06d", b.wamids)
	b.mu.Unlock()
	b.translate(n, fmt.Sprintf(`"messages":[{"from":%q,"id":%q,"timestamp":"%d","type":"text","text":{"body":%s}}]`, from, id, b.clock().Unix(), quoted(text)))
}

func quoted(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}

func (b *bench) translate(n models.Number, value string) {
	b.t.Helper()
	body := fmt.Sprintf(`{"object":"whatsapp_business_account","entry":[{"id":"500","changes":[{"field":"messages","value":{"messaging_product":"whatsapp",`+
		`"metadata":{"display_phone_number":%q,"phone_number_id":%q},%s}}]}]}`, n.Display, n.PhoneNumberID, value)
	app, _ := b.directory.App("a")
	cs := []models.Callback{{AppID: app.ID, ReceivedAt: time.Now().UTC(), Body: []byte(body)}}
	w := b.store.NewCallbackGroup(cs)
	require.NoError(b.t, b.store.Accept(b.t.Context(), w, cs))
	require.NoError(b.t, b.translator.Translate(b.t.Context(), w))
}

// take keeps messages as the sender does, and lets the platform accept them at once.
func (b *bench) take(ctx context.Context, sends ...models.Send) ([]models.Send, error) {
	kept, _, err := b.store.CreateSends(ctx, sends)
	if err != nil {
		return nil, err
	}
	for _, s := range kept {
		if s.Existed {
			continue
		}
		if m, err := outgoing.Parse(s.Body); err != nil || m.Text != s.Text || m.To != s.To || m.Recipient != s.Recipient {
			return nil, fmt.Errorf("the platform would not take %s: %v", s.Body, err)
		}
		b.mu.Lock()
		b.said = append(b.said, s)
		b.mu.Unlock()
		b.deliver(ctx, s)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	err, b.sendFail = b.sendFail, nil
	return kept, err
}

// deliver settles a message as accepted, with the gateway's own callback, and translates that.
func (b *bench) deliver(ctx context.Context, s models.Send) {
	taken, err := b.store.TakeSends(ctx, []int64{s.ID})
	require.NoError(b.t, err)
	require.Len(b.t, taken, 1)
	r := models.SendResult{ID: s.ID, State: models.SendAccepted, Wamid: fmt.Sprintf("wamid.out.%d", s.ID), WaID: s.To}
	body, err := json.Marshal(models.Told{Sends: []models.ToldSend{{ID: s.ID, Wamid: r.Wamid, WaID: r.WaID, At: time.Now()}}})
	require.NoError(b.t, err)
	cs := []models.Callback{{AppID: models.OwnApp, ReceivedAt: time.Now().UTC(), Body: body}}
	w := b.store.NewCallbackGroup(cs)
	require.NoError(b.t, b.store.SettleSends(ctx, models.SendSettlement{Results: []models.SendResult{r}, Callbacks: cs, Work: []models.Work{w}}))
	require.NoError(b.t, b.translator.Translate(ctx, w))
}

// agentWrites has somebody of the business write to the customer through the gateway.
func (b *bench) agentWrites(n models.Number, to string) {
	b.t.Helper()
	_, err := b.take(b.t.Context(), models.Send{BusinessID: n.BusinessID, NumberID: n.ID, SentBy: "agent", To: to, Type: "text", Text: "Sara here",
		Body: fmt.Appendf(nil, `{"to":%q,"type":"text","text":{"body":"Sara here"}}`, to)})
	require.NoError(b.t, err)
}

// asked is the work that waits for a responder.
func (b *bench) asked() (ws []models.Work) {
	b.t.Helper()
	all, err := b.store.Unfinished(b.t.Context(), time.Now().Add(time.Hour), 0, 1000)
	require.NoError(b.t, err)
	for _, w := range all {
		if w.Kind == models.ReplyMessages {
			ws = append(ws, w)
		}
	}
	return ws
}

// work does all work that waits, one after the other and at once.
func (b *bench) work() {
	b.t.Helper()
	for _, w := range b.asked() {
		require.NoError(b.t, b.Do(b.t.Context(), w, nil))
	}
}

// workInTime does the same as the queue has it done: when it is due. That is what conversations of several turns need.
func (b *bench) workInTime() {
	b.t.Helper()
	for _, w := range b.asked() {
		time.Sleep(time.Until(w.DueAt))
		require.NoError(b.t, b.Do(b.t.Context(), w, nil))
	}
}

// byAI are the texts that were sent by the AI.
func (b *bench) byAI() (texts []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.said {
		if s.SentBy == sentBy {
			texts = append(texts, s.Text)
		}
	}
	return texts
}

// conversation is the only one of a number with somebody.
func (b *bench) conversation(n models.Number) models.ConversationRow {
	b.t.Helper()
	vs, err := b.store.Conversations(b.t.Context(), n.BusinessID, models.ConversationFilter{NumberID: n.ID})
	require.NoError(b.t, err)
	require.Len(b.t, vs, 1)
	return vs[0]
}

// told are the events of a type that the webhook is owed, oldest first.
func (b *bench) told(typ string) (data []event.Data) {
	b.t.Helper()
	ds, err := b.store.Deliveries(b.t.Context(), b.webhook.ID, models.DeliveryFilter{Types: []string{typ}, Limit: 200})
	require.NoError(b.t, err)
	for i := len(ds) - 1; i >= 0; i-- {
		e, err := b.store.EventByID(b.t.Context(), ds[i].EventID)
		require.NoError(b.t, err)
		d, err := eventOf(e).Decode()
		require.NoError(b.t, err)
		data = append(data, d)
	}
	return data
}

// handedOver expects that a person has the conversation for a reason, that the business was told so once, and that the
// next message is not asked an answer for.
func (b *bench) handedOver(n models.Number, why reason) models.AISetting {
	b.t.Helper()
	v := b.conversation(n)
	require.Equal(b.t, string(why), v.AI.Off, v.AI.Detail)
	require.NotEmpty(b.t, v.AI.Detail)
	require.WithinDuration(b.t, b.clock(), v.AI.At, time.Minute)
	require.Empty(b.t, b.asked())
	if n.ID == b.number.ID {
		var handed []event.Data
		for _, d := range b.told(event.ConversationUpdated) {
			if d.Conversation.AI == "off" {
				handed = append(handed, d)
			}
		}
		require.Len(b.t, handed, 1)
		require.Equal(b.t, []string{string(why), v.AI.Detail}, []string{handed[0].Conversation.AIReason, handed[0].Conversation.AIDetail})
		require.JSONEq(b.t, `{"ai":"on"}`, string(handed[0].Previous))
	}
	b.hear(n, v.Contact.WaID, "are you there?")
	require.Empty(b.t, b.asked(), "silent from now on")
	return v.AI
}

// logBuffer is what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }
