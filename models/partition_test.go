package models

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func date(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestLeaf(t *testing.T) {
	events := partitioned{name: "events", days: 1}
	for _, c := range []struct {
		table     partitioned
		at        string
		name      string
		from, end string
	}{
		{events, "2026-11-21 00:00", "events_20261121", "2026-11-21 00:00", "2026-11-22 00:00"},
		{events, "2026-11-21 23:59", "events_20261121", "2026-11-21 00:00", "2026-11-22 00:00"},
		{events, "2026-01-01 00:00", "events_20260101", "2026-01-01 00:00", "2026-01-02 00:00"},
		{events, "2019-05-05 00:00", "events_20260101", "2026-01-01 00:00", "2026-01-02 00:00"},
		{eventKeys, "2026-01-04 23:59", "event_keys_20260101", "2026-01-01 00:00", "2026-01-05 00:00"},
		{eventKeys, "2026-01-05 00:00", "event_keys_20260105", "2026-01-05 00:00", "2026-01-09 00:00"},
	} {
		l := c.table.leaf(FirstID(date(c.at)))
		if l.name() != c.name || l.from != FirstID(date(c.from)) || l.end() != FirstID(date(c.end)) {
			t.Errorf("%s at %s: %s from %v to %v", c.table.name, c.at, l.name(), IDTime(l.from), IDTime(l.end()))
		}
	}
	for name, ours := range map[string]bool{"events_20261121": true, "event_keys_20260105": true, "event_keys_20260106": false, "events_20250101": false,
		"events": false, "events_whole": false, "orders_20261121": false, "events_20261121_pkey": false, "_20261121": false} {
		if l, ok := leafNamed(name); ok != ours || ok && l.name() != name {
			t.Errorf("%s: %v %v", name, l, ok)
		}
	}
	if ls := eventKeys.leaves(FirstID(date("2026-01-04 12:00")), FirstID(date("2026-01-11 12:00"))); len(ls) != 3 {
		t.Errorf("leaves %v", ls)
	}
}

func TestWithin(t *testing.T) {
	day := FirstID(date("2026-11-21 00:00"))
	want := fmt.Sprintf(" AND id >= %d AND id < %d", day, day+dayIDs)
	for _, ids := range [][]int64{{day}, {day + dayIDs - 1, day}, {day + 5, day + 6}} {
		if got := within("id", ids...); got != want {
			t.Errorf("%v: %s", ids, got)
		}
	}
	if got := within("id", day-1, day+1); got != fmt.Sprintf(" AND id >= %d AND id < %d", day-dayIDs, day+dayIDs) {
		t.Errorf("two days: %s", got)
	}
	if got := within("id"); got != "" {
		t.Errorf("none: %s", got)
	}
}

func TestNewestFirst(t *testing.T) {
	noon := func(day int) int64 { return FirstID(date("2026-11-21 12:00").AddDate(0, 0, day)) }
	for _, c := range []struct {
		first, last int64
		parts       int
	}{{0, noon(0), 5}, {noon(-30), noon(0), 4}, {noon(-1), noon(0), 1}, {noon(0), noon(0), 1}, {noon(1), noon(0), 1}, {noon(-2), noon(0), 2}, {0, 0, 1}} {
		ss, ended := newestFirst(c.first, c.last, true), newestFirst(c.first, c.last, false)
		if end := ended[0].to; len(ended) != c.parts || end <= c.last || end > c.last+dayIDs {
			t.Errorf("from %v to %v and no further: %v", IDTime(c.first), IDTime(c.last), ended)
		}
		if len(ss) != c.parts || ss[0].to != math.MaxInt64 || ss[len(ss)-1].from > c.first {
			t.Errorf("from %v to %v: %v", IDTime(c.first), IDTime(c.last), ss)
		}
		for i := 1; i < len(ss); i++ {
			if ss[i].to != ss[i-1].from || ss[i].from >= ss[i].to {
				t.Errorf("a gap in %v", ss)
			}
		}
	}
}

func TestKeysOf(t *testing.T) {
	turn := date("2026-01-05 00:00")
	for _, c := range []struct {
		at     time.Time
		leaves string
	}{
		{turn.Add(-2*time.Hour - time.Millisecond), "event_keys_20260101"},
		{turn.Add(-2 * time.Hour), "event_keys_20260101 event_keys_20260105"},
		{turn.Add(-time.Millisecond), "event_keys_20260101 event_keys_20260105"},
		{turn, "event_keys_20260101 event_keys_20260105"},
		{turn.Add(2*time.Hour - time.Millisecond), "event_keys_20260101 event_keys_20260105"},
		{turn.Add(2 * time.Hour), "event_keys_20260105"},
		{date("2026-01-01 00:00"), "event_keys_20260101"},
	} {
		var got string
		ks := keysOf([]Event{{ID: FirstID(c.at), Key: [16]byte{7}}})
		for _, k := range ks {
			got += " " + eventKeys.leaf(k.eventID).name()
		}
		if got != " "+c.leaves {
			t.Errorf("%v:%s", c.at, got)
		}
	}
}

func TestCutoffs(t *testing.T) {
	now := date("2026-11-21 15:00")
	day := func(text string) int64 { return FirstID(date(text + " 00:00")) }
	const d = 24 * time.Hour
	for _, c := range []struct {
		r    Retention
		want cutoffs
	}{
		{Retention{}, cutoffs{day("2026-10-22"), day("2026-10-22"), day("2026-10-22"), day("2026-10-22"), 0, time.Time{}}},
		{Retention{Callbacks: d, Events: 2 * d, Deliveries: 3 * d, Payloads: 4 * d, Messages: 5 * d},
			cutoffs{day("2026-11-20"), day("2026-11-19"), day("2026-11-19"), day("2026-11-13"), day("2026-11-17"), date("2026-11-16 00:00")}},
		{Retention{Callbacks: math.MaxInt64, Events: math.MaxInt64, Deliveries: math.MaxInt64, Payloads: math.MaxInt64}, cutoffs{}},
	} {
		got, err := c.r.cutoffs(now)
		if err != nil || got != c.want {
			t.Errorf("%+v: %+v, %v", c.r, got, err)
		}
	}
	for _, r := range []Retention{{Callbacks: -1}, {Events: -1}, {Deliveries: -1}, {Payloads: -1}, {Messages: -1}} {
		if _, err := r.cutoffs(now); err == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}
