package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Upstream is how a number is reached at the platform or its provider, and how it was there the last time.
type Upstream struct {
	NumberID int64
	Style    string // cloud, 360dialog or onprem
	Base     string // address of the API; empty: the platform's own
	Version  string // of the Graph API; empty: that of this build
	Token    Secret // or the provider's key
	AppID    string // Meta's id of the app, for questions about the token; empty: not known
	// TokenExpiresAt is zero when the token does not expire, or nobody said when.
	TokenExpiresAt time.Time
	// Rate is how many messages per second the number may send; 0: 80, or what the platform says of it.
	Rate int

	Checked UpstreamHealth
}

// UpstreamHealth is what a check of a number found. The zero value: never checked.
type UpstreamHealth struct {
	At            time.Time
	OK            bool
	Trouble       string // what is wrong and what to do, for a person; empty: nothing
	Subscribed    bool
	VerifiedName  string
	Quality       string // GREEN, YELLOW, RED or what the platform says
	Throughput    string // STANDARD, HIGH or what the platform says
	MessagesLimit string
}

type upstreamRow struct {
	NumberID       int64 `gorm:"primaryKey;autoIncrement:false"`
	Style          string
	Base           string
	Version        string
	Token          []byte
	AppID          string
	TokenExpiresAt *time.Time
	Rate           int
	Health         upstreamHealthRow `gorm:"embedded"`
}

func (upstreamRow) TableName() string { return "upstreams" }

type upstreamHealthRow struct {
	CheckedAt     *time.Time
	OK            bool
	Trouble       string
	Subscribed    bool
	VerifiedName  string
	Quality       string
	Throughput    string
	MessagesLimit string
}

// healthColumns are those of upstreamHealthRow.
var healthColumns = []string{"checked_at", "ok", "trouble", "subscribed", "verified_name", "quality", "throughput", "messages_limit"}

func (h UpstreamHealth) row() upstreamHealthRow {
	return upstreamHealthRow{CheckedAt: momentOrNil(h.At), OK: h.OK, Trouble: printable(h.Trouble), Subscribed: h.Subscribed, VerifiedName: printable(h.VerifiedName),
		Quality: printable(h.Quality), Throughput: printable(h.Throughput), MessagesLimit: printable(h.MessagesLimit)}
}

func (r upstreamHealthRow) health() UpstreamHealth {
	return UpstreamHealth{At: timeOrZero(r.CheckedAt).UTC(), OK: r.OK, Trouble: r.Trouble, Subscribed: r.Subscribed, VerifiedName: r.VerifiedName,
		Quality: r.Quality, Throughput: r.Throughput, MessagesLimit: r.MessagesLimit}
}

func (s *Store) upstream(r upstreamRow) (Upstream, error) {
	token, err := s.ring.Open(r.Token, upstreamTokenPurpose)
	if err != nil {
		return Upstream{}, fmt.Errorf("upstream of number %d: %w", r.NumberID, err)
	}
	return Upstream{NumberID: r.NumberID, Style: r.Style, Base: r.Base, Version: r.Version, Token: token, AppID: r.AppID, TokenExpiresAt: timeOrZero(r.TokenExpiresAt).UTC(),
		Rate: r.Rate, Checked: r.Health.health()}, nil
}

// SetUpstream keeps how a business's number is reached; the token is encrypted. Senders use the new one from their next
// message on. What the last check found stays, unless u brings another. ErrNotFound when the number is not the business's.
func (s *Store) SetUpstream(ctx context.Context, businessID int64, u Upstream) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		if err := ownNumber(tx, businessID, &u.NumberID); err != nil {
			return err
		}
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		row := upstreamRow{NumberID: u.NumberID, Style: printable(u.Style), Base: printable(u.Base), Version: printable(u.Version),
			Token: with.Seal(u.Token, upstreamTokenPurpose), AppID: printable(u.AppID), TokenExpiresAt: momentOrNil(u.TokenExpiresAt), Rate: u.Rate, Health: u.Checked.row()}
		set := []string{"style", "base", "version", "token", "app_id", "token_expires_at", "rate"}
		if !u.Checked.At.IsZero() {
			set = append(set, healthColumns...)
		}
		if err := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "number_id"}}, DoUpdates: clause.AssignmentColumns(set)}).Create(&row).Error; err != nil {
			return err
		}
		return raiseRoutes(tx)
	}), fmt.Sprintf("upstream of number %d", u.NumberID))
}

// DropUpstream forgets how a business's number is reached. ErrNotFound.
func (s *Store) DropUpstream(ctx context.Context, businessID, numberID int64) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		if err := ownNumber(tx, businessID, &numberID); err != nil {
			return err
		}
		res := tx.Where("number_id = ?", numberID).Delete(&upstreamRow{})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return ErrNotFound
		}
		return raiseRoutes(tx)
	}), fmt.Sprintf("upstream of number %d", numberID))
}

// UpstreamOf reads how a number is reached, its token included. ErrNotFound when nobody said.
func (s *Store) UpstreamOf(ctx context.Context, numberID int64) (Upstream, error) {
	var r upstreamRow
	if err := s.db.WithContext(ctx).Where("number_id = ?", numberID).Take(&r).Error; err != nil {
		return Upstream{}, translate(err, fmt.Sprintf("upstream of number %d", numberID))
	}
	return s.upstream(r)
}

// Upstreams reads those of all numbers, by number, for checks and for senders that keep them in memory: RoutesVersion
// tells them when one has changed.
func (s *Store) Upstreams(ctx context.Context) ([]Upstream, error) {
	var rows []upstreamRow
	if err := s.db.WithContext(ctx).Order("number_id").Find(&rows).Error; err != nil {
		return nil, translate(err, "list upstreams")
	}
	us := make([]Upstream, len(rows))
	for i, r := range rows {
		u, err := s.upstream(r)
		if err != nil {
			return nil, err
		}
		us[i] = u
	}
	return us, nil
}

// KeepUpstreamHealth keeps what a check found. ErrNotFound when the number has no upstream any more.
func (s *Store) KeepUpstreamHealth(ctx context.Context, numberID int64, h UpstreamHealth) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		res := db.Model(&upstreamRow{}).Where("number_id = ?", numberID).Select(healthColumns).Updates(&upstreamRow{Health: h.row()})
		if res.Error == nil && res.RowsAffected == 0 {
			return ErrNotFound
		}
		return res.Error
	}), fmt.Sprintf("upstream of number %d", numberID))
}
