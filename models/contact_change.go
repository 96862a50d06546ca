package models

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"gorm.io/gorm"
)

// The contact that an event is about, as the index events_contact has it.
const (
	postgresContact = `split_part(split_part(data, '"contact":{"id":', 2), ',', 1) = ?`
	sqliteContact   = `CASE WHEN json_valid(data) THEN json_extract(data, '$.contact.id') END = ?`
)

// ContactChanges reads the events of the type contact.updated about a business's contact and those who were merged into it,
// newest first, at most limit (0 means 50, at most 200). What it costs does not grow with the history.
func (s *Store) ContactChanges(ctx context.Context, businessID, contactID int64, limit int) ([]Event, error) {
	everybody, err := s.withMerged(s.db.WithContext(ctx), []int64{contactID})
	if err != nil {
		return nil, err
	}
	limit = pageLimit(limit)
	var found []Event
	for _, id := range everybody[:min(len(everybody), mostConversations)] {
		where, contact := postgresContact, any(strconv.FormatInt(id, 10))
		if s.embedded {
			where, contact = sqliteContact, id
		}
		// The sum keeps a planner from walking the history; the type stands in the text because the index has no other.
		q := s.db.WithContext(ctx).Session(&gorm.Session{}).Where(where+" AND type = 'contact.updated' AND business_id + 0 = ?", contact, businessID)
		some, err := scanEvents(q.Order("id DESC").Limit(limit))
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	slices.SortFunc(found, func(a, b Event) int { return cmp.Compare(b.ID, a.ID) })
	return found[:min(len(found), limit)], nil
}

// ContactName is a name under which a contact is found: a phone number in its canonical form, or an id.
type ContactName struct {
	Kind, Value string // Kind is wa_id, user_id or parent_user_id
}

// ContactNames lists the names that find a business's contact, those of who was merged into it among them.
func (s *Store) ContactNames(ctx context.Context, businessID, contactID int64) ([]ContactName, error) {
	everybody, err := s.withMerged(s.db.WithContext(ctx), []int64{contactID})
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Kind  identityKind
		Value string
	}
	err = s.db.WithContext(ctx).Table("identities").Where("business_id = ? AND contact_id IN ?", businessID, everybody).Order("kind DESC, value").Limit(mostConversations).Scan(&rows).Error
	names := make([]ContactName, len(rows))
	for i, r := range rows {
		names[i] = ContactName{map[identityKind]string{byUserID: "user_id", byWaID: "wa_id", byParentID: "parent_user_id"}[r.Kind], r.Value}
	}
	return names, translate(err, "names of a contact")
}
