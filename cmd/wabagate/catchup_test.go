package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models"
	"wabagate/waba/simulator"
)

// An hour of traffic comes while a webhook is off. It is counted first; switched on, the webhook gets all of it, once and
// in order, with what comes meanwhile behind it and never faster than it allows.
func TestCatchUp(t *testing.T) {
	const people, traffic, rate = 60, 1500, 250
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := startWhole(t, config(t)), newInbox(t)
			sim := simulator.New(simulator.Options{PhoneNumberID: testPNID, WABAID: testWABA})
			h := w.webhook(models.Webhook{Name: "crm", URL: in.URL, Events: []string{"message.received"}, RateLimit: rate, Ordering: models.OrderConversation})
			sent := w.chat(sim, people, people)
			in.wait(people)

			w.switchOff(h)
			sent = append(sent, w.chat(sim, traffic, people)...)
			w.idle(30 * time.Second)
			require.Len(t, in.Got(), people, "nothing comes while it is off")
			require.EqualValues(t, traffic, w.held(h), "announced before anything happens")
			require.Len(t, in.Got(), people, "counting delivers nothing")

			began := time.Now()
			job := w.catchUp(h)
			require.EqualValues(t, traffic, job.Total)
			meanwhile := 0
			for job.State == "running" {
				require.Less(t, time.Since(began), 40*time.Second, "%+v", job)
				sent = append(sent, w.chat(sim, 1, people)...)
				meanwhile++
				time.Sleep(40 * time.Millisecond)
				job = w.job(job.ID)
			}
			took := time.Since(began)
			require.Equal(t, "done", job.State)
			require.GreaterOrEqual(t, job.Released, job.Total, "what was held, and of what came meanwhile as much as had to wait")
			require.LessOrEqual(t, job.Released, job.Total+int64(meanwhile))
			in.wait(len(sent))
			sent = append(sent, w.chat(sim, 1, people)...)
			in.waitWithin(len(sent), 2*time.Second)
			w.idle(10 * time.Second)

			require.Zero(t, w.held(h))
			job = w.job(job.ID)
			require.Equal(t, job.Released, job.Successful, "each is accounted for")
			in.requireAll(sent)
			require.Len(t, in.Got(), len(sent), "each once")
			in.requireOrder()
			most := w.requireRate(h, in)
			require.Less(t, took, 4*traffic*time.Second/rate, "and not much slower than it may be")
			t.Logf("%d held and %d that came meanwhile in %s: at most %d in a second of %d allowed", traffic, meanwhile, took.Round(time.Millisecond), most, rate)
		})
	}
}

// A catch-up is cancelled and asked for again, the program is replaced, and its receiver fails for a while under way:
// there is no gap, and the order stays.
func TestCatchUpThroughTrouble(t *testing.T) {
	const people, traffic, rate = 8, 400, 200
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			w, in := startWhole(t, cfg), newInbox(t)
			sim := simulator.New(simulator.Options{PhoneNumberID: testPNID, WABAID: testWABA})
			h := w.webhook(models.Webhook{Name: "crm", URL: in.URL, Events: []string{"message.received"}, RateLimit: rate, Ordering: models.OrderConversation,
				RetrySchedule: slices.Repeat([]time.Duration{time.Second}, 20)})
			w.switchOff(h)
			sent := w.chat(sim, traffic, people)
			w.idle(30 * time.Second)

			first := w.catchUp(h)
			in.wait(traffic / 5)
			status, answer := w.client(http.MethodPost, fmt.Sprintf("/webhooks/%d/catch-up", h.ID), `{"from":"gap"}`)
			require.Equal(t, http.StatusConflict, status, answer)
			status, answer = w.client(http.MethodPost, fmt.Sprintf("/jobs/%d/cancel", first.ID), "")
			require.Equal(t, http.StatusOK, status, answer)
			w.idle(20 * time.Second)
			first = w.job(first.ID)
			require.Equal(t, "cancelled", first.State)
			require.Less(t, first.Released, first.Total)
			in.waitWithin(int(first.Released), time.Second)
			require.EqualValues(t, first.Released, len(in.ids()), "what was handed out is delivered, and no more")
			require.Equal(t, first.Total-first.Released, w.held(h), "the rest stays held")
			stranger := sim.Text("15550999999", "Bob", "now?")
			require.Equal(t, http.StatusOK, w.post("a", sim.Callback(stranger)))
			sent = append(sent, stranger.ID)
			in.waitWithin(int(first.Released)+1, 2*time.Second)

			second := w.catchUp(h)
			require.Equal(t, first.Total-first.Released, second.Total)
			in.wait(traffic / 2)
			require.Equal(t, "running", w.job(second.ID).State, "or the replacement would prove nothing")
			w = w.replaced(cfg)
			in.wait(len(in.ids()) + traffic/6) // of one that only ever fails, the breaker would say so first
			in.refusing.Store(true)
			time.Sleep(time.Second)
			in.refusing.Store(false)
			in.wait(traffic + 1)
			w.idle(20 * time.Second)
			second = w.ended(second.ID)
			require.Equal(t, "done", second.State)
			require.Equal(t, []int64{second.Total, second.Total}, []int64{second.Released, second.Successful}, "nothing came meanwhile")
			require.Zero(t, w.held(h))
			in.requireAll(sent)
			require.Len(t, in.taken, len(sent), "a stop that lets work finish doubles nothing")
			in.requireOrder()
			w.requireRate(h, in)
			require.Greater(t, len(in.Got()), len(sent), "the receiver did refuse some")
		})
	}
}

