package fanout

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
	"wabagate/models/modelstest"
)

// ward is a business with a webhook that somebody has to look after, and one that is told of it.
type ward struct {
	t          *testing.T
	store      *models.Store
	directory  *models.Directory
	translator *Translator
	courier    *Courier
	keeper     *Keeper
	redis      *miniredis.Miniredis
	app        models.App
	business   models.Business
	patient    models.Webhook
	status     atomic.Int64 // what the patient's receiver answers
	receiver   *fanouttest.Receiver
	watch      *fanouttest.Receiver
	others     *fanouttest.Receiver // of another business

	mu  sync.Mutex
	now time.Time
}

// news is an operational event as its receiver sees it.
type news struct {
	ID, Type string
	Data     struct {
		Reason  string
		Webhook struct {
			ID         int64
			DisabledBy string `json:"disabled_by"`
		}
		Delivery struct {
			ID        string
			EventType string `json:"event_type"`
			Attempts  int
		}
	}
}

// inWard runs a test on each engine.
func inWard(t *testing.T, run func(t *testing.T, w *ward)) {
	for name, where := range map[string]func(t *testing.T) models.Options{
		"postgres": func(t *testing.T) models.Options {
			return models.Options{DatabaseURL: models.Secret(modelstest.PostgresURL(t)), MaxConns: 4}
		},
		"sqlite": func(t *testing.T) models.Options { return models.Options{Dir: t.TempDir()} },
	} {
		t.Run(name, func(t *testing.T) { run(t, newWard(t, where(t))) })
	}
}

func newWard(t *testing.T, where models.Options) *ward {
	w := &ward{t: t, redis: miniredis.RunT(t), now: time.Now().UTC()}
	w.status.Store(http.StatusOK)
	w.receiver = fanouttest.NewReceiver(t, func(rw http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) {
		rw.WriteHeader(int(w.status.Load()))
	})
	w.watch, w.others = fanouttest.NewReceiver(t, nil), fanouttest.NewReceiver(t, nil)
	var err error
	w.store, err = models.Open(t.Context(), where)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.store.Close() })
	w.business, err = w.store.CreateBusiness(t.Context(), "Bakery")
	require.NoError(t, err)
	other, err := w.store.CreateBusiness(t.Context(), "Florist")
	require.NoError(t, err)
	w.app, err = w.store.CreateApp(t.Context(), models.App{Name: "a", BusinessID: &w.business.ID, VerifyToken: "t", Secrets: []models.Secret{"s"}})
	require.NoError(t, err)
	_, err = w.store.CreateNumber(t.Context(), models.Number{BusinessID: w.business.ID, PhoneNumberID: "600", WABAID: "500", Display: "15550100200"})
	require.NoError(t, err)
	// The patient asks for its own news, and does not get it.
	w.patient = w.subscribe(models.Webhook{BusinessID: w.business.ID, Name: "patient", URL: w.receiver.URL, Events: []string{"message.received", "webhook.*", "delivery.*"},
		Ordering: models.OrderConversation, RateLimit: 100, RetrySchedule: []time.Duration{}})
	w.subscribe(models.Webhook{BusinessID: w.business.ID, Name: "watch", URL: w.watch.URL, Events: []string{"webhook.*", "delivery.*"}, RetrySchedule: []time.Duration{}})
	w.subscribe(models.Webhook{BusinessID: other.ID, Name: "of others", URL: w.others.URL, Events: []string{"*"}})

	log := slog.New(slog.DiscardHandler)
	w.directory, err = models.NewDirectory(t.Context(), w.store, log)
	require.NoError(t, err)
	subs, m := NewSubscriptions(w.directory.Routes, log), NewMetrics(prometheus.NewRegistry())
	client := deliver.NewClient(deliver.NewGuard(deliver.Allowed{Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, true), deliver.Options{})
	t.Cleanup(client.Close)
	rc := redis.NewClient(&redis.Options{Addr: w.redis.Addr()})
	t.Cleanup(func() { _ = rc.Close() })
	recorder := NewRecorder(w.store, w.directory, subs, discard{}, nil, log, m, w.clock)
	w.courier = NewCourier(CourierOptions{Store: w.store, Routes: w.directory, Subscriptions: subs, Poster: client, Lanes: deliver.NewLanes(8, nil), Rates: deliver.NewRates(rc),
		Breaker: deliver.NewBreaker(rc, w.clock), Queue: discard{}, News: recorder, Log: log, Metrics: m, Now: w.clock})
	t.Cleanup(w.courier.Close)
	w.translator = NewTranslator(recorder, log)
	t.Cleanup(w.translator.Close)
	w.keeper = NewKeeper(KeeperOptions{Store: w.store, Courier: w.courier, News: recorder, Queue: discard{}, Routes: w.directory, Leads: func() bool { return true }, Log: log, Metrics: m, Now: w.clock})
	return w
}

