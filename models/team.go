package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// Role is what a user may do with the things of the business.
type Role string

// The roles. What each of them opens is decided where requests come in.
const (
	RoleOwner  Role = "owner"     // everything
	RoleMember Role = "member"    // the daily work
	RoleReader Role = "read-only" // looking
)

// RoleNames are the roles by what they open, the most first.
func RoleNames() []string { return []string{string(RoleOwner), string(RoleMember), string(RoleReader)} }

// Known says whether there is such a role.
func (r Role) Known() bool { return slices.Contains(RoleNames(), string(r)) }

var (
	// ErrLastOwner: without this user nobody could run the business's team any more.
	ErrLastOwner = errors.New("the last owner of a business stays one")
	// ErrLastOperator: without this user the gateway would be left to the next who is created.
	ErrLastOperator = errors.New("the last operator of the gateway stays")
)

// Users lists the users of a business by id.
func (s *Store) Users(ctx context.Context, businessID int64) ([]User, error) {
	var us []User
	return us, translate(s.db.WithContext(ctx).Where("business_id = ?", businessID).Order("id").Find(&us).Error, "list users")
}

// UserByEmail is the user with an address, of whatever business.
func (s *Store) UserByEmail(ctx context.Context, email string) (User, error) {
	var u User
	return u, translate(s.db.WithContext(ctx).Where("email = ?", address(email)).First(&u).Error, "user by address")
}

// SetRole gives a user of a business another role, and returns the user as before. ErrLastOwner when nobody would be left.
func (s *Store) SetRole(ctx context.Context, businessID, id int64, role Role) (User, error) {
	if !role.Known() {
		return User{}, fmt.Errorf("%q is no role", role)
	}
	return s.changeTeam(ctx, businessID, id, func(tx *gorm.DB, u User) error {
		if u.Role == RoleOwner && role != RoleOwner {
			if err := anotherOwner(tx, u); err != nil {
				return err
			}
		}
		return tx.Model(&User{}).Where("id = ?", u.ID).Update("role", role).Error
	})
}

// RemoveUser removes a user from a business and ends the user's sessions; it returns the user there was. ErrLastOwner or
// ErrLastOperator when it was the last.
func (s *Store) RemoveUser(ctx context.Context, businessID, id int64) (User, error) {
	return s.changeTeam(ctx, businessID, id, func(tx *gorm.DB, u User) error {
		if u.Role == RoleOwner {
			if err := anotherOwner(tx, u); err != nil {
				return err
			}
		}
		if u.IsOperator {
			if !s.embedded { // two who remove each other take turns
				if err := tx.Exec("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").Error; err != nil {
					return err
				}
			}
			if err := another(tx, ErrLastOperator, "is_operator = ? AND id <> ?", true, u.ID); err != nil {
				return err
			}
		}
		if err := tx.Where("user_id = ?", u.ID).Delete(&session{}).Error; err != nil {
			return err
		}
		return tx.Delete(&User{}, u.ID).Error
	})
}

// changeTeam runs fn for a user of a business while nobody else changes its team.
func (s *Store) changeTeam(ctx context.Context, businessID, id int64, fn func(tx *gorm.DB, u User) error) (User, error) {
	var u User
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		var b Business
		if err := s.locking(tx).First(&b, businessID).Error; err != nil {
			return err
		}
		u = User{}
		if err := tx.Where("business_id = ?", businessID).First(&u, id).Error; err != nil {
			return err
		}
		return fn(tx, u)
	})
	return u, translate(err, fmt.Sprintf("user %d", id))
}

func anotherOwner(tx *gorm.DB, u User) error {
	return another(tx, ErrLastOwner, "business_id = ? AND role = ? AND id <> ?", u.BusinessID, RoleOwner, u.ID)
}

// another answers with the error unless there is such a user.
func another(tx *gorm.DB, none error, such string, args ...any) error {
	var n int64
	if err := tx.Model(&User{}).Where(such, args...).Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		return none
	}
	return nil
}

// SetUserName calls a user something else.
func (s *Store) SetUserName(ctx context.Context, id int64, name string) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		res := db.Model(&User{}).Where("id = ?", id).Update("name", printable(name))
		if res.Error == nil && res.RowsAffected == 0 {
			return ErrNotFound
		}
		return res.Error
	}), fmt.Sprintf("name of user %d", id))
}

