package fanout

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
	"wabagate/models/modelstest"
)

// crew are workers on one database that die and are replaced, and a queue that forgets and doubles.
type crew struct {
	t        *testing.T
	open     func() *models.Store
	shared   *models.Store // the embedded database belongs to one process; nil: each worker has its own connections
	redis    *redis.Client
	patience time.Duration
	bound    sync.WaitGroup
}

// worker is one process: its own connections, its own courier.
type worker struct {
	store   *models.Store
	courier *Courier
	dead    atomic.Bool
	// immortal workers share a store that others need.
	immortal bool
}

// discard is a queue that takes nothing: the crew finds its work in the outbox, as after a flush.
type discard struct{}

func (discard) Enqueue(context.Context, ...models.Work) error { return nil }
func (discard) Slow(context.Context, models.Work) error       { return nil }

func (c *crew) hire() *worker {
	w := &worker{store: c.shared, immortal: c.shared != nil}
	if c.shared == nil {
		w.store = c.open()
	}
	log := slog.New(slog.DiscardHandler)
	directory, err := models.NewDirectory(c.t.Context(), w.store, log)
	require.NoError(c.t, err)
	subs := NewSubscriptions(directory.Routes, log)
	m := NewMetrics(prometheus.NewRegistry())
	client := deliver.NewClient(deliver.NewGuard(deliver.Allowed{Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, true), deliver.Options{})
	w.courier = NewCourier(CourierOptions{Store: w.store, Routes: directory, Subscriptions: subs, Poster: client, Lanes: deliver.NewLanes(8, nil), Rates: deliver.NewRates(c.redis),
		Breaker: deliver.NewBreaker(c.redis, nil), Queue: discard{}, News: NewRecorder(w.store, directory, subs, discard{}, nil, log, m, nil), Patience: c.patience, Log: log, Metrics: m})
	c.t.Cleanup(client.Close)
	return w
}

// die loses the connections in the middle of whatever is under way: what was posted and not settled is forgotten.
func (w *worker) die() {
	if !w.immortal && !w.dead.Swap(true) {
		_ = w.store.Close()
	}
}

// work does what is due until stop, each piece sometimes by two workers at once.
func (c *crew) work(stop <-chan struct{}, size int) {
	var mu sync.Mutex
	held := map[int64]int{}
	for n := range size {
		c.bound.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(n), 7))
			w := c.hire()
			defer func() { w.die() }()
			for {
				select {
				case <-stop:
					return
				default:
				}
				works, err := w.store.Unfinished(context.Background(), time.Now(), 0, 200)
				if err != nil {
					w.die()
					w = c.hire()
					continue
				}
				var mine *models.Work
				mu.Lock()
				for _, i := range rng.Perm(len(works)) {
					// Two at once is what a queue does that takes a stopped worker for dead.
					if most := 1 + rng.IntN(10)/9; works[i].Kind == models.Deliver && held[works[i].ID] < most {
						mine = &works[i]
						held[mine.ID]++
						break
					}
				}
				mu.Unlock()
				if mine == nil {
					time.Sleep(2 * time.Millisecond)
					continue
				}
				if rng.IntN(40) == 0 {
					doomed := w
					time.AfterFunc(time.Duration(rng.IntN(6))*time.Millisecond, doomed.die)
				}
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				_ = w.courier.Attempt(ctx, *mine, true, nil) // what fails is found again
				cancel()
				mu.Lock()
				held[mine.ID]--
				mu.Unlock()
				if w.dead.Load() {
					w = c.hire()
				}
			}
		})
	}
}

// arrival is a delivery that the receiver took.
type arrival struct {
	conversation, sequence int64
	skipped                map[int64]bool
}