func (w *ward) subscribe(h models.Webhook) models.Webhook {
	w.t.Helper()
	h.Dialect, h.Active = "wabagate", true
	h, err := w.store.CreateWebhook(w.t.Context(), h)
	require.NoError(w.t, err)
	return h
}

func (w *ward) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }

func (w *ward) at(now time.Time) { w.mu.Lock(); w.now = now; w.mu.Unlock() }

// say has customers write n messages, one each.
func (w *ward) say(n int, name string) {
	w.t.Helper()
	cs := make([]models.Callback, n)
	for i := range cs {
		cs[i] = models.Callback{AppID: w.app.ID, ReceivedAt: time.Now().UTC(), Body: envelope(messages("600",
			fmt.Sprintf(`"contacts":[{"wa_id":"49300"}],"messages":[{"from":"49300","id":"wamid.%s%d","timestamp":"1793491200","type":"text","text":{"body":"x"}}]`, name, i)))}
	}
	g := w.store.NewCallbackGroup(cs)
	require.NoError(w.t, w.store.Accept(w.t.Context(), g, cs))
	require.NoError(w.t, w.translator.Translate(w.t.Context(), g))
}

// work attempts what is due until nothing is left.
func (w *ward) work() {
	w.t.Helper()
	for {
		ws, err := w.store.Unfinished(w.t.Context(), w.clock().Add(time.Second), 0, 100)
		require.NoError(w.t, err)
		if len(ws) == 0 {
			return
		}
		for _, one := range ws {
			require.NoError(w.t, w.courier.Attempt(w.t.Context(), one, true, nil))
		}
	}
}

// look has the keeper look at the webhooks at a moment, twice, and delivers what it tells: all that the watch has heard so
// far is the answer.
func (w *ward) look(at time.Time) []string {
	w.t.Helper()
	w.at(at)
	for range 2 {
		_, err := w.keeper.Health(w.t.Context())
		require.NoError(w.t, err)
	}
	w.work()
	var types []string
	for _, n := range w.heard() {
		types = append(types, n.Type)
	}
	return types
}

// heard is what the watch was told; nobody else was told anything.
func (w *ward) heard() (all []news) {
	w.t.Helper()
	for _, d := range w.watch.Got() {
		var n news
		require.NoError(w.t, json.Unmarshal(d.Body, &n))
		require.Equal(w.t, w.patient.ID, n.Data.Webhook.ID)
		all = append(all, n)
	}
	for id, n := range w.watch.Counts() {
		require.Equal(w.t, 1, n, id)
	}
	for _, d := range w.receiver.Got() {
		require.Contains(w.t, string(d.Body), `"message.received"`, "it is not told of itself")
	}
	require.Empty(w.t, w.others.Got())
	return all
}

// attempts settles attempts of the patient at hours after a moment.
func (w *ward) attempts(base time.Time, outcome string, hours ...float64) {
	w.t.Helper()
	rows, err := w.store.Deliveries(w.t.Context(), w.patient.ID, models.DeliveryFilter{})
	require.NoError(w.t, err)
	for _, h := range hours {
		require.NoError(w.t, settled(w.t.Context(), w.store, models.Result{WebhookID: w.patient.ID, Attempts: []models.Attempt{{EventID: rows[0].EventID, WebhookID: w.patient.ID,
			N: 100 + int(h), StartedAt: base.Add(time.Duration(h * float64(time.Hour))), Outcome: outcome}}}))
	}
}

func settled(ctx context.Context, s *models.Store, r models.Result) error {
	_, err := s.Settle(ctx, []models.Result{r})
	return err
}

func (w *ward) webhook() models.Webhook {
	w.t.Helper()
	h, err := w.store.Webhook(w.t.Context(), w.business.ID, w.patient.ID)
	require.NoError(w.t, err)
	return h
}

