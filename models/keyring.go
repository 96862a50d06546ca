package models

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// keyRow is one data key. Secrets are sealed with a data key; the data key is wrapped with the operator's master key,
// so that changing the master key rewrites one row and not every secret. There is one row, and a second one while
// RotateKeys works.
type keyRow struct {
	ID        int16 `gorm:"primaryKey"`
	Wrapped   []byte
	IsWrapped bool // false: no master key was given yet and Wrapped is the data key itself
	CreatedAt time.Time
}

func (keyRow) TableName() string { return "keyring" }

// newestKey is the row of the key that secrets are sealed with from now on.
func newestKey(rows []keyRow) (newest keyRow) {
	for _, row := range rows {
		if newest.ID == 0 || row.CreatedAt.After(newest.CreatedAt) {
			newest = row
		}
	}
	return newest
}

// masterKeys wrap data keys. Nil where none was given.
type masterKeys struct{ present, previous cipher.AEAD }

func newMasterKeys(present, previous Secret) masterKeys {
	return masterKeys{masterKey(present), masterKey(previous)}
}

func masterKey(text Secret) cipher.AEAD {
	if text == "" {
		return nil
	}
	sum := sha256.Sum256([]byte("wabagate master key\x00" + text.Text()))
	aead, _ := chacha20poly1305.NewX(sum[:]) // only fails on a wrong key length
	return aead
}

// wrap puts a data key into a row, as the present master key has it.
func (m masterKeys) wrap(row *keyRow, plain []byte) {
	row.Wrapped, row.IsWrapped = plain, false
	if m.present != nil {
		row.Wrapped, row.IsWrapped = seal(m.present, plain, "keyring"), true
	}
}

// unwrap takes a data key out of its row. stale says that the present master key does not protect it yet.
func (m masterKeys) unwrap(row keyRow) (plain []byte, stale bool, err error) {
	switch {
	case !row.IsWrapped:
		return row.Wrapped, m.present != nil, nil
	case m.present == nil:
		return nil, false, errors.New("secrets in this database are protected: set WABAGATE_MASTER_KEY to the key they were protected with")
	}
	if plain, err = open(m.present, row.Wrapped, "keyring"); err == nil {
		return plain, false, nil
	}
	if m.previous == nil {
		return nil, false, errors.New("WABAGATE_MASTER_KEY is not the key that the secrets in this database were protected with; " +
			"if it was changed on purpose, set WABAGATE_MASTER_KEY_PREVIOUS to the one before")
	}
	if plain, err = open(m.previous, row.Wrapped, "keyring"); err == nil {
		return plain, true, nil
	}
	return nil, false, errors.New("neither WABAGATE_MASTER_KEY nor WABAGATE_MASTER_KEY_PREVIOUS is the key that the secrets in this database were protected with")
}

// dataKey is a key that is ready. Numbers come round again after 255 rotations, so its age belongs to its identity.
type dataKey struct {
	aead cipher.AEAD
	made time.Time
}

// keyring opens what was sealed with XChaCha20-Poly1305. A sealed secret is the key's number (one byte), a 24-byte nonce
// and the ciphertext, bound to its purpose. A key that another process made is read from the database when it is met.
type keyring struct {
	db      *gorm.DB
	masters masterKeys

	mu   sync.RWMutex
	keys map[byte]dataKey
}

// openKeyring reads the data keys, makes the first one, and wraps those that the present master key does not protect: bare
// ones as soon as one is given, and those of the previous one. An empty master key leaves a new key bare. rewrapped is
// how many were.
func openKeyring(ctx context.Context, db *gorm.DB, masters masterKeys) (ring *keyring, rewrapped int, err error) {
	ring = &keyring{db: db, masters: masters, keys: map[byte]dataKey{}}
	rows, err := ring.read(ctx)
	if err != nil {
		return nil, 0, err
	}
	if len(rows) == 0 {
		_, err := newKey(db.WithContext(ctx), masters, rows)
		if err != nil && !errors.Is(err, gorm.ErrDuplicatedKey) { // another process was first
			return nil, 0, fmt.Errorf("create data key: %w", err)
		}
		return openKeyring(ctx, db, masters)
	}
	for _, row := range rows {
		plain, stale, err := masters.unwrap(row)
		if err != nil {
			return nil, 0, err
		}
		if !stale {
			continue
		}
		before := row.Wrapped
		masters.wrap(&row, plain)
		up := db.WithContext(ctx).Model(&keyRow{}).Where("id = ? AND wrapped = ?", row.ID, before).
			Updates(map[string]any{"wrapped": row.Wrapped, "is_wrapped": row.IsWrapped})
		if up.Error != nil {
			return nil, 0, fmt.Errorf("wrap data key: %w", up.Error)
		}
		if up.RowsAffected == 0 { // another process was first, perhaps with another master key
			return openKeyring(ctx, db, masters)
		}
		rewrapped++
	}
	return ring, rewrapped, ring.learn(rows)
}

