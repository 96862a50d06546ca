package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// MediaState is where a file of a message stands.
type MediaState int16

const (
	MediaWanted   MediaState = 0 // not here: it is fetched when its time comes, or somebody asks for it
	MediaFetching MediaState = 1 // somebody is at it, until ClaimedUntil at the latest
	MediaKept     MediaState = 2 // here
	MediaFailed   MediaState = 3 // not to be had, for the reason in Failure
	MediaDeleted  MediaState = 4 // its business, or who sent it, took it back; it is not fetched again
)

// Media is a file that the platform knows by an id, and that the gateway keeps for longer than the platform does.
type Media struct {
	ID, BusinessID, NumberID int64
	MediaID                  string // the platform's, which is unique for a number
	Wamid                    string // of the message that it came with; empty: somebody asked for it by its id
	ConversationID           int64  // of the message; 0: not known, or none
	Kind                     string // image, video, audio, document or sticker; empty: not known
	MimeType                 string // what it is served as once it is kept; before that as the platform says, or empty
	Filename                 string // of a document; empty: not told
	ClaimedSHA256            string // as the message says, base64 or hex; empty: it does not

	State        MediaState
	Attempts     int       // to fetch it, each of which is one claim
	DueAt        time.Time // when it is fetched without being asked for or, once it is settled, told; zero: it is not
	ClaimedUntil time.Time // of the last attempt
	TriedAt      time.Time // the last attempt; zero: none
	SettledAt    time.Time // kept, failed or deleted; zero: not yet
	Failure      string    // of a failed one, from a closed set; see gateway/media
	Reason       string    // the same for a person

	// File, SHA256 (hex) and Size (bytes) are of a kept one: the file that holds it.
	File   int64
	SHA256 string
	Size   int64
}

// MediaFile is the content of media: one per business and content, however many media have it.
type MediaFile struct {
	ID, BusinessID int64
	SHA256         string // hex
	Size           int64
	Stored         bool // its bytes have been kept
}

// MediaResult is what became of an attempt to fetch.
type MediaResult struct {
	ID      int64
	Attempt int        // which of the attempts, as Media.Attempts had it when it was claimed
	State   MediaState // MediaKept, MediaFailed, or MediaWanted: another attempt follows
	// DueAt is when one that is fetched without being asked for is fetched again. One that is settled is due then unless
	// [Store.MediaTold] comes first; zero: nobody is to hear of it.
	DueAt time.Time
	// MimeType is what a kept one is served as.
	MimeType        string
	Failure, Reason string
}

// MediaError refuses a file, for a reason that a person can act on.
type MediaError struct {
	Code    string // from the closed set of gateway/media
	Message string
	// RetryAfter is when another try makes sense; 0: never.
	RetryAfter time.Duration
}

func (e *MediaError) Error() string { return e.Message }

type mediaRow struct {
	ID             int64
	BusinessID     int64
	NumberID       int64
	MediaID        string
	Wamid          *string
	ConversationID *int64
	Kind           string
	MimeType       string
	Filename       *string
	ClaimedSHA256  *string `gorm:"column:claimed_sha256"`
	State          MediaState
	Attempts       int
	DueAt          *time.Time
	ClaimedUntil   *time.Time
	TriedAt        *time.Time
	SettledAt      *time.Time
	FileID         *int64
	Failure        *string
	Reason         *string
	SHA256         *string `gorm:"column:sha256"`
	Size           *int64
}

const selectMedia = "SELECT m.*, f.sha256, f.size FROM media m LEFT JOIN media_files f ON f.id = m.file_id WHERE "

func (r mediaRow) media() Media {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return Media{ID: r.ID, BusinessID: r.BusinessID, NumberID: r.NumberID, MediaID: r.MediaID, Wamid: text(r.Wamid), ConversationID: idOrZero(r.ConversationID),
		Kind: r.Kind, MimeType: r.MimeType, Filename: text(r.Filename), ClaimedSHA256: text(r.ClaimedSHA256), State: r.State, Attempts: r.Attempts,
		DueAt: timeOrZero(r.DueAt).UTC(), ClaimedUntil: timeOrZero(r.ClaimedUntil).UTC(), TriedAt: timeOrZero(r.TriedAt).UTC(), SettledAt: timeOrZero(r.SettledAt).UTC(),
		Failure: text(r.Failure), Reason: text(r.Reason), File: idOrZero(r.FileID), SHA256: text(r.SHA256), Size: idOrZero(r.Size)}
}

