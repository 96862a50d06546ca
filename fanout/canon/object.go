package canon

import (
	"bytes"
	"cmp"
	"slices"
)

// fewMembers is up to how many members an object's keys are compared with each other one by one.
const fewMembers = 32

// member is where one `"key":value` of an object stands in the output.
type member struct{ start, colon, end int }

func (m member) key(out []byte) []byte { return out[m.start+1 : m.colon-1] }

func (w *writer) object(depth int, spare []member) bool {
	open, members := len(w.dst), spare[:0]
	w.token()
	w.space()
	if w.peek() == '}' {
		w.token()
		return true
	}
	var (
		disorder = false
		names    = false     // a key that is no index was seen
		last     = int64(-1) // the latest index
	)
	for {
		if w.peek() != '"' {
			return w.fail("no key in object")
		}
		m := member{start: len(w.dst)}
		if !w.text() {
			return false
		}
		m.colon = len(w.dst)
		key := m.key(w.dst)
		if n := index(key); n >= 0 {
			disorder = disorder || names || n <= last
			last = n
		} else {
			names = true
			disorder = disorder || w.repeated(key, members)
		}
		w.space()
		if w.peek() != ':' {
			return w.fail("no colon after key")
		}
		w.token()
		w.space()
		if !w.value(depth+1, members[len(members):]) {
			return false
		}
		m.end = len(w.dst)
		members = append(members, m)
		w.space()
		switch w.peek() {
		case ',':
			w.token()
			w.space()
		case '}':
			if disorder || len(members) > fewMembers {
				w.arrange(open+1, members)
			}
			w.token()
			return true
		default:
			return w.fail("no comma or } in object")
		}
	}
}

// repeated reports whether one of the members has the key already. Large objects are left to arrange.
func (w *writer) repeated(key []byte, members []member) bool {
	if len(members) >= fewMembers {
		return false
	}
	for _, m := range members {
		if bytes.Equal(m.key(w.dst), key) {
			return true
		}
	}
	return false
}

// arrange writes the members of an object, the last in the output and starting at body, again in canonical order.
func (w *writer) arrange(body int, members []member) {
	type slot struct {
		member
		index int64
	}
	kept := make([]slot, 0, len(members))
	places := make(map[string]int, len(members))
	for _, m := range members {
		key := m.key(w.dst)
		if at, ok := places[string(key)]; ok {
			kept[at].member = m
			continue
		}
		places[string(key)] = len(kept)
		kept = append(kept, slot{m, index(key)})
	}
	order := func(a, b slot) int { // a name is -1, which as unsigned sorts after every index
		return cmp.Compare(uint64(a.index), uint64(b.index))
	}
	if len(kept) == len(members) && slices.IsSortedFunc(kept, order) {
		return
	}
	slices.SortStableFunc(kept, order)
	old := bytes.Clone(w.dst[body:])
	w.dst = w.dst[:body]
	for i, s := range kept {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(w.dst, old[s.start-body:s.end-body]...)
	}
}

// index is the array index that a key spells, or -1. JavaScript moves such keys to the front.
func index(key []byte) int64 {
	if len(key) == 0 || len(key) > 10 || key[0] == '0' && len(key) > 1 {
		return -1
	}
	var n int64
	for _, c := range key {
		if !digit(c) {
			return -1
		}
		n = 10*n + int64(c-'0')
	}
	if n > 1<<32-2 {
		return -1
	}
	return n
}
