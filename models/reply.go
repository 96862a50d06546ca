package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Who answers the customers of a number.
const (
	RepliesByModel     = "model"     // an OpenAI-compatible endpoint
	RepliesByResponder = "responder" // the business's own server
)

// Replies is how a number answers its customers by itself. The zero value does not.
type Replies struct {
	NumberID int64
	Active   bool
	Kind     string // RepliesByModel or RepliesByResponder
	// URL is the base of the model's API, such as https://api.openai.com/v1, or where the responder is posted to.
	URL   string
	Model string // the name of the model; empty of a responder
	Key   Secret // of the endpoint, or what requests to the responder are signed with; empty: none
	// Prompt is what the model is told first, History how many of the conversation's last messages it is told, and MaxTokens
	// how long its answer may be (0: as long as it likes). A responder is told the event and nothing else.
	Prompt             string
	History, MaxTokens int
	Timeout            time.Duration // within which there has to be an answer, the second attempt included
	PerHour            int           // answers in one conversation within an hour, at most
	PerDay             int           // answers of the number within a day, at most
	Keywords           []string      // a customer who writes one of them gets a person
	Fallback           string        // what a customer is told when a person takes over; empty: nothing
	// Since is when it was switched on the last time; zero: never.
	Since time.Time
}

type repliesRow struct {
	NumberID    int64 `gorm:"primaryKey;autoIncrement:false"`
	Active      bool
	Kind        string
	URL         string `gorm:"column:url"`
	Model       string
	Secret      []byte
	Prompt      string
	History     int
	MaxTokens   int
	TimeoutMS   int64 `gorm:"column:timeout_ms"`
	PerHour     int
	PerDay      int
	Keywords    string // JSON
	Fallback    string
	ActiveSince *time.Time
}

func (repliesRow) TableName() string { return "replies" }

func (s *Store) replies(r repliesRow) (Replies, error) {
	key, err := s.ring.Open(r.Secret, replyKeyPurpose)
	if err != nil {
		return Replies{}, fmt.Errorf("replies of number %d: %w", r.NumberID, err)
	}
	v := Replies{NumberID: r.NumberID, Active: r.Active, Kind: r.Kind, URL: r.URL, Model: r.Model, Key: key, Prompt: r.Prompt, History: r.History, MaxTokens: r.MaxTokens,
		Timeout: time.Duration(r.TimeoutMS) * time.Millisecond, PerHour: r.PerHour, PerDay: r.PerDay, Fallback: r.Fallback, Since: timeOrZero(r.ActiveSince).UTC()}
	_ = json.Unmarshal([]byte(r.Keywords), &v.Keywords) // our own encoding
	return v, nil
}

func (with sealer) repliesRow(v Replies) repliesRow {
	return repliesRow{NumberID: v.NumberID, Active: v.Active, Kind: printable(v.Kind), URL: printable(v.URL), Model: printable(v.Model), Secret: with.Seal(v.Key, replyKeyPurpose),
		Prompt: printable(v.Prompt), History: v.History, MaxTokens: v.MaxTokens, TimeoutMS: v.Timeout.Milliseconds(), PerHour: v.PerHour, PerDay: v.PerDay,
		Keywords: encodeLabels(v.Keywords), Fallback: printable(v.Fallback), ActiveSince: momentOrNil(v.Since)}
}

// SetReplies changes how a business's number answers by itself; change gets the zero Replies of a number that nothing was
// said of. The key is encrypted. ErrNotFound when the number is not the business's; an error of change stops it.
func (s *Store) SetReplies(ctx context.Context, businessID, numberID int64, change func(*Replies) error) (Replies, error) {
	var after Replies
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		// The number's row is what two who make the first settings wait for.
		if err := s.locking(tx).Where("business_id = ?", businessID).Select("id").First(&numberRow{}, numberID).Error; err != nil {
			return err
		}
		before := Replies{NumberID: numberID}
		var r repliesRow
		err := tx.Where("number_id = ?", numberID).Take(&r).Error
		if err == nil {
			before, err = s.replies(r)
		}
		if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
			return err
		}
		after = before
		if err := change(&after); err != nil {
			return err
		}
		after.NumberID, after.Since = numberID, before.Since
		if after.Active && !before.Active {
			after.Since = moment(s.Now())
		}
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		r = with.repliesRow(after)
		if err := tx.Save(&r).Error; err != nil {
			return err
		}
		return raiseRoutes(tx)
	})
	return after, translate(err, fmt.Sprintf("replies of number %d", numberID))
}

// DropReplies forgets how a business's number answers by itself. ErrNotFound.
func (s *Store) DropReplies(ctx context.Context, businessID, numberID int64) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		if err := ownNumber(tx, businessID, &numberID); err != nil {
			return err
		}
		res := tx.Where("number_id = ?", numberID).Delete(&repliesRow{})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return ErrNotFound
		}
		return raiseRoutes(tx)
	}), fmt.Sprintf("replies of number %d", numberID))
}

// RepliesOf reads how a number answers by itself, its key included. ErrNotFound when nobody said.
func (s *Store) RepliesOf(ctx context.Context, numberID int64) (Replies, error) {
	var r repliesRow
	if err := s.db.WithContext(ctx).Where("number_id = ?", numberID).Take(&r).Error; err != nil {
		return Replies{}, translate(err, fmt.Sprintf("replies of number %d", numberID))
	}
	return s.replies(r)
}

// replying are the numbers that answer by themselves.
func (s *Store) replying(ctx context.Context) (map[int64]bool, error) {
	var ids []int64
	if err := s.db.WithContext(ctx).Model(&repliesRow{}).Where("active").Pluck("number_id", &ids).Error; err != nil {
		return nil, translate(err, "list replies")
	}
	numbers := make(map[int64]bool, len(ids))
	for _, id := range ids {
		numbers[id] = true
	}
	return numbers, nil
}

// EventByID reads an event, whoever's it is. ErrNotFound.
func (s *Store) EventByID(ctx context.Context, id int64) (Event, error) {
	return s.event(ctx, "id = ?"+within("id", id), id)
}

// FinishReplies takes work of the kind ReplyMessages out of the outbox: it has nothing left to do.
func (s *Store) FinishReplies(ctx context.Context, work ...int64) error {
	if len(work) == 0 {
		return nil
	}
	return translate(s.write(ctx, func(db *gorm.DB) error { return db.Exec("DELETE FROM outbox WHERE id IN ?", work).Error }), "finish work of replies")
}
