package simulator

import "unicode/utf16"

// appendText appends key, which is JSON already, and value as a JSON string in the platform's escaping: "/" as "\/" and
// everything beyond ASCII as \uXXXX with lower-case digits, two of them for what UTF-16 writes as a pair. Bytes that
// are not UTF-8 become U+FFFD.
func appendText(dst []byte, key, value string) []byte {
	return append(appendEscaped(append(append(dst, key...), '"'), value), '"')
}

// appendEscaped is appendText without key and quotes.
func appendEscaped(dst []byte, value string) []byte {
	for _, r := range value {
		switch {
		case r == '"' || r == '\\' || r == '/':
			dst = append(dst, '\\', byte(r))
		case r >= ' ' && r <= '~':
			dst = append(dst, byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendUnit(appendUnit(dst, high), low)
		default:
			dst = appendUnit(dst, r)
		}
	}
	return dst
}

func appendUnit(dst []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}
