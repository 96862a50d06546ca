package models

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
)

// InboxFilter narrows an inbox. The zero value of a field does not narrow.
type InboxFilter struct {
	NumberID int64
	Status   string // ConversationOpen or ConversationClosed
	Label    string
	Assignee string
	// WroteAfter and WroteBefore bound when the customer last wrote: so the service window is open, or is not.
	WroteAfter, WroteBefore time.Time
	// Contacts are whose conversations are listed; nil: everybody's. Such a list has one page.
	Contacts []int64
	// Before is the cursor.
	Before InboxPlace
	Limit  int // 0 means 50, at most 200
}

// narrows says whether conversations are left out that the index knows nothing of.
func (f InboxFilter) narrows() bool { return f.Status != "" || f.Label != "" || f.Assignee != "" }

// InboxPlace is a place in an inbox: a conversation that had its last activity at a moment. The zero value is the top.
type InboxPlace struct {
	At time.Time
	ID int64
}

func (p InboxPlace) compare(other InboxPlace) int {
	return cmp.Or(p.At.Compare(other.At), cmp.Compare(p.ID, other.ID))
}

// LastActivity is when the customer last wrote or, if they have not, when the conversation began.
func (c Conversation) LastActivity() time.Time {
	if c.LastInboundAt.IsZero() {
		return c.CreatedAt
	}
	return c.LastInboundAt
}

func (c Conversation) place() InboxPlace { return InboxPlace{c.LastActivity(), c.ID} }

const (
	// activity is the expression of the index.
	activity = "coalesce(v.last_inbound_at, v.created_at)"
	// inboxSeen bounds the conversations of a number that one page looks through for what a filter lets through.
	inboxSeen = 2000
)

// Inbox lists a business's conversations, those whose customers wrote last first. Next is where the list goes on; zero on its
// last page. What it costs does not grow with the number of conversations: where a filter lets few through, a page ends,
// shorter than it might be, after a few thousand that were looked at.
func (s *Store) Inbox(ctx context.Context, businessID int64, f InboxFilter) (rows []ConversationRow, next InboxPlace, err error) {
	limit := pageLimit(f.Limit)
	if f.Contacts != nil {
		rows, err = s.inboxOf(ctx, s.narrowed(s.conversations(ctx, businessID), f).Where("v.contact_id IN (SELECT id FROM contacts WHERE id IN ? OR merged_into IN ?)", f.Contacts, f.Contacts), limit)
		return rows, InboxPlace{}, err
	}
	var numbers []int64
	q := s.db.WithContext(ctx).Table("numbers").Where("business_id = ?", businessID)
	if f.NumberID != 0 {
		q = q.Where("id = ?", f.NumberID)
	}
	if err := q.Order("id").Pluck("id", &numbers).Error; err != nil {
		return nil, next, translate(err, "inbox")
	}
	var seen InboxPlace // the newest of the places up to which numbers were looked through
	for _, id := range numbers {
		some, until, err := s.inboxOfNumber(ctx, businessID, id, f, limit)
		if err != nil {
			return nil, next, err
		}
		rows = append(rows, some...)
		if until.compare(seen) > 0 {
			seen = until
		}
	}
	slices.SortFunc(rows, func(a, b ConversationRow) int { return b.place().compare(a.place()) })
	rows = slices.DeleteFunc(rows, func(r ConversationRow) bool { return r.place().compare(seen) < 0 })
	if len(rows) > limit {
		rows = rows[:limit]
		return rows, rows[limit-1].place(), nil
	}
	return rows, seen, nil
}

// inboxOfNumber is the next of one number: up to one more than limit, and up to where it was looked through; zero: to the end.
func (s *Store) inboxOfNumber(ctx context.Context, businessID, number int64, f InboxFilter, limit int) (rows []ConversationRow, until InboxPlace, err error) {
	most := limit + 1
	if f.narrows() {
		most = inboxSeen
	}
	near := s.db.WithContext(ctx).Table("conversations AS v").Where("v.number_id = ?", number)
	if !f.WroteAfter.IsZero() {
		near = near.Where(activity+" >= ?", moment(f.WroteAfter))
	}
	if !f.WroteBefore.IsZero() {
		near = near.Where(activity+" < ?", moment(f.WroteBefore))
	}
	if f.Before != (InboxPlace{}) {
		// The first condition says no more than the second, but SQLite finds its way in the index only by it.
		near = near.Where(activity+" <= ? AND ("+activity+", v.id) < (?, ?)", moment(f.Before.At), moment(f.Before.At), f.Before.ID)
	}
	near = near.Order(activity + " DESC, v.id DESC")
	rows, err = s.inboxOf(ctx, s.narrowed(s.conversations(ctx, businessID), f).Where("v.id IN (SELECT id FROM (?) near)", near.Session(&gorm.Session{}).Select("v.id").Limit(most)), limit+1)
	if err != nil || len(rows) > limit || !f.narrows() {
		return rows, until, err
	}
	var last []conversationRow
	err = near.Session(&gorm.Session{}).Select("v.id, v.created_at, v.last_inbound_at").Offset(most - 1).Limit(1).Scan(&last).Error
	if len(last) == 1 {
		until = last[0].row().place()
	}
	return rows, until, translate(err, "inbox")
}

