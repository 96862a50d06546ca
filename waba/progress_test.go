package waba_test

import (
	"testing"

	"wabagate/waba"
)

func TestRank(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]int{
		"sent": 1, "delivered": 2, "read": 3, "played": 4,
		"failed": 0, "": 0, "warning": 0, "SENT": 0,
	} {
		if got := waba.Rank(status); got != want {
			t.Errorf("Rank(%q) is %d", status, got)
		}
	}
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ current, next, want string }{
		{"", "sent", "sent"},
		{"", "failed", "failed"},
		{"", "warning", "warning"},
		{"sent", "read", "read"},             // delivered may be skipped
		{"read", "delivered", "read"},        // and may come late
		{"sent", "failed", "failed"},         //
		{"failed", "sent", "failed"},         // a late sent is no revival
		{"delivered", "failed", "delivered"}, // a failure undoes no delivery
		{"failed", "delivered", "delivered"}, // which is a fact
		{"failed", "played", "played"},
		{"sent", "warning", "sent"},
		{"failed", "teleported", "failed"},
		{"warning", "sent", "sent"},
		{"read", "", "read"},
		{"", "", ""},
	} {
		if got := waba.Advance(test.current, test.next); got != test.want {
			t.Errorf("Advance(%q, %q) is %q, not %q", test.current, test.next, got, test.want)
		}
	}
}

// TestAdvanceIgnoresOrder walks every sequence of up to seven statuses: those that hold the same statuses, in whatever
// order and however often, end equal.
func TestAdvanceIgnoresOrder(t *testing.T) {
	t.Parallel()
	statuses := []string{"sent", "delivered", "read", "played", "failed", "warning", "deleted"}
	ends := map[int]string{} // by set of statuses seen
	var walk func(current string, seen, left int)
	walk = func(current string, seen, left int) {
		if end, ok := ends[seen]; !ok {
			ends[seen] = current
		} else if end != current {
			t.Fatalf("the statuses %b end as %q or as %q", seen, end, current)
		}
		if left == 0 {
			return
		}
		for i, status := range statuses {
			walk(waba.Advance(current, status), seen|1<<i, left-1)
		}
	}
	walk("", 0, 7)
	if len(ends) != 1<<len(statuses) {
		t.Fatalf("%d of %d sets were seen", len(ends), 1<<len(statuses))
	}
}
