package models

import "gorm.io/gorm"

// DB lets tests look behind the Store.
func (s *Store) DB() *gorm.DB { return s.db }
