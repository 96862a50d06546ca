package models

import (
	"context"
	"crypto/rand"
	"encoding/base64"

	"gorm.io/gorm"
)

// linkKey is the one key that there is: links have to work for as long as the files that they lead to.
const linkKey = 1

// LinkKey is the key that links to media are signed with, the same for all processes. The first call makes it.
func (s *Store) LinkKey(ctx context.Context) (Secret, error) {
	var sealed []byte
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		sealed = nil
		read := func() error { return tx.Raw("SELECT sealed FROM link_keys WHERE id = ?", linkKey).Row().Scan(&sealed) }
		if read() == nil {
			return nil
		}
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		var b [32]byte
		_, _ = rand.Read(b[:]) // never fails
		fresh := with.Seal(Secret(base64.RawURLEncoding.EncodeToString(b[:])), linkKeyPurpose)
		if err := tx.Exec("INSERT INTO link_keys (id, sealed) VALUES (?, ?) ON CONFLICT DO NOTHING", linkKey, fresh).Error; err != nil {
			return err
		}
		return read() // which may be another process's
	})
	if err != nil {
		return "", translate(err, "read the key of links")
	}
	return s.ring.Open(sealed, linkKeyPurpose)
}
