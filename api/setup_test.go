package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/fanout"
	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/models/modelstest"
)

// bundle is a server over a real store with two businesses, ours and theirs.
type bundle struct {
	t       testing.TB
	store   *models.Store
	server  *api.Server
	app     *fiber.App
	courier *courier
	queue   *queue
	log     *bytes.Buffer
	clock   *clock
	redis   *miniredis.Miniredis

	ours, theirs       models.Business
	key, theirKey      models.Secret
	numberKey          models.Secret
	number             models.Number
	session, theirUser string // cookies
}

const password = "correct horse"

func setup(t testing.TB, changes ...func(*api.Options)) *bundle {
	t.Helper()
	return setupOn(t, modelstest.SQLite(t), changes...)
}

// setupOn is setup with a store of the caller's.
func setupOn(t testing.TB, store *models.Store, changes ...func(*api.Options)) *bundle {
	t.Helper()
	ctx := t.Context()
	b := &bundle{t: t, store: store, courier: &courier{}, queue: &queue{}, log: &bytes.Buffer{}, clock: &clock{}, redis: miniredis.RunT(t)}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	directory, err := models.NewDirectory(ctx, b.store, log)
	require.NoError(t, err)

	guard := deliver.NewGuard(deliver.Allowed{Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("203.0.113.0/24")}}, false)
	recorder := b.fanOut(directory, guard, log)
	o := api.Options{Store: b.store, Directory: directory, Courier: b.courier, Recorder: recorder, Queue: b.queue, Guard: guard,
		Registry: prometheus.NewRegistry(), Log: log, Now: b.clock.now,
		MonitorRedis: func() redis.UniversalClient { return redis.NewClient(&redis.Options{Addr: b.redis.Addr()}) }}
	for _, change := range changes {
		change(&o)
	}
	b.server, err = api.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.server.Close()) })
	b.app = fiber.New(fiber.Config{DisableStartupMessage: true, ErrorHandler: api.ErrorHandler(log), BodyLimit: 4 << 20})
	b.server.RegisterOperations(b.app)
	b.server.Register(b.app)
	b.people()
	return b
}

// fanOut starts what delivers and records, all but its workers.
func (b *bundle) fanOut(directory *models.Directory, guard *deliver.Guard, log *slog.Logger) *fanout.Recorder {
	client := deliver.NewClient(guard, deliver.Options{})
	b.t.Cleanup(client.Close)
	kv := redis.NewClient(&redis.Options{Addr: b.redis.Addr()})
	b.t.Cleanup(func() { _ = kv.Close() })
	subs := fanout.NewSubscriptions(directory.Routes, log)
	metrics := fanout.NewMetrics(prometheus.NewRegistry())
	b.courier.Courier = fanout.NewCourier(fanout.CourierOptions{Store: b.store, Routes: directory, Subscriptions: subs, Poster: client, Lanes: deliver.NewLanes(4, nil),
		Rates: deliver.NewRates(kv), Breaker: deliver.NewBreaker(kv, nil), Queue: b.queue, News: fanout.NewRecorder(b.store, directory, subs, b.queue, nil, log, metrics, nil),
		Log: log, Metrics: metrics, Now: b.clock.now})
	b.t.Cleanup(b.courier.Close)
	return fanout.NewRecorder(b.store, directory, subs, b.queue, b.courier.Courier, log, metrics, nil)
}

func (b *bundle) people() {
	ctx := b.t.Context()
	var err error
	b.ours, err = b.store.CreateBusiness(ctx, "Ours")
	require.NoError(b.t, err)
	b.theirs, err = b.store.CreateBusiness(ctx, "Theirs")
	require.NoError(b.t, err)
	us, err := b.store.CreateUser(ctx, b.ours.ID, "we@example.com", password, true)
	require.NoError(b.t, err)
	them, err := b.store.CreateUser(ctx, b.theirs.ID, "they@example.com", password, false)
	require.NoError(b.t, err)
	b.session, b.theirUser = b.startSession(us), b.startSession(them)
	b.number, err = b.store.CreateNumber(ctx, models.Number{BusinessID: b.ours.ID, PhoneNumberID: "600", Display: "15550100200", WABAID: "500", Name: "Shop"})
	require.NoError(b.t, err)
	_, b.key, err = b.store.CreateAPIKey(ctx, b.ours.ID, nil, "ours")
	require.NoError(b.t, err)
	_, b.theirKey, err = b.store.CreateAPIKey(ctx, b.theirs.ID, nil, "theirs")
	require.NoError(b.t, err)
	_, b.numberKey, err = b.store.CreateAPIKey(ctx, b.ours.ID, &b.number.ID, "number")
	require.NoError(b.t, err)
}

func (b *bundle) startSession(u models.User) string {
	token, err := b.store.StartSession(b.t.Context(), u.ID, time.Hour)
	require.NoError(b.t, err)
	return "token=" + token.Text()
}

// call makes a request and returns status and body. Headers come in pairs.
func (b *bundle) call(method, path, body string, headers ...string) (int, string, http.Header) {
	b.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := b.app.Test(r, 60_000)
	require.NoError(b.t, err)
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return res.StatusCode, string(got), res.Header
}

