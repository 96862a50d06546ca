package sending

import (
	"context"
	"fmt"
	"sync"
	"time"

	"wabagate/models"
)

// waiters are those who wait for messages of this process. The zero value has none.
type waiters struct {
	mu sync.Mutex
	of map[int64][]chan struct{}
}

// wait tells when something became of a message, by closing what it returns.
func (w *waiters) wait(id int64) (<-chan struct{}, func()) {
	c := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == nil {
		w.of = map[int64][]chan struct{}{}
	}
	w.of[id] = append(w.of[id], c)
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, have := range w.of[id] {
			if have == c {
				w.of[id] = append(w.of[id][:i], w.of[id][i+1:]...)
			}
		}
		if len(w.of[id]) == 0 {
			delete(w.of, id)
		}
	}
}

func (w *waiters) tell(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.of[id] {
		close(c)
	}
	delete(w.of, id)
}

// lookEvery is how often Await looks for what other processes did.
const lookEvery = time.Second

// Await returns a message once it is accepted, failed or cancelled, or as it stands when the timeout is over. An answer
// that this process got is known at once, that of another within a second. [models.ErrNotFound] when there is no such
// message.
func (s *Sender) Await(ctx context.Context, id int64, timeout time.Duration) (models.Send, error) {
	over := time.NewTimer(timeout)
	defer over.Stop()
	for last := timeout <= 0; ; {
		told, leave := s.waiters.wait(id)
		found, err := s.store.Sends(ctx, []int64{id})
		switch {
		case err != nil:
			leave()
			return models.Send{}, err
		case len(found) == 0:
			leave()
			return models.Send{}, fmt.Errorf("message %d: %w", id, models.ErrNotFound)
		case last || settled(found[0].State):
			leave()
			return found[0], nil
		}
		look := time.NewTimer(lookEvery)
		select {
		case <-told:
		case <-look.C:
		case <-over.C:
			last = true
		case <-ctx.Done():
			err = ctx.Err()
		}
		look.Stop()
		leave()
		if err != nil {
			return models.Send{}, err
		}
	}
}

func settled(s models.SendState) bool {
	return s == models.SendAccepted || s == models.SendFailed || s == models.SendCancelled
}
