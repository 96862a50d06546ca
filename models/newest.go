package models

import "context"

// NewestEvents reads the last n events of a business, the newest first.
func (s *Store) NewestEvents(ctx context.Context, businessID int64, n int) ([]Event, error) {
	order := "xid DESC, id DESC" // as the index of the feed has them
	if s.embedded {
		order = "id DESC"
	}
	var found []Event
	for _, part := range s.newestFirst(0, s.nextID(), true) {
		var rows []eventRow
		if err := s.db.WithContext(ctx).Raw("SELECT "+eventColumns+" FROM events WHERE business_id = ?"+part.on("id")+" ORDER BY "+order+" LIMIT ?", businessID, n-len(found)).
			Scan(&rows).Error; err != nil {
			return nil, translate(err, "newest events")
		}
		for _, r := range rows {
			found = append(found, r.event())
		}
		if len(found) == n {
			break
		}
	}
	return found, nil
}
