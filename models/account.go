package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Business is a tenant.
type Business struct {
	ID        int64
	Name      string
	CreatedAt time.Time
}

// User is a person who logs in. An operator also sees the queues of all businesses.
type User struct {
	ID           int64
	BusinessID   int64
	Email        string
	PasswordHash string `json:"-"`
	IsOperator   bool
	CreatedAt    time.Time
}

type session struct {
	TokenHash []byte `gorm:"primaryKey"`
	UserID    int64
	CreatedAt time.Time
	ExpiresAt time.Time
}

// APIKey opens the API to a program: to a whole business, or to one number of it.
type APIKey struct {
	ID         int64
	BusinessID int64
	NumberID   *int64
	Name       string
	// Prefix is the first characters of the key, for people to recognise it by.
	Prefix    string
	Hash      []byte `json:"-"`
	CreatedAt time.Time
}

func (APIKey) TableName() string { return "api_keys" }

// CreateBusiness makes a tenant.
func (s *Store) CreateBusiness(ctx context.Context, name string) (Business, error) {
	b := Business{Name: printable(name), CreatedAt: moment(time.Now())}
	err := s.write(ctx, func(db *gorm.DB) error { return db.Create(&b).Error })
	return b, translate(err, "create business")
}

// Business reads one tenant.
func (s *Store) Business(ctx context.Context, id int64) (Business, error) {
	var b Business
	return b, translate(s.db.WithContext(ctx).First(&b, id).Error, fmt.Sprintf("business %d", id))
}

// Businesses lists all tenants by id.
func (s *Store) Businesses(ctx context.Context) ([]Business, error) {
	var bs []Business
	return bs, translate(s.db.WithContext(ctx).Order("id").Find(&bs).Error, "list businesses")
}

// address is an e-mail address as it is kept and compared.
func address(email string) string { return keyText(strings.ToLower(strings.TrimSpace(email))) }

// CreateUser makes a user with a password of at least 8 bytes. The very first user is an operator in any case, so that
// somebody is. ErrConflict when the address is taken, ErrNotFound when the business does not exist.
func (s *Store) CreateUser(ctx context.Context, businessID int64, email string, password Secret, operator bool) (User, error) {
	hash, err := hashPassword(password.Text())
	if err != nil {
		return User{}, err
	}
	u := User{BusinessID: businessID, Email: address(email), PasswordHash: hash, IsOperator: operator, CreatedAt: moment(time.Now())}
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		if !s.embedded { // so that only one can be the first
			if err := tx.Exec("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").Error; err != nil {
				return err
			}
		}
		var operators int64
		if err := tx.Model(&User{}).Where("is_operator = ?", true).Count(&operators).Error; err != nil {
			return err
		}
		u.IsOperator = u.IsOperator || operators == 0
		return tx.Create(&u).Error
	})
	return u, translate(err, "create user "+u.Email)
}

// Authenticate answers the user of an address and password, ErrNotFound for any mismatch. It takes the same time
// whether the address exists or not.
func (s *Store) Authenticate(ctx context.Context, email string, password Secret) (User, error) {
	var u User
	err := s.db.WithContext(ctx).Where("email = ?", address(email)).First(&u).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return User{}, translate(err, "authenticate")
	}
	hash := u.PasswordHash
	if hash == "" {
		hash = decoyHash
	}
	if !checkPassword(hash, password.Text()) || u.ID == 0 {
		return User{}, fmt.Errorf("authenticate: %w", ErrNotFound)
	}
	return u, nil
}

// SetPassword gives a user another password and ends the user's sessions.
func (s *Store) SetPassword(ctx context.Context, email string, password Secret) error {
	hash, err := hashPassword(password.Text())
	if err != nil {
		return err
	}
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		var u User
		if err := tx.Where("email = ?", address(email)).First(&u).Error; err != nil {
			return err
		}
		if err := tx.Where("user_id = ?", u.ID).Delete(&session{}).Error; err != nil {
			return err
		}
		return tx.Model(&u).Update("password_hash", hash).Error
	}), "set password of "+email)
}

// StartSession makes a session of the given length and returns its token, which is kept only as a hash.
func (s *Store) StartSession(ctx context.Context, userID int64, length time.Duration) (Secret, error) {
	token := randomToken("")
	now := moment(time.Now())
	row := session{TokenHash: tokenHash(token), UserID: userID, CreatedAt: now, ExpiresAt: moment(now.Add(length))}
	err := s.write(ctx, func(db *gorm.DB) error {
		if err := db.Where("expires_at < ?", now).Delete(&session{}).Error; err != nil {
			return err
		}
		return db.Create(&row).Error
	})
	return token, translate(err, "start session")
}

// SessionUser is the user of a live session; ErrNotFound otherwise.
func (s *Store) SessionUser(ctx context.Context, token Secret) (User, error) {
	var u User
	err := s.db.WithContext(ctx).Joins("JOIN sessions ON sessions.user_id = users.id").
		Where("sessions.token_hash = ? AND sessions.expires_at > ?", tokenHash(token), moment(time.Now())).First(&u).Error
	return u, translate(err, "session")
}

// EndSession forgets a session; an unknown one is no error.
func (s *Store) EndSession(ctx context.Context, token Secret) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		return db.Where("token_hash = ?", tokenHash(token)).Delete(&session{}).Error
	}), "end session")
}

// CreateAPIKey makes a key for a business, or for one of its numbers, and returns its text: the only time it is seen.
// ErrNotFound when the number is not the business's.
func (s *Store) CreateAPIKey(ctx context.Context, businessID int64, numberID *int64, name string) (APIKey, Secret, error) {
	prefix := "wbk_"
	if numberID != nil {
		prefix = "wbn_"
	}
	token := randomToken(prefix)
	k := APIKey{BusinessID: businessID, NumberID: numberID, Name: printable(name), Prefix: token.Text()[:10], Hash: tokenHash(token), CreatedAt: moment(time.Now())}
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		if err := ownNumber(tx, businessID, numberID); err != nil {
			return err
		}
		return tx.Create(&k).Error
	})
	if err != nil {
		return APIKey{}, "", translate(err, "create key")
	}
	return k, token, nil
}

// APIKeys lists a business's keys.
func (s *Store) APIKeys(ctx context.Context, businessID int64) ([]APIKey, error) {
	var ks []APIKey
	return ks, translate(s.db.WithContext(ctx).Where("business_id = ?", businessID).Order("id").Find(&ks).Error, "list keys")
}

// DeleteAPIKey ends a business's key.
func (s *Store) DeleteAPIKey(ctx context.Context, businessID, id int64) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		res := db.Where("business_id = ? AND id = ?", businessID, id).Delete(&APIKey{})
		if res.Error == nil && res.RowsAffected == 0 {
			return ErrNotFound
		}
		return res.Error
	}), fmt.Sprintf("delete key %d", id))
}

// KeyByToken is the key with this text; ErrNotFound otherwise. A lookup by SHA-256, cheap enough for every request:
// the keys are random, so there is nothing for a slow hash to protect.
func (s *Store) KeyByToken(ctx context.Context, token Secret) (APIKey, error) {
	var k APIKey
	return k, translate(s.db.WithContext(ctx).Where("hash = ?", tokenHash(token)).First(&k).Error, "key")
}

func randomToken(prefix string) Secret {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	return Secret(prefix + base64.RawURLEncoding.EncodeToString(b))
}

func tokenHash(t Secret) []byte {
	h := sha256.Sum256([]byte(t.Text()))
	return h[:]
}

// RandomToken is an unguessable text for addresses and verify tokens.
func RandomToken() Secret { return randomToken("") }
