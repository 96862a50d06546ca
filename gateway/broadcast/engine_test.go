package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// bench is a business with a number, an engine on a real store, and a platform that takes what the queue brings.
type bench struct {
	t      *testing.T
	store  *models.Store
	number models.Number
	engine *Engine
	log    *strings.Builder

	mu     sync.Mutex
	queued []models.Work
	closed map[int64][]int64 // the totals that were asked for, by broadcast
	fail   map[string]error  // what goes wrong: "queue", "close"
	taken  map[int64]int     // how often the platform got each message
}

func onEachStore(t *testing.T, test func(*bench)) {
	for name, open := range map[string]func(testing.TB) *models.Store{"sqlite": modelstest.SQLite, "postgres": modelstest.Postgres} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t: t, store: open(t), log: &strings.Builder{}, closed: map[int64][]int64{}, fail: map[string]error{}, taken: map[int64]int{}}
			business, err := b.store.CreateBusiness(t.Context(), "Acme")
			require.NoError(t, err)
			b.number, err = b.store.CreateNumber(t.Context(), models.Number{BusinessID: business.ID, PhoneNumberID: "600"})
			require.NoError(t, err)
			require.NoError(t, b.store.SetUpstream(t.Context(), business.ID, models.Upstream{NumberID: b.number.ID, Style: "cloud", Token: "secret", Rate: 100}))
			b.engine = b.newEngine()
			test(b)
		})
	}
}

// newEngine is one as another process would run it.
func (b *bench) newEngine() *Engine {
	return New(Options{Store: b.store, Enqueue: b.enqueue, Close: b.close, Log: slog.New(slog.NewTextHandler(b.log, nil))})
}

func (b *bench) enqueue(_ context.Context, ws ...models.Work) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.fail["queue"]; err != nil {
		return err
	}
	b.queued = append(b.queued, ws...)
	return nil
}

func (b *bench) close(_ context.Context, _, broadcast, total int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.fail["close"]; err != nil {
		return err
	}
	b.closed[broadcast] = append(b.closed[broadcast], total)
	return nil
}

// planned makes a draft to so many recipients.
func (b *bench) planned(recipients, pace int) models.BroadcastPlan {
	b.t.Helper()
	_, p, err := b.store.CreateBroadcast(b.t.Context(), models.Broadcast{BusinessID: b.number.BusinessID, NumberID: b.number.ID, Name: "Spring"},
		models.BroadcastPlan{Body: []byte(`{"type":"text","text":{"body":"Hi {{name}}"}}`), Pace: pace})
	require.NoError(b.t, err)
	rs := make([]models.Recipient, recipients)
	for i := range rs {
		rs[i] = models.Recipient{To: fmt.Sprint(15550000001 + i), Variables: map[string]string{"name": fmt.Sprint("Ada ", i+1)}}
	}
	_, err = b.store.AddRecipients(b.t.Context(), p.BusinessID, p.BroadcastID, rs)
	require.NoError(b.t, err)
	return b.plan(p)
}

func (b *bench) started(recipients, pace int) models.BroadcastPlan {
	b.t.Helper()
	p, err := b.store.StartBroadcast(b.t.Context(), b.number.BusinessID, b.planned(recipients, pace).BroadcastID)
	require.NoError(b.t, err)
	return p
}

func (b *bench) plan(p models.BroadcastPlan) models.BroadcastPlan {
	b.t.Helper()
	p, err := b.store.BroadcastPlan(b.t.Context(), p.BusinessID, p.BroadcastID)
	require.NoError(b.t, err)
	return p
}

func (b *bench) open(p models.BroadcastPlan) models.OpenSends {
	b.t.Helper()
	o, err := b.store.OpenSends(b.t.Context(), p.BroadcastID)
	require.NoError(b.t, err)
	return o
}

func (b *bench) round() {
	b.t.Helper()
	require.NoError(b.t, b.engine.round(b.t.Context()))
}

// work is what the queue has, or what a reconciler would find.
func (b *bench) work(lost bool) []models.Work {
	b.t.Helper()
	b.mu.Lock()
	ws := b.queued
	b.queued = nil
	b.mu.Unlock()
	if lost {
		var err error
		ws, err = b.store.Unfinished(b.t.Context(), b.store.Now().Add(time.Minute), 0, 10_000)
		require.NoError(b.t, err)
	}
	return ws
}

// platform takes what the queue brings: every tenth message is refused, all others are accepted.
func (b *bench) platform(ws []models.Work) {
	b.t.Helper()
	for _, w := range ws {
		if w.Kind != models.SendMessages {
			continue
		}
		sends, err := b.store.TakeSends(b.t.Context(), w.Members)
		require.NoError(b.t, err)
		st := models.SendSettlement{Done: []int64{w.ID}}
		for _, s := range sends {
			b.mu.Lock()
			b.taken[s.Place+s.BroadcastID<<32]++
			b.mu.Unlock()
			r := models.SendResult{ID: s.ID, State: models.SendAccepted, Wamid: fmt.Sprint("wamid.", s.ID)}
			if s.Place%10 == 0 {
				r = models.SendResult{ID: s.ID, State: models.SendFailed, ErrorCode: "131026"}
			}
			st.Results = append(st.Results, r)
		}
		require.NoError(b.t, b.store.SettleSends(b.t.Context(), st))
	}
}

