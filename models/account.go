package models

import (
	"cmp"
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

// User is a person who logs in. An operator also looks after the gateway as a whole, a viewer looks at it; see Operations.
type User struct {
	ID           int64
	BusinessID   int64
	Email        string
	Name         string // may be empty
	Role         Role
	PasswordHash string `json:"-"`
	IsOperator   bool
	IsViewer     bool // not of an operator
	CreatedAt    time.Time
	LastLoginAt  *time.Time // nil: never yet
}

// Called is the user's name, or the address of one who has none.
func (u User) Called() string { return cmp.Or(u.Name, u.Email) }

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
	// CreatedBy is what whoever made it was called then; empty for keys from before that was kept.
	CreatedBy string
	// LastUsedAt is when it was last seen, give or take a minute; nil: never yet.
	LastUsedAt *time.Time
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

// CreateUser is AddUser for an owner without a name.
func (s *Store) CreateUser(ctx context.Context, businessID int64, email string, password Secret, operator bool) (User, error) {
	return s.AddUser(ctx, User{BusinessID: businessID, Email: email, Role: RoleOwner, IsOperator: operator}, password)
}

// AddUser makes a user with a password of at least 8 bytes; BusinessID, Email, Name, Role, IsOperator and IsViewer are taken from u.
// The very first user is an operator in any case, so that somebody is. ErrConflict when the address is taken, by a user of whatever
// business, ErrNotFound when the business does not exist.
func (s *Store) AddUser(ctx context.Context, u User, password Secret) (User, error) {
	made, err := newUser(u, password)
	if err != nil {
		return User{}, err
	}
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
		made.IsOperator = made.IsOperator || operators == 0
		made.IsViewer = made.IsViewer && !made.IsOperator
		return tx.Create(&made).Error
	})
	return made, translate(err, "create user "+made.Email)
}

// newUser is a user's row to be.
func newUser(u User, password Secret) (User, error) {
	if !u.Role.Known() {
		return User{}, fmt.Errorf("%q is no role: there are %s", u.Role, strings.Join(RoleNames(), ", "))
	}
	hash, err := hashPassword(password.Text())
	return User{BusinessID: u.BusinessID, Email: address(u.Email), Name: printable(u.Name), Role: u.Role, PasswordHash: hash, IsOperator: u.IsOperator, IsViewer: u.IsViewer, CreatedAt: moment(time.Now())}, err
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

// CreateAPIKey is AddAPIKey for a key of which nobody says who made it.
func (s *Store) CreateAPIKey(ctx context.Context, businessID int64, numberID *int64, name string) (APIKey, Secret, error) {
	return s.AddAPIKey(ctx, APIKey{BusinessID: businessID, NumberID: numberID, Name: name})
}

// AddAPIKey makes a key for a business, or for one of its numbers, and returns its text: the only time it is seen.
// BusinessID, NumberID, Name and CreatedBy are taken from k. ErrNotFound when the number is not the business's.
func (s *Store) AddAPIKey(ctx context.Context, k APIKey) (APIKey, Secret, error) {
	prefix := "wbk_"
	if k.NumberID != nil {
		prefix = "wbn_"
	}
	token := randomToken(prefix)
	k = APIKey{BusinessID: k.BusinessID, NumberID: k.NumberID, Name: printable(k.Name), CreatedBy: printable(k.CreatedBy), Prefix: token.Text()[:10], Hash: tokenHash(token), CreatedAt: moment(time.Now())}
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		if err := ownNumber(tx, k.BusinessID, k.NumberID); err != nil {
			return err
		}
		return tx.Create(&k).Error
	})
	if err != nil {
		return APIKey{}, "", translate(err, "create key")
	}
	return k, token, nil
}

// RenameAPIKey calls a business's key something else, and returns it as it was before.
func (s *Store) RenameAPIKey(ctx context.Context, businessID, id int64, name string) (APIKey, error) {
	var before APIKey
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		if err := s.locking(tx).Where("business_id = ?", businessID).First(&before, id).Error; err != nil {
			return err
		}
		return tx.Model(&APIKey{}).Where("id = ?", id).Update("name", printable(name)).Error
	})
	return before, translate(err, fmt.Sprintf("rename key %d", id))
}

// keyUsedEvery is how far apart the moments are at which a key's use is noted.
const keyUsedEvery = time.Minute

// KeyUsed notes that a key was used, at most once a minute whoever notes it.
func (s *Store) KeyUsed(ctx context.Context, id int64, at time.Time) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		return db.Model(&APIKey{}).Where("id = ? AND (last_used_at IS NULL OR last_used_at <= ?)", id, moment(at.Add(-keyUsedEvery))).Update("last_used_at", moment(at)).Error
	}), fmt.Sprintf("use of key %d", id))
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
