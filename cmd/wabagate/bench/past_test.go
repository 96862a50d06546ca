package bench

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

func TestChapter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c := newChapter(10_000, 3, 501, now)
	if first := models.IDTime(c.eventID(0)); !first.Equal(now.AddDate(0, 0, -pastDays)) {
		t.Errorf("the first event is of %v", first)
	}
	if last := models.IDTime(c.eventID(c.n - 1)); !last.Before(now) || now.Sub(last) > 10*time.Minute {
		t.Errorf("the last event is of %v", last)
	}
	for k := range c.n - 1 {
		if c.eventID(k) >= c.callbackID(k+1) {
			t.Fatalf("the id of event %d is not below that of the next callback", k)
		}
	}
	if a, b := c.wamid(4), c.wamid(5); a == b || b != c.wamid(7) || b == c.wamid(9) || c.key(4) == c.key(5) {
		t.Errorf("a talk is of two messages: %s, %s, %s, %s", a, b, c.wamid(7), c.wamid(9))
	}
	other := newChapter(10_000, 4, 501, now)
	if other.wamid(4) == c.wamid(4) || other.key(4) == c.key(4) || other.eventID(4) == c.eventID(4) {
		t.Error("two chapters share ids")
	}
	of := map[int]int{}
	for k := range c.n {
		if p := c.personOf(k); p < c.person || p >= c.person+c.people {
			t.Fatalf("event %d is of person %d", k, p)
		} else {
			of[tenantOf(p, 10)]++
		}
	}
	if len(of) != 10 || of[0] != int(c.n)/2 {
		t.Errorf("events by tenant: %v", of)
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]int{1: 1, 1_000_000: 1, 1_000_001: 2, 9_900_000: 10, 99_900_000: 10} {
		at := int64(0)
		all := slices.Collect(parts(n))
		for _, p := range all {
			if p[0] != at || p[1] <= p[0] {
				t.Errorf("%d: %v", n, all)
			}
			at = p[1]
		}
		if at != n || len(all) != want {
			t.Errorf("%d in %d parts: %v", n, len(all), all)
		}
	}
}