// clean is the medium as it can be written.
func (m Media) clean() Media {
	m.MediaID, m.Wamid, m.Kind, m.MimeType = keyText(m.MediaID), keyText(m.Wamid), printable(m.Kind), printable(m.MimeType)
	m.Filename, m.ClaimedSHA256, m.DueAt = printable(m.Filename), printable(m.ClaimedSHA256), momentOrZero(m.DueAt)
	return m
}

// EnsureMedia answers the medium of a number by the platform's id, as it is kept; an unknown one is made of what m says.
func (s *Store) EnsureMedia(ctx context.Context, m Media) (Media, error) {
	m = m.clean()
	kept, err := s.MediaOf(ctx, m.NumberID, m.MediaID)
	if !errors.Is(err, ErrNotFound) {
		return kept, err
	}
	err = s.write(ctx, func(db *gorm.DB) error {
		return db.Exec("INSERT INTO media (id, business_id, number_id, media_id, kind, mime_type, filename, claimed_sha256, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			s.NextID(), m.BusinessID, m.NumberID, m.MediaID, m.Kind, m.MimeType, textOrNil(m.Filename), textOrNil(m.ClaimedSHA256), MediaWanted).Error
	})
	if err != nil {
		return Media{}, translate(err, "make a medium")
	}
	return s.MediaOf(ctx, m.NumberID, m.MediaID)
}

// MediaOf reads the medium of a number by the platform's id. ErrNotFound.
func (s *Store) MediaOf(ctx context.Context, numberID int64, mediaID string) (Media, error) {
	return s.oneMedia(ctx, "m.number_id = ? AND m.media_id = ?", numberID, keyText(mediaID))
}

// MediaByID reads a medium. ErrNotFound.
func (s *Store) MediaByID(ctx context.Context, id int64) (Media, error) {
	return s.oneMedia(ctx, "m.id = ?", id)
}

func (s *Store) oneMedia(ctx context.Context, where string, args ...any) (Media, error) {
	var rows []mediaRow
	if err := s.db.WithContext(ctx).Raw(selectMedia+where, args...).Scan(&rows).Error; err != nil {
		return Media{}, translate(err, "read a medium")
	}
	if len(rows) == 0 {
		return Media{}, fmt.Errorf("medium: %w", ErrNotFound)
	}
	return rows[0].media(), nil
}

const (
	// dueSeen bounds the due media that are looked through for turns.
	dueSeen = 10_000
	// dueOfNumber bounds those that one number has in a list, so that no number hides the others.
	dueOfNumber = 10
)

// DueMedia lists media that are to be fetched without being asked for, and settled ones that are to be told: the longest due
// first, of each number a few, and none of those that rest. Those whose fetcher died are among them.
func (s *Store) DueMedia(ctx context.Context, now time.Time, resting []int64, limit int) ([]Media, error) {
	due, args := "due_at <= ?", []any{moment(now)}
	if len(resting) > 0 {
		due, args = due+" AND number_id NOT IN ?", append(args, resting)
	}
	var rows []mediaRow
	if err := s.db.WithContext(ctx).Raw(selectMedia+`m.id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY number_id ORDER BY due_at) AS turn
		FROM (SELECT id, number_id, due_at FROM media WHERE `+due+` ORDER BY due_at LIMIT ?) seen) turns WHERE turn <= ?) ORDER BY m.due_at LIMIT ?`,
		append(args, dueSeen, dueOfNumber, limit)...).Scan(&rows).Error; err != nil {
		return nil, translate(err, "list media that are due")
	}
	out := make([]Media, len(rows))
	for i, r := range rows {
		out[i] = r.media()
	}
	return out, nil
}

// ClaimMedia makes the caller, of all processes, the one who fetches a medium, until a moment. False when somebody else is,
// or it is settled. The answer is the medium as it is now. ErrNotFound.
func (s *Store) ClaimMedia(ctx context.Context, id int64, now, until time.Time) (m Media, claimed bool, err error) {
	now, until = moment(now), moment(until)
	err = s.write(ctx, func(db *gorm.DB) error {
		// The end of the claim is when it is due again: so one whose fetcher died is found.
		res := db.Exec("UPDATE media SET state = ?, attempts = attempts + 1, tried_at = ?, claimed_until = ?, due_at = CASE WHEN due_at IS NOT NULL THEN CAST(? AS "+s.timeType()+") END"+
			" WHERE id = ? AND (state = ? OR state = ? AND claimed_until <= ?)", MediaFetching, now, until, until, id, MediaWanted, MediaFetching, now)
		claimed = res.RowsAffected == 1
		return res.Error
	})
	if err != nil {
		return m, false, translate(err, "claim a medium")
	}
	m, err = s.MediaByID(ctx, id)
	return m, claimed && err == nil, err
}

// timeType is the type of columns with moments.
func (s *Store) timeType() string {
	if s.embedded {
		return "text" // a cast to datetime would make a number of it
	}
	return "timestamptz"
}

// ReserveFile says which file is to hold a medium that the caller has claimed; from now on that file stays. ErrNotFound when
// the claim has ended: the medium was deleted, or is somebody else's.
func (s *Store) ReserveFile(ctx context.Context, m Media, sha256 string, size int64) (f MediaFile, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		const mine = "id = ? AND attempts = ? AND state = ?"
		args := []any{m.ID, m.Attempts, MediaFetching}
		// Media before files, in every transaction.
		if res := tx.Exec("UPDATE media SET state = state WHERE "+mine, args...); res.Error != nil || res.RowsAffected == 0 {
			return orNotFound(res.Error)
		}
		f = MediaFile{}
		if err := tx.Raw(`INSERT INTO media_files AS f (id, business_id, sha256, size) VALUES (?, ?, ?, ?)
			ON CONFLICT (business_id, sha256) WHERE NOT doomed DO UPDATE SET size = f.size RETURNING id, business_id, sha256, size, stored`,
			s.NextID(), m.BusinessID, sha256, size).Scan(&f).Error; err != nil {
			return err
		}
		if err := tx.Exec("UPDATE media_files SET loose = true WHERE id <> ? AND id = (SELECT file_id FROM media WHERE id = ?)", f.ID, m.ID).Error; err != nil {
			return err
		}
		return tx.Exec("UPDATE media SET file_id = ? WHERE "+mine, append([]any{f.ID}, args...)...).Error
	})
	return f, translate(err, "reserve a file")
}

