package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// What secrets are sealed for. A sealed secret opens for its own purpose only.
const (
	verifyTokenPurpose    = "app verify token"
	appSecretPurpose      = "app secret"
	onpremPurpose         = "on-premises token"
	webhookSecretPurpose  = "webhook secret"
	webhookHeadersPurpose = "webhook headers"
	previousSecretPurpose = "webhook previous secret"
	webhookAuthPurpose    = "webhook auth"
	upstreamTokenPurpose  = "upstream token"
	linkKeyPurpose        = "link key"
	replyKeyPurpose       = "reply key"
)

// sealedColumn holds secrets, in a table whose id is a number.
type sealedColumn struct{ table, id, column, purpose string }

// sealedColumns are all there are.
var sealedColumns = [...]sealedColumn{
	{"apps", "id", "verify_token", verifyTokenPurpose},
	{"app_secrets", "id", "sealed", appSecretPurpose},
	{"numbers", "id", "onprem_token", onpremPurpose},
	{"webhooks", "id", "secret", webhookSecretPurpose},
	{"webhooks", "id", "previous_secret", previousSecretPurpose},
	{"webhooks", "id", "headers", webhookHeadersPurpose},
	{"webhooks", "id", "auth", webhookAuthPurpose},
	{"upstreams", "number_id", "token", upstreamTokenPurpose},
	{"link_keys", "id", "sealed", linkKeyPurpose},
	{"replies", "number_id", "secret", replyKeyPurpose},
}

// KeyRotation is what RotateKeys did, or has done so far.
type KeyRotation struct {
	// Key is the number of the new data key. Resumed says that an earlier rotation had made it and was not finished.
	Key     int
	Resumed bool
	// Resealed is the number of secrets sealed anew, Total how many there were to seal when it began.
	Resealed, Total int64
	// Removed is the number of old keys that are gone; 0 until the end.
	Removed int
}

// resealAtOnce is how many secrets one transaction seals anew.
const resealAtOnce = 200

// passesPerRotation bounds how often RotateKeys looks for secrets that were written while it worked. One more is enough in
// practice: whoever seals after the new key is there seals with it.
const passesPerRotation = 10

// RotateKeys makes a new data key, seals every secret with it and removes the older keys, while other processes go on. It
// may be stopped at any point: the next call finishes what it finds begun, and so do two calls at once. progress, if not
// nil, hears of every transaction.
func (s *Store) RotateKeys(ctx context.Context, progress func(KeyRotation)) (KeyRotation, error) {
	r, err := s.beginRotation(ctx)
	if err != nil {
		return r, err
	}
	if progress == nil {
		progress = func(KeyRotation) {}
	}
	for _, c := range sealedColumns {
		n, err := s.toReseal(ctx, c, byte(r.Key))
		if err != nil {
			return r, err
		}
		r.Total += n
	}
	for range passesPerRotation {
		for _, c := range sealedColumns {
			if err := s.resealColumn(ctx, c, func(n int64) { r.Resealed += n; progress(r) }); err != nil {
				return r, err
			}
		}
		removed, done, err := s.removeOldKeys(ctx)
		if err != nil {
			return r, err
		}
		if done {
			r.Removed = removed
			return r, nil
		}
	}
	return r, errors.New("rotate keys: secrets are still being written with the old key; nothing is lost, run it again")
}

// beginRotation makes the new key, unless one is there whose rotation was not finished.
func (s *Store) beginRotation(ctx context.Context) (r KeyRotation, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		rows, err := s.holdKeys(tx, "UPDATE") // so that of two calls at once the second joins the first
		if err != nil {
			return err
		}
		newest := newestKey(rows)
		if r.Resumed = len(rows) > 1; !r.Resumed {
			if newest, err = newKey(tx, s.ring.masters, rows); err != nil {
				return err
			}
		}
		r.Key = int(newest.ID)
		return nil
	})
	if errors.Is(err, gorm.ErrDuplicatedKey) { // the other call was faster
		return s.beginRotation(ctx)
	}
	return r, translate(err, "make a data key")
}

// toReseal counts a column's secrets that another key than the given sealed.
func (s *Store) toReseal(ctx context.Context, c sealedColumn, key byte) (n int64, err error) {
	q := fmt.Sprintf("SELECT count(*) FROM %s WHERE substr(%s, 1, 1) <> ?", c.table, c.column)
	return n, translate(s.db.WithContext(ctx).Raw(q, []byte{key}).Scan(&n).Error, "count secrets in "+c.table)
}

// resealColumn seals a column's secrets with the newest key, some hundred at a time. What somebody changes meanwhile stays
// as he wrote it.
func (s *Store) resealColumn(ctx context.Context, c sealedColumn, resealed func(n int64)) error {
	find := fmt.Sprintf("SELECT %[1]s AS id, %[2]s AS sealed FROM %[3]s WHERE %[1]s > ? AND substr(%[2]s, 1, 1) <> ? ORDER BY %[1]s LIMIT ?", c.id, c.column, c.table)
	replace := fmt.Sprintf("UPDATE %[3]s SET %[2]s = ? WHERE %[1]s = ? AND %[2]s = ?", c.id, c.column, c.table)
	for after, more := int64(0), true; more; {
		var rows []struct {
			ID     int64
			Sealed []byte
		}
		var n int64
		err := s.inTx(ctx, func(tx *gorm.DB) error {
			rows, n = nil, 0
			with, err := s.sealer(tx)
			if err != nil {
				return err
			}
			if err := tx.Raw(find, after, []byte{with.id}, resealAtOnce).Scan(&rows).Error; err != nil {
				return err
			}
			for _, row := range rows {
				secret, err := s.ring.Open(row.Sealed, c.purpose)
				if err != nil {
					return fmt.Errorf("row %d: %w", row.ID, err)
				}
				res := tx.Exec(replace, with.Seal(secret, c.purpose), row.ID, row.Sealed)
				if res.Error != nil {
					return res.Error
				}
				n += res.RowsAffected
			}
			return nil
		})
		if err != nil {
			return translate(err, fmt.Sprintf("seal %s of %s anew", c.column, c.table))
		}
		if more = len(rows) == resealAtOnce; len(rows) > 0 {
			after = rows[len(rows)-1].ID
			resealed(n)
		}
	}
	return nil
}

// removeOldKeys leaves the newest key alone, unless something is sealed with another still. It waits for everybody who is
// sealing, and whoever comes later finds the newest.
func (s *Store) removeOldKeys(ctx context.Context) (removed int, done bool, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		removed, done = 0, false
		rows, err := s.holdKeys(tx, "UPDATE")
		if err != nil {
			return err
		}
		newest := newestKey(rows)
		for _, c := range sealedColumns {
			var left bool
			q := fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE substr(%s, 1, 1) <> ?)", c.table, c.column)
			if err := tx.Raw(q, []byte{byte(newest.ID)}).Scan(&left).Error; err != nil || left {
				return err
			}
		}
		for _, row := range rows { // and no other: a rotation that begins now has made its key by now
			if row.ID == newest.ID {
				continue
			}
			if err := tx.Where("id = ?", row.ID).Delete(&keyRow{}).Error; err != nil {
				return err
			}
			removed++
		}
		done = true
		return nil
	})
	return removed, done, translate(err, "remove old data keys")
}