// ChangePassword gives a user another password when the present one is right, and ends the user's sessions but the one that
// keep opens. ErrNotFound when the present password is another.
func (s *Store) ChangePassword(ctx context.Context, id int64, present, next, keep Secret) error {
	what := fmt.Sprintf("password of user %d", id)
	var u User
	if err := s.db.WithContext(ctx).First(&u, id).Error; err != nil {
		return translate(err, what)
	}
	if !checkPassword(u.PasswordHash, present.Text()) {
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	hash, err := hashPassword(next.Text())
	if err != nil {
		return err
	}
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		// The hash that was compared is asked for again: of two who change it at once, one does.
		res := tx.Model(&User{}).Where("id = ? AND password_hash = ?", id, u.PasswordHash).Update("password_hash", hash)
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return ErrNotFound
		}
		_, err := endOthers(tx, id, keep)
		return err
	}), what)
}

// Invitation asks somebody to become a user of a business.
type Invitation struct {
	ID         int64
	BusinessID int64
	Email      string
	Role       Role
	TokenHash  []byte `json:"-"`
	InvitedBy  string // what whoever invited is called
	CreatedAt  time.Time
	ExpiresAt  time.Time
}

// Invite makes an invitation for BusinessID, Email, Role and InvitedBy of in, and returns the token that accepts it: the only
// time it is seen. An earlier one of the business to the same address ends. ErrConflict when the address is a user's already.
func (s *Store) Invite(ctx context.Context, in Invitation, lasts time.Duration) (Invitation, Secret, error) {
	if !in.Role.Known() {
		return Invitation{}, "", fmt.Errorf("%q is no role", in.Role)
	}
	token, now := randomToken(""), moment(time.Now())
	made := Invitation{BusinessID: in.BusinessID, Email: address(in.Email), Role: in.Role, InvitedBy: printable(in.InvitedBy), TokenHash: tokenHash(token), CreatedAt: now, ExpiresAt: moment(now.Add(lasts))}
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		var taken int64
		if err := tx.Model(&User{}).Where("email = ?", made.Email).Count(&taken).Error; err != nil {
			return err
		}
		if taken > 0 {
			return ErrConflict
		}
		if err := tx.Where("expires_at <= ? OR (business_id = ? AND email = ?)", now, made.BusinessID, made.Email).Delete(&Invitation{}).Error; err != nil {
			return err
		}
		made.ID = 0 // of a transaction that is tried again
		return tx.Create(&made).Error
	})
	if err != nil {
		return Invitation{}, "", translate(err, "invite")
	}
	return made, token, nil
}

// Invitations lists what a business's invitations wait for, by id.
func (s *Store) Invitations(ctx context.Context, businessID int64) ([]Invitation, error) {
	var is []Invitation
	return is, translate(s.db.WithContext(ctx).Where("business_id = ? AND expires_at > ?", businessID, moment(time.Now())).Order("id").Find(&is).Error, "list invitations")
}

// InvitationByToken is the invitation that a token accepts; ErrNotFound when it has ended or was accepted.
func (s *Store) InvitationByToken(ctx context.Context, token Secret) (Invitation, error) {
	var in Invitation
	return in, translate(s.db.WithContext(ctx).Where("token_hash = ? AND expires_at > ?", tokenHash(token), moment(time.Now())).First(&in).Error, "invitation")
}

// EndInvitation takes an invitation of a business back, and returns it.
func (s *Store) EndInvitation(ctx context.Context, businessID, id int64) (Invitation, error) {
	var in Invitation
	return in, translate(s.inTx(ctx, func(tx *gorm.DB) error {
		if err := tx.Where("business_id = ?", businessID).First(&in, id).Error; err != nil {
			return err
		}
		return tx.Delete(&Invitation{}, id).Error
	}), fmt.Sprintf("invitation %d", id))
}

// AcceptInvitation makes the user whom an invitation asked for, and ends the invitation. ErrNotFound when it has ended or was
// accepted, ErrConflict when the address has become a user's since. A user made so is no operator.
func (s *Store) AcceptInvitation(ctx context.Context, token Secret, name string, password Secret) (User, error) {
	in, err := s.InvitationByToken(ctx, token)
	if err != nil {
		return User{}, err
	}
	made, err := newUser(User{BusinessID: in.BusinessID, Email: in.Email, Name: name, Role: in.Role}, password)
	if err != nil {
		return User{}, err
	}
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		res := tx.Where("token_hash = ? AND expires_at > ?", tokenHash(token), moment(time.Now())).Delete(&Invitation{})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return ErrNotFound
		}
		made.ID = 0
		return tx.Create(&made).Error
	})
	return made, translate(err, "accept invitation")
}