func orNotFound(err error) error {
	if err == nil {
		return ErrNotFound
	}
	return err
}

// FileStored notes that the bytes of a file have been kept. ErrNotFound when the file is doomed, or gone: nobody else may
// remove its bytes then, so the caller has to.
func (s *Store) FileStored(ctx context.Context, id int64) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		res := db.Exec("UPDATE media_files SET stored = true WHERE id = ? AND NOT doomed", id)
		if res.Error != nil || res.RowsAffected == 0 {
			return orNotFound(res.Error)
		}
		return nil
	}), "note a file")
}

// FileLost notes that the bytes of a file are no longer where they were kept: the media that have it are wanted again.
func (s *Store) FileLost(ctx context.Context, id int64) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec("UPDATE media SET state = ?, attempts = 0, settled_at = NULL WHERE file_id = ? AND state = ?", MediaWanted, id, MediaKept).Error; err != nil {
			return err
		}
		return tx.Exec("UPDATE media_files SET stored = false WHERE id = ?", id).Error
	}), "note a lost file")
}

// SettleMedia keeps what became of an attempt. ErrNotFound when the claim has ended meanwhile.
func (s *Store) SettleMedia(ctx context.Context, r MediaResult) error {
	settled, goesOn := momentOrNil(s.Now()), "wamid"
	if r.State == MediaWanted {
		settled, goesOn = nil, "due_at"
	}
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		const mine = " WHERE id = ? AND attempts = ? AND state = ?"
		res := tx.Exec("UPDATE media SET state = ?, due_at = CASE WHEN "+goesOn+" IS NOT NULL THEN CAST(? AS "+s.timeType()+") END, settled_at = CAST(? AS "+s.timeType()+"),"+
			" failure = ?, reason = ?, mime_type = CASE WHEN ? = '' THEN mime_type ELSE ? END"+mine,
			r.State, momentOrNil(r.DueAt), settled, textOrNil(r.Failure), textOrNil(printable(r.Reason)), r.MimeType, printable(r.MimeType), r.ID, r.Attempt, MediaFetching)
		if res.Error != nil || res.RowsAffected == 0 {
			return orNotFound(res.Error)
		}
		if r.State == MediaKept {
			return nil
		}
		return looseFiles(tx, "id = ?", r.ID) // reserved by an attempt that came to nothing
	}), "settle a medium")
}

// MediaTold notes that everybody heard of a settled medium or, unless it is zero, when to tell it again.
func (s *Store) MediaTold(ctx context.Context, id int64, again time.Time) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		return db.Exec("UPDATE media SET due_at = ? WHERE id = ? AND state IN (?, ?)", momentOrNil(again), id, MediaKept, MediaFailed).Error
	}), "note what was told of a medium")
}

// looseFiles takes the files of media away from them. They go unless others have them.
func looseFiles(tx *gorm.DB, where string, args ...any) error {
	if err := tx.Exec("UPDATE media_files SET loose = true WHERE id IN (SELECT file_id FROM media WHERE file_id IS NOT NULL AND "+where+")", args...).Error; err != nil {
		return err
	}
	return tx.Exec("UPDATE media SET file_id = NULL WHERE file_id IS NOT NULL AND "+where, args...).Error
}

