package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Pulse is when the first and the last callback came for a number that is connected.
type Pulse struct {
	NumberID        int64
	FirstAt, LastAt time.Time
}

// Quiet lists the numbers whose last callback came between two moments and that are not silent already.
func (s *Store) Quiet(ctx context.Context, from, to time.Time) ([]Pulse, error) {
	var ps []Pulse
	err := s.db.WithContext(ctx).Raw(`SELECT p.number_id, p.first_at, p.last_at FROM number_pulses p JOIN numbers n ON n.id = p.number_id
		WHERE p.last_at >= ? AND p.last_at < ? AND NOT EXISTS (SELECT 1 FROM silences s WHERE s.number_id = p.number_id AND s.until IS NULL) ORDER BY p.number_id`,
		moment(from), moment(to)).Scan(&ps).Error
	for i := range ps {
		ps[i].FirstAt, ps[i].LastAt = ps[i].FirstAt.UTC(), ps[i].LastAt.UTC()
	}
	return ps, translate(err, "list quiet numbers")
}

// Pulses are those of a business's numbers, by number; one that nothing was counted for is missing. SilentSince says for those
// that are silent now what Silence.Since does.
func (s *Store) Pulses(ctx context.Context, businessID int64) (pulses map[int64]Pulse, silentSince map[int64]time.Time, err error) {
	var rows []struct {
		NumberID        int64
		FirstAt, LastAt time.Time
		Since           *time.Time
	}
	err = s.db.WithContext(ctx).Raw(`SELECT p.number_id, p.first_at, p.last_at, s.since FROM numbers n JOIN number_pulses p ON p.number_id = n.id
		LEFT JOIN silences s ON s.number_id = p.number_id AND s.until IS NULL WHERE n.business_id = ?`, businessID).Scan(&rows).Error
	pulses, silentSince = make(map[int64]Pulse, len(rows)), map[int64]time.Time{}
	for _, r := range rows {
		pulses[r.NumberID] = Pulse{NumberID: r.NumberID, FirstAt: r.FirstAt.UTC(), LastAt: r.LastAt.UTC()}
		if r.Since != nil {
			silentSince[r.NumberID] = r.Since.UTC()
		}
	}
	return pulses, silentSince, translate(err, "pulses of numbers")
}

// Silence is a time in which nothing came for a number although it should have.
type Silence struct {
	NumberID int64
	Since    time.Time // the last callback before it
	FoundAt  time.Time // when it was told of
	Until    time.Time // the last callback that was counted when it was seen to be over; zero: it goes on
}

// BeginSilence notes that a number is silent since its last callback. Noting it again changes nothing.
func (s *Store) BeginSilence(ctx context.Context, numberID int64, since, foundAt time.Time) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		return db.Exec("INSERT INTO silences (number_id, since, found_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", numberID, moment(since), moment(foundAt)).Error
	}), fmt.Sprintf("silence of number %d", numberID))
}

// EndSilences ends those of numbers for which callbacks have come since, as far as those are counted, and answers which go
// on.
func (s *Store) EndSilences(ctx context.Context) (open []Silence, err error) {
	err = s.write(ctx, func(db *gorm.DB) error {
		return db.Exec(`UPDATE silences SET until = (SELECT p.last_at FROM number_pulses p WHERE p.number_id = silences.number_id)
			WHERE until IS NULL AND EXISTS (SELECT 1 FROM number_pulses p WHERE p.number_id = silences.number_id AND p.last_at > silences.since)`).Error
	})
	if err == nil {
		open, err = s.silences(ctx, "until IS NULL")
	}
	return open, translate(err, "end silences")
}

// Silences lists those of a number that touch the time from one moment to before another, oldest first.
func (s *Store) Silences(ctx context.Context, numberID int64, from, to time.Time) ([]Silence, error) {
	found, err := s.silences(ctx, "number_id = ? AND since < ? AND (until IS NULL OR until >= ?)", numberID, moment(to), moment(from))
	return found, translate(err, fmt.Sprintf("silences of number %d", numberID))
}

