package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// journal is a database that can be away.
type journal struct {
	mu    sync.Mutex
	away  bool
	ids   int64
	kept  map[int64]models.Callback
	works map[int64]models.Work
	takes time.Duration // of a commit
}

func newJournal() *journal {
	return &journal{kept: map[int64]models.Callback{}, works: map[int64]models.Work{}}
}

func (j *journal) NewCallbackGroup(cs []models.Callback) models.Work {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range cs {
		j.ids++
		cs[i].ID = j.ids
	}
	j.ids++
	return models.Work{ID: j.ids, Members: []int64{cs[0].ID, cs[len(cs)-1].ID}}
}

func (j *journal) Accept(_ context.Context, w models.Work, cs []models.Callback) error {
	time.Sleep(j.takes)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.away {
		return errors.New("connection refused")
	}
	j.works[w.ID] = w
	for _, c := range cs {
		j.kept[c.ID] = c
	}
	return nil
}

func (j *journal) Ping(context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.away {
		return errors.New("connection refused")
	}
	return nil
}

func (j *journal) set(away bool) { j.mu.Lock(); j.away = away; j.mu.Unlock() }
func (j *journal) count() int    { j.mu.Lock(); defer j.mu.Unlock(); return len(j.kept) }

// refuge is a Redis that can be away.
type refuge struct {
	mu     sync.Mutex
	away   bool
	groups []Group
}

func (r *refuge) Put(_ context.Context, g Group) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		return errors.New("connection refused")
	}
	g.Callbacks = append([]models.Callback(nil), g.Callbacks...)
	r.groups = append(r.groups, g)
	return nil
}

func (r *refuge) Peek(_ context.Context, n int) ([]Kept, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ks []Kept
	for _, g := range r.groups[:min(n, len(r.groups))] {
		ks = append(ks, Kept{Group: g})
	}
	return ks, nil
}

func (r *refuge) Drop(_ context.Context, ks []Kept) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.groups = r.groups[len(ks):]
	return nil
}

func (r *refuge) count() int { r.mu.Lock(); defer r.mu.Unlock(); return len(r.groups) }

// queue remembers what was queued.
type queue struct {
	mu   sync.Mutex
	got  map[int64]bool
	hang chan struct{} // not nil: Enqueue waits for it
}

func (q *queue) Enqueue(ctx context.Context, ws ...models.Work) error {
	if q.hang != nil {
		select {
		case <-q.hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, w := range ws {
		q.got[w.ID] = true
	}
	return nil
}

func (q *queue) count() int { q.mu.Lock(); defer q.mu.Unlock(); return len(q.got) }

func newTestAcceptor(t *testing.T, j Journal, r Refuge, q Enqueuer) *Acceptor {
	a := NewAcceptor(j, r, q, nil, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
	t.Cleanup(a.Close)
	return a
}

func TestAcceptedMeansKeptAndQueued(t *testing.T) {
	j, q := newJournal(), &queue{got: map[int64]bool{}}
	j.takes = 2 * time.Millisecond
	a := newTestAcceptor(t, j, nil, q)
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			require.NoError(t, a.Accept(t.Context(), models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: []byte("{}")}))
		})
	}
	wg.Wait()
	require.Equal(t, 200, j.count())
	require.Eventually(t, func() bool { return q.count() == len(j.works) }, 5*time.Second, time.Millisecond)
	require.Less(t, len(j.works), 200, "callbacks that arrive together share a commit")
}

func TestAQueueThatHangsDelaysNoAcknowledgement(t *testing.T) {
	j, q := newJournal(), &queue{got: map[int64]bool{}, hang: make(chan struct{})}
	a := newTestAcceptor(t, j, nil, q)
	began := time.Now()
	for range 50 {
		require.NoError(t, a.Accept(t.Context(), models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: []byte("{}")}))
	}
	require.Less(t, time.Since(began), time.Second)
	close(q.hang)
}

func TestRedisKeepsWhatTheDatabaseCannotTake(t *testing.T) {
	j, r, q := newJournal(), &refuge{}, &queue{got: map[int64]bool{}}
	a := newTestAcceptor(t, j, r, q)
	j.set(true)
	for range 20 {
		require.NoError(t, a.Accept(t.Context(), models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: []byte("{}")}))
	}
	require.Zero(t, j.count())
	require.Equal(t, 20, r.count())
	j.set(false)
	require.Eventually(t, func() bool { return j.count() == 20 && r.count() == 0 && q.count() == 20 }, 5*time.Second, 5*time.Millisecond)
	require.NoError(t, a.Accept(t.Context(), models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: []byte("{}")}))
	require.Equal(t, 21, j.count(), "the database takes callbacks again")
}

func TestNothingDurableIsAnError(t *testing.T) {
	j, r := newJournal(), &refuge{away: true}
	j.set(true)
	a := newTestAcceptor(t, j, r, &queue{got: map[int64]bool{}})
	require.ErrorIs(t, a.Accept(t.Context(), models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: []byte("{}")}), ErrUnavailable)
	require.ErrorIs(t, a.Accept(t.Context(), models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: []byte("{}")}), ErrUnavailable)
	alone := newTestAcceptor(t, j, nil, &queue{got: map[int64]bool{}})
	require.ErrorIs(t, alone.Accept(t.Context(), models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: []byte("{}")}), ErrUnavailable)
}

func TestRedisAwayWhileTheDatabaseComesBack(t *testing.T) {
	j, r := newJournal(), &refuge{}
	a := newTestAcceptor(t, j, r, &queue{got: map[int64]bool{}})
	j.set(true)
	require.NoError(t, a.Accept(t.Context(), models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: []byte("{}")}))
	r.mu.Lock()
	r.away = true
	r.mu.Unlock()
	j.set(false)
	require.NoError(t, a.Accept(t.Context(), models.Callback{AppID: 1, ReceivedAt: time.Now(), Body: []byte("{}")}), "the database is asked when Redis refuses")
}
