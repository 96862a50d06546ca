package canon

import (
	"math"
	"strconv"
)

// safeDigits is how many digits an integer may have to be certain to survive in a double.
const safeDigits = 15

func digit(c byte) bool { return '0' <= c && c <= '9' }

// digits skips a run of digits and returns how many there were.
func (w *writer) digits() int {
	from := w.pos
	for digit(w.peek()) {
		w.pos++
	}
	return w.pos - from
}

func (w *writer) number() bool {
	from := w.pos
	if w.src[w.pos] == '-' {
		w.pos++
	}
	zero := w.peek() == '0'
	n := w.digits()
	if n == 0 || zero && n > 1 {
		return w.fail("malformed number")
	}
	integer := true
	if w.peek() == '.' {
		integer = false
		w.pos++
		if w.digits() == 0 {
			return w.fail("malformed number")
		}
	}
	if c := w.peek(); c == 'e' || c == 'E' {
		integer = false
		w.pos++
		if c := w.peek(); c == '+' || c == '-' {
			w.pos++
		}
		if w.digits() == 0 {
			return w.fail("malformed number")
		}
	}
	literal := w.src[from:w.pos]
	switch {
	case integer && zero:
		w.dst = append(w.dst, '0') // -0 too
	case integer && n <= safeDigits:
		w.dst = append(w.dst, literal...)
	default:
		w.dst = appendNumber(w.dst, literal, integer)
	}
	return true
}

// appendNumber prints a literal as ECMAScript would, or as a string where that would lose something.
func appendNumber(dst, literal []byte, integer bool) []byte {
	f, err := strconv.ParseFloat(string(literal), 64)
	if err != nil { // out of range; the syntax was checked before
		return appendQuoted(dst, literal)
	}
	if integer {
		var room [64]byte
		if string(strconv.AppendFloat(room[:0], f, 'f', -1, 64)) != string(literal) {
			return appendQuoted(dst, literal)
		}
	}
	if f == 0 {
		return append(dst, '0')
	}
	if a := math.Abs(f); 1e-6 <= a && a < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// Go writes an exponent of one digit as two; ECMAScript does not.
	if n := len(dst); dst[n-2] == '0' && !digit(dst[n-3]) {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

func appendQuoted(dst, literal []byte) []byte {
	dst = append(dst, '"')
	dst = append(dst, literal...)
	return append(dst, '"')
}