// Whatever fails, dies or is done twice: the events of a conversation arrive in their order, but for those that stepped
// aside and are named with each later event until they come.
func TestOrderOfConversations(t *testing.T) {
	for name, open := range map[string]func(testing.TB) func() *models.Store{"postgres": func(t testing.TB) func() *models.Store {
		url := modelstest.PostgresURL(t)
		return func() *models.Store {
			s, err := models.Open(context.Background(), models.Options{DatabaseURL: models.Secret(url), MaxConns: 4, ApplicationName: "test"})
			require.NoError(t, err)
			return s
		}
	}, "sqlite": func(t testing.TB) func() *models.Store {
		dir := t.TempDir()
		return func() *models.Store {
			s, err := models.Open(context.Background(), models.Options{Dir: dir})
			require.NoError(t, err)
			return s
		}
	}} {
		for _, mood := range []struct {
			name     string
			patience time.Duration
			sulks    bool // some events fail for long: others pass them
		}{{"failures and crashes", time.Hour, false}, {"step-asides", 300 * time.Millisecond, true}} {
			t.Run(name+" "+mood.name, func(t *testing.T) { testOrder(t, open(t), mood.patience, mood.sulks) })
		}
	}
}

func testOrder(t *testing.T, open func() *models.Store, patience time.Duration, sulks bool) {
	const conversations, each = 12, 25
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(3, 4))
	var arrivals []arrival
	taken := map[string]bool{}
	type place struct{ conversation, sequence int64 }
	sulking := map[place]int{}
	receiver := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) {
		var body struct {
			Data struct {
				Sequence     int64 `json:"sequence"`
				Conversation struct {
					ID int64 `json:"id"`
				} `json:"conversation"`
			} `json:"data"`
		}
		if err := json.Unmarshal(d.Body, &body); err != nil {
			t.Error(err)
		}
		at := place{body.Data.Conversation.ID, body.Data.Sequence}
		mu.Lock()
		dice, pause := rng.IntN(100), time.Duration(rng.IntN(4))*time.Millisecond
		if _, known := sulking[at]; sulks && !known && rng.IntN(20) == 0 {
			// The one behind it too, and for less long: what stepped aside does not come in its order.
			sulking[at], sulking[place{at.conversation, at.sequence + 1}] = 9, 4
		}
		sulk := sulking[at] > 0
		if sulk {
			sulking[at]--
		}
		mu.Unlock()
		time.Sleep(pause)
		if dice < 8 || sulk {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		a := arrival{body.Data.Conversation.ID, body.Data.Sequence, map[int64]bool{}}
		for text := range strings.SplitSeq(d.Header.Get(SkippedHeader), ",") {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				a.skipped[n] = true
			}
		}
		mu.Lock()
		if !taken[d.ID()] {
			taken[d.ID()] = true
			arrivals = append(arrivals, a)
		}
		mu.Unlock()
		if dice > 95 { // it has it, and the answer is lost
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
		}
	})

	store := open()
	t.Cleanup(func() { _ = store.Close() })
	say := orderedWebhook(t, store, receiver.URL)
	mini := miniredis.RunT(t)
	c := &crew{t: t, open: open, redis: redis.NewClient(&redis.Options{Addr: mini.Addr()}), patience: patience}
	t.Cleanup(func() { _ = c.redis.Close() })
	stop := make(chan struct{})
	defer func() { close(stop); c.bound.Wait() }()
	if store.Embedded() {
		c.shared = store
	}
	c.work(stop, 4)

	// Messages of all conversations, a few at a time, while the crew works.
	var wg sync.WaitGroup
	for writer := range 2 {
		wg.Go(func() {
			for i := writer; i < each; i += 2 {
				for from := 0; from < conversations; from += 4 {
					say(i, from, from+1, from+2, from+3)
				}
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(arrivals) == conversations*each
	}, 90*time.Second, 50*time.Millisecond, "everything arrives")

	mu.Lock()
	defer mu.Unlock()
	last, missing, asides := map[int64]int64{}, map[int64]map[int64]bool{}, 0
	for _, a := range arrivals {
		if missing[a.conversation] == nil {
			missing[a.conversation] = map[int64]bool{}
		}
		gone := missing[a.conversation]
		if gone[a.sequence] {
			delete(gone, a.sequence)
			asides++
		} else {
			require.Greater(t, a.sequence, last[a.conversation], "conversation %d", a.conversation)
			for s := last[a.conversation] + 1; s < a.sequence; s++ {
				// conversation.created and contact.created have numbers too and are not subscribed.
				if subscribed(arrivals, a.conversation, s) {
					gone[s] = true
				}
			}
			last[a.conversation] = a.sequence
		}
		for s := range gone {
			require.True(t, s > a.sequence || a.skipped[s], "conversation %d: %d came before %d, which is not marked as having stepped aside", a.conversation, a.sequence, s)
		}
	}
	if sulks {
		require.Positive(t, asides, "events stepped aside")
	} else {
		require.Zero(t, asides, "none stepped aside: nothing failed for long")
	}
	t.Logf("%d deliveries of %d conversations, %d stepped aside", len(arrivals), conversations, asides)
}

// orderedWebhook keeps a business with a webhook that wants every message in order and is tried again every 100 ms; say
// lets customers say something to it at once, in round i.
func orderedWebhook(t *testing.T, store *models.Store, url string) (say func(i int, customers ...int)) {
	business, err := store.CreateBusiness(t.Context(), "Bakery")
	require.NoError(t, err)
	app, err := store.CreateApp(t.Context(), models.App{Name: "a", BusinessID: &business.ID, VerifyToken: "t", Secrets: []models.Secret{"s"}})
	require.NoError(t, err)
	_, err = store.CreateNumber(t.Context(), models.Number{BusinessID: business.ID, PhoneNumberID: "600", WABAID: "500", Display: "15550100200"})
	require.NoError(t, err)
	_, err = store.CreateWebhook(t.Context(), models.Webhook{BusinessID: business.ID, Name: "w", URL: url, Events: []string{"message.received"}, Dialect: "wabagate", Active: true,
		Ordering: models.OrderConversation, RetrySchedule: slices.Repeat([]time.Duration{100 * time.Millisecond}, 30)})
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	directory, err := models.NewDirectory(t.Context(), store, log)
	require.NoError(t, err)
	translator := NewTranslator(NewRecorder(store, directory, NewSubscriptions(directory.Routes, log), discard{}, nil, log, NewMetrics(prometheus.NewRegistry()), nil), log)
	t.Cleanup(translator.Close)
	return func(i int, customers ...int) {
		cs := make([]models.Callback, len(customers))
		for n, from := range customers {
			cs[n] = models.Callback{AppID: app.ID, ReceivedAt: time.Now().UTC(), Body: envelope(messages("600",
				fmt.Sprintf(`"contacts":[{"wa_id":"49%d"}],"messages":[{"from":"49%d","id":"wamid.%d.%d.%d","timestamp":"1793491200","type":"text","text":{"body":"x"}}]`, 30000+from, 30000+from, from, i, n)))}
		}
		w := store.NewCallbackGroup(cs)
		if err := store.Accept(t.Context(), w, cs); err != nil {
			t.Error(err)
		}
		if err := translator.Translate(t.Context(), w); err != nil {
			t.Error(err)
		}
	}
}

// What stepped aside may come due while the events behind it are still being delivered; its retry is not lost then.
func TestARetryComesDueDuringTheTurn(t *testing.T) {
	var mu sync.Mutex
	var came []string
	receiver := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) {
		mu.Lock()
		came = append(came, d.ID())
		n := len(came)
		mu.Unlock()
		switch n {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			time.Sleep(time.Second)
		}
	})
	store := modelstest.SQLite(t)
	say := orderedWebhook(t, store, receiver.URL)
	say(0, 7, 7, 7)
	c := &crew{t: t, shared: store, redis: redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()}), patience: time.Millisecond}
	t.Cleanup(func() { _ = c.redis.Close() })
	attempt := c.hire().courier.Attempt
	due := func() []models.Work {
		works, err := store.Unfinished(t.Context(), time.Now(), 0, 10)
		require.NoError(t, err)
		return slices.DeleteFunc(works, func(w models.Work) bool { return w.Kind != models.Deliver })
	}
	turn := due()[0]
	c.bound.Go(func() {
		if err := attempt(context.Background(), turn, true, nil); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(c.bound.Wait)
	var retry models.Work
	require.Eventually(t, func() bool {
		for _, w := range due() {
			if w.ID != turn.ID {
				retry = w
			}
		}
		return retry.ID != 0
	}, time.Second, 10*time.Millisecond, "the retry comes due while the second event is under way")
	require.NoError(t, attempt(t.Context(), retry, true, nil))
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, came, 3)
	require.Equal(t, came[0], came[2], "the retry is made, though the turn is not over")
}

func subscribed(all []arrival, conversation, sequence int64) bool {
	for _, a := range all {
		if a.conversation == conversation && a.sequence == sequence {
			return true
		}
	}
	return false
}
