package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// FormFilter narrows a list of what customers answered to forms. The zero value of a field does not narrow.
type FormFilter struct {
	From, To time.Time // of the event, To excluded
	// Before is the cursor: only events with a smaller id.
	Before int64
	Limit  int // 0 means 50, at most 200
}

// Forms lists a business's events of the type form.submitted, newest first. What was erased is among them, without its data.
// What it costs grows with the page and not with the history.
func (s *Store) Forms(ctx context.Context, businessID int64, f FormFilter) ([]Event, error) {
	limit, first, last := pageLimit(f.Limit), FirstID(f.From), s.nextID()
	if !f.To.IsZero() {
		last = min(last, FirstID(f.To)-1)
	}
	if f.Before > 0 {
		last = min(last, f.Before-1)
	}
	// The type stands in the text: an index that has only such events is used where the condition is known beforehand.
	q := s.db.WithContext(ctx).Where("business_id = ? AND type = 'form.submitted' AND id >= ?", businessID, first)
	newest := f.To.IsZero() && f.Before == 0
	if !newest {
		q = q.Where("id <= ?", last)
	}
	var found []Event
	for _, part := range s.newestFirst(first, last, newest) {
		some, err := scanEvents(q.Session(&gorm.Session{}).Where("1 = 1" + part.on("id")).Order("id DESC").Limit(limit - len(found)))
		if err != nil {
			return nil, err
		}
		if found = append(found, some...); len(found) == limit {
			break
		}
	}
	return found, nil
}
