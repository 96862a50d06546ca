package models

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dayIDs is how many ids one day holds: what lies between the first ids of two days.
const dayIDs = 24 * 60 * 60 * 1000 << (nodeBits + sequenceBits)

// partitioned is a table that PostgreSQL keeps in leaves, each of the ids that were made within some whole days (UTC).
type partitioned struct {
	name string
	days int64 // that a leaf holds, counted from the first day that an id can name
	// with and also are what a leaf has and its parent cannot: how it is stored, and what is unique within it.
	with, also string
}

// partitionedTables are in the order in which old leaves go: nothing outlives what it belongs to.
var partitionedTables = [...]partitioned{
	{name: "deliveries", days: 1, with: " WITH (fillfactor = 40)"},
	{name: "attempts", days: 1},
	{name: "digests", days: 1},
	{name: "events", days: 1},
	eventKeys,
	{name: "callbacks", days: 1},
}

// eventKeys is which events there have been. Uniqueness cannot span leaves, and asking many costs every event, so its
// leaves are longer: generations.
var eventKeys = partitioned{name: "event_keys", days: 4, also: ", UNIQUE (key)"}

// leaf is one of a table's, by its first id.
type leaf struct {
	table partitioned
	from  int64
}

// leaf is the one that an id belongs to.
func (p partitioned) leaf(id int64) leaf {
	id = max(id, 0)
	return leaf{p, id - id%(p.days*dayIDs)}
}

// leaves are those of the ids from one to another, both included.
func (p partitioned) leaves(first, last int64) (ls []leaf) {
	for l := p.leaf(first); l.from <= last; l = p.leaf(l.end()) {
		ls = append(ls, l)
	}
	return ls
}

// name is the leaf's as a table: that of the parent and its first day.
func (l leaf) name() string { return l.table.name + "_" + IDTime(l.from).UTC().Format("20060102") }

// end is the first id after it.
func (l leaf) end() int64 { return l.from + l.table.days*dayIDs }

// leafNamed is the leaf of a name; false for the name of anything else.
func leafNamed(name string) (leaf, bool) {
	i := strings.LastIndexByte(name, '_')
	if i < 0 {
		return leaf{}, false
	}
	day, err := time.Parse("20060102", name[i+1:])
	t := slices.IndexFunc(partitionedTables[:], func(p partitioned) bool { return p.name == name[:i] })
	if err != nil || t < 0 {
		return leaf{}, false
	}
	l := partitionedTables[t].leaf(FirstID(day))
	return l, l.name() == name
}

// dayOf is the first id of the day in which an id was made.
func dayOf(id int64) int64 { return max(id, 0) - max(id, 0)%dayIDs }

// within is a condition that limits a statement to the days in which ids were made, on a column that holds such ids.
// Whole days are written into the text, not passed: only so does PostgreSQL, which plans a text once and for all values,
// plan for these leaves alone, and neither opens nor locks the others. The texts stay few.
func within(column string, ids ...int64) string {
	if len(ids) == 0 {
		return ""
	}
	return span{dayOf(slices.Min(ids)), dayOf(slices.Max(ids)) + dayIDs}.on(column)
}

// within limits a statement to the days of ids; the embedded database has no leaves.
func (s *Store) within(column string, ids []int64) string {
	if s.embedded {
		return ""
	}
	return within(column, ids...)
}

// each is a table called q of ids, which are all of one argument: the text of a statement does not depend on how many they
// are, so that PostgreSQL plans few.
func (s *Store) each(ids []int64) (table, list string) {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(id, 10))
	}
	if s.embedded {
		return "(SELECT value AS id FROM json_each(?)) AS q", "[" + b.String() + "]"
	}
	return "unnest(CAST(CAST(? AS text) AS bigint[])) AS q(id)", "{" + b.String() + "}"
}

// eachText is each for texts, in a column called value.
func (s *Store) eachText(texts []string) (table, list string, err error) {
	encoded, err := json.Marshal(texts)
	if s.embedded {
		return "json_each(?) AS q", string(encoded), err
	}
	return "json_array_elements_text(CAST(? AS json)) AS q(value)", string(encoded), err
}

// looked joins a table whose rows are looked up one by one for the rows before it, by a condition that names its leaves.
// Without this fence PostgreSQL takes the days for a selective condition while it knows nothing of a young leaf, and
// begins with all of the leaf.
func looked(table, on string) string {
	return "LATERAL (SELECT * FROM " + table + " WHERE " + on + " OFFSET 0) " + table[strings.LastIndexByte(table, ' ')+1:] + " ON true"
}