func (s *Store) silences(ctx context.Context, where string, args ...any) ([]Silence, error) {
	var rows []struct {
		NumberID       int64
		Since, FoundAt time.Time
		Until          *time.Time
	}
	err := s.db.WithContext(ctx).Table("silences").Where(where, args...).Order("number_id, since").Scan(&rows).Error
	found := make([]Silence, len(rows))
	for i, r := range rows {
		found[i] = Silence{NumberID: r.NumberID, Since: r.Since.UTC(), FoundAt: r.FoundAt.UTC(), Until: timeOrZero(r.Until).UTC()}
	}
	return found, err
}

// UntranslatedSince is when the oldest group of callbacks that waits to be translated was due; zero: none waits.
func (s *Store) UntranslatedSince(ctx context.Context) (time.Time, error) {
	var oldest int64
	err := s.db.WithContext(ctx).Raw("SELECT coalesce(min(due_at), 0) FROM outbox WHERE kind = ?", TranslateCallbacks).Scan(&oldest).Error
	if err != nil || oldest == 0 {
		return time.Time{}, translate(err, "oldest untranslated callbacks")
	}
	return time.UnixMilli(oldest).UTC(), nil
}

// ParkedNumber is what is kept for a number that nobody has connected.
type ParkedNumber struct {
	// PhoneNumberID is the platform's; ParkedForWABA of an account, or empty for what names no number.
	PhoneNumberID  string
	Callbacks      int64
	Oldest, Newest time.Time // when they came
}

// ParkedNumbers counts the callbacks kept for each number that nobody has connected, by phone number id after the given one,
// at most limit.
func (s *Store) ParkedNumbers(ctx context.Context, after string, limit int) ([]ParkedNumber, error) {
	// What names no number stands before every name.
	where, args := "phone_number_id > ?", []any{after, limit}
	if after == "" {
		where = "phone_number_id >= ?"
	}
	return s.parked(ctx, "WHERE "+where+" GROUP BY phone_number_id ORDER BY phone_number_id LIMIT ?", args...)
}

// ParkedFor counts those of one.
func (s *Store) ParkedFor(ctx context.Context, phoneNumberID string) (ParkedNumber, error) {
	found, err := s.parked(ctx, "WHERE phone_number_id = ? GROUP BY phone_number_id", keyText(phoneNumberID))
	if err != nil || len(found) == 0 {
		return ParkedNumber{PhoneNumberID: phoneNumberID}, err
	}
	return found[0], nil
}

func (s *Store) parked(ctx context.Context, rest string, args ...any) ([]ParkedNumber, error) {
	var rows []struct {
		PhoneNumberID string
		N, Low, High  int64
	}
	err := s.db.WithContext(ctx).Raw("SELECT phone_number_id, count(*) AS n, min(callback_id) AS low, max(callback_id) AS high FROM parked "+rest, args...).Scan(&rows).Error
	found := make([]ParkedNumber, len(rows))
	for i, r := range rows {
		found[i] = ParkedNumber{PhoneNumberID: r.PhoneNumberID, Callbacks: r.N, Oldest: IDTime(r.Low).UTC(), Newest: IDTime(r.High).UTC()}
	}
	return found, translate(err, "count parked callbacks")
}

// CountParked counts all of them, and says when the oldest came; zero: there are none.
func (s *Store) CountParked(ctx context.Context) (n int64, oldest time.Time, err error) {
	var r struct{ N, Low int64 }
	err = s.db.WithContext(ctx).Raw("SELECT count(*) AS n, coalesce(min(callback_id), 0) AS low FROM parked").Scan(&r).Error
	if r.N > 0 {
		oldest = IDTime(r.Low).UTC()
	}
	return r.N, oldest, translate(err, "count parked callbacks")
}
