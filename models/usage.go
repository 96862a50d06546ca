package models

import (
	"context"
	"time"
)

// DayUse is what a business used in one day (UTC).
type DayUse struct {
	Day time.Time // its beginning
	// Deliveries and Attempts are of all webhooks, those that are gone too: those made, and the requests.
	Deliveries, Attempts int64
	// Numbers has the traffic of numbers that had any, by id.
	Numbers map[int64]NumberUse
}

// NumberUse is the traffic of a number: callbacks that told something new, the events that were made of them, and of these
// the messages that customers sent and those that they were sent.
type NumberUse struct{ Callbacks, Events, Received, Sent int64 }

// Add counts others too.
func (u *NumberUse) Add(o NumberUse) {
	u.Callbacks, u.Events, u.Received, u.Sent = u.Callbacks+o.Callbacks, u.Events+o.Events, u.Received+o.Received, u.Sent+o.Sent
}

// Traffic is the sum over the numbers.
func (d DayUse) Traffic() (sum NumberUse) {
	for _, u := range d.Numbers {
		sum.Add(u)
	}
	return sum
}

// Usage counts what a business used from one day to before another, oldest first; days without any use are missing.
// through is up to when its traffic is counted, which is some minutes ago; zero: not at all yet.
func (s *Store) Usage(ctx context.Context, businessID int64, from, to time.Time) (days []DayUse, through time.Time, err error) {
	from, to = from.UTC().Truncate(24*time.Hour), to.UTC().Truncate(24*time.Hour)
	if through, err = s.Mark(ctx, markCounted); err != nil {
		return nil, through, err
	}
	counts, err := s.Counts(ctx, CountFilter{BusinessID: businessID, From: from, To: to}, 24*time.Hour)
	if err != nil {
		return nil, through, err
	}
	var rows []struct{ Day, NumberID, Callbacks, Events, Received, Sent int64 }
	if err := s.db.WithContext(ctx).Raw(`SELECT h.hour / 24 AS day, h.number_id, sum(h.callbacks) AS callbacks, sum(h.events) AS events, sum(h.received) AS received, sum(h.sent) AS sent
		FROM numbers n JOIN number_hours h ON h.number_id = n.id WHERE n.business_id = ? AND h.hour >= ? AND h.hour < ? GROUP BY 1, 2`,
		businessID, hourOf(from), hourOf(to)).Scan(&rows).Error; err != nil {
		return nil, through, translate(err, "usage")
	}
	numbers := map[time.Time]map[int64]NumberUse{}
	for _, r := range rows {
		day := time.Unix(r.Day*24*3600, 0).UTC()
		if numbers[day] == nil {
			numbers[day] = map[int64]NumberUse{}
		}
		numbers[day][r.NumberID] = NumberUse{Callbacks: r.Callbacks, Events: r.Events, Received: r.Received, Sent: r.Sent}
	}
	for day := from; day.Before(to); day = day.Add(24 * time.Hour) {
		c, counted := counts[day]
		if counted || numbers[day] != nil {
			days = append(days, DayUse{Day: day, Deliveries: c.Made, Attempts: c.Attempts(), Numbers: numbers[day]})
		}
	}
	return days, through, nil
}
