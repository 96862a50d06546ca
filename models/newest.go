package models

import "context"

// NewestEvents reads the last events of a business, newest first, at most limit (0 means 50, at most 200). What it costs
// does not grow with the history.
func (s *Store) NewestEvents(ctx context.Context, businessID int64, limit int) ([]Event, error) {
	q := s.db.WithContext(ctx).Where("business_id = ?", businessID).Limit(pageLimit(limit))
	if s.embedded {
		return scanEvents(q.Order("id DESC"))
	}
	return scanEvents(q.Order("xid DESC, id DESC")) // in the order of the feed, which has an index
}
