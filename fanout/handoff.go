package fanout

import "sync"

// handoff passes what one step has just written to the next step of the same process, so that it need not be read
// back. It is bounded and forgets the oldest first; who finds nothing reads the database. Each value is taken once:
// whoever does the same work again, after a failure or for another process, reads what the database says by then.
type handoff[T any] struct {
	bytes int // bound

	mu     sync.Mutex
	held   int
	values map[int64]handed[T]
	order  []int64 // oldest first; may hold keys that were taken
}

type handed[T any] struct {
	value T
	size  int
}

func newHandoff[T any](bytes int) *handoff[T] {
	return &handoff[T]{bytes: bytes, values: map[int64]handed[T]{}}
}

// put offers a value of about size bytes under the id of its work.
func (h *handoff[T]) put(work int64, value T, size int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if size > h.bytes {
		return
	}
	for h.held+size > h.bytes && len(h.order) > 0 {
		h.drop(h.order[0])
		h.order = h.order[1:]
	}
	h.values[work] = handed[T]{value, size}
	h.held += size
	h.order = append(h.order, work)
	if len(h.order) > 2*len(h.values)+64 {
		live := h.order[:0]
		for _, id := range h.order {
			if _, ok := h.values[id]; ok {
				live = append(live, id)
			}
		}
		h.order = live
	}
}

// take removes and returns what was offered.
func (h *handoff[T]) take(work int64) (T, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, ok := h.values[work]
	h.drop(work)
	return v.value, ok
}

func (h *handoff[T]) drop(work int64) {
	if v, ok := h.values[work]; ok {
		h.held -= v.size
		delete(h.values, work)
	}
}
