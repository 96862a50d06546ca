package broadcast_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout"
	"wabagate/fanout/event"
	"wabagate/fanout/fanouttest"
	"wabagate/gateway"
	"wabagate/gateway/broadcast"
	"wabagate/gateway/sending"
	"wabagate/models"
	"wabagate/models/modelstest"
	"wabagate/waba/graph"
	"wabagate/waba/wabatest"
)

// flow is a platform on loopback, a gateway that takes its callbacks, and processes that send.
type flow struct {
	t        *testing.T
	store    *models.Store
	redis    redis.UniversalClient
	sim      *wabatest.Server
	number   models.Number
	recorder *fanout.Recorder
	log      *slog.Logger
	written  *bytes.Buffer
}

// rate is what the number may send per second.
const rate = 200

func newFlow(t *testing.T, store *models.Store, redisURL string) *flow {
	ctx := t.Context()
	f := &flow{t: t, store: store, written: &bytes.Buffer{}}
	f.log = slog.New(slog.NewTextHandler(f.written, &slog.HandlerOptions{Level: slog.LevelWarn}))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(f.written.String())
		}
	})
	o, err := redis.ParseURL(redisURL)
	require.NoError(t, err)
	f.redis = redis.NewClient(o)
	t.Cleanup(func() { _ = f.redis.Close() })
	business, err := store.CreateBusiness(ctx, "Bakery")
	require.NoError(t, err)
	_, err = store.CreateApp(ctx, models.App{BusinessID: &business.ID, Name: "acme", VerifyToken: "token", Secrets: []models.Secret{wabatest.DefaultAppSecret}})
	require.NoError(t, err)
	f.number, err = store.CreateNumber(ctx, models.Number{BusinessID: business.ID, PhoneNumberID: wabatest.DefaultNumberID, WABAID: wabatest.DefaultWABAID, Display: wabatest.DefaultDisplay})
	require.NoError(t, err)
	directory, err := models.NewDirectory(ctx, store, f.log)
	require.NoError(t, err)

	metrics := gateway.NewMetrics(prometheus.NewRegistry())
	acceptor := gateway.NewAcceptor(store, nil, forgetful{}, nil, f.log, metrics)
	t.Cleanup(acceptor.Close)
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: gateway.MaxBody})
	gateway.Register(app, directory, acceptor, f.log, metrics)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = app.Listener(l) }()
	t.Cleanup(func() { _ = app.ShutdownWithTimeout(5 * time.Second) })

	f.sim = wabatest.New(wabatest.Options{CallbackURL: "http://" + l.Addr().String() + "/webhooks/cloud/acme", Throughput: rate, Latency: wabatest.At(20 * time.Millisecond), Read: 0.5})
	t.Cleanup(f.sim.Close)
	base, err := f.sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, store.SetUpstream(ctx, business.ID, models.Upstream{NumberID: f.number.ID, Style: "cloud", Base: base, Token: wabatest.DefaultToken, Rate: rate}))
	f.recorder = fanout.NewRecorder(store, directory, fanout.NewSubscriptions(directory.Routes, f.log), forgetful{}, nil, f.log, fanout.NewMetrics(prometheus.NewRegistry()), nil)
	translator := fanout.NewTranslator(f.recorder, f.log)
	t.Cleanup(translator.Close)
	t.Cleanup(f.work(models.TranslateCallbacks, translator.Translate))
	return f
}

// forgetful is a queue that loses everything: what is due is looked for in the outbox, as a reconciler does.
type forgetful struct{}

func (forgetful) Enqueue(context.Context, ...models.Work) error { return nil }

// work does the work of a kind until what it answers is called.
func (f *flow) work(kind models.Kind, do func(context.Context, models.Work) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var mu sync.Mutex
	inHand := map[int64]bool{}
	hands := make(chan struct{}, 16)
	all.Go(func() {
		for ctx.Err() == nil {
			due, _ := f.store.Unfinished(ctx, f.store.Now(), 0, 1000) // an error is one look less
			for _, w := range due {
				mu.Lock()
				skip := w.Kind != kind || inHand[w.ID]
				inHand[w.ID] = inHand[w.ID] || w.Kind == kind
				mu.Unlock()
				if skip {
					continue
				}
				hands <- struct{}{}
				all.Go(func() {
					_ = do(ctx, w) // it comes again
					mu.Lock()
					delete(inHand, w.ID)
					mu.Unlock()
					<-hands
				})
			}
			select {
			case <-time.After(30 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); all.Wait() }
}

// process is an engine and a sender, until what it answers is called.
func (f *flow) process() (stop func()) {
	hc := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 128}}
	sender := sending.New(sending.Options{Store: f.store, Client: graph.New(hc, "wabagate/test"), Redis: f.redis, Undecided: 2 * time.Second, Log: f.log,
		Metrics: sending.NewMetrics(prometheus.NewRegistry())})
	engine := broadcast.New(broadcast.Options{Store: f.store, Close: f.recorder.CloseBroadcast, Log: f.log})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { sender.Run(ctx) })
	running.Go(func() { engine.Run(ctx) })
	rest := f.work(models.SendMessages, func(ctx context.Context, w models.Work) error { return sender.Do(ctx, w, nil) })
	var once sync.Once
	return func() {
		once.Do(func() {
			cancel()
			rest()
			sender.Close()
			running.Wait()
			hc.CloseIdleConnections()
		})
	}
}

