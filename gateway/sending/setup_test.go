package sending

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
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
	"wabagate/models"
	"wabagate/models/modelstest"
	"wabagate/waba/graph"
	"wabagate/waba/wabatest"
)

const customer = "15550177321"

// bench is a platform on loopback and a gateway that takes its callbacks and translates them. What sends is a process.
type bench struct {
	t      *testing.T
	store  *models.Store
	redis  redis.UniversalClient
	sim    *wabatest.Server
	base   string // of the platform
	number models.Number
	log    *logBuffer

	directory *models.Directory
	inHand    *sync.Map // work, by id: a queue gives a piece to one worker at a time
}

// onEachStore runs a test with the embedded stores and with servers.
func onEachStore(t *testing.T, sim wabatest.Options, test func(*testing.T, *bench)) {
	t.Run("embedded", func(t *testing.T) {
		test(t, setup(t, modelstest.SQLite(t), "redis://"+miniredis.RunT(t).Addr(), sim))
	})
	t.Run("servers", func(t *testing.T) { test(t, setup(t, modelstest.Postgres(t), fanouttest.RedisURL(t), sim)) })
}

// setup makes a bench whose number can send. Statuses take no time, unless the options say so.
func setup(t *testing.T, store *models.Store, redisURL string, sim wabatest.Options) *bench {
	t.Helper()
	ctx := t.Context()
	b := &bench{t: t, store: store, log: &logBuffer{}, inHand: &sync.Map{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(b.log.String())
		}
	})
	o, err := redis.ParseURL(redisURL)
	require.NoError(t, err)
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	b.redis = client
	log := slog.New(slog.NewTextHandler(b.log, nil))

	business, err := store.CreateBusiness(ctx, "Bakery")
	require.NoError(t, err)
	_, err = store.CreateApp(ctx, models.App{BusinessID: &business.ID, Name: "acme", VerifyToken: "token", Secrets: []models.Secret{wabatest.DefaultAppSecret}})
	require.NoError(t, err)
	b.number, err = store.CreateNumber(ctx, models.Number{BusinessID: business.ID, PhoneNumberID: wabatest.DefaultNumberID, WABAID: wabatest.DefaultWABAID, Display: wabatest.DefaultDisplay})
	require.NoError(t, err)
	directory, err := models.NewDirectory(ctx, store, log)
	require.NoError(t, err)
	b.directory = directory

	metrics := gateway.NewMetrics(prometheus.NewRegistry())
	acceptor := gateway.NewAcceptor(store, nil, discard{}, nil, log, metrics)
	t.Cleanup(acceptor.Close)
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: gateway.MaxBody})
	gateway.Register(app, directory, acceptor, log, metrics)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = app.Listener(l) }()
	t.Cleanup(func() { _ = app.ShutdownWithTimeout(5 * time.Second) })

	sim.CallbackURL, sim.OpenWindow = "http://"+l.Addr().String()+"/webhooks/cloud/acme", true
	if sim.Latency == (wabatest.Latency{}) {
		sim.Latency = wabatest.At(0)
	}
	b.sim = wabatest.New(sim)
	t.Cleanup(b.sim.Close)
	b.base, err = b.sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	b.connect(b.base, wabatest.DefaultToken, max(sim.Throughput, 0))

	recorder := fanout.NewRecorder(store, directory, fanout.NewSubscriptions(directory.Routes, log), discard{}, nil, log, fanout.NewMetrics(prometheus.NewRegistry()), nil)
	translator := fanout.NewTranslator(recorder, log)
	t.Cleanup(translator.Close)
	t.Cleanup(b.work(models.TranslateCallbacks, nil, translator.Translate))
	return b
}

// another is the same gateway with another number.
func (b *bench) another() *bench {
	b.t.Helper()
	ctx := b.t.Context()
	have, err := b.store.Numbers(ctx, b.number.BusinessID)
	require.NoError(b.t, err)
	of := *b
	id := fmt.Sprint(600700800900100 + len(have))
	of.number, err = b.store.CreateNumber(ctx, models.Number{BusinessID: b.number.BusinessID, PhoneNumberID: id, WABAID: wabatest.DefaultWABAID, Display: id[4:]})
	require.NoError(b.t, err)
	require.NoError(b.t, b.directory.Refresh(ctx))
	b.sim.SetNumber(wabatest.Number{ID: id, Display: id[4:]})
	of.connect(of.base, wabatest.DefaultToken, 0)
	return &of
}

