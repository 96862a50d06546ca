package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wabagate/fanout/signature"
	"wabagate/waba"
	"wabagate/waba/simulator"
)

func TestMixture(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{PhoneNumberID: shop.number, Contacts: contacts, Mix: simulator.Mix{All: true}})
	fields, bodies := map[string]bool{}, map[string]bool{}
	for range 2 { // the second goes on where the first ended
		cs := newMixture(sim, shop, 2000)
		size := 0
		for i, body := range cs.bodies {
			cb, err := waba.Parse(body)
			if err != nil || len(cb.Changes) != 1 || !waba.Verify(body, cs.signatures[i], []byte(shop.secret)) {
				t.Fatalf("%v: %s", err, body)
			}
			fields[cb.Changes[0].Field], bodies[string(body)] = true, true
			size += len(body)
		}
		if got := cs.averageSize(); got != float64(size)/2000 || len(cs.sent) != 2000 || len(cs.acked) != 2000 {
			t.Errorf("%v bytes on average of %d in all", got, size)
		}
	}
	if len(fields) < 20 || len(bodies) < 3900 {
		t.Errorf("%d fields in %d different callbacks are not everything", len(fields), len(bodies))
	}
}

func TestTally(t *testing.T) {
	t.Parallel()
	r, err := newReceiver()
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	deliver := func(id string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.counting(), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(signature.HeaderID, id)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	deliver("evt_0") // before anybody counts
	counted := r.count()
	if !counted.latest().IsZero() {
		t.Error("something arrived before anything arrived")
	}
	began := time.Now()
	for _, id := range []string{"evt_1", "evt_2", "evt_3"} {
		deliver(id)
	}
	last := counted.latest()
	deliver("evt_2")
	deliver("evt_2")
	if unique, duplicates := counted.events(); unique != 3 || duplicates != 2 {
		t.Errorf("%d events, %d duplicates", unique, duplicates)
	}
	if last.Before(began) || counted.latest() != last {
		t.Errorf("the last event arrived at %v, after its repetition at %v", last, counted.latest())
	}
	if n := counted.lost(map[string]string{"evt_1": "", "evt_2": "", "evt_4": "", "evt_5": ""}); n != 2 {
		t.Errorf("%d lost", n)
	}
	if unique, _ := r.count().events(); unique != 0 {
		t.Errorf("a new tally starts with %d", unique)
	}
}

// TestFinish: the end is when the gateway says that nothing of either kind is left, and not before.
func TestFinish(t *testing.T) {
	t.Parallel()
	const backlog = "wabagate_backlog_callback_groups %d\nwabagate_backlog_delivery_groups %d\n"
	answers := []string{"", fmt.Sprintf(backlog, 2, 0), fmt.Sprintf(backlog, 0, 7), fmt.Sprintf(backlog, -1, -1), fmt.Sprintf(backlog, 0, 0)}
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(answers[min(int(asked.Add(1)), len(answers))-1]))
	}))
	t.Cleanup(s.Close)
	g := &gateway{child: &child{name: "gateway", done: make(chan struct{})}, base: s.URL}
	if err := g.finish(t.Context(), &tally{}, 10*time.Second); err != nil || asked.Load() != int64(len(answers)) {
		t.Errorf("%v after %d answers of %d", err, asked.Load(), len(answers))
	}

	asked.Store(0)
	busy := &tally{last: time.Now().Add(time.Minute)} // things keep arriving
	if err := g.finish(t.Context(), busy, 250*time.Millisecond); !errors.Is(err, errSlow) || asked.Load() != 0 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.finish(ctx, busy, time.Minute); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(g.done)
	if err := g.finish(t.Context(), busy, time.Minute); err != nil {
		t.Errorf("a gateway that ended: %v", err)
	}
}

func TestUnknownMix(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), Options{Mix: "some"}); err == nil || err.Error() != "--mix some: expected text or all" {
		t.Error(err)
	}
}

func TestBusinesses(t *testing.T) {
	t.Parallel()
	var st setting
	if bs := st.businesses(MixText, 50); len(bs) != 3 || bs[0] != &st.single || bs[0].hooks != 1 || bs[1].hooks != 50 || bs[2].hooks != 50 || bs[2].wants != "message.received" {
		t.Errorf("%+v", st)
	}
	if bs := st.businesses(MixAll, 50); len(bs) != 2 || bs[0] != &st.text || bs[1] != &st.all || st.text != st.all || st.all.hooks != 1 || st.all.wants != "*" {
		t.Errorf("%+v", st)
	}
}
