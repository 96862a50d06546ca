package filter

// walker reads JSON forwards, once, and asks the test about what stands at the end of a path. It believes that the JSON
// is valid; whatever else it is given, it always gets on and never reads beyond the end.
type walker struct {
	src  []byte
	pos  int
	test test
}

// find reads the value that begins here and reports whether something at the path under it passes the test. It steps
// through lists on its way, and recurses as deep as they are nested: for stored data, at most as deep as package canon
// lets through. After true the rest is unread.
func (w *walker) find(path []string) bool {
	w.space()
	if w.pos >= len(w.src) {
		return false
	}
	start := w.pos
	switch c := w.src[w.pos]; {
	case c == '[':
		if len(path) == 0 && w.test(w.src[start:start+1]) {
			return true
		}
		w.pos++
		for w.more(']') {
			if w.find(path) {
				return true
			}
		}
		return false
	case c == '{' && len(path) > 0:
		w.pos++
		for w.more('}') {
			if w.key(path[0]) {
				if w.find(path[1:]) {
					return true
				}
			} else {
				w.skip()
			}
		}
		return false
	}
	w.skip()
	token := w.src[start:w.pos]
	return len(path) == 0 && string(token) != "null" && w.test(token)
}

// more steps to the next element, or over the end of the list or object, which is false.
func (w *walker) more(end byte) bool {
	w.space()
	if w.at(',') {
		w.pos++
		w.space()
	}
	if w.at(end) {
		w.pos++
		return false
	}
	return w.pos < len(w.src)
}

// key reads a member's name with its colon and compares it.
func (w *walker) key(name string) bool {
	start := w.pos
	w.skip()
	got, ok := text(w.src[start:w.pos])
	w.space()
	if w.at(':') {
		w.pos++
	}
	return ok && string(got) == name
}

// skip reads over one value.
func (w *walker) skip() {
	w.space()
	for depth := 0; w.pos < len(w.src); {
		switch w.src[w.pos] {
		case '"':
			w.skipText()
		case '[', '{':
			depth++
			w.pos++
		case ']', '}':
			depth--
			w.pos++
		case ',', ':', ' ', '\t', '\n', '\r':
			w.pos++
		default:
			w.skipWord()
		}
		if depth <= 0 {
			return
		}
	}
}

func (w *walker) skipText() {
	for w.pos++; w.pos < len(w.src); w.pos++ {
		switch w.src[w.pos] {
		case '\\':
			w.pos++
		case '"':
			w.pos++
			return
		}
	}
	w.pos = len(w.src)
}

// skipWord reads over a number, true, false or null.
func (w *walker) skipWord() {
	for w.pos++; w.pos < len(w.src); w.pos++ {
		switch w.src[w.pos] {
		case ',', ':', ']', '}', '[', '{', '"', ' ', '\t', '\n', '\r':
			return
		}
	}
}

func (w *walker) space() {
	for w.pos < len(w.src) && (w.src[w.pos] == ' ' || w.src[w.pos] == '\n' || w.src[w.pos] == '\t' || w.src[w.pos] == '\r') {
		w.pos++
	}
}

func (w *walker) at(c byte) bool { return w.pos < len(w.src) && w.src[w.pos] == c }
