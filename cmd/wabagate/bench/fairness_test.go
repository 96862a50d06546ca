package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wabagate/fanout"
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
	"wabagate/waba"
)

// shops is a fleet of four numbers, two of them behind bad webhooks.
func shops() fleet {
	return fleet{business: shop, numbers: []string{"600", "601", "602", "603"}, webhooks: []int64{1, 2, 3, 4}}
}

func TestReportsComeInOrder(t *testing.T) {
	t.Parallel()
	rs := reports(50, 10)
	if len(rs) != 150 {
		t.Fatalf("%d statuses of 50 messages", len(rs))
	}
	at := map[report]int{}
	for i, r := range rs {
		if _, twice := at[r]; twice {
			t.Fatalf("%+v comes twice", r)
		}
		at[r] = i
	}
	for who := range 50 {
		sent, delivered, read := at[report{who, waba.StatusSent}], at[report{who, waba.StatusDelivered}], at[report{who, waba.StatusRead}]
		if sent >= delivered || delivered >= read {
			t.Errorf("recipient %d: sent %d, delivered %d, read %d", who, sent, delivered, read)
		}
	}
	// A second after the first message was sent, ten more were, and it is told to be delivered.
	if i := at[report{0, waba.StatusDelivered}]; rs[i-1] != (report{10, waba.StatusSent}) {
		t.Errorf("before the first delivered comes %+v", rs[i-1])
	}
}

type nobody struct{}

func (nobody) Enqueue(context.Context, ...models.Work) error { return nil }

// TestFleetKnowsItsEvents: what the gateway makes of a fleet's callbacks has the ids that arrivals are counted by.
func TestFleetKnowsItsEvents(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	store, err := models.Open(ctx, models.Options{Dir: t.TempDir()})
	must(err)
	defer func() { _ = store.Close() }()
	owner, err := store.CreateBusiness(ctx, "Shop")
	must(err)
	app, err := store.CreateApp(ctx, models.App{BusinessID: &owner.ID, Name: shop.app, Secrets: []models.Secret{models.Secret(shop.secret)}})
	must(err)
	f := shops()
	for i, number := range f.numbers {
		_, err := store.CreateNumber(ctx, models.Number{BusinessID: owner.ID, PhoneNumberID: number, Display: fmt.Sprintf("1555020000%d", i), Name: "Shop"})
		must(err)
	}
	log := slog.New(slog.DiscardHandler)
	directory, err := models.NewDirectory(ctx, store, log)
	must(err)
	recorder := fanout.NewRecorder(store, directory, fanout.NewSubscriptions(directory.Routes, log), nobody{}, nil, log, fanout.NewMetrics(prometheus.NewRegistry()), nil)
	translator := fanout.NewTranslator(recorder, log)
	defer translator.Close()
	for what, o := range map[string]owing{"chat": f.chat(20, 1), "longer chat": f.chat(20, 5), "broadcast": f.broadcast(20, 5)} {
		var cs []models.Callback
		for _, body := range o.bodies {
			cs = append(cs, models.Callback{AppID: app.ID, ReceivedAt: time.Now(), Body: body})
		}
		w := store.NewCallbackGroup(cs)
		must(store.Accept(ctx, w, cs))
		must(translator.Translate(ctx, w))
		for i, id := range o.events {
			key, ok := event.ParseID(id)
			if !ok {
				t.Fatalf("%s: %q is no id", what, id)
			}
			e, err := store.EventByKey(ctx, owner.ID, key)
			if err != nil {
				t.Fatalf("%s, callback %d for %s: %v: %s", what, i, f.numbers[o.hooks[i]], err, o.bodies[i])
			}
			if number := directory.Routes().Numbers[f.numbers[o.hooks[i]]]; number.ID != e.NumberID || !waba.Verify(o.bodies[i], o.signatures[i], []byte(f.secret)) {
				t.Errorf("%s: the event of callback %d is of number %d, not %d", what, i, e.NumberID, number.ID)
			}
			if what == "broadcast" && !strings.Contains(string(o.bodies[i]), "origin=broadcast;broadcast=89;") {
				t.Errorf("no tracking in %s", o.bodies[i])
			}
			if what == "chat" && !healthyHook(o.hooks[i]) {
				t.Errorf("live message %d goes to a bad webhook", i)
			}
		}
	}
}