// spreadOut are hours of failures, each half a day after the one before.
var spreadOut = []float64{0, 12, 24, 36, 48, 60, 72, 84, 96, 108}

func TestWarnedAndSwitchedOff(t *testing.T) {
	inWard(t, func(t *testing.T, w *ward) {
		w.say(1, "a")
		w.work()
		base := time.Now().UTC().Truncate(time.Second).Add(-models.DisableAfter - time.Hour)
		hours := func(h float64) time.Time { return base.Add(time.Duration(h * float64(time.Hour))) }
		failing, off := event.WebhookFailing, event.WebhookDisabled
		next := 0
		for _, c := range []struct {
			at   float64
			want []string
		}{
			{0, nil}, {59.9, nil}, {60, []string{failing}}, {83.9, []string{failing}}, {84, []string{failing, failing}}, {107.9, []string{failing, failing}},
			{108, []string{failing, failing, failing}}, {119.9, []string{failing, failing, failing}}, {120, []string{failing, failing, failing, off}}, {121, []string{failing, failing, failing, off}},
		} {
			for ; next < len(spreadOut) && spreadOut[next] <= c.at; next++ {
				w.attempts(base, "status", spreadOut[next])
			}
			require.Equal(t, c.want, w.look(hours(c.at)), "after %v hours", c.at)
			require.Equal(t, c.at < 120, w.webhook().Active, "after %v hours", c.at)
		}
		h := w.webhook()
		require.Equal(t, models.ByFailures, h.DisabledBy)
		require.Contains(t, h.DisabledReason, "5 days")
		told := w.heard()[3]
		require.Equal(t, []string{"failures", h.DisabledReason}, []string{told.Data.Webhook.DisabledBy, told.Data.Reason})
	})
}

// Time alone condemns nobody: a webhook that heard little failed little.
func TestAQuietWebhookStaysOn(t *testing.T) {
	inWard(t, func(t *testing.T, w *ward) {
		w.say(1, "a")
		w.work()
		base := time.Now().UTC().Truncate(time.Second).Add(-40 * 24 * time.Hour)
		w.attempts(base, "status", 0, 1, 13, 30)
		require.Empty(t, w.look(base.Add(39*24*time.Hour)))
		require.True(t, w.webhook().Active)
	})
}

func TestToldThatItRecovered(t *testing.T) {
	inWard(t, func(t *testing.T, w *ward) {
		w.say(1, "a")
		w.work()
		base := time.Now().UTC().Truncate(time.Second).Add(-models.DisableAfter)
		w.attempts(base, "status", 0, 12)
		w.attempts(base, models.Delivered, 13)
		require.Empty(t, w.look(base.Add(14*time.Hour)), "nobody was warned")
		w.attempts(base, "status", 20, 32, 44, 56, 68, 80)
		require.Equal(t, []string{event.WebhookFailing}, w.look(base.Add(81*time.Hour)))
		w.attempts(base, models.Delivered, 82)
		require.Equal(t, []string{event.WebhookFailing, event.WebhookRecovered}, w.look(base.Add(83*time.Hour)))
		require.Zero(t, w.webhook().Health.Warned)
		w.look(base.Add(84 * time.Hour))
		require.Len(t, w.heard(), 2)
	})
}

func TestSwitchedOffByItsReceiver(t *testing.T) {
	inWard(t, func(t *testing.T, w *ward) {
		w.status.Store(http.StatusGone)
		w.say(2, "a")
		w.work()
		h := w.webhook()
		require.Equal(t, []any{false, models.ByReceiver}, []any{h.Active, h.DisabledBy})
		require.Contains(t, h.DisabledReason, "410")
		w.say(2, "b")
		w.status.Store(http.StatusOK)
		asked := len(w.receiver.Got())
		w.look(time.Now().Add(3 * time.Hour))
		require.Len(t, w.receiver.Got(), asked, "who asked for it is not tried again")
		off := 0
		for _, n := range w.heard() {
			if n.Type == event.WebhookDisabled {
				require.Equal(t, "receiver", n.Data.Webhook.DisabledBy)
				off++
			}
		}
		require.Equal(t, 1, off)
	})
}

