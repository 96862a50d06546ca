package canon

// maxDepth bounds the recursion, and with it how often the bytes of one value may be moved while keys are put in order.
const maxDepth = 1000

// writer reads a JSON text once and appends its canonical form while it reads. Its methods report whether the text
// was valid so far; after the first false, reason and pos say why and where.
type writer struct {
	src    []byte
	pos    int
	dst    []byte
	reason string
}

func (w *writer) fail(reason string) bool {
	w.reason = reason
	return false
}

func (w *writer) space() {
	for w.pos < len(w.src) {
		switch w.src[w.pos] {
		case ' ', '\n', '\r', '\t':
			w.pos++
		default:
			return
		}
	}
}

// peek is the next byte, or 0, which no valid text holds, at the end.
func (w *writer) peek() byte {
	if w.pos < len(w.src) {
		return w.src[w.pos]
	}
	return 0
}

// token copies the next byte.
func (w *writer) token() {
	w.dst = append(w.dst, w.src[w.pos])
	w.pos++
}

// value copies any value. Spare is room that objects may use for their members: no need, only faster.
func (w *writer) value(depth int, spare []member) bool {
	if depth > maxDepth {
		return w.fail("nested too deep")
	}
	switch c := w.peek(); c {
	case '"':
		return w.text()
	case '{':
		return w.object(depth, spare)
	case '[':
		return w.array(depth, spare)
	case 't':
		return w.word("true")
	case 'f':
		return w.word("false")
	case 'n':
		return w.word("null")
	default:
		if c == '-' || digit(c) {
			return w.number()
		}
		return w.fail("no value")
	}
}

func (w *writer) word(s string) bool {
	if len(w.src)-w.pos < len(s) || string(w.src[w.pos:w.pos+len(s)]) != s {
		return w.fail("no value")
	}
	w.dst = append(w.dst, s...)
	w.pos += len(s)
	return true
}

func (w *writer) array(depth int, spare []member) bool {
	w.token()
	w.space()
	if w.peek() == ']' {
		w.token()
		return true
	}
	for {
		if !w.value(depth+1, spare) {
			return false
		}
		w.space()
		switch w.peek() {
		case ',':
			w.token()
			w.space()
		case ']':
			w.token()
			return true
		default:
			return w.fail("no comma or ] in array")
		}
	}
}
