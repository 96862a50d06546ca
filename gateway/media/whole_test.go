package media_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/fanout"
	"wabagate/fanout/event"
	"wabagate/gateway/media"
	"wabagate/models"
	"wabagate/models/modelstest"
	"wabagate/waba/graph"
	"wabagate/waba/wabatest"
)

// discard is a queue for work that nobody does.
type discard struct{}

func (discard) Enqueue(context.Context, ...models.Work) error { return nil }

// From the customer's message to the link in its event, through the platform, the translator and the files, on both engines.
func TestWhole(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *models.Store{"sqlite": modelstest.SQLite, "postgres": modelstest.Postgres} {
		t.Run(name, func(t *testing.T) { whole(t, open(t)) })
	}
}

func whole(t *testing.T, store *models.Store) {
	ctx := t.Context()
	log := slog.New(slog.DiscardHandler)
	business, err := store.CreateBusiness(ctx, "Bakery")
	require.NoError(t, err)
	app, err := store.CreateApp(ctx, models.App{Name: "a", BusinessID: &business.ID, VerifyToken: "t", Secrets: []models.Secret{wabatest.DefaultAppSecret}})
	require.NoError(t, err)
	number, err := store.CreateNumber(ctx, models.Number{BusinessID: business.ID, PhoneNumberID: wabatest.DefaultNumberID, WABAID: wabatest.DefaultWABAID})
	require.NoError(t, err)
	w, err := store.CreateWebhook(ctx, models.Webhook{BusinessID: business.ID, Name: "w", URL: "https://example.com/", Dialect: "wabagate", Active: true,
		Events: []string{event.MessageReceived, event.MediaReady, event.MediaFailed}})
	require.NoError(t, err)
	require.NoError(t, store.SetMediaAhead(ctx, business.ID, number.ID, true))
	directory, err := models.NewDirectory(ctx, store, log)
	require.NoError(t, err)

	recorder := fanout.NewRecorder(store, directory, fanout.NewSubscriptions(directory.Routes, log), discard{}, nil, log, fanout.NewMetrics(prometheus.NewRegistry()), nil)
	translator := fanout.NewTranslator(recorder, log)
	t.Cleanup(translator.Close)
	gateway := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		cs := []models.Callback{{AppID: app.ID, ReceivedAt: time.Now().UTC(), Body: body}}
		work := store.NewCallbackGroup(cs)
		if err == nil {
			err = store.Accept(ctx, work, cs)
		}
		if err == nil {
			err = translator.Translate(ctx, work)
		}
		if err != nil {
			t.Error(err)
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(gateway.Close)
	sim := wabatest.New(wabatest.Options{CallbackURL: gateway.URL, MediaURLFor: 300 * time.Millisecond})
	t.Cleanup(sim.Close)
	platform, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, store.SetUpstream(ctx, business.ID, models.Upstream{NumberID: number.ID, Style: "cloud", Base: platform, Token: wabatest.DefaultToken}))

	keep, err := media.OpenDirectory(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = keep.Close() })
	key, err := store.LinkKey(ctx)
	require.NoError(t, err)
	links := media.NewLinks("https://gw.example", key)
	recorder.LinkMedia(links)
	files, err := media.New(media.Options{Store: store, Client: graph.New(&http.Client{}, "wabagate/test"), Keep: keep, Links: links, News: recorder,
		Metrics: media.NewMetrics(prometheus.NewRegistry()), Log: log})
	require.NoError(t, err)
	t.Cleanup(files.Close)
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { files.Run(running); close(done) }()
	t.Cleanup(func() { stop(); <-done })

	_, err = sim.Receive(wabatest.Inbound{From: "15550177321", Media: &wabatest.Media{MIME: "application/pdf", Size: 80_000, Filename: "quote.pdf"}})
	require.NoError(t, err)
	_, err = sim.Receive(wabatest.Inbound{From: "15550177322", Media: &wabatest.Media{MIME: "image/jpeg", ServedMIME: "application/pdf"}})
	require.NoError(t, err)

	var events map[string][]event.Data
	require.Eventually(t, func() bool {
		events = eventsOf(t, store, w)
		return len(events[event.MediaReady]) == 1 && len(events[event.MediaFailed]) == 1
	}, 20*time.Second, 20*time.Millisecond)
	sim.Close() // two hours later the platform's address is long dead, and so, here, is the platform

	require.Len(t, events[event.MessageReceived], 2)
	i := 0
	if events[event.MessageReceived][0].Message.Media.Filename == "" {
		i = 1
	}
	message, ready, failed := events[event.MessageReceived][i], events[event.MediaReady][0], events[event.MediaFailed][0]
	require.Equal(t, message.Message.Media.URL, ready.File.URL)
	require.Equal(t, message.Message.ID, ready.File.MessageID)
	require.Equal(t, "type_differs", failed.File.Failure)
	link, err := url.Parse(message.Message.Media.URL)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(link.String(), "https://gw.example/media/"))
	f, err := files.OpenLink(ctx, strings.TrimPrefix(link.Path, media.Path), link.Query().Get("token"))
	require.NoError(t, err)
	require.Equal(t, []any{"quote.pdf", int64(80_000), ready.File.SHA256}, []any{f.Name, f.Size, f.SHA256})
	r, err := f.Read(ctx, 0, f.Size)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Len(t, got, 80_000)

	// The customer asks to be forgotten: nothing of the file stays.
	erasure := models.Erasure{}
	for erasure.ErasedAt.IsZero() {
		erasure, err = store.Erase(ctx, business.ID, message.Contact.ID, "key", time.Second)
		require.NoError(t, err)
	}
	_, err = files.OpenLink(ctx, strings.TrimPrefix(link.Path, media.Path), link.Query().Get("token"))
	require.ErrorIs(t, err, models.ErrNotFound)
	require.NoError(t, files.Sweep(ctx))
	_, err = f.Read(ctx, 0, f.Size)
	require.Error(t, err)
}

// eventsOf reads what a webhook is to get, by type.
func eventsOf(t *testing.T, store *models.Store, w models.Webhook) map[string][]event.Data {
	t.Helper()
	rows, err := store.Deliveries(t.Context(), w.ID, models.DeliveryFilter{Limit: 100})
	require.NoError(t, err)
	out := map[string][]event.Data{}
	for _, row := range rows {
		d, err := store.Delivery(t.Context(), w.BusinessID, row.EventID, w.ID)
		require.NoError(t, err)
		data, err := event.Event{Type: d.Event.Type, Data: d.Event.Data}.Decode()
		require.NoError(t, err)
		out[d.Event.Type] = append(out[d.Event.Type], data)
	}
	return out
}
