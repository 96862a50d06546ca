package fanout

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"wabagate/fanout/task"
	"wabagate/models"
)

// Reconciler makes the queue agree with the database: work that is due, unfinished and unknown to the queue goes in
// again, whether the queue was flushed, the process died between commit and enqueue, or the work was not queued
// because its time was far off.
//
// asynq gives the task of a dead worker back a minute after its last sign of life. To be quicker, each worker says
// every second which work it holds; a task that is active and held by nobody twice in a row is put in again. Should
// its worker be alive after all (stopped, cut off), the attempt is made twice, never lost.
type Reconciler struct {
	store  *models.Store
	queue  *task.Queue
	redis  redis.UniversalClient
	worker string
	log    *slog.Logger
	m      *Metrics

	mu      sync.Mutex
	holding map[int64]int
	// orphans are works found active and held by nobody in the last round.
	orphans map[int64]bool
	cursor  int64
	// pulse is when this process was last seen running, counted from started; lapses, how often it was not for so long that
	// others may have taken its work.
	started       time.Time
	pulse, lapses atomic.Int64
	// leads says that this process had the turn in the last round.
	leads atomic.Bool
	// crew is told every second how many workers live.
	crew func(workers int)
	// Depth bounds how many tasks may wait in a queue before the reconciler adds no more; 0 means no bound.
	depth int64
}

// NewReconciler makes a reconciler; worker is a name that no other process has. depth bounds the tasks that it lets
// wait in a queue, 0 for no bound. crew is told every second how many workers live; it may be nil.
func NewReconciler(store *models.Store, queue *task.Queue, r redis.UniversalClient, worker string, depth int64, crew func(workers int), log *slog.Logger, m *Metrics) *Reconciler {
	return &Reconciler{store: store, queue: queue, redis: r, worker: worker, log: log.With("component", "reconciler"), m: m,
		holding: map[int64]int{}, orphans: map[int64]bool{}, crew: crew, depth: depth, started: time.Now()}
}

// Leads says whether this process is the one of its kind that looks after what needs looking after once. Two may believe
// so for a moment.
func (r *Reconciler) Leads() bool { return r.leads.Load() }

// Hold marks work as being done by this process until release is called. held says whether it still is this process's: one
// that stood still for a while is thought dead, and others do its work.
func (r *Reconciler) Hold(w models.Work) (held func() bool, release func()) {
	r.mu.Lock()
	r.holding[w.ID]++
	r.mu.Unlock()
	lapses := r.lapses.Load()
	held = func() bool {
		return r.lapses.Load() == lapses && time.Since(r.started)-time.Duration(r.pulse.Load()) < heldFor
	}
	return held, func() {
		r.mu.Lock()
		if r.holding[w.ID]--; r.holding[w.ID] <= 0 {
			delete(r.holding, w.ID)
		}
		r.mu.Unlock()
	}
}

const (
	reconcileEvery = 2 * time.Second
	// grace is how long its maker has to queue new work.
	grace = 3 * time.Second
	// heldFor is how long a worker's list of held work counts.
	heldFor = 5 * time.Second
	page    = 1000
	// oversleep is how long overdue work may sleep in the queue before it is looked at: it may wait for a circuit to close,
	// but for no longer than longestSleep at a time.
	oversleep    = 30 * time.Second
	longestSleep = 6 * time.Minute
	// pagesPerRound bounds one round; the next goes on where it ended.
	pagesPerRound = 20
	heldKeys      = "wabagate:holding:"
	heldSet       = "wabagate:workers"
	turnKey       = "wabagate:reconciler"
)

