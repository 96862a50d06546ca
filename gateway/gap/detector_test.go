package gap_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/fanout"
	"wabagate/gateway/gap"
	"wabagate/models"
	"wabagate/models/modelstest"
	"wabagate/waba"
	"wabagate/waba/graph"
	"wabagate/waba/outgoing"
	"wabagate/waba/wabatest"
)

// watch is a detector on a store, with a clock that is set by hand.
type watch struct {
	t         *testing.T
	store     *models.Store
	directory *models.Directory
	app       models.App
	number    models.Number
	detector  *gap.Detector
	registry  *prometheus.Registry
	now       time.Time
	told      []gap.News
	fail      error // of telling
}

func onEachStore(t *testing.T, test func(*watch)) {
	for name, open := range map[string]func(testing.TB) *models.Store{"sqlite": modelstest.SQLite, "postgres": modelstest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWatch(t, open(t)))
		})
	}
}

func newWatch(t *testing.T, s *models.Store) *watch {
	w := &watch{t: t, store: s, registry: prometheus.NewRegistry(), now: time.Now().UTC()}
	business, err := s.CreateBusiness(t.Context(), "Bakery")
	require.NoError(t, err)
	w.app, err = s.CreateApp(t.Context(), models.App{Name: "a", BusinessID: &business.ID, VerifyToken: "t", Secrets: []models.Secret{"s"}})
	require.NoError(t, err)
	w.number, err = s.CreateNumber(t.Context(), models.Number{BusinessID: business.ID, PhoneNumberID: wabatest.DefaultNumberID, WABAID: wabatest.DefaultWABAID, Display: wabatest.DefaultDisplay})
	require.NoError(t, err)
	w.directory, err = models.NewDirectory(t.Context(), s, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	w.detector, err = gap.New(gap.Options{Store: s, Routes: w.directory.Routes, Now: func() time.Time { return w.now }, Registry: w.registry,
		Tell: func(_ context.Context, news ...gap.News) error {
			if w.fail == nil {
				w.told = append(w.told, news...)
			}
			return w.fail
		}})
	require.NoError(t, err)
	return w
}

func (w *watch) look() {
	w.t.Helper()
	require.NoError(w.t, w.detector.Look(w.t.Context()))
}

func (w *watch) metric(name string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	require.NoError(w.t, err)
	for _, f := range families {
		if f.GetName() == name {
			if c := f.GetMetric()[0].GetCounter(); c != nil {
				return c.GetValue()
			}
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	w.t.Fatalf("no metric %s", name)
	return 0
}

// hear keeps callbacks of a moment, each with the event that it told.
func (w *watch) hear(at ...time.Time) {
	w.t.Helper()
	var c models.Changes
	for _, moment := range at {
		cs := []models.Callback{{AppID: 1, ReceivedAt: moment, Body: []byte(`{}`)}}
		work := w.store.NewCallbackGroup(cs)
		cs[0].ID = models.FirstID(moment) | cs[0].ID&(1<<22-1)
		require.NoError(w.t, w.store.Accept(w.t.Context(), work, cs))
		e := models.Event{ID: models.FirstID(moment) | w.store.NextID()&(1<<22-1), BusinessID: w.number.BusinessID, NumberID: w.number.ID, Type: "message.received",
			CallbackID: cs[0].ID, CreatedAt: moment, Data: []byte(`{}`)}
		copy(e.Key[:], fmt.Sprintf("%016x", e.ID))
		c.Events, c.Done = append(c.Events, e), append(c.Done, work.ID)
	}
	require.NoError(w.t, w.store.Translate(w.t.Context(), func(tx models.Translation) error { return tx.Write(w.t.Context(), c) }))
}

// A number that is busy all day falls silent: told once, and again only when it has spoken meanwhile.
func TestSilenceIsToldOnce(t *testing.T) {
	onEachStore(t, func(w *watch) {
		t := w.t
		start := w.now.Truncate(time.Hour).Add(-2 * time.Hour)
		require.NoError(t, w.store.MakeLeaves(t.Context(), start.Add(-48*time.Hour), start.Add(48*time.Hour)))
		var day []time.Time
		for at := start.Add(-26 * time.Hour); at.Before(start); at = at.Add(5 * time.Minute) {
			day = append(day, at.Add(time.Minute))
		}
		w.hear(day...)
		last := day[len(day)-1].Truncate(time.Millisecond)

		w.now = start.Add(2 * time.Minute)
		w.look()
		require.Empty(t, w.told, "it has only begun to listen")
		pass := func(d time.Duration) (told time.Duration) {
			w.t.Helper()
			before := len(w.told)
			for end := w.now.Add(d); w.now.Before(end); {
				w.now = w.now.Add(3 * time.Minute)
				w.look()
				if told == 0 && len(w.told) > before {
					told = w.now.Sub(start)
				}
			}
			return told
		}
		w.fail = io.ErrUnexpectedEOF
		w.now = w.now.Add(29 * time.Minute)
		require.ErrorIs(t, w.detector.Look(t.Context()), io.ErrUnexpectedEOF)
		w.fail = nil
		told := pass(2 * time.Hour)
		require.InDelta(t, 34, told.Minutes(), 1, "as soon as it can be told") // the last callback came four minutes before
		require.Len(t, w.told, 1)
		news := w.told[0]
		require.Equal(t, []any{gap.Silent, w.number.ID, last.UnixMilli(), true}, []any{news.Kind, news.Number.ID, news.From.UnixMilli(), news.Until.IsZero()})
		require.Contains(t, news.Reason, "Nothing has come for this number for 38 minutes")
		require.Equal(t, 1.0, w.metric("wabagate_gap_silent_numbers"))

		spoke := w.now
		w.hear(spoke)
		pass(3 * time.Minute)
		require.Equal(t, 0.0, w.metric("wabagate_gap_silent_numbers"))
		found, err := w.store.Silences(t.Context(), w.number.ID, start, w.now)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, []int64{last.UnixMilli(), spoke.UnixMilli()}, []int64{found[0].Since.UnixMilli(), found[0].Until.UnixMilli()})

		pass(time.Hour)
		require.Len(t, w.told, 2)
		require.NotEqual(t, news.Key, w.told[1].Key)
		require.Equal(t, 2.0, w.metric("wabagate_gap_silences_total"))
	})
}

// Nothing is concluded from what came while nobody listened, nor while callbacks wait to be translated.
func TestSilenceOfOurOwn(t *testing.T) {
	onEachStore(t, func(w *watch) {
		t := w.t
		start := w.now.Truncate(time.Hour).Add(-2 * time.Hour)
		require.NoError(t, w.store.MakeLeaves(t.Context(), start.Add(-48*time.Hour), start.Add(48*time.Hour)))
		var day []time.Time
		for at := start.Add(-26 * time.Hour); at.Before(start); at = at.Add(5 * time.Minute) {
			day = append(day, at)
		}
		w.hear(day...)
		w.now = start.Add(2 * time.Minute)
		w.look()
		w.now = w.now.Add(40 * time.Minute) // the gateway was away
		w.look()
		require.Empty(t, w.told)

		waiting := []models.Callback{{AppID: 1, ReceivedAt: w.now, Body: []byte(`{}`)}}
		work := w.store.NewCallbackGroup(waiting)
		work.DueAt = w.now
		require.NoError(t, w.store.Accept(t.Context(), work, waiting))
		for range 12 {
			w.now = w.now.Add(3 * time.Minute)
			w.look()
		}
		require.Empty(t, w.told)
		require.NoError(t, w.store.Translate(t.Context(), func(tx models.Translation) error {
			return tx.Write(t.Context(), models.Changes{Done: []int64{work.ID}})
		}))
		w.look()
		require.Len(t, w.told, 1, "listening for 36 minutes is enough")
	})
}

func TestParkedIsMeasured(t *testing.T) {
	onEachStore(t, func(w *watch) {
		t := w.t
		w.look()
		require.Equal(t, 0.0, w.metric("wabagate_gap_parked_callbacks"))
		hour := models.FirstID(w.now.Add(-time.Hour))
		require.NoError(t, w.store.Translate(t.Context(), func(tx models.Translation) error {
			return tx.Write(t.Context(), models.Changes{Parked: []models.ParkedCallback{{PhoneNumberID: "1", CallbackID: hour}, {PhoneNumberID: "2", CallbackID: hour + 1<<32}}})
		}))
		w.look()
		require.Equal(t, 2.0, w.metric("wabagate_gap_parked_callbacks"))
		require.InDelta(t, 3600, w.metric("wabagate_gap_parked_oldest_seconds"), 1)
	})
}

func TestOptions(t *testing.T) {
	_, err := gap.New(gap.Options{})
	require.ErrorContains(t, err, "Store, Routes and Tell")
	_, err = gap.New(gap.Options{Store: &models.Store{}, Routes: func() *models.Routes { return nil }, Tell: func(context.Context, ...gap.News) error { return nil }, After: -1})
	require.ErrorContains(t, err, "After")
}

// queue takes what a recorder hands on; the deliveries do not matter here.
type queue struct{}

func (queue) Enqueue(context.Context, ...models.Work) error { return nil }

// platform is a simulated one, whose callbacks are translated as they come, and which statuses arrived.
type platform struct {
	*watch
	sim        *wabatest.Server
	account    graph.Account
	translator *fanout.Translator
	mu         sync.Mutex
	heard      map[string]bool // wamids that a status has named
	failed     error
}

func (p *platform) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = p.receive(r.Context(), body)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && p.failed == nil {
		p.failed = err
	}
}

func (p *platform) receive(ctx context.Context, body []byte) error {
	parsed, err := waba.Parse(body)
	if err != nil {
		return err
	}
	if err := p.translate(ctx, models.Callback{AppID: p.app.ID, ReceivedAt: time.Now().UTC(), Body: body}); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range parsed.Changes {
		for _, s := range c.Statuses {
			p.heard[s.ID] = true
		}
	}
	return nil
}

func (p *platform) translate(ctx context.Context, cs ...models.Callback) error {
	work := p.store.NewCallbackGroup(cs)
	if err := p.store.Accept(ctx, work, cs); err != nil {
		return err
	}
	return p.translator.Translate(ctx, work)
}

// send gives messages to the platform, as the sender does, and translates what the gateway tells itself.
func (p *platform) send(sends []models.Send) error {
	ctx := p.t.Context()
	var ids []int64
	for _, s := range sends {
		ids = append(ids, s.ID)
	}
	taken, err := p.store.TakeSends(ctx, ids)
	if err != nil {
		return err
	}
	client := graph.New(http.DefaultClient, "test")
	var told models.Told
	var results []models.SendResult
	for _, s := range taken {
		m, err := outgoing.Parse(s.Body)
		if err != nil {
			return err
		}
		accepted, err := client.Send(ctx, p.account, m.Body(waba.Tracking{Origin: s.SentBy, Send: s.ID}.String()))
		if err != nil {
			return err
		}
		results = append(results, models.SendResult{ID: s.ID, State: models.SendAccepted, Wamid: accepted.Wamid, WaID: accepted.WaID})
		told.Sends = append(told.Sends, models.ToldSend{ID: s.ID, Wamid: accepted.Wamid, WaID: accepted.WaID, At: time.Now()})
	}
	body, err := json.Marshal(told)
	if err != nil {
		return err
	}
	cs := []models.Callback{{AppID: models.OwnApp, ReceivedAt: time.Now().UTC(), Body: body}}
	work := p.store.NewCallbackGroup(cs)
	if err := p.store.SettleSends(ctx, models.SendSettlement{Results: results, Callbacks: cs, Work: []models.Work{work}}); err != nil {
		return err
	}
	return p.translator.Translate(ctx, work)
}

func newPlatform(w *watch) *platform {
	p := &platform{watch: w, heard: map[string]bool{}}
	log := slog.New(slog.DiscardHandler)
	recorder := fanout.NewRecorder(w.store, w.directory, fanout.NewSubscriptions(w.directory.Routes, log), queue{}, nil, log, fanout.NewMetrics(prometheus.NewRegistry()), nil)
	p.translator = fanout.NewTranslator(recorder, log)
	w.t.Cleanup(p.translator.Close)
	gateway := httptest.NewServer(p)
	w.t.Cleanup(gateway.Close)
	p.sim = wabatest.New(wabatest.Options{CallbackURL: gateway.URL, OpenWindow: true, Throughput: 1e6, PairEvery: -1, Seed: 7, Batch: 25,
		Latency: wabatest.At(5 * time.Millisecond), Delivered: 0.5, Read: 0.5})
	w.t.Cleanup(p.sim.Close)
	base, err := p.sim.Start("127.0.0.1:0")
	require.NoError(w.t, err)
	p.account = graph.Account{Base: base, Token: wabatest.DefaultToken, PhoneNumberID: wabatest.DefaultNumberID}
	return p
}

// The platform loses one status in a hundred. Named are exactly the messages of which none arrived: those whose phone was off
// and whose one status was lost, and nobody else.
func TestLostStatuses(t *testing.T) {
	onEachStore(t, func(w *watch) {
		t := w.t
		const messages, atOnce = 2000, 50
		p := newPlatform(w)
		require.NoError(t, p.sim.AddFaults(wabatest.Fault{Kind: wabatest.FaultDrop, Share: 0.01}))
		began := time.Now()
		var sending sync.WaitGroup
		turn := make(chan struct{}, 4)
		for i := 0; i < messages; i += atOnce {
			lot := make([]models.Send, atOnce)
			for j := range lot {
				to := fmt.Sprintf("1555%07d", i+j)
				lot[j] = models.Send{BusinessID: w.number.BusinessID, NumberID: w.number.ID, SentBy: "api", To: to, Type: "text", Text: "hello",
					Body: fmt.Appendf(nil, `{"to":%q,"type":"text","text":{"body":"hello"}}`, to)}
			}
			kept, _, err := w.store.CreateSends(t.Context(), lot)
			require.NoError(t, err)
			turn <- struct{}{}
			sending.Go(func() {
				defer func() { <-turn }()
				if err := p.send(kept); err != nil {
					t.Error(err)
				}
			})
		}
		sending.Wait()
		require.NoError(t, p.sim.Settle(t.Context()))
		ended := time.Now()
		p.mu.Lock()
		require.NoError(t, p.failed)
		p.mu.Unlock()

		var concerned []string
		for _, m := range p.sim.Messages(wabatest.Filter{}) {
			if !p.heard[m.ID] {
				concerned = append(concerned, m.ID)
			}
		}
		lost := len(p.sim.Dropped())
		t.Logf("%d messages, %d statuses lost, %d messages without any", messages, lost, len(concerned))
		require.Greater(t, len(concerned), 2, "the test needs some")
		require.Greater(t, lost, len(concerned), "some lose one of several")

		w.now = ended // their time is not over
		w.look()
		require.Empty(t, w.told)

		w.now = ended.Add(45 * time.Minute)
		w.look()
		w.look()
		var count int64
		var first []string
		for _, news := range w.told {
			require.Equal(t, []any{gap.Unreported, w.number.ID}, []any{news.Kind, news.Number.ID})
			count, first = count+news.Count, append(first, news.Wamids...)
		}
		require.Equal(t, int64(len(concerned)), count)
		require.LessOrEqual(t, len(w.told), 2, "once for each quarter of an hour")
		require.Subset(t, concerned, first)
		require.Equal(t, float64(len(concerned)), w.metric("wabagate_gap_unreported_messages_total"))
		require.Zero(t, w.metric("wabagate_gap_sequence_holes_total"))

		var named []string
		var sent, accepted, unreported, none int64
		for day := began.UTC().Truncate(24 * time.Hour); !day.After(ended); day = day.Add(24 * time.Hour) {
			r, err := w.store.Report(t.Context(), w.number.ID, day, w.now.Add(-gap.DefaultAfter))
			require.NoError(t, err)
			sent, accepted, unreported, none = sent+r.Sent, accepted+r.Accepted, unreported+r.Unreported, none+r.Statuses[""]
			require.Empty(t, r.Holes)
			for place := (models.UnreportedPlace{}); ; {
				page, err := w.store.Unreported(t.Context(), models.UnreportedFilter{NumberID: w.number.ID, From: r.From, To: r.To, After: place, Limit: 3})
				require.NoError(t, err)
				if len(page) == 0 {
					break
				}
				for _, m := range page {
					named = append(named, m.Wamid)
				}
				last := page[len(page)-1]
				place = models.UnreportedPlace{At: last.AcceptedAt, SendID: last.SendID}
			}
		}
		slices.Sort(named)
		slices.Sort(concerned)
		require.Equal(t, concerned, named)
		require.Equal(t, []int64{messages, messages, int64(len(concerned)), int64(len(concerned))}, []int64{sent, accepted, unreported, none})
	})
}