// What was held may be given up: the webhook goes on from now, and each that was given up can still be had.
func TestCatchUpFromNow(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := startWhole(t, config(t)), newInbox(t)
			sim := simulator.New(simulator.Options{PhoneNumberID: testPNID, WABAID: testWABA})
			h := w.webhook(models.Webhook{Name: "crm", URL: in.URL, Events: []string{"message.received"}, RateLimit: 100, Ordering: models.OrderConversation})
			w.switchOff(h)
			missed := w.chat(sim, 80, 10)
			w.idle(20 * time.Second)
			var answer struct{ Skipped int64 }
			w.ask(http.MethodPost, fmt.Sprintf("/webhooks/%d/catch-up", h.ID), `{"from":"now"}`, http.StatusOK, &answer)
			require.EqualValues(t, len(missed), answer.Skipped)
			require.Zero(t, w.held(h))

			sent := w.chat(sim, 20, 10)
			in.waitWithin(len(sent), 3*time.Second)
			w.idle(10 * time.Second)
			in.requireAll(sent)
			require.Len(t, in.Got(), len(sent), "and none of what was given up")

			var again struct{ Job catchUpJob }
			w.ask(http.MethodPost, fmt.Sprintf("/webhooks/%d/replay", h.ID), fmt.Sprintf(`{"since":%q,"status":"skipped"}`, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)), http.StatusAccepted, &again)
			require.EqualValues(t, len(missed), again.Job.Total)
			in.wait(len(sent) + len(missed))
			require.Equal(t, "done", w.ended(again.Job.ID).State)
			in.requireAll(append(sent, missed...))
		})
	}
}

// anyWamid finds the message of an event, as the simulator names it.
var anyWamid = regexp.MustCompile(`wamid\.[\w+/=-]+`)

