package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// NumberHour is what came for a number, and what it sent, in one hour.
type NumberHour struct {
	NumberID int64
	Hour     time.Time // its beginning
	// Callbacks are those of the platform that told something new, by when they came. One that was translated while a count
	// was made may count twice.
	Callbacks int64
	// Slots has a bit for each five minutes in which a callback came, the lowest for the first.
	Slots uint16
	// Events are by when they were made, Received and Sent those of them that are messages of customers and of the business.
	Events, Received, Sent int64
}

const (
	// SlotsPerHour is how many parts of an hour NumberHour.Slots tells apart.
	SlotsPerHour = 12
	slotMS       = int64(time.Hour/time.Millisecond) / SlotsPerHour
	// countedAtOnce is of how much time the events are read at once, countedSince how far back the first count goes.
	countedAtOnce = 15 * time.Minute
	countedSince  = 7 * 24 * time.Hour
)

// markCounted is up to when the events that were made are in number_hours.
const markCounted = "counted"

// Mark reads how far something has been looked at; the zero time when it never was.
func (s *Store) Mark(ctx context.Context, name string) (time.Time, error) {
	var at int64
	if err := s.db.WithContext(ctx).Raw("SELECT coalesce(max(at), 0) FROM gap_marks WHERE name = ?", name).Scan(&at).Error; err != nil || at == 0 {
		return time.Time{}, translate(err, "mark "+name)
	}
	return time.UnixMilli(at).UTC(), nil
}

// MoveMark keeps how far something has been looked at, to the millisecond.
func (s *Store) MoveMark(ctx context.Context, name string, at time.Time) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		return db.Exec("INSERT INTO gap_marks (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at", name, at.UnixMilli()).Error
	}), "mark "+name)
}

// CountTraffic adds the next events, of a quarter of an hour at most and none made at until or later, to the hours of their
// numbers, and looks for holes in the sequences of their conversations. It answers up to when everything is counted, which
// is until once it has caught up, and how many holes are new. The first time it begins a week back.
//
// Two that count at once count everything once. Events are counted by their ids, which are given before their transaction
// commits: until has to be earlier than any transaction that still runs.
func (s *Store) CountTraffic(ctx context.Context, until time.Time) (through time.Time, holes int, err error) {
	until = dueMoment(until)
	from, err := s.Mark(ctx, markCounted)
	if err == nil && from.IsZero() {
		from = until.Add(-countedSince).Truncate(time.Hour)
		err = s.MoveMark(ctx, markCounted, from)
	}
	if err != nil || !until.After(from) {
		return from, 0, err
	}
	var next int64
	if err := s.db.WithContext(ctx).Raw("SELECT coalesce(min(id), 0) FROM events WHERE id >= ? AND id < ?", FirstID(from), FirstID(until)).Scan(&next).Error; err != nil {
		return from, 0, translate(err, "count traffic")
	}
	var count trafficCount
	through = until
	if next != 0 {
		through = earlier(until, dueMoment(IDTime(next)).Add(countedAtOnce))
		if count, err = s.countEvents(ctx, next, FirstID(through)); err != nil {
			return from, 0, translate(err, "count traffic")
		}
	}
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		res := tx.Exec("UPDATE gap_marks SET at = ? WHERE name = ? AND at = ?", through.UnixMilli(), markCounted, from.UnixMilli())
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 { // another process was faster
			through = from
			return nil
		}
		holes, err = count.keep(tx, moment(s.Now()))
		return err
	})
	if err != nil {
		return from, 0, translate(err, "keep counts of traffic")
	}
	return through, holes, nil
}

// trafficCount is what the events of some time add to the counts.
type trafficCount struct {
	slots  []slotCount
	events []eventCount
	holes  []SequenceHole
}

// slotCount is of the callbacks of five minutes.
type slotCount struct {
	NumberID, Slot, N, FirstID, LastID int64
}

type eventCount struct {
	NumberID, Hour, N, Received, Sent int64
}

// ownTranslatedIn is how long after it was written a callback of the gateway's own is translated at the latest; one that took
// longer counts as the platform's. Without such a bound every callback that is kept would be read.
const ownTranslatedIn = time.Hour

