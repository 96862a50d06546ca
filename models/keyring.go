package models

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
	"gorm.io/gorm"
)

// keyRow is one data key. Secrets are sealed with a data key; the data key is wrapped with the operator's master key,
// so that changing the master key rewrites one row and not every secret.
type keyRow struct {
	ID        int16 `gorm:"primaryKey"`
	Wrapped   []byte
	IsWrapped bool // false: no master key was given yet and Wrapped is the data key itself
	CreatedAt time.Time
}

func (keyRow) TableName() string { return "keyring" }

// keyring seals and opens secrets with XChaCha20-Poly1305. A sealed secret is the key's number (one byte), a 24-byte
// nonce and the ciphertext, bound to its purpose.
type keyring struct {
	current byte
	keys    map[byte]cipher.AEAD
}

// keyringState says whether the data keys were protected by a master key when the ring was opened.
type keyringState struct{ wrapped bool }

// openKeyring reads the data keys, makes the first one, and wraps keys that were kept bare as soon as a master key is
// given. An empty master key leaves a new key bare.
func openKeyring(ctx context.Context, db *gorm.DB, master Secret) (*keyring, keyringState, error) {
	var rows []keyRow
	if err := db.WithContext(ctx).Order("id").Find(&rows).Error; err != nil {
		return nil, keyringState{}, fmt.Errorf("read keyring: %w", err)
	}
	var wrap cipher.AEAD
	if master != "" {
		sum := sha256.Sum256([]byte("wabagate master key\x00" + master.Text()))
		wrap, _ = chacha20poly1305.NewX(sum[:]) // only fails on a wrong key length
	}
	if len(rows) == 0 {
		row := keyRow{ID: 1, Wrapped: make([]byte, chacha20poly1305.KeySize), CreatedAt: time.Now().UTC()}
		if _, err := rand.Read(row.Wrapped); err != nil {
			return nil, keyringState{}, err
		}
		plain := row.Wrapped
		if wrap != nil {
			row.Wrapped, row.IsWrapped = seal(wrap, plain, "keyring"), true
		}
		err := db.WithContext(ctx).Create(&row).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) { // another process was first
			return openKeyring(ctx, db, master)
		}
		if err != nil {
			return nil, keyringState{}, fmt.Errorf("create data key: %w", err)
		}
		rows = []keyRow{row}
	}
	ring := &keyring{keys: map[byte]cipher.AEAD{}}
	for _, row := range rows {
		plain := row.Wrapped
		switch {
		case row.IsWrapped && wrap == nil:
			return nil, keyringState{}, errors.New("secrets in this database are protected: set WABAGATE_MASTER_KEY to the key they were protected with")
		case row.IsWrapped:
			var err error
			if plain, err = open(wrap, row.Wrapped, "keyring"); err != nil {
				return nil, keyringState{}, errors.New("WABAGATE_MASTER_KEY is not the key that the secrets in this database were protected with")
			}
		case wrap != nil:
			up := db.WithContext(ctx).Model(&keyRow{}).Where("id = ? AND is_wrapped = ?", row.ID, false).
				Updates(map[string]any{"wrapped": seal(wrap, plain, "keyring"), "is_wrapped": true})
			if up.Error != nil {
				return nil, keyringState{}, fmt.Errorf("wrap data key: %w", up.Error)
			}
			if up.RowsAffected == 0 { // another process was first, perhaps with another master key
				return openKeyring(ctx, db, master)
			}
		}
		aead, err := chacha20poly1305.NewX(plain)
		if err != nil {
			return nil, keyringState{}, fmt.Errorf("data key %d: %w", row.ID, err)
		}
		ring.keys[byte(row.ID)], ring.current = aead, byte(row.ID)
	}
	return ring, keyringState{wrapped: wrap != nil}, nil
}

// Seal encrypts a secret for one purpose; the empty secret seals to nil.
func (k *keyring) Seal(s Secret, purpose string) []byte {
	if s == "" {
		return nil
	}
	return append([]byte{k.current}, seal(k.keys[k.current], []byte(s.Text()), purpose)...)
}

// Open decrypts what Seal made for the same purpose; nil opens to the empty secret.
func (k *keyring) Open(sealed []byte, purpose string) (Secret, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	aead, ok := k.keys[sealed[0]]
	if !ok {
		return "", fmt.Errorf("open %s: data key %d is unknown", purpose, sealed[0])
	}
	plain, err := open(aead, sealed[1:], purpose)
	return Secret(plain), err
}

func seal(aead cipher.AEAD, plain []byte, purpose string) []byte {
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return aead.Seal(nonce, nonce, plain, []byte(purpose))
}

func open(aead cipher.AEAD, sealed []byte, purpose string) ([]byte, error) {
	n := aead.NonceSize()
	if len(sealed) < n {
		return nil, fmt.Errorf("open %s: too short", purpose)
	}
	plain, err := aead.Open(nil, sealed[:n], sealed[n:], []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", purpose, err)
	}
	return plain, nil
}
