package api

import "testing"

func TestParseRange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header string
		want   fileRange
		ok     bool
	}{
		{"", fileRange{0, 100, false}, true},
		{"bytes=0-9", fileRange{0, 10, true}, true},
		{"bytes=10-", fileRange{10, 90, true}, true},
		{"bytes=90-1000", fileRange{90, 10, true}, true},
		{"bytes=99-99", fileRange{99, 1, true}, true},
		{"bytes=-10", fileRange{90, 10, true}, true},
		{"bytes=-1000", fileRange{0, 100, true}, true},
		{"BYTES = 5-6", fileRange{5, 2, true}, true},
		{"bytes=100-", fileRange{}, false},
		{"bytes=100-200", fileRange{}, false},
		{"bytes=99999999999999999999-", fileRange{}, false},
		{"bytes=0-99999999999999999999", fileRange{0, 100, true}, true},
		{"bytes=-0", fileRange{}, false},
		{"bytes=9-5", fileRange{0, 100, false}, true},
		{"bytes=0-1,5-6", fileRange{0, 100, false}, true},
		{"bytes=", fileRange{0, 100, false}, true},
		{"bytes=-", fileRange{0, 100, false}, true},
		{"bytes=a-b", fileRange{0, 100, false}, true},
		{"bytes=--5", fileRange{0, 100, false}, true},
		{"lines=0-9", fileRange{0, 100, false}, true},
		{"nonsense", fileRange{0, 100, false}, true},
	} {
		got, ok := parseRange(c.header, 100)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%q: %+v, %v; want %+v, %v", c.header, got, ok, c.want, c.ok)
		}
	}
	if got := (fileRange{10, 5, true}).header(100); got != "bytes 10-14/100" {
		t.Error(got)
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{`"a"`: true, `W/"a"`: true, `"b", "a"`: true, "*": true, "": false, `"b"`: false, "a": false} {
		if matches(header, `"a"`) != want {
			t.Errorf("%q", header)
		}
	}
}
