package models

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Session is a login that lasts.
type Session struct {
	// ID names the session to its user and opens nothing.
	ID     string `gorm:"-"`
	UserID int64
	// IP is from where it was begun and Agent with what, as the browser said; both may be empty.
	IP, Agent            string
	CreatedAt, ExpiresAt time.Time
}

type session struct {
	TokenHash []byte `gorm:"primaryKey"`
	UserID    int64
	IP        string
	Agent     string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// id is the beginning of the hash: enough to tell a person's sessions apart.
func (r session) id() string { return hex.EncodeToString(r.TokenHash[:8]) }

// longestAgent is how much is kept of what a browser says of itself.
const longestAgent = 300

// StartSession is BeginSession for a session of which nobody says where it comes from.
func (s *Store) StartSession(ctx context.Context, userID int64, length time.Duration) (Secret, error) {
	return s.BeginSession(ctx, Session{UserID: userID}, length)
}

// BeginSession makes a session of the given length for the user, IP and agent of in, and returns its token, which is new and
// kept only as a hash. The user has logged in at this moment.
func (s *Store) BeginSession(ctx context.Context, in Session, length time.Duration) (Secret, error) {
	token := randomToken("")
	now := moment(time.Now())
	agent := printable(in.Agent)
	if len(agent) > longestAgent {
		agent = strings.ToValidUTF8(agent[:longestAgent], "")
	}
	row := session{TokenHash: tokenHash(token), UserID: in.UserID, IP: printable(in.IP), Agent: agent, CreatedAt: now, ExpiresAt: moment(now.Add(length))}
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		if err := tx.Where("expires_at < ?", now).Delete(&session{}).Error; err != nil {
			return err
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return tx.Model(&User{}).Where("id = ?", in.UserID).Update("last_login_at", now).Error
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

// SessionID is the ID of the session that a token opens, whether there is one or not.
func SessionID(token Secret) string { return session{TokenHash: tokenHash(token)}.id() }

// Sessions lists the live sessions of a user, the newest first.
func (s *Store) Sessions(ctx context.Context, userID int64) ([]Session, error) {
	rows, err := s.sessionsOf(s.db.WithContext(ctx), userID)
	out := make([]Session, len(rows))
	for i, r := range rows {
		out[i] = Session{ID: r.id(), UserID: r.UserID, IP: r.IP, Agent: r.Agent, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC()}
	}
	return out, translate(err, "list sessions")
}

func (s *Store) sessionsOf(db *gorm.DB, userID int64) ([]session, error) {
	var rows []session
	return rows, db.Where("user_id = ? AND expires_at > ?", userID, moment(time.Now())).Order("created_at DESC, token_hash").Find(&rows).Error
}

// EndSession forgets a session; an unknown one is no error.
func (s *Store) EndSession(ctx context.Context, token Secret) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		return db.Where("token_hash = ?", tokenHash(token)).Delete(&session{}).Error
	}), "end session")
}

// EndSessionOf ends one of a user's sessions by its ID.
func (s *Store) EndSessionOf(ctx context.Context, userID int64, id string) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		rows, err := s.sessionsOf(tx, userID)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.id() == id {
				return tx.Where("token_hash = ?", r.TokenHash).Delete(&session{}).Error
			}
		}
		return ErrNotFound
	}), "end session "+id)
}

// EndOtherSessions ends a user's sessions but the one that keep opens, and says how many there were.
func (s *Store) EndOtherSessions(ctx context.Context, userID int64, keep Secret) (int64, error) {
	var ended int64
	err := s.write(ctx, func(db *gorm.DB) (err error) {
		ended, err = endOthers(db, userID, keep)
		return err
	})
	return ended, translate(err, fmt.Sprintf("end sessions of user %d", userID))
}

func endOthers(db *gorm.DB, userID int64, keep Secret) (int64, error) {
	res := db.Where("user_id = ? AND token_hash <> ?", userID, tokenHash(keep)).Delete(&session{})
	return res.RowsAffected, res.Error
}
