package canon

import (
	"unicode/utf16"
	"unicode/utf8"
)

const (
	hexDigits   = "0123456789abcdef"
	replacement = "\uFFFD"
)

// plain marks the bytes that stand for themselves inside a string: ASCII without controls, quote and backslash.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// AppendString appends s as a canonical JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = appendUnit(append(dst, s[from:i]...), rune(c))
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(append(dst, s[from:i]...), replacement...)
			from = i + 1
		}
		i += n
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// text copies a string, the quote of which comes next. Whole runs are copied at once.
func (w *writer) text() bool {
	src, from, i := w.src, w.pos, w.pos+1
	for i < len(src) {
		c := src[i]
		if plain[c] {
			i++
			continue
		}
		switch {
		case c == '"':
			w.pos = i + 1
			w.dst = append(w.dst, src[from:w.pos]...)
			return true
		case c == '\\':
			w.dst = append(w.dst, src[from:i]...)
			w.pos = i
			if !w.escape() {
				return false
			}
			i, from = w.pos, w.pos
		case c < ' ':
			w.pos = i
			return w.fail("control character in string")
		default:
			r, n := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && n == 1 {
				w.dst = append(append(w.dst, src[from:i]...), replacement...)
				from = i + 1
			}
			i += n
		}
	}
	w.pos = i
	return w.fail("string without end")
}

// escape rewrites one escape, or the two of a surrogate pair.
func (w *writer) escape() bool {
	if w.pos+1 >= len(w.src) {
		return w.fail("string without end")
	}
	var r rune
	switch c := w.src[w.pos+1]; c {
	case '"', '\\', '/':
		r = rune(c)
	case 'b':
		r = '\b'
	case 't':
		r = '\t'
	case 'n':
		r = '\n'
	case 'f':
		r = '\f'
	case 'r':
		r = '\r'
	case 'u':
		unit, ok := w.unit(w.pos)
		if !ok {
			return w.fail("malformed escape")
		}
		w.pos += 6
		if low, ok := w.unit(w.pos); ok {
			if pair := utf16.DecodeRune(unit, low); pair != utf8.RuneError {
				w.pos += 6
				unit = pair
			}
		}
		w.dst = appendUnit(w.dst, unit)
		return true
	default:
		return w.fail("unknown escape")
	}
	w.pos += 2
	w.dst = appendUnit(w.dst, r)
	return true
}

// unit reads the \uxxxx at a position, if there is one.
func (w *writer) unit(at int) (rune, bool) {
	if len(w.src)-at < 6 || w.src[at] != '\\' || w.src[at+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range w.src[at+2 : at+6] {
		switch {
		case digit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendUnit appends a character, or half of a surrogate pair, as it looks inside a canonical string.
func appendUnit(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\b':
		return append(dst, '\\', 'b')
	case '\t':
		return append(dst, '\\', 't')
	case '\n':
		return append(dst, '\\', 'n')
	case '\f':
		return append(dst, '\\', 'f')
	case '\r':
		return append(dst, '\\', 'r')
	}
	if r < ' ' || utf16.IsSurrogate(r) {
		return append(dst, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
	}
	return utf8.AppendRune(dst, r)
}