// TestPast writes a chapter and a second one into PostgreSQL, and finds in it what the chapters say is there.
func TestPast(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	address := os.Getenv("TEST_DATABASE_URL")
	if address == "" {
		t.Skip("TEST_DATABASE_URL is not set")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &stores{admin: address}
	databaseURL, err := s.fresh(ctx)
	must(err)
	t.Cleanup(func() { must(s.drop(context.Background())) })
	st := &setting{databaseURL: databaseURL}
	store, err := st.open(ctx)
	must(err)
	defer func() { _ = store.Close() }()
	_, err = store.Migrate(ctx)
	must(err)
	st.store = store
	p, err := st.settle(ctx, "http://127.0.0.1:1/")
	must(err)
	const n = 30_000
	var told []int64
	for range 2 {
		must(p.write(ctx, st, presentFilling, n, func(written int64) { told = append(told, written) }))
	}
	if !slices.Equal(told, []int64{n, n}) {
		t.Errorf("told of %v", told)
	}

	conn, err := pgx.Connect(ctx, databaseURL)
	must(err)
	defer func() { _ = conn.Close(ctx) }()
	for query, want := range map[string]int64{
		"SELECT count(*) FROM callbacks": 2 * n, "SELECT count(*) FROM events": 2 * n, "SELECT count(*) FROM messages": n,
		"SELECT count(*) FROM events e JOIN event_keys k ON k.key = e.key AND k.event_id = e.id":                                                                2 * n,
		"SELECT count(*) FROM deliveries d JOIN events e ON e.id = d.event_id JOIN webhooks w ON w.id = d.webhook_id AND w.business_id = e.business_id":         2 * n,
		"SELECT count(*) FROM attempts a JOIN deliveries d USING (event_id, webhook_id) WHERE a.n = d.attempts AND (d.state = 2) = (a.outcome = 'rejected')":    2 * n,
		"SELECT count(*) FROM events e JOIN callbacks c ON c.id = e.callback_id JOIN conversations v ON v.id = e.conversation_id AND v.number_id = e.number_id": 2 * n,
		"SELECT count(*) FROM identities i JOIN contacts c ON c.id = i.contact_id AND c.business_id = i.business_id":                                            2 * 2 * n / eventsPerPerson,
		"SELECT count(*) FROM (SELECT DISTINCT conversation_id, sequence FROM events) s":                                                                        2 * n,
		"SELECT count(*) FROM events e JOIN conversations v ON v.id = e.conversation_id WHERE e.sequence > v.sequence":                                          0,
		"SELECT count(*) FROM messages m WHERE NOT EXISTS (SELECT FROM events e WHERE e.conversation_id = m.conversation_id AND strpos(e.data, m.wamid) > 0)":   0,
		"SELECT count(DISTINCT date_trunc('day', created_at)) / 30 FROM events":                                                                                 1,
		"SELECT count(*) FROM events WHERE octet_length(data) NOT BETWEEN 500 AND 800":                                                                          0,
		"SELECT count(*) FROM callbacks WHERE octet_length(body) NOT BETWEEN 450 AND 700":                                                                       0,
		"SELECT sum(made) FROM delivery_hours": 2 * n, "SELECT sum(failed) FROM delivery_hours": 2 * n / 50, "SELECT sum(events) FROM number_hours": 2 * n,
		"SELECT count(*) FROM conversations v WHERE abs(extract(epoch FROM last_inbound_at - (SELECT max(sent_at) FROM messages m WHERE m.conversation_id = v.id AND inbound))) > 0.01": 0,
		"SELECT count(*) FROM orders o JOIN conversations v ON v.id = o.conversation_id AND v.number_id = o.number_id":                                                                  2 * n / eventsPerPerson / 4,
		"SELECT count(*) FROM deliveries WHERE webhook_id = (SELECT min(id) FROM webhooks)":                                                                                             n,
		"SELECT count(*) FROM events WHERE abs(extract(epoch FROM created_at) * 1000 - ((id >> 22) + extract(epoch FROM timestamptz '2026-01-01Z') * 1000)) > 1.5":                      0,
	} {
		var got int64
		must(conn.QueryRow(ctx, query).Scan(&got))
		if got != want {
			t.Errorf("%d, want %d: %s", got, want, query)
		}
	}

	// The counters say what the gateway would have counted.
	var sum models.Count
	counts, err := store.Counts(ctx, models.CountFilter{BusinessID: p.tenants[0].business, From: time.Now().AddDate(0, 0, -pastDays-1), To: time.Now().Add(time.Hour)}, 24*time.Hour)
	must(err)
	for _, c := range counts {
		sum.Add(c)
	}
	if p95 := sum.Latencies.Quantile(.95); sum.Made != n || sum.Attempts() != n || sum.Succeeded+sum.Failed != n || p95 < 25*time.Millisecond || p95 > 32*time.Millisecond {
		t.Errorf("counted: %+v", sum)
	}

	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		c, k := p.chapters[rng.IntN(2)], rng.Int64N(n)
		owner := p.tenants[tenantOf(c.personOf(k), len(p.tenants))]
		d, err := store.Delivery(ctx, owner.business, c.eventID(k), owner.webhook)
		must(err)
		var data event.Data
		if data, err = (event.Event{Data: d.Event.Data}).Decode(); err != nil {
			t.Fatalf("%v: %s", err, d.Event.Data)
		}
		about := ""
		if data.Message != nil {
			about = data.Message.ID
		} else if data.Status != nil {
			about = data.Status.MessageID
		}
		if d.Event.Key != c.key(k) || d.Event.CallbackID != c.callbackID(k) || about != c.wamid(k) || data.Contact.WaID != waID(c.personOf(k)) || data.Contact.ID != c.personOf(k) || len(d.Attempts) != 1 {
			t.Fatalf("event %d: %+v", k, d)
		}
		cbs, err := store.CallbacksByID(ctx, []int64{d.Event.CallbackID})
		must(err)
		parsed, err := waba.Parse(cbs[0].Body)
		if err != nil || len(parsed.Changes) != 1 || len(parsed.Changes[0].Unrecognized) > 0 || parsed.Changes[0].PhoneNumberID != owner.phoneNumberID || !bytes.Contains(cbs[0].Body, []byte(about)) {
			t.Fatalf("callback %d: %v: %s", k, err, cbs[0].Body)
		}
	}
	for range 200 { // whereabouts are as the gateway would have kept them
		c, k := p.chapters[rng.IntN(2)], rng.Int64N(n)
		owner := p.tenants[tenantOf(c.personOf(k), len(p.tenants))]
		about, err := store.SearchEvents(ctx, owner.business, models.EventSearch{Wamid: c.wamid(k)})
		must(err)
		want := 3
		if k%talk == 0 {
			want = 1
		}
		if len(about) != want {
			t.Fatalf("%d events about message %d, want %d", len(about), k, want)
		}
	}
	// What lives on has ids beyond the past's.
	var contact, last int64
	must(conn.QueryRow(ctx, "SELECT nextval(pg_get_serial_sequence('contacts', 'id')), max(id) FROM contacts").Scan(&contact, &last))
	if contact <= last {
		t.Errorf("the next contact is %d, the last was %d", contact, last)
	}
}

