package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wabagate/waba"
	"wabagate/waba/simulator"
)

const secret = "the app secret"

// platformReceiver checks signatures, refuses every refuse-th callback and counts facts by id.
type platformReceiver struct {
	t      *testing.T
	refuse int64
	n      atomic.Int64

	mu    sync.Mutex
	facts map[string]int
	sizes map[int]int
	order []string
}

func newReceiver(t *testing.T, refuse int64) (*platformReceiver, string) {
	r := &platformReceiver{t: t, refuse: refuse, facts: map[string]int{}, sizes: map[int]int{}}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return r, s.URL + "/webhooks/cloud/demo"
}

func (r *platformReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil || !waba.Verify(body, req.Header.Get(waba.SignatureHeader), []byte(secret)) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if n := r.n.Add(1); r.refuse > 0 && n%r.refuse == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	cb, err := waba.Parse(body)
	if err != nil {
		r.t.Errorf("not a callback: %v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	size := 0
	for _, c := range cb.Changes {
		for _, m := range c.Messages {
			r.facts[m.ID]++
			r.order = append(r.order, m.ID)
		}
		for _, s := range c.Statuses {
			r.facts[s.ID+":"+s.Status]++
		}
		size += len(c.Messages) + len(c.Statuses)
		size += len(c.Errors)
	}
	r.sizes[size]++
}

// acknowledgedFacts reads a facts file back, as ids of the simulator.
func acknowledgedFacts(t *testing.T, file string) (ids map[string]int, errors int) {
	t.Helper()
	ids = map[string]int{}
	for l := range strings.Lines(file) {
		var got line
		if err := json.Unmarshal([]byte(l), &got); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		switch got.Kind {
		case simulator.KindStatus:
			ids[got.ID+":"+got.Status]++
		case simulator.KindMessage:
			ids[got.ID]++
		default:
			errors++
		}
	}
	return ids, errors
}

func TestEveryFactArrivesDespiteRefusals(t *testing.T) {
	t.Parallel()
	r, url := newReceiver(t, 9)
	var file bytes.Buffer
	tally, err := Run(t.Context(), Options{
		URL: url, Secret: secret, Count: 300, Batch: 5, Duplicates: 0.3, Shuffle: true, RetryFor: time.Minute, Facts: &file,
		Simulator: simulator.Options{Seed: 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	listed, errors := acknowledgedFacts(t, file.String())
	total := tally.Facts["message"] + tally.Facts["status"] + tally.Facts["error"]
	if total != len(listed)+errors || len(listed) != len(r.facts) {
		t.Fatalf("the tally has %d facts, the file %d and %d errors, the receiver %d", total, len(listed), errors, len(r.facts))
	}
	twice := 0
	for id, n := range r.facts {
		if listed[id] != 1 {
			t.Errorf("%s is %d times in the file", id, listed[id])
		}
		twice += n - 1
	}
	// Errors have no id to count them by.
	if tally.DuplicateFacts < twice || tally.DuplicateFacts > twice+errors*3 || twice == 0 {
		t.Errorf("%d facts again, the receiver saw %d", tally.DuplicateFacts, twice)
	}
	if tally.Unacknowledged != 0 || tally.MissingFacts != 0 || tally.Acknowledged != tally.Callbacks {
		t.Errorf("not everything acknowledged: %+v", tally)
	}
	if tally.Refused["503"] == 0 || tally.Retries != tally.Refused["503"] || tally.Posts != tally.Callbacks+tally.Retries {
		t.Errorf("refusals and retries do not fit: %+v", tally)
	}
	if tally.Callbacks != 300+tally.Copies || tally.Copies < 50 || len(r.sizes) != 5 || tally.P50 <= 0 || tally.P99 < tally.P50 {
		t.Errorf("%+v, sizes %v", tally, r.sizes)
	}
}

func TestOrderIsKeptUnlessShuffled(t *testing.T) {
	t.Parallel()
	orders := map[bool][]string{}
	for _, shuffle := range []bool{false, true} {
		r, url := newReceiver(t, 0)
		if _, err := Run(t.Context(), Options{URL: url, Secret: secret, Count: 200, Connections: 1, Shuffle: shuffle, Simulator: simulator.Options{
			Mix: simulator.Mix{Messages: 1}, Start: time.Unix(1_800_000_000, 0)}}); err != nil {
			t.Fatal(err)
		}
		orders[shuffle] = r.order
	}
	same := 0
	for i, id := range orders[false] {
		if orders[true][i] == id {
			same++
		}
	}
	if len(orders[true]) != 200 || same > 100 {
		t.Errorf("%d of %d callbacks kept their place", same, len(orders[true]))
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	_, url := newReceiver(t, 0)
	tally, err := Run(t.Context(), Options{URL: url, Secret: secret, Count: 60, Rate: 200})
	if err != nil || tally.Seconds < 0.29 {
		t.Errorf("60 callbacks at 200/s took %.3f s: %v", tally.Seconds, err)
	}
}

func TestHopelessRunsEndAtOnce(t *testing.T) {
	t.Parallel()
	_, url := newReceiver(t, 0)
	nowhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(nowhere.Close)
	for want, o := range map[string]Options{
		"the secret does not fit":    {URL: url, Secret: "another"},
		"nothing takes callbacks":    {URL: nowhere.URL, Secret: secret},
		"is not a callback address":  {URL: "localhost:8080", Secret: secret},
		"--secret is empty":          {URL: url},
		"a share from 0 to 1":        {URL: url, Secret: secret, Duplicates: 3},
		"at most 1000 facts":         {URL: url, Secret: secret, Batch: 5000},
		"expected callbacks per sec": {URL: url, Secret: secret, Rate: -1},
	} {
		o.RetryFor = time.Minute
		began := time.Now()
		_, err := Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if time.Since(began) > 10*time.Second {
			t.Errorf("%s: took %v", want, time.Since(began))
		}
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	url := s.URL
	s.Close()
	var progress bytes.Buffer
	tally, err := Run(t.Context(), Options{URL: url, Secret: secret, Count: 3, RetryFor: 600 * time.Millisecond, Progress: &progress})
	if err != nil || tally.Unacknowledged != 3 || tally.Refused["connection refused"] < 6 || tally.MissingFacts != 3 {
		t.Errorf("%+v, %v", tally, err)
	}
	if !strings.Contains(progress.String(), "is the gateway running there?") {
		t.Errorf("said %q", progress.String())
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	_, url := newReceiver(t, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	tally, err := Run(ctx, Options{URL: url, Secret: secret, Count: 1_000_000, Rate: 500, RetryFor: time.Minute})
	if err != nil || tally.Callbacks == 0 || tally.Callbacks > 1000 || tally.Unacknowledged != 0 {
		t.Errorf("%+v, %v", tally, err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestFactsThatCannotBeWrittenEndTheRun(t *testing.T) {
	t.Parallel()
	_, url := newReceiver(t, 0)
	_, err := Run(t.Context(), Options{URL: url, Secret: secret, Count: 10_000, Facts: fullDisk{}})
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Error(err)
	}
}

func TestTallyForPeople(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	Tally{Posts: 1300, Callbacks: 1290, Copies: 290, Acknowledged: 1289, Unacknowledged: 1, Retries: 10, Refused: map[string]int{"503": 9, "timeout": 2},
		Facts: map[string]int{"message": 400, "status": 1200}, DuplicateFacts: 310, MissingFacts: 1, Seconds: 2.5, PerSecond: 515.6, P50: 1.23, P99: 9.87}.Print(&b)
	want := `callbacks   1,290 posted, 1,289 acknowledged, 1 not  (290 copies, 10 sent again)
facts       message 400, status 1,200  (310 acknowledged again, 1 missing)
refused     503 9, timeout 2
ack         p50 1.2 ms, p99 9.9 ms, 515.6/s over 2.5 s
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