// each says how many places of a broadcast the platform got, and whether one of them twice.
func (b *bench) each(p models.BroadcastPlan) (places int, twice bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, n := range b.taken {
		if key>>32 == p.BroadcastID {
			places++
			twice = twice || n > 1
		}
	}
	return places, twice
}

func TestBroadcast(t *testing.T) {
	onEachStore(t, func(b *bench) {
		p := b.planned(1000, 0)
		_, err := b.store.AddOptOuts(t.Context(), models.OptOut{BusinessID: b.number.BusinessID, WaID: "15550000003"}, models.OptOut{BusinessID: b.number.BusinessID, WaID: "15550000900"})
		require.NoError(t, err)
		b.round()
		require.Empty(t, b.work(true), "it was not started")
		_, err = b.store.StartBroadcast(t.Context(), p.BusinessID, p.BroadcastID)
		require.NoError(t, err)
		b.round()
		require.Equal(t, []any{int64(301), models.OpenSends{Ready: 300}}, []any{b.plan(p).Place, b.open(p)}, "three seconds' worth, and one who wants nothing")
		b.round()
		require.Equal(t, int64(301), b.plan(p).Place, "no more before those have gone out")
		for range 10 {
			b.platform(b.work(false))
			b.round()
		}
		p = b.plan(p)
		places, twice := b.each(p)
		require.Equal(t, []any{998, false}, []any{places, twice})
		require.Equal(t, []any{models.PlanCompleted, int64(2), int64(0), []int64{998}}, []any{p.State, p.OptedOut, p.Cancelled, b.closed[p.BroadcastID]})
		broadcast, err := b.store.BroadcastByID(t.Context(), p.BusinessID, p.BroadcastID)
		require.NoError(t, err)
		require.Equal(t, int64(998), broadcast.Total)
		rs, _, err := b.store.RecipientReports(t.Context(), p.BusinessID, p.BroadcastID, "", 0, 3)
		require.NoError(t, err)
		require.Equal(t, []models.RecipientState{models.RecipientAccepted, models.RecipientAccepted, models.RecipientOptedOut}, []models.RecipientState{rs[0].State, rs[1].State, rs[2].State})
		send, err := b.store.SendByID(t.Context(), p.BusinessID, rs[1].SendID)
		require.NoError(t, err)
		require.Equal(t, []string{`{"to":"15550000002","type":"text","text":{"body":"Hi Ada 2"}}`, "Hi Ada 2", "text", "broadcast", "15550000002"},
			[]string{string(send.Body), send.Text, send.Type, send.SentBy, send.To})
	})
}

// A process dies, or loses the queue, or does not reach what tells of the end, at any moment: another goes on, and every
// recipient has one message.
func TestProcessesDie(t *testing.T) {
	onEachStore(t, func(b *bench) {
		rng := rand.New(rand.NewPCG(1, 2))
		p := b.started(700, 0)
		died := errors.New("the process died")
		for i := 0; b.plan(p).FinishedAt.IsZero(); i++ {
			require.Less(t, i, 400)
			ctx, cancel := context.WithCancel(t.Context())
			switch b.fail = map[string]error{}; rng.IntN(4) {
			case 0:
				b.fail["queue"] = died // after the commit
			case 1:
				b.fail["close"] = died // before the end is kept
			case 2:
				time.AfterFunc(time.Duration(rng.IntN(8_000))*time.Microsecond, cancel) // within any statement
			}
			_ = b.engine.round(ctx)
			cancel()
			lost := b.fail["queue"] != nil
			if rng.IntN(2) == 0 { // and does not come back
				require.NoError(t, b.store.LeaveBroadcasts(t.Context(), b.engine.owner)) // its time is over
				b.engine = b.newEngine()
				lost = true
			}
			b.platform(b.work(lost))
		}
		places, twice := b.each(p)
		require.Equal(t, []any{700, false}, []any{places, twice})
		for _, total := range b.closed[p.BroadcastID] {
			require.Equal(t, int64(700), total)
		}
		require.Equal(t, models.PlanCompleted, b.plan(p).State)
	})
}

// The end was told of, and the process died before it kept that: it is told of again, the same.
func TestClosedAndNotFinished(t *testing.T) {
	onEachStore(t, func(b *bench) {
		p := b.started(5, 0)
		b.round()
		b.platform(b.work(false))
		ctx, cancel := context.WithCancel(t.Context())
		closing := b.engine.close
		b.engine.close = func(ctx context.Context, business, broadcast, total int64) error {
			err := closing(ctx, business, broadcast, total)
			cancel()
			return err
		}
		require.Error(t, b.engine.round(ctx))
		require.Equal(t, models.PlanRunning, b.plan(p).State)
		b.engine.leave()
		b.engine = b.newEngine()
		b.round()
		require.Equal(t, []any{models.PlanCompleted, []int64{5, 5}}, []any{b.plan(p).State, b.closed[p.BroadcastID]})
	})
}

