package models

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// EventSearch says which events of a business are looked for: those that Key, Wamid or a name of a customer leads to,
// of which one is given.
type EventSearch struct {
	Key *[16]byte
	// Wamid finds the events that are about one message: it came, was sent, edited or deleted, its statuses, its order.
	Wamid string
	// WaID is a customer's number in any spelling, UserID a customer's business-scoped user id or parent id. They find the
	// events of all of the customer's conversations, those of who was merged into the customer too. Events that belong to
	// no conversation, such as contact.created, are not among them.
	WaID, UserID string

	Types  []string // names of the catalogue; nil: all
	Before int64    // the cursor: only events with a smaller id; 0: all
	Limit  int      // 0 means 50, at most 200
}

// mostConversations bounds the conversations that a search looks into: a customer has one per number.
const mostConversations = 200

// SearchEvents finds a business's events, newest first. What it costs grows with the page and not with the history: an
// event by its id is one row; by wamid, a few rows of the days in which it had any; by a customer, one walk over each of the conversations,
// as far as the page goes. Types that are left out are read and passed by.
func (s *Store) SearchEvents(ctx context.Context, businessID int64, f EventSearch) ([]Event, error) {
	limit := pageLimit(f.Limit)
	if f.Key != nil {
		e, err := s.EventByKey(ctx, businessID, *f.Key)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil, nil
		case err != nil || f.Before > 0 && e.ID >= f.Before || len(f.Types) > 0 && !slices.Contains(f.Types, e.Type):
			return nil, err
		}
		return []Event{e}, nil
	}
	narrowed := func(q *gorm.DB) *gorm.DB {
		if f.Before > 0 {
			q = q.Where("id < ?", f.Before)
		}
		if len(f.Types) > 0 {
			q = q.Where("type IN ?", f.Types)
		}
		return q.Limit(limit)
	}
	if f.Wamid != "" {
		return s.eventsOfMessage(ctx, narrowed(s.db.WithContext(ctx)), businessID, f.Wamid)
	}
	conversations, err := s.conversationsOf(ctx, businessID, f.WaID, f.UserID)
	if err != nil {
		return nil, err
	}
	var found []Event
	for _, id := range conversations {
		// One by one: in a query for several, the order by id would make a planner walk the whole history instead.
		events, err := scanEvents(narrowed(s.db.WithContext(ctx)).Where("conversation_id = ? AND conversation_id <> 0", id).Order("conversation_id DESC, id DESC"))
		if err != nil {
			return nil, err
		}
		found = append(found, events...)
	}
	slices.SortFunc(found, func(a, b Event) int { return cmp.Compare(b.ID, a.ID) })
	return found[:min(len(found), limit)], nil
}

// conversationsOf finds the conversations of a business's customer.
func (s *Store) conversationsOf(ctx context.Context, businessID int64, waID, userID string) ([]int64, error) {
	kinds, value := []identityKind{byWaID}, canonical(keyText(strings.TrimSpace(waID)))
	if userID != "" {
		kinds, value = []identityKind{byUserID, byParentID}, keyText(strings.TrimSpace(userID))
	}
	if value == "" {
		return nil, nil
	}
	var contacts, conversations []int64
	err := s.db.WithContext(ctx).Table("identities").Where("business_id = ? AND kind IN ? AND value = ?", businessID, kinds, value).Pluck("contact_id", &contacts).Error
	if err != nil || len(contacts) == 0 {
		return nil, translate(err, "search")
	}
	everybody, err := s.withMerged(s.db.WithContext(ctx), contacts)
	if err != nil {
		return nil, err
	}
	err = s.db.WithContext(ctx).Table("conversations").Where("contact_id IN ?", everybody).Order("id DESC").Limit(mostConversations).Pluck("id", &conversations).Error
	return conversations, translate(err, "search")
}

// withMerged adds those who were merged into the contacts.
func (s *Store) withMerged(db *gorm.DB, contacts []int64) ([]int64, error) {
	var merged []int64
	err := db.Table("contacts").Where("merged_into IN ?", contacts).Pluck("id", &merged).Error
	return append(merged, contacts...), translate(err, "merged contacts")
}

// The message that an event is about, as the index events_wamid has it.
const (
	postgresWamid = `coalesce(nullif(split_part(split_part(data, '"message":{"id":"', 2), '"', 1), ''), nullif(split_part(split_part(data, '"message_id":"', 2), '"', 1), ''))`
	sqliteWamid   = `CASE WHEN json_valid(data) THEN coalesce(json_extract(data, '$.message.id'),
	json_extract(data, '$.status.message_id'), json_extract(data, '$.order.message_id'), json_extract(data, '$.form.message_id')) END`
)

// eventsOfMessage reads the events that are about a message, newest first, as q narrows them.
func (s *Store) eventsOfMessage(ctx context.Context, q *gorm.DB, businessID int64, wamid string) ([]Event, error) {
	wamid = printable(wamid)
	days, err := s.whereabouts(ctx, businessID, wamid)
	if err != nil {
		return nil, err
	}
	if s.embedded {
		q = q.Where(sqliteWamid+" = ?", wamid)
	} else {
		q = q.Where("hashtextextended("+postgresWamid+", 0) = hashtextextended(?, 0) AND "+postgresWamid+" = ?", wamid, wamid)
	}
	// The sums keep a planner from walking the feed or the history instead.
	return scanEvents(q.Where("business_id + 0 = ?"+days, businessID).Order("id + 0 DESC"))
}

// scanEvents reads what q asks for.
func scanEvents(q *gorm.DB) ([]Event, error) {
	var rows []eventRow
	if err := q.Table("events").Select(eventColumns).Scan(&rows).Error; err != nil {
		return nil, translate(err, "search")
	}
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = r.event()
	}
	return events, nil
}
