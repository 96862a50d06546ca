package models

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// CountFilter chooses what is counted of a business: whole hours (UTC), all that have a part between two moments, To
// excluded.
type CountFilter struct {
	BusinessID int64
	WebhookID  int64     // 0: all, those that are gone too
	From, To   time.Time // zero: from the first, to the last
}

// Counts counts by hour, or by whatever whole hours step is (counted from 1970, so that 24 are a day in UTC), by the
// moment at which each begins. Those in which nothing happened are missing. It reads counters, which are kept for
// CountsKept and outlive what they count; how many deliveries there are makes no difference.
func (s *Store) Counts(ctx context.Context, f CountFilter, step time.Duration) (map[time.Time]Count, error) {
	if step <= 0 || step%time.Hour != 0 {
		return nil, fmt.Errorf("counts by %v: it has to be whole hours", step)
	}
	var counts map[int64]Count
	count := func(db *gorm.DB) (err error) {
		counts, err = s.countedIn(db, f, int64(step/time.Hour))
		return err
	}
	var err error
	if s.embedded {
		err = count(s.db.WithContext(ctx))
	} else { // the hours and what is not added to them yet as of one moment
		err = s.db.WithContext(ctx).Transaction(count, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	}
	byTime := make(map[time.Time]Count, len(counts))
	for place, c := range counts {
		byTime[time.Unix(place*int64(step/time.Second), 0).UTC()] = c
	}
	return byTime, translate(err, "counts")
}

// countedIn counts by so many hours.
func (s *Store) countedIn(db *gorm.DB, f CountFilter, hours int64) (map[int64]Count, error) {
	first, end := int64(0), hourOf(lastMoment)
	if !f.From.IsZero() {
		first = hourOf(f.From)
	}
	if !f.To.IsZero() {
		end = hourOf(f.To.Add(time.Hour - 1))
	}
	where, args := "business_id = ? AND hour >= ? AND hour < ?", []any{f.BusinessID, first, end}
	if f.WebhookID != 0 {
		where, args = where+" AND webhook_id = ?", append(args, f.WebhookID)
	}
	rows, err := db.Raw(fmt.Sprintf("SELECT hour / %d, sum(%s), coalesce(min(CASE WHEN attempts > 0 THEN least_us END), 0), max(most_us) FROM delivery_hours WHERE %s GROUP BY 1",
		hours, strings.Join(countColumns, "), sum("), where), args...).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	counts := map[int64]Count{}
	values := make([]int64, 1+len(countColumns)+2)
	dest := make([]any, len(values))
	for i := range values {
		dest[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		counts[values[0]] = countOf(values[1:])
	}
	if err := rows.Err(); err != nil || s.embedded {
		return counts, err
	}
	book, err := s.slipsOf(db, f)
	for k, c := range book {
		if k.hour >= first && k.hour < end {
			sum := counts[k.hour/hours]
			sum.Add(*c)
			counts[k.hour/hours] = sum
		}
	}
	return counts, err
}

// slipsOf is what is not added to the hours yet of a business, or of one of its webhooks.
func (s *Store) slipsOf(db *gorm.DB, f CountFilter) (countBook, error) {
	var slips []countSlip
	var own []int64
	if err := db.Raw("SELECT hour, counts, made, ended, tried FROM count_slips").Scan(&slips).Error; err != nil || len(slips) == 0 {
		return nil, err
	}
	if err := db.Raw("SELECT id FROM webhooks WHERE business_id = ?", f.BusinessID).Scan(&own).Error; err != nil {
		return nil, err
	}
	all, err := openSlips(slips)
	if err != nil {
		return nil, err
	}
	book := countBook{}
	for _, id := range own {
		for k, c := range all {
			if k.webhook == id && (f.WebhookID == 0 || id == f.WebhookID) {
				book[k] = c
			}
		}
	}
	return book, nil
}
