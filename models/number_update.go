package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// UpdateNumber keeps what is now known of a business's number: Display, WABAID and Name, each unless it is empty. Callbacks
// that were kept for its account are handed to the workers, as CreateNumber does. ErrNotFound when it is not the business's.
func (s *Store) UpdateNumber(ctx context.Context, n Number) error {
	known := numberRow{Display: printable(n.Display), WABAID: printable(n.WABAID), Name: printable(n.Name)}
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		if err := raiseRoutes(tx); err != nil { // first, see CreateNumber
			return err
		}
		var before numberRow
		if err := tx.Where("id = ? AND business_id = ?", n.ID, n.BusinessID).First(&before).Error; err != nil {
			return err
		}
		if err := tx.Model(&before).Updates(known).Error; err != nil { // leaves out what is empty
			return err
		}
		if known.WABAID == "" {
			return nil
		}
		return s.unpark(tx, []string{keyText(ParkedForWABA(known.WABAID))})
	}), fmt.Sprintf("number %d", n.ID))
}