// api calls as our program.
func (b *bundle) api(method, path, body string) (int, string) {
	b.t.Helper()
	status, got, _ := b.call(method, "/api/client"+path, body, "Authorization", "Bearer "+b.key.Text(), "Content-Type", "application/json")
	return status, got
}

// foreign calls as the other business's program.
func (b *bundle) foreign(method, path, body string) (int, string) {
	b.t.Helper()
	status, got, _ := b.call(method, "/api/client"+path, body, "Authorization", "Bearer "+b.theirKey.Text(), "Content-Type", "application/json")
	return status, got
}

// page asks for a page as our user; form posts one.
func (b *bundle) page(path string) (int, string) {
	b.t.Helper()
	status, got, _ := b.call("GET", path, "", "Cookie", b.session, "Accept", "text/html")
	return status, got
}

func (b *bundle) form(path, body string) (int, string, http.Header) {
	b.t.Helper()
	return b.call("POST", path, body, "Cookie", b.session, "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
}

// webhook makes one of ours directly in the store.
func (b *bundle) webhook(change ...func(*models.Webhook)) models.Webhook {
	b.t.Helper()
	w := models.Webhook{BusinessID: b.ours.ID, Name: "CRM", URL: "https://203.0.113.7/hook", Events: []string{"message.received"}, Dialect: "wabagate", Secret: "whsec_c2VjcmV0", Active: true}
	for _, c := range change {
		c(&w)
	}
	w, err := b.store.CreateWebhook(b.t.Context(), w)
	require.NoError(b.t, err)
	return w
}

// delivery makes an event with a delivery to w and the given attempts; the last one decides the state.
func (b *bundle) delivery(w models.Webhook, typ string, state models.DeliveryState, attempts ...models.Attempt) string {
	b.t.Helper()
	ctx := b.t.Context()
	at := b.clock.now()
	e, err := event.Sample(typ, at.Add(time.Duration(b.store.NextID()%1000)*time.Microsecond))
	require.NoError(b.t, err)
	key, _ := event.ParseID(e.ID)
	row := models.Event{ID: b.store.NextID(), Key: key, BusinessID: w.BusinessID, NumberID: b.number.ID, Type: e.Type, CreatedAt: at, Data: e.Data}
	require.NoError(b.t, b.store.Translate(ctx, func(t models.Translation) error {
		return t.Write(ctx, models.Changes{Events: []models.Event{row}, Deliveries: []models.Delivery{{EventID: row.ID, WebhookID: w.ID}}})
	}))
	r := models.Result{WebhookID: w.ID}
	for i, a := range attempts {
		a.EventID, a.WebhookID, a.N, a.StartedAt = row.ID, w.ID, i+1, at.Add(time.Duration(i)*time.Second)
		r.Attempts = append(r.Attempts, a)
		u := models.DeliveryUpdate{EventID: row.ID, State: models.Pending, Attempts: i + 1, DueAt: at.Add(time.Hour)}
		if a.Outcome != models.Delivered {
			u.FailedAt = a.StartedAt
		}
		r.Updates = append(r.Updates, u)
	}
	if len(attempts) > 0 {
		r.Updates = r.Updates[len(r.Updates)-1:]
		r.Updates[0].State = state
		_, err := b.store.Settle(ctx, []models.Result{r})
		require.NoError(b.t, err)
	} else if state != models.Pending {
		_, err := b.store.Settle(ctx, []models.Result{{WebhookID: w.ID, Updates: []models.DeliveryUpdate{{EventID: row.ID, State: state, DueAt: at}}}})
		require.NoError(b.t, err)
	}
	return "dlv_" + decimal(row.ID) + "_" + decimal(w.ID)
}

// owed adds the work that a pending delivery has.
func (b *bundle) owed(w models.Webhook, delivery string) {
	b.t.Helper()
	id, err := strconv.ParseInt(strings.Split(delivery, "_")[1], 10, 64)
	require.NoError(b.t, err)
	require.NoError(b.t, b.store.AddWork(b.t.Context(), models.Work{ID: b.store.NextID(), Kind: models.Deliver, WebhookID: w.ID, DueAt: b.clock.now(), Members: []int64{id}}))
}

// decode reads a JSON answer.
func decode[T any](t testing.TB, body string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(body), &v), body)
	return v
}

// clock is the wall clock, which a test can put forward or stop.
type clock struct {
	mu      sync.Mutex
	ahead   time.Duration
	stopped time.Time // zero: it runs
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped.IsZero() {
		return c.stopped
	}
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func (c *clock) stop(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = at
}

// queue remembers what was put in.
type queue struct {
	mu   sync.Mutex
	work []models.Work
}

func (q *queue) Enqueue(_ context.Context, ws ...models.Work) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.work = append(q.work, ws...)
	return nil
}

func (q *queue) Slow(ctx context.Context, w models.Work) error { return q.Enqueue(ctx, w) }

// courier is the real one, and counts what it was asked to post.
type courier struct {
	*fanout.Courier
	posts atomic.Int64
}

func (c *courier) Try(ctx context.Context, w models.Webhook, e event.Event) (models.Attempt, []byte, error) {
	c.posts.Add(1)
	return c.Courier.Try(ctx, w, e)
}

func (c *courier) Challenge(ctx context.Context, w models.Webhook) (models.Attempt, error) {
	c.posts.Add(1)
	return c.Courier.Challenge(ctx, w)
}