// discard is a queue for work that is looked for all the time.
type discard struct{}

func (discard) Enqueue(context.Context, ...models.Work) error { return nil }

// connect says how the number is reached.
func (b *bench) connect(base, token string, rate int) {
	b.t.Helper()
	require.NoError(b.t, b.store.SetUpstream(b.t.Context(), b.number.BusinessID,
		models.Upstream{NumberID: b.number.ID, Style: "cloud", Base: base, Token: models.Secret(token), Rate: rate}))
}

// work does the work of a kind when it is due, until what it answers is called. It looks for it whenever the bell rings, and
// several times a second, as the reconciler does in its time.
func (b *bench) work(kind models.Kind, bell <-chan struct{}, do func(context.Context, models.Work) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	hands := make(chan struct{}, 32)
	all.Go(func() {
		for ctx.Err() == nil {
			due, _ := b.store.Unfinished(ctx, b.store.Now(), 0, 1000) // an error is one look less
			for _, w := range due {
				if w.Kind != kind {
					continue
				}
				if _, taken := b.inHand.LoadOrStore(w.ID, true); taken {
					continue
				}
				hands <- struct{}{}
				all.Go(func() {
					_ = do(ctx, w) // it comes again
					b.inHand.Delete(w.ID)
					<-hands
				})
			}
			select {
			case <-bell:
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); all.Wait() }
}

// process is one that sends, with a queue of its own.
type process struct {
	*Sender
	b        *bench
	registry *prometheus.Registry
	rest     func() // takes no more work
	over     sync.Once
}

// start makes a process whose patience is short.
func (b *bench) start(changes ...func(*Options)) *process {
	b.t.Helper()
	bell := make(chan struct{}, 1)
	hc := &http.Client{Timeout: time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 128}}
	b.t.Cleanup(hc.CloseIdleConnections)
	registry := prometheus.NewRegistry()
	o := Options{Store: b.store, Client: graph.New(hc, "wabagate/test"), Redis: b.redis, Undecided: 2 * time.Second,
		Log: slog.New(slog.NewTextHandler(b.log, nil)), Metrics: NewMetrics(registry),
		Enqueue: func(context.Context, ...models.Work) error {
			select {
			case bell <- struct{}{}:
			default:
			}
			return nil
		}}
	for _, change := range changes {
		change(&o)
	}
	p := &process{Sender: New(o), b: b, registry: registry}
	p.doubtAfter, p.sweepEvery = 3*time.Second, 200*time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	var sweeps sync.WaitGroup
	sweeps.Go(func() { p.Run(ctx) })
	stop := b.work(models.SendMessages, bell, func(ctx context.Context, w models.Work) error { return p.Do(ctx, w, nil) })
	p.rest = func() { cancel(); sweeps.Wait(); stop() }
	b.t.Cleanup(p.stop)
	return p
}

// stop ends a process in order.
func (p *process) stop() { p.over.Do(func() { p.rest(); p.Close() }) }

// kill ends a process in the middle of what it does: requests are cut off, and nothing is kept from then on.
func (p *process) kill() {
	p.over.Do(func() {
		p.settler.giveUp()
		p.end()
		p.rest()
		p.Close()
	})
}

// text is a message to a customer.
func (b *bench) text(to string) models.Send {
	body, err := json.Marshal(map[string]any{"to": to, "type": "text", "text": map[string]string{"body": "Your bread is ready"}})
	require.NoError(b.t, err)
	return models.Send{BusinessID: b.number.BusinessID, NumberID: b.number.ID, Body: body, To: to, Type: "text", Text: "Your bread is ready", SentBy: "api", Tracking: "order-7"}
}

// texts are messages to as many customers.
func (b *bench) texts(n int) []models.Send {
	sends := make([]models.Send, n)
	for i := range sends {
		sends[i] = b.text(fmt.Sprint(15550200000 + i))
	}
	return sends
}

func (p *process) queued(sends ...models.Send) []int64 {
	p.b.t.Helper()
	kept, err := p.Queue(p.b.t.Context(), sends...)
	require.NoError(p.b.t, err)
	ids := make([]int64, len(kept))
	for i, v := range kept {
		ids[i] = v.ID
	}
	return ids
}

// read reads messages.
func (b *bench) read(ids ...int64) []models.Send {
	b.t.Helper()
	sends, err := b.store.Sends(b.t.Context(), ids)
	require.NoError(b.t, err)
	require.Len(b.t, sends, len(ids))
	return sends
}

// wait returns messages once each of them was as it should be.
func (b *bench) wait(limit time.Duration, ids []int64, as func(models.Send) bool) []models.Send {
	b.t.Helper()
	deadline := time.Now().Add(limit)
	left := ids
	for {
		var others []int64
		for _, v := range b.read(left[:min(len(left), 100)]...) { // a few at a time: what is measured is not the looking
			if !as(v) {
				others = append(others, v.ID)
			}
		}
		if left = append(others, left[min(len(left), 100):]...); len(left) == 0 {
			return b.read(ids...)
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%d of %d messages are not as they should be after %s; one is %+v", len(left), len(ids), limit, b.read(left[0])[0])
		}
		if len(others) > 0 {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func isAccepted(v models.Send) bool { return v.State == models.SendAccepted }
func isSettled(v models.Send) bool  { return settled(v.State) }

// tells checks what the business is told of the number's messages, once nothing travels any more: how many were sent, and
// how many statuses of each kind there were.
func (b *bench) tells(want map[string]int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(b.t, b.sim.Settle(ctx))
	require.Eventually(b.t, func() bool {
		backlog, err := b.store.Backlog(ctx)
		return err == nil && backlog.Callbacks == 0
	}, 20*time.Second, 20*time.Millisecond, "callbacks are translated")
	// The feed holds back what is newest until the transactions of others have ended.
	for told := b.told(); ; told = b.told() {
		if ctx.Err() != nil || maps.Equal(want, told) {
			require.Equal(b.t, want, told)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// told counts events of the number's messages, statuses by what they say.
func (b *bench) told() map[string]int {
	b.t.Helper()
	counts := map[string]int{}
	f := models.FeedFilter{NumberID: b.number.ID, Types: []string{event.MessageSent, event.AIReplied, event.MessageReport}, Limit: 200}
	for more := true; more; {
		page, err := b.store.Feed(b.t.Context(), b.number.BusinessID, f)
		require.NoError(b.t, err)
		for _, e := range page.Events {
			var data event.Data
			require.NoError(b.t, json.Unmarshal(e.Data, &data))
			if data.Status != nil {
				counts[data.Status.Status]++
			} else {
				counts[e.Type]++
			}
		}
		f.After, more = page.Next, page.More
	}
	return counts
}

// metric is the value of a counter or a gauge of a process: with a label of this value, or without labels when it is empty.
func (p *process) metric(name, label string) float64 {
	p.b.t.Helper()
	families, err := p.registry.Gather()
	require.NoError(p.b.t, err)
	for _, f := range families {
		if f.GetName() != "wabagate_send_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			if labels := m.GetLabel(); len(labels) == 0 && label == "" || len(labels) == 1 && labels[0].GetValue() == label {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	p.b.t.Fatalf("there is no metric %s %s", name, label)
	return 0
}

// stalls measures how punctual this machine lets a process be that has something to do, until it is asked: how long it had
// to wait at worst, and the part of the time in which it had not to wait too long.
func stalls() func() (worst time.Duration, punctual float64) {
	stop, done := make(chan struct{}), make(chan struct{})
	began := time.Now()
	var worst, lost time.Duration
	go func() {
		defer close(done)
		const nap = 2 * time.Millisecond
		for last := time.Now(); ; last = time.Now() {
			select {
			case <-stop:
				return
			case <-time.After(nap):
				late := time.Since(last) - nap
				worst = max(worst, late)
				if late >= punctuality {
					lost += late
				}
			}
		}
	}()
	return func() (time.Duration, float64) {
		close(stop)
		<-done
		return worst, 1 - lost.Seconds()/time.Since(began).Seconds()
	}
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
