package models

import "gorm.io/gorm"

// DB lets tests look behind the Store.
func (s *Store) DB() *gorm.DB { return s.db }

// Transact, EnterLanes and LineUp are what the Store's own transactions put deliveries under way with.
func (s *Store) Transact(fn func(tx *gorm.DB) error) error { return s.db.Transaction(fn) }

func (s *Store) EnterLanes(tx *gorm.DB, refs []LaneRef, work []int64) ([]bool, error) {
	return s.enterLanes(tx, refs, work)
}

func (s *Store) LineUp(tx *gorm.DB, webhookID int64, events []int64) error {
	return s.lineUp(tx, webhookID, events)
}