// inboxOf reads what q asks for, the last activity first.
func (s *Store) inboxOf(ctx context.Context, q *gorm.DB, limit int) ([]ConversationRow, error) {
	var rows []conversationRow
	if err := q.WithContext(ctx).Order(activity + " DESC, v.id DESC").Limit(limit).Scan(&rows).Error; err != nil {
		return nil, translate(err, "inbox")
	}
	out := make([]ConversationRow, len(rows))
	for i, r := range rows {
		out[i] = r.row()
	}
	return out, nil
}

// narrowed leaves out what the filter does not let through, but what the index knows.
func (s *Store) narrowed(q *gorm.DB, f InboxFilter) *gorm.DB {
	if f.Status != "" {
		q = q.Where("v.status = ?", printable(f.Status))
	}
	if f.Assignee != "" {
		q = q.Where("v.assignee = ?", printable(f.Assignee))
	}
	if f.Label != "" {
		q = q.Where(s.labelled(), encodeText(printable(f.Label)))
	}
	return q
}

// labelled is a condition that a conversation has a label, which stands in the list as one JSON text, quotes included.
func (s *Store) labelled() string {
	if s.embedded {
		return "instr(v.labels, ?) > 0"
	}
	return "strpos(v.labels, ?) > 0"
}

// LastMessages reads the last message of each conversation that has one. The caller has made sure whose they are.
func (s *Store) LastMessages(ctx context.Context, conversations []int64) (map[int64]Message, error) {
	last := make(map[int64]Message, len(conversations))
	if len(conversations) == 0 {
		return last, nil
	}
	rows, err := s.db.WithContext(ctx).Table("conversations AS v").Select(messageColumns).
		Joins(`JOIN messages m ON m.number_id = v.number_id AND m.wamid = (SELECT x.wamid FROM messages x
			WHERE x.conversation_id = v.id AND x.type <> '' ORDER BY x.sent_at DESC, x.wamid DESC LIMIT 1)`).Where("v.id IN ?", conversations).Rows()
	if err != nil {
		return nil, translate(err, "last messages")
	}
	ms, err := collectMessages(rows)
	for _, m := range ms {
		last[m.ConversationID] = m
	}
	return last, translate(err, "last messages")
}

// MessagesOf reads messages of a number by their wamids; unknown ones are missing. The caller has made sure whose they are.
func (s *Store) MessagesOf(ctx context.Context, numberID int64, wamids []string) (map[string]Message, error) {
	found := make(map[string]Message, len(wamids))
	if len(wamids) == 0 {
		return found, nil
	}
	rows, err := s.db.WithContext(ctx).Table("messages AS m").Select(messageColumns).Where("m.number_id = ? AND m.wamid IN ?", numberID, wamids).Rows()
	if err != nil {
		return nil, translate(err, "messages")
	}
	ms, err := collectMessages(rows)
	for _, m := range ms {
		found[m.Wamid] = m
	}
	return found, translate(err, "messages")
}

// MediaOfMessages reads the media of a number's messages by the wamids of these. The caller has made sure whose they are.
func (s *Store) MediaOfMessages(ctx context.Context, numberID int64, wamids []string) (map[string]Media, error) {
	found := make(map[string]Media, len(wamids))
	if len(wamids) == 0 {
		return found, nil
	}
	var rows []mediaRow
	if err := s.db.WithContext(ctx).Raw(selectMedia+"m.number_id = ? AND m.wamid IN ?", numberID, wamids).Scan(&rows).Error; err != nil {
		return nil, translate(err, "media of messages")
	}
	for _, r := range rows {
		m := r.media()
		found[m.Wamid] = m
	}
	return found, nil
}

// ConversationsOf reads a business's conversations by their ids, with their contacts; unknown ones are missing.
func (s *Store) ConversationsOf(ctx context.Context, businessID int64, ids []int64) (map[int64]ConversationRow, error) {
	found := make(map[int64]ConversationRow, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	var rows []conversationRow
	if err := s.conversations(ctx, businessID).Where("v.id IN ?", ids).Scan(&rows).Error; err != nil {
		return nil, translate(err, "conversations")
	}
	for _, r := range rows {
		found[r.ID] = r.row()
	}
	return found, nil
}