func TestNothingFoundIsAnError(t *testing.T) {
	t.Parallel()
	answers := map[string]string{"some": `{"events":[{"id":"evt_1"}]}`, "none": `{"events":[]}`, "one": `{"id":7}`}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		answer, ok := answers[strings.TrimPrefix(q.URL.Path, "/api/client/")]
		if !ok || q.Header.Get("Authorization") != "Bearer wbk_1" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	a := asking{s.Client(), s.URL, "wbk_1"}
	for path, under := range map[string]string{"some": "events", "one": ""} {
		var got []byte
		took, err := a.ask(t.Context(), read{path: func() string { return path }, under: under, seen: func(answer []byte) { got = answer }})
		if err != nil || took <= 0 || string(got) != answers[path] {
			t.Errorf("%s: %v, %v, %s", path, took, err, got)
		}
	}
	for path, under := range map[string]string{"none": "events", "other": "", "one": "events"} {
		if _, err := a.ask(t.Context(), read{path: func() string { return path }, under: under}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Options{
		"choose one":                {Fairness: true, Mix: MixAll},
		"different things":          {Fairness: true, History: 200_000},
		"--sending, --replies, --h": {Sending: true, Fairness: true},
		"from 200000 to":            {History: 199_999},
		"a number of events":        {History: -1},
		"--history 100000001: e":    {History: 100_000_001},
		"from 2000 to":              {Pages: 1_999},
		"--history and --pages":     {Pages: 2_000, History: 200_000},
	} {
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, o := range []Options{{}, {Mix: MixAll}, {Fairness: true}, {History: 200_000}, {Pages: 2_000}, {Mix: MixText, History: 10_000_000}} {
		if err := o.check(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	full, quick := Options{History: 200_000}.sizes(), Options{History: 200_000, Quick: true}.sizes()
	if full.acknowledge != 50_000 || quick.acknowledge != 20_000 || full.budget < 30*time.Minute || full.budget != quick.budget {
		t.Errorf("%+v, %+v", full, quick)
	}
	ours := (&stores{owned: true, settings: productionPostgres(23 << 30)}).describe()
	if !strings.Contains(ours, "(fsync on, full_page_writes on, max_wal_size 8GB, shared_buffers 5888MB, ") {
		t.Error(ours)
	}
}
