package api

import (
	"fmt"
	"strconv"
	"strings"
)

// fileRange is the part of a file that somebody asked for.
type fileRange struct {
	offset, length int64
	partial        bool // false: all of it
}

// parseRange reads a Range header (RFC 9110, section 14) against the size of a file. What is not understood, and several
// parts at once, ask for the whole file; false for a part that the file does not have.
func parseRange(header string, size int64) (fileRange, bool) {
	whole := fileRange{0, size, false}
	unit, spec, found := strings.Cut(header, "=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") || !dash || strings.Contains(spec, ",") || !allDigits(first) || !allDigits(last) || first+last == "" {
		return whole, true
	}
	number := func(digits string) int64 {
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil { // more digits than any file has
			return size
		}
		return n
	}
	if first == "" { // the last so many
		n := min(number(last), size)
		return fileRange{size - n, n, true}, n > 0
	}
	from, to := number(first), size-1
	if last != "" {
		to = min(number(last), to)
		if number(last) < from {
			return whole, true // the wrong way round
		}
	}
	return fileRange{from, to - from + 1, true}, from < size
}

// header is the Content-Range of the part.
func (r fileRange) header(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.offset, r.offset+r.length-1, size)
}

func unsatisfied(size int64) string { return fmt.Sprintf("bytes */%d", size) }

// matches tells whether an If-None-Match names a tag.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}
