package wabatest

// agenda is what is still to be done, the earliest first and what is due at the same time in the order it was put down.
type agenda struct {
	heap   []step
	serial uint64
}

// step is one thing to be done. Exactly one of message, speech and batch says what.
type step struct {
	at     int64 // Unix nanoseconds
	serial uint64

	message *message // gets a status …
	to      *customer
	status  string

	speech *speech // is said
	batch  *batch  // is posted again
}

func (a *agenda) before(i, j int) bool {
	x, y := &a.heap[i], &a.heap[j]
	return x.at < y.at || x.at == y.at && x.serial < y.serial
}

// add puts a step down.
func (a *agenda) add(s step) {
	a.serial++
	s.serial = a.serial
	a.heap = append(a.heap, s)
	for i := len(a.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !a.before(i, parent) {
			break
		}
		a.heap[i], a.heap[parent] = a.heap[parent], a.heap[i]
		i = parent
	}
}

// take removes the earliest step if it is due by then.
func (a *agenda) take(by int64) (step, bool) {
	if len(a.heap) == 0 || a.heap[0].at > by {
		return step{}, false
	}
	first, last := a.heap[0], len(a.heap)-1
	a.heap[0], a.heap[last] = a.heap[last], step{}
	a.heap = a.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if a.before(child, least) {
				least = child
			}
		}
		if least == i {
			return first, true
		}
		a.heap[i], a.heap[least] = a.heap[least], a.heap[i]
		i = least
	}
}