// looked is a join for both engines; SQLite has no fence, and no leaves.
func (s *Store) looked(table, on string) string {
	if s.embedded {
		return table + " ON " + on
	}
	return looked(table, on)
}

// span is the ids from one up to another, without that.
type span struct{ from, to int64 }

// everything is every id.
var everything = span{0, math.MaxInt64}

// on is the span as a condition to append to others; nothing when it excludes nothing.
func (s span) on(column string) string {
	var b strings.Builder
	if s.from > 0 {
		fmt.Fprintf(&b, " AND %s >= %d", column, s.from)
	}
	if s.to < math.MaxInt64 {
		fmt.Fprintf(&b, " AND %s < %d", column, s.to)
	}
	return b.String()
}

// newestFirst cuts the ids from one to another into spans of whole days, the newest first and each longer than the one
// before. A list reads one after the other until it is full: usually only the first, which is few leaves. When the last is
// only that of this moment the newest span has no end: another process's clock may be ahead.
func newestFirst(first, last int64, now bool) (ss []span) {
	to := everything.to
	if !now {
		to = dayOf(last) + dayIDs
	}
	for days := int64(1); ; days *= 4 {
		from := dayOf(last) - days*dayIDs
		if from <= dayOf(first) || days > 64 {
			return append(ss, span{dayOf(first), to})
		}
		ss = append(ss, span{from, to})
		to = from
	}
}

// IdentityKept is how long it is known at least that there has been an event, whatever else is kept of it: upstream
// tells the same fact again for seven days.
const IdentityKept = 8 * 24 * time.Hour

// claimed is how near the end of a generation an event's key is written into the neighbouring generation too.
const claimed = 2 * time.Hour

// eventKey is one row of event_keys.
type eventKey struct {
	key     []byte
	eventID int64
}

// keysOf lays out the keys of events in the order in which every transaction takes them: the older generation first.
//
// Two transactions that make the same event at the turn of a generation would each find its key free in their own. So
// near the turn both write it on both sides, and the second finds what the first wrote: on its own side under the other's
// first or last id, which is no event's. Only clocks that are more than claimed apart could still make two.
func keysOf(es []Event) []eventKey {
	const near = int64(claimed/time.Millisecond) << (nodeBits + sequenceBits)
	ks := make([]eventKey, 0, len(es))
	for i := range es {
		id, l := es[i].ID, eventKeys.leaf(es[i].ID)
		ks = append(ks, eventKey{es[i].Key[:], id})
		if id-l.from < near && l.from > 0 {
			ks = append(ks, eventKey{es[i].Key[:], l.from - 1})
		}
		if l.end()-id <= near {
			ks = append(ks, eventKey{es[i].Key[:], l.end()})
		}
	}
	slices.SortStableFunc(ks, func(a, b eventKey) int { // the keys are sorted
		return int((eventKeys.leaf(a.eventID).from - eventKeys.leaf(b.eventID).from) / dayIDs)
	})
	return ks
}

// remembered is where events are looked for by their key, by whole generations.
func remembered(now time.Time) span {
	return span{eventKeys.leaf(FirstID(now.Add(-IdentityKept))).from, everything.to}
}

// keyInGenerations is a query for the ids under @key, which asks the newest generation first and, when it may stop at the
// first answer, no older one than it needs. More generations than usual are kept are asked at once.
func keyInGenerations(now time.Time) string {
	const kept = 12
	var q strings.Builder
	ids := span{eventKeys.leaf(FirstID(now)).from, everything.to}
	for i := range kept {
		q.WriteString("SELECT event_id FROM event_keys WHERE key = @key" + ids.on("event_id") + " UNION ALL ")
		if ids.to = ids.from; ids.to == 0 {
			break
		}
		if ids.from = eventKeys.leaf(ids.from - 1).from; i == kept-2 {
			ids.from = 0
		}
	}
	return strings.TrimSuffix(q.String(), " UNION ALL ")
}

// newestFirst cuts ids for a list that shows the newest first. The embedded database has no leaves and needs no parts.
func (s *Store) newestFirst(first, last int64, now bool) []span {
	if s.embedded {
		return []span{everything}
	}
	return newestFirst(first, last, now)
}