func TestDormantWebhookHeals(t *testing.T) {
	inWard(t, func(t *testing.T, w *ward) {
		_, err := w.store.DisableWebhook(t.Context(), w.patient.ID, models.ByFailures, "five days")
		require.NoError(t, err)
		require.NoError(t, w.directory.Refresh(t.Context()))
		w.status.Store(http.StatusInternalServerError)
		base := time.Now().UTC()
		w.say(25, "a")
		held := func() int64 {
			n, err := w.store.CountHeld(t.Context(), w.patient.ID)
			require.NoError(t, err)
			return n.N
		}
		require.EqualValues(t, 25, held())
		for _, c := range []struct {
			after time.Duration
			asked int
		}{{0, 0}, {59 * time.Minute, 0}, {61 * time.Minute, 1}, {90 * time.Minute, 1}, {120 * time.Minute, 1}, {122 * time.Minute, 2}, {150 * time.Minute, 2}} {
			require.Empty(t, w.look(base.Add(c.after)))
			require.Len(t, w.receiver.Got(), c.asked, "after %s", c.after)
			require.EqualValues(t, 25, held(), "after %s", c.after)
			require.False(t, w.webhook().Active)
		}

		// A probe that cannot be made now leaves everything as it was.
		require.NoError(t, w.redis.Set(fmt.Sprintf("wabagate:rate:%d", w.patient.ID), fmt.Sprint(time.Now().Add(5500*time.Millisecond).UnixMicro())))
		require.Empty(t, w.look(base.Add(183*time.Minute)))
		require.Len(t, w.receiver.Got(), 2)
		require.EqualValues(t, 25, held())
		w.redis.Del(fmt.Sprintf("wabagate:rate:%d", w.patient.ID))

		w.status.Store(http.StatusOK)
		require.Equal(t, []string{event.WebhookRecovered}, w.look(base.Add(184*time.Minute)))
		require.True(t, w.webhook().Active)
		require.Len(t, w.receiver.Got(), 3)
		for more := true; more; {
			more, err = w.keeper.Jobs(t.Context())
			require.NoError(t, err)
			w.work()
		}
		jobs, err := w.store.Jobs(t.Context(), w.business.ID, w.patient.ID, 0, 10)
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		require.Equal(t, []any{models.CatchUp, models.JobDone, int64(24), int64(24), int64(24)}, []any{jobs[0].Kind, jobs[0].State, jobs[0].Total, jobs[0].Released, jobs[0].Succeeded})
		require.False(t, w.webhook().CatchingUp)
		got := w.receiver.Got()[2:]
		require.Len(t, got, 25)
		for i, d := range got {
			require.Contains(t, string(d.Body), fmt.Sprintf(`"wamid.a%d"`, i), "each once and in order, the one of the probe first")
		}
		require.Equal(t, []string{event.WebhookRecovered}, w.look(base.Add(5*time.Hour)))
		require.Len(t, w.receiver.Got(), 27)
	})
}

func TestToldOfExhaustedDeliveries(t *testing.T) {
	inWard(t, func(t *testing.T, w *ward) {
		// One that fails at everything, news of others included.
		dead := fanouttest.NewReceiver(t, func(rw http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) {
			rw.WriteHeader(http.StatusBadGateway)
		})
		w.subscribe(models.Webhook{BusinessID: w.business.ID, Name: "dead", URL: dead.URL, Events: []string{"webhook.*", "delivery.*"}, RetrySchedule: []time.Duration{}})
		require.NoError(t, w.directory.Refresh(t.Context()))
		w.status.Store(http.StatusInternalServerError)
		w.say(3, "a")
		due, err := w.store.Unfinished(t.Context(), time.Now().Add(time.Second), 0, 100)
		require.NoError(t, err)
		w.work()
		for _, again := range due { // as a queue does that forgot that they were done
			if again.Kind == models.Deliver {
				require.NoError(t, w.courier.Attempt(t.Context(), again, true, nil))
			}
		}
		w.work()
		require.Len(t, w.receiver.Got(), 3)
		require.Len(t, dead.Got(), 3)
		told := map[string]bool{}
		for _, n := range w.heard() {
			require.Equal(t, []any{event.DeliveryExhausted, event.MessageReceived, 1}, []any{n.Type, n.Data.Delivery.EventType, n.Data.Delivery.Attempts})
			told[n.Data.Delivery.ID] = true
		}
		require.Len(t, told, 3)
		require.Len(t, w.watch.Got(), 3)
	})
}