// countEvents reads the events with ids from one to before another. Callbacks of the gateway itself are no sign of life of
// the platform's.
func (s *Store) countEvents(ctx context.Context, from, to int64) (c trafficCount, err error) {
	db := s.db.WithContext(ctx)
	if err = db.Raw(`SELECT d.number_id, ((d.callback_id >> 22) + CAST(? AS bigint)) / CAST(? AS bigint) AS slot, count(*) AS n, min(d.callback_id) AS first_id, max(d.callback_id) AS last_id
		FROM (SELECT DISTINCT number_id, callback_id FROM events WHERE id >= ? AND id < ? AND number_id <> 0 AND callback_id <> 0) AS d
		LEFT JOIN callbacks own ON own.id = d.callback_id AND own.id >= ? AND own.id < ? AND own.app_id = ? WHERE own.id IS NULL GROUP BY 1, 2`,
		idEpoch, slotMS, from, to, FirstID(IDTime(from).Add(-ownTranslatedIn)), to, OwnApp).Scan(&c.slots).Error; err != nil {
		return c, err
	}
	if err = db.Raw(`SELECT number_id, ((id >> 22) + CAST(? AS bigint)) / 3600000 AS hour, count(*) AS n,
		count(CASE WHEN type = 'message.received' THEN 1 END) AS received, count(CASE WHEN type IN ('message.sent', 'ai.replied') THEN 1 END) AS sent
		FROM events WHERE id >= ? AND id < ? AND number_id <> 0 GROUP BY 1, 2`, idEpoch, from, to).Scan(&c.events).Error; err != nil {
		return c, err
	}
	c.holes, err = s.findHoles(ctx, from, to)
	return c, err
}