// told are the business's events of a type.
func (f *flow) told(typ string) (all []event.Data) {
	f.t.Helper()
	filter := models.FeedFilter{Types: []string{typ}, Limit: 200}
	for more := true; more; {
		page, err := f.store.Feed(f.t.Context(), f.number.BusinessID, filter)
		require.NoError(f.t, err)
		for _, e := range page.Events {
			var d event.Data
			require.NoError(f.t, json.Unmarshal(e.Data, &d))
			all = append(all, d)
		}
		filter.After, more = page.Next, page.More
	}
	return all
}

// A broadcast of a template, with recipients who are refused for a while, refused for good and not reached, one who opted out
// and one who opts out by the platform; paused and resumed, with processes that come and go: each recipient gets one message,
// at the number's pace, and what the business is told adds up.
func TestWholeBroadcast(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *flow{
		"embedded": func(t *testing.T) *flow { return newFlow(t, modelstest.SQLite(t), "redis://"+miniredis.RunT(t).Addr()) },
		"servers":  func(t *testing.T) *flow { return newFlow(t, modelstest.Postgres(t), fanouttest.RedisURL(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			ctx := t.Context()
			const n = 1000
			to := func(i int) string { return fmt.Sprint(15550200000 + i) }
			require.NoError(t, f.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultRefuse, Code: 131050, Recipient: to(7)}, wabatest.Fault{Kind: wabatest.FaultFail, Share: 0.03},
				wabatest.Fault{Kind: wabatest.FaultRefuse, Code: 131056, Share: 0.03, Times: 1}, wabatest.Fault{Kind: wabatest.FaultClose, Recipient: to(50), After: true, Times: 1}))
			b, p, err := f.store.CreateBroadcast(ctx, models.Broadcast{BusinessID: f.number.BusinessID, NumberID: f.number.ID, Name: "Spring", TemplateName: "order_ready"},
				models.BroadcastPlan{Body: []byte(`{"type":"template","template":{"name":"order_ready","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"{{name}}"}]}]}}`)})
			require.NoError(t, err)
			rs := make([]models.Recipient, n)
			for i := range rs {
				rs[i] = models.Recipient{To: to(i), Variables: map[string]string{"name": fmt.Sprint("Ada ", i)}}
			}
			_, err = f.store.AddRecipients(ctx, b.BusinessID, b.ID, rs)
			require.NoError(t, err)
			_, err = f.store.AddOptOuts(ctx, models.OptOut{BusinessID: b.BusinessID, WaID: to(3), Since: time.Now()})
			require.NoError(t, err)
			_, err = f.store.StartBroadcast(ctx, b.BusinessID, b.ID)
			require.NoError(t, err)

			began := time.Now()
			stop := f.process()
			for range 3 { // one comes, and the one before goes
				time.Sleep(700 * time.Millisecond)
				next := f.process()
				stop()
				stop = next
			}
			t.Cleanup(stop)
			_, err = f.store.PauseBroadcast(ctx, b.BusinessID, b.ID)
			require.NoError(t, err)
			time.Sleep(500 * time.Millisecond) // what was underway
			quiet := f.sim.Tally().Requests
			time.Sleep(500 * time.Millisecond)
			require.InDelta(t, quiet, f.sim.Tally().Requests, 2, "it is paused") // but for one that is tried again
			_, _, err = f.store.ResumeBroadcast(ctx, b.BusinessID, b.ID)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return len(f.told(event.BroadcastCompleted)) > 0 }, time.Minute, 200*time.Millisecond)

			tally := f.sim.Tally()
			require.Equal(t, []int{n - 2, n - 2, 0}, []int{tally.Accepted, tally.Recipients, tally.Duplicates}, "one opted out, one is refused")
			require.LessOrEqual(t, tally.Peak, rate+rate/20)
			require.Zero(t, tally.Refused[130429])
			t.Logf("%d messages in %s; %+v", tally.Accepted, time.Since(began).Round(100*time.Millisecond), tally)
			all := f.told(event.BroadcastCompleted)
			require.Len(t, all, 1)
			told := all[0].Broadcast
			failed := int64(0)
			reasons := map[string]int64{}
			for _, m := range f.sim.Messages(wabatest.Filter{}) {
				if m.Error != 0 {
					failed++
				}
			}
			for _, r := range told.Failures {
				reasons[r.Code] = r.Count
			}
			require.Equal(t, []int64{n - 1, n - 2 - failed, failed + 1}, []int64{told.TotalRecipients, told.Sent, told.Failed})
			require.Equal(t, map[string]int64{"131026": failed, "131050": 1}, reasons)
			require.Eventually(t, func() bool {
				p, err = f.store.BroadcastPlan(ctx, b.BusinessID, b.ID)
				return err == nil && p.State == models.PlanCompleted
			}, 5*time.Second, 50*time.Millisecond)
			require.Equal(t, []int64{n, 1, 0}, []int64{p.Recipients, p.OptedOut, p.Cancelled})
			outs, err := f.store.OptOuts(ctx, b.BusinessID, models.OptOut{WaID: to(7)}, 0, 0)
			require.NoError(t, err)
			require.Len(t, outs, 1, "whoever stopped marketing gets no other broadcast")
			require.Len(t, f.told(event.MessageSent), n-2)
		})
	}
}