func TestBadWebhooks(t *testing.T) {
	t.Parallel()
	r, err := newReceiver()
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	dead, release, err := r.refusing()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := post(http.DefaultClient, dead, nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the dead webhook: %v", err)
	}
	counted := r.count()
	deliver := func(ctx context.Context, id string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.slow(), strings.NewReader("{}"))
		if err != nil {
			return err
		}
		req.Header.Set(signature.HeaderID, id)
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	}
	gone, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var timeout net.Error
	if err := deliver(gone, "evt_gone"); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the slow webhook answered at once: %v", err)
	}
	began := time.Now()
	if err := deliver(t.Context(), "evt_1"); err != nil || time.Since(began) < slowFor {
		t.Errorf("the slow webhook after %v: %v", time.Since(began), err)
	}
	if unique, _ := counted.events(); unique != 1 {
		t.Errorf("%d events arrived: one that was given up must not count", unique)
	}
}

func TestAwaitByID(t *testing.T) {
	t.Parallel()
	counted := (&receiver{}).count()
	counted.arrived("evt_1", time.Now())
	counted.arrived("evt_3", time.Now())
	if err := counted.await(t.Context(), []string{"evt_1", "evt_2"}, 20*time.Millisecond); !errors.Is(err, errSlow) {
		t.Error(err)
	}
	time.AfterFunc(30*time.Millisecond, func() { counted.arrived("evt_2", time.Now()) })
	if err := counted.await(t.Context(), []string{"evt_1", "evt_2", "evt_3"}, 10*time.Second); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := counted.await(ctx, []string{"evt_4"}, time.Minute); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLatenciesOfHealthyOnes(t *testing.T) {
	t.Parallel()
	f, counted, began := shops(), (&receiver{}).count(), time.Now()
	o := f.broadcast(40, 10)
	healthy := 0
	for i, id := range o.events {
		o.sent[i].Store(began.UnixNano())
		o.acked[i].Store(i != 7)
		took := time.Hour // at bad ones, and while connections open
		if healthyHook(o.hooks[i]) && i >= 6 {
			took = 20 * time.Millisecond
			healthy++
		}
		counted.arrived(id, began.Add(took))
	}
	if h := counted.latencies(o); h.TotalCount() != int64(healthy) || healthy < 50 || quantile(h, 99) > 21 || quantile(h, 1) < 19 {
		t.Errorf("%d latencies of %d, p1 %v ms, p99 %v ms", h.TotalCount(), healthy, quantile(h, 1), quantile(h, 99))
	}
	if all := o.acknowledgedOf(func(int) bool { return true }); len(all) != 119 || slices.Contains(all, o.events[7]) {
		t.Errorf("%d acknowledged of 120, one refused", len(all))
	}
	if dead := o.acknowledgedOf(func(hook int) bool { return hook == deadHook }); len(dead) != 30 {
		t.Errorf("%d for the dead one", len(dead))
	}
}

func TestStanding(t *testing.T) {
	t.Parallel()
	counted := (&receiver{}).count()
	var ids []string
	var kept []models.DeliveryRow
	for name, state := range map[string]models.DeliveryState{
		"waits": models.Pending, "held": models.Held, "given up": models.Failed, "done": models.Succeeded, "said to be done": models.Succeeded, "arrived, not settled": models.Pending,
	} {
		key := event.NewKey(name)
		ids, kept = append(ids, key.EventID()), append(kept, models.DeliveryRow{Key: key[:], State: state})
		if name == "done" || name == "arrived, not settled" {
			counted.arrived(key.EventID(), time.Now())
		}
	}
	ids = append(ids, event.NewKey("no row").EventID())
	if waiting, gone := standing(ids, kept, counted); waiting != 4 || gone != 2 {
		t.Errorf("%d waiting, %d gone", waiting, gone)
	}
}