// takeBack ends media: who fetches one has lost his claim, and their files go.
func takeBack(tx *gorm.DB, at time.Time, where string, args ...any) (n int64, err error) {
	res := tx.Exec("UPDATE media SET state = ?, due_at = NULL, settled_at = ?, filename = NULL WHERE state <> 4 AND "+where, append([]any{MediaDeleted, moment(at)}, args...)...)
	if res.Error != nil {
		return 0, res.Error
	}
	return res.RowsAffected, looseFiles(tx, where, args...)
}

// DeleteMedia takes a medium back; it is not fetched again. ErrNotFound when the number has no such medium, or has it no
// longer.
func (s *Store) DeleteMedia(ctx context.Context, numberID int64, mediaID string) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		n, err := takeBack(tx, s.Now(), "number_id = ? AND media_id = ?", numberID, keyText(mediaID))
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	}), "delete a medium")
}

// ExpireMedia forgets up to limit media that are older than a moment. It answers how many.
func (s *Store) ExpireMedia(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		n, err = forgetMedia(tx, "id IN (SELECT id FROM media WHERE id < ? ORDER BY id LIMIT ?)", FirstID(before), limit)
		return err
	})
	return n, translate(err, "expire media")
}

// forgetMedia removes media; their files go unless others have them.
func forgetMedia(tx *gorm.DB, where string, args ...any) (n int64, err error) {
	// The no-op update makes who is about to reserve a file for one of them wait, and find it gone.
	if err := tx.Exec("UPDATE media SET state = state WHERE "+where, args...).Error; err != nil {
		return 0, err
	}
	if err := looseFiles(tx, where, args...); err != nil {
		return 0, err
	}
	res := tx.Exec("DELETE FROM media WHERE "+where, args...)
	return res.RowsAffected, res.Error
}

// DoomFiles looks at files that may have lost their last medium, and answers up to limit of those that nobody has any more:
// their bytes are to be removed, and then ForgetFiles called. A file that is answered is never used again; one of the same
// content gets another id.
func (s *Store) DoomFiles(ctx context.Context, limit int) (doomed []MediaFile, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		lock := " FOR UPDATE"
		if s.embedded {
			lock = ""
		}
		var ids []int64
		if err := tx.Raw("SELECT id FROM media_files WHERE (loose OR doomed) AND loose ORDER BY id LIMIT ?"+lock, limit).Scan(&ids).Error; err != nil {
			return err
		}
		if len(ids) > 0 {
			// In a statement of its own, which sees who got a file before its row was locked.
			if err := tx.Exec("UPDATE media_files SET loose = false, doomed = NOT EXISTS (SELECT 1 FROM media m WHERE m.file_id = media_files.id) WHERE id IN ?", ids).Error; err != nil {
				return err
			}
		}
		return tx.Raw("SELECT id, business_id, sha256, size, stored FROM media_files WHERE (loose OR doomed) AND doomed ORDER BY id LIMIT ?", limit).Scan(&doomed).Error
	})
	return doomed, translate(err, "look for files that nobody has")
}

// ForgetFiles forgets doomed files whose bytes are gone.
func (s *Store) ForgetFiles(ctx context.Context, ids []int64) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		return db.Exec("DELETE FROM media_files WHERE doomed AND id IN ?", ids).Error
	}), "forget files")
}

// MediaAhead says whether the media of a business's number are fetched as soon as their message came, and not only when
// somebody asks for them. ErrNotFound.
func (s *Store) MediaAhead(ctx context.Context, businessID, numberID int64) (bool, error) {
	var ahead []bool
	err := s.db.WithContext(ctx).Raw("SELECT media_ahead FROM numbers WHERE id = ? AND business_id = ?", numberID, businessID).Scan(&ahead).Error
	if err == nil && len(ahead) == 0 {
		err = ErrNotFound
	}
	return err == nil && ahead[0], translate(err, fmt.Sprintf("number %d", numberID))
}

// SetMediaAhead says so for messages that come from now on. ErrNotFound.
func (s *Store) SetMediaAhead(ctx context.Context, businessID, numberID int64, ahead bool) error {
	return translate(s.write(ctx, func(db *gorm.DB) error {
		res := db.Exec("UPDATE numbers SET media_ahead = ? WHERE id = ? AND business_id = ?", ahead, numberID, businessID)
		if res.Error != nil || res.RowsAffected == 0 {
			return orNotFound(res.Error)
		}
		return nil
	}), fmt.Sprintf("number %d", numberID))
}
