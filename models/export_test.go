package models

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/gorm"
)

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

// SealedColumns are the columns of secrets, as table.column.
func SealedColumns() (names []string) {
	for _, c := range sealedColumns {
		names = append(names, c.table+"."+c.column)
	}
	return names
}

// AddAppSecretSlowly adds a secret to the app with id 1, with a pause between sealing and writing.
func (s *Store) AddAppSecretSlowly(ctx context.Context, secret Secret, pause func()) error {
	return s.inTx(ctx, func(tx *gorm.DB) error {
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		pause()
		return addAppSecret(tx, with, 1, secret)
	})
}

// HotPool is the connections of the hot statements, which PostgreSQL alone has.
func (s *Store) HotPool() *pgxpool.Pool { return s.hot.(*postgresEngine).pool }

// SendsUnderway and SendsUndecided are the conditions by which messages are swept, but for their moment.
const (
	SendsUnderway  = sendsUnderway
	SendsUndecided = sendsUndecided
)
