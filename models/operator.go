package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// OperationsRole is what somebody may do to the gateway as a whole, whatever their role in their business.
type OperationsRole string

// The roles of operations.
const (
	NoOperations OperationsRole = ""         // theirs is their business
	Viewer       OperationsRole = "viewer"   // sees everything that is not secret, and changes nothing
	Operator     OperationsRole = "operator" // changes too, and reveals
)

// Operations is what the user may do to the gateway as a whole.
func (u User) Operations() OperationsRole {
	switch {
	case u.IsOperator:
		return Operator
	case u.IsViewer:
		return Viewer
	}
	return NoOperations
}

// SetOperations gives the user of an address another role in operations, and returns them as they were before.
// ErrLastOperator when nobody would be left to operate.
func (s *Store) SetOperations(ctx context.Context, email string, role OperationsRole) (User, error) {
	if role != NoOperations && role != Viewer && role != Operator {
		return User{}, fmt.Errorf("%q is no role of operations: there are %s and %s", role, Operator, Viewer)
	}
	var before User
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		if !s.embedded { // so that two who are the last do not both cease
			if err := tx.Exec("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").Error; err != nil {
				return err
			}
		}
		before = User{}
		if err := tx.Where("email = ?", address(email)).First(&before).Error; err != nil {
			return err
		}
		if before.IsOperator && role != Operator {
			if err := another(tx, ErrLastOperator, "is_operator = ? AND id <> ?", true, before.ID); err != nil {
				return err
			}
		}
		return tx.Model(&User{}).Where("id = ?", before.ID).Updates(map[string]any{"is_operator": role == Operator, "is_viewer": role == Viewer}).Error
	})
	return before, translate(err, "role of "+email+" in operations")
}

// OperationsAudit lists what was done to the gateway as a whole, and by operators to businesses, newest first.
func (s *Store) OperationsAudit(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	q := s.db.WithContext(ctx).Where("(actor_kind = 'operator' OR business_id = 0)").Order("id DESC").Limit(pageLimit(f.Limit))
	if f.Before > 0 {
		q = q.Where("id < ?", f.Before)
	}
	return s.auditWhere(q, f, "audit log of operations")
}