// newKey keeps one more data key, newer than the others and with a number of its own.
func newKey(tx *gorm.DB, masters masterKeys, others []keyRow) (keyRow, error) {
	last := newestKey(others)
	row := keyRow{ID: last.ID%255 + 1, CreatedAt: moment(time.Now())}
	if !row.CreatedAt.After(last.CreatedAt) { // the clock of another machine
		row.CreatedAt = last.CreatedAt.Add(time.Microsecond)
	}
	plain := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(plain) // never fails
	masters.wrap(&row, plain)
	return row, tx.Create(&row).Error
}

func (k *keyring) read(ctx context.Context) ([]keyRow, error) {
	var rows []keyRow
	if err := k.db.WithContext(ctx).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read keyring: %w", err)
	}
	return rows, nil
}

// learn makes keys ready. What was known stays: somebody may hold secrets that he read before they were sealed anew.
func (k *keyring) learn(rows []keyRow) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, row := range rows {
		plain, _, err := k.masters.unwrap(row)
		if err != nil {
			return err
		}
		aead, err := chacha20poly1305.NewX(plain)
		if err != nil {
			return fmt.Errorf("data key %d: %w", row.ID, err)
		}
		k.keys[byte(row.ID)] = dataKey{aead, row.CreatedAt}
	}
	return nil
}

func (k *keyring) known(id byte) (dataKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	key, ok := k.keys[id]
	return key, ok
}

// reloadTimeout bounds how long a secret waits for its key.
const reloadTimeout = 5 * time.Second

// reload reads the keys again. It writes nothing, because its caller may be in the middle of a transaction.
func (k *keyring) reload() error {
	ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
	defer cancel()
	rows, err := k.read(ctx)
	if err != nil {
		return err
	}
	return k.learn(rows)
}

// Open decrypts what a sealer made for the same purpose; nil opens to the empty secret. What does not open is tried once
// more with the keys that are in the database by now.
func (k *keyring) Open(sealed []byte, purpose string) (Secret, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	plain, err := k.open(sealed, purpose)
	if err == nil {
		return plain, nil
	}
	if again := k.reload(); again != nil {
		return "", fmt.Errorf("%w; the keys could not be read again: %w", err, again)
	}
	return k.open(sealed, purpose)
}

func (k *keyring) open(sealed []byte, purpose string) (Secret, error) {
	key, ok := k.known(sealed[0])
	if !ok {
		return "", fmt.Errorf("open %s: data key %d is unknown", purpose, sealed[0])
	}
	plain, err := open(key.aead, sealed[1:], purpose)
	return Secret(plain), err
}

// sealer seals secrets within one transaction.
type sealer struct {
	id   byte
	aead cipher.AEAD
}

// sealer is of the newest key. All keys stay until the end of the transaction: a key must not go while something is about
// to be sealed with it, and a newer one may come in between.
func (s *Store) sealer(tx *gorm.DB) (sealer, error) {
	rows, err := s.holdKeys(tx, "KEY SHARE")
	if err != nil {
		return sealer{}, err
	}
	newest := newestKey(rows)
	id := byte(newest.ID)
	key, ok := s.ring.known(id)
	if !ok || !key.made.Equal(newest.CreatedAt) {
		if err := s.ring.learn([]keyRow{newest}); err != nil {
			return sealer{}, err
		}
		key, _ = s.ring.known(id)
	}
	return sealer{id, key.aead}, nil
}

// holdKeys reads the keys and locks them until the end of the transaction; the embedded database has one writer anyway.
func (s *Store) holdKeys(tx *gorm.DB, strength string) ([]keyRow, error) {
	if !s.embedded {
		tx = tx.Clauses(clause.Locking{Strength: strength})
	}
	var rows []keyRow
	if err := tx.Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read keyring: %w", err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("read keyring: it is empty: %w", errOvertaken)
	}
	return rows, nil
}

// Seal encrypts a secret for one purpose; the empty secret seals to nil.
func (s sealer) Seal(secret Secret, purpose string) []byte {
	if secret == "" {
		return nil
	}
	return append([]byte{s.id}, seal(s.aead, []byte(secret.Text()), purpose)...)
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
