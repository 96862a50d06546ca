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
	// atOnce bounds what one statement of the database takes.
	atOnce = 100
)

// Run fetches what is to be fetched ahead, tells what was not told, and removes what is old or nobody's, until ctx ends. It
// returns when what it had in hand is done. Several processes may run it at once: each file is fetched by one.
func (f *Files) Run(ctx context.Context) {
	ahead := make(chan struct{}, max(1, f.o.Fetches/2))
	var busy sync.WaitGroup
	defer busy.Wait()
	var underway sync.Map // ids that this loop has in hand
	t := time.NewTicker(f.sweepEvery)
	defer t.Stop()
	var expired time.Time
	failing := false
	for {
		err := f.due(ctx, ahead, &underway, &busy)
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

// due takes media that are due into hand, as many as there is room for.
func (f *Files) due(ctx context.Context, room chan struct{}, underway *sync.Map, busy *sync.WaitGroup) error {
	list, err := f.store.DueMedia(ctx, f.now(), atOnce)
	if err != nil {
		return err
	}
	for _, m := range list {
		if _, taken := underway.LoadOrStore(m.ID, true); taken {
			continue
		}
		select {
		case room <- struct{}{}:
		default:
			underway.Delete(m.ID)
			return nil // the next look finds it
		}
		busy.Go(func() {
			defer func() { underway.Delete(m.ID); <-room }()
			f.advance(ctx, m)
		})
	}
	return nil
}

// advance does what is due of a medium.
func (f *Files) advance(ctx context.Context, m models.Media) {
	if m.State == models.MediaKept || m.State == models.MediaFailed {
		f.tell(ctx, m)
		return
	}
	_, err := f.shared(ctx, m.ID)
	var refused *models.MediaError
	if err != nil && !errors.As(err, &refused) && ctx.Err() == nil && !errors.Is(err, models.ErrNotFound) {
		f.log.Warn("cannot fetch a file ahead now", "media_id", m.MediaID, "number_id", m.NumberID, "error", err)
	}
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