// inbox is a receiver that may refuse, and remembers what it took.
type inbox struct {
	*fanouttest.Receiver
	t        *testing.T
	refusing atomic.Bool

	mu    sync.Mutex
	taken []fanouttest.Delivery
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{t: t}
	in.Receiver = fanouttest.NewReceiver(t, func(rw http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) {
		if in.refusing.Load() {
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		in.mu.Lock()
		in.taken = append(in.taken, d)
		in.mu.Unlock()
	})
	return in
}

// ids is how often each event was taken.
func (in *inbox) ids() map[string]int {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := map[string]int{}
	for _, d := range in.taken {
		n[d.ID()]++
	}
	return n
}

func (in *inbox) wait(n int) { in.t.Helper(); in.waitWithin(n, 40*time.Second) }

// waitWithin waits until n different events were taken.
func (in *inbox) waitWithin(n int, limit time.Duration) {
	in.t.Helper()
	require.Eventually(in.t, func() bool { return len(in.ids()) >= n }, limit, 5*time.Millisecond, "%d events", n)
}

// requireAll: exactly these messages were taken, each as one event.
func (in *inbox) requireAll(wamids []string) {
	in.t.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	events := map[string]string{}
	for _, d := range in.taken {
		wamid := string(anyWamid.Find(d.Body))
		if events[wamid] == "" {
			events[wamid] = d.ID()
		}
		require.Equal(in.t, events[wamid], d.ID(), wamid)
	}
	for _, wamid := range wamids {
		require.NotEmpty(in.t, events[wamid], "%s never came", wamid)
	}
	require.Len(in.t, events, len(wamids))
}

// requireOrder: in each conversation, events were taken in their sequence.
func (in *inbox) requireOrder() {
	in.t.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	last, taken := map[int64]int64{}, map[string]bool{}
	for i, d := range in.taken {
		var body struct {
			Data struct {
				Sequence     int64
				Conversation struct{ ID int64 }
			}
		}
		require.NoError(in.t, json.Unmarshal(d.Body, &body))
		c := body.Data.Conversation.ID
		require.Positive(in.t, c)
		if !taken[d.ID()] {
			require.Greater(in.t, body.Data.Sequence, last[c], "conversation %d, request %d", c, i)
			taken[d.ID()], last[c] = true, body.Data.Sequence
		}
	}
}

// requireRate: in no second, wherever it begins, more requests were started than the webhook's limit, and about as many
// arrived. It answers the most that were started.
func (w *whole) requireRate(h models.Webhook, in *inbox) int {
	w.t.Helper()
	var started, arrived []time.Time
	for before, more := int64(0), true; more; {
		rows, err := w.store.Deliveries(w.t.Context(), h.ID, models.DeliveryFilter{Before: before, Limit: 200})
		require.NoError(w.t, err)
		for _, row := range rows {
			d, err := w.store.Delivery(w.t.Context(), w.made.BusinessID, row.EventID, h.ID)
			require.NoError(w.t, err)
			for _, a := range d.Attempts {
				started = append(started, a.StartedAt)
			}
			before = row.EventID
		}
		more = len(rows) > 0
	}
	for _, d := range in.Got() {
		arrived = append(arrived, d.At)
	}
	require.Len(w.t, started, len(arrived), "each request is in the log")
	most := mostInASecond(started)
	require.LessOrEqual(w.t, most, h.RateLimit, "started in one second")
	// On a busy machine some are on their way for longer than others.
	require.LessOrEqual(w.t, mostInASecond(arrived), h.RateLimit*5/4, "arrived in one second")
	return most
}

func mostInASecond(at []time.Time) (most int) {
	slices.SortFunc(at, time.Time.Compare)
	first := 0
	for last := range at {
		for at[last].Sub(at[first]) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// chat posts n messages of some people, side by side and a few to a callback as the platform does, and returns their wamids.
func (w *whole) chat(sim *simulator.Simulator, n, people int) []string {
	w.t.Helper()
	wamids, facts := make([]string, n), make([]simulator.Fact, n)
	for i := range n {
		facts[i] = sim.Text(fmt.Sprintf("1555017%04d", i%people), "Ada", fmt.Sprint("hello ", i))
		wamids[i] = facts[i].ID
	}
	posts := make(chan []byte)
	var wg sync.WaitGroup
	for range min(n, 8) {
		wg.Go(func() {
			for body := range posts {
				status, err := postSigned(w.t.Context(), w.url+"/webhooks/cloud/a", testSecret, body)
				if err != nil || status != http.StatusOK {
					w.t.Errorf("answered %d, %v", status, err)
				}
			}
		})
	}
	for some := range slices.Chunk(facts, 5) {
		posts <- sim.Callback(some...)
	}
	close(posts)
	wg.Wait()
	return wamids
}

// catchUpJob is a job as the API shows it.
type catchUpJob struct {
	ID, Total, Released, Successful, Failed int64
	State                                   string
}

// ask calls the API, which has to answer with the status.
func (w *whole) ask(method, path, body string, want int, into any) {
	w.t.Helper()
	status, answer := w.client(method, path, body)
	require.Equal(w.t, want, status, answer)
	require.NoError(w.t, json.Unmarshal([]byte(answer), into))
}

func (w *whole) switchOff(h models.Webhook) {
	w.t.Helper()
	w.ask(http.MethodPut, fmt.Sprintf("/webhooks/%d", h.ID), `{"is_active":0}`, http.StatusOK, &struct{}{})
}

// held is what a catch-up would deliver, as it is announced.
func (w *whole) held(h models.Webhook) int64 {
	w.t.Helper()
	var answer struct{ Held struct{ Count int64 } }
	w.ask(http.MethodPost, fmt.Sprintf("/webhooks/%d/catch-up", h.ID), `{"from":"count"}`, http.StatusOK, &answer)
	return answer.Held.Count
}

func (w *whole) catchUp(h models.Webhook) catchUpJob {
	w.t.Helper()
	var answer struct{ Job catchUpJob }
	w.ask(http.MethodPost, fmt.Sprintf("/webhooks/%d/catch-up", h.ID), `{"from":"gap"}`, http.StatusAccepted, &answer)
	return answer.Job
}

func (w *whole) job(id int64) catchUpJob {
	w.t.Helper()
	var answer struct{ Job catchUpJob }
	w.ask(http.MethodGet, fmt.Sprintf("/jobs/%d", id), "", http.StatusOK, &answer)
	return answer.Job
}

// ended waits for the end of a job.
func (w *whole) ended(id int64) (job catchUpJob) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { job = w.job(id); return job.State != "running" }, 20*time.Second, 20*time.Millisecond)
	return job
}

// replaced is a second program on the same stores, of which this one is stopped: an embedded one before, any other after
// the second has started.
func (w *whole) replaced(cfg Config) *whole {
	w.t.Helper()
	http.DefaultClient.CloseIdleConnections() // a stop waits for them
	if w.store.Embedded() {
		w.Stop()
	}
	a, err := New(w.t.Context(), cfg, slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	require.NoError(w.t, err)
	w.t.Cleanup(a.Stop)
	_, err = a.Start()
	require.NoError(w.t, err)
	w.Stop()
	return &whole{App: a, t: w.t, made: w.made, url: "http://" + a.Addr()}
}
