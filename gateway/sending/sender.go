package sending

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"wabagate/models"
	"wabagate/waba/graph"
)

// Options are the parts that a sender works with. Store, Client, Redis, Log and Metrics are needed.
type Options struct {
	Store *models.Store
	// Client posts to the platform. Its transport should keep as many connections to one host as a number has requests in
	// flight: 64, or half the messages per second of the fastest number.
	Client *graph.Client
	// Redis holds the pace that all processes share; it is not closed.
	Redis redis.UniversalClient
	// Enqueue takes work into the queue; nil leaves that to the reconciler.
	Enqueue func(ctx context.Context, ws ...models.Work) error
	// Undecided is how long a status is waited for when the platform's answer does not say whether it took a message; 0 means
	// ten minutes.
	Undecided time.Duration
	// Workers is how many pieces of work the queue hands in at a time; 0 means 32. No number gets more than half of what the
	// others leave.
	Workers int
	// Now is the clock; nil means the store's.
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *Metrics
}

const (
	// requestTimeout bounds one request to the platform.
	requestTimeout = 30 * time.Second
	// leaveWithin is how long after it was taken a message may leave. What is later (a process that stood still) is given
	// back, before a sweep takes it for lost.
	leaveWithin = 20 * time.Second
	// closeWithin is how long Close waits for answers; what is open then is undecided.
	closeWithin = 10 * time.Second
)

// Sender gives messages to the platform. Make it with New and end it with Close; safe for concurrent use.
type Sender struct {
	store     *models.Store
	client    *graph.Client
	redis     redis.UniversalClient
	queue     func(ctx context.Context, ws ...models.Work) error
	undecided time.Duration
	workers   int
	now       func() time.Time
	log       *slog.Logger
	m         *Metrics
	settler   *settler
	waiters   waiters

	doubtAfter, sweepEvery time.Duration

	// life is that of requests and of all that leads to one.
	life context.Context
	end  context.CancelFunc
	busy sync.WaitGroup // those in line and those with the platform

	mu         sync.Mutex
	closing    bool
	numbers    map[int64]*number
	waiting    int // pieces of work that are in a line
	broadcasts map[int64]models.Broadcast
}

// New makes a sender.
func New(o Options) *Sender {
	if o.Now == nil {
		o.Now = o.Store.Now
	}
	if o.Undecided <= 0 {
		o.Undecided = 10 * time.Minute
	}
	if o.Workers <= 0 {
		o.Workers = 32
	}
	s := &Sender{store: o.Store, client: o.Client, redis: o.Redis, queue: o.Enqueue, undecided: o.Undecided, workers: o.Workers, now: o.Now,
		log: o.Log.With("component", "sender"), m: o.Metrics, doubtAfter: doubtAfter, sweepEvery: sweepEvery,
		numbers: map[int64]*number{}, broadcasts: map[int64]models.Broadcast{}}
	s.life, s.end = context.WithCancel(context.Background())
	s.settler = newSettler(s)
	return s
}

// Close takes no more work, waits a while for the platform's answers and keeps them. What has no answer by then is undecided;
// what had not left is given back.
func (s *Sender) Close() {
	s.mu.Lock()
	s.closing = true
	numbers := make([]*number, 0, len(s.numbers))
	for _, n := range s.numbers {
		numbers = append(numbers, n)
	}
	s.mu.Unlock()
	for _, n := range numbers {
		n.close()
	}
	timer := time.AfterFunc(closeWithin, s.end)
	s.busy.Wait()
	timer.Stop()
	s.end()
	s.settler.close()
}

// errClosed says that the work belongs to another process now.
var errClosed = errors.New("this process sends no more; another one will")

// Queue keeps messages to be sent, and puts their work into the queue; what the queue does not take the reconciler puts in
// later. It answers what [models.Store.CreateSends] does.
func (s *Sender) Queue(ctx context.Context, sends ...models.Send) ([]models.Send, error) {
	kept, work, err := s.store.CreateSends(ctx, sends)
	if err != nil {
		return nil, err
	}
	s.enqueue(ctx, work)
	return kept, nil
}

// enqueue passes on committed work that is due soon. What does not reach the queue the reconciler finds.
func (s *Sender) enqueue(ctx context.Context, work []models.Work) {
	if s.queue == nil {
		return
	}
	horizon := s.now().Add(soon)
	var now []models.Work
	for _, w := range work {
		if w.DueAt.Before(horizon) {
			now = append(now, w)
		}
	}
	if len(now) == 0 {
		return
	}
	if err := s.queue(ctx, now...); err != nil {
		s.log.Warn("work not queued yet; the reconciler will", "pieces", len(now), "error", err)
	}
}

// Do does one piece of work: each of its messages that waits is given to the platform, or put off when its number has
// enough to do. It returns when none is left to be taken; the answers are kept later. held says whether the work is still
// the caller's: what is not taken when it no longer is, is left to whoever has it now. nil: it always is. An error says
// that the work has to come again.
func (s *Sender) Do(ctx context.Context, w models.Work, held func() bool) error {
	if held == nil {
		held = func() bool { return true }
	}
	n, j, err := s.admit(w, held)
	if err != nil {
		return err
	}
	if j == nil { // one with the same id is in line
		return nil
	}
	patience := time.NewTimer(linePatience)
	defer patience.Stop()
	select {
	case <-j.over:
	case <-patience.C:
		n.withdraw(j, nil)
		<-j.over
	case <-ctx.Done():
		n.withdraw(j, ctx.Err())
		<-j.over
	}
	s.mu.Lock()
	s.waiting--
	s.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	return s.settler.keep(ctx, w.Priority, settling{done: w.ID, again: j.again})
}

// admit lets work into the line of its number.
func (s *Sender) admit(w models.Work, held func() bool) (*number, *job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil, nil, errClosed
	}
	n := s.numbers[w.WebhookID]
	if n == nil {
		n = newNumber(s, w.WebhookID)
		s.numbers[w.WebhookID] = n
	}
	j := n.admit(w, held, s.workers-s.waiting)
	if j != nil {
		s.waiting++
	}
	return n, j, nil
}

// broadcastOf reads what does not change of a message's broadcast.
func (s *Sender) broadcastOf(ctx context.Context, v models.Send) (models.Broadcast, error) {
	if v.BroadcastID == 0 {
		return models.Broadcast{}, nil
	}
	s.mu.Lock()
	known, ok := s.broadcasts[v.BroadcastID]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	b, err := s.store.BroadcastByID(ctx, v.BusinessID, v.BroadcastID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return b, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.broadcasts) >= broadcastsKept {
		clear(s.broadcasts)
	}
	s.broadcasts[v.BroadcastID] = b
	return b, nil
}

// broadcastsKept bounds the broadcasts in memory.
const broadcastsKept = 256
