package models

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"wabagate/waba"
)

// ContactFilter narrows a list of contacts. The zero value of a field does not narrow.
type ContactFilter struct {
	// Search is a number in any spelling or a user id in full: when it is somebody's, nobody else is found. Otherwise it is
	// a username in full or the beginning of a name, in which case does not matter, for letters beyond ASCII as far as the
	// database knows them.
	Search string
	// Before is the cursor: only contacts with a smaller id.
	Before int64
	Limit  int // 0 means 50, at most 200
}

// contactColumns are what contactScan and contactRow read of a contact called c.
const contactColumns = "c.id, c.wa_id, c.user_id, c.parent_user_id, c.username, c.name, c.profile_at"

// contactScan receives a row of contactColumns.
type contactScan struct {
	Contact
	profileAt *time.Time
}

func (s *contactScan) dest() []any {
	return []any{&s.ID, &s.WaID, &s.UserID, &s.ParentUserID, &s.Username, &s.Name, &s.profileAt}
}

func (s *contactScan) contact() *Contact {
	c := s.Contact
	c.ProfileAt = timeOrZero(s.profileAt)
	return &c
}

type contactRow struct {
	ID           int64
	WaID         string
	UserID       string
	ParentUserID string
	Username     string
	Name         string
	ProfileAt    time.Time
}

func (r contactRow) contact() Contact {
	return Contact{ID: r.ID, WaID: r.WaID, UserID: r.UserID, ParentUserID: r.ParentUserID, Username: r.Username, Name: r.Name, ProfileAt: r.ProfileAt.UTC()}
}

// Contacts lists a business's contacts, newest first, without those that were merged into others. Numbers and user ids are
// found by an index; usernames and names by looking at all contacts of the business.
func (s *Store) Contacts(ctx context.Context, businessID int64, f ContactFilter) ([]Contact, error) {
	q := s.db.WithContext(ctx).Table("contacts AS c").Select(contactColumns).Where("c.business_id = ? AND c.merged_into IS NULL", businessID)
	if f.Before > 0 {
		q = q.Where("c.id < ?", f.Before)
	}
	if term := strings.TrimSpace(printable(f.Search)); term != "" {
		var named []int64
		err := s.db.WithContext(ctx).Table("identities").Where("business_id = ? AND (kind = ? AND value = ? OR kind IN ? AND value = ?)",
			businessID, byWaID, canonical(keyText(term)), []identityKind{byUserID, byParentID}, keyText(term)).Pluck("contact_id", &named).Error
		if err != nil {
			return nil, translate(err, "list contacts")
		}
		if len(named) > 0 {
			q = q.Where("c.id IN ?", named)
		} else {
			username := strings.TrimPrefix(term, "@")
			q = q.Where("(lower(c.username) IN (lower(?), lower(?)) OR lower(c.name) LIKE lower(?) ESCAPE '!')", username, "@"+username, likePrefix(term))
		}
	}
	var rows []contactRow
	if err := q.Order("c.id DESC").Limit(pageLimit(f.Limit)).Scan(&rows).Error; err != nil {
		return nil, translate(err, "list contacts")
	}
	contacts := make([]Contact, len(rows))
	for i, r := range rows {
		contacts[i] = r.contact()
	}
	return contacts, nil
}

// ContactByID reads a business's contact; for one that was merged, the contact that it became.
func (s *Store) ContactByID(ctx context.Context, businessID, id int64) (Contact, error) {
	var r contactRow
	res := s.db.WithContext(ctx).Table("contacts AS d").Select(contactColumns).Joins("JOIN contacts c ON c.id = coalesce(d.merged_into, d.id)").
		Where("d.id = ? AND d.business_id = ?", id, businessID).Scan(&r)
	if res.Error == nil && res.RowsAffected == 0 {
		res.Error = gorm.ErrRecordNotFound
	}
	return r.contact(), translate(res.Error, fmt.Sprintf("contact %d", id))
}

// canonical is a number in the spelling under which it is kept as a name; what is no number stays as it is.
func canonical(number string) string {
	if digits := digitsOf(number); digits != "" {
		return waba.CanonicalNumber(digits)
	}
	return number
}

// digitsOf is a number without what people write between its digits; empty when the text is none.
func digitsOf(text string) string {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune("+-. ()/", r) {
			return -1
		}
		return r
	}, text)
	if strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return digits
}

// likePrefix is a pattern of LIKE with the escape character ! that matches what begins with the text.
func likePrefix(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text) + "%"
}

// pageLimit bounds the length of a page: 50 unless asked, at most 200.
func pageLimit(limit int) int {
	if limit <= 0 {
		return 50
	}
	return min(limit, 200)
}
