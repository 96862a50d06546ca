package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// OrderFilter narrows a list of orders. The zero value of a field does not narrow.
type OrderFilter struct {
	Status string
	// Contact is whose orders are listed, those of who was merged into the contact too.
	Contact  int64
	From, To time.Time // when they were made, To excluded
	// Before is the cursor: only orders with a smaller id.
	Before int64
	Limit  int // 0 means 50, at most 200
}

// ListOrders lists a business's orders, newest first.
func (s *Store) ListOrders(ctx context.Context, businessID int64, f OrderFilter) ([]Order, error) {
	q := s.page(ctx, businessID, f.Before, f.Limit)
	if f.Status != "" {
		q = q.Where("status = ?", printable(f.Status))
	}
	if f.Contact != 0 {
		q = q.Where("conversation_id IN (SELECT v.id FROM conversations v JOIN contacts c ON c.id = v.contact_id WHERE c.id = ? OR c.merged_into = ?)", f.Contact, f.Contact)
	}
	if !f.From.IsZero() {
		q = q.Where("created_at >= ?", moment(f.From))
	}
	if !f.To.IsZero() {
		q = q.Where("created_at < ?", moment(f.To))
	}
	var orders []Order
	return orders, translate(q.Find(&orders).Error, "list orders")
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
