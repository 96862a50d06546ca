package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// ListOrders lists a business's orders, newest first: those with an id smaller than before (0: all), at most limit (0
// means 50, at most 200).
func (s *Store) ListOrders(ctx context.Context, businessID, before int64, limit int) ([]Order, error) {
	var orders []Order
	return orders, translate(s.page(ctx, businessID, before, limit).Find(&orders).Error, "list orders")
}

// OrderByID reads a business's order.
func (s *Store) OrderByID(ctx context.Context, businessID, id int64) (Order, error) {
	var o Order
	return o, translate(s.db.WithContext(ctx).Where("business_id = ?", businessID).First(&o, id).Error, fmt.Sprintf("order %d", id))
}

// ListBroadcasts lists a business's broadcasts, newest first: those with an id smaller than before (0: all), at most
// limit (0 means 50, at most 200).
func (s *Store) ListBroadcasts(ctx context.Context, businessID, before int64, limit int) ([]Broadcast, error) {
	var broadcasts []Broadcast
	return broadcasts, translate(s.page(ctx, businessID, before, limit).Find(&broadcasts).Error, "list broadcasts")
}

// BroadcastByID reads a business's broadcast.
func (s *Store) BroadcastByID(ctx context.Context, businessID, id int64) (Broadcast, error) {
	var b Broadcast
	return b, translate(s.db.WithContext(ctx).Where("business_id = ?", businessID).First(&b, id).Error, fmt.Sprintf("broadcast %d", id))
}

// page asks for a business's rows, newest first.
func (s *Store) page(ctx context.Context, businessID, before int64, limit int) *gorm.DB {
	q := s.db.WithContext(ctx).Where("business_id = ?", businessID).Order("id DESC").Limit(pageLimit(limit))
	if before > 0 {
		q = q.Where("id < ?", before)
	}
	return q
}