// live keeps the pulse, whether Redis hears of it or not: while it is away nobody takes anything.
func (r *Reconciler) live(ctx context.Context) {
	t := time.NewTicker(heldFor / 10)
	defer t.Stop()
	for {
		now := time.Since(r.started)
		if now-time.Duration(r.pulse.Swap(int64(now))) >= heldFor {
			r.lapses.Add(1)
			r.m.lapses.Inc()
			r.log.Warn("this process stood still; what it had in hand is left to others")
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Run reconciles at once and then every two seconds, and says every second what this process holds, until ctx ends.
// Of several processes one reconciles at a time.
func (r *Reconciler) Run(ctx context.Context) {
	r.pulse.Store(int64(time.Since(r.started)))
	var wg sync.WaitGroup
	wg.Go(func() { r.live(ctx) })
	// A round may take long, and meanwhile nobody must think this process dead.
	wg.Go(func() { r.every(ctx, time.Second, 5*time.Second, "say what is in hand", r.sayHeld) })
	r.every(ctx, reconcileEvery, 20*time.Second, "reconcile", func(ctx context.Context) error {
		mine, err := r.myTurn(ctx)
		r.leads.Store(mine && err == nil)
		r.m.lead(mine && err == nil)
		if err == nil && mine {
			began := time.Now()
			err = r.Round(ctx)
			r.m.reconcilerRound(began, err)
		}
		return err
	})
	wg.Wait()
}

// every does something at once and at intervals until ctx ends, and logs the first of its failures in a row.
func (r *Reconciler) every(ctx context.Context, interval, limit time.Duration, what string, do func(context.Context) error) {
	t := time.NewTicker(interval)
	defer t.Stop()
	failing := false
	for {
		c, cancel := context.WithTimeout(ctx, limit)
		err := do(c)
		cancel()
		if err != nil && !failing && ctx.Err() == nil {
			r.log.Warn("cannot "+what+"; will go on trying", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (r *Reconciler) myTurn(ctx context.Context) (bool, error) {
	ok, err := r.redis.SetNX(ctx, turnKey, r.worker, 2*reconcileEvery).Result()
	if err != nil || ok {
		return ok, err
	}
	holder, err := r.redis.Get(ctx, turnKey).Result()
	if err == redis.Nil {
		return false, nil
	}
	if err == nil && holder == r.worker {
		return true, r.redis.Expire(ctx, turnKey, 2*reconcileEvery).Err()
	}
	return false, err
}

// sayHeld publishes what this process is working on.
func (r *Reconciler) sayHeld(ctx context.Context) error {
	r.mu.Lock()
	ids := make([]string, 0, len(r.holding))
	for id := range r.holding {
		ids = append(ids, strconv.FormatInt(id, 10))
	}
	r.mu.Unlock()
	sort.Strings(ids)
	// Redis tells the time: a worker whose clock is wrong must not make the others look dead.
	now, err := r.redis.Time(ctx).Result()
	if err != nil {
		return err
	}
	pipe := r.redis.Pipeline()
	pipe.Set(ctx, heldKeys+r.worker, strings.Join(ids, " "), heldFor)
	pipe.ZAdd(ctx, heldSet, redis.Z{Score: float64(now.Unix()), Member: r.worker})
	live := pipe.ZCount(ctx, heldSet, strconv.FormatInt(now.Add(-heldFor).Unix(), 10), "+inf")
	if _, err = pipe.Exec(ctx); err == nil && r.crew != nil {
		r.crew(int(live.Val()))
	}
	return err
}

// held reads what every live worker is working on.
func (r *Reconciler) held(ctx context.Context) (map[int64]bool, error) {
	now, err := r.redis.Time(ctx).Result()
	if err != nil {
		return nil, err
	}
	old := strconv.FormatInt(now.Add(-time.Minute).Unix(), 10)
	if err := r.redis.ZRemRangeByScore(ctx, heldSet, "-inf", old).Err(); err != nil {
		return nil, err
	}
	workers, err := r.redis.ZRange(ctx, heldSet, 0, -1).Result()
	if err != nil {
		return nil, err
	}
	held := map[int64]bool{}
	for _, w := range workers {
		list, err := r.redis.Get(ctx, heldKeys+w).Result()
		if err != nil && err != redis.Nil {
			return nil, err
		}
		for _, s := range strings.Fields(list) {
			if id, err := strconv.ParseInt(s, 10, 64); err == nil {
				held[id] = true
			}
		}
	}
	return held, nil
}

// Round looks at the due work once, at most twenty thousand pieces of it.
func (r *Reconciler) Round(ctx context.Context) error {
	if err := r.queue.Announce(ctx); err != nil {
		return fmt.Errorf("announce the queues: %w", err)
	}
	held, err := r.held(ctx)
	if err != nil {
		return fmt.Errorf("read what workers hold: %w", err)
	}
	now := r.store.Now()
	ripe := models.FirstID(now.Add(-grace))
	orphans := map[int64]bool{}
	room, err := r.room(ctx)
	if err != nil {
		return err
	}
	for range pagesPerRound {
		ws, err := r.store.Unfinished(ctx, now, r.cursor, page)
		if err != nil {
			return err
		}
		var candidates []models.Work
		for _, w := range ws {
			if w.ID < ripe {
				candidates = append(candidates, w)
			}
		}
		if err := r.queueLost(ctx, candidates, held, orphans, room); err != nil {
			return err
		}
		if len(ws) < page {
			r.cursor = 0
			break
		}
		r.cursor = ws[len(ws)-1].ID
	}
	r.orphans = orphans
	return nil
}

// room is how many more tasks each queue may take.
func (r *Reconciler) room(ctx context.Context) (map[string]int64, error) {
	if r.depth == 0 {
		return nil, nil
	}
	room := map[string]int64{}
	for _, q := range r.queue.Layout().All() {
		n, err := r.queue.Waiting(ctx, q)
		if err != nil {
			return nil, err
		}
		room[q] = r.depth - n
	}
	return room, nil
}

func (r *Reconciler) queueLost(ctx context.Context, ws []models.Work, held, orphans map[int64]bool, room map[string]int64) error {
	if len(ws) == 0 {
		return nil
	}
	states, err := r.queue.States(ctx, ws)
	if err != nil {
		return err
	}
	var lost, asleep []models.Work
	for i, w := range ws {
		if room != nil && room[r.queue.Layout().Of(w)] <= 0 {
			continue
		}
		switch {
		case states[i] == "":
			lost = append(lost, w)
		case states[i] == "active" && !held[w.ID]:
			if !r.orphans[w.ID] {
				orphans[w.ID] = true
				continue
			}
			if err := r.queue.Requeue(ctx, w); err != nil {
				return err
			}
			r.m.reconciled.WithLabelValues(kindName(w.Kind), abandoned).Inc()
			r.remember(ctx, FoundOrphan, kindName(w.Kind), 1)
			r.log.Warn("work of a worker that is gone put in again", "work_id", w.ID, "kind", kindName(w.Kind))
		case (states[i] == "scheduled" || states[i] == "retry") && r.store.Now().Sub(w.DueAt) > oversleep:
			asleep = append(asleep, w)
			continue
		default:
			continue
		}
		if room != nil {
			room[r.queue.Layout().Of(w)]--
		}
	}
	if len(asleep) > 0 {
		woken, err := r.queue.Wake(ctx, asleep, r.store.Now().Add(longestSleep))
		if err != nil {
			return err
		}
		if woken > 0 {
			r.m.reconciled.WithLabelValues(kindName(models.Deliver), slept).Add(float64(woken))
			r.remember(ctx, FoundAsleep, kindName(models.Deliver), woken)
			r.log.Warn("work that slept too long was woken: a worker's clock is wrong", "pieces", woken)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	missing, kinds := 0, map[string]int{}
	for _, w := range lost {
		why := whyPutIn(w)
		r.m.reconciled.WithLabelValues(kindName(w.Kind), why).Inc()
		if why == missed {
			missing++
			kinds[kindName(w.Kind)]++
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		r.remember(ctx, FoundLost, kind, kinds[kind])
	}
	if missing > 0 {
		r.log.Info("work that the queue had lost put in again", "pieces", missing, "came_due", len(lost)-missing)
	} else {
		r.log.Debug("work that came due put into the queue", "pieces", len(lost))
	}
	return r.queue.Enqueue(ctx, lost...)
}

// Why work is put into the queue.
const (
	cameDue   = "came_due"  // its time was far off when it was made, and it was left in the database until now
	missed    = "lost"      // the queue should have had it
	abandoned = "abandoned" // its worker is gone
	slept     = "slept"     // a worker whose clock is wrong put it to sleep for too long
)

// whyPutIn says why the queue did not have a piece of work.
func whyPutIn(w models.Work) string {
	if w.DueAt.Sub(models.IDTime(w.ID)) >= soon-grace {
		return cameDue
	}
	return missed
}

func kindName(k models.Kind) string {
	switch k {
	case models.TranslateCallbacks:
		return "callbacks"
	case models.SendMessages:
		return "sends"
	case models.ReplyMessages:
		return "replies"
	}
	return "deliveries"
}
