package media

import (
	"context"
	"errors"
	"sync"
	"time"

	"wabagate/models"
)

const (
	// sweepEvery is how often due media are looked for, and files that nobody has.
	sweepEvery = time.Second
	// expireEvery is how often old media are looked for.
	expireEvery = time.Minute
	// longestRest bounds how long a number rests: it may be one of its files that cannot be had.
	longestRest = time.Minute
	// atOnce bounds what one statement of the database takes.
	atOnce = 100
)

// Run fetches what is to be fetched ahead, tells what was not told, and removes what is old or nobody's, until ctx ends. It
// returns when what it had in hand is done. Several processes may run it at once: each file is fetched by one.
func (f *Files) Run(ctx context.Context) {
	h := &hand{room: max(1, f.o.Fetches/2), files: map[int64]bool{}, numbers: map[int64]int{}, resting: map[int64]time.Time{}}
	defer h.busy.Wait()
	t := time.NewTicker(f.sweepEvery)
	defer t.Stop()
	var expired time.Time
	failing := false
	for {
		err := f.due(ctx, h)
		if time.Since(expired) >= expireEvery {
			expired = time.Now()
			err = errors.Join(err, f.Expire(ctx))
		}
		err = errors.Join(err, f.Sweep(ctx))
		if err != nil && !failing && ctx.Err() == nil {
			f.log.Warn("cannot look after media now; will go on trying", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// hand is what a loop has in hand: a few files at once, half of them of one number at most. A number whose upstream does not
// answer rests, so that the files of others do not wait for it.
type hand struct {
	room int
	busy sync.WaitGroup

	mu      sync.Mutex
	files   map[int64]bool      // by row
	numbers map[int64]int       // how many of each
	resting map[int64]time.Time // until when
}

// take takes a medium into hand, if it is not there and there is room. full says that there is none for anything.
func (h *hand) take(m models.Media) (taken, full bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, rests := h.resting[m.NumberID]
	switch {
	case len(h.files) >= h.room:
		return false, true
	case h.files[m.ID], rests, h.numbers[m.NumberID] >= max(1, h.room/2):
		return false, false
	}
	h.files[m.ID] = true
	h.numbers[m.NumberID]++
	return true, false
}

// drop lets go of a medium; its number rests until then, unless that is zero.
func (h *hand) drop(m models.Media, rest time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.files, m.ID)
	if h.numbers[m.NumberID]--; h.numbers[m.NumberID] == 0 {
		delete(h.numbers, m.NumberID)
	}
	if !rest.IsZero() {
		h.resting[m.NumberID] = rest
	}
}

// rests lists the numbers that still rest.
func (h *hand) rests(now time.Time) (numbers []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for number, until := range h.resting {
		if now.Before(until) {
			numbers = append(numbers, number)
		} else {
			delete(h.resting, number)
		}
	}
	return numbers
}

// due takes media that are due into hand, as many as there is room for.
func (f *Files) due(ctx context.Context, h *hand) error {
	list, err := f.store.DueMedia(ctx, f.now(), h.rests(f.now()), atOnce)
	if err != nil {
		return err
	}
	for _, m := range list {
		taken, full := h.take(m)
		if full {
			return nil // the next look finds them
		}
		if taken {
			h.busy.Go(func() { h.drop(m, f.advance(ctx, m)) })
		}
	}
	return nil
}

// advance does what is due of a medium, and answers until when its number is to rest; zero: it is not.
func (f *Files) advance(ctx context.Context, m models.Media) (rest time.Time) {
	if m.State == models.MediaKept || m.State == models.MediaFailed {
		f.tell(ctx, m)
		return rest
	}
	_, err := f.shared(ctx, m.ID)
	var refused *models.MediaError
	switch {
	case errors.As(err, &refused) && (refused.Code == Unreachable || refused.Code == NoAccess):
		rest = f.now().Add(min(refused.RetryAfter, longestRest))
	case refused == nil && err != nil && ctx.Err() == nil && !errors.Is(err, models.ErrNotFound):
		f.log.Warn("cannot fetch a file ahead now", "media_id", m.MediaID, "number_id", m.NumberID, "error", err)
	}
	return rest
}

// Expire forgets media that are older than the retention. Their files follow with Sweep.
func (f *Files) Expire(ctx context.Context) error {
	for {
		n, err := f.store.ExpireMedia(ctx, f.now().Add(-f.o.Retention), atOnce)
		if err != nil || n < atOnce {
			return err
		}
	}
}

// Sweep removes the files that nobody has any more.
func (f *Files) Sweep(ctx context.Context) error {
	for {
		files, err := f.store.DoomFiles(ctx, atOnce)
		if err != nil || len(files) == 0 {
			return err
		}
		gone := make([]int64, 0, len(files))
		var failed error
		for _, file := range files {
			if err := f.o.Keep.Remove(ctx, nameOf(file)); err != nil {
				failed = err
				continue
			}
			gone = append(gone, file.ID)
		}
		if len(gone) > 0 {
			if err := f.store.ForgetFiles(ctx, gone); err != nil {
				return err
			}
			f.m.removed.Add(float64(len(gone)))
		}
		if failed != nil || len(files) < atOnce {
			return failed
		}
	}
}