func TestTwoEngines(t *testing.T) {
	onEachStore(t, func(b *bench) {
		const each = 400
		ps := []models.BroadcastPlan{b.started(each, 0), b.started(each, 0), b.started(each, 0)}
		var running sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		for range 2 {
			e := b.newEngine()
			e.every = 5 * time.Millisecond
			running.Go(func() { e.Run(ctx) })
		}
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			b.platform(b.work(false))
			b.mu.Lock()
			done := len(b.closed) == len(ps)
			b.mu.Unlock()
			if done {
				break
			}
		}
		stop()
		running.Wait()
		b.round() // one that was closed, and whose engine was stopped just then
		for _, p := range ps {
			places, twice := b.each(p)
			require.Equal(t, []any{each, false, models.PlanCompleted}, []any{places, twice, b.plan(p).State})
		}
	})
}

func TestPauseAndCancel(t *testing.T) {
	onEachStore(t, func(b *bench) {
		ctx := t.Context()
		p := b.started(500, 0)
		b.round()
		waiting := b.work(false)
		_, err := b.store.PauseBroadcast(ctx, p.BusinessID, p.BroadcastID)
		require.NoError(t, err)
		b.platform(waiting)
		b.round()
		places, _ := b.each(p)
		require.Equal(t, []any{0, int64(300)}, []any{places, b.plan(p).Place}, "nothing leaves from then on")
		_, ws, err := b.store.ResumeBroadcast(ctx, p.BusinessID, p.BroadcastID)
		require.NoError(t, err)
		b.platform(ws[:2])
		b.round()
		places, _ = b.each(p)
		require.Equal(t, []any{200, int64(500), models.OpenSends{Ready: 300}}, []any{places, b.plan(p).Place, b.open(p)}, "and goes on where it was")

		underway, err := b.store.TakeSends(ctx, ws[2].Members[:1])
		require.NoError(t, err)
		_, err = b.store.CancelBroadcast(ctx, p.BusinessID, p.BroadcastID)
		require.NoError(t, err)
		b.platform(b.work(true))
		b.round()
		places, _ = b.each(p)
		require.Equal(t, []any{200, models.PlanCancelled, true}, []any{places, b.plan(p).State, b.plan(p).FinishedAt.IsZero()}, "one is underway")
		require.NoError(t, b.store.SettleSends(ctx, models.SendSettlement{Results: []models.SendResult{{ID: underway[0].ID, State: models.SendWaiting, DueAt: b.store.Now()}}}))
		b.round()
		p = b.plan(p)
		require.Equal(t, []any{false, int64(300), []int64{200}}, []any{p.FinishedAt.IsZero(), p.Cancelled, b.closed[p.BroadcastID]}, "and is not tried again")
	})
}

// A number that cannot send holds its own broadcast, which says so once, and no other.
func TestNoToken(t *testing.T) {
	onEachStore(t, func(b *bench) {
		p := b.started(5, 0)
		u, err := b.store.UpstreamOf(t.Context(), b.number.ID)
		require.NoError(t, err)
		require.NoError(t, b.store.DropUpstream(t.Context(), b.number.BusinessID, b.number.ID))
		other, err := b.store.CreateNumber(t.Context(), models.Number{BusinessID: b.number.BusinessID, PhoneNumberID: "601"})
		require.NoError(t, err)
		u.NumberID, b.number = other.ID, other
		require.NoError(t, b.store.SetUpstream(t.Context(), other.BusinessID, u))
		well := b.started(5, 0)
		b.round()
		b.round()
		require.Equal(t, []int64{0, 5}, []int64{b.plan(p).Place, b.plan(well).Place})
		require.Equal(t, 1, strings.Count(b.log.String(), "the number has no token"))
		u.NumberID = p.NumberID
		require.NoError(t, b.store.SetUpstream(t.Context(), p.BusinessID, u))
		b.round()
		require.Equal(t, int64(5), b.plan(p).Place)
		require.NotContains(t, b.log.String(), "secret")
	})
}

// What waits for another attempt does not hold up those who had none, until it is too much.
func TestTail(t *testing.T) {
	onEachStore(t, func(b *bench) {
		p := b.started(3500, 0)
		retry := func() {
			for _, w := range b.work(false) {
				sends, err := b.store.TakeSends(t.Context(), w.Members)
				require.NoError(t, err)
				st := models.SendSettlement{Done: []int64{w.ID}}
				for _, s := range sends {
					st.Results = append(st.Results, models.SendResult{ID: s.ID, State: models.SendWaiting, DueAt: b.store.Now().Add(time.Hour)})
				}
				require.NoError(t, b.store.SettleSends(t.Context(), st))
			}
		}
		require.NoError(t, b.store.SetUpstream(t.Context(), p.BusinessID, models.Upstream{NumberID: p.NumberID, Style: "cloud", Token: "x", Rate: 10}))
		for range 100 {
			b.round()
			retry()
		}
		p = b.plan(p)
		require.Equal(t, models.OpenSends{Later: p.Place}, b.open(p))
		require.InDelta(t, leastTail, p.Place, 30)
	})
}