// keep adds the counts to what is kept, and answers how many holes are new.
func (c trafficCount) keep(tx *gorm.DB, now time.Time) (holes int, err error) {
	const add = `INSERT INTO number_hours (number_id, hour, callbacks, slots, events, received, sent) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (number_id, hour) DO UPDATE SET callbacks = number_hours.callbacks + excluded.callbacks, slots = number_hours.slots | excluded.slots,
		events = number_hours.events + excluded.events, received = number_hours.received + excluded.received, sent = number_hours.sent + excluded.sent`
	for _, v := range c.slots {
		if err := tx.Exec(add, v.NumberID, v.Slot/SlotsPerHour, v.N, 1<<(v.Slot%SlotsPerHour), 0, 0, 0).Error; err != nil {
			return 0, err
		}
		first, last := moment(IDTime(v.FirstID)), moment(IDTime(v.LastID))
		if err := tx.Exec(`INSERT INTO number_pulses (number_id, first_at, last_at) VALUES (?, ?, ?) ON CONFLICT (number_id) DO UPDATE SET
			first_at = CASE WHEN excluded.first_at < number_pulses.first_at THEN excluded.first_at ELSE number_pulses.first_at END,
			last_at = CASE WHEN excluded.last_at > number_pulses.last_at THEN excluded.last_at ELSE number_pulses.last_at END`, v.NumberID, first, last).Error; err != nil {
			return 0, err
		}
	}
	for _, v := range c.events {
		if err := tx.Exec(add, v.NumberID, v.Hour, 0, 0, v.N, v.Received, v.Sent).Error; err != nil {
			return 0, err
		}
	}
	for _, h := range c.holes {
		res := tx.Exec(`INSERT INTO sequence_holes (conversation_id, first_missing, last_missing, number_id, next_event, found_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			h.ConversationID, h.First, h.Last, h.NumberID, h.nextEvent, now)
		if res.Error != nil {
			return 0, res.Error
		}
		holes += int(res.RowsAffected)
	}
	return holes, nil
}

// NumberHours reads the counts of a number's hours from one moment to before another, oldest first. Hours in which nothing
// happened are missing.
func (s *Store) NumberHours(ctx context.Context, numberID int64, from, to time.Time) ([]NumberHour, error) {
	var rows []struct {
		Hour, Callbacks        int64
		Slots                  uint16
		Events, Received, Sent int64
	}
	err := s.db.WithContext(ctx).Raw("SELECT hour, callbacks, slots, events, received, sent FROM number_hours WHERE number_id = ? AND hour >= ? AND hour < ? ORDER BY hour",
		numberID, hourOf(from), hourOf(to)).Scan(&rows).Error
	hours := make([]NumberHour, len(rows))
	for i, r := range rows {
		hours[i] = NumberHour{NumberID: numberID, Hour: time.Unix(r.Hour*3600, 0).UTC(), Callbacks: r.Callbacks, Slots: r.Slots, Events: r.Events, Received: r.Received, Sent: r.Sent}
	}
	return hours, translate(err, fmt.Sprintf("hours of number %d", numberID))
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// SequenceHole is a place in a conversation where events are missing: their numbers were given, and no event has them. That
// never happens, unless the gateway is wrong.
type SequenceHole struct {
	NumberID, ConversationID int64
	First, Last              int64     // the missing numbers
	NextAt                   time.Time // of the event after them
	nextEvent                int64
}

// suspectsAtOnce bounds the conversations that are looked at again.
const suspectsAtOnce = 1000

// findHoles finds the holes that end at an event with an id from one to before another. First it picks the conversations
// whose count does not come out, or that do not go on where they were, then it reads those: two processes may give ids in
// another order than numbers.
func (s *Store) findHoles(ctx context.Context, from, to int64) ([]SequenceHole, error) {
	var suspects []struct {
		ConversationID, NumberID, Lowest, Highest int64
		Prior                                     *int64
	}
	db := s.db.WithContext(ctx)
	err := db.Raw(`SELECT v.* FROM (SELECT w.*, CASE WHEN w.lowest > 1 THEN
			(SELECT e.sequence FROM events e WHERE e.conversation_id = w.conversation_id AND e.conversation_id <> 0 AND e.id < ? ORDER BY e.conversation_id DESC, e.id DESC LIMIT 1) END AS prior
		FROM (SELECT conversation_id, max(number_id) AS number_id, min(sequence) AS lowest, max(sequence) AS highest, count(*) AS n
			FROM events WHERE id >= ? AND id < ? AND conversation_id <> 0 GROUP BY conversation_id) AS w) AS v
		WHERE v.n <> v.highest - v.lowest + 1 OR v.prior <> v.lowest - 1 ORDER BY v.conversation_id LIMIT ?`, from, from, to, suspectsAtOnce).Scan(&suspects).Error
	if err != nil {
		return nil, err
	}
	var holes []SequenceHole
	for _, c := range suspects {
		first := c.Lowest
		if c.Prior != nil {
			first = min(first, *c.Prior)
		}
		var events []numberedEvent
		if err := db.Raw("SELECT id, sequence FROM events WHERE conversation_id = ? AND conversation_id <> 0 AND sequence BETWEEN ? AND ? ORDER BY sequence",
			c.ConversationID, first, c.Highest).Scan(&events).Error; err != nil {
			return nil, err
		}
		for _, h := range holesIn(events) {
			h.NumberID, h.ConversationID = c.NumberID, c.ConversationID
			holes = append(holes, h)
		}
	}
	return holes, nil
}

type numberedEvent struct{ ID, Sequence int64 }

// holesIn are the numbers that are missing between events of one conversation, which are in the order of their numbers.
func holesIn(events []numberedEvent) (holes []SequenceHole) {
	for i := 1; i < len(events); i++ {
		if before, e := events[i-1].Sequence, events[i]; e.Sequence > before+1 {
			holes = append(holes, SequenceHole{First: before + 1, Last: e.Sequence - 1, NextAt: IDTime(e.ID).UTC(), nextEvent: e.ID})
		}
	}
	return holes
}

// SequenceHoles lists the holes of a number's conversations that were found, by the moment of the event after each, newest
// first, at most limit.
func (s *Store) SequenceHoles(ctx context.Context, numberID int64, from, to time.Time, limit int) ([]SequenceHole, error) {
	var rows []struct{ ConversationID, FirstMissing, LastMissing, NextEvent int64 }
	err := s.db.WithContext(ctx).Raw("SELECT conversation_id, first_missing, last_missing, next_event FROM sequence_holes WHERE number_id = ? AND next_event >= ? AND next_event < ? ORDER BY next_event DESC, first_missing LIMIT ?",
		numberID, FirstID(from), FirstID(to), limit).Scan(&rows).Error
	holes := make([]SequenceHole, len(rows))
	for i, r := range rows {
		holes[i] = SequenceHole{NumberID: numberID, ConversationID: r.ConversationID, First: r.FirstMissing, Last: r.LastMissing, NextAt: IDTime(r.NextEvent).UTC(), nextEvent: r.NextEvent}
	}
	return slices.Clip(holes), translate(err, fmt.Sprintf("holes in the sequences of number %d", numberID))
}
