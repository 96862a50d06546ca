package models

import (
	"strings"
	"testing"
)

func TestWamidOf(t *testing.T) {
	for data, want := range map[string]string{
		`{"message":{"id":"wamid.A/1=","text":"\"message_id\":\"no\""}}`:     "wamid.A/1=",
		`{"status":{"message_id":"wamid.B","status":"read"}}`:                "wamid.B",
		`{"message":{"id":"wamid.C","reaction":{"message_id":"wamid.B"}}}`:   "wamid.C",
		`{"message":{"id":"","text":"x"},"status":{"message_id":"wamid.D"}}`: "wamid.D",
		`{"contact":{"id":7}}`: "",
		`{"message":{"id":"`:   "",
		``:                     "",
	} {
		if got := wamidOf([]byte(data)); got != want {
			t.Errorf("%s: %q", data, got)
		}
	}
}

func TestHintsOf(t *testing.T) {
	said := func(id, number int64, wamid string) Event {
		return Event{ID: id, NumberID: number, Data: []byte(`{"message":{"id":"` + wamid + `"}}`)}
	}
	hints := hintsOf([]Event{said(7, 1, "a"), said(5, 1, "a"), said(9, 1, "a"), said(6, 2, "a"), said(8, 1, "b"), said(3, 0, "a"), {ID: 4, NumberID: 1}})
	want := map[MessageRef]hint{{NumberID: 1, Wamid: "a"}: {5, 9}, {NumberID: 2, Wamid: "a"}: {6, 6}, {NumberID: 1, Wamid: "b"}: {8, 8}}
	if len(hints) != len(want) {
		t.Errorf("%v", hints)
	}
	for ref, h := range want {
		if hints[ref] != h {
			t.Errorf("%v: %v", ref, hints[ref])
		}
	}
}

func TestKeyInGenerations(t *testing.T) {
	for now, first := range map[string]string{"2026-11-21 12:00": "20261121", "2026-01-03 00:00": "20260101", "2026-01-10 00:00": "20260109"} {
		parts := strings.Split(keyInGenerations(date(now)), " UNION ALL ")
		newest := eventKeys.leaf(FirstID(date(now)))
		if !strings.HasSuffix(newest.name(), first) {
			t.Errorf("%s: the newest is %s", now, newest.name())
		}
		ids := span{newest.from, everything.to}
		for i, part := range parts {
			if !strings.HasSuffix(part, "key = @key"+ids.on("event_id")) {
				t.Errorf("%s: part %d is %q", now, i, part)
			}
			ids = span{max(0, ids.from-eventKeys.days*dayIDs), ids.from}
			if i == len(parts)-2 {
				ids.from = 0 // the last asks for all that is older
			}
		}
		if ids.to != 0 || len(parts) > 12 {
			t.Errorf("%s: %d parts, down to %d", now, len(parts), ids.to)
		}
	}
}

func TestHintAnd(t *testing.T) {
	if got := (hint{5, 6}).and(hint{3, 9}); got != (hint{3, 9}) {
		t.Error(got)
	}
}
